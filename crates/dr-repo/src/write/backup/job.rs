//! What the threads of a backup hand to each other.

use dr_entry::{Entry, Unread};
use dr_format::page::Row;

use crate::write::cache::Known;

pub(super) enum Item {
    Fresh(Entry),
    Same(Entry, Known),
    Unread(Unread),
}

pub(super) struct Job {
    pub(super) sequence: u64,
    pub(super) items: Vec<Item>,
}

/// What became of one item.
#[expect(clippy::large_enum_variant, reason = "nearly every outcome is a row")]
pub(super) enum Outcome {
    Row { row: Row, stamp: Option<dr_entry::Stamp>, unsettled: bool, lacking: Vec<String> },
    Unread(Unread),
}

pub(super) struct Done {
    pub(super) sequence: u64,
    pub(super) results: Vec<Outcome>,
}
