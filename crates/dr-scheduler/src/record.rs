//! May a person accept that the ledger and the copies disagree, and what is written down when she does?

use dr_ledger::{ACCEPTED_COPY, ACCEPTED_UP_TO, Decision, Event, Misfit, MisfitKind};
use dr_run::School;
use dr_run::anchors::{Held, hold};

use crate::error::RoundError;

fn refused<T>(why: impl Into<String>) -> Result<T, RoundError> {
    Err(RoundError::Refused(why.into()))
}

/// Writes down that `school.actor` accepts what does not fit: `what` is the number of the newest entry that a copy knows
/// otherwise, or a copy on which backups are missing, `TARGET` or `TARGET/MEDIUM`. What does not fit then.
///
/// # Errors
/// If nobody acts or says why, or there is nothing of the kind to accept.
pub fn accept_record(school: &School, what: &str, because: &str) -> Result<Held, RoundError> {
    if school.actor.by.is_none() {
        return refused("who accepts it? Name yourself with --by PERSON");
    }
    if because.trim().is_empty() {
        return refused("it is accepted for a reason: give it with --because TEXT");
    }
    let held = hold(school)?;
    let about = match what.parse::<u64>() {
        Ok(n) => up_to(&held.misfits, n)?,
        Err(_) => copy(&held.misfits, what)?,
    };
    let reason = Some(because.trim().to_owned());
    school.record(Event::Accepted { decision: Decision::Approved, about, reason, until: None })?;
    Ok(hold(school)?)
}

fn up_to(misfits: &[Misfit], n: u64) -> Result<String, RoundError> {
    let known = misfits.iter().filter(|misfit| misfit.what != MisfitKind::SnapshotsMissing);
    match known.filter_map(|misfit| misfit.entry).max() {
        None => refused("every copy that can be reached knows the ledger as it is: there is nothing to accept"),
        // More than is known would also cover what is cut off later.
        Some(newest) if newest != n => refused(format!("the newest entry that a copy knows otherwise is {newest}")),
        Some(_) => Ok(format!("{ACCEPTED_UP_TO}{n}")),
    }
}

fn copy(misfits: &[Misfit], what: &str) -> Result<String, RoundError> {
    let named = |misfit: &Misfit| match &misfit.medium {
        Some(medium) => format!("{}/{medium}", misfit.target),
        None => misfit.target.to_string(),
    };
    let missing = misfits.iter().filter(|misfit| misfit.what == MisfitKind::SnapshotsMissing).map(named);
    let missing: Vec<String> = missing.collect();
    if missing.iter().any(|copy| copy == what) {
        return Ok(format!("{ACCEPTED_COPY}{what}"));
    }
    if missing.is_empty() {
        return refused(format!("no backup is missing on {what} that the ledger says was stored there"));
    }
    refused(format!("backups are missing on {}, and not on {what}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_accepted_than_is_known() {
        let misfit = |what, entry| Misfit {
            target: dr_plan::TargetId::new("nas").unwrap(),
            medium: None,
            what,
            entry,
            snapshots: None,
            snapshot: None,
        };
        let misfits = [
            misfit(MisfitKind::LedgerEndsBefore, Some(830)),
            misfit(MisfitKind::LedgerDiffers, Some(815)),
            misfit(MisfitKind::SnapshotsMissing, None),
        ];
        assert_eq!(up_to(&misfits, 830).unwrap(), "ledger/830");
        for n in [829, 831, u64::MAX] {
            assert!(up_to(&misfits, n).unwrap_err().to_string().contains("830"));
        }
        assert!(up_to(&[], 1).is_err());
        assert_eq!(copy(&misfits, "nas").unwrap(), "copy/nas");
        assert!(copy(&misfits, "offsite").is_err() && copy(&misfits[..1], "nas").is_err());
    }
}
