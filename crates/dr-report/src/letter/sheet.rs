//! How large a letter is, and what it calls a status.

use dr_ledger::LetterStatus;

/// Columns of a line.
pub(super) const WIDTH: usize = 80;

/// Lines of a letter.
pub(super) const HEIGHT: usize = 25;

/// The head of the table.
pub(super) const HEAD: [&str; 7] = ["System", "Last good", "Copies", "Off-site", "Offline", "Proved", "Status"];

/// Columns between which a cell of the table stands; the last takes the rest.
pub(super) const COLUMNS: [usize; 6] = [17, 10, 7, 9, 8, 9];

pub(crate) fn word(status: LetterStatus) -> &'static str {
    match status {
        LetterStatus::Green => "GREEN",
        LetterStatus::Amber => "AMBER",
        LetterStatus::Red => "RED",
        LetterStatus::NotKnown => "NOT KNOWN",
    }
}
