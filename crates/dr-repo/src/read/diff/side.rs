//! Where does one of two trees stand? At a page that is not opened yet, at a row, or at its end.

use dr_entry::EntryPath;
use dr_format::id::ChunkId;
use dr_format::page::{Child, Page, Row};
use dr_format::tree::{Root, may_hold};

use crate::error::RepoError;
use crate::read::look::{Pages, Stand, as_child, is_wanted};

/// One tree on the way through.
pub(super) struct Side {
    stack: Vec<Open>,
    /// Rows and pages that were taken or passed: what was opened since then is untouched.
    passed: u64,
    /// Behind the one and up to the other path anything may have been: a page there cannot be read.
    holes: Vec<(Option<EntryPath>, EntryPath)>,
    pub(super) lost: Vec<String>,
}

struct Open {
    id: ChunkId,
    /// [`Side::passed`] when this was opened.
    passed: u64,
    what: What,
}

enum What {
    Inner { level: u8, children: Vec<Child>, at: usize, behind: Option<EntryPath>, top: bool },
    Leaf { rows: Vec<Option<Row>>, at: usize },
}

/// What comes next.
#[derive(Clone, Copy)]
pub(super) enum Head<'a> {
    Child(Ahead<'a>),
    Row(&'a Row),
    End,
}

/// A page that is not opened yet.
#[derive(Clone, Copy)]
pub(super) struct Ahead<'a> {
    pub(super) id: ChunkId,
    pub(super) level: u8,
    pub(super) behind: Option<&'a EntryPath>,
    pub(super) last: &'a EntryPath,
}

impl<'a> Head<'a> {
    pub(super) fn path(self) -> Option<&'a EntryPath> {
        match self {
            Self::Row(row) => Some(&row.path),
            Self::Child(_) | Self::End => None,
        }
    }
}

impl Side {
    pub(super) fn new(root: Option<&Root>) -> Self {
        let open = |root: &Root| Open {
            id: ChunkId([0; 24]),
            passed: 0,
            what: What::Inner {
                level: root.level.saturating_add(1),
                children: vec![as_child(root)],
                at: 0,
                behind: None,
                top: true,
            },
        };
        // So that nothing counts as untouched that was never opened.
        Self { stack: root.map(open).into_iter().collect(), passed: 1, holes: Vec::new(), lost: Vec::new() }
    }

    /// Passes what is not wanted.
    pub(super) fn settle(&mut self, wanted: &[EntryPath]) {
        while let Some(open) = self.stack.last_mut() {
            match &mut open.what {
                What::Leaf { rows, at } => {
                    while let Some(Some(row)) = rows.get(*at)
                        && !is_wanted(wanted, &row.path)
                    {
                        *at += 1;
                    }
                    if *at < rows.len() {
                        return;
                    }
                }
                What::Inner { children, at, behind, top, .. } => {
                    while let Some(child) = children.get(*at)
                        && !*top
                        && !may_hold(wanted, behind.as_ref(), &child.last)
                    {
                        *behind = Some(child.last.clone());
                        *at += 1;
                    }
                    if *at < children.len() {
                        return;
                    }
                }
            }
            self.stack.pop();
        }
    }

    pub(super) fn head(&self) -> Head<'_> {
        match self.stack.last().map(|open| &open.what) {
            None => Head::End,
            Some(What::Leaf { rows, at }) => rows.get(*at).and_then(Option::as_ref).map_or(Head::End, Head::Row),
            Some(What::Inner { level, children, at, behind, .. }) => children.get(*at).map_or(Head::End, |child| {
                Head::Child(Ahead {
                    id: child.id,
                    level: level.saturating_sub(1),
                    behind: behind.as_ref(),
                    last: &child.last,
                })
            }),
        }
    }

    /// How deep the page of this id lies among those that were opened and of which nothing was taken yet.
    pub(super) fn just_opened(&self, id: ChunkId) -> Option<usize> {
        self.stack.iter().rposition(|open| open.id == id && open.passed == self.passed)
    }

    /// Leaves an opened page and all below it.
    pub(super) fn leave(&mut self, depth: usize) {
        self.stack.truncate(depth);
        self.passed += 1;
    }

    fn next_child(&mut self) -> Option<(Child, u8, Option<EntryPath>, bool)> {
        match self.stack.last_mut().map(|open| &mut open.what) {
            Some(What::Inner { level, children, at, behind, top }) => {
                let child = children.get(*at)?.clone();
                *at += 1;
                let before = behind.replace(child.last.clone());
                Some((child, *level, before, *top))
            }
            _ => None,
        }
    }

    /// Passes the page ahead.
    pub(super) fn skip(&mut self) {
        self.next_child();
        self.passed += 1;
    }

    /// Opens the page ahead. One that cannot be had is noted and passed.
    pub(super) fn open(&mut self, pages: &mut Pages<'_>) -> Result<(), RepoError> {
        let Some((child, level, behind, top)) = self.next_child() else { return Ok(()) };
        let page = match pages.open(&child, Stand { level, behind: behind.as_ref(), top }) {
            Ok(page) => page,
            // Without its root nothing is known of a tree.
            Err(error) if top => return Err(error),
            Err(error) => {
                self.lost.push(error.tolerate_damage()?.to_string());
                self.holes.push((behind, child.last));
                self.passed += 1;
                return Ok(());
            }
        };
        let what = match page {
            Page::Leaf(rows) => What::Leaf { rows: rows.into_iter().map(Some).collect(), at: 0 },
            Page::Inner { level, children } => What::Inner { level, children, at: 0, behind, top: false },
        };
        self.stack.push(Open { id: child.id, passed: self.passed, what });
        Ok(())
    }

    /// Takes the row ahead.
    pub(super) fn take(&mut self) -> Option<Row> {
        match self.stack.last_mut().map(|open| &mut open.what) {
            Some(What::Leaf { rows, at }) => {
                let row = rows.get_mut(*at)?.take();
                *at += 1;
                self.passed += 1;
                row
            }
            _ => None,
        }
    }

    /// Whether this path may have been in a page that cannot be read.
    pub(super) fn may_have_lost(&self, path: &EntryPath) -> bool {
        self.holes.iter().any(|(behind, up_to)| path <= up_to && behind.as_ref().is_none_or(|behind| path > behind))
    }
}
