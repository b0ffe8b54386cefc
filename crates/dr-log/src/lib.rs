//! What happened to a repository, in order, and what it adds up to.
//!
//! Entries are created once, each by one writer; [`fold`] says what they add up to, and it is a pure function. Everybody
//! who reads the same entries comes to the same state. A checkpoint stands for the entries before it.

#![expect(missing_docs, reason = "a room inside the house: a name that says it all needs no sentence")]
#![expect(clippy::missing_errors_doc, reason = "`LogError` names every cause, and each may come from any operation")]

pub mod checkpoint;
pub mod error;
pub mod fold;
pub mod log;
pub mod object;
pub mod reclaim;
pub mod rollback_guard;
#[cfg(test)]
mod tests;

pub use error::LogError;
