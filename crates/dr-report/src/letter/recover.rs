//! What could be brought back if the building were gone tonight, or an attacker had been in?
//!
//! Every system of the plan is in the answer, what is lost first: also one that cannot be backed up here, and one that a
//! supplier holds. Only copies that were looked at and found sound count; a copy nobody has looked at yet is said to be
//! that.

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

/// What becomes of every system of the plan that night.
#[derive(Default)]
struct Tonight<'p> {
    lost: Vec<&'p str>,
    /// With whom it is, and when that supplier was last asked.
    supplied: Vec<(&'p str, Option<Date>)>,
    /// Systems of one day together, the newest day first, each with its oldest moment.
    days: Vec<(Date, Timestamp, Vec<&'p str>)>,
    /// How many of those nobody has looked at yet.
    unchecked: usize,
}

impl<'p> Tonight<'p> {
    fn of(given: &Given<'p>, facts: &Facts, counts: fn(&CopyFacts) -> bool) -> Self {
        let plan = given.plan;
        let mut tonight = Self::default();
        for (system, of) in plan.systems.iter().zip(&facts.systems) {
            if let Some(supplier) = system.source.supplier() {
                tonight.supplied.push((&system.title, supplier.checked));
                continue;
            }
            let at = match back(of, counts) {
                Back::Checked(at) => at,
                Back::Unchecked(at) => {
                    tonight.unchecked += 1;
                    at
                }
                Back::Nothing => {
                    tonight.lost.push(&system.title);
                    continue;
                }
            };
            let date = at.to_zoned(plan.school.timezone.clone()).date();
            match tonight.days.iter_mut().find(|(day, ..)| *day == date) {
                Some((_, oldest, titles)) => {
                    *oldest = at.min(*oldest);
                    titles.push(&system.title);
                }
                None => tonight.days.push((date, at, vec![&system.title])),
            }
        }
        tonight.days.sort_by_key(|(date, ..)| std::cmp::Reverse(*date));
        tonight
    }

    /// All of it in one sentence, what is lost first, with at most so many names in a row; with none, in numbers only.
    fn sentence(&self, given: &Given<'_>, facts: &Facts, most: usize) -> String {
        let plan = given.plan;
        let all = plan.systems.len();
        let names = |titles: &[&str]| match titles.len() {
            1 if most > 0 => titles[0].to_owned(),
            n if n == all && n > 1 => format!("all {n} systems"),
            n if n > most => words::count(n, "system", "systems"),
            _ => words::list(titles, most),
        };
        let verb = |n: usize| if n == 1 { "is" } else { "are" };
        let mut parts = Vec::new();
        if !self.lost.is_empty() {
            // Of what is lost some are named even where there is no room for all.
            let named = match self.lost.len() {
                n if n > most && most > 1 && n < all => words::list(&self.lost, most - 1),
                _ => names(&self.lost),
            };
            parts.push(format!("{named} {} lost", verb(self.lost.len())));
        }
        if !self.supplied.is_empty() {
            let titles: Vec<&str> = self.supplied.iter().map(|(title, _)| *title).collect();
            let whose = if titles.len() == 1 { "its supplier" } else { "their suppliers" };
            let never = self.supplied.iter().filter(|(_, asked)| asked.is_none()).count();
            let oldest = self.supplied.iter().filter_map(|(_, asked)| *asked).min();
            let asked = match (never, oldest) {
                (0, Some(date)) => format!("last asked {}", words::short_day(date, facts.today)),
                (n, _) if n == titles.len() => "never asked".to_owned(),
                (n, _) => format!("{n} never asked"),
            };
            parts.push(format!("{} {} with {whose} ({asked})", names(&titles), verb(titles.len())));
        }
        let others = !parts.is_empty();
        let moment = |at: Timestamp| words::moment(at, facts.today, &plan.school.timezone);
        let back: usize = self.days.iter().map(|(.., titles)| titles.len()).sum();
        match self.days.as_slice() {
            days if most == 0 && days.len() > 1 => {
                let oldest = days.iter().map(|(_, oldest, _)| *oldest).min().unwrap_or(facts.now);
                let who = if others { format!("the other {back}") } else { format!("all {back} systems") };
                parts.push(format!("{who} back to {} or later", moment(oldest)));
            }
            days => {
                for (place, (_, oldest, titles)) in days.iter().enumerate() {
                    let last = place + 1 == days.len() && (others || place > 0);
                    let who = match titles.len() {
                        n if last && n > 1 => format!("the other {n}"),
                        _ => names(titles),
                    };
                    parts.push(format!("{who} back to {}", moment(*oldest)));
                }
            }
        }
        match self.unchecked {
            0 => {}
            1 if back == 1 => parts.push("not checked yet".to_owned()),
            n => parts.push(format!("{n} of them not checked yet")),
        }
        if parts.is_empty() {
            parts.push("the plan has no system".to_owned());
        }
        parts.join("; ")
    }
}

/// Every system of the plan, in at most so many lines if that can be without cutting a sentence.
fn line(given: &Given<'_>, facts: &Facts, lead: &str, counts: fn(&CopyFacts) -> bool, most: usize) -> Vec<String> {
    let tonight = Tonight::of(given, facts, counts);
    let ways = (0..=3).rev().map(|names| words::plain(&format!("{lead} {}.", tonight.sentence(given, facts, names))));
    words::whole(ways, WIDTH, 2, most)
}
