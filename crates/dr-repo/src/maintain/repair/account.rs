//! Accounting for entries of the log that cannot be read: whatever they may have registered lies there, and is
//! registered again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dr_format::id::{ChunkId, ChunkKind, HostId, PackId, PackKind, SessionId};
use dr_format::log_entry::{Body, Named, ObjectRef, Registered, Runs, object_name};
use dr_format::snapshot::Document;
use dr_log::fold::{runs_of, whole};
use dr_log::log::account as noted;

use super::Mending;
use super::describe::{self, described};
use super::packs::{self, object_of, remains};
use super::rebuilt_index::RebuiltIndex;
use crate::error::RepoError;
use crate::maintain::prune::mark;
use crate::read::repository::Repository;

/// A snapshot that nothing in the log names.
struct Lost {
    /// The session that wrote it.
    by: By,
    named: Named,
    /// The packs of others that it needs.
    needs: Vec<Runs>,
    started_ms: i64,
}

/// Packs of one session that nothing in the log registers.
struct Left {
    by: By,
    packs: BTreeSet<PackId>,
}

type Healed = Vec<((PackId, HostId), ObjectRef)>;

/// A session, and whose it is.
pub(super) type By = (HostId, SessionId);

/// Registers packs that no readable entry does. The sessions that have nothing else: they can be ended.
/// `anyway`: also where every entry that is there can be read.
pub(super) fn packs(
    repository: &mut Repository,
    anyway: bool,
    mending: &mut Mending<'_>,
) -> Result<Vec<By>, RepoError> {
    let (mut healed, mut ended) = (Healed::new(), Vec::new());
    if repository.log.doubted().is_empty() && !anyway {
        return Ok(ended);
    }
    for left in left(repository)? {
        mending.may_go_on()?;
        let all = register(repository, &left, &mut healed, mending)?;
        ended.extend(all.then_some(left.by));
    }
    for (pack, object) in healed {
        packs::replace(repository, pack, object, mending.options.now_ms)?;
    }
    repository.reread_index();
    Ok(ended)
}

/// Registers snapshots that no readable entry does, and says so of each entry that cannot be read.
pub(super) fn snapshots(
    repository: &mut Repository,
    anyway: bool,
    ended: &[By],
    mending: &mut Mending<'_>,
) -> Result<(), RepoError> {
    let unknown = repository.log.doubted();
    if unknown.is_empty() && !anyway {
        return Ok(());
    }
    // Where several entries cannot be read nobody can say which of them named which: the first gets the first place,
    // and whatever an entry named together with others the last.
    let mut places: VecDeque<u64> = unknown.iter().copied().collect();
    for Lost { by, named, needs, .. } in lost(repository, mending)? {
        let at = if places.len() > 1 { places.pop_front() } else { places.front().copied() }.unwrap_or(0);
        let id = named.id;
        let registered =
            Registered { snapshots: vec![named], needs, at, ..nothing(by).into_registered(repository, false) };
        repository.maintain(mending.options.now_ms, Body::IndexMerge(registered))?;
        mending.mended(format!("snapshot {id}"), "registered again, as its own document describes it");
    }
    for by in ended {
        let registered = nothing(*by).into_registered(repository, true);
        repository.maintain(mending.options.now_ms, Body::IndexMerge(registered))?;
    }
    let last = repository.log.head.0;
    for n in unknown.into_iter().filter(|n| *n <= last) {
        repository.note(&noted(n), mending.options.now_ms)?;
        mending.mended(object_name(n), "what it may have registered was looked for and is registered");
    }
    repository.reread_index();
    Ok(())
}

fn nothing((host, session): By) -> RebuiltIndex {
    RebuiltIndex { session, host, own: Vec::new(), indexes: Vec::new(), superseded: Vec::new() }
}

/// What lies there and nothing registers, of sessions that may still register something.
fn left(repository: &Repository) -> Result<Vec<Left>, RepoError> {
    let state = &repository.log.state;
    let mut out: BTreeMap<SessionId, Left> = BTreeMap::new();
    for folder in ["data", "meta"] {
        for listed in repository.store.list(folder)? {
            let Some((host, id)) = PackId::from_object_name(listed.key.as_str()) else { continue };
            let is_fenced = state.sessions.get(&id.session).is_some_and(|session| session.fenced);
            let lost_some = state.packs.range(whole(id.session)).any(|(_, pack)| pack.swept);
            if !state.packs.contains_key(&id) && !is_fenced && !lost_some {
                let empty = || Left { by: (host, id.session), packs: BTreeSet::new() };
                out.entry(id.session).or_insert_with(empty).packs.insert(id);
            }
        }
    }
    Ok(out.into_values().collect())
}

/// Registers packs of a session. Whether all of them are whole: a session of which one is damaged beyond its parity
/// stays open, so that no prune clears that one away.
fn register(
    repository: &mut Repository,
    left: &Left,
    healed: &mut Healed,
    mending: &mut Mending<'_>,
) -> Result<bool, RepoError> {
    let (host, session) = left.by;
    let (mut lines, mut records) = (Vec::new(), Vec::new());
    for id in &left.packs {
        let object = id.object_name(host);
        let bytes = remains(&repository.store, &object)?;
        let mut found = described(repository, *id, &bytes, &object);
        if found.is_none()
            && let Some(whole) = packs::healed(repository, (*id, host), &bytes, None)?
        {
            found = described(repository, *id, &whole, &object);
            healed.push(((*id, host), packs::store(repository, (*id, host), whole)?));
        }
        if let Some((line, record)) = found {
            lines.push(line);
            records.push(record);
        }
    }
    if lines.is_empty() {
        return Ok(false);
    }
    let index = describe::store(repository, host, session, (&lines, &records))?;
    mending.unlisted.insert((host, session));
    let own = runs_of(lines.iter().map(|line| (line.id, host))).into_iter().flat_map(|runs| runs.runs).collect();
    let rebuilt = RebuiltIndex { own, indexes: vec![index], ..nothing(left.by) };
    let registered = rebuilt.into_registered(repository, false);
    repository.maintain(mending.options.now_ms, Body::IndexMerge(registered))?;
    for line in &lines {
        mending.mended(object_of(repository, line.id, host), "registered again");
    }
    Ok(lines.len() == left.packs.len())
}

/// The snapshots that have a document and no place in the log, and what they need.
fn lost(repository: &Repository, mending: &Mending<'_>) -> Result<Vec<Lost>, RepoError> {
    let (index, state) = (repository.index()?, &repository.log.state);
    let known: BTreeSet<ChunkId> = state.snapshots.values().map(|snapshot| snapshot.document).collect();
    let mut out = Vec::new();
    for pack in 0..index.packs() {
        let brief = index.brief(pack);
        let may_name = state.sessions.get(&brief.id.session).is_some_and(|session| !session.fenced);
        if brief.id.kind != PackKind::Meta || !may_name {
            continue;
        }
        for (_, document, _) in
            index.ids_of(pack)?.into_iter().flatten().filter(|(kind, ..)| *kind == ChunkKind::Document)
        {
            if known.contains(&document) {
                continue;
            }
            let mut fetcher = repository.fetcher()?;
            let bytes = match fetcher.chunk(ChunkKind::Document, document) {
                Ok(bytes) => bytes,
                Err(error) => {
                    error.tolerate_damage()?;
                    continue;
                }
            };
            let Some(id) = Document::id_in(bytes).filter(|id| !state.snapshots.contains_key(id)) else { continue };
            let Ok(said) = Document::decode(bytes, id) else { continue };
            let label = said.label.seal(&repository.writer.naming.list, repository.writer.family, id)?;
            let followed =
                match mark(repository, &[(id, document)], Some(mending.options.scratch), mending.options.stop) {
                    Ok(live) => Some(live),
                    Err(error) => error.tolerate_damage().map(|_| None)?,
                };
            // Of one that cannot be followed to its end nobody knows: it may need anything.
            let is_needed = |number: u32| followed.as_ref().is_none_or(|live| live.has_any(number));
            let needs = (0..index.packs())
                .filter(|number| is_needed(*number))
                .map(|number| index.brief(number))
                .filter(|one| one.id.session != brief.id.session)
                .filter(|one| state.packs.get(&one.id).is_some_and(|pack| !pack.swept))
                .map(|one| (one.id, one.host));
            out.push(Lost {
                by: (brief.host, brief.id.session),
                named: Named { id, document, label },
                needs: runs_of(needs),
                started_ms: said.label.started_ms,
            });
        }
    }
    out.sort_by_key(|lost| (lost.started_ms, lost.named.id));
    out.dedup_by_key(|lost| lost.named.id);
    Ok(out)
}
