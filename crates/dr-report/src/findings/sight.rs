//! Is something where it is not said to be: a disk in the server that should be away, a copy beside what it was made of?

use dr_ledger::{SOURCES, STATE, of_target};
use dr_media::Holder;
use dr_plan::Class;

use super::places::place_of;
use super::{Found, Said};
use crate::judgement::Status;
use crate::words;

pub(super) fn look(found: &mut Found<'_>) {
    let facts = found.facts;
    for disks in &facts.disks {
        for (medium, since, holder) in &disks.in_sight {
            let said = match holder {
                Holder::Server => format!("disk {medium} was ejected and is still plugged into the server"),
                holder => format!("disk {medium} is said to be {} and is plugged into the server", with(found, holder)),
            };
            found.add_about(
                medium.as_str(),
                None,
                Some(*since),
                Said {
                    rule: "sight",
                    status: Status::Amber,
                    short: "disk plugged in",
                    cause: said,
                    risk: "whoever attacks the server reaches the copies on it, so they do not count as offline",
                    next: format!("unmount and unplug disk {medium}, or have it noted that it is loaded"),
                },
            );
        }
        for (medium, since) in &disks.out_of_sight {
            let cause =
                format!("disk {medium} is said to be in the server and was not there on {}", found.moment(*since));
            found.add_about(
                medium.as_str(),
                None,
                Some(*since),
                Said {
                    rule: "sight",
                    status: Status::Amber,
                    short: "disk not there",
                    cause,
                    risk: "nobody knows where the copies on it are, and no new ones are made",
                    next: format!("plug disk {medium} in, or have it noted where it is"),
                },
            );
        }
    }
    for (target, beside) in &facts.beside {
        same_device(found, target, beside);
    }
}

/// Where somebody says that a disk is.
fn with(found: &Found<'_>, holder: &Holder) -> String {
    let plan = found.given.plan;
    match holder {
        Holder::Place(place) => {
            let name = plan.places.get(place).map_or(place.as_str(), |place| place.name.as_str());
            format!("at {}", words::plain(name))
        }
        Holder::Person(person) => format!("with {}", words::plain(&words::name(plan, person))),
        Holder::Server => "beside the server".to_owned(),
    }
}

/// A copy that goes with what it was made of, or with another copy. Of two copies it is said of one.
fn same_device(found: &mut Found<'_>, target: &dr_plan::TargetId, beside: &[String]) {
    let plan = found.given.plan;
    let mut others: Vec<String> = Vec::new();
    if beside.iter().any(|name| name == SOURCES) {
        others.push("the data that it was made of".into());
    } else if beside.iter().any(|name| name == STATE) {
        others.push("the backup server's own records".into());
    }
    // An on-site copy is named by the one that should be elsewhere.
    let rank = |class: Option<Class>| u8::from(!matches!(class, Some(Class::Onsite)));
    let class = |id: &dr_plan::TargetId| plan.targets.get(id).map(|target| target.class);
    let own = (rank(class(target)), target);
    for other in plan.targets.keys().filter(|other| beside.contains(&of_target(other))) {
        if (rank(class(other)), other) < own {
            others.push(format!("the copy {}", place_of(plan, other)));
        }
    }
    if others.is_empty() {
        return;
    }
    others.dedup();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let cause = format!("the copy {} lies on the same device as {}", place_of(plan, target), words::list(&others, 3));
    found.add_about(
        target.as_str(),
        None,
        None,
        Said {
            rule: "same-device",
            status: Status::Amber,
            short: "same device",
            cause,
            risk: "one broken disk, or one fire, takes both",
            next: "give that copy a device of its own, or accept the gap".into(),
        },
    );
}
