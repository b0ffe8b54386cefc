//! What cannot be healed where it lies: lost chunks come from other repositories of the family, and what is left of
//! packs beyond healing moves into new ones.

use std::collections::{BTreeSet, HashSet};

use dr_format::extents::{ExtentPage, Run};
use dr_format::id::{ChunkId, ChunkKind, HostId, PackId, SessionId, SnapshotId};
use dr_format::log_entry::{Body, Runs};
use dr_format::page::{self, Contents, Extent, Page};
use dr_format::snapshot::Document;
use dr_index::layout::Place;
use dr_log::fold::{ranges, runs_of, whole};
use dr_log::object::key;
use dr_log::reclaim;

use super::packs::object_of;
use super::{Mending, look};
use crate::error::RepoError;
use crate::read::fetch::Fetcher;
use crate::read::repository::Repository;
use crate::read::restore::extent_page_of;
use crate::write::committer::{Committer, Says, begin, or_fence};
use crate::write::repacker::Repacker;
use crate::write::session::Session;

/// Packs that cannot be read whole, and their chunks that no other pack can give.
#[derive(Default)]
struct Broken {
    packs: BTreeSet<u32>,
    chunks: HashSet<ChunkId>,
}

/// Where chunks come from and go to.
struct Bringing<'a, 's> {
    repository: &'a Repository,
    own: Fetcher<'a>,
    others: Vec<Fetcher<'a>>,
    broken: &'a Broken,
    repacker: Repacker<'s>,
    committer: Committer<'s>,
    /// Chunks that were rewritten.
    written: HashSet<ChunkId>,
    /// Pages below which everything was looked for.
    seen: HashSet<ChunkId>,
    fetched: u64,
}

/// Fetches what is lost, and empties packs that stay damaged.
pub(super) fn fetch(repository: &mut Repository, mending: &mut Mending<'_>) -> Result<(), RepoError> {
    repository.reread_index();
    let broken = broken(repository, mending)?;
    if broken.packs.is_empty() && mending.options.others.is_empty() {
        return Ok(());
    }
    let options = mending.options;
    let session = begin(repository, options.scratch, options.journal)?;
    let written = write(&session, repository, &broken, mending);
    let written = or_fence(written, &session, repository, options.now_ms);
    let Some((own, emptied, fetched)) = written? else { return Ok(()) };
    repository.maintain(options.now_ms, Body::Verify { packs: own, level: 2 })?;
    if fetched > 0 {
        mending.mended(format!("{fetched} lost chunks"), "fetched from another repository and proved by their names");
    }
    let view = repository.log.head.0;
    // Lists still name what lies elsewhere now.
    let emptied_ids = emptied.iter().map(|(id, _)| *id).collect();
    mending.unlisted.extend(relying(repository, &emptied_ids));
    remove_packs(repository, view, &emptied, mending)?;
    repository.reread_index();
    Ok(())
}

type Emptied = Vec<(PackId, HostId)>;

/// Writes what is missing and what is to be moved: the packs it went into, those that were emptied, and how much was
/// fetched. None: there was nothing to write.
fn write(
    session: &Session,
    repository: &mut Repository,
    broken: &Broken,
    mending: &Mending<'_>,
) -> Result<Option<(Vec<Runs>, Emptied, u64)>, RepoError> {
    let options = mending.options;
    let others = options.others.iter().map(Repository::fetcher).collect::<Result<Vec<_>, _>>()?;
    let mut bringing = Bringing {
        repository,
        own: repository.fetcher()?,
        others,
        broken,
        repacker: Repacker::new(session)?,
        committer: Committer::new(repository, session, options.clock, options.tally),
        written: HashSet::new(),
        seen: HashSet::new(),
        fetched: 0,
    };
    if !bringing.others.is_empty() {
        for (id, state) in repository.log.state.live() {
            mending.may_go_on()?;
            bringing.snapshot(id, state.document)?;
        }
    }
    let mut emptied = Vec::new();
    for pack in &broken.packs {
        mending.may_go_on()?;
        if bringing.empty(*pack)? {
            let brief = repository.index()?.brief(*pack);
            emptied.push((brief.id, brief.host));
        }
    }
    let Bringing { mut repacker, mut committer, fetched, written, .. } = bringing;
    if written.is_empty() && emptied.is_empty() {
        return Ok(None);
    }
    repacker.flush(&mut committer, &repository.store)?;
    let says = Says { sources: runs_of(emptied.iter().copied()), last: true, ..Says::default() };
    let own = committer.register(repository, Body::Reframe, says)?;
    Ok(Some((own, emptied, fetched)))
}

/// The packs that are not whole, and what of them can be had nowhere here.
fn broken(repository: &Repository, mending: &Mending<'_>) -> Result<Broken, RepoError> {
    let checked = look(repository, mending.options)?;
    let index = repository.index()?;
    let mut out = Broken::default();
    for (id, _) in &checked.unsound {
        // One that nothing describes has nothing that could be moved.
        out.packs.extend(index.number_of(*id));
    }
    let mut fetcher = repository.fetcher()?;
    for pack in &out.packs {
        for (kind, id, _) in index.ids_of(*pack)?.into_iter().flatten() {
            if let Err(error) = fetcher.chunk(kind, id) {
                error.tolerate_damage()?;
                out.chunks.insert(id);
            }
        }
    }
    Ok(out)
}

impl Bringing<'_, '_> {
    fn add(&mut self, kind: ChunkKind, id: ChunkId, bytes: &[u8]) -> Result<(), RepoError> {
        if self.written.insert(id) {
            self.repacker.add(kind, id, bytes, &mut self.committer, &self.repository.store)?;
        }
        Ok(())
    }

    /// Whether a chunk is there, or was fetched.
    fn have(&mut self, kind: ChunkKind, id: ChunkId) -> Result<bool, RepoError> {
        let is_here = self.repository.index()?.holds(kind, id)? && !self.broken.chunks.contains(&id);
        if is_here || self.written.contains(&id) {
            return Ok(true);
        }
        for at in 0..self.others.len() {
            // Proved by its name, whoever gives it.
            let found = self.others[at].chunk(kind, id).map(<[u8]>::to_vec);
            match found {
                Ok(bytes) => {
                    self.add(kind, id, &bytes)?;
                    self.fetched += 1;
                    return Ok(true);
                }
                Err(error) => drop(error.tolerate_damage()?),
            }
        }
        Ok(false)
    }

    /// The bytes of a chunk, if they can be had anywhere; what was lost is here afterwards.
    fn bytes(&mut self, kind: ChunkKind, id: ChunkId) -> Result<Option<Vec<u8>>, RepoError> {
        if !self.have(kind, id)? {
            return Ok(None);
        }
        for fetcher in std::iter::once(&mut self.own).chain(&mut self.others) {
            match fetcher.chunk(kind, id) {
                Ok(bytes) => return Ok(Some(bytes.to_vec())),
                Err(error) => drop(error.tolerate_damage()?),
            }
        }
        Ok(None)
    }

    fn snapshot(&mut self, id: SnapshotId, document: ChunkId) -> Result<(), RepoError> {
        let Some(bytes) = self.bytes(ChunkKind::Document, document)? else { return Ok(()) };
        let root = Document::decode(&bytes, id).ok().and_then(|document| document.root);
        let mut todo: Vec<ChunkId> = root.into_iter().map(|root| root.id).collect();
        while let Some(id) = todo.pop() {
            if !self.seen.insert(id) {
                continue;
            }
            let Some(bytes) = self.bytes(ChunkKind::Tree, id)? else { continue };
            match page::decode(&bytes) {
                Ok(Page::Leaf(rows)) => {
                    for row in rows {
                        self.contents(&row.contents, row.meta.size)?;
                    }
                }
                Ok(Page::Inner { children, .. }) => todo.extend(children.into_iter().map(|child| child.id)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn contents(&mut self, contents: &Contents, size: u64) -> Result<(), RepoError> {
        let chunks: Vec<Extent> = match contents {
            Contents::Empty | Contents::Inline(_) => return Ok(()),
            Contents::Extents(extents) => extents.clone(),
            Contents::Tree { root, level, extents } => {
                let run = Run { id: *root, len: size, extents: *extents };
                return self.extents(run, *level);
            }
        };
        self.data(&chunks)
    }

    fn data(&mut self, extents: &[Extent]) -> Result<(), RepoError> {
        for extent in extents {
            if let Extent::Chunk { id, .. } = extent {
                self.have(ChunkKind::Data, *id)?;
            }
        }
        Ok(())
    }

    /// Levels only fall, so this ends.
    fn extents(&mut self, run: Run, level: u8) -> Result<(), RepoError> {
        if !self.seen.insert(run.id) {
            return Ok(());
        }
        let Some(bytes) = self.bytes(ChunkKind::Extents, run.id)? else { return Ok(()) };
        match extent_page_of(&bytes, run, level) {
            Ok(ExtentPage::Leaf(extents)) => self.data(&extents),
            Ok(ExtentPage::Inner { runs, .. }) => {
                runs.into_iter().try_for_each(|run| self.extents(run, level.saturating_sub(1)))
            }
            Err(_) => Ok(()),
        }
    }

    /// Whether a pack that is not broken gives the chunk.
    fn is_elsewhere(&mut self, kind: ChunkKind, id: ChunkId) -> Result<bool, RepoError> {
        for place in self.repository.index()?.places(kind, id)? {
            if !self.broken.packs.contains(&place.pack) {
                match self.own.at(kind, id, place) {
                    Ok(_) => return Ok(true),
                    Err(error) => drop(error.tolerate_damage()?),
                }
            }
        }
        Ok(false)
    }

    /// Rewrites what is left of a pack. Whether all of it is elsewhere now.
    fn empty(&mut self, pack: u32) -> Result<bool, RepoError> {
        let index = std::sync::Arc::clone(self.repository.index()?);
        let mut all = true;
        for ((kind, id, _), chunk) in index.ids_of(pack)?.into_iter().flatten().zip(0..) {
            // What an earlier repair moved, or a backup stored again, need not be moved once more.
            if self.written.contains(&id) || self.is_elsewhere(kind, id)? {
                continue;
            }
            let found = self.own.at(kind, id, Place { pack, chunk });
            match found {
                Ok(found) => self.add(kind, id, found.bytes())?,
                Err(error) => {
                    error.tolerate_damage()?;
                    all &= !self.broken.chunks.contains(&id);
                }
            }
        }
        Ok(all)
    }
}

/// The sessions of snapshots that rely on any of these packs, and may be put back if they are not there.
fn relying(repository: &Repository, packs: &BTreeSet<PackId>) -> Vec<(HostId, SessionId)> {
    let state = &repository.log.state;
    let ours = state.snapshots.values().filter(|snapshot| !snapshot.lost);
    let touched = ours.filter(|one| {
        let mut needs = ranges(&one.needs).chain([whole(one.session)]);
        needs.any(|range| packs.range(range).next().is_some())
    });
    touched.filter_map(|one| Some((state.sessions.get(&one.session)?.host?, one.session))).collect()
}

/// Lets packs go of which everything is elsewhere, unless a run that is not over relies on them.
fn remove_packs(
    repository: &mut Repository,
    view: u64,
    packs: &[(PackId, HostId)],
    mending: &mut Mending<'_>,
) -> Result<(), RepoError> {
    let state = &repository.log.state;
    let open = state.sessions.iter().filter(|(_, session)| session.is_open());
    let pinned: Vec<_> =
        open.flat_map(|(id, session)| ranges(&session.needs).chain([whole(*id)]).collect::<Vec<_>>()).collect();
    let free: Emptied =
        packs.iter().filter(|(id, _)| !pinned.iter().any(|range| range.contains(id))).copied().collect();
    if free.is_empty() {
        return Ok(());
    }
    let undoable = state.snapshots.iter().filter(|(_, snapshot)| !snapshot.is_there() && !snapshot.lost);
    let undoable: Vec<SnapshotId> = undoable.map(|(id, _)| *id).collect();
    let objects: Vec<String> = free.iter().map(|(id, host)| object_of(repository, *id, *host)).collect();
    let now_ms = mending.options.now_ms;
    let runs = runs_of(free.iter().copied());
    repository.maintain(now_ms, Body::Condemn(runs.clone()))?;
    match repository.maintain(now_ms, Body::Sweep { packs: runs, view, undoable, keyless: false }) {
        // Somebody needs one of them since then, or swept others: it stays as it is.
        Err(RepoError::Outrun(_)) => return Ok(()),
        other => other?,
    }
    // The word that packs are gone must not be the last of the log.
    repository.note("what was damaged was rewritten and then removed", now_ms)?;
    for object in objects {
        reclaim::delete(&repository.store, &key(&object)?)?;
        mending.mended(object, "what it held was written again, and it will be deleted");
    }
    Ok(())
}
