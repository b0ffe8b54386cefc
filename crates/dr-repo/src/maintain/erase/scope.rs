//! In which snapshots is something of what is to be erased, and what does it consist of there?

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::{EntryPath, Kind, Meta};
use dr_format::extents::{ExtentPage, Run};
use dr_format::id::{ChunkId, SnapshotId};
use dr_format::page::{Child, Contents, Extent, Page, Row};
use dr_format::seal::derive;
use dr_format::snapshot::{Document, Label};
use dr_log::fold::SnapshotState;

use super::{EraseOptions, Judged, Ruling, is_gone, may_touch, series};
use crate::error::RepoError;
use crate::read::fetch::Fetcher;
use crate::read::find::{FindOptions, find};
use crate::read::look::{Pages, Stand, Tree, as_child};
use crate::read::repository::Repository;
use crate::read::restore::extent_page;

/// A snapshot that is written rewritten.
pub(super) struct RewrittenSnapshot {
    pub(super) new: SnapshotId,
    pub(super) document: Document,
    /// What goes, in order, none below another.
    pub(super) gone: Vec<EntryPath>,
    /// What of it counted: entries, files, bytes.
    pub(super) counts: Counts,
}

/// What was found.
#[derive(Default)]
pub(super) struct EraseScope {
    /// Every snapshot, oldest first.
    pub(super) judged: Vec<Judged>,
    pub(super) rewritten: Vec<RewrittenSnapshot>,
    /// Different entries that go.
    pub(super) paths: HashSet<EntryPath>,
    /// Chunks of the contents that go, with their lengths.
    pub(super) contents: HashMap<ChunkId, u32>,
    /// Bytes of contents that stand in pages.
    pub(super) inline: u64,
    pub(super) extents: HashSet<ChunkId>,
    /// Tree pages with something in them or below that goes.
    pub(super) pages: HashSet<ChunkId>,
    pub(super) documents: HashSet<ChunkId>,
    /// Snapshots that stay, or may be put back, as they are.
    pub(super) stay: Vec<(SnapshotId, Option<dr_format::tree::Root>)>,
}

/// So much goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) entries: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

struct Looked {
    tree: Tree,
    document: Document,
    state: SnapshotState,
    hits: Vec<EntryPath>,
    /// Names of what is meant in the document's lists.
    named: bool,
    unread: Option<String>,
}

/// Looks through every snapshot that is there or could be put back.
pub(super) fn seek(repository: &Repository, options: &EraseOptions<'_>) -> Result<EraseScope, RepoError> {
    let state = &repository.log.state;
    let mut out = EraseScope::default();
    let mut looked = Vec::new();
    let mut by_age: Vec<_> = state.snapshots.iter().filter(|(_, one)| one.is_there() || !one.lost).collect();
    by_age.sort_by_key(|(id, one)| (one.n, **id));
    for (id, one) in by_age {
        let label = repository.label_of(*id, one);
        let is_other = |label: &Label| options.system.is_some_and(|system| label.system != system);
        match repository.document(*id) {
            Ok(document) if is_other(&document.label) => out.stay.push((*id, document.root)),
            Ok(document) => {
                let tree =
                    Tree { id: *id, label: document.label.clone(), shape: document.shape, root: document.root.clone() };
                let (hits, unread) = (Vec::new(), None);
                looked.push(Looked { tree, document, state: one.clone(), hits, named: false, unread });
            }
            Err(error) => {
                let why = error.tolerate_damage()?.to_string();
                if !label.as_ref().is_some_and(is_other) {
                    let label = label.unwrap_or_default();
                    let (entries, bytes, ruling) = (0, 0, Ruling::Unread(why));
                    let (system, started_ms) = (label.system, None);
                    out.judged.push(Judged { snapshot: *id, system, started_ms, ruling, entries, bytes });
                }
            }
        }
    }
    let mut of_all = Vec::new();
    for mut of_one in series(looked, |one: &Looked| &one.tree) {
        search(repository, options, &mut of_one)?;
        of_all.append(&mut of_one);
    }
    of_all.sort_by_key(|one| (one.state.n, one.tree.id));
    let replaced: BTreeMap<SnapshotId, SnapshotId> = of_all
        .iter()
        .filter(|one| one.state.is_there())
        .filter_map(|one| Some((repository.replaces(&one.state, Some(&one.tree.label))?, one.tree.id)))
        .collect();
    let mut taker =
        Taker { pages: Pages::new(repository)?, extents: repository.fetcher()?, stop: options.stop, out: &mut out };
    let mut judged = Vec::new();
    for one in of_all {
        judged.push(taker.judge(repository, options, one, &replaced)?);
    }
    out.judged.append(&mut judged);
    Ok(out)
}

/// Looks through the trees of one source side by side.
fn search(repository: &Repository, options: &EraseOptions<'_>, all: &mut [Looked]) -> Result<(), RepoError> {
    let Some(first) = all.first() else { return Ok(()) };
    let (trees, exact): (Vec<Tree>, _) =
        (all.iter().map(|one| one.tree.clone()).collect(), (options.paths)(&first.tree));
    let first = first.tree.clone();
    let wanted = |path: &EntryPath, meta: &Meta| {
        exact.contains(path) || options.also.is_some_and(|also| also(&first, path, meta))
    };
    let paths = if options.also.is_some() { &[][..] } else { exact.as_slice() };
    if !exact.is_empty() || options.also.is_some() {
        let search = FindOptions { trees: &trees, paths, wanted: &wanted, stop: options.stop };
        let searched = find(repository, &search, &mut |found| {
            for version in &found.versions {
                for one in &mut all[version.newest..=version.oldest] {
                    if !one.hits.last().is_some_and(|above| found.path.is_within(above)) {
                        one.hits.push(found.path.clone());
                    }
                }
            }
            Ok(())
        })?;
        for (places, why) in searched.lost {
            for at in places {
                all[at].unread.get_or_insert_with(|| why.clone());
            }
        }
    }
    // What could not be captured is named although it is not there.
    let plain = Meta::plain(Kind::File, 0o600);
    for one in all {
        let hits = &one.hits;
        let is_meant = |name: &[u8]| {
            EntryPath::new(name).is_ok_and(|path| {
                is_gone(hits, &path) || exact.iter().any(|above| path.is_within(above)) || wanted(&path, &plain)
            })
        };
        let Document { unreadable, unsettled, .. } = &mut one.document;
        let before = unreadable.len() + unsettled.len();
        unreadable.retain(|(name, _)| !is_meant(name));
        unsettled.retain(|name| !is_meant(name));
        one.named = unreadable.len() + unsettled.len() < before;
    }
    Ok(())
}

/// Gathers what the entries that go consist of.
struct Taker<'a> {
    pages: Pages<'a>,
    extents: Fetcher<'a>,
    stop: &'a AtomicBool,
    out: &'a mut EraseScope,
}

/// What one snapshot gives, until it is certain that all of it could be read.
#[derive(Default)]
struct Gone {
    counts: Counts,
    paths: Vec<EntryPath>,
    contents: Vec<(ChunkId, u32)>,
    inline: u64,
    extents: HashSet<ChunkId>,
    pages: Vec<ChunkId>,
}

impl Taker<'_> {
    fn judge(
        &mut self,
        repository: &Repository,
        options: &EraseOptions<'_>,
        one: Looked,
        replaced: &BTreeMap<SnapshotId, SnapshotId>,
    ) -> Result<Judged, RepoError> {
        let Looked { tree, mut document, state, hits, named, unread } = one;
        let mut judged = Judged {
            snapshot: tree.id,
            system: tree.label.system.clone(),
            started_ms: Some(tree.label.started_ms),
            ruling: Ruling::Untouched,
            entries: 0,
            bytes: 0,
        };
        let mut gone = Gone::default();
        let mut unread = unread;
        if unread.is_none()
            && !hits.is_empty()
            && let Some(root) = &tree.root
        {
            let top = (as_child(root), root.level.saturating_add(1));
            if let Err(error) = self.page(&top.0, Stand { level: top.1, behind: None, top: true }, &hits, &mut gone) {
                unread = Some(error.tolerate_damage()?.to_string());
            }
        }
        (judged.entries, judged.bytes) = (gone.counts.entries, gone.counts.bytes);
        let is_hit = gone.counts.entries > 0 || named;
        judged.ruling = match (unread, state.held_until_ms.filter(|until| *until > options.now_ms)) {
            (Some(why), _) => Ruling::Unread(why),
            (None, _) if !is_hit => Ruling::Untouched,
            (None, Some(until)) => Ruling::Held(until),
            (None, None) if !state.is_there() => Ruling::Forgotten,
            (None, None) => match replaced.get(&tree.id) {
                Some(new) => Ruling::RewrittenBefore(*new),
                None if judged.entries > 0 && !self.is_something_left(&tree, &hits, gone.counts)? => Ruling::Whole,
                None => Ruling::Rewrite(new_id(repository, tree.id, options.asked)),
            },
        };
        if judged.ruling.stays() {
            self.out.stay.push((tree.id, tree.root));
            return Ok(judged);
        }
        let counts = gone.counts;
        self.out.documents.insert(state.document);
        self.out.paths.extend(gone.paths);
        self.out.contents.extend(gone.contents);
        self.out.inline += gone.inline;
        self.out.extents.extend(gone.extents);
        self.out.pages.extend(gone.pages);
        if let Ruling::Rewrite(new) = judged.ruling {
            document.label.replaces = Some(tree.id);
            self.out.rewritten.push(RewrittenSnapshot { new, document, gone: hits, counts });
        }
        Ok(judged)
    }

    /// Whether anything but directories is left.
    fn is_something_left(&mut self, tree: &Tree, hits: &[EntryPath], counts: Counts) -> Result<bool, RepoError> {
        if tree.label.files > counts.files {
            return Ok(true);
        }
        let Some(root) = &tree.root else { return Ok(false) };
        let mut todo = vec![(as_child(root), root.level.saturating_add(1), None::<EntryPath>, true)];
        while let Some((child, level, behind, top)) = todo.pop() {
            let page = match self.pages.open(&child, Stand { level, behind: behind.as_ref(), top }) {
                Ok(page) => page,
                // Nobody knows, so it stays.
                Err(error) => return error.tolerate_damage().map(|_| true),
            };
            match page {
                Page::Leaf(rows) => {
                    if rows.iter().any(|row| row.meta.kind != Kind::Directory && !is_gone(hits, &row.path)) {
                        return Ok(true);
                    }
                }
                Page::Inner { level, children } => {
                    let behinds: Vec<_> =
                        std::iter::once(behind).chain(children.iter().map(|child| Some(child.last.clone()))).collect();
                    let below = children.into_iter().zip(behinds).rev();
                    todo.extend(below.map(|(child, behind)| (child, level, behind, false)));
                }
            }
        }
        Ok(false)
    }

    /// Whether something in this page or below it goes. Levels only fall, so this ends.
    fn page(
        &mut self,
        child: &Child,
        stand: Stand<'_>,
        hits: &[EntryPath],
        gone: &mut Gone,
    ) -> Result<bool, RepoError> {
        if !may_touch(hits, stand.behind, (!stand.top).then_some(&child.last)) {
            return Ok(false);
        }
        if self.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        let mut touched = false;
        match self.pages.open(child, stand)? {
            Page::Leaf(rows) => {
                for row in rows.into_iter().filter(|row| is_gone(hits, &row.path)) {
                    touched = true;
                    self.row(row, gone)?;
                }
            }
            Page::Inner { level, children } => {
                let mut behind = stand.behind.cloned();
                for child in children {
                    let stand = Stand { level, behind: behind.as_ref(), top: false };
                    touched |= self.page(&child, stand, hits, gone)?;
                    behind = Some(child.last);
                }
            }
        }
        if touched {
            gone.pages.push(child.id);
        }
        Ok(touched)
    }

    fn row(&mut self, row: Row, gone: &mut Gone) -> Result<(), RepoError> {
        gone.counts.entries += 1;
        if row.meta.kind == Kind::File {
            gone.counts.files += 1;
            gone.counts.bytes = gone.counts.bytes.saturating_add(row.meta.size);
        }
        if !self.out.paths.contains(&row.path) {
            if let Contents::Inline(bytes) = &row.contents {
                gone.inline += bytes.len() as u64;
            }
            gone.paths.push(row.path);
        }
        match row.contents {
            Contents::Empty | Contents::Inline(_) => Ok(()),
            Contents::Extents(extents) => {
                gone.chunks(&extents);
                Ok(())
            }
            Contents::Tree { root, level, extents } => {
                self.extents(Run { id: root, len: row.meta.size, extents }, level, gone)
            }
        }
    }

    fn extents(&mut self, run: Run, level: u8, gone: &mut Gone) -> Result<(), RepoError> {
        // What a page says of another is held to that one only once: pages may name each other over and over.
        if self.out.extents.contains(&run.id) || !gone.extents.insert(run.id) {
            return Ok(());
        }
        match extent_page(run, level, &mut self.extents)? {
            ExtentPage::Leaf(extents) => {
                gone.chunks(&extents);
                Ok(())
            }
            ExtentPage::Inner { runs, .. } => {
                runs.into_iter().try_for_each(|run| self.extents(run, level.saturating_sub(1), gone))
            }
        }
    }
}

impl Gone {
    fn chunks(&mut self, extents: &[Extent]) {
        self.contents.extend(extents.iter().filter_map(|extent| match extent {
            Extent::Hole { .. } => None,
            Extent::Chunk { id, len } => Some((*id, *len)),
        }));
    }
}

/// The same for the same snapshot and the same words, and nobody without a key can try which words those were.
fn new_id(repository: &Repository, old: SnapshotId, asked: &[u8]) -> SnapshotId {
    let secret = derive("dr v1 written anew", &[&repository.writer.naming.list.0, &old.0, asked]);
    let mut id = [0; 16];
    id.copy_from_slice(&secret.0[..16]);
    SnapshotId(id)
}
