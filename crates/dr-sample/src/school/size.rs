//! How large the school is.

/// Pupils in the records.
pub const PUPILS: u32 = 450;

/// Messages in the mailbox before any day is lived.
pub const MESSAGES: u32 = 2_000;
