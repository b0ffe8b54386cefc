//! The names under which a school's own papers are kept.

/// The reserved system's id.
pub const STATE: &str = "dr-state";

/// The plan's name in it.
pub const PLAN: &str = "dr.toml";
