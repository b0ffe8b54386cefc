//! Are all disks accounted for, and who carries which one next?

use dr_media::{Holder, Move};

use crate::facts::{Facts, Given};
use crate::words;

/// The same in ever fewer words.
pub(super) fn ways(given: &Given<'_>, facts: &Facts) -> Vec<String> {
    if facts.disks.is_empty() {
        return vec!["Disks      None in the plan.".to_owned()];
    }
    let registered: usize = facts.disks.iter().map(|disks| disks.registered).sum();
    let lost: usize = facts.disks.iter().map(|disks| disks.lost.len()).sum();
    let wanted: u32 = facts.disks.iter().map(|disks| disks.wanted).sum();
    let mut parts = vec![match registered {
        0 => format!("None of {wanted} registered yet."),
        // What the plan wants counts, whether or not anybody has bought it yet.
        n if n < wanted as usize => {
            format!("{} of {wanted} accounted for, {} not registered yet.", n - lost, wanted as usize - n)
        }
        n => format!("{} of {n} accounted for.", n - lost),
    }];
    let moves: Vec<&Move> = facts.disks.iter().flat_map(|disks| &disks.moves).collect();
    let together = |a: &&Move, b: &&Move| (a.by, &a.custodian) == (b.by, &b.custodian);
    parts.extend(moves.chunk_by(together).take(2).map(|turns| next(given, turns)));
    let shown = |n: usize| format!("Disks      {}", words::plain(&parts[..n].join(" ")));
    (1..=parts.len()).rev().map(shown).collect()
}

/// `Mon 23 Nov: J. Oak brings disk-3, takes disk-2 (or R. Elm).`
fn next(given: &Given<'_>, turns: &[&Move]) -> String {
    let (Some(turn), plan) = (turns.first(), given.plan) else {
        return String::new();
    };
    let day = words::day(turn.by.to_zoned(plan.school.timezone.clone()).date());
    let does = |turn: &&Move| match turn.to {
        Holder::Server if turn.from == Holder::Server => format!("plugs in {}", turn.medium),
        Holder::Server => format!("brings {}", turn.medium),
        _ => format!("takes {}", turn.medium),
    };
    let does: Vec<String> = turns.iter().map(does).collect();
    let Some(carrier) = &turn.custodian else {
        return format!("{day}: nobody is there who {}.", does.join(", "));
    };
    let or: Vec<String> = turn.deputies.iter().map(|id| words::name(plan, id)).collect();
    let or: Vec<&str> = or.iter().map(String::as_str).collect();
    let or = if or.is_empty() { String::new() } else { format!(" (or {})", words::list(&or, 1)) };
    format!("{day}: {} {}{or}.", words::name(plan, carrier), does.join(", "))
}
