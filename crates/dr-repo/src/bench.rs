//! What is measured: stages of the engine one at a time, and indexes larger than any that a test would make.

pub mod stages;
#[cfg(feature = "bench")]
pub mod synthetic;
