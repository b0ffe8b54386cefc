//! What must people know at once, and what is over?
//!
//! An alert is a finding that cannot wait for the letter. It is raised once, and again only when it gets worse or when
//! nobody answers: while it is red and nobody acknowledged it, the deputy head is told after one staffed working day
//! and the governors after two. What flaps is told once an hour at most: an alert ends no sooner than an hour after it
//! was raised, so that the same trouble coming back within the hour is the same alert.

mod open;
mod told;
mod words;

use std::collections::BTreeSet;

use dr_ledger::LetterStatus;
use dr_plan::{PersonId, SystemId};
use jiff::SignedDuration;

use crate::facts::{Facts, Given};
use crate::findings::{Finding, findings};
use crate::status::Status;

pub(crate) use told::present;
pub(crate) use words::answer_line;
pub use words::{Answer, Words, alert_words};

/// What to tell now, and what to tell no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alerts {
    /// To be told now, worst first: each becomes one `alert-raised` and one message.
    pub begin: Vec<Alert>,
    /// Names of those that are over: each becomes one `alert-ended`.
    pub end: Vec<String>,
}

/// Something that people must know at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its name for as long as it lasts: what it is about, and the rule: `mis/failed`, `disk-1/lost`, `school/ledger`.
    pub key: String,
    /// Which rule is not met.
    pub rule: String,
    /// Whose, if it is one system's.
    pub system: Option<SystemId>,
    /// How bad.
    pub status: LetterStatus,
    /// What is the case, without names of files, hosts or places of storage.
    pub cause: String,
    /// What that means on a bad day.
    pub risk: String,
    /// What would put it right.
    pub next: String,
    /// Who is told: those who are there, or stand in.
    pub to: Vec<PersonId>,
    /// 0 for the first time; 1 and 2 when nobody answered and the next in line are told.
    pub step: u8,
}

/// An alert ends no sooner than this after it was raised.
const HOLD: SignedDuration = SignedDuration::from_hours(1);

/// An acknowledgement of everything that is red, and of one letter, stand for all alerts that were raised before.
pub const ALL_RED: &str = "red";

/// What to tell at `given.now`, given what was told already.
#[must_use]
pub fn alerts(given: &Given<'_>) -> Alerts {
    let facts = Facts::of(given);
    let found = findings(given, &facts);
    let open = open::Open::of(given.entries);
    let mut alerts = Alerts::default();
    let mut live: BTreeSet<&str> = BTreeSet::new();
    // Worst first, so of several findings with one name the worst is told.
    // That nothing runs is why its copies are too old: one trouble, told once.
    let too_old: BTreeSet<_> = found.iter().filter(|other| other.rule == "rpo").map(|other| &other.system).collect();
    for (finding, status) in found.iter().filter_map(|finding| Some((finding, urgent(finding)?))) {
        if (finding.rule == "idle" && too_old.contains(&finding.system)) || !live.insert(&finding.key) {
            continue;
        }
        let step = match open.get(&finding.key) {
            None => Some(0),
            Some(raised) if worse(status, raised.status) => Some(0),
            Some(raised) => raised.next_step(given, status),
        };
        let alert = step.map(|step| alert(given, &facts, finding, status, step));
        alerts.begin.extend(alert.filter(|alert| !alert.to.is_empty()));
    }
    let over =
        |raised: &&open::Raised| !live.contains(raised.key.as_str()) && given.now.duration_since(raised.last) >= HOLD;
    alerts.end = open.all().filter(over).map(|raised| raised.key.clone()).collect();
    alerts
}

fn alert(given: &Given<'_>, facts: &Facts, finding: &Finding, status: LetterStatus, step: u8) -> Alert {
    Alert {
        key: finding.key.clone(),
        rule: finding.rule.to_owned(),
        system: finding.system.clone(),
        status,
        cause: finding.cause.clone(),
        risk: finding.risk.clone(),
        next: finding.next.clone(),
        to: told::people(given, facts, finding.rule, step),
        step,
    }
}

/// The findings that cannot wait for the letter, and how bad they are.
fn urgent(finding: &Finding) -> Option<LetterStatus> {
    if finding.accepted.is_some() {
        return None;
    }
    let status = match finding.status {
        Status::Red => LetterStatus::Red,
        Status::NotKnown => LetterStatus::NotKnown,
        Status::Amber => LetterStatus::Amber,
        Status::Green | Status::Accepted(_) | Status::Declared | Status::Seeding(_) => return None,
    };
    let at_once = match finding.rule {
        "failed" | "killed" | "rpo" | "late" | "idle" | "suspicious" | "export" | "retention" | "disabled"
        | "ledger" | "lost" | "damaged" | "unsent" => true,
        // That nothing was proved yet, or not lately, is for the letter; that it did not come back is not.
        "proof" | "copies" => status == LetterStatus::Red,
        _ => false,
    };
    at_once.then_some(status)
}

fn worse(now: LetterStatus, before: LetterStatus) -> bool {
    now == LetterStatus::Red && before != LetterStatus::Red
}
