//! The lines of the letter that say one thing each.

use dr_ledger::{History, LetterStatus, RehearsalVerdict, RehearsedSystem};
use jiff::{SignedDuration, ToSpan};

use super::content::word;
use super::todo;
use crate::facts::{Facts, Given};
use crate::findings::Cause;
use crate::judgement::Status;
use crate::status::StatusReport;
use crate::table::length;
use crate::words;

/// Where the subject should end.
const SUBJECT: usize = 70;

/// `[STATUS] School – backups, week to DD Mon – ask`
pub(super) fn subject(given: &Given<'_>, facts: &Facts, report: &StatusReport) -> String {
    let jobs = todo::count(report);
    let first = todo::first(report);
    let title = first.and_then(|job| job.titles(given.plan).first().map(|title| words::clip(title, 16)));
    let ask = match (report.overall, first) {
        (_, None) => "nothing to do".to_owned(),
        (LetterStatus::Red, Some(job)) => match title {
            Some(title) => format!("{title} {}", job.short),
            None => job.short.clone(),
        },
        (LetterStatus::NotKnown, Some(job)) => job.short.clone(),
        (_, Some(job)) => {
            let by = job.until();
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

/// What a reader who reads no further must know, with at most so many names in a row.
pub(super) fn sentence(given: &Given<'_>, report: &StatusReport, most: usize) -> String {
    let with = |test: fn(Status) -> bool| -> Vec<&str> {
        report.systems.iter().filter(|row| test(row.status)).map(|row| row.title.as_str()).collect()
    };
    let jobs = todo::count(report);
    let needs = match jobs {
        0 => "Nothing to do.".to_owned(),
        1 => "One thing to do.".to_owned(),
        n => format!("{n} things to do."),
    };
    let names = |titles: &[&str]| match titles.len() {
        n if most == 0 && n > 1 => format!("{n} systems"),
        _ => words::list(titles, most),
    };
    let worst = |status: Status| report.causes.iter().find(|cause| cause.accepted.is_none() && cause.status == status);
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
                ([], []) => format!("All systems are backed up. {}", others(jobs)),
                ([], _) => format!("First copies and tests are still to come. {needs}"),
                (amber, _) => {
                    let safe = if nothing_is_lost(report) { " Nothing is lost." } else { "" };
                    format!("{} {} attention.{safe} {needs}", names(amber), verb(amber.len(), "needs", "need"))
                }
            }
        }
        LetterStatus::NotKnown => match worst(Status::NotKnown) {
            None => format!("It is not known whether the backups are any good. {needs}"),
            Some(cause) => format!("{}. {needs}", not_known(given, cause, &names)),
        },
        LetterStatus::Red => match worst(Status::Red) {
            None => format!("Act today. {needs}"),
            Some(cause) => format!("Act today: {}. {needs}", red(given, cause, &names)),
        },
    };
    words::plain(&text)
}

/// What is to be done although every system is backed up.
fn others(jobs: usize) -> String {
    match jobs {
        1 => "One other thing needs doing.".to_owned(),
        n => format!("{n} other things need doing."),
    }
}

/// Whether all that is amber leaves what was backed up, and what is to be, as it was.
fn nothing_is_lost(report: &StatusReport) -> bool {
    let open = report.causes.iter().filter(|cause| cause.accepted.is_none());
    !open
        .into_iter()
        .any(|cause| matches!(cause.rule, "suspicious" | "damaged" | "complete" | "export" | "lost" | "copies"))
}

/// What is red, in words that frighten nobody more than is right.
fn red(given: &Given<'_>, cause: &Cause, names: &dyn Fn(&[&str]) -> String) -> String {
    let titles = cause.titles(given.plan);
    if titles.is_empty() || (titles.len() > 1 && cause.name == "school/idle") {
        return cause.cause.clone();
    }
    match cause.rule {
        "proof" => format!("{} did not come back when tested", names(&titles)),
        "damaged" => format!("a copy of {} is damaged", names(&titles)),
        _ => format!("{}: {}", names(&titles), cause.cause),
    }
}

/// What is not known, or known not to be so.
fn not_known(given: &Given<'_>, cause: &Cause, names: &dyn Fn(&[&str]) -> String) -> String {
    let titles = cause.titles(given.plan);
    match cause.rule {
        _ if titles.is_empty() => format!("It is not known whether the backups are any good: {}", cause.cause),
        // It is nobody's to find out: this version cannot do it.
        "not-run" if cause.key == cause.name => {
            format!("{} {} not backed up here", names(&titles), verb(titles.len(), "is", "are"))
        }
        "idle" => format!("Nothing has run for {}", names(&titles)),
        _ => format!("It is not known whether {} would come back", names(&titles)),
    }
}

fn verb(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// When something was last brought back, how long that took, and when the next proof is due.
pub(super) fn rehearsal(given: &Given<'_>, facts: &Facts) -> String {
    let plan = given.plan;
    let zone = &plan.school.timezone;
    let history = History::of(given.entries);
    let tried = |rehearsal: &&dr_ledger::Rehearsal| rehearsal.systems.iter().any(RehearsedSystem::was_tried);
    let last = match history.rehearsals().iter().rfind(tried) {
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
