//! Do the lists of what snapshots use name all of it? Whoever prunes and reads nothing believes them, so whoever reads holds
//! them to the trees.

use dr_index::layout::Place;
use dr_index::lookup::Index;

use super::{CheckOptions, CheckReport, Finding};
use crate::error::RepoError;
use crate::maintain::prune::{Frames, Lists, Live, mark};
use crate::read::repository::Repository;

/// Takes every snapshot alone, for the one whose list names what another's leaves out may be forgotten first. One that
/// cannot be followed is found elsewhere.
pub(super) fn check(
    repository: &Repository,
    options: &CheckOptions<'_>,
    out: &mut CheckReport,
) -> Result<(), RepoError> {
    let Some(gc) = repository.key.gc() else { return Ok(()) };
    let (index, state) = (repository.index()?, &repository.log.state);
    let mut lists = Lists::new(repository, &gc)?;
    for (id, snapshot) in state.live() {
        let live = match mark(repository, &[(id, snapshot.document)], None, options.stop) {
            Ok(live) => live,
            Err(error) => {
                error.tolerate_damage()?;
                continue;
            }
        };
        let told = lists.add(id)?;
        let missing = left_out(index, &live, &lists.taken())?;
        if missing == 0 {
            continue;
        }
        let host = state.sessions.get(&snapshot.session).and_then(|session| session.host);
        out.short.extend(host.map(|host| (host, snapshot.session)));
        out.findings.push(Finding {
            object: told.map_or_else(|| format!("snapshot {id}"), |object| object.name.clone()),
            what: format!("the list of what snapshot {id} uses leaves out {missing} chunks, so pruning without reading would lose them"),
            lost: Vec::new(),
        });
    }
    Ok(())
}

/// How many of the chunks that are needed lie in none of the frames.
fn left_out(index: &Index, live: &Live, frames: &Frames) -> Result<u64, RepoError> {
    let mut missing = 0;
    for (pack, chunks) in (0..).zip(index.sizes()?).filter(|(pack, _)| !frames.is_whole(*pack)) {
        for place in live.of(pack, chunks) {
            if !holds(index, frames, place)? {
                let (kind, id) = index.named(place)?;
                let mut is_elsewhere = false;
                for place in index.places(kind, id)? {
                    is_elsewhere |= holds(index, frames, place)?;
                }
                missing += u64::from(!is_elsewhere);
            }
        }
    }
    Ok(missing)
}

fn holds(index: &Index, frames: &Frames, place: Place) -> Result<bool, RepoError> {
    Ok(frames.has(place.pack, index.slot(place)?.frame))
}
