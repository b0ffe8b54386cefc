//! In which snapshots is it? Many trees are walked side by side, and a page that several share is read once.
//!
//! All trees stand at the same path at any moment. Who comes to a page that another tree has open joins it there: a
//! page that was passed lies behind everybody. So memory holds one page of each level for each *different* state of
//! that part of the tree, and of leaves only the rows that are wanted.

use std::cmp::Reverse;
use std::collections::btree_map::BTreeMap;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::{EntryPath, Meta};
use dr_format::id::ChunkId;
use dr_format::page::{Child, Page, Row};
use dr_format::tree::may_hold;

use crate::error::RepoError;
use crate::read::look::{Pages, Stand, Tree, as_child, is_wanted, same_contents};
use crate::read::repository::Repository;

/// What is looked for, and where.
pub struct FindOptions<'a> {
    /// The snapshots, newest first, of one source: versions are followed from one to the next.
    pub trees: &'a [Tree],
    /// Nothing outside these paths, and no page that holds nothing of them; empty for everything.
    pub paths: &'a [EntryPath],
    /// What is wanted of an entry.
    pub wanted: &'a dyn Fn(&EntryPath, &Meta) -> bool,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
}

/// A path that was found, with everything that it has been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub path: EntryPath,
    /// Newest first; at least one.
    pub versions: Vec<Version>,
}

/// The same contents in snapshots that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What it is in the newest of them.
    pub meta: Meta,
    /// The newest of them, by its place in [`FindOptions::trees`].
    pub newest: usize,
    /// The oldest of them.
    pub oldest: usize,
}

/// How a search went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindReport {
    /// Tree pages that were read.
    pub pages: u64,
    /// Parts that could not be searched, and why; at most 1,000.
    pub lost: Vec<(SnapshotPlaces, String)>,
}

/// Some of [`FindOptions::trees`], by their places there.
pub type SnapshotPlaces = Vec<usize>;

const LOST_MAX: usize = 1_000;

/// Calls `each` with everything that is wanted, in path order.
pub fn find(
    repository: &Repository,
    search: &FindOptions<'_>,
    each: &mut dyn FnMut(Found) -> Result<(), RepoError>,
) -> Result<FindReport, RepoError> {
    let mut walk = Walk {
        search,
        pages: Pages::new(repository)?,
        open: HashMap::new(),
        next: BinaryHeap::new(),
        todo: Vec::new(),
        bad: HashSet::new(),
        lost: Vec::new(),
    };
    for (number, tree) in search.trees.iter().enumerate() {
        if let Some(root) = &tree.root {
            let stand = Stand { level: root.level.saturating_add(1), behind: None, top: true };
            walk.enter(&as_child(root), stand, Above::Tree(number))?;
        }
    }
    walk.go_down()?;
    while let Some((path, hits)) = walk.step()? {
        if search.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        if !hits.is_empty() {
            each(Found { path, versions: versions(hits) })?;
        }
    }
    Ok(FindReport { pages: walk.pages.read, lost: walk.lost })
}

/// What leads to an open page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    Tree(usize),
    Page(ChunkId),
}

/// An open page, once for all trees that stand in it.
struct Open {
    level: u8,
    first: EntryPath,
    last: EntryPath,
    above: Vec<Above>,
    what: What,
}

enum What {
    Inner { children: std::vec::IntoIter<Child>, before: Option<EntryPath> },
    Leaf(VecDeque<Row>),
}

struct Walk<'a> {
    search: &'a FindOptions<'a>,
    pages: Pages<'a>,
    open: HashMap<ChunkId, Open>,
    /// The next wanted row of each open leaf; then, once more, where the leaf ends.
    next: BinaryHeap<Reverse<(EntryPath, ChunkId)>>,
    /// Inner pages whose next child is to be opened.
    todo: Vec<ChunkId>,
    bad: HashSet<ChunkId>,
    lost: Vec<(Vec<usize>, String)>,
}

impl Walk<'_> {
    /// Opens a page, or joins it. `false`: it cannot be had.
    fn enter(&mut self, child: &Child, stand: Stand<'_>, above: Above) -> Result<bool, RepoError> {
        if let Some(open) = self.open.get_mut(&child.id) {
            let fits = open.level.checked_add(1) == Some(stand.level)
                && (stand.top || open.last == child.last)
                && stand.behind.is_none_or(|behind| *behind < open.first);
            if fits {
                open.above.push(above);
            } else {
                self.lose(above, format!("tree page {} is not the page that its parent means", child.id));
            }
            return Ok(fits);
        }
        if self.bad.contains(&child.id) {
            self.lose(above, format!("tree page {} is damaged", child.id));
            return Ok(false);
        }
        let page = match self.pages.open(child, stand) {
            Ok(page) => page,
            Err(error) => {
                let why = error.tolerate_damage()?.to_string();
                self.bad.insert(child.id);
                self.lose(above, why);
                return Ok(false);
            }
        };
        let Some((first, last)) = ends(&page) else { return Ok(false) };
        let (level, what) = match page {
            Page::Inner { level, children } => {
                self.todo.push(child.id);
                (level, What::Inner { children: children.into_iter(), before: stand.behind.cloned() })
            }
            Page::Leaf(mut rows) => {
                let search = self.search;
                rows.retain(|row| is_wanted(search.paths, &row.path) && (search.wanted)(&row.path, &row.meta));
                let at = rows.first().map_or_else(|| last.clone(), |row| row.path.clone());
                self.next.push(Reverse((at, child.id)));
                (0, What::Leaf(rows.into()))
            }
        };
        self.open.insert(child.id, Open { level, first, last, above: vec![above], what });
        Ok(true)
    }

    /// Opens children until every tree stands in a leaf or has ended.
    fn go_down(&mut self) -> Result<(), RepoError> {
        while let Some(id) = self.todo.pop() {
            let Some(Open { level, what: What::Inner { children, before }, .. }) = self.open.get_mut(&id) else {
                continue;
            };
            let level = *level;
            match children.next() {
                None => self.close(id),
                Some(child) => {
                    let behind = before.replace(child.last.clone());
                    let stand = Stand { level, behind: behind.as_ref(), top: false };
                    let entered = may_hold(self.search.paths, behind.as_ref(), &child.last)
                        && self.enter(&child, stand, Above::Page(id))?;
                    if !entered {
                        self.todo.push(id);
                    }
                }
            }
        }
        Ok(())
    }

    /// A page is done: whatever leads to it goes on.
    fn close(&mut self, id: ChunkId) {
        let above = self.open.remove(&id).map(|open| open.above).unwrap_or_default();
        self.todo.extend(above.into_iter().filter_map(|above| match above {
            Above::Page(id) => Some(id),
            Above::Tree(_) => None,
        }));
    }

    /// The next path at which something happens, and the rows there with the trees that have each.
    fn step(&mut self) -> Result<Option<(EntryPath, Vec<Hit>)>, RepoError> {
        let Some(Reverse((path, first))) = self.next.pop() else { return Ok(None) };
        let mut here = vec![first];
        while let Some(Reverse((other, _))) = self.next.peek()
            && *other == path
            && let Some(Reverse((_, id))) = self.next.pop()
        {
            here.push(id);
        }
        let mut hits = Vec::new();
        for id in here {
            let Some(Open { what: What::Leaf(rows), above, last, .. }) = self.open.get_mut(&id) else { continue };
            if rows.front().is_some_and(|row| row.path == path)
                && let Some(row) = rows.pop_front()
            {
                let at = rows.front().map_or_else(|| last.clone(), |row| row.path.clone());
                let above = above.clone();
                self.next.push(Reverse((at, id)));
                hits.push(Hit { row, trees: self.trees(&above) });
            } else {
                self.close(id);
            }
        }
        self.go_down()?;
        Ok(Some((path, hits)))
    }

    /// The trees that stand below these.
    fn trees(&self, above: &[Above]) -> Vec<usize> {
        let (mut trees, mut seen, mut todo) = (BTreeSet::new(), HashSet::new(), above.to_vec());
        while let Some(above) = todo.pop() {
            match above {
                Above::Tree(number) => drop(trees.insert(number)),
                Above::Page(id) if seen.insert(id) => {
                    todo.extend(self.open.get(&id).into_iter().flat_map(|open| open.above.iter().copied()));
                }
                Above::Page(_) => {}
            }
        }
        trees.into_iter().collect()
    }

    fn lose(&mut self, above: Above, why: String) {
        if self.lost.len() < LOST_MAX {
            self.lost.push((self.trees(&[above]), why));
        }
    }
}

fn ends(page: &Page) -> Option<(EntryPath, EntryPath)> {
    match page {
        Page::Leaf(rows) => Some((rows.first()?.path.clone(), rows.last()?.path.clone())),
        Page::Inner { children, .. } => Some((children.first()?.last.clone(), children.last()?.last.clone())),
    }
}

struct Hit {
    row: Row,
    trees: Vec<usize>,
}

/// The rows of one path as runs of neighbours with the same contents, newest first.
fn versions(hits: Vec<Hit>) -> Vec<Version> {
    let by_tree: BTreeMap<usize, usize> =
        hits.iter().enumerate().flat_map(|(at, hit)| hit.trees.iter().map(move |tree| (*tree, at))).collect();
    let mut out: Vec<(usize, Version)> = Vec::new();
    for (tree, at) in by_tree {
        let row = &hits[at].row;
        match out.last_mut() {
            Some((before, version))
                if version.oldest + 1 == tree && (*before == at || same_contents(&hits[*before].row, row)) =>
            {
                version.oldest = tree;
            }
            _ => out.push((at, Version { meta: row.meta.clone(), newest: tree, oldest: tree })),
        }
    }
    out.into_iter().map(|(_, version)| version).collect()
}
