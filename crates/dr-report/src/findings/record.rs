//! Is the record of what happened whole, and do it and the copies tell the same story?

use dr_ledger::{ACCEPTED_COPY, ACCEPTED_UP_TO, Decision, Event, Misfit, MisfitKind, unheld};
use jiff::SignedDuration;

use super::{Found, Said};
use crate::judgement::Status;
use crate::words;

/// So long it is told that somebody accepted a disagreement.
const TOLD: SignedDuration = SignedDuration::from_hours(24 * 14);

pub(super) fn look(found: &mut Found<'_>) {
    if !found.given.chain_holds {
        found.add(
            None,
            None,
            None,
            Said {
                rule: "ledger",
                status: Status::Red,
                short: "record broken",
                cause: "the record of what happened was changed or is damaged".into(),
                risk: "nothing in this letter can be relied on",
                next: "compare the record with the evidence lines of earlier letters".into(),
            },
        );
    }
    let misfits = unheld(found.given.entries);
    let (copies, record): (Vec<_>, Vec<_>) =
        misfits.iter().partition(|misfit| misfit.what == MisfitKind::SnapshotsMissing);
    cut(found, &record);
    for misfit in copies {
        put_back(found, misfit);
    }
    accepted(found);
}

/// The record lacks what the copies know of it: one cause, however many copies know it.
fn cut(found: &mut Found<'_>, misfits: &[&Misfit]) {
    let Some(worst) = misfits.iter().max_by_key(|misfit| misfit.entry) else { return };
    let ends = found.given.entries.iter().rev().find_map(|entry| match entry.event {
        Event::LedgerCompared { ends, .. } => Some(ends),
        _ => None,
    });
    let entry = worst.entry.unwrap_or_default();
    let mut places: Vec<String> = misfits.iter().map(|misfit| place(misfit)).collect();
    places.dedup();
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let (places, knows) = (words::list(&places, 3), if places.len() == 1 { "knows" } else { "know" });
    let cause = match worst.what {
        MisfitKind::LedgerDiffers => format!("the record was rewritten: {places} {knows} another entry {entry}"),
        _ => format!(
            "the end of the record is missing: it ended at entry {}, and {places} {knows} entry {entry}",
            ends.unwrap_or_default()
        ),
    };
    found.add(
        None,
        None,
        None,
        Said {
            rule: "ledger",
            status: Status::Red,
            short: "record cut",
            cause,
            risk: "a failed test or a lost disk may be missing from this letter",
            next: "put the newer record back from a copy".into(),
        },
    );
    found.command("dr ledger --verify");
}

/// A copy lacks what the record says was stored there.
fn put_back(found: &mut Found<'_>, misfit: &Misfit) {
    let count = usize::try_from(misfit.snapshots.unwrap_or_default()).unwrap_or(usize::MAX);
    let (are, was) = if count == 1 { ("is", "was") } else { ("are", "were") };
    let (place, count) = (place(misfit), words::count(count, "backup", "backups"));
    let about = misfit.medium.as_ref().map_or_else(|| misfit.target.to_string(), ToString::to_string);
    found.add_about(
        &about,
        None,
        None,
        Said {
            rule: "put-back",
            status: Status::Red,
            short: "copy put back",
            cause: format!("{count} that {was} stored on {place} {are} not there any more"),
            risk: "somebody put that copy back to an earlier state, or exchanged it",
            next: "find out who did that and why".into(),
        },
    );
    found.command("dr ledger --verify");
}

/// That somebody accepted it stays in sight for a while: whoever cuts the record could have said so too.
fn accepted(found: &mut Found<'_>) {
    let since = found.given.now.checked_sub(TOLD).unwrap_or(found.given.now);
    let decided: Vec<_> = found
        .given
        .entries
        .iter()
        .filter(|entry| entry.decided >= since)
        .filter_map(|entry| match (&entry.event, &entry.by) {
            (Event::Accepted { decision: Decision::Approved, about, .. }, Some(by)) => Some((about, by, entry.decided)),
            _ => None,
        })
        .collect();
    for (about, by, at) in decided {
        let what = if let Some(n) = about.strip_prefix(ACCEPTED_UP_TO) {
            format!("that copies know another record up to entry {n}")
        } else if let Some(copy) = about.strip_prefix(ACCEPTED_COPY) {
            format!("that backups are missing on {copy}")
        } else {
            continue;
        };
        let who = words::plain(&words::name(found.given.plan, by));
        let cause = format!("{who} accepted {}, {what}", found.moment(at));
        found.add_about(
            about,
            None,
            None,
            Said {
                rule: "record",
                status: Status::Amber,
                short: "record accepted",
                cause,
                risk: "what is missing is not counted in this letter",
                next: format!("ask {who} why; this line goes after two weeks"),
            },
        );
    }
}

fn place(misfit: &Misfit) -> String {
    misfit.medium.as_ref().map_or_else(|| format!("the copy on {}", misfit.target), |medium| format!("disk {medium}"))
}
