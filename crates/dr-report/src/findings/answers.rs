//! Was a system answered rightly what the plan asks of it, when it was captured? A MIS that lost half its pupils is told the
//! same night.

use dr_ledger::{Digest, Missed, NotedAnswer, missed_answers};
use dr_plan::{Expect, System};

use super::{Found, Said};
use crate::status::Status;

/// Whether it was told.
pub(super) fn look(found: &mut Found<'_>, system: &System) -> bool {
    let missed = missed_answers(found.given.entries, &system.id);
    let of = |answer: &NotedAnswer| {
        let known = |question: &&Expect| Digest::of(question.ask.as_bytes()).to_string()[..16] == answer.of;
        system.expect.iter().find(known)
    };
    // What the plan does not ask any more is nobody's question.
    let missed: Vec<_> = missed.iter().filter_map(|(answer, since)| Some((answer, *since, of(answer)?))).collect();
    let Some(since) = missed.iter().map(|(_, since, _)| *since).min() else { return false };
    let zone = &found.given.plan.school.timezone;
    let causes: Vec<String> = missed.iter().map(|(answer, _, question)| cause(answer, question, zone)).collect();
    let old = missed.iter().all(|(answer, ..)| answer.missed == Some(Missed::Old));
    let silent = missed.iter().all(|(answer, ..)| answer.missed == Some(Missed::Unanswered));
    let said = Said {
        rule: "suspicious",
        status: Status::Amber,
        short: if silent { "no answer" } else { "a wrong answer" },
        cause: format!("it was asked when it was backed up on {}: {}", found.moment(since), causes.join("; ")),
        risk: match (old, silent) {
            (true, _) => "nothing new may be reaching it; its copies hold what it holds",
            (_, true) => "whether its data are as they should be is not known; older copies are kept",
            _ => "somebody or something may have deleted or changed what is in it; older copies have it",
        },
        next: "look whether its data are as they should be, and accept it if they are".into(),
    };
    found.add(Some(system), None, Some(since), said);
    true
}

fn cause(answer: &NotedAnswer, question: &Expect, zone: &jiff::tz::TimeZone) -> String {
    let say = &question.say;
    let shown = |number: i64| question.shown(Some(&number.to_string()), zone);
    let was = answer.number.map_or_else(|| "another answer".to_owned(), shown);
    match answer.missed {
        None | Some(Missed::Unanswered) => format!("\u{201c}{say}\u{201d} got no answer"),
        Some(Missed::Few) => {
            format!("\u{201c}{say}\u{201d}: {was}, at least {} expected", question.at_least.unwrap_or(0))
        }
        Some(Missed::Other) => format!("\u{201c}{say}\u{201d}: not what the plan says"),
        Some(Missed::Old) => format!("\u{201c}{say}\u{201d}: {was}, too old"),
        Some(Missed::Changed) => {
            format!("\u{201c}{say}\u{201d}: {was}, before {}", answer.before.map(shown).unwrap_or_default())
        }
    }
}
