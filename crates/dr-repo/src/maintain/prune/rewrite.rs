//! Writing what is needed of half-used packs again, chunk by chunk, each proved by its name on the way.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dr_format::log_entry::Body;
use dr_index::layout::Place;
use dr_log::fold::runs_of;

use super::mark::Live;
use super::{PruneOptions, Rewritten};
use crate::error::RepoError;
use crate::read::repository::Repository;
use crate::write::committer::{Committer, Says, begin, or_fence};
use crate::write::repacker::Repacker;
use crate::write::session::Session;

/// Writes what is needed of these packs into new ones and registers those.
pub(super) fn rewrite(
    repository: &mut Repository,
    options: &PruneOptions<'_>,
    live: &Live,
    packs: &[u32],
) -> Result<Rewritten, RepoError> {
    let session = begin(repository, options.scratch, options.journal)?;
    let rewritten = rewrite_in(&session, repository, options, live, packs);
    or_fence(rewritten, &session, repository, options.now_ms)
}

fn rewrite_in(
    session: &Session,
    repository: &mut Repository,
    options: &PruneOptions<'_>,
    live: &Live,
    packs: &[u32],
) -> Result<Rewritten, RepoError> {
    let mut committer = Committer::new(repository, session, options.clock, options.tally);
    let (mut sources, mut out) = (Vec::new(), Rewritten { session: Some(session.id), ..Rewritten::default() });
    let mut repacker = Repacker::new(session)?;
    let index = Arc::clone(repository.index()?);
    for pack in packs {
        if options.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        let brief = index.brief(*pack);
        let mut fetcher = repository.fetcher()?;
        let chunks = index.ids_of(*pack)?.into_iter().flatten().zip(0..);
        let mut bad = None;
        for ((kind, id, _), chunk) in chunks.filter(|(_, chunk)| live.has(Place { pack: *pack, chunk: *chunk })) {
            // Proved by its name, like all that is read.
            match fetcher.at(kind, id, Place { pack: *pack, chunk }) {
                Ok(found) => repacker.add(kind, id, found.bytes(), &mut committer, &repository.store)?,
                Err(error) => {
                    bad = Some(error);
                    break;
                }
            }
        }
        match bad {
            None => {
                sources.push((brief.id, brief.host));
                out.packs.insert(brief.id);
            }
            // What was moved of it by now is there twice.
            Some(error) => {
                error.tolerate_damage()?;
                out.damaged.insert(brief.id, index.object(*pack));
            }
        }
    }
    repacker.flush(&mut committer, &repository.store)?;
    let says = Says { sources: runs_of(sources), last: true, ..Says::default() };
    let own = committer.register(repository, Body::Reframe, says)?;
    // Every chunk was named again on its way: whoever trusts the maintenance key may rely on them.
    repository.maintain(options.now_ms, Body::Verify { packs: own, level: 2 })?;
    Ok(out)
}
