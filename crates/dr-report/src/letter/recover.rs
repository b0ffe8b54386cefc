//! What could be brought back if the building were gone tonight, or an attacker had been in?
//!
//! Only copies that were looked at and found sound count; a copy nobody has looked at yet is said to be that.

use jiff::Timestamp;
use jiff::civil::Date;

use super::content::WIDTH;
use crate::facts::{CopyFacts, Facts, Given, SystemFacts};
use crate::words;

/// From copies outside the building only.
pub(super) fn building(given: &Given<'_>, facts: &Facts, most: usize) -> Vec<String> {
    line(given, facts, "Lose the building tonight:", |copy| copy.standing.off_site, most)
}

/// From copies out of an attacker's reach only: unplugged disks. A target's own lock is counted by no version yet that
/// cannot ask the store for it.
pub(super) fn hacked(given: &Given<'_>, facts: &Facts, most: usize) -> Vec<String> {
    line(given, facts, "Hacked tonight:", |copy| copy.standing.offline, most)
}

/// To which moment one system could be brought back.
enum Back {
    Checked(Timestamp),
    Unchecked(Timestamp),
    Nothing,
}

fn back(of: &SystemFacts, counts: fn(&CopyFacts) -> bool) -> Back {
    let good = || of.clean().filter(|(copy, _)| counts(copy));
    let checked = good().filter_map(|(copy, _)| copy.verified_as_of).max();
    let newest = good().map(|(_, stored)| stored.as_of).max();
    match (checked, newest) {
        (Some(at), _) => Back::Checked(at),
        (None, Some(at)) => Back::Unchecked(at),
        (None, None) => Back::Nothing,
    }
}

/// Systems of one day together, the oldest day last, those that would be gone first.
fn line(given: &Given<'_>, facts: &Facts, lead: &str, counts: fn(&CopyFacts) -> bool, most: usize) -> Vec<String> {
    let plan = given.plan;
    let ours = || plan.systems.iter().zip(&facts.systems).filter(|(system, _)| system.source.runs());
    let all = ours().count();
    let mut gone: Vec<&str> = Vec::new();
    let mut unchecked = 0;
    let mut days: Vec<(Date, Timestamp, Vec<&str>)> = Vec::new();
    for (system, of) in ours() {
        let at = match back(of, counts) {
            Back::Checked(at) => at,
            Back::Unchecked(at) => {
                unchecked += 1;
                at
            }
            Back::Nothing => {
                gone.push(&system.title);
                continue;
            }
        };
        let date = at.to_zoned(plan.school.timezone.clone()).date();
        match days.iter_mut().find(|(day, ..)| *day == date) {
            Some((_, oldest, titles)) => {
                *oldest = at.min(*oldest);
                titles.push(&system.title);
            }
            None => days.push((date, at, vec![&system.title])),
        }
    }
    days.sort_by_key(|(date, ..)| std::cmp::Reverse(*date));
    let mut parts = Vec::new();
    let names = |titles: &[&str]| match titles.len() {
        n if n == all && n > 1 => format!("all {n} systems"),
        n if n > 3 => format!("{n} systems"),
        _ => words::plain(&words::list(titles, 3)),
    };
    if gone.len() == all {
        parts.push("NOTHING would come back".to_owned());
    } else if !gone.is_empty() {
        parts.push(format!("NOTHING of {}", names(&gone)));
    }
    for (_, oldest, titles) in &days {
        let when = words::moment(*oldest, facts.today, &plan.school.timezone);
        parts.push(format!("{} back to {when}", names(titles)));
    }
    if unchecked > 0 {
        parts.push(format!("{unchecked} of them not checked yet"));
    }
    words::fit(&words::plain(&format!("{lead} {}.", parts.join("; "))), WIDTH, 2, most)
}
