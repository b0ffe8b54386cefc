//! What was said to people in one round.

use dr_ledger::LetterStatus;
use dr_post::Sent;
use dr_report::Alert;

/// What was said.
#[derive(Debug, Default)]
pub struct Notified {
    /// Trouble that began.
    pub begun: Vec<Alert>,
    /// Trouble that ended.
    pub ended: Vec<String>,
    /// The letter, if it was its day.
    pub letter: Option<(u64, LetterStatus, String)>,
    /// Reminders that were written.
    pub reminders: usize,
    /// What went out, and what waits.
    pub sent: Option<Sent>,
    /// Another process is at it.
    pub busy: bool,
}
