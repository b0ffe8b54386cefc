//! How is a restored system started, or opened as those would who use it, and what is it asked then? This is what L3 means.
//!
//! What came back is hostile until it is proved otherwise, so whatever runs on it runs in a closed room
//! ([`dr_process::room`]). What could not be started says nothing of the copy; it is never a proof, and never a failure.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_process::room::Room;

use super::{Check, Questions};

/// What is at hand to start a restored system with.
pub struct Scene<'a> {
    /// Makes the closed room, or says in words for people why there is none.
    pub room: &'a dyn Fn() -> Result<Room, String>,
    /// Set from outside to end early.
    pub stop: &'a Arc<AtomicBool>,
}

/// Why a system could not be started, in words for people, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotStarted(pub String);

/// How systems of a kind are started.
pub trait StartRestored {
    /// How many bytes of scratch it takes for a capture of so many, with what was restored.
    fn takes(&self, captured: u64) -> u64;

    /// Starts what was restored to `root`.
    ///
    /// # Errors
    /// Why it could not be started, which is no fault of the copy.
    fn start(&self, root: &Path, scene: &Scene<'_>) -> Result<Box<dyn StartedSystem>, NotStarted>;
}

/// A restored system that runs. It ends when this is dropped.
pub trait StartedSystem {
    /// As what a program of its own runs, for people: `PostgreSQL 15, in a closed room`; `None`: dr itself opened it.
    fn program(&self) -> Option<String> {
        None
    }

    /// What every system of its kind is asked, and what the plan asks of this one.
    fn answers(&mut self, questions: &Questions<'_>) -> Vec<Check>;
}
