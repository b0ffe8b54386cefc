//! What a capture counted on its way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dr_entry::EntryPath;

use crate::driver::QuestionAnswers;

/// What is to be known of a capture beside its entries, gathered while it goes on.
#[derive(Debug, Default)]
pub struct Tally {
    pub(super) excluded: AtomicU64,
    other_file_systems: AtomicU64,
    pub(super) mounts: Mutex<Vec<EntryPath>>,
    damaged: AtomicU64,
    pub(super) notes: Mutex<Vec<String>>,
    details: Mutex<Vec<String>>,
    pub(super) counts: Mutex<BTreeMap<String, u64>>,
    answers: Mutex<QuestionAnswers>,
}

/// So many mounts are named; the others are counted.
pub(super) const MOUNTS_NAMED: usize = 1_000;

impl Tally {
    /// Names that matched an exclude pattern; what is in an excluded directory is not counted.
    #[must_use]
    pub fn excluded(&self) -> u64 {
        self.excluded.load(Ordering::Relaxed)
    }

    pub(crate) fn leave_out(&self) {
        self.excluded.fetch_add(1, Ordering::Relaxed);
    }

    /// Directories kept without their contents because another file system is mounted there.
    #[must_use]
    pub fn other_file_systems(&self) -> u64 {
        self.other_file_systems.load(Ordering::Relaxed)
    }

    /// Those of them whose contents no pattern leaves out, the first thousand.
    #[must_use]
    pub fn mounts(&self) -> Vec<EntryPath> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Databases that report damage of themselves.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// What a person should know though the capture is as good as it says.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a person can know who asks for more.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A directory whose contents are on another file system was kept without them; `meant`: the plan says so.
    pub(crate) fn not_entered(&self, path: &EntryPath, meant: bool) {
        self.other_file_systems.fetch_add(1, Ordering::Relaxed);
        let mut mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        if !meant && mounts.len() < MOUNTS_NAMED {
            mounts.push(path.clone());
        }
    }

    pub(crate) fn damage(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// What the maker of an export counted in it, each by the beginning of a hash of its name.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self, of: String, count: u64) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).insert(of, count);
    }

    /// What the questions of the plan were answered, if it was asked.
    #[must_use]
    pub fn answers(&self) -> QuestionAnswers {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn answered(&self, answers: QuestionAnswers) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
    }

    pub(crate) fn detail(&self, detail: String) {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).push(detail);
    }

    pub(crate) fn note(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }
}
