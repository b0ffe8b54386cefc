//! Which alerts are open, when were they told, and did anybody answer?

use std::collections::{BTreeMap, BTreeSet};

use dr_ledger::{Decision, Entry, Event, LetterStatus};
use dr_plan::{Plan, SystemId};
use jiff::Timestamp;

use crate::facts::Given;
use crate::findings::Cause;

/// An acknowledgement of everything that is red, and of one letter, stand for all alerts that were raised before.
pub const ALL_RED: &str = "red";

/// One open alert.
#[derive(Debug, Clone)]
pub(super) struct Raised {
    /// Its name.
    pub(super) key: String,
    /// The cause's name, if it was noted.
    of: Option<String>,
    /// Which rule it was raised by.
    rule: String,
    /// Every system that it was told of.
    pub(super) systems: BTreeSet<SystemId>,
    /// How bad it was when it was last told.
    pub(super) status: LetterStatus,
    /// When it was first told to be red.
    red_since: Option<Timestamp>,
    /// When it was last told.
    pub(super) last: Timestamp,
    /// How far up it was told.
    step: u8,
    /// Whether somebody acknowledged it.
    acknowledged: bool,
}

/// Every alert that was raised and has not ended.
#[derive(Debug, Default)]
pub(super) struct Open(BTreeMap<String, Raised>);

impl Open {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut open = Self::default();
        for entry in entries {
            open.take(entry);
        }
        open
    }

    pub(super) fn get(&self, key: &str) -> Option<&Raised> {
        self.0.get(key)
    }

    /// The open alert about this cause, whichever of its systems it began with.
    pub(super) fn of_cause(&self, cause: &Cause) -> Option<&Raised> {
        let named = self.all().find(|raised| raised.of.as_ref().unwrap_or(&raised.key) == &cause.name);
        // One that was raised before causes were noted has a system's name.
        let older = || self.all().find(|raised| raised.of.is_none() && cause.of.contains(&raised.key));
        named.or_else(older)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Raised> {
        self.0.values()
    }

    fn take(&mut self, entry: &Entry) {
        let at = entry.decided;
        match &entry.event {
            Event::AlertRaised { alert, status, step, rule, system, systems, of, .. } => {
                let red = *status == LetterStatus::Red;
                let fresh = || Raised {
                    key: alert.clone(),
                    of: None,
                    rule: rule.clone(),
                    systems: BTreeSet::new(),
                    status: *status,
                    red_since: None,
                    last: at,
                    step: 0,
                    acknowledged: false,
                };
                let raised = self.0.entry(alert.clone()).or_insert_with(fresh);
                let known = raised.systems.len();
                raised.systems.extend(systems.iter().chain(system).cloned());
                let more = known > 0 && raised.systems.len() > known;
                (raised.of, raised.rule) = (of.clone().or(raised.of.take()), rule.clone());
                if red && (raised.red_since.is_none() || more) {
                    // What was acknowledged was not red yet, or not so many systems'.
                    (raised.red_since, raised.acknowledged, raised.step) = (Some(at), false, 0);
                }
                raised.status = *status;
                raised.last = at;
                raised.step = raised.step.max(*step);
            }
            Event::AlertEnded { alert } => {
                self.0.remove(alert);
            }
            Event::Accepted { decision: Decision::Acknowledged, about, .. } if entry.by.is_some() => {
                for raised in self.0.values_mut().filter(|raised| raised.is_covered_by(about)) {
                    raised.acknowledged = true;
                }
            }
            _ => {}
        }
    }
}

impl Raised {
    /// Whether an acknowledgement of `about` is one of this alert: by its name, by the cause's, or by that of one of its
    /// findings. One of a letter is one of all that was red then.
    fn is_covered_by(&self, about: &str) -> bool {
        let of_system = |system: &SystemId| about == format!("{system}/{}", self.rule);
        about == self.key
            || self.of.as_deref() == Some(about)
            || about == ALL_RED
            || about.starts_with("letter/")
            || self.systems.iter().any(of_system)
    }

    /// Who is to be told next because nobody answered; `None` if it is not time, or somebody did.
    pub(super) fn next_step(&self, given: &Given<'_>, status: LetterStatus) -> Option<u8> {
        let red = status == LetterStatus::Red && !self.acknowledged;
        let since = self.red_since.filter(|_| red)?;
        let passed = (1..=2).rev().find(|step| due(given, since, *step).is_some_and(|due| due <= given.now))?;
        // One at a time: a machine that was off for a week still tells the deputy head before the governors.
        (self.step < passed).then(|| self.step + 1)
    }
}

/// The staffed morning on which `days` working days have passed. Timers for people count from the next staffed morning.
fn due(given: &Given<'_>, since: Timestamp, days: u8) -> Option<Timestamp> {
    let plan: &Plan = given.plan;
    let (zone, opens) = (&plan.school.timezone, plan.school.hours.from);
    let raised = since.to_zoned(zone.clone());
    let early = raised.time() <= opens;
    let first = if early { raised.date() } else { raised.date().tomorrow().ok()? };
    let start = given.calendar.operating_days_after(first, 0)?;
    let day = given.calendar.operating_days_after(start, u32::from(days))?;
    Some(day.to_datetime(opens).to_zoned(zone.clone()).ok()?.timestamp())
}
