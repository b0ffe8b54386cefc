//! What must people know at once, and what is over?
//!
//! An alert is a finding that cannot wait for the letter. It is raised once, and again only when it gets worse or when
//! nobody answers: while it is red and nobody acknowledged it, the deputy head is told after one staffed working day
//! and the governors after two. What flaps is told once an hour at most: an alert ends no sooner than an hour after it
//! was raised, so that the same trouble coming back within the hour is the same alert.
//!
//! One cause is one alert, however many systems have it. A system that gets it later is told too, once an hour at most,
//! and then the alert begins again for those who acknowledged it: what they knew of was less.

mod open;
mod told;
mod words;

use std::collections::BTreeSet;

use dr_ledger::LetterStatus;
use dr_plan::{PersonId, SystemId};
use jiff::{SignedDuration, Timestamp};

use crate::facts::{Facts, Given};
use crate::findings::{Cause, Finding, causes, findings};
use crate::judgement::Status;

pub use open::ALL_RED;
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
    /// Every system that has it from this cause; none if it is about the school.
    pub systems: Vec<SystemId>,
    /// Those of them that have it since it was last told.
    pub joined: Vec<SystemId>,
    /// The cause's name, the same however many systems have it.
    pub of: String,
    /// How bad.
    pub status: LetterStatus,
    /// What is the case, without names of files, hosts or places of storage.
    pub cause: String,
    /// What that means on a bad day.
    pub risk: String,
    /// What would put it right.
    pub next: String,
    /// Whether `dr status` names a command that does: it may name a target, and this goes through others' mail servers.
    pub has_command: bool,
    /// Whose turn it is.
    pub owners: Vec<PersonId>,
    /// Who is told: those who are there, or stand in.
    pub to: Vec<PersonId>,
    /// 0 for the first time; 1 and 2 when nobody answered and the next in line are told.
    pub step: u8,
}

/// A disk that is not where it is said to be is told at once after so long.
const DISK_IN_SIGHT: SignedDuration = SignedDuration::from_hours(12);

/// An alert ends no sooner than this after it was raised.
const HOLD: SignedDuration = SignedDuration::from_hours(1);

/// What to tell at `given.now`, given what was told already.
#[must_use]
pub fn alerts(given: &Given<'_>) -> Alerts {
    let facts = Facts::of(given);
    let found = findings(given, &facts);
    let urgent: Vec<Finding> = found.into_iter().filter(|finding| urgent(finding, given.now).is_some()).collect();
    let open = open::Open::of(given.entries);
    let mut alerts = Alerts::default();
    let mut live: BTreeSet<String> = BTreeSet::new();
    for cause in causes(&urgent, given.plan) {
        let Some(status) = letter_status(cause.status) else { continue };
        let raised = open.of_cause(&cause).filter(|raised| !live.contains(&raised.key));
        let joined: Vec<SystemId> = match raised {
            Some(raised) => cause.systems.iter().filter(|id| !raised.systems.contains(*id)).cloned().collect(),
            None => Vec::new(),
        };
        let waited = |raised: &open::Raised| given.now.duration_since(raised.last) >= HOLD;
        let step = match raised {
            None => Some(0),
            Some(raised) if worse(status, raised.status) => Some(0),
            Some(raised) if !joined.is_empty() && waited(raised) => Some(0),
            Some(raised) => raised.next_step(given, status),
        };
        // Its name stays, whoever joins and whoever leaves.
        let free = |key: &String| !live.contains(key) && open.get(key).is_none();
        let key = match raised {
            Some(raised) => raised.key.clone(),
            None => [&cause.key, &cause.name].into_iter().find(|key| free(key)).unwrap_or(&cause.key).clone(),
        };
        live.insert(key.clone());
        let alert = step.map(|step| alert(given, &facts, &cause, key, joined, status, step));
        alerts.begin.extend(alert.filter(|alert| !alert.to.is_empty()));
    }
    let over = |raised: &&open::Raised| !live.contains(&raised.key) && given.now.duration_since(raised.last) >= HOLD;
    alerts.end = open.all().filter(over).map(|raised| raised.key.clone()).collect();
    alerts
}

fn alert(
    given: &Given<'_>,
    facts: &Facts,
    cause: &Cause,
    key: String,
    joined: Vec<SystemId>,
    status: LetterStatus,
    step: u8,
) -> Alert {
    Alert {
        key,
        rule: cause.rule.to_owned(),
        system: cause.system.clone(),
        systems: cause.systems.clone(),
        joined,
        of: cause.name.clone(),
        status,
        cause: cause.cause.clone(),
        risk: cause.risk.clone(),
        next: cause.next.clone(),
        has_command: cause.command.is_some(),
        owners: cause.owners.clone(),
        to: told::people(given, facts, cause.rule, step),
        step,
    }
}

fn letter_status(status: Status) -> Option<LetterStatus> {
    match status {
        Status::Red => Some(LetterStatus::Red),
        Status::NotKnown => Some(LetterStatus::NotKnown),
        Status::Amber => Some(LetterStatus::Amber),
        Status::Green | Status::Accepted(_) | Status::Declared | Status::Seeding(_) => None,
    }
}

/// The findings that cannot wait for the letter, and how bad they are.
fn urgent(finding: &Finding, now: Timestamp) -> Option<LetterStatus> {
    if finding.accepted.is_some() {
        return None;
    }
    let status = letter_status(finding.status)?;
    let at_once = match finding.rule {
        "failed" | "killed" | "rpo" | "late" | "idle" | "suspicious" | "export" | "retention" | "disabled"
        | "clock" | "ledger" | "put-back" | "lost" | "damaged" | "gone" | "unsent" => true,
        // Whoever brings a disk plugs it in first and says so afterwards.
        "sight" => finding
            .since
            .is_some_and(|since| !(SignedDuration::ZERO..DISK_IN_SIGHT).contains(&now.duration_since(since))),
        // That nothing was proved yet, or not lately, is for the letter; that it did not come back is not.
        "proof" | "copies" | "leaver" | "custodian" => status == LetterStatus::Red,
        _ => false,
    };
    at_once.then_some(status)
}

fn worse(now: LetterStatus, before: LetterStatus) -> bool {
    now == LetterStatus::Red && before != LetterStatus::Red
}
