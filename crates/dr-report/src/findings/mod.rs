//! What is wrong, what that means, whose turn it is, and what would put it right?
//!
//! No red by design: what is merely not there yet in the first weeks is seeding; what people must do is overdue only on
//! a morning when they are there; the age of a proof is amber however old, and a gap of the plan itself is amber too.
//! Amber that somebody could have put right and did not for two weeks becomes red.

mod answers;
mod causes;
mod cuts;
mod decisions;
mod erasures;
mod messages;
mod own;
mod people;
mod places;
mod record;
mod runs;
mod school;
mod sight;
mod suppliers;
mod systems;

use std::collections::BTreeMap;

use dr_plan::{Exception, PersonId, Plan, System, SystemId};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::facts::{Facts, Given};
use crate::status::{Status, as_word};
use crate::words;

pub use causes::{Cause, causes};
pub(crate) use decisions::exceptions;
pub(crate) use erasures::places as erasure_places;
pub(crate) use messages::unsent;
pub(crate) use places::place_of;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Its name for as long as it lasts, `what it is about/rule`: what alerts are called, and what is accepted under it.
    pub key: String,
    /// Which rule is not met, as an exception of the plan names it.
    pub rule: &'static str,
    /// Whose, if it is one system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemId>,
    /// What it makes of the word.
    #[serde(serialize_with = "as_word")]
    pub status: Status,
    /// In two or three words, for a narrow column.
    #[serde(skip)]
    pub short: String,
    /// What is the case.
    pub cause: String,
    /// What that means on a bad day.
    pub risk: String,
    /// What would put it right.
    pub next: String,
    /// Whose turn it is; the head's if nobody is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// By which day.
    pub by: Date,
    /// Since when it is so, if time makes it worse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when somebody accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Date>,
    /// The command that puts it right, for whoever has a shell. It stands in no letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The name of its cause: findings of several systems that have one cause have one name.
    #[serde(skip)]
    pub of: String,
    /// What is the case if several systems have it from that cause.
    #[serde(skip)]
    pub together: Option<String>,
}

/// Amber for longer than this is red.
const AMBER_DAYS: i64 = 14;

/// Everything that is wrong, worst first, each system's in the order of the plan.
#[must_use]
pub fn findings(given: &Given<'_>, facts: &Facts) -> Vec<Finding> {
    let runs = runs::Runs::of_all(given.entries);
    let mut found = Found { given, facts, runs, findings: Vec::new() };
    for (system, of) in given.plan.systems.iter().zip(&facts.systems) {
        systems::look(&mut found, system, of);
    }
    school::look(&mut found);
    people::look(&mut found);
    let mut findings = found.findings;
    let excepted: BTreeMap<&str, Date> = exceptions(given).into_iter().map(|(key, until, _)| (key, until)).collect();
    for finding in &mut findings {
        let old =
            finding.since.is_some_and(|since| since < facts.now - jiff::SignedDuration::from_hours(24 * AMBER_DAYS));
        if finding.status == Status::Amber && old {
            finding.status = Status::Red;
        }
        finding.accepted = accepted(given.plan, &excepted, finding, facts.today);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
    findings
}

/// Until when somebody accepted this, in the plan or by the ledger.
fn accepted(plan: &Plan, in_ledger: &BTreeMap<&str, Date>, finding: &Finding, today: Date) -> Option<Date> {
    if !acceptable(plan, finding) {
        return None;
    }
    // What concerns the whole school can be accepted under any system's name.
    let fits = |exception: &&Exception| {
        exception.rule == finding.rule && finding.system.as_ref().is_none_or(|system| *system == exception.system)
    };
    let in_plan = plan.exceptions.iter().filter(fits).map(|exception| exception.until).max();
    let until = in_plan.max(in_ledger.get(finding.key.as_str()).copied())?;
    (until >= today).then_some(until)
}

/// Whether somebody may live with this until a date. What a system that is needed first cannot do without is never
/// accepted, and neither is what the whole school relies on.
pub(crate) fn acceptable(plan: &Plan, finding: &Finding) -> bool {
    let system = finding.system.as_ref().and_then(|id| plan.system(id));
    if system.is_some_and(|system| system.cannot_do_without(finding.rule)) {
        return false;
    }
    if matches!(finding.status, Status::Declared | Status::Seeding(_)) || finding.rule == "gone" {
        return false;
    }
    finding.system.is_some() || ["custodian", "same-device"].contains(&finding.rule)
}

/// What is said about one thing.
pub(crate) struct Said {
    pub(crate) rule: &'static str,
    pub(crate) status: Status,
    pub(crate) short: &'static str,
    pub(crate) cause: String,
    pub(crate) risk: &'static str,
    pub(crate) next: String,
}

/// Collects findings.
pub(crate) struct Found<'a> {
    pub(crate) given: &'a Given<'a>,
    pub(crate) facts: &'a Facts,
    runs: runs::Runs<'a>,
    findings: Vec<Finding>,
}

impl Found<'_> {
    /// About one system, or the school.
    fn add(&mut self, system: Option<&System>, owner: Option<PersonId>, since: Option<Timestamp>, said: Said) {
        let about = system.map_or("school", |system| system.id.as_str()).to_owned();
        self.push(&about, system, owner, since, said);
    }

    /// About something of the school's that has a name of its own.
    fn add_about(&mut self, about: &str, owner: Option<PersonId>, since: Option<Timestamp>, said: Said) {
        self.push(about, None, owner, since, said);
    }

    fn push(
        &mut self,
        about: &str,
        system: Option<&System>,
        owner: Option<PersonId>,
        since: Option<Timestamp>,
        said: Said,
    ) {
        let Said { rule, status, short, cause, risk, next } = said;
        // Red is for the next staffed morning, and so is what may be gone; the rest for a working week.
        let days = if status == Status::Red || rule == "suspicious" { 0 } else { 5 };
        let today = self.facts.today;
        let by = self.given.calendar.operating_days_after(today, days);
        let by = by.or_else(|| today.checked_add(7.days()).ok()).unwrap_or(today);
        let answers = || self.given.plan.answers_for(system, today).cloned();
        self.findings.push(Finding {
            key: format!("{about}/{rule}"),
            rule,
            system: system.map(|system| system.id.clone()),
            status,
            short: short.to_owned(),
            cause,
            risk: risk.to_owned(),
            next,
            owner: owner.or_else(answers),
            by,
            since,
            accepted: None,
            command: None,
            of: format!("{about}/{rule}"),
            together: None,
        });
    }

    /// What was found last has a cause that other systems may have it from too: the cause's name, `ABOUT/RULE`, and what
    /// is the case with several of them.
    fn shared(&mut self, name: impl Into<String>, together: impl Into<String>) {
        if let Some(last) = self.findings.last_mut() {
            (last.of, last.together) = (name.into(), Some(together.into()));
        }
    }

    /// What was found last is the technician's to put right, whoever answers for the system.
    fn technical(&mut self) {
        let leads = self.given.plan.answers_for(None, self.facts.today).cloned();
        if let Some(last) = self.findings.last_mut() {
            last.owner = leads.or(last.owner.take());
        }
    }

    /// What was found last is to be done by this day.
    fn until(&mut self, day: jiff::civil::Date) {
        if let Some(last) = self.findings.last_mut() {
            last.by = day.max(self.facts.today);
        }
    }

    /// What was found last is put right by this command.
    fn command(&mut self, command: impl Into<String>) {
        if let Some(last) = self.findings.last_mut() {
            last.command = Some(command.into());
        }
    }

    /// A moment of the past as a letter says it.
    fn moment(&self, at: Timestamp) -> String {
        words::moment(at, self.facts.today, &self.given.plan.school.timezone)
    }
}

impl Finding {
    /// All of it in one sentence or two: what, what that means, who, what next, by when.
    #[must_use]
    pub fn sentence(&self, plan: &Plan) -> String {
        Cause::alone(self).sentence(plan)
    }

    /// Who is to do what by when.
    #[must_use]
    pub fn task(&self, plan: &Plan) -> String {
        Cause::alone(self).task(plan)
    }
}
