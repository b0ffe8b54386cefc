//! What is wrong with what all systems share: the disks, the ledger, the runbook?

use dr_media::{Holder, Move};
use dr_plan::Severity;
use jiff::ToSpan;

use super::{Found, Said, cuts, erasures, messages, own, record, sight};
use crate::facts::DiskFacts;
use crate::judgement::Status;
use crate::words;

pub(super) fn look(found: &mut Found<'_>) {
    record::look(found);
    let facts = found.facts;
    for disks in &facts.disks {
        lost(found, disks);
        leavers(found, disks);
        custodians(found, disks);
        for turn in &disks.moves {
            rotation(found, turn);
        }
    }
    sight::look(found);
    runbook(found);
    document(found);
    clock(found);
    cuts::look(found);
    erasures::look(found);
    messages::look(found);
    own::look(found);
}

fn lost(found: &mut Found<'_>, disks: &DiskFacts) {
    // A lost disk that was replaced is a matter for the register, not for the status.
    if disks.usable >= usize::try_from(disks.wanted).unwrap_or(usize::MAX) {
        return;
    }
    for (medium, since) in &disks.lost {
        let cause = format!("disk {medium} is missing since {}", found.moment(*since));
        found.add_about(
            medium.as_str(),
            None,
            Some(*since),
            Said {
                rule: "lost",
                status: Status::Red,
                short: "disk lost",
                cause,
                risk: "it is sealed, but the copies on it are gone",
                next: format!("look for {medium}, tell the head, and replace it"),
            },
        );
    }
}

fn leavers(found: &mut Found<'_>, disks: &DiskFacts) {
    for (medium, person) in &disks.with_leavers {
        let who = words::plain(&words::name(found.given.plan, person));
        found.add_about(
            medium.as_str(),
            None,
            None,
            Said {
                rule: "leaver",
                status: Status::Red,
                short: "disk with leaver",
                cause: format!("disk {medium} is with {who}, who has left"),
                risk: "the school does not have it when it needs it",
                next: format!("get disk {medium} back"),
            },
        );
    }
}

fn custodians(found: &mut Found<'_>, disks: &DiskFacts) {
    let plan = found.given.plan;
    // Whose leaving made them few is told with that.
    let left = |id: &dr_plan::PersonId| {
        plan.people.get(id).is_some_and(|person| person.leaves.is_some_and(|day| day < found.facts.today))
    };
    if plan.pools.get(&disks.pool).is_some_and(|pool| pool.custodians.iter().any(left)) {
        return;
    }
    if disks.custodians.len() < 2 {
        let (status, cause, next) = match disks.custodians.first() {
            Some(one) => (
                Status::Amber,
                format!("only {} carries the disks", words::plain(&words::name(plan, one))),
                "name a second person who carries them, or accept the gap",
            ),
            None => (Status::Red, "nobody carries the disks".to_owned(), "name two people who carry them"),
        };
        let head = plan.with_role(dr_plan::Role::Head).next().map(|(id, _)| id.clone());
        found.add(
            None,
            head,
            None,
            Said {
                rule: "custodian",
                status,
                short: "one custodian",
                cause,
                risk: "in an absence no disk changes place",
                next: next.into(),
            },
        );
    }
}

/// A disk that is not where it should be, on a morning when somebody is there to carry it.
fn rotation(found: &mut Found<'_>, turn: &Move) {
    let school = &found.given.plan.school;
    let zone = &school.timezone;
    let day = turn.by.to_zoned(zone.clone()).date();
    let morning = day.tomorrow().ok().and_then(|next| found.given.calendar.operating_days_after(next, 0));
    let overdue = morning.and_then(|date| date.to_datetime(school.hours.from).to_zoned(zone.clone()).ok());
    if overdue.is_none_or(|overdue| overdue.timestamp() >= found.facts.now) {
        return;
    }
    // Two weeks of days on which somebody was there. A closed week makes nobody overdue.
    let late =
        found.given.calendar.operating_days_after(day, OVERDUE_DAYS).is_some_and(|date| date < found.facts.today);
    let cause = match &turn.to {
        Holder::Server => format!("disk {} was to be in the server by {}", turn.medium, found.moment(turn.by)),
        _ => format!("disk {} was to be taken away by {}", turn.medium, found.moment(turn.by)),
    };
    let next = task(found, turn);
    found.add_about(
        turn.medium.as_str(),
        turn.custodian.clone(),
        None,
        Said {
            rule: "rotation",
            status: if late { Status::Red } else { Status::Amber },
            short: "disk overdue",
            cause,
            risk: "the offline copies grow old",
            next,
        },
    );
}

/// So many days in school after its day.
const OVERDUE_DAYS: u32 = 10;

/// What the carrier does, as a letter says it.
fn task(found: &Found<'_>, turn: &Move) -> String {
    match &turn.to {
        Holder::Server => format!("bring disk {}", turn.medium),
        Holder::Place(place) => {
            let name = found.given.plan.places.get(place).map_or(place.as_str(), |place| place.name.as_str());
            format!("take disk {} to: {}", turn.medium, words::plain(name))
        }
        Holder::Person(person) => {
            format!("give disk {} to {}", turn.medium, words::plain(&words::name(found.given.plan, person)))
        }
    }
}

fn runbook(found: &mut Found<'_>) {
    let Some(runbook) = found.given.runbook else {
        return found.add(
            None,
            None,
            None,
            Said {
                rule: "runbook",
                status: Status::Amber,
                short: "no runbook",
                cause: "no runbook could be read".into(),
                risk: "on the bad day nobody knows what to do first",
                next: "write the steps down and name the file in the plan".into(),
            },
        );
    };
    let today = found.facts.today;
    let wrong = dr_runbook::lint(runbook, found.given.plan, today);
    let errors: Vec<_> = wrong.iter().filter(|finding| finding.severity == Severity::Error).collect();
    if runbook.document.review_date < today {
        let since = runbook.document.review_date.to_zoned(found.given.plan.school.timezone.clone()).ok();
        let cause =
            format!("the runbook was to be reviewed by {}", words::short_day(runbook.document.review_date, today));
        found.add_about(
            "runbook",
            None,
            since.map(|at| at.timestamp()),
            Said {
                rule: "review",
                status: Status::Amber,
                short: "review overdue",
                cause,
                risk: "names and numbers in it may be wrong",
                next: "review the runbook and write the next date into it".into(),
            },
        );
    }
    let others = errors.iter().filter(|finding| finding.rule != "review").count();
    if others > 0 {
        found.add(
            None,
            None,
            None,
            Said {
                rule: "runbook",
                status: Status::Amber,
                short: "runbook wrong",
                cause: format!("the runbook has {}", words::count(others, "error", "errors")),
                risk: "on the bad day a step of it cannot be done",
                next: "have the runbook checked and corrected".into(),
            },
        );
    }
}

/// The plan is a policy document: amber for the month before it is to be looked at again, and from then on as all amber.
fn document(found: &mut Found<'_>) {
    let (today, zone) = (found.facts.today, &found.given.plan.school.timezone);
    let Some(review) = found.given.plan.document.review else { return };
    let soon = review.checked_sub(REVIEW_DAYS.days()).unwrap_or(review);
    if today < soon {
        return;
    }
    let date = words::short_day(review, today);
    let (since, cause) = match review < today {
        true => (review.to_zoned(zone.clone()).ok(), format!("the backup plan was to be reviewed by {date}")),
        false => (None, format!("the backup plan is to be reviewed by {date}")),
    };
    found.add_about(
        "plan",
        None,
        since.map(|at| at.timestamp()),
        Said {
            rule: "review",
            status: Status::Amber,
            short: "plan review",
            cause,
            risk: "it may no longer fit what the school does",
            next: "go through the plan and write the next date into it".into(),
        },
    );
}

/// So long before its review the plan is amber.
const REVIEW_DAYS: i64 = 30;

/// What is noted of a time that has not come counts for nothing; that there is such a thing is told until copies were made
/// since, or, where the ledger has lived beyond now, until it has gone on for a week.
fn clock(found: &mut Found<'_>) {
    if found.given.clock_moved {
        return;
    }
    let Some(ahead) = dr_ledger::ahead(found.given.all, found.given.now) else {
        return;
    };
    let until = found.moment(ahead.until);
    let noted = words::count(ahead.count, "entry of the record is", "entries of the record are");
    let wrong = if ahead.behind { "is wrong now, or was wrong then" } else { "was wrong then, or is wrong now" };
    let cause = format!("{noted} dated ahead of this server's clock, up to {until}: the clock {wrong}");
    let next = match ahead.behind {
        true => "see whether the server's clock is right, and set it if it is not; backups are made all the same",
        false => "see whether the server's clock is right; if it is, the next run makes the copies, and that ends this",
    };
    found.add(
        None,
        None,
        None,
        Said {
            rule: "clock",
            status: Status::NotKnown,
            short: "clock wrong",
            cause,
            risk: "they count for nothing, so how old the copies are is told without them",
            next: next.into(),
        },
    );
}
