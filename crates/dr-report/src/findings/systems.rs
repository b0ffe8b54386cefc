//! What is wrong with one system's copies and proofs?

use dr_ledger::{PlaceState, RehearsalVerdict};
use dr_plan::{CopyRule, System};
use jiff::{SignedDuration, Timestamp};

use super::places::{place_name, place_of};
use super::{Found, Said, runs, suppliers};
use crate::facts::{CopyFacts, Proof, SystemFacts};
pub(super) use crate::findings::late::late_since;
use crate::judgement::Status;
use crate::words;

/// Facts about a system may be so old before nothing is known of it.
const FACTS_HOURS: i64 = 36;
/// Something must have looked at a copy within so long.
const LOOK_DAYS: i64 = 35;

pub(super) fn look(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    if let Some(supplier) = system.source.supplier() {
        return suppliers::look(found, system, supplier);
    }
    if !system.source.runs() {
        return found.add(
            Some(system),
            None,
            None,
            Said {
                rule: "not-run",
                status: Status::NotKnown,
                short: "unassessed",
                cause: "this version cannot read systems of this kind".into(),
                risk: "nothing of it is backed up here",
                next: "have it backed up in another way and see a restore of it".into(),
            },
        );
    }
    idle(found, system, of);
    objective(found, system, of);
    if of.newest().is_some() {
        proof(found, system, of);
    }
    copies(found, system, of);
    if of.newest().is_some() {
        places(found, system, of);
        looked_at(found, system, of);
    }
    complete(found, system, of);
    runs::look(found, system);
}

/// A check that did not run is never green: no run, good or bad, for longer than facts may be old.
fn idle(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    let limit = found.facts.now - SignedDuration::from_hours(FACTS_HOURS);
    if let Some(slot) = of.unserved.filter(|slot| *slot < limit && found.facts.began.is_some_and(|began| began < *slot))
    {
        let cause = format!("nothing has run for it since its turn on {}", found.moment(slot));
        found.add(
            Some(system),
            None,
            None,
            Said {
                rule: "idle",
                status: Status::NotKnown,
                short: "no run",
                cause,
                risk: "what has changed since may be lost",
                next: SERVER_ON.into(),
            },
        );
        found.technical();
        nothing_runs(found);
    }
}

const SERVER_ON: &str = "check that the backup server is on and that its timer runs";

/// What was found last is so because nothing runs at all: one cause, however many systems grow old by it.
fn nothing_runs(found: &mut Found<'_>) {
    let together = match runs::newest_end(found) {
        Some(at) => format!("no backup has run since {}", found.moment(at)),
        None => "no backup has ever run".to_owned(),
    };
    found.shared("school/idle", together);
}

/// How old the newest clean copy is, against what was promised and the grace.
fn objective(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    let Some(newest) = of.newest() else {
        return nothing(found, system, of);
    };
    let promised = system.rpo.longest();
    let over = newest + promised + of.grace;
    let far_over = newest + promised + promised + of.grace;
    if found.facts.now <= over {
        return;
    }
    // Its turn came and nothing began: not this system's trouble, but everybody's.
    let silent = of.unserved.is_some_and(|slot| slot + of.grace < found.facts.now);
    let why = runs::shared_failure(found, system).filter(|_| !silent);
    let cause = format!("its newest good copy is of {}, older than promised", found.moment(newest));
    let next = match (silent, &why) {
        (true, _) => SERVER_ON.to_owned(),
        (false, Some((_, place, _))) => format!("find out why the backups {place} fail, and run one"),
        (false, None) => "find out why its backups fail, and run one".to_owned(),
    };
    found.add(
        Some(system),
        None,
        Some(over),
        Said {
            rule: "rpo",
            status: if found.facts.now > far_over { Status::Red } else { Status::Amber },
            short: if found.facts.now > far_over { "far too old" } else { "too old" },
            cause,
            risk: "everything since then would be lost",
            next,
        },
    );
    if silent {
        found.technical();
        nothing_runs(found);
    } else if let Some((name, place, why)) = why {
        found.technical();
        found.shared(
            format!("{name}/rpo"),
            format!("their backups {place} fail, and the newest good copies are older than promised: {why}"),
        );
    }
}

/// No clean copy at all.
fn nothing(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    let had_one = of.copies.iter().any(|copy| copy.gone.is_some() || copy.stored.is_some());
    let (status, cause) = match (found.facts.began, found.facts.seeding_until) {
        _ if had_one => (Status::Red, "every copy of it that there was is gone or damaged"),
        (None, _) => (Status::NotKnown, "no backup has ever been tried"),
        (Some(_), Some(until)) => (Status::Seeding(until), "its first backup is still to come"),
        (Some(_), None) => (Status::Red, "it has no good copy anywhere"),
    };
    found.add(
        Some(system),
        None,
        None,
        Said {
            rule: "copies",
            status,
            short: "no copy",
            cause: cause.into(),
            risk: "it cannot be brought back",
            next: match had_one {
                true => "see whether what the copies are on is switched on and mounted, and run its backup".into(),
                false => "run its backup".into(),
            },
        },
    );
    match (found.facts.began, found.facts.seeding_until) {
        _ if had_one => found.shared("school/copies", "every copy of them that there was is gone or damaged"),
        (None, _) => found.shared("school/copies", "no backup of them has ever been tried"),
        (Some(_), Some(_)) => found.shared("school/copies", "their first backups are still to come"),
        (Some(_), None) => {}
    }
}

/// Copies that the plan asks for: missing, damaged, late, or of a kind that this version cannot make.
fn copies(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    for rule in &system.copies {
        let on: Vec<&CopyFacts> = of.copies.iter().filter(|copy| copy.target == rule.target).collect();
        let place = place_of(found.given.plan, &rule.target);
        if on.iter().any(|copy| !copy.runs) {
            found.add(
                Some(system),
                None,
                None,
                Said {
                    rule: "not-run",
                    status: Status::NotKnown,
                    short: "unassessed",
                    cause: format!("this version cannot make its copy {place}"),
                    risk: "that copy does not exist",
                    next: "give the plan another target, or have that copy made in another way".into(),
                },
            );
            let name = place_name(found.given.plan, &rule.target);
            found.shared(format!("{name}/not-run"), format!("this version cannot make their copies {place}"));
            continue;
        }
        if let Some((state, since)) = on.iter().filter_map(|copy| copy.gone).min_by_key(|(_, since)| *since) {
            gone(found, system, rule, state, since);
            continue;
        }
        if let Some(at) = on.iter().filter_map(|copy| copy.damaged).min() {
            damaged(found, system, of, rule, at);
            continue;
        }
        let newest = on.iter().filter_map(|copy| copy.stored.as_ref()).map(|stored| stored.as_of).max();
        match newest {
            // Without any copy at all that has been said.
            None if of.newest().is_some() => missing(found, system, rule),
            None => {}
            Some(newest) => late(found, system, of, rule, newest),
        }
    }
}

/// A copy that was there, and whose place was looked at since. Told at once and apart from one that was never made: most
/// often something is switched off or not mounted, and nothing is lost yet.
fn gone(found: &mut Found<'_>, system: &System, rule: &CopyRule, state: PlaceState, since: Timestamp) {
    let place = place_of(found.given.plan, &rule.target);
    let seen = found.moment(since);
    let (what, next) = match state {
        PlaceState::Other => (
            format!("gone: something else stands in the place for it since {seen}"),
            "find out what was exchanged, and have the right one put back",
        ),
        PlaceState::Older => (
            format!("gone: what is there was put back to an earlier state; that was seen on {seen}"),
            "find out who put it back, and why",
        ),
        PlaceState::Damaged => {
            (format!("gone: what stands there since {seen} is too damaged to be opened"), "have that copy repaired")
        }
        _ => (
            format!("gone: the place for it is not there since {seen}"),
            "see whether what it is on is switched on and mounted",
        ),
    };
    let (cause, risk) = (format!("its copy {place} is {what}"), "until it is back, that copy does not count");
    let said = Said { rule: "gone", status: Status::Red, short: "copy gone", cause, risk, next: next.into() };
    found.add(Some(system), None, Some(since), said);
    found.technical();
    let name = place_name(found.given.plan, &rule.target);
    found.shared(format!("{name}/gone"), format!("their copies {place} are {what}"));
}

/// Something on one of its copies was found damaged. What is sound elsewhere is said, so that nobody is frightened more
/// than is right.
fn damaged(found: &mut Found<'_>, system: &System, of: &SystemFacts, rule: &CopyRule, at: Timestamp) {
    let place = place_of(found.given.plan, &rule.target);
    let fresh = found.facts.now - (system.rpo.longest() + of.grace);
    let sound = of.clean().filter(|(copy, stored)| copy.target != rule.target && stored.as_of >= fresh).count();
    let risk = match sound {
        0 => "files may be missing when it is brought back, and no other copy is as new as promised",
        _ => "files may be missing when it is brought back from there; other copies are sound",
    };
    found.add(
        Some(system),
        None,
        Some(at),
        Said {
            rule: "damaged",
            status: if system.tier <= 2 { Status::Red } else { Status::Amber },
            short: "damaged",
            cause: format!("its copy {place} was found damaged on {}", found.moment(at)),
            risk,
            next: format!("mend the copy {place}"),
        },
    );
    found.technical();
    found.command(format!("dr repair --target {}", rule.target));
    let (name, when) = (place_name(found.given.plan, &rule.target), found.moment(at));
    found.shared(format!("{name}/damaged"), format!("their copies {place} were found damaged on {when}"));
}

fn missing(found: &mut Found<'_>, system: &System, rule: &CopyRule) {
    let place = place_of(found.given.plan, &rule.target);
    let status = match found.facts.seeding_until {
        Some(until) => Status::Seeding(until),
        None if system.tier <= 2 => Status::Red,
        None => Status::Amber,
    };
    found.add(
        Some(system),
        None,
        None,
        Said {
            rule: "copies",
            status,
            short: "copy missing",
            cause: format!("it has no copy {place} yet, which the plan asks for"),
            risk: "one accident more can take what is left",
            next: format!("have a copy made {place}"),
        },
    );
    found.technical();
    let name = place_name(found.given.plan, &rule.target);
    found.shared(format!("{name}/copies"), format!("they have no copy {place} yet, which the plan asks for"));
}

fn late(found: &mut Found<'_>, system: &System, of: &SystemFacts, rule: &CopyRule, newest: Timestamp) {
    let Some(limit) = late_since(found, system, of, rule, newest) else { return };
    let place = place_of(found.given.plan, &rule.target);
    let cause = format!("its copy {place} is of {}, and there is no newer one", found.moment(newest));
    found.add(
        Some(system),
        None,
        Some(limit),
        Said {
            rule: "late",
            status: Status::Amber,
            short: "copy late",
            cause,
            risk: "if the other copies go, so does everything since then",
            next: format!("find out why no copy is made {place}"),
        },
    );
    found.technical();
    let name = place_name(found.given.plan, &rule.target);
    found.shared(format!("{name}/late"), format!("their copies {place} are old, and there are no newer ones"));
}

/// Outside the building, and out of reach of whatever attacks the server.
fn places(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    let away = of.clean().any(|(copy, _)| copy.standing.off_site);
    let offline = of.clean().any(|(copy, _)| copy.standing.offline);
    let status = match found.facts.seeding_until {
        Some(until) => Status::Seeding(until),
        None => Status::Amber,
    };
    // Only what is said to be outside, and is not, or may not be.
    let beside = of.clean().any(|(copy, _)| copy.standing.class == "offsite" && !copy.same_as.is_empty());
    // Of one system, of several, and a name of its own for each reason.
    let off_site = match of.off_site() {
        _ if beside => (
            "its copy that should be outside lies on the same disk as something in the school",
            "their copies that should be outside lie on the same disk as something in the school",
            "school/off-site-beside",
        ),
        "unknown" => (
            "whether a copy of it is outside the building is not known: on what it lies could not be told",
            "whether a copy of them is outside the building is not known: on what they lie could not be told",
            "school/off-site-unknown",
        ),
        _ => ("no copy of it is outside the building", "no copy of them is outside the building", "school/off-site"),
    };
    let in_sight = of.clean().any(|(copy, _)| copy.medium.is_some());
    let out_of_reach = match of.offline() {
        "unknown" => (
            "whether a copy of it is out of an attacker's reach is not known: nobody has looked",
            "whether a copy of them is out of an attacker's reach is not known: nobody has looked",
            "school/offline-unknown",
        ),
        _ if in_sight => (
            "no copy of it is out of an attacker's reach: every disk that has one is in the server",
            "no copy of them is out of an attacker's reach: every disk that has one is in the server",
            "school/offline-in-sight",
        ),
        _ => (
            "no copy of it is out of an attacker's reach",
            "no copy of them is out of an attacker's reach",
            "school/offline",
        ),
    };
    if !away {
        found.add(
            Some(system),
            None,
            None,
            Said {
                rule: "off-site",
                status,
                short: "not off-site",
                cause: off_site.0.into(),
                risk: "a fire would take it",
                next: "have a copy made outside, or accept the gap".into(),
            },
        );
        found.shared(off_site.2, off_site.1);
    }
    if !offline {
        found.add(
            Some(system),
            None,
            None,
            Said {
                rule: "offline",
                status,
                short: "not offline",
                cause: out_of_reach.0.into(),
                risk: "an attack on the server can take it",
                next: "have a copy made on a disk that is then taken out, or accept the gap".into(),
            },
        );
        found.shared(out_of_reach.2, out_of_reach.1);
    }
}

fn proof(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    let proof: &Proof = &of.proof;
    let rehearse = || "have a restore rehearsed".to_owned();
    match (proof.newest_bad, proof.proved) {
        (Some((at, RehearsalVerdict::Failed)), _) => {
            let cause = format!("the rehearsal of {} did not bring it back", found.moment(at));
            found.add(
                Some(system),
                None,
                Some(at),
                Said {
                    rule: "proof",
                    status: Status::Red,
                    short: "not restorable",
                    cause,
                    risk: "it may not come back when it is needed",
                    next: "find out why, and rehearse it again".into(),
                },
            );
            // What failed by itself is its own trouble; several in one rehearsal may have one cause.
            if runs::rehearsed_badly(found, at) > 1 {
                let when = found.moment(at);
                found.shared("school/proof", format!("the rehearsal of {when} did not bring them back"));
            }
        }
        (Some((at, _)), _) => {
            let cause = format!("the rehearsal of {} could not be judged", found.moment(at));
            found.add(
                Some(system),
                None,
                None,
                Said {
                    rule: "proof",
                    status: Status::NotKnown,
                    short: "not proved",
                    cause,
                    risk: "whether it would come back is not known",
                    next: "remove what stood in the way, and rehearse it again".into(),
                },
            );
            let when = found.moment(at);
            found.shared("school/proof-unjudged", format!("the rehearsal of {when} could not be judged"));
        }
        (None, None) => {
            let (unproved, short, cause, risk) = if proof.sampled.is_some() {
                let cause = "only a few files of it were ever brought back as a test";
                (Status::Amber, "partly proved", cause, "whether all of it would come back is not known")
            } else {
                let cause = "it has never been test-restored";
                (Status::NotKnown, "unproved", cause, "whether it would come back is not known")
            };
            let status = found.facts.seeding_until.map_or(unproved, Status::Seeding);
            let said = Said { rule: "proof", status, short, cause: cause.into(), risk, next: rehearse() };
            found.add(Some(system), None, None, said);
            match proof.sampled {
                Some(_) => {
                    found.shared("school/proof-partly", "only a few files of them were ever brought back as a test")
                }
                None => found.shared("school/proof-never", "they have never been test-restored"),
            }
        }
        (None, Some(proved)) => {
            let plan = found.given.plan;
            let zone = &plan.school.timezone;
            let lapsed = proof.lapses_after(plan.rehearsals.full, found.given.calendar, zone);
            if proof.is_of_another_source {
                let date = words::short_day(proved.to_zoned(zone.clone()).date(), found.facts.today);
                let cause = format!(
                    "what the plan says of its data was changed after it was last brought back as a test on {date}"
                );
                found.add(
                    Some(system),
                    None,
                    None,
                    Said {
                        rule: "proof",
                        status: Status::Amber,
                        short: "to be proved",
                        cause,
                        risk: "whether what is captured now would come back is not known",
                        next: rehearse(),
                    },
                );
                found.shared(
                    "school/proof-other",
                    "what the plan says of their data was changed after they were last brought back as a test",
                );
            } else if lapsed.is_some_and(|last| last < found.facts.today) {
                let date = words::short_day(proved.to_zoned(zone.clone()).date(), found.facts.today);
                found.add(
                    Some(system),
                    None,
                    None,
                    Said {
                        rule: "proof",
                        status: Status::Amber,
                        short: "proof old",
                        cause: format!("it was last brought back as a test on {date}"),
                        risk: "much may have changed since",
                        next: rehearse(),
                    },
                );
                found.shared("school/proof-old", "they were not brought back as a test for too long");
            }
        }
    }
}

/// Copies that nobody looks at rot unseen. A rehearsal is a look.
fn looked_at(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    let seen = of.last_verified.max(of.proof.proved);
    let limit = found.facts.now - SignedDuration::from_hours(24 * LOOK_DAYS);
    // Before it had a copy for so long, nobody could be late to look.
    let old_enough = found.facts.began.is_some_and(|began| began < limit);
    if old_enough && seen.is_none_or(|seen| seen < limit) {
        let cause = match seen {
            Some(seen) => format!("its copies were last checked on {}", found.moment(seen)),
            None => "its copies were never checked".to_owned(),
        };
        found.add(
            Some(system),
            None,
            None,
            Said {
                rule: "check",
                status: Status::Amber,
                short: "not checked",
                cause,
                risk: "damage would show only when it is needed",
                next: "have the copies checked".into(),
            },
        );
        found.technical();
        found.shared("school/check", format!("nobody has checked their copies for {LOOK_DAYS} days"));
    }
}

fn complete(found: &mut Found<'_>, system: &System, of: &SystemFacts) {
    let newest = of.clean().max_by_key(|(_, stored)| stored.as_of);
    if newest.is_some_and(|(_, stored)| !stored.complete) {
        let many = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        // A damaged database counts among them, and is told by itself.
        let unread = many(of.unreadable.saturating_sub(of.noticed.damaged));
        let mounts = many(of.noticed.mounts);
        let mut parts = Vec::new();
        if unread > 0 {
            let entries = words::count(unread, "entry", "entries");
            parts.push(format!("{entries} could not be read, or not wholly, for its newest copy"));
        }
        if mounts > 0 {
            let (what, is) = if mounts == 1 { ("file system", "is") } else { ("file systems", "are") };
            parts.push(format!("{mounts} {what} mounted inside it {is} not in its newest copy"));
        }
        // What its source says of itself is a finding of its own until somebody decided about it.
        if parts.is_empty() && runs::source_is_told(found, system) {
            return;
        }
        if of.noticed.damaged > 0 {
            parts.push("its newest copy is of a damaged database".to_owned());
        }
        let empty = many(of.noticed.paths.iter().filter(|held| held.entries == 0).count() as u64);
        if parts.is_empty() && empty > 0 {
            parts.push(format!(
                "{} that the plan names held nothing for its newest copy",
                words::count(empty, "path", "paths")
            ));
        }
        let cause = if parts.is_empty() { "its newest copy is not complete".to_owned() } else { parts.join("; ") };
        let next = match (unread, mounts) {
            (0, 1..) => "say in the plan whether it is meant: leave them out, or name them as paths",
            _ => "see in its run what could not be read, and put that right",
        };
        found.add(
            Some(system),
            None,
            None,
            Said {
                rule: "complete",
                status: Status::Amber,
                short: "incomplete",
                cause,
                risk: "those would be older when it is brought back, or missing",
                next: next.into(),
            },
        );
    }
}
