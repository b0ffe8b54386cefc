//! The backup table: what the plan declares beside what was achieved, one line for each copy.

use dr_plan::{Plan, SystemId, TargetId};
use jiff::SignedDuration;

use crate::facts::{CopyFacts, Facts};
use crate::words;

/// One copy of one system: promised beside kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableRow {
    /// Which system.
    pub system: SystemId,
    /// As it stands on letters.
    pub title: String,
    /// Where the copy goes.
    pub target: TargetId,
    /// `onsite`, `offsite`, `cloud` or `disk`.
    pub class: &'static str,
    /// How often it is to be made.
    pub often: String,
    /// The moment whose data its newest holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// How much may be lost of the system, as time.
    pub may_lose: String,
    /// How much would be lost now, from the newest copy anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_lose: Option<String>,
    /// Within which time it is promised back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promised: Option<String>,
    /// How long bringing its data back took when it was last rehearsed: not the time until people work again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub technical_restore_time: Option<String>,
}

/// The rows of the table, in the plan's order.
#[must_use]
pub fn table(plan: &Plan, facts: &Facts) -> Vec<TableRow> {
    let zone = &plan.school.timezone;
    let mut rows = Vec::new();
    for (system, of) in plan.systems.iter().zip(&facts.systems) {
        for copy in &system.copies {
            let Some(target) = plan.targets.get(&copy.target) else {
                continue;
            };
            let here = |one: &&CopyFacts| one.target == copy.target;
            let last = of.copies.iter().filter(here).filter_map(|copy| copy.stored.as_ref()).map(|s| s.as_of).max();
            rows.push(TableRow {
                system: system.id.clone(),
                title: system.title.clone(),
                target: copy.target.clone(),
                class: target.class.as_str(),
                often: copy.schedule.often(),
                last: last.map(|at| words::moment(at, facts.today, zone)),
                may_lose: system.rpo.to_string(),
                would_lose: of.newest().map(|newest| length(facts.now.duration_since(newest))),
                promised: system.rto.map(|rto| rto.to_string()),
                technical_restore_time: of.proof.took.map(length),
            });
        }
    }
    rows
}

/// The table for a terminal.
#[must_use]
pub fn table_text(rows: &[TableRow]) -> String {
    let head = ["System", "Copy", "How often", "Last made", "May lose", "Would lose", "Back within", "Restore took"];
    let mut lines = vec![head.map(str::to_owned)];
    let mut above = None;
    for row in rows {
        let first = above != Some(&row.system);
        above = Some(&row.system);
        // What is the system's and not the copy's is said once.
        let once = |text: String| if first { text } else { String::new() };
        let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        lines.push([
            once(words::plain(&row.title)),
            format!("{} ({})", row.target, row.class),
            row.often.clone(),
            or(&row.last, "never"),
            once(row.may_lose.clone()),
            once(or(&row.would_lose, "everything")),
            once(or(&row.promised, "not promised")),
            once(or(&row.technical_restore_time, "not measured")),
        ]);
    }
    columns(&lines)
}

/// A length of time in the two largest units that matter.
pub(crate) fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Rows in columns as wide as their widest cell, the first row a head.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |place: usize| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width + 2 - cell.chars().count()));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
