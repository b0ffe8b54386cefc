//! The lines of the letter that say one thing each.

use dr_ledger::{History, LetterStatus, RehearsalVerdict};
use jiff::{SignedDuration, ToSpan};

use super::content::word;
use super::todo;
use crate::facts::{Facts, Given};
use crate::status::{Status, StatusReport};
use crate::table::length;
use crate::words;

/// Where the subject should end.
const SUBJECT: usize = 70;

/// `[STATUS] School – backups, week to DD Mon – ask`
pub(super) fn subject(given: &Given<'_>, facts: &Facts, report: &StatusReport) -> String {
    let jobs = todo::count(given, report);
    let first = todo::first(given, report);
    let title = first.as_ref().and_then(|job| job.titles.first()).map(|title| words::clip(title, 16));
    let ask = match (report.overall, first.map(|job| job.finding)) {
        (_, None) => "nothing to do".to_owned(),
        (LetterStatus::Red, Some(finding)) => match title {
            Some(title) => format!("{title} {}", finding.short),
            None => finding.short.clone(),
        },
        (LetterStatus::NotKnown, Some(finding)) => finding.short.clone(),
        (_, Some(finding)) => {
            let by = finding.until();
            format!("{} by {}", words::count(jobs, "job", "jobs"), words::short_day(by, facts.today))
        }
    };
    let (word, week) = (word(report.overall), facts.today.strftime("%-d %b"));
    let full = words::plain(&given.plan.school.name);
    let write = |school: &str| format!("[{word}] {school} – backups, week to {week} – {ask}");
    // The school knows its own name: what kind of school it is can go.
    let mut school = full.as_str();
    while let Some((shorter, kind)) = school.rsplit_once(' ')
        && KINDS.contains(&kind)
    {
        school = shorter;
    }
    let spare = SUBJECT.saturating_sub(write("").chars().count());
    write(&words::clip(school, spare.max(12)))
}

const KINDS: &[&str] =
    &["School", "Academy", "Primary", "Junior", "Infant", "Secondary", "High", "College", "First", "Middle"];

/// What a reader who reads no further must know.
pub(super) fn sentence(given: &Given<'_>, report: &StatusReport) -> String {
    let with = |test: fn(Status) -> bool| -> Vec<&str> {
        report.systems.iter().filter(|row| test(row.status)).map(|row| row.title.as_str()).collect()
    };
    let jobs = todo::count(given, report);
    let needs = match jobs {
        0 => "Nothing to do.".to_owned(),
        1 => "One thing to do.".to_owned(),
        n => format!("{n} things to do."),
    };
    let text = match report.overall {
        LetterStatus::Green => {
            let apart = match report.counted.declared {
                0 => String::new(),
                n => format!(" {n} declared by {}.", verb(n, "its supplier", "suppliers")),
            };
            format!("All {} systems are backed up and proved.{apart} {needs}", report.counted.ours)
        }
        LetterStatus::Amber => {
            let seeding = with(|status| matches!(status, Status::Seeding(_)));
            let amber = with(|status| status == Status::Amber);
            match (amber.as_slice(), seeding.as_slice()) {
                ([], []) => format!("Every system is safe, but something around them is not as it should be. {needs}"),
                ([], _) => format!("First copies and tests are still to come. {needs}"),
                (amber, _) => format!(
                    "{} {} attention; nothing is lost. {needs}",
                    words::list(amber, 3),
                    verb(amber.len(), "needs", "need")
                ),
            }
        }
        LetterStatus::NotKnown => match with(|status| status == Status::NotKnown).as_slice() {
            [] => format!("It is not known whether the backups are any good. {needs}"),
            some => format!("It is not known whether {} would come back. {needs}", words::list(some, 2)),
        },
        LetterStatus::Red => match with(|status| status == Status::Red).as_slice() {
            [] => {
                let cause = report.findings.iter().find(|finding| finding.accepted.is_none());
                let cause = cause.map_or_else(String::new, |finding| finding.cause.clone());
                format!("Act today: {cause}. {needs}")
            }
            some => format!("Act today: {} may not come back. {needs}", words::list(some, 2)),
        },
    };
    words::plain(&text)
}

fn verb(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// When something was last brought back, how long that took, and when the next proof is due.
pub(super) fn rehearsal(given: &Given<'_>, facts: &Facts) -> String {
    let plan = given.plan;
    let zone = &plan.school.timezone;
    let history = History::of(given.entries);
    let last = match history.rehearsals().last() {
        None => "Nothing was ever brought back as a test.".to_owned(),
        Some(rehearsal) => {
            let good = rehearsal.systems.iter().filter(|part| part.verdict == RehearsalVerdict::Verified);
            let seconds: f64 = good.clone().map(|part| part.seconds.max(0.0)).sum();
            let took = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
            let (good, all) = (good.count(), rehearsal.systems.len());
            let date = words::short_day(rehearsal.at.to_zoned(zone.clone()).date(), facts.today);
            let took = if good == 0 { String::new() } else { format!(" in {}", length(took)) };
            format!("{good} of {all} restored and checked {date}{took}.")
        }
    };
    let lapses =
        facts.systems.iter().filter_map(|of| of.proof.lapses_after(plan.rehearsals.full, given.calendar, zone));
    let next = lapses.min().map(|date| format!(" Next by {}.", words::short_day(date, facts.today)));
    format!("Rehearsal  {last}{}", next.unwrap_or_default())
}

/// The runbook's version and how long it holds.
pub(super) fn plan(given: &Given<'_>, facts: &Facts) -> String {
    let Some(runbook) = given.runbook else {
        return "Plan       No runbook: nobody has written down what to do on the bad day.".to_owned();
    };
    let document = &runbook.document;
    let version = words::clip(&document.version, 12);
    let review = words::short_day(document.review_date, facts.today);
    let due = if document.review_date < facts.today { "was due" } else { "due" };
    let insured = runbook.assets.iter().filter_map(|asset| asset.cover_expires).min();
    let insured = insured.map(|date| match date < facts.today {
        true => format!(" Insurance ran out {}.", words::short_day(date, facts.today)),
        false => format!(" Insured to {}.", words::short_day(date, facts.today)),
    });
    format!("Plan       Version {version}. Review {due} {review}.{}", insured.unwrap_or_default())
}

/// By when the next letter must be there: the staffed morning after it is written.
pub(super) fn dead_man(given: &Given<'_>, facts: &Facts) -> String {
    let plan = given.plan;
    let soon = facts.now.checked_add(SignedDuration::from_hours(24 * 15)).unwrap_or(facts.now);
    let after = facts.now.checked_add(SignedDuration::from_secs(1)).unwrap_or(facts.now);
    let next = plan.report.weekly.slots(after, soon, &plan.school.timezone).into_iter().next();
    let next = next.map_or(facts.today, |next| next.to_zoned(plan.school.timezone.clone()).date());
    let morning = next.checked_add(1.day()).ok().and_then(|day| given.calendar.operating_days_after(day, 0));
    let morning = words::day(morning.unwrap_or(next));
    format!("No letter by 09:00 on {morning}? Treat as RED, ring the number on your DR card.")
}
