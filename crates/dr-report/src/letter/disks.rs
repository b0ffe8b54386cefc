//! Are all disks accounted for, and who carries which one next?

use dr_media::{Holder, Move};

use crate::facts::{Facts, Given};
use crate::words;

pub(super) fn line(given: &Given<'_>, facts: &Facts) -> String {
    if facts.disks.is_empty() {
        return "Disks      None in the plan.".to_owned();
    }
    let registered: usize = facts.disks.iter().map(|disks| disks.registered).sum();
    let lost: usize = facts.disks.iter().map(|disks| disks.lost.len()).sum();
    let wanted: u32 = facts.disks.iter().map(|disks| disks.wanted).sum();
    let mut parts = vec![match registered {
        0 => format!("None of {wanted} registered yet."),
        n => format!("{} of {n} accounted for.", n - lost),
    }];
    let moves = facts.disks.iter().flat_map(|disks| &disks.moves);
    parts.extend(moves.take(2).map(|turn| next(given, turn)));
    format!("Disks      {}", words::plain(&parts.join(" ")))
}

/// `Mon 23 Nov: J. Oak brings disk-3 (or R. Elm).`
fn next(given: &Given<'_>, turn: &Move) -> String {
    let plan = given.plan;
    let day = words::day(turn.by.to_zoned(plan.school.timezone.clone()).date());
    let Some(carrier) = &turn.custodian else {
        return format!("{day}: nobody is there to carry disk {}.", turn.medium);
    };
    let does = match turn.to {
        Holder::Server => "brings",
        _ => "takes away",
    };
    let or: Vec<String> = turn.deputies.iter().map(|id| words::name(plan, id)).collect();
    let or: Vec<&str> = or.iter().map(String::as_str).collect();
    let or = if or.is_empty() { String::new() } else { format!(" (or {})", words::list(&or, 1)) };
    format!("{day}: {} {does} {}{or}.", words::name(plan, carrier), turn.medium)
}
