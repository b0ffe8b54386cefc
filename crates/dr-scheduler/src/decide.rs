//! May this person take this decision, and what is written down when she does?

use dr_ledger::{ChannelKind, Decision, Event};
use dr_plan::{LONGEST_GAP_DAYS, PersonId};
use dr_post::Ways;
use dr_report::Given;
use dr_run::School;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::codes;
use crate::error::RoundError;
use crate::notify;

fn refused<T>(why: impl Into<String>) -> Result<T, RoundError> {
    Err(RoundError::Refused(why.into()))
}

/// What can be acknowledged now: alerts that are open, and the newest letter.
#[must_use]
pub fn open(given: &Given<'_>) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut letter = None;
    for entry in given.entries {
        match &entry.event {
            Event::AlertRaised { alert, .. } if !open.contains(alert) => open.push(alert.clone()),
            Event::AlertEnded { alert } => open.retain(|other| other != alert),
            Event::LetterWritten { number, .. } => letter = Some(format!("letter/{number}")),
            _ => {}
        }
    }
    if !open.is_empty() {
        open.insert(0, dr_report::ALL_RED.to_owned());
    }
    open.extend(letter);
    open
}

/// The open alert that is about a cause, or about a finding of one system that has it from that cause.
fn about_cause(given: &Given<'_>, about: &str) -> Option<String> {
    let (system, rule) = about.split_once('/')?;
    let mut found = None;
    for entry in given.entries {
        match &entry.event {
            Event::AlertRaised { alert, rule: of_rule, systems, of, .. } => {
                let of_system = of_rule == rule && systems.iter().any(|id| id.as_str() == system);
                if of_system || of.as_deref() == Some(about) {
                    found = Some(alert.clone());
                }
            }
            Event::AlertEnded { alert } if found.as_ref() == Some(alert) => found = None,
            _ => {}
        }
    }
    found
}

/// Writes down that `school.actor` knows of `about`.
///
/// # Errors
/// If nobody acts, or there is no such thing to know of.
pub fn acknowledge(school: &School, given: &Given<'_>, about: &str, reason: Option<String>) -> Result<(), RoundError> {
    if school.actor.by.is_none() {
        return refused("who knows of it? Name yourself with --by, or give the code from the mail with --code");
    }
    let open = open(given);
    let about = match &about_cause(given, about) {
        Some(alert) if !open.iter().any(|one| one == about) => alert.clone(),
        _ => about.to_owned(),
    };
    let about = about.as_str();
    if !open.iter().any(|one| one == about) {
        let open = if open.is_empty() { "nothing".to_owned() } else { open.join(", ") };
        return refused(format!("there is no `{about}` to acknowledge; open are: {open}"));
    }
    let decision = Decision::Acknowledged;
    school.record(Event::Accepted { decision, about: about.to_owned(), reason, until: None })?;
    Ok(())
}

/// A gap that somebody is to live with until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// `system/rule`, as a finding names them.
    pub about: String,
    /// The last day.
    pub until: Date,
    /// Why.
    pub reason: String,
}

/// Checks a gap against the findings there are and the rules for accepting one.
///
/// # Errors
/// What is wrong with it.
pub fn look_at(given: &Given<'_>, gap: &Gap, today: Date) -> Result<(), RoundError> {
    let Some((system, rule)) = gap.about.split_once('/') else {
        return refused(format!("`{}` is not a gap: write SYSTEM/RULE, such as website/offline", gap.about));
    };
    let report = dr_report::status(given);
    let of = |id: &dr_plan::SystemId| id.as_str() == system;
    let Some(known) = given.plan.systems.iter().find(|one| of(&one.id)) else {
        let known: Vec<&str> = given.plan.systems.iter().map(|system| system.id.as_str()).collect();
        return refused(format!("the plan has no system `{system}`; it has {}", known.join(", ")));
    };
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.system.as_ref().is_some_and(of)).collect();
    if !found.iter().any(|finding| finding.rule == rule) {
        let rules: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
        let rules = if rules.is_empty() { "nothing".to_owned() } else { rules.join(", ") };
        return refused(format!("{system} has no open finding `{rule}`; it has {rules}"));
    }
    if known.cannot_do_without(rule) {
        return refused(format!("{system} is needed first: a gap `{rule}` of it is never accepted"));
    }
    if gap.until < today {
        return refused(format!("{} is over already", gap.until));
    }
    let last = today.checked_add(LONGEST_GAP_DAYS.days()).unwrap_or(today);
    if gap.until > last {
        return refused(format!("a gap is accepted for a term at most: until {last}, and then again if need be"));
    }
    if gap.reason.trim().is_empty() {
        return refused("a gap is accepted for a reason: give it with --because TEXT");
    }
    Ok(())
}

/// Writes down that `school.actor` accepts the gap.
///
/// # Errors
/// If nobody acts, or somebody who may not; and what [`look_at`] says.
pub fn accept(school: &School, given: &Given<'_>, gap: &Gap) -> Result<(), RoundError> {
    let Some(by) = &school.actor.by else {
        return refused("who accepts it? Name yourself with --by, or have a code mailed with --ask PERSON");
    };
    may_approve(school, by)?;
    look_at(given, gap, school.today())?;
    school.record(Event::Accepted {
        decision: Decision::Excepted,
        about: gap.about.clone(),
        reason: Some(gap.reason.clone()),
        until: Some(end_of(school, gap.until)),
    })?;
    Ok(())
}

/// Mails `person` a code by which the gap can be accepted; until when it is good.
///
/// # Errors
/// If that person may not, or cannot be mailed; and what [`look_at`] says.
pub fn ask(
    school: &School,
    given: &Given<'_>,
    gap: &Gap,
    person: &PersonId,
    ways: &Ways<'_>,
) -> Result<Timestamp, RoundError> {
    may_approve(school, person)?;
    look_at(given, gap, school.today())?;
    if ways.channels().iter().all(|channel| *channel == ChannelKind::Webhook) {
        return refused(
            "a code goes by mail, and the plan has no [alerts] smtp or command: have it accepted with --by",
        );
    }
    let now = school.clock.decided();
    let until = codes::good_until(now);
    let lapses = end_of(school, gap.until);
    let reason = Some(gap.reason.clone());
    let code = codes::issue(school, person, Decision::Excepted, &gap.about, until, reason, Some(lapses))?;
    let day = until.to_zoned(school.plan.school.timezone.clone()).strftime("%A %-d %B");
    let subject = format!("[DECISION] {} - accept a gap until {}?", school.plan.school.name, gap.until);
    let text = format!(
        "You are asked to live with a gap in the backups.\n\nGap      {}\nUntil    {}\nReason   {}\n\n\
         If you accept it, give this code to whoever asked you, by {day}:\n\n    {code}\n\n\
         It stays in every weekly letter until that day. If you do not, do nothing.\n",
        gap.about, gap.until, gap.reason
    );
    notify::mail_to(school, ways, person, &subject, text)?;
    Ok(until)
}

/// Heads, their deputies, digital leads, governors, and whom the plan calls approvers.
fn may_approve(school: &School, person: &PersonId) -> Result<(), RoundError> {
    let Some(known) = school.plan.people.get(person) else {
        return refused(format!("the plan knows nobody called {person}"));
    };
    if !known.is_employed(school.today()) || !known.roles.iter().any(|role| role.may_accept_gaps()) {
        return refused(format!(
            "{} may not accept gaps: it takes the role approver, head, deputy-head, digital-lead or governor",
            known.name
        ));
    }
    Ok(())
}

/// The last moment of a day at the school.
fn end_of(school: &School, day: Date) -> Timestamp {
    let next = day.tomorrow().unwrap_or(day);
    let midnight = next.to_zoned(school.plan.school.timezone.clone()).map(|at| at.timestamp());
    midnight.map_or(Timestamp::MAX, |at| at - jiff::SignedDuration::from_secs(1))
}
