//! The weekly letter: one screen that a headteacher can read on a telephone, and act on.
//!
//! At most 25 lines of 80 columns; no word that only a technician knows; no name of a file, a host, a bucket or a path:
//! the letter goes through other people's mail servers. Text and page are printed from the same [`content::Content`],
//! so they cannot say different things.

mod content;
mod disks;
mod lines;
mod mail;
mod print;
mod recover;
mod sheet;
mod todo;
mod whole;

use dr_ledger::LetterStatus;

use crate::alerts::Answer;
use crate::facts::{Facts, Given};
use crate::findings::{Finding, acceptable, findings};
use crate::status::{StatusReport, report};

pub(crate) use content::word;
pub use mail::{LetterError, eml};
pub use whole::Letter;

/// Whether the letter about `given.now` has something that its reader can answer: red to acknowledge, or a gap to
/// accept. Only then it is worth a code.
#[must_use]
pub fn wants_answer(given: &Given<'_>) -> bool {
    let facts = Facts::of(given);
    let findings = findings(given, &facts);
    answerable(given, &report(given, &facts, findings))
}

fn answerable(given: &Given<'_>, report: &StatusReport) -> bool {
    let open = |finding: &&Finding| finding.accepted.is_none();
    let mut open = report.findings.iter().filter(open);
    report.overall == LetterStatus::Red || open.any(|finding| acceptable(given.plan, finding))
}

/// The letter number `number` about `given.now`; `code` is how its reader may answer, if there is something to answer.
///
/// # Errors
/// Only if the page's template, which is part of this program, is broken.
pub fn letter(given: &Given<'_>, number: u64, code: Option<&Answer>) -> Result<Letter, LetterError> {
    let facts = Facts::of(given);
    let findings = findings(given, &facts);
    let report = report(given, &facts, findings);
    let code = code.filter(|_| answerable(given, &report));
    let content = content::Content::of(given, &facts, &report, number, code);
    let html = print::html(&content)?;
    Ok(Letter { number, status: report.overall, subject: content.subject.clone(), text: print::text(&content), html })
}
