//! One reminder: who is reminded of what.

use dr_ledger::MessageKind;
use dr_plan::PersonId;

/// One message to the people who are to do one thing today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// [`MessageKind::Disk`] or [`MessageKind::Export`].
    pub kind: MessageKind,
    /// What it is about, the same whenever it is asked for: `disk/weekly/2026-11-27`, `export/mis/2026-11-27/+1`.
    pub about: String,
    /// Who gets it.
    pub to: Vec<PersonId>,
    /// `[DISK] Hazel Bank Junior School - today: bring disk-3`
    pub subject: String,
    /// Plain text of at most 80 columns.
    pub text: String,
}
