//! How do several threads end where one of them has failed?

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::RepoError;

/// The first thing that went wrong, and the sign for all threads to end.
pub(crate) struct AbortFlag {
    blown: AtomicBool,
    why: Mutex<Option<RepoError>>,
}

impl AbortFlag {
    pub(crate) fn new() -> Self {
        Self { blown: AtomicBool::new(false), why: Mutex::new(None) }
    }

    pub(crate) fn blow(&self, error: RepoError) {
        self.blown.store(true, Ordering::Relaxed);
        if let Ok(mut why) = self.why.lock() {
            why.get_or_insert(error);
        }
    }

    pub(crate) fn is_blown(&self) -> bool {
        self.blown.load(Ordering::Relaxed)
    }

    pub(crate) fn into_result(self) -> Result<(), RepoError> {
        match self.why.into_inner() {
            Ok(None) => Ok(()),
            Ok(Some(error)) => Err(error),
            Err(_) => Err(RepoError::WorkerFailed),
        }
    }
}
