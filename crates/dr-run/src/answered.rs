//! What the questions of the plan were answered in a capture, as the ledger has it: numbers, and whether each is right.

use std::collections::BTreeMap;

use dr_ledger::{Digest, Missed, NotedAnswer};
use dr_plan::{Expect, System};
use dr_source::driver::QuestionAnswers;

use crate::school::School;

/// By what a question is known again in the ledger, which says nothing of what is asked.
fn known_by(question: &Expect) -> String {
    Digest::of(question.ask.as_bytes()).to_string()[..16].to_owned()
}

/// Judges answers by the plan and by the last right ones; and what a person is told of those that are not right.
pub(crate) fn judged(
    school: &School,
    system: &System,
    answers: &QuestionAnswers,
    last: &BTreeMap<String, i64>,
) -> (Vec<NotedAnswer>, Vec<String>) {
    let now = school.clock.decided();
    let zone = &school.plan.school.timezone;
    let (mut all, mut told) = (Vec::new(), Vec::new());
    for question in &system.expect {
        let Some(answer) = answers.to(question) else { continue };
        let of = known_by(question);
        let before = last.get(&of).copied();
        let missed = question.missed(answer, before, now, (&school.calendar, zone));
        if let Some(missed) = missed {
            let (say, shown) = (&question.say, question.shown(answer, zone));
            let last = before.map(|before| question.shown(Some(&before.to_string()), zone)).unwrap_or_default();
            told.push(match missed {
                dr_plan::Shortfall::Unanswered => {
                    format!("\u{201c}{say}\u{201d} got no answer that can be judged ({shown})")
                }
                dr_plan::Shortfall::Few => format!(
                    "\u{201c}{say}\u{201d}: {shown}, and the plan says at least {}",
                    question.at_least.unwrap_or(0)
                ),
                dr_plan::Shortfall::Other => format!("\u{201c}{say}\u{201d}: {shown}, and the plan says otherwise"),
                dr_plan::Shortfall::Old => {
                    format!("\u{201c}{say}\u{201d}: {shown}, which is older than the plan allows")
                }
                dr_plan::Shortfall::Changed => format!("\u{201c}{say}\u{201d}: {shown}, and the last time {last}"),
            });
        }
        let number = answer.and_then(Expect::number);
        all.push(NotedAnswer {
            of,
            number,
            before: before.filter(|_| question.within.is_some()),
            missed: missed.map(noted),
        });
    }
    (all, told)
}

fn noted(missed: dr_plan::Shortfall) -> Missed {
    match missed {
        dr_plan::Shortfall::Unanswered => Missed::Unanswered,
        dr_plan::Shortfall::Few => Missed::Few,
        dr_plan::Shortfall::Other => Missed::Other,
        dr_plan::Shortfall::Old => Missed::Old,
        dr_plan::Shortfall::Changed => Missed::Changed,
    }
}
