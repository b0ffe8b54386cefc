//! What here would make a backup, a letter or a restore fail?
//!
//! [`judge`] says what a fact means and is pure; [`look`], [`sources`], [`closed`] and [`letters`] find the facts on this machine.

pub mod closed;
pub mod judge;
pub mod letters;
pub mod look;
pub mod sources;
