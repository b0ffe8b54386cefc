//! What a restore is asked for, and what its threads share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use dr_entry::{Destination, EntryPath};

use crate::abort::AbortFlag;
use crate::progress::Tally;
use crate::read::frames::Frames;
use crate::read::repository::Repository;
use crate::read::restore::claims::Claims;
use crate::read::restore::not_whole::NotWhole;

/// How a restore is to run.
#[derive(Clone, Copy)]
pub struct RestoreOptions<'a> {
    /// Only these paths and what is below them; empty for everything.
    pub paths: &'a [EntryPath],
    /// Worker threads.
    pub workers: usize,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Progress: entries and bytes put back.
    pub tally: &'a Tally,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoreReport {
    /// Entries that are back, with their contents.
    pub entries: u64,
    /// Files among them.
    pub files: u64,
    /// Files that stood there with the same contents, and stayed.
    pub kept: u64,
    /// Bytes of contents, of the files that stayed too.
    pub bytes: u64,
    /// Of a comparison: files that stand there with other contents and would be replaced; at most 10,000.
    pub replaces: Vec<EntryPath>,
    /// What was not put back, or not wholly, and why.
    pub failed: Vec<(EntryPath, NotWhole)>,
}

impl RestoreReport {
    /// What is not there, or not with its contents.
    pub fn lost(&self) -> impl Iterator<Item = &(EntryPath, NotWhole)> {
        self.failed.iter().filter(|(_, why)| !why.is_back())
    }

    /// Entries of which nothing is another than the owner.
    #[must_use]
    pub fn owners_not_set(&self) -> u64 {
        self.failed.iter().filter(|(_, why)| why.is_owner_alone()).count() as u64
    }
}

/// So many names of what would be replaced are kept.
pub(super) const NAMED: usize = 10_000;

/// Everything that the threads of a restore share.
pub(super) struct Shared<'a> {
    pub(super) repository: &'a Repository,
    pub(super) destination: &'a dyn Destination,
    pub(super) options: &'a RestoreOptions<'a>,
    /// Only compares with what stands there, and writes nothing.
    pub(super) compares: bool,
    pub(super) frames: Arc<Frames>,
    pub(super) fuse: AbortFlag,
    pub(super) outcome: Mutex<RestoreReport>,
    pub(super) claims: Claims,
}

impl Shared<'_> {
    pub(super) fn failed(&self, path: EntryPath, why: NotWhole) {
        if let Ok(mut outcome) = self.outcome.lock() {
            outcome.failed.push((path, why));
        }
    }

    /// It is there, as it was or not quite; or it is not.
    pub(super) fn put(&self, path: &EntryPath, put: std::io::Result<()>, files: u64) {
        match put.map_err(NotWhole::from) {
            Ok(()) => self.done(files, 0),
            Err(why) => {
                if why.is_back() {
                    self.done(files, 0);
                }
                self.failed(path.clone(), why);
            }
        }
    }

    /// What by now is not as it was, by its path.
    pub(super) fn failures(&self) -> HashMap<EntryPath, NotWhole> {
        self.outcome.lock().map(|outcome| outcome.failed.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn kept(&self) {
        if let Ok(mut outcome) = self.outcome.lock() {
            outcome.kept += 1;
        }
    }

    pub(super) fn replaces(&self, path: &EntryPath) {
        if let Ok(mut outcome) = self.outcome.lock()
            && outcome.replaces.len() < NAMED
        {
            outcome.replaces.push(path.clone());
        }
    }

    pub(super) fn done(&self, files: u64, bytes: u64) {
        self.options.tally.entries.fetch_add(1, Ordering::Relaxed);
        self.options.tally.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        if let Ok(mut outcome) = self.outcome.lock() {
            outcome.entries += 1;
            outcome.files += files;
            outcome.bytes = outcome.bytes.saturating_add(bytes);
        }
    }
}
