//! Who brings and takes which disk today, in a message to those who do.

use dr_ledger::MessageKind;
use dr_media::{Holder, Move};
use dr_plan::Plan;

use super::Reminder;
use super::ladder::Rung;
use crate::facts::{Facts, Given};
use crate::words;

const WIDTH: usize = 80;
const INDENT: usize = 9;

pub(super) fn reminders(given: &Given<'_>, facts: &Facts) -> Vec<Reminder> {
    let mut reminders = Vec::new();
    for disks in &facts.disks {
        // What changes places at one moment is one errand.
        for turns in disks.moves.chunk_by(|a, b| a.by == b.by && a.custodian == b.custodian) {
            reminders.extend(reminder(given, facts, turns));
        }
    }
    reminders
}

fn reminder(given: &Given<'_>, facts: &Facts, turns: &[Move]) -> Option<Reminder> {
    let (plan, turn) = (given.plan, turns.first()?);
    let by = turn.by.to_zoned(plan.school.timezone.clone());
    let rung = Rung::of(given.calendar, by.date(), facts.today)?;
    let does: Vec<String> = turns.iter().map(short).collect();
    let when = if rung.is_late() { format!("overdue since {}", words::day(by.date())) } else { "today".to_owned() };
    let school = words::clip(&plan.school.name, 40);
    let subject = words::clip(&format!("[DISK] {school} - {when}: {}", does.join(", ")), 78);
    let name = |id: &dr_plan::PersonId| words::plain(&words::name(plan, id));
    let carrier = turn.custodian.as_ref().map_or_else(|| "Nobody who carries disks is there".to_owned(), name);
    let first = match rung.is_late() {
        false => format!(
            "{carrier}: today, {}, by {}, backup disks change places.",
            words::day(by.date()),
            by.strftime("%H:%M")
        ),
        true => format!("{carrier}: backup disks were to change places on {}.", words::day(by.date())),
    };
    let mut lines = words::wrap(&first, WIDTH, 0);
    lines.push(String::new());
    let mut say = |label: &str, text: &str| {
        lines.extend(words::wrap(&format!("{label:<INDENT$}{}", words::plain(text)), WIDTH, INDENT));
    };
    for turn in turns {
        let (label, what) = match (&turn.from, &turn.to) {
            (Holder::Server, Holder::Server) => ("Plug in", format!("{}, which is beside the server.", turn.medium)),
            (from, to) => {
                let label = if *to == Holder::Server { "Bring" } else { "Take" };
                (label, format!("{}, from {}, to {}.", turn.medium, whereabouts(plan, from), whereabouts(plan, to)))
            }
        };
        say(label, &what);
    }
    let others: Vec<String> = turn.deputies.iter().map(name).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    match others.as_slice() {
        [] => say("Away?", "If you are away, tell the office now: the plan names nobody else."),
        [first, ..] => say("Away?", &format!("If you are away, {first} does it: ring each other.")),
    }
    say("Sign", "Say when it is done: to the technician, or with dr media.");
    say("Care", "Who carries a disk answers for it. Never leave it in a car overnight.");
    say("If not", "Until it is done the offline copies grow old, and more people are asked.");
    Some(Reminder {
        kind: MessageKind::Disk,
        about: format!("disk/{}/{}{}", turn.pool, by.date(), rung.suffix()),
        to: rung.asked(plan, turn.custodian.as_ref(), &turn.deputies),
        subject,
        text: lines.join("\n") + "\n",
    })
}

fn short(turn: &Move) -> String {
    match turn.to {
        Holder::Server if turn.from == Holder::Server => format!("plug in {}", turn.medium),
        Holder::Server => format!("bring {}", turn.medium),
        _ => format!("take {}", turn.medium),
    }
}

fn whereabouts(plan: &Plan, holder: &Holder) -> String {
    match holder {
        Holder::Server => "the server".to_owned(),
        Holder::Place(place) => plan.places.get(place).map_or_else(|| place.to_string(), |place| place.name.clone()),
        Holder::Person(person) => words::name(plan, person),
    }
}
