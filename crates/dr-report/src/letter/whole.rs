//! A letter, before it is a mail.

use dr_ledger::LetterStatus;

/// One letter, written two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Counting from 1.
    pub number: u64,
    /// The word at its top.
    pub status: LetterStatus,
    /// `[GREEN] Hazel Bank – backups, week to 20 Nov – nothing to do`
    pub subject: String,
    /// At most 25 lines of at most 80 columns.
    pub text: String,
    /// The same as one page that needs nothing else.
    pub html: String,
}
