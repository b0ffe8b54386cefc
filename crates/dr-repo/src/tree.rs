//! The tree of a snapshot: pages over pages, built in one pass and read the same way.

use dr_entry::{EntryPath, Kind};

use crate::error::RepoError;
use crate::format::{PAGE_CUT, PAGE_MIN, PAGE_ROWS_MAX};
use crate::id::{ChunkId, Secret};
use crate::page::{self, Child, Contents, Page, Row};

/// Keeps a page and names it.
pub(crate) type Keep<'a> = dyn FnMut(&[u8]) -> Result<ChunkId, RepoError> + 'a;

/// Builds pages from rows that come in path order. Where a page ends depends on the last path alone (and on
/// sizes), so that a change moves no other boundary.
pub(crate) struct TreeBuilder {
    cut_key: [u8; 32],
    rows: Vec<Row>,
    raw: usize,
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    children: Vec<Child>,
    raw: usize,
}

/// The root of a finished tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) id: ChunkId,
    pub(crate) level: u8,
}

impl TreeBuilder {
    pub(crate) fn new(page_key: &Secret) -> Self {
        Self { cut_key: page_key.0, rows: Vec::new(), raw: 0, levels: Vec::new() }
    }

    /// One in 512 paths may end a leaf, one in 64 ends of leaves an inner page.
    fn marks(&self, path: &EntryPath, mask: u32) -> bool {
        let hash = blake3::keyed_hash(&self.cut_key, path.as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        u32::from_le_bytes([a, b, c, d]) & mask == 0
    }

    pub(crate) fn push(&mut self, row: Row, keep: &mut Keep<'_>) -> Result<(), RepoError> {
        let size = weight(&row);
        if self.raw + size > PAGE_CUT {
            self.close_leaf(keep)?;
        }
        self.raw += size;
        self.rows.push(row);
        let cut = self.raw >= PAGE_MIN && self.rows.last().is_some_and(|row| self.marks(&row.path, 511));
        if cut || self.rows.len() >= PAGE_ROWS_MAX / 2 {
            self.close_leaf(keep)?;
        }
        Ok(())
    }

    fn close_leaf(&mut self, keep: &mut Keep<'_>) -> Result<(), RepoError> {
        let Some(last) = self.rows.last() else { return Ok(()) };
        let child = Child {
            last: last.path.clone(),
            entries: self.rows.len() as u64,
            bytes: self.rows.iter().map(|row| row.meta.size).fold(0, u64::saturating_add),
            id: keep(&page::encode_leaf(&self.rows))?,
        };
        self.rows.clear();
        self.raw = 0;
        self.climb(0, child, keep)
    }

    fn climb(&mut self, level: usize, child: Child, keep: &mut Keep<'_>) -> Result<(), RepoError> {
        if self.levels.len() == level {
            self.levels.push(Level::default());
        }
        let marked = self.marks(&child.last, (64 << 9) - 1);
        let here = &mut self.levels[level];
        here.raw += child.last.as_bytes().len() + 40;
        here.children.push(child);
        if (marked && here.raw >= PAGE_MIN / 4) || here.raw >= PAGE_CUT {
            let up = self.close_level(level, keep)?;
            self.climb(level + 1, up, keep)?;
        }
        Ok(())
    }

    fn close_level(&mut self, level: usize, keep: &mut Keep<'_>) -> Result<Child, RepoError> {
        let Level { children, .. } = std::mem::take(&mut self.levels[level]);
        Ok(Child {
            last: children.last().map(|child| child.last.clone()).unwrap_or_default(),
            entries: children.iter().map(|child| child.entries).sum(),
            bytes: children.iter().map(|child| child.bytes).fold(0, u64::saturating_add),
            id: keep(&page::encode_inner(level as u8 + 1, &children))?,
        })
    }

    /// Closes what is open. `None` for a tree without entries.
    pub(crate) fn finish(mut self, keep: &mut Keep<'_>) -> Result<Option<Root>, RepoError> {
        self.close_leaf(keep)?;
        let mut level = 0;
        while level < self.levels.len() {
            let is_top = level + 1 == self.levels.len();
            if is_top && let [only] = self.levels[level].children.as_slice() {
                return Ok(Some(Root { id: only.id, level: level as u8 }));
            }
            if !self.levels[level].children.is_empty() {
                let up = self.close_level(level, keep)?;
                if is_top {
                    self.levels.push(Level::default());
                }
                self.levels[level + 1].children.push(up);
            }
            level += 1;
        }
        Ok(None)
    }
}

/// About how many bytes a row takes in its page.
fn weight(row: &Row) -> usize {
    let contents = match &row.contents {
        Contents::Empty => 1,
        Contents::Inline(bytes) => bytes.len() + 2,
        Contents::Extents(extents) => extents.len() * 28 + 2,
        Contents::Tree { .. } => 32,
    };
    let text = if let Kind::Symlink(text) = &row.meta.kind { text.len() } else { 0 };
    let xattrs: usize = row.meta.xattrs.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    // Paths are front-coded: most of a path is its neighbour's.
    row.path.name().len() + 20 + contents + text + xattrs
}

/// Gets a page of the given level by its id. Implementations check the id.
pub(crate) type Fetch<'a> = dyn FnMut(ChunkId) -> Result<Vec<u8>, RepoError> + 'a;

/// Reads the rows of a tree in order, holding one page of each level.
pub(crate) struct Walk {
    stack: Vec<Open>,
    /// Only rows at or below one of these, and the directories above them. Empty: everything.
    wanted: Vec<EntryPath>,
    last: Option<EntryPath>,
    /// Directories that are open around the current row.
    inside: Vec<EntryPath>,
}

enum Open {
    Inner { level: u8, children: std::vec::IntoIter<Child> },
    Leaf(std::vec::IntoIter<Row>),
}

/// What a walk meets.
pub(crate) enum Step {
    Row(Box<Row>),
    /// A page that cannot be had: everything from behind the last row up to this path is missing.
    Lost {
        up_to: Option<EntryPath>,
        why: RepoError,
    },
    End,
}

impl Walk {
    pub(crate) fn new(root: &Root, wanted: Vec<EntryPath>) -> Self {
        let child = Child { last: EntryPath::root(), id: root.id, entries: 0, bytes: 0 };
        Self {
            stack: vec![Open::Inner { level: root.level + 1, children: vec![child].into_iter() }],
            wanted,
            last: None,
            inside: Vec::new(),
        }
    }

    fn wants(&self, path: &EntryPath) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|w| path.is_within(w) || w.is_within(path))
    }

    pub(crate) fn next(&mut self, fetch: &mut Fetch<'_>) -> Step {
        loop {
            let is_root_frame = self.stack.len() == 1;
            match self.stack.last_mut() {
                None => return Step::End,
                Some(Open::Leaf(rows)) => match rows.next() {
                    None => {
                        self.stack.pop();
                    }
                    Some(row) => {
                        if let Err(why) = self.check(&row) {
                            self.stack.clear();
                            return Step::Lost { up_to: None, why };
                        }
                        if self.wants(&row.path) {
                            return Step::Row(Box::new(row));
                        }
                    }
                },
                Some(Open::Inner { level, children }) => {
                    let level = *level;
                    match children.next() {
                        None => {
                            self.stack.pop();
                        }
                        Some(child) => {
                            let before_wanted = !is_root_frame
                                && !self.wanted.is_empty()
                                && self.wanted.iter().all(|w| child.last < *w && !w.is_within(&child.last));
                            if before_wanted {
                                continue;
                            }
                            match self.open(level, &child, fetch) {
                                Ok(open) => self.stack.push(open),
                                Err(why) => {
                                    let up_to = (!is_root_frame).then_some(child.last);
                                    return Step::Lost { up_to, why };
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn open(&self, level: u8, child: &Child, fetch: &mut Fetch<'_>) -> Result<Open, RepoError> {
        let bytes = fetch(child.id)?;
        let bad = |what: &str| RepoError::damaged(format!("tree page {}", child.id), what);
        match page::decode(&bytes).map_err(|e| bad(e.0))? {
            Page::Leaf(rows) if level == 1 => Ok(Open::Leaf(rows.into_iter())),
            Page::Inner { level: own, children } if own + 1 == level => {
                Ok(Open::Inner { level: own, children: children.into_iter() })
            }
            // Levels only fall, so a page can never contain itself.
            _ => Err(bad("it is of the wrong level")),
        }
    }

    /// Rows of a hostile tree may be in any order, or below something that is no directory.
    fn check(&mut self, row: &Row) -> Result<(), RepoError> {
        let bad = |what: &str| RepoError::damaged(format!("the tree at {}", row.path), what);
        if self.last.as_ref().is_some_and(|last| *last >= row.path) {
            return Err(bad("entries are out of order"));
        }
        while self.inside.last().is_some_and(|dir| !row.path.is_within(dir)) {
            self.inside.pop();
        }
        if row.meta.kind == Kind::Directory {
            self.inside.push(row.path.clone());
        }
        self.last = Some(row.path.clone());
        Ok(())
    }
}

/// Whether the parent of `path` is the root or one of the directories in `open` (outermost first).
pub(crate) fn has_parent(open: &[EntryPath], path: &EntryPath) -> bool {
    match path.parent() {
        None => true,
        Some(parent) => parent.is_root() || open.contains(&parent),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use dr_entry::{Meta, Profile};

    use super::*;

    fn row(path: &str, size: u64) -> Row {
        let mut meta = Meta::plain(Kind::Symlink(size.to_le_bytes().to_vec()), 0o777);
        meta.mtime.seconds = size as i64;
        Row { path: EntryPath::new(path.as_bytes()).unwrap(), meta, profile: Profile::Auto, contents: Contents::Empty }
    }

    fn build(rows: &[Row]) -> (Option<Root>, HashMap<ChunkId, Vec<u8>>) {
        let mut pages = HashMap::new();
        let mut keep = |bytes: &[u8]| {
            let mut id = [0; 24];
            id.copy_from_slice(&blake3::hash(bytes).as_bytes()[..24]);
            pages.insert(ChunkId(id), bytes.to_vec());
            Ok(ChunkId(id))
        };
        let mut builder = TreeBuilder::new(&Secret([5; 32]));
        for row in rows {
            builder.push(row.clone(), &mut keep).unwrap();
        }
        let root = builder.finish(&mut keep).unwrap();
        (root, pages)
    }

    fn read(root: &Root, pages: &HashMap<ChunkId, Vec<u8>>, wanted: Vec<EntryPath>) -> Vec<Row> {
        let mut walk = Walk::new(root, wanted);
        let mut out = Vec::new();
        loop {
            match walk.next(&mut |id| pages.get(&id).cloned().ok_or(RepoError::CannotRead)) {
                Step::Row(row) => out.push(*row),
                Step::Lost { why, .. } => panic!("{why}"),
                Step::End => return out,
            }
        }
    }

    #[test]
    fn a_tree_comes_back_and_one_change_rewrites_one_page_a_level() {
        let mut rows: Vec<Row> = (0..30_000).map(|n| row(&format!("dir{:03}/file-{n:06}", n / 100), n)).collect();
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        let (root, pages) = build(&rows);
        let root = root.unwrap();
        assert!(root.level >= 1);
        assert_eq!(read(&root, &pages, vec![]), rows);
        let some = read(&root, &pages, vec![EntryPath::new(&b"dir123"[..]).unwrap()]);
        assert_eq!(some.len(), 100);

        rows[15_000].meta.mtime.nanos = 1;
        let (_, after) = build(&rows);
        let fresh = after.keys().filter(|id| !pages.contains_key(id)).count();
        assert!(fresh <= usize::from(root.level) + 1, "{fresh} pages for one change");
    }

    #[test]
    fn a_tree_without_entries_has_no_root() {
        assert_eq!(build(&[]).0, None);
    }
}
