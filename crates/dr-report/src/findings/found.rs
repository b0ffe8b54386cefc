//! What was found: one finding after the other, in order.

use dr_plan::{PersonId, System, SystemId};
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;

use crate::facts::{Facts, Given};
use crate::findings::ended::Runs;
use crate::judgement::Status;
use crate::judgement::as_word;
use crate::words;

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
    pub(super) runs: Runs<'a>,
    pub(super) findings: Vec<Finding>,
}

impl Found<'_> {
    /// About one system, or the school.
    pub(super) fn add(
        &mut self,
        system: Option<&System>,
        owner: Option<PersonId>,
        since: Option<Timestamp>,
        said: Said,
    ) {
        let about = system.map_or("school", |system| system.id.as_str()).to_owned();
        self.push(&about, system, owner, since, said);
    }

    /// About something of the school's that has a name of its own.
    pub(super) fn add_about(&mut self, about: &str, owner: Option<PersonId>, since: Option<Timestamp>, said: Said) {
        self.push(about, None, owner, since, said);
    }

    pub(super) fn push(
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
    pub(super) fn shared(&mut self, name: impl Into<String>, together: impl Into<String>) {
        if let Some(last) = self.findings.last_mut() {
            (last.of, last.together) = (name.into(), Some(together.into()));
        }
    }

    /// What was found last is the technician's to put right, whoever answers for the system.
    pub(super) fn technical(&mut self) {
        let leads = self.given.plan.answers_for(None, self.facts.today).cloned();
        if let Some(last) = self.findings.last_mut() {
            last.owner = leads.or(last.owner.take());
        }
    }

    /// What was found last is to be done by this day.
    pub(super) fn until(&mut self, day: jiff::civil::Date) {
        if let Some(last) = self.findings.last_mut() {
            last.by = day.max(self.facts.today);
        }
    }

    /// What was found last is put right by this command.
    pub(super) fn command(&mut self, command: impl Into<String>) {
        if let Some(last) = self.findings.last_mut() {
            last.command = Some(command.into());
        }
    }

    /// A moment of the past as a letter says it.
    pub(super) fn moment(&self, at: Timestamp) -> String {
        words::moment(at, self.facts.today, &self.given.plan.school.timezone)
    }
}
