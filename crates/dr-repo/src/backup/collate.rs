//! Results put back in order and made into a tree: pages, extent pages, the snapshot's document.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender};
use dr_entry::{FACTS, Kind, Unread};

use super::shared::{Fuse, Shared};
use super::{Capture, Done, Outcome, Summary, no_cache};
use crate::cache::CacheWriter;
use crate::error::RepoError;
use crate::extents::ExtentBuilder;
use crate::format::{CHUNKER_MIN8, EXTENTS_INLINE_MAX, META_FRAME_RAW, META_PACK_TARGET};
use crate::id::{ChunkId, ChunkKind, PackKind};
use crate::pack::{Alone, FinishedPack, Packer};
use crate::page::Contents;
use crate::snapshot::{Document, LISTED_MAX, Label};
use crate::tree::TreeBuilder;

/// Puts results back in order, builds the tree, and ends with the snapshot's document.
#[expect(clippy::too_many_arguments, reason = "the loop's own state, owned by the caller so that it survives a fault")]
pub(super) fn collate(
    done: &Receiver<Done>,
    credit: &Receiver<()>,
    packs: &Sender<FinishedPack>,
    capture: &Capture<'_>,
    shared: &Shared<'_>,
    fuse: &Fuse,
    cache: &mut Option<CacheWriter>,
    summary: &mut Summary,
) -> Result<(Label, ChunkId), RepoError> {
    let mut packer = Packer::new(PackKind::Meta, META_FRAME_RAW, META_PACK_TARGET, 3)?;
    let mut tree = TreeBuilder::new(&shared.session.naming.page);
    let mut ready = |pack: FinishedPack| packs.send(pack).map_err(|_| RepoError::Interrupted);
    let mut waiting: BTreeMap<u64, Vec<Outcome>> = BTreeMap::new();
    let mut next = 0;
    let mut failed = Ok(());
    let mut met = Met::default();
    for finished in done {
        waiting.insert(finished.sequence, finished.results);
        while let Some(results) = waiting.remove(&next) {
            next += 1;
            let _ = credit.recv();
            // After a fault the queues are only emptied, so that every thread can end.
            if fuse.is_blown() || failed.is_err() {
                continue;
            }
            failed = results.into_iter().try_for_each(|result| {
                settle(result, capture, shared, &mut tree, &mut packer, &mut ready, cache, summary, &mut met)
            });
            if let Err(error) = std::mem::replace(&mut failed, Ok(())) {
                fuse.blow(error);
            }
        }
    }
    if fuse.is_blown() {
        return Err(RepoError::Interrupted);
    }
    if capture.stop.load(Ordering::Relaxed) {
        // Pages so far are of no tree; whole packs of contents are what a rerun takes up.
        return Err(RepoError::Interrupted);
    }
    let is_whole = summary.unreadable.is_empty() && summary.partial.is_empty();
    if !met.a_file && !is_whole {
        // An empty snapshot would pass for the newest copy of what is there and cannot be read.
        let mut unreadable = std::mem::take(&mut summary.unreadable);
        unreadable.append(&mut summary.partial);
        return Err(RepoError::NothingRead(unreadable));
    }
    let root = {
        let mut keep = |bytes: &[u8]| keep_meta(ChunkKind::Tree, bytes, shared, &mut packer, &mut ready);
        tree.finish(&mut keep)?
    };
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
    let id = keep_meta(ChunkKind::Document, &bytes, shared, &mut packer, &mut ready)?;
    packer.flush(shared.session, &mut ready)?;
    Ok((label, id))
}

fn keep_meta(
    kind: ChunkKind,
    bytes: &[u8],
    shared: &Shared<'_>,
    packer: &mut Packer,
    ready: &mut dyn FnMut(FinishedPack) -> Result<(), RepoError>,
) -> Result<ChunkId, RepoError> {
    if bytes.len() > crate::format::CHUNK_MAX {
        return Err(RepoError::TooMuch("a page or document would be larger than 4 MiB".into()));
    }
    let id = shared.namer.id(kind, bytes);
    if shared.is_new(kind, id) {
        packer.add(shared.session, kind, id, bytes, &Alone, ready)?;
    }
    Ok(id)
}

/// What came by.
#[derive(Default)]
struct Met {
    /// A file that is not our own facts about the source. Where files could not be read, folders and links are not what
    /// anybody wants back.
    a_file: bool,
    /// The path of the last entry.
    last: Vec<u8>,
}

#[expect(clippy::too_many_arguments, reason = "one entry's way through everything the collator owns")]
fn settle(
    result: Outcome,
    capture: &Capture<'_>,
    shared: &Shared<'_>,
    tree: &mut TreeBuilder,
    packer: &mut Packer,
    ready: &mut dyn FnMut(FinishedPack) -> Result<(), RepoError>,
    cache: &mut Option<CacheWriter>,
    summary: &mut Summary,
    met: &mut Met,
) -> Result<(), RepoError> {
    let (mut row, stamp, unsettled, lacking) = match result {
        Outcome::Unread(unread) => {
            // Of an entry that came by already it is only what it lacks.
            let is_there = summary.entries > 0 && met.last == unread.path.as_bytes();
            if is_there { &mut summary.partial } else { &mut summary.unreadable }.push(unread);
            return Ok(());
        }
        Outcome::Row { row, stamp, unsettled, lacking } => (row, stamp, unsettled, lacking),
    };
    met.last.clear();
    met.last.extend_from_slice(row.path.as_bytes());
    met.a_file |= row.meta.kind == Kind::File && row.path.as_bytes() != FACTS.as_bytes();
    summary.partial.extend(lacking.into_iter().map(|why| Unread { path: row.path.clone(), why }));
    capture.tally.entries.fetch_add(1, Ordering::Relaxed);
    summary.entries += 1;
    if row.meta.kind == Kind::File {
        summary.files += 1;
        summary.bytes += row.meta.size;
        if unsettled {
            summary.unsettled.push(row.path.clone());
        }
        if let (Some(writing), Some(stamp)) = (cache.as_mut(), stamp)
            && let Err(error) = writing.push(&row, &stamp)
        {
            no_cache(summary, &error);
            *cache = None;
        }
        if let Contents::Extents(extents) = &row.contents
            && extents.len() > EXTENTS_INLINE_MAX
        {
            let mut keep = |bytes: &[u8]| keep_meta(ChunkKind::Extents, bytes, shared, packer, ready);
            let mut builder = ExtentBuilder::new();
            for extent in extents {
                builder.push(*extent, &mut keep)?;
            }
            let (root, level) = builder.finish(&mut keep)?;
            row.contents = Contents::Tree { root: root.id, level, extents: root.extents };
        }
    }
    let mut keep = |bytes: &[u8]| keep_meta(ChunkKind::Tree, bytes, shared, packer, ready);
    tree.push(row, &mut keep)
}
