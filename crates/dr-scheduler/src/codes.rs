//! A person without a shell decides something by a code that was mailed to her: issued once, good once.

use dr_ledger::{Authenticated, Decision, Entry, Event};
use dr_plan::PersonId;
use dr_post::Code;
use dr_run::{Actor, School};
use jiff::{SignedDuration, Timestamp};

use crate::error::RoundError;

/// How long a mailed code is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24 * 8);

/// Until when a code that is made at `now` is good.
pub(crate) fn good_until(now: Timestamp) -> Timestamp {
    now.saturating_add(GOOD_FOR).unwrap_or(Timestamp::MAX)
}

/// Makes a code, and writes down what it is checked with. The code itself is given back once, as it is mailed.
pub(crate) fn issue(
    school: &School,
    person: &PersonId,
    decision: Decision,
    about: &str,
    until: Timestamp,
    reason: Option<String>,
    lapses: Option<Timestamp>,
) -> Result<String, RoundError> {
    let key = dr_post::codes_key(&school.places.state)?;
    let code = Code::new()?;
    let check = code.check(&key, person, decision, about);
    let (person, about) = (person.clone(), about.to_owned());
    school.record(Event::CodeIssued { check, person, decision, about, until, reason, lapses })?;
    Ok(code.shown().to_string())
}

/// What a code that was typed decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Whose code it is.
    pub person: PersonId,
    /// What was decided.
    pub decision: Decision,
    /// About what.
    pub about: String,
    /// Why, if it was asked with a reason.
    pub reason: Option<String>,
    /// When it lapses.
    pub lapses: Option<Timestamp>,
}

/// Takes a code that somebody typed: writes the decision down as that person's.
///
/// # Errors
/// [`RoundError::Refused`] if it is none, was used, or is too old.
pub fn redeem(school: &School, typed: &str, wanted: &[Decision]) -> Result<Decided, RoundError> {
    let key = dr_post::codes_key(&school.places.state)?;
    let code = Code::typed(typed).ok_or_else(|| refused("invalid code: it has ten letters and digits"))?;
    let entries = school.entries()?;
    let now = school.clock.decided();
    let issued = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::CodeIssued { check, person, decision, about, until, reason, lapses }
            if code.check(&key, person, *decision, about) == *check =>
        {
            Some((
                entry.n,
                *until,
                Decided {
                    person: person.clone(),
                    decision: *decision,
                    about: about.clone(),
                    reason: reason.clone(),
                    lapses: *lapses,
                },
            ))
        }
        _ => None,
    });
    let Some((n, until, decided)) = issued else {
        return Err(refused("no such code was given to anybody here; nothing was decided"));
    };
    if !wanted.contains(&decided.decision) {
        return Err(refused("that code is for another decision; nothing was decided"));
    }
    if until < now {
        return Err(refused("that code is too old: the next letter brings a new one; nothing was decided"));
    }
    if was_used(&school.everything()?, n, &decided) {
        return Err(refused("that code was used already; nothing was decided again"));
    }
    let mut school = school.clone();
    school.actor = Actor { by: Some(decided.person.clone()), authenticated: Authenticated::Code };
    school.record(Event::Accepted {
        decision: decided.decision,
        about: decided.about.clone(),
        reason: decided.reason.clone(),
        until: decided.lapses,
    })?;
    Ok(decided)
}

fn was_used(entries: &[Entry], issued: u64, decided: &Decided) -> bool {
    entries.iter().filter(|entry| entry.n > issued).any(|entry| {
        entry.authenticated == Authenticated::Code
            && entry.by.as_ref() == Some(&decided.person)
            && matches!(&entry.event, Event::Accepted { decision, about, .. }
                if *decision == decided.decision && *about == decided.about)
    })
}

fn refused(why: &str) -> RoundError {
    RoundError::Refused(why.to_owned())
}
