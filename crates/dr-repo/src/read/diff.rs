//! What is different between two snapshots? Both trees are walked in step, and a page that both have is not read.
//!
//! Pages are named by what is in them. Where both sides are about to open the same page, everything in it is equal;
//! where one side has opened it already and taken nothing from it yet, likewise. So one change among a million files
//! costs the pages on the way to it.

mod difference;
mod renames;
mod side;

use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::EntryPath;
use dr_format::page::Row;

use crate::error::RepoError;
use crate::read::look::{Pages, Tree, same_contents};
use crate::read::repository::Repository;
pub use difference::{Amount, Aspect, Change, Compared, Difference};
use renames::Renames;
use side::{Head, Side};

/// Which snapshots are compared.
pub struct Diff<'a> {
    /// The earlier one, usually.
    pub from: &'a Tree,
    /// The later one, usually.
    pub to: &'a Tree,
    /// Only these paths and what is below them; empty for everything.
    pub paths: &'a [EntryPath],
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
}

/// Calls `each` with every difference, in path order.
pub fn diff(
    repository: &Repository,
    wanted: &Diff<'_>,
    each: &mut dyn FnMut(Difference) -> Result<(), RepoError>,
) -> Result<Compared, RepoError> {
    let mut pages = Pages::new(repository)?;
    let (mut from, mut to) = (Side::new(wanted.from.root.as_ref()), Side::new(wanted.to.root.as_ref()));
    let mut out = Compared::default();
    let mut renames = Renames::default();
    loop {
        if wanted.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        from.settle(wanted.paths);
        to.settle(wanted.paths);
        let step = next(from.head(), to.head(), &from, &to);
        match step {
            Step::End => break,
            Step::Same => {
                from.skip();
                to.skip();
            }
            Step::SameBelowFrom(depth) => {
                from.leave(depth);
                to.skip();
            }
            Step::SameBelowTo(depth) => {
                from.skip();
                to.leave(depth);
            }
            Step::OpenFrom => from.open(&mut pages)?,
            Step::OpenTo => to.open(&mut pages)?,
            Step::TakeFrom => {
                if let Some(row) = from.take() {
                    if to.may_have_lost(&row.path) {
                        out.unknown += 1;
                    } else {
                        renames.one_sided(row, false, &mut out, each)?;
                    }
                }
            }
            Step::TakeTo => {
                if let Some(row) = to.take() {
                    if from.may_have_lost(&row.path) {
                        out.unknown += 1;
                    } else {
                        renames.one_sided(row, true, &mut out, each)?;
                    }
                }
            }
            Step::TakeBoth => {
                if let (Some(before), Some(after)) = (from.take(), to.take()) {
                    let aspects = aspects(&before, &after);
                    if !aspects.is_empty() {
                        renames.changed(before, after, aspects, &mut out, each)?;
                    }
                }
            }
        }
    }
    out.renames_looked_for = renames.finish(&mut out, each)?;
    out.lost = from.lost.into_iter().chain(to.lost).collect();
    out.pages = pages.read;
    Ok(out)
}

enum Step {
    End,
    /// Both are about to open the same page.
    Same,
    /// The one has just opened the page that the other is about to open.
    SameBelowFrom(usize),
    SameBelowTo(usize),
    OpenFrom,
    OpenTo,
    TakeFrom,
    TakeTo,
    TakeBoth,
}

fn next(from: Head<'_>, to: Head<'_>, left: &Side, right: &Side) -> Step {
    use std::cmp::Ordering as Is;
    match (from, to) {
        (Head::End, Head::End) => Step::End,
        (Head::Child(a), Head::Child(b)) if a.id == b.id => Step::Same,
        (Head::Child(a), Head::Child(b)) => {
            if let Some(depth) = right.just_opened(a.id) {
                Step::SameBelowTo(depth)
            } else if let Some(depth) = left.just_opened(b.id) {
                Step::SameBelowFrom(depth)
            } else if (Reverse(a.level), a.last) <= (Reverse(b.level), b.last) {
                // The higher first, so that both come to the same level; of one level the one that ends first.
                Step::OpenFrom
            } else {
                Step::OpenTo
            }
        }
        (Head::Child(a), other) => match right.just_opened(a.id) {
            Some(depth) => Step::SameBelowTo(depth),
            // What stands at or before the page's beginning is not in it.
            None if other.path().is_some_and(|path| a.behind.is_some_and(|behind| path <= behind)) => Step::TakeTo,
            None => Step::OpenFrom,
        },
        (other, Head::Child(b)) => match left.just_opened(b.id) {
            Some(depth) => Step::SameBelowFrom(depth),
            None if other.path().is_some_and(|path| b.behind.is_some_and(|behind| path <= behind)) => Step::TakeFrom,
            None => Step::OpenTo,
        },
        (Head::Row(_), Head::End) => Step::TakeFrom,
        (Head::End, Head::Row(_)) => Step::TakeTo,
        (Head::Row(a), Head::Row(b)) => match a.path.cmp(&b.path) {
            Is::Less => Step::TakeFrom,
            Is::Greater => Step::TakeTo,
            Is::Equal => Step::TakeBoth,
        },
    }
}

fn aspects(before: &Row, after: &Row) -> Vec<Aspect> {
    let (a, b) = (&before.meta, &after.meta);
    let other_type = std::mem::discriminant(&a.kind) != std::mem::discriminant(&b.kind);
    [
        (other_type, Aspect::Type),
        (!other_type && !same_contents(before, after), Aspect::Content),
        (a.mode != b.mode, Aspect::Mode),
        (a.user != b.user, Aspect::User),
        (a.group != b.group, Aspect::Group),
        (a.mtime != b.mtime, Aspect::Time),
        (a.xattrs != b.xattrs, Aspect::Xattrs),
        // The numbers mean nothing from one snapshot to the next.
        (a.link.is_some() != b.link.is_some(), Aspect::Links),
    ]
    .into_iter()
    .filter_map(|(differs, aspect)| differs.then_some(aspect))
    .collect()
}
