//! Rewriting snapshots without what goes. What no path of it touches is taken over page by page.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::EntryPath;
use dr_format::format::{CHUNK_MAX, META_FRAME_RAW, META_PACK_TARGET};
use dr_format::id::{ChunkId, ChunkKind, PackId, PackKind};
use dr_format::log_entry::{Body, Named};
use dr_format::page::{Child, Page};
use dr_format::tree::{Keep, Root, TreeBuilder};
use dr_index::layout::Place;
use dr_index::lookup::Index;
use dr_log::fold::runs_of;
use dr_log::log::erased_note;

use super::follow::Followed;
use super::scope::{EraseScope, RewrittenSnapshot};
use super::{EraseOptions, is_gone, may_touch};
use crate::error::RepoError;
use crate::read::fetch::Fetcher;
use crate::read::look::{Pages, Stand, as_child};
use crate::read::repository::Repository;
use crate::write::committer::{Committer, Says, begin, or_fence};
use crate::write::pack_writer::FinishedPack;
use crate::write::packer::{NoHelpers, Packer};
use crate::write::session::Session;

/// zstd's level for what is written rewritten: it is to stay.
const LEVEL: i32 = 3;
/// So many snapshots are committed at once: all that an entry may name, so that nothing comes between them.
const AT_ONCE: usize = dr_format::format::SNAPSHOTS_MAX;

/// Writes the new snapshots, notes which packs hold what goes, and commits.
pub(super) fn rewrite(
    repository: &mut Repository,
    options: &EraseOptions<'_>,
    scope: &EraseScope,
    followed: &Followed,
    packs: &BTreeSet<PackId>,
) -> Result<(), RepoError> {
    let noted = |repository: &mut Repository| match packs.is_empty() {
        true => Ok(()),
        false => repository.note(&erased_note(packs), options.now_ms),
    };
    if scope.rewritten.is_empty() {
        return noted(repository);
    }
    let session = begin(repository, options.scratch, options.journal)?;
    let written = in_session(&session, repository, options, scope, followed, &noted);
    or_fence(written, &session, repository, options.now_ms)
}

fn in_session(
    session: &Session,
    repository: &mut Repository,
    options: &EraseOptions<'_>,
    scope: &EraseScope,
    followed: &Followed,
    noted: &dyn Fn(&mut Repository) -> Result<(), RepoError>,
) -> Result<(), RepoError> {
    let mut committer = Committer::new(repository, session, options.clock, options.tally);
    let index = Arc::clone(repository.index()?);
    let mut relied = followed.needs.clone();
    let mut known = HashSet::new();
    let mut is_noted = false;
    let batches = scope.rewritten.chunks(AT_ONCE);
    let count = batches.len();
    for (at, batch) in batches.enumerate() {
        let mut snapshots = Vec::new();
        let mut pages = New {
            repository,
            index: &index,
            packer: Packer::new(session, PackKind::Meta, META_FRAME_RAW, META_PACK_TARGET, LEVEL)?,
            done: Vec::new(),
            known: &mut known,
            relied: &mut relied,
            fetcher: repository.fetcher()?,
        };
        for rewritten in batch {
            snapshots.push(pages.snapshot(rewritten, options.stop)?);
        }
        for pack in pages.finish()? {
            committer.pack(&repository.store, pack, false)?;
        }
        if !std::mem::replace(&mut is_noted, true) {
            noted(repository)?;
        }
        let needs = runs_of(relied.iter().map(|pack| index.brief(*pack)).map(|pack| (pack.id, pack.host)));
        let says = Says { snapshots, needs, last: at + 1 == count, ..Says::default() };
        let own = committer.register(repository, Body::Commit, says)?;
        // Every page was named here: whoever trusts the maintenance key may rely on them.
        repository.maintain(options.now_ms, Body::Verify { packs: own, level: 2 })?;
    }
    Ok(())
}

/// What is new of some snapshots.
struct New<'a> {
    repository: &'a Repository,
    index: &'a Index,
    packer: Packer<'a>,
    done: Vec<FinishedPack>,
    /// Chunks that this session has kept.
    known: &'a mut HashSet<ChunkId>,
    /// Packs of others in which something was found.
    relied: &'a mut BTreeSet<u32>,
    fetcher: Fetcher<'a>,
}

impl New<'_> {
    fn snapshot(&mut self, rewritten: &RewrittenSnapshot, stop: &AtomicBool) -> Result<Named, RepoError> {
        let mut document = rewritten.document.clone();
        document.root = match &rewritten.document.root {
            None => None,
            Some(root) => {
                let mut pages = Pages::new(self.repository)?;
                without(&mut pages, root, &rewritten.gone, self.repository, stop, &mut |bytes| {
                    self.keep(ChunkKind::Tree, bytes)
                })?
            }
        };
        let label = &mut document.label;
        label.entries = label.entries.saturating_sub(rewritten.counts.entries);
        label.files = label.files.saturating_sub(rewritten.counts.files);
        label.bytes = label.bytes.saturating_sub(rewritten.counts.bytes);
        let label = label.seal(&self.repository.writer.naming.list, self.repository.writer.family, rewritten.new)?;
        let document = self.keep(ChunkKind::Document, &document.encode(rewritten.new))?;
        Ok(Named { id: rewritten.new, document, label })
    }

    fn keep(&mut self, kind: ChunkKind, bytes: &[u8]) -> Result<ChunkId, RepoError> {
        if bytes.len() > CHUNK_MAX {
            return Err(RepoError::TooMuch("a page or document would be larger than 4 MiB".into()));
        }
        let id = self.repository.namer.id(kind, bytes);
        if self.known.contains(&id) {
            return Ok(id);
        }
        if let Some(Place { pack, .. }) = self.index.duplicate(kind, id) {
            self.relied.insert(pack);
        } else if self.index.holds(kind, id)? && self.fetcher.chunk(kind, id).is_ok() {
            // Somebody else's, and just read: which of several places it was, is not said.
            self.relied.extend(self.index.places(kind, id)?.into_iter().map(|place| place.pack));
        } else {
            let done = &mut self.done;
            self.packer.add(kind, id, bytes, &NoHelpers, &mut |pack| {
                done.push(pack);
                Ok(())
            })?;
        }
        self.known.insert(id);
        Ok(id)
    }

    fn finish(mut self) -> Result<Vec<FinishedPack>, RepoError> {
        let done = &mut self.done;
        self.packer.flush(&mut |pack| {
            done.push(pack);
            Ok(())
        })?;
        Ok(self.done)
    }
}

/// The tree without what goes: the very tree that a backup without it would have written.
fn without(
    pages: &mut Pages<'_>,
    root: &Root,
    gone: &[EntryPath],
    repository: &Repository,
    stop: &AtomicBool,
    keep: &mut Keep<'_, RepoError>,
) -> Result<Option<Root>, RepoError> {
    let mut open = |child: &Child, stand: Stand<'_>| match stop.load(Ordering::Relaxed) {
        true => Err(RepoError::Interrupted),
        false => pages.open(child, stand),
    };
    let mut builder = TreeBuilder::new(&repository.writer.naming.page);
    Pruner { builder: &mut builder, gone, open: &mut open }.page(
        &as_child(root),
        Stand { level: root.level.saturating_add(1), behind: None, top: true },
        None,
        keep,
    )?;
    builder.finish(keep)
}

/// Opens a page.
type Open<'a> = dyn FnMut(&Child, Stand<'_>) -> Result<Page, RepoError> + 'a;

pub(super) struct Pruner<'a> {
    pub(super) builder: &'a mut TreeBuilder,
    pub(super) gone: &'a [EntryPath],
    pub(super) open: &'a mut Open<'a>,
}

impl Pruner<'_> {
    /// `beyond`: where the page after this one ends. A page is taken whole only if that one is whole too, since a leaf may
    /// have ended because of the row that follows; nothing follows at the right edge, whose pages ended for no other reason.
    /// Levels only fall, so this ends.
    pub(super) fn page(
        &mut self,
        child: &Child,
        stand: Stand<'_>,
        beyond: Option<&EntryPath>,
        keep: &mut Keep<'_, RepoError>,
    ) -> Result<(), RepoError> {
        let level = stand.level.saturating_sub(1);
        if let Some(beyond) = beyond
            && !may_touch(self.gone, stand.behind, Some(beyond))
            && self.builder.is_between(level)
        {
            return self.builder.take(level, child.clone(), keep);
        }
        match (self.open)(child, stand)? {
            Page::Leaf(rows) => rows
                .into_iter()
                .filter(|row| !is_gone(self.gone, &row.path))
                .try_for_each(|row| self.builder.push(row, keep)),
            Page::Inner { level, children } => {
                let mut behind = stand.behind.cloned();
                let mut children = children.into_iter().peekable();
                while let Some(child) = children.next() {
                    let beyond = children.peek().map(|next| next.last.clone()).or_else(|| beyond.cloned());
                    let stand = Stand { level, behind: behind.as_ref(), top: false };
                    self.page(&child, stand, beyond.as_ref(), keep)?;
                    behind = Some(child.last);
                }
                Ok(())
            }
        }
    }
}
