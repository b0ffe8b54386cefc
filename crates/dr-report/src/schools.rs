//! How do several schools stand? One row for each on one screen.

use dr_ledger::LetterStatus;

use crate::letter::word;
use crate::status::{Counted, StatusReport};
use crate::words;

/// One school's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolRow {
    /// Its name, or what is known of it if that is not.
    pub school: String,
    /// Its word.
    pub overall: LetterStatus,
    /// What is worst, in a few words; empty if nothing is wrong.
    pub worst: String,
    /// How many systems have which word; `None` if nothing could be read.
    pub counted: Option<Counted>,
    /// The moment for which this was said, RFC 3339.
    pub as_of: String,
}

impl SchoolRow {
    /// The row of a status.
    #[must_use]
    pub fn of(report: &StatusReport) -> Self {
        let worst = report.findings.iter().find(|finding| finding.accepted.is_none()).map(|finding| {
            let title = finding.system.as_ref().and_then(|id| report.systems.iter().find(|system| system.id == *id));
            let title = title.map(|system| format!("{}: ", words::clip(&system.title, 24))).unwrap_or_default();
            format!("{title}{}", finding.short)
        });
        Self {
            school: words::plain(&report.school),
            overall: report.overall,
            worst: worst.unwrap_or_default(),
            counted: Some(report.counted),
            as_of: report.as_of.clone(),
        }
    }

    /// The row of a school whose plan or ledger could not be read: nothing is known of it.
    #[must_use]
    pub fn unread(name: &str, why: &str) -> Self {
        let (school, worst) = (words::plain(name), words::clip(why, 60));
        Self { school, overall: LetterStatus::NotKnown, worst, counted: None, as_of: String::new() }
    }
}

/// The rows for a terminal, in the order in which they were asked for.
#[must_use]
pub fn schools_text(rows: &[SchoolRow]) -> String {
    let mut lines = vec![["School", "Status", "Worst", "Systems", "As of"].map(str::to_owned)];
    for row in rows {
        lines.push([
            words::clip(&row.school, 32),
            word(row.overall).to_owned(),
            if row.worst.is_empty() { "-".to_owned() } else { row.worst.clone() },
            row.counted.map_or_else(|| "-".to_owned(), counted),
            // 2026-11-20T07:30:00+00:00
            row.as_of.get(..16).map_or_else(|| "-".to_owned(), |at| at.replace('T', " ")),
        ]);
    }
    crate::table::columns(&lines)
}

/// `6: 4 green, 1 amber, 1 red; 1 declared`
fn counted(of: Counted) -> String {
    let kinds = [
        (of.red, "red"),
        (of.not_known, "not known"),
        (of.amber, "amber"),
        (of.seeding, "seeding"),
        (of.accepted, "accepted"),
        (of.green, "green"),
    ];
    let kinds: Vec<String> = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let declared = if of.declared > 0 { format!("; {} declared", of.declared) } else { String::new() };
    format!("{}: {}{declared}", of.ours, if kinds.is_empty() { "-".to_owned() } else { kinds.join(", ") })
}
