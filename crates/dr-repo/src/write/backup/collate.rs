//! Results put back in order and made into a tree: pages, extent pages, the snapshot's document.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender};
use dr_entry::{FACTS, Kind, Unread};
use dr_format::extents::ExtentBuilder;
use dr_format::format::{CHUNK_MAX, CHUNKER_MIN8, EXTENTS_INLINE_MAX, META_FRAME_RAW, META_PACK_TARGET};
use dr_format::id::{ChunkId, ChunkKind, PackKind};
use dr_format::page::Contents;
use dr_format::snapshot::{Document, LISTED_MAX, Label};
use dr_format::tree::TreeBuilder;

use super::shared::Shared;
use super::{BackupOptions, BackupReport, Done, Outcome};
use crate::abort::AbortFlag;
use crate::error::RepoError;
use crate::write::cache::CacheWriter;
use crate::write::pack_writer::FinishedPack;
use crate::write::packer::{NoHelpers, Packer};

/// Puts results back in order and builds the tree. What it owns is the way of every entry.
pub(super) struct Collator<'a> {
    capture: &'a BackupOptions<'a>,
    fuse: &'a AbortFlag,
    tree: TreeBuilder,
    pages: Pages<'a>,
    /// The caller's, so that it survives a fault.
    cache: &'a mut Option<CacheWriter>,
    summary: &'a mut BackupReport,
    /// A file came by that is not our own facts about the source. Where files could not be read, folders and links are not
    /// what anybody wants back.
    met_a_file: bool,
    /// The path of the last entry.
    last: Vec<u8>,
}

/// Keeps what a snapshot consists of beside its files' contents.
struct Pages<'a> {
    shared: &'a Shared<'a>,
    packer: Packer<'a>,
    packs: &'a Sender<FinishedPack>,
}

impl Pages<'_> {
    fn keep(&mut self, kind: ChunkKind, bytes: &[u8]) -> Result<ChunkId, RepoError> {
        if bytes.len() > CHUNK_MAX {
            return Err(RepoError::TooMuch("a page or document would be larger than 4 MiB".into()));
        }
        let id = self.shared.namer.id(kind, bytes);
        if self.shared.is_new(kind, id) {
            let packs = self.packs;
            self.packer.add(kind, id, bytes, &NoHelpers, &mut |pack| send(packs, pack))?;
        }
        Ok(id)
    }

    fn flush(&mut self) -> Result<(), RepoError> {
        let packs = self.packs;
        self.packer.flush(&mut |pack| send(packs, pack))
    }
}

fn send(packs: &Sender<FinishedPack>, pack: FinishedPack) -> Result<(), RepoError> {
    packs.send(pack).map_err(|_| RepoError::Interrupted)
}

impl<'a> Collator<'a> {
    pub(super) fn new(
        capture: &'a BackupOptions<'a>,
        shared: &'a Shared<'a>,
        fuse: &'a AbortFlag,
        packs: &'a Sender<FinishedPack>,
        (cache, summary): (&'a mut Option<CacheWriter>, &'a mut BackupReport),
    ) -> Result<Self, RepoError> {
        let packer = Packer::new(shared.session, PackKind::Meta, META_FRAME_RAW, META_PACK_TARGET, 3)?;
        Ok(Self {
            capture,
            fuse,
            tree: TreeBuilder::new(&shared.session.naming.page),
            pages: Pages { shared, packer, packs },
            cache,
            summary,
            met_a_file: false,
            last: Vec::new(),
        })
    }

    /// Takes everything in, and ends with the snapshot's document.
    pub(super) fn collate(
        mut self,
        done: &Receiver<Done>,
        credit: &Receiver<()>,
    ) -> Result<(Label, ChunkId), RepoError> {
        let mut waiting: BTreeMap<u64, Vec<Outcome>> = BTreeMap::new();
        let mut next = 0;
        for finished in done {
            waiting.insert(finished.sequence, finished.results);
            while let Some(results) = waiting.remove(&next) {
                next += 1;
                let _ = credit.recv();
                // After a fault the queues are only emptied, so that every thread can end.
                if self.fuse.is_blown() {
                    continue;
                }
                if let Err(error) = results.into_iter().try_for_each(|result| self.settle(result)) {
                    self.fuse.blow(error);
                }
            }
        }
        if self.fuse.is_blown() {
            return Err(RepoError::Interrupted);
        }
        if self.capture.stop.load(Ordering::Relaxed) {
            // Pages so far are of no tree; whole packs of contents are what a rerun takes up.
            return Err(RepoError::Interrupted);
        }
        self.finish()
    }

    fn settle(&mut self, result: Outcome) -> Result<(), RepoError> {
        let (mut row, stamp, unsettled, lacking) = match result {
            Outcome::Unread(unread) => {
                // Of an entry that came by already it is only what it lacks.
                let is_there = self.summary.entries > 0 && self.last == unread.path.as_bytes();
                let list = if is_there { &mut self.summary.partial } else { &mut self.summary.unreadable };
                list.push(unread);
                return Ok(());
            }
            Outcome::Row { row, stamp, unsettled, lacking } => (row, stamp, unsettled, lacking),
        };
        let summary = &mut *self.summary;
        self.last.clear();
        self.last.extend_from_slice(row.path.as_bytes());
        self.met_a_file |= row.meta.kind == Kind::File && row.path.as_bytes() != FACTS.as_bytes();
        summary.partial.extend(lacking.into_iter().map(|why| Unread { path: row.path.clone(), why }));
        self.capture.tally.entries.fetch_add(1, Ordering::Relaxed);
        summary.entries += 1;
        if row.meta.kind == Kind::File {
            summary.files += 1;
            summary.bytes += row.meta.size;
            if unsettled {
                summary.unsettled.push(row.path.clone());
            }
            if let (Some(writing), Some(stamp)) = (self.cache.as_mut(), stamp)
                && let Err(error) = writing.push(&row, &stamp)
            {
                summary.no_cache(&error);
                *self.cache = None;
            }
            if let Contents::Extents(extents) = &row.contents
                && extents.len() > EXTENTS_INLINE_MAX
            {
                let mut keep = |bytes: &[u8]| self.pages.keep(ChunkKind::Extents, bytes);
                let mut builder = ExtentBuilder::new();
                for extent in extents {
                    builder.push(*extent, &mut keep)?;
                }
                let (root, level) = builder.finish(&mut keep)?;
                row.contents = Contents::Tree { root: root.id, level, extents: root.extents };
            }
        }
        self.tree.push(row, &mut |bytes| self.pages.keep(ChunkKind::Tree, bytes))
    }

    /// Closes the tree and keeps the document that names it.
    fn finish(self) -> Result<(Label, ChunkId), RepoError> {
        let Self { capture, tree, mut pages, summary, met_a_file, .. } = self;
        let is_whole = summary.unreadable.is_empty() && summary.partial.is_empty();
        if !met_a_file && !is_whole {
            // An empty snapshot would pass for the newest copy of what is there and cannot be read.
            let mut unreadable = std::mem::take(&mut summary.unreadable);
            unreadable.append(&mut summary.partial);
            return Err(RepoError::NothingRead(unreadable));
        }
        let root = tree.finish(&mut |bytes| pages.keep(ChunkKind::Tree, bytes))?;
        let mut label = capture.label.clone();
        label.ended_ms = (capture.clock)();
        label.entries = summary.entries;
        label.files = summary.files;
        label.bytes = summary.bytes;
        // Whoever brings it back should know of both.
        label.unreadable = (summary.unreadable.len() + summary.partial.len()) as u64;
        let document = Document {
            label: label.clone(),
            shape: capture.shape,
            root,
            unreadable: summary
                .unreadable
                .iter()
                .chain(&summary.partial)
                .take(LISTED_MAX)
                .map(|u| (u.path.as_bytes().to_vec(), u.why.clone()))
                .collect(),
            unsettled: summary.unsettled.iter().take(LISTED_MAX).map(|path| path.as_bytes().to_vec()).collect(),
            chunker: CHUNKER_MIN8,
            tool: concat!("dr ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let bytes = document.encode(capture.snapshot);
        let id = pages.keep(ChunkKind::Document, &bytes)?;
        pages.flush()?;
        Ok((label, id))
    }
}
