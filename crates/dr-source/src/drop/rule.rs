//! What an export must be, and what was found in its place.

use std::io;
use std::io::Read as _;

use std::path::Path;

use dr_entry::Time;
use dr_plan::FileType;

use crate::driver::Size;
use crate::drop::beside::Beside;

/// What the plan wants of an export.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// The folder.
    pub path: &'a Path,
    /// Which files of it count.
    pub name: &'a str,
    /// The newest must be younger than so many seconds.
    pub fresh: i64,
    /// It must have stood still for so many seconds.
    pub settled: i64,
    /// By how many percent it may be smaller than the last.
    pub shrink: u8,
    /// What it must be inside; `None`: what its name says.
    pub content: Option<FileType>,
    /// What stands beside an export that is whole.
    pub marker: Option<Beside<'a>>,
    /// What stands beside it with what its maker counted.
    pub facts: Option<Beside<'a>>,
    /// The databases of which each must have come in a file of its own.
    pub databases: &'a [String],
}

impl Rule<'_> {
    /// Whether the plan asks more of the export than that it is there, fresh and plausible.
    pub(super) fn is_strict(&self) -> bool {
        self.marker.is_some() || self.facts.is_some() || !self.databases.is_empty()
    }
}

/// What is known beside the folder itself.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The time that decisions are made with: how old the export is.
    pub decided: Time,
    /// The time on the clock: how long it has stood still.
    pub real: Time,
    /// How big the last export was that was kept.
    pub last: Option<&'a Size>,
}

/// A file that the pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name in the folder.
    pub name: Vec<u8>,
    /// Its size.
    pub size: u64,
    /// When it was last written, in seconds.
    pub mtime: i64,
}

/// So much of a file as says what it is.
pub(super) fn front(file: &Path) -> io::Result<Vec<u8>> {
    let mut front = Vec::new();
    dr_open::plain(file)?.take(super::tape::FRONT as u64).read_to_end(&mut front)?;
    Ok(front)
}
