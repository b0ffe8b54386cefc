//! The tree of a snapshot: pages over pages, built in one pass and read the same way.

use dr_entry::{EntryPath, Kind};

use crate::error::FormatError;
use crate::format::{PAGE_CUT, PAGE_DECODED_CUT, PAGE_MIN, PAGE_ROWS_MAX};
use crate::id::{ChunkId, Secret};
use crate::page::{self, Child, Contents, Page, Row};

/// Keeps a page and names it.
pub type Keep<'a, E> = dyn FnMut(&[u8]) -> Result<ChunkId, E> + 'a;

/// Builds pages from rows that come in path order. Where a page ends depends on the last path alone (and on
/// sizes), so that a change moves no other boundary.
pub struct TreeBuilder {
    cut_key: [u8; 32],
    rows: Vec<Row>,
    raw: usize,
    /// What the rows take once they are decoded again.
    decoded: usize,
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    children: Vec<Child>,
    raw: usize,
}

/// One in so many paths may end a leaf. Small leaves: changes that are scattered over a tree cost one leaf each.
const LEAF_ENDS: u32 = 32;
/// One in so many ends of leaves may end an inner page.
const INNER_ENDS: u32 = 64;

/// The root of a finished tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub id: ChunkId,
    pub level: u8,
}

impl TreeBuilder {
    pub fn new(page_key: &Secret) -> Self {
        Self { cut_key: page_key.0, rows: Vec::new(), raw: 0, decoded: 0, levels: Vec::new() }
    }

    /// Whether a page may end with this path, as one path in so many says.
    fn marks(&self, path: &EntryPath, one_in: u32) -> bool {
        let hash = blake3::keyed_hash(&self.cut_key, path.as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        u32::from_le_bytes([a, b, c, d]).is_multiple_of(one_in)
    }

    pub fn push<E>(&mut self, row: Row, keep: &mut Keep<'_, E>) -> Result<(), E> {
        let size = weight(&row);
        let decoded = row.path.as_bytes().len() + xattrs_len(&row);
        if self.raw + size > PAGE_CUT || self.decoded + decoded > PAGE_DECODED_CUT {
            self.close_leaf(keep)?;
        }
        self.raw += size;
        self.decoded += decoded;
        self.rows.push(row);
        let cut = self.raw >= PAGE_MIN && self.rows.last().is_some_and(|row| self.marks(&row.path, LEAF_ENDS));
        if cut || self.rows.len() >= PAGE_ROWS_MAX / 2 {
            self.close_leaf(keep)?;
        }
        Ok(())
    }

    fn close_leaf<E>(&mut self, keep: &mut Keep<'_, E>) -> Result<(), E> {
        let Some(last) = self.rows.last() else { return Ok(()) };
        let child = Child {
            last: last.path.clone(),
            entries: self.rows.len() as u64,
            bytes: self.rows.iter().map(|row| row.meta.size).fold(0, u64::saturating_add),
            id: keep(&page::encode_leaf(&self.rows))?,
        };
        self.rows.clear();
        (self.raw, self.decoded) = (0, 0);
        self.climb(0, child, keep)
    }

    fn climb<E>(&mut self, level: usize, child: Child, keep: &mut Keep<'_, E>) -> Result<(), E> {
        if self.levels.len() == level {
            self.levels.push(Level::default());
        }
        let marked = self.marks(&child.last, LEAF_ENDS * INNER_ENDS);
        let here = &mut self.levels[level];
        // Whole paths: also what an inner page takes once it is decoded.
        here.raw += child.last.as_bytes().len() + 40;
        here.children.push(child);
        // Two children at least: where one alone reaches the bounds, each level would be as long as the one below.
        if here.children.len() >= 2 && ((marked && here.raw >= PAGE_MIN) || here.raw >= PAGE_CUT) {
            let up = self.close_level(level, keep)?;
            self.climb(level + 1, up, keep)?;
        }
        Ok(())
    }

    fn close_level<E>(&mut self, level: usize, keep: &mut Keep<'_, E>) -> Result<Child, E> {
        let Level { children, .. } = std::mem::take(&mut self.levels[level]);
        Ok(Child {
            last: children.last().map(|child| child.last.clone()).unwrap_or_default(),
            entries: children.iter().map(|child| child.entries).sum(),
            bytes: children.iter().map(|child| child.bytes).fold(0, u64::saturating_add),
            id: keep(&page::encode_inner(level as u8 + 1, &children))?,
        })
    }

    /// Whether a page of this level that stands in another tree may be taken whole: no page below or beside it is open.
    pub fn is_between(&self, level: u8) -> bool {
        self.rows.is_empty() && self.levels.iter().take(usize::from(level)).all(|level| level.children.is_empty())
    }

    /// Takes a page of another tree whole, where [`TreeBuilder::is_between`]. What follows it must be what follows it
    /// there: a leaf may have ended because of the next row.
    pub fn take<E>(&mut self, level: u8, child: Child, keep: &mut Keep<'_, E>) -> Result<(), E> {
        while self.levels.len() < usize::from(level) {
            self.levels.push(Level::default());
        }
        self.climb(usize::from(level), child, keep)
    }

    /// Closes what is open. `None` for a tree without entries.
    pub fn finish<E>(mut self, keep: &mut Keep<'_, E>) -> Result<Option<Root>, E> {
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

fn xattrs_len(row: &Row) -> usize {
    row.meta.xattrs.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
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
    let xattrs = xattrs_len(row);
    // Paths are front-coded: most of a path is its neighbour's.
    row.path.name().len() + 20 + contents + text + xattrs
}

/// Gets a page of the given level by its id. Implementations check the id.
pub type Fetch<'a, E> = dyn FnMut(ChunkId) -> Result<Vec<u8>, E> + 'a;

/// Reads the rows of a tree in order, holding one page of each level.
pub struct Walk {
    stack: Vec<Open>,
    /// Only rows at or below one of these, and the directories above them. Empty: everything.
    wanted: Vec<EntryPath>,
    last: Option<EntryPath>,
    /// Directories that are open around the current row.
    inside: Vec<EntryPath>,
}

enum Open {
    /// `before` is the last path of the child before the next one: a child holds what lies behind it.
    Inner {
        level: u8,
        children: std::vec::IntoIter<Child>,
        before: Option<EntryPath>,
        top: bool,
    },
    Leaf(std::vec::IntoIter<Row>),
}

/// What a walk meets.
pub enum Step<E> {
    Row(Box<Row>),
    /// A page that cannot be had: everything from behind the last row up to this path is missing.
    Lost {
        up_to: Option<EntryPath>,
        why: E,
    },
    End,
}

impl Walk {
    pub fn new(root: &Root, wanted: Vec<EntryPath>) -> Self {
        let child = Child { last: EntryPath::root(), id: root.id, entries: 0, bytes: 0 };
        Self {
            stack: vec![Open::Inner {
                level: root.level + 1,
                children: vec![child].into_iter(),
                before: None,
                top: true,
            }],
            wanted,
            last: None,
            inside: Vec::new(),
        }
    }

    fn wants(&self, path: &EntryPath) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|w| path.is_within(w) || w.is_within(path))
    }

    pub fn next<E: From<FormatError>>(&mut self, fetch: &mut Fetch<'_, E>) -> Step<E> {
        loop {
            match self.stack.last_mut() {
                None => return Step::End,
                Some(Open::Leaf(rows)) => match rows.next() {
                    None => {
                        self.stack.pop();
                    }
                    Some(row) => {
                        if let Err(why) = self.check(&row) {
                            self.stack.clear();
                            return Step::Lost { up_to: None, why: why.into() };
                        }
                        if self.wants(&row.path) {
                            return Step::Row(Box::new(row));
                        }
                    }
                },
                Some(Open::Inner { level, children, before, top }) => {
                    let (level, top) = (*level, *top);
                    match children.next() {
                        None => {
                            self.stack.pop();
                        }
                        Some(child) => {
                            let behind = before.replace(child.last.clone());
                            if !top && !may_hold(&self.wanted, behind.as_ref(), &child.last) {
                                continue;
                            }
                            match open(level, &child, behind.as_ref(), top, fetch) {
                                Ok(open) => self.stack.push(open),
                                Err(why) => return Step::Lost { up_to: (!top).then_some(child.last), why },
                            }
                        }
                    }
                }
            }
        }
    }

    /// Rows of a hostile tree may be in any order, or below something that is no directory.
    fn check(&mut self, row: &Row) -> Result<(), FormatError> {
        let bad = |what: &str| FormatError::damaged(format!("the tree at {}", row.path), what);
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

/// Whether a child with the paths behind `behind` up to `last` may hold a wanted path, something below one, or a
/// directory above one.
pub fn may_hold(wanted: &[EntryPath], behind: Option<&EntryPath>, last: &EntryPath) -> bool {
    let inside = |path: &EntryPath| behind.is_none_or(|behind| behind < path) && path <= last;
    wanted.is_empty()
        || wanted.iter().any(|wanted| {
            let is_past = behind.is_some_and(|behind| behind > wanted && !behind.is_within(wanted));
            let above = std::iter::successors(wanted.parent(), EntryPath::parent);
            (last >= wanted && !is_past) || above.into_iter().any(|directory| inside(&directory))
        })
}

/// Opens a page and holds it to what its parent says: its level, its last path, and that it begins behind its
/// neighbour. So levels only fall, paths only rise, and no page can stand in a tree twice.
fn open<E: From<FormatError>>(
    level: u8,
    child: &Child,
    behind: Option<&EntryPath>,
    top: bool,
    fetch: &mut Fetch<'_, E>,
) -> Result<Open, E> {
    let bytes = fetch(child.id)?;
    let bad = |what: &str| FormatError::damaged(format!("tree page {}", child.id), what);
    let page = page::decode(&bytes).map_err(|e| bad(e.0))?;
    if !page.stands(level, behind, (!top).then_some(&child.last)) {
        return Err(bad("it is not the page that its parent means").into());
    }
    Ok(match page {
        Page::Leaf(rows) => Open::Leaf(rows.into_iter()),
        Page::Inner { level, children } => {
            Open::Inner { level, children: children.into_iter(), before: behind.cloned(), top: false }
        }
    })
}

/// Whether the parent of `path` is the root or one of the directories in `open` (outermost first).
pub fn has_parent(open: &[EntryPath], path: &EntryPath) -> bool {
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

    fn directory(path: &str) -> Row {
        Row { meta: Meta::plain(Kind::Directory, 0o755), ..row(path, 0) }
    }

    fn build(rows: &[Row]) -> (Option<Root>, HashMap<ChunkId, Vec<u8>>) {
        let mut pages = HashMap::new();
        let mut keep = |bytes: &[u8]| {
            let mut id = [0; 24];
            id.copy_from_slice(&blake3::hash(bytes).as_bytes()[..24]);
            pages.insert(ChunkId(id), bytes.to_vec());
            Ok::<_, FormatError>(ChunkId(id))
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
            match walk.next(&mut |id| pages.get(&id).cloned().ok_or(FormatError::damaged(id, "it is not there"))) {
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
    fn a_wanted_path_comes_with_the_directories_above_it_wherever_their_pages_are() {
        let mut rows = vec![directory("dir"), directory("dir/deep")];
        rows.extend((0..30_000).map(|n| row(&format!("dir/deep/f{n:06}"), n)));
        rows.push(row("dir/later", 1));
        let (root, pages) = build(&rows);
        let root = root.unwrap();
        let mut fetched = 0;
        let mut walk = Walk::new(&root, vec![EntryPath::new(&b"dir/deep/f020000"[..]).unwrap()]);
        let mut names = Vec::new();
        loop {
            match walk.next(&mut |id| {
                fetched += 1;
                pages.get(&id).cloned().ok_or(FormatError::damaged(id, "it is not there"))
            }) {
                Step::Row(row) => names.push(row.path.to_string()),
                Step::Lost { why, .. } => panic!("{why}"),
                Step::End => break,
            }
        }
        assert_eq!(names, ["dir", "dir/deep", "dir/deep/f020000"]);
        assert!(fetched < 10, "{fetched} of {} pages for one file", pages.len());
    }

    #[test]
    fn a_page_that_stands_in_a_tree_twice_is_refused() {
        let rows: Vec<Row> = (0..3).map(|n| row(&format!("f{n}"), n)).collect();
        let leaf = page::encode_leaf(&rows);
        let id = |n: u8| ChunkId([n; 24]);
        let child =
            |last: &str| Child { last: EntryPath::new(last.as_bytes()).unwrap(), id: id(1), entries: 3, bytes: 0 };
        let inner = page::encode_inner(1, &[child("f2"), child("g"), child("h")]);
        let pages: HashMap<_, _> = [(id(1), leaf), (id(2), inner)].into();
        let mut walk = Walk::new(&Root { id: id(2), level: 1 }, vec![]);
        let (mut seen, mut lost) = (0, 0);
        loop {
            match walk.next(&mut |id| pages.get(&id).cloned().ok_or(FormatError::damaged(id, "it is not there"))) {
                Step::Row(_) => seen += 1,
                Step::Lost { .. } => lost += 1,
                Step::End => break,
            }
        }
        assert_eq!((seen, lost), (3, 2));
    }

    #[test]
    fn paths_that_fill_a_page_each_do_not_pile_up_levels() {
        for len in [2 * PAGE_MIN, PAGE_CUT + 1] {
            let deep = vec!["d".repeat(200); len / 200 + 1].join("/");
            let key = Secret([5; 32]);
            let builder = TreeBuilder::new(&key);
            // Short ones: only such as end a leaf and an inner page of every level. Long ones end each by their length.
            let ends = |path: &EntryPath| len > PAGE_CUT || builder.marks(path, LEAF_ENDS * INNER_ENDS);
            let rows: Vec<Row> =
                (0..).map(|n| row(&format!("{n:09}/{deep}"), n)).filter(|row| ends(&row.path)).take(16).collect();
            let (root, pages) = build(&rows);
            let root = root.unwrap();
            assert!(root.level <= 5, "{} levels above {} leaves", root.level, rows.len());
            assert_eq!(read(&root, &pages, vec![]), rows);
        }
    }

    #[test]
    fn a_tree_without_entries_has_no_root() {
        assert_eq!(build(&[]).0, None);
    }
}
