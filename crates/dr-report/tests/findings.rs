//! What is found wrong beside copies and proofs: runs, the plan's own changes, messages, the clock, decisions.
#![allow(clippy::unwrap_used)]

mod world;

use std::collections::BTreeMap;

use dr_ledger::{
    ChannelKind, CheckKind, CopyOutcome, Decision, Digest, ErasedCopy, ErasureState, Event, MessageKind, PlannedCopy,
    RehearsalVerdict, RunId,
};
use dr_report::{StatusReport, alerts};
use world::{SYSTEMS, World, at, medium, target};

const FRIDAY: &str = "2026-11-20T07:30";

fn rules(report: &StatusReport) -> Vec<(&str, &str)> {
    report.findings.iter().map(|finding| (finding.key.as_str(), finding.status.word())).collect()
}

fn told(world: &World, now: &str) -> Vec<String> {
    alerts(&world.given(now)).begin.into_iter().map(|alert| alert.key).collect()
}

/// A pack that only the sealed ledger, plan and runbook need belongs to no system of the table: a check found it missing,
/// noted it, and nobody was told.
#[test]
fn damage_of_the_copies_of_the_record_is_told_until_a_look_as_thorough_finds_them_sound() {
    let mut world = World::autumn();
    let look = |world: &mut World, of: Option<&str>, what, moment: &str, ok| {
        world.look("nas", None, of, None, what, at(moment), ok);
    };
    look(&mut world, Some("dr-state"), CheckKind::Objects, "2026-11-19T22:00", false);
    look(&mut world, Some("mis"), CheckKind::Objects, "2026-11-19T22:00", true);
    assert!(rules(&world.status(FRIDAY)).contains(&("record/damaged", "amber")));
    assert!(told(&world, FRIDAY).contains(&"record/damaged".to_owned()));
    // Another copy that is sound, and a look that sees less, end nothing.
    world.look("cloud", None, None, None, CheckKind::Check, at("2026-11-19T22:30"), true);
    look(&mut world, None, CheckKind::ReadBack, "2026-11-19T22:40", true);
    assert!(rules(&world.status(FRIDAY)).contains(&("record/damaged", "amber")));
    look(&mut world, None, CheckKind::Objects, "2026-11-19T23:00", true);
    assert!(!rules(&world.status(FRIDAY)).contains(&("record/damaged", "amber")));
}

/// Disks go in and out: "mend the copy on a disk" named none of four, and `dr repair` mends the one that is plugged in.
#[test]
fn a_disk_on_which_the_record_is_damaged_is_named_until_it_is_empty_or_no_copy_any_more() {
    let own = |world: &World| {
        let report = world.status(FRIDAY);
        let found = report.findings.iter().find(|finding| finding.key == "record/damaged");
        found.map(|finding| (finding.cause.clone(), finding.next.clone()))
    };
    let damaged = |disk: &str| {
        let mut world = World::autumn();
        let at = at("2026-11-19T22:00");
        world.look("disks", Some(medium(disk)), Some("dr-state"), None, CheckKind::Objects, at, false);
        world
    };
    let loaded = World::autumn().entries.iter().rev().find_map(|entry| match &entry.event {
        Event::MediumLoaded { medium } => Some(medium.as_str().to_owned()),
        _ => None,
    });
    let loaded = loaded.unwrap();
    let away = (1..=4).map(|n| format!("disk-{n}")).find(|disk| *disk != loaded).unwrap();
    let (cause, next) = own(&damaged(&loaded)).unwrap();
    assert_eq!(cause, format!("the copy of the school's own record on disk {loaded} was found damaged on Thu 22:00"));
    assert_eq!(next, format!("mend the copy on disk {loaded}"));
    let mut world = damaged(&away);
    assert_eq!(own(&world).unwrap().1, format!("mend the copy on disk {away} when it is next plugged in"));
    // Lost, it is not a copy; made empty, it has none that is damaged.
    world.add(
        at("2026-11-19T22:10"),
        Event::MediumLost { medium: medium(&away), by: "elm".to_owned().try_into().unwrap() },
    );
    assert_eq!(own(&world), None);
    let mut world = damaged(&away);
    let repository = "another-repository".to_owned();
    world.add(at("2026-11-19T22:10"), Event::MediumInitialised { medium: medium(&away), repository });
    assert_eq!(own(&world), None);
}

/// Somebody gave the repository up and founded another in its place; what was damaged went with it.
#[test]
fn damage_of_the_record_ends_with_the_repository_that_it_was_in() {
    let mut world = World::autumn();
    world.look("nas", None, Some("dr-state"), None, CheckKind::Objects, at("2026-11-19T22:00"), false);
    assert!(rules(&world.status(FRIDAY)).contains(&("record/damaged", "amber")));
    world.add(at("2026-11-19T22:10"), Event::Initialised { targets: vec![target("nas")] });
    assert!(!rules(&world.status(FRIDAY)).iter().any(|(key, _)| *key == "record/damaged"));
}

/// The NAS was not mounted and the share that is backed up was gone, on one day. The copy on the NAS came first, and only that
/// its place is not there was told.
#[test]
fn a_source_that_is_gone_is_told_beside_a_place_that_is_gone() {
    let keys =
        |world: &World| rules(&world.status(FRIDAY)).into_iter().map(|(key, _)| key.to_owned()).collect::<Vec<_>>();
    let mut world = World::autumn();
    world.fail("mis", "nas", at("2026-11-20T06:00"), "nas: the place for it is not there");
    let Event::RunFinished { copies, .. } = &mut world
        .entries
        .iter_mut()
        .rev()
        .find(|entry| matches!(&entry.event, Event::RunFinished { copies, .. } if copies[0].error.is_some()))
        .unwrap()
        .event
    else {
        unreachable!()
    };
    let mut other = copies[0].clone();
    (other.target, other.error) = (target("offsite"), Some("the source is missing: /srv/canary".into()));
    copies.push(other);
    assert!(keys(&world).contains(&"mis/suspicious".to_owned()), "{:?}", keys(&world));
    // The copy on the NAS is tried again by itself, and that says nothing about the source.
    world.fail("mis", "nas", at("2026-11-20T06:30"), "nas: the place for it is not there");
    assert!(keys(&world).contains(&"mis/suspicious".to_owned()), "{:?}", keys(&world));
    world.fail("mis", "offsite", at("2026-11-20T06:40"), "offsite: it is full");
    assert!(!keys(&world).contains(&"mis/suspicious".to_owned()), "{:?}", keys(&world));
}

#[test]
fn a_failed_run_is_amber_and_told_at_once_until_the_next_good_one() {
    let mut world = World::autumn();
    world.fail("mis", "nas", at("2026-11-20T06:00"), "nas: it could not be reached, read or written");
    let report = world.status(FRIDAY);
    assert_eq!(rules(&report), [("mis/failed", "amber")]);
    let cause = "its backup on site of Fri 06:03 failed: the place for it could not be reached";
    assert_eq!(report.findings[0].cause, cause);
    assert_eq!(told(&world, FRIDAY), ["mis/failed"]);
    // Another place's good run does not undo it, its own does.
    world.run("mis", "offsite", at("2026-11-20T06:30"), CopyOutcome::Done);
    assert_eq!(rules(&world.status(FRIDAY)), [("mis/failed", "amber")]);
    world.run("mis", "nas", at("2026-11-20T07:00"), CopyOutcome::Done);
    assert_eq!(rules(&world.status(FRIDAY)), []);
}

#[test]
fn a_run_that_was_told_to_stop_is_no_failure() {
    let mut world = World::autumn();
    world.fail("mis", "nas", at("2026-11-20T06:00"), "interrupted");
    assert_eq!(rules(&world.status(FRIDAY)), []);
}

#[test]
fn a_killed_run_is_amber_until_the_next_good_one() {
    let mut world = World::autumn();
    let killed = Event::RunKilled { run: RunId("run-killed".into()), system: world::system("mis") };
    world.add(at("2026-11-20T05:00"), killed);
    assert_eq!(rules(&world.status(FRIDAY)), [("mis/killed", "amber")]);
    assert_eq!(told(&world, FRIDAY), ["mis/killed"]);
    world.run("mis", "nas", at("2026-11-20T06:00"), CopyOutcome::Done);
    assert_eq!(rules(&world.status(FRIDAY)), []);
}

#[test]
fn an_empty_or_missing_source_is_suspicious() {
    for (noted, short) in [("the source is empty", "data gone"), ("the source is missing", "data missing")] {
        let mut world = World::autumn();
        world.fail("email", "nas", at("2026-11-20T06:00"), noted);
        let report = world.status(FRIDAY);
        assert_eq!(rules(&report), [("email/suspicious", "red")]);
        assert_eq!(report.findings[0].short, short);
        assert_eq!(told(&world, FRIDAY), ["email/suspicious"]);
    }
}

#[test]
fn a_system_of_which_half_is_gone_is_suspicious_until_somebody_says_that_it_may_be() {
    let mut world = World::autumn();
    world.run("email", "nas", at("2026-11-20T06:00"), CopyOutcome::Done);
    let size = world.entries.len();
    let newest = world.entries.iter_mut().rev().find_map(|entry| match &mut entry.event {
        Event::RunFinished { entries, .. } => Some(entries),
        _ => None,
    });
    *newest.unwrap() = 3;
    assert_eq!(world.entries.len(), size);
    let report = world.status(FRIDAY);
    assert_eq!(rules(&report), [("email/suspicious", "amber")]);
    assert!(report.findings[0].cause.contains("only 30 % of what is usual was there"), "{}", report.findings[0].cause);
    assert_eq!(told(&world, FRIDAY), ["email/suspicious"]);
    world.decide("2026-11-20T07:00", "ash", Decision::Acknowledged, "email/suspicious", None);
    assert_eq!(rules(&world.status(FRIDAY)), []);
}

/// The plan as the round notes it, changed a little.
fn planned(world: &mut World, moment: &str, change: impl Fn(&mut Vec<PlannedCopy>)) {
    let copy = |target: &str, schedule: &str| PlannedCopy {
        system: world::system("email"),
        target: world::target(target),
        schedule: schedule.into(),
        keep: BTreeMap::from([("daily".to_owned(), 14), ("weekly".to_owned(), 8)]),
        within_hours: None,
        max_age_hours: Some(24 * 180),
    };
    let mut copies = vec![copy("nas", "daily at 19:20"), copy("disks", "weekly on Thu at 21:00")];
    change(&mut copies);
    let event = Event::PlanRead { plan_blake3: Digest::of(moment.as_bytes()), copies };
    world.add(at(moment), event);
}

#[test]
fn a_plan_that_keeps_less_or_copies_less_is_told_until_accepted_put_back_or_two_weeks_old() {
    type Change = fn(&mut Vec<PlannedCopy>);
    let cases: [(Change, Option<&str>); 9] = [
        (
            |copies| copies[0].keep = BTreeMap::from([("daily".into(), 7), ("weekly".into(), 8)]),
            Some("email/retention"),
        ),
        (|copies| copies[0].keep.retain(|kind, _| kind != "weekly"), Some("email/retention")),
        (|copies| copies[0].max_age_hours = Some(24), Some("email/retention")),
        (|copies| copies.truncate(1), Some("email/disabled")),
        (|copies| copies[0].schedule = "weekly on Fri at 19:20".into(), Some("email/disabled")),
        // More is never a cut.
        (|copies| copies[0].keep = BTreeMap::from([("daily".into(), 30), ("weekly".into(), 8)]), None),
        (|copies| copies[0].keep.clear(), None),
        (|copies| copies[0].schedule = "every 4h".into(), None),
        (|copies| copies[0].max_age_hours = None, None),
    ];
    for (place, (change, expected)) in cases.into_iter().enumerate() {
        let mut world = World::autumn();
        world.until("2026-11-20", "2026-12-11");
        planned(&mut world, "2026-10-05T10:00", |_| {});
        planned(&mut world, "2026-11-20T07:00", change);
        let cut = |world: &World, now: &str| -> Option<String> {
            let keys = world.status(now).findings.into_iter().map(|finding| finding.key);
            keys.into_iter().find(|key| key.ends_with("/retention") || key.ends_with("/disabled"))
        };
        assert_eq!(cut(&world, FRIDAY).as_deref(), expected, "{place}");
        let Some(expected) = expected else { continue };
        assert_eq!(told(&world, FRIDAY), [expected]);
        // Another change of the plan does not hide it.
        planned(&mut world, "2026-11-20T07:10", |copies| {
            change(copies);
            copies[0].keep.insert("yearly".into(), 1);
        });
        assert_eq!(cut(&world, FRIDAY).as_deref(), Some(expected), "{place}");
        assert_eq!(cut(&world, "2026-12-03T12:00").as_deref(), Some(expected), "{place}");
        assert_eq!(cut(&world, "2026-12-05T12:00"), None, "{place}");
        let mut accepted = World { entries: world.entries.clone(), ..World::autumn() };
        accepted.decide("2026-11-20T07:20", "ash", Decision::Approved, expected, None);
        assert_eq!(cut(&accepted, FRIDAY), None, "{place}");
        planned(&mut world, "2026-11-20T07:20", |copies| {
            copies[0].keep.insert("yearly".into(), 1);
        });
        assert_eq!(cut(&world, FRIDAY), None, "{place}: put back");
    }
}

fn with_mail() -> World {
    World::autumn_of(|text| {
        let alerts = "[alerts]\nsmtp = { url = \"smtps://canary-host.example:465\" }\n\n";
        text.replace("[report]", &format!("{alerts}[report]"))
    })
}

#[test]
fn a_message_that_waits_for_four_hours_is_amber_and_told_and_no_longer_when_it_went_out() {
    let mut world = with_mail();
    let message = || "letter-47".to_owned();
    let to = vec!["ash".to_owned().try_into().unwrap()];
    world.add(
        at("2026-11-20T07:30"),
        Event::MessageQueued { message: message(), kind: MessageKind::Letter, about: "47".into(), to },
    );
    let failed = Event::MessageFailed {
        message: message(),
        channel: ChannelKind::Smtp,
        error: "the mail server did not answer".into(),
        attempts: 1,
        given_up: false,
        persons: Vec::new(),
    };
    world.add(at("2026-11-20T07:31"), failed);
    assert_eq!(rules(&world.status("2026-11-20T11:29")), []);
    let report = world.status("2026-11-20T11:30");
    assert_eq!(rules(&report), [("school/unsent", "amber")]);
    assert_eq!(report.findings[0].cause, "1 letter or alert could not be sent to A. Ash since Fri 07:30");
    assert_eq!(told(&world, "2026-11-20T11:30"), ["school/unsent"]);
    let letter = dr_report::letter(&world.given("2026-11-20T11:30"), 48, None).unwrap();
    assert!(letter.text.contains("1 message could not be delivered (to A. Ash)."), "{}", letter.text);
    let sent = Event::MessageSent { message: message(), channel: ChannelKind::Smtp, attempts: 9 };
    world.add(at("2026-11-20T12:00"), sent);
    assert_eq!(rules(&world.status("2026-11-20T12:05")), []);
    // A school that has no way out prints its letters: nothing waits.
    let plain = World { plan: World::autumn().plan, entries: world.entries.clone(), ..World::autumn() };
    assert_eq!(rules(&plain.status("2026-11-20T11:30")), []);
}

/// A message to both, and what became of it: whom the mail server refused, and whether it was given up.
fn mailed(world: &mut World, name: &str, moment: &str, refused: &[&str], given_up: bool) {
    let people = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned().try_into().unwrap()).collect();
    let to = people(&["ash", "oak"]);
    let about = name.to_owned();
    world.add(at(moment), Event::MessageQueued { message: name.into(), kind: MessageKind::Alert, about, to });
    if !refused.is_empty() || given_up {
        let error = "the mail server refused the address (550)".into();
        let (message, channel) = (name.to_owned(), ChannelKind::Smtp);
        let persons = people(refused);
        let failed = Event::MessageFailed { message, channel, error, attempts: 1, given_up: true, persons };
        world.add(at(moment), failed);
    }
    if !given_up {
        let sent = Event::MessageSent { message: name.into(), channel: ChannelKind::Smtp, attempts: 1 };
        world.add(at(moment), sent);
    }
}

#[test]
fn a_reader_whom_a_message_did_not_reach_is_named_until_a_later_one_does() {
    let unsent = |world: &World, now: &str| -> Option<String> {
        let findings = world.status(now).findings.into_iter();
        findings.filter(|finding| finding.rule == "unsent").map(|finding| finding.cause).next()
    };
    let mut world = with_mail();
    mailed(&mut world, "one", "2026-11-20T07:30", &["ash"], false);
    let said = "1 letter or alert could not be sent to A. Ash since Fri 07:30";
    assert_eq!(unsent(&world, "2026-11-20T11:30").as_deref(), Some(said));
    // One that does not reach her either changes nothing.
    mailed(&mut world, "two", "2026-11-20T12:00", &["ash"], false);
    assert!(
        unsent(&world, "2026-11-20T17:00").unwrap().starts_with("2 letters and alerts could not be sent to A. Ash")
    );
    mailed(&mut world, "three", "2026-11-20T18:00", &[], false);
    assert_eq!(unsent(&world, "2026-11-20T23:00"), None);
    // What was given up frightens nobody for ever, once the way works again.
    let mut world = with_mail();
    mailed(&mut world, "one", "2026-11-20T07:30", &[], true);
    assert!(unsent(&world, "2026-11-20T11:30").unwrap().contains("to A. Ash and J. Oak since"));
    mailed(&mut world, "two", "2026-11-20T12:00", &[], false);
    assert_eq!(unsent(&world, "2026-11-20T17:00"), None);
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_known() {
    let world = World::autumn();
    let mut given = world.given(FRIDAY);
    given.now = at("2026-11-10T07:30");
    let counts = dr_ledger::evidence(given.all, dr_ledger::Now::at(given.now)).unwrap();
    given.entries = &counts;
    let report = dr_report::status(&given);
    assert_eq!(report.overall.to_string(), "not-known");
    assert!(report.findings.iter().any(|finding| finding.key == "school/clock"));
    // Who asks what would have been said then knows that.
    given.clock_moved = true;
    assert!(dr_report::status(&given).findings.iter().all(|finding| finding.rule != "clock"));
}

#[test]
fn a_gap_accepted_in_the_ledger_counts_for_a_term_at_most_and_never_for_what_is_needed_first() {
    let no_disk = |text: String, system: &str| {
        let copies =
            "copies = [{ target = \"disks\", schedule = \"weekly on Thu at 21:00\", retention = { last = 4 } }]\n";
        let place = text.find(&format!("[systems.{system}]")).unwrap();
        let (before, after) = text.split_at(place);
        format!("{before}{}", after.replacen(copies, "", 1))
    };
    let mut world = World::autumn_of(|text| no_disk(text, "website"));
    world.until("2026-11-20", "2027-03-30");
    assert_eq!(world.words("website", FRIDAY).0, "amber not offline");
    let end = Some(at("2027-08-31T12:00"));
    world.decide("2026-11-19T12:00", "ash", Decision::Excepted, "website/offline", end);
    // A term after it was said, not in August.
    assert_eq!(world.words("website", FRIDAY), ("accepted to 24 Mar".into(), "green".into()));
    assert_eq!(world.words("website", "2027-03-25T12:00").0, "amber not offline");
    let letter = dr_report::letter(&world.given(FRIDAY), 47, None).unwrap();
    assert!(letter.text.contains("Accepted gaps: Website offline to 24 Mar 2027 (A. Ash)."), "{}", letter.text);
    let mut world = World::autumn_of(|text| no_disk(text, "mis"));
    world.decide("2026-11-19T12:00", "ash", Decision::Excepted, "mis/offline", end);
    assert_eq!(world.words("mis", FRIDAY).0, "amber not offline");
}

#[test]
fn a_plan_to_be_reviewed_is_amber_for_the_month_before_and_red_two_weeks_after() {
    let mut world = World::autumn();
    world.until("2026-11-20", "2026-12-31");
    world.plan.document.review = Some("2026-12-11".parse().unwrap());
    let review = |now: &str| -> Option<String> {
        let findings = world.status(now).findings;
        findings.iter().find(|finding| finding.key == "plan/review").map(|finding| finding.status.word().to_owned())
    };
    for (now, word) in [
        ("2026-11-10T12:00", None),
        ("2026-11-11T12:00", Some("amber")),
        ("2026-12-12T12:00", Some("amber")),
        ("2026-12-26T12:00", Some("red")),
    ] {
        assert_eq!(review(now).as_deref(), word, "{now}");
    }
}

#[test]
fn a_few_files_brought_back_are_no_proof_of_all() {
    let mut world = World::autumn();
    let picked = |world: &mut World| {
        for entry in &mut world.entries {
            if let Event::Rehearsed { picked, .. } = &mut entry.event {
                *picked = Some(5);
            }
        }
    };
    picked(&mut world);
    assert_eq!(world.words("website", FRIDAY).0, "amber partly proved");
    // A database comes back whole or not at all.
    assert_eq!(world.words("mis", FRIDAY).0, "green");
    world.rehearse("2026-11-19T22:00", &SYSTEMS, RehearsalVerdict::Verified);
    assert_eq!(world.words("website", FRIDAY).0, "green");
}

#[test]
fn a_rehearsal_of_a_stale_snapshot_is_no_proof() {
    let mut world = World::autumn();
    // It brought the website of two months before back.
    world.rehearse_of("2026-11-19T22:00", &["website"], RehearsalVerdict::Verified, Some(at("2026-09-15T19:50")));
    let before = World::autumn().status(FRIDAY).systems[5].last_restored.clone();
    assert_eq!(world.status(FRIDAY).systems[5].last_restored, before);
    let fresh = Some(at("2026-11-19T19:50"));
    world.rehearse_of("2026-11-19T23:00", &["website"], RehearsalVerdict::Verified, fresh);
    assert_ne!(world.status(FRIDAY).systems[5].last_restored, before);
}

/// `last_backup`, `last_verified`, `last_restored` of one system.
fn clocks(world: &World, now: &str) -> [Option<String>; 3] {
    let row = &world.status(now).systems[0];
    [row.last_backup.clone(), row.last_verified.clone(), row.last_restored.clone()]
}

#[test]
fn a_failed_run_does_not_advance_last_success() {
    let mut world = World::autumn();
    let before = clocks(&world, FRIDAY);
    world.run("mis", "nas", at("2026-11-20T06:00"), CopyOutcome::Failed);
    world.rehearse("2026-11-20T06:30", &["mis"], RehearsalVerdict::Failed);
    let killed = Event::RunKilled { run: RunId("run-killed".into()), system: world::system("mis") };
    world.add(at("2026-11-20T07:00"), killed);
    assert_eq!(clocks(&world, FRIDAY), before);
}

/// Adds what happens, asks for the word, and goes on in the same ledger.
#[test]
fn every_word_is_reached_from_green_and_left_for_green_again_in_one_growing_ledger() {
    let mut world = World::autumn();
    let mut day: jiff::civil::Date = "2026-11-20".parse().unwrap();
    let verdicts = [
        (RehearsalVerdict::CouldNotVerify, "not-known"),
        (RehearsalVerdict::Failed, "red"),
        (RehearsalVerdict::Simulated, "green"),
    ];
    let mut seen = Vec::new();
    let mut word = |world: &World, now: &str, expected: &str| {
        let letter = dr_report::letter(&world.given(now), 1, None).unwrap();
        assert_eq!(letter.status.to_string(), expected, "{now}\n{}", letter.text);
        assert!(letter.subject.starts_with(&format!("[{}] ", expected.to_uppercase().replace('-', " "))));
        seen.push(expected.to_owned());
    };
    let night = |world: &mut World, day: &mut jiff::civil::Date| {
        let next = day.tomorrow().unwrap();
        world.until(&day.to_string(), &day.to_string());
        *day = next;
    };
    night(&mut world, &mut day);
    word(&world, "2026-11-20T22:30", "green");
    // Amber by a failed run, and green by the next one.
    world.run("email", "nas", at("2026-11-20T22:40"), CopyOutcome::Failed);
    word(&world, "2026-11-20T22:50", "amber");
    night(&mut world, &mut day);
    word(&world, "2026-11-21T22:30", "green");
    for (verdict, expected) in verdicts {
        let now = |hour: u8| format!("{}T{hour:02}:30", day.yesterday().unwrap());
        world.rehearse(&now(22), &["email"], verdict);
        word(&world, &now(22), expected);
        world.rehearse(&now(23), &["email"], RehearsalVerdict::Verified);
        word(&world, &now(23), "green");
        night(&mut world, &mut day);
    }
    // From one to the next without green between: amber, red, not known, amber, red, amber, not known, green.
    let hour = |text: &str| format!("{}T{text}", day.yesterday().unwrap());
    world.run("email", "nas", at(&hour("22:00")), CopyOutcome::Failed);
    word(&world, &hour("22:05"), "amber");
    world.rehearse(&hour("22:10"), &["mis"], RehearsalVerdict::Failed);
    word(&world, &hour("22:15"), "red");
    world.rehearse(&hour("22:20"), &["mis"], RehearsalVerdict::Verified);
    world.rehearse(&hour("22:20"), &["admin"], RehearsalVerdict::CouldNotVerify);
    word(&world, &hour("22:25"), "not-known");
    world.rehearse(&hour("22:30"), &["admin"], RehearsalVerdict::Failed);
    word(&world, &hour("22:35"), "red");
    world.rehearse(&hour("22:40"), &["admin"], RehearsalVerdict::Verified);
    word(&world, &hour("22:45"), "amber");
    world.rehearse(&hour("22:50"), &["admin"], RehearsalVerdict::CouldNotVerify);
    word(&world, &hour("22:55"), "not-known");
    world.rehearse(&hour("23:00"), &["admin"], RehearsalVerdict::Verified);
    word(&world, &hour("23:05"), "amber");
    world.run("email", "nas", at(&hour("23:10")), CopyOutcome::Done);
    word(&world, &hour("23:20"), "green");
    let pairs: std::collections::BTreeSet<(&str, &str)> =
        seen.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    for other in ["amber", "red", "not-known"] {
        assert!(pairs.contains(&("green", other)) && pairs.contains(&(other, "green")), "{other}: {pairs:?}");
    }
}

#[test]
fn every_rule_stands_on_the_page_about_findings() {
    let page = world::read("docs/findings.md");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/findings");
    let mut rules = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for part in text.split("rule: \"").skip(1) {
            rules.insert(part.split('"').next().unwrap().to_owned());
        }
    }
    assert!(rules.len() > 20, "{rules:?}");
    let rows: String = page.lines().filter(|line| line.starts_with("| `")).collect();
    let absent: Vec<_> = rules.iter().filter(|rule| !rows.contains(&format!("`{rule}`"))).collect();
    assert!(absent.is_empty(), "not on the page: {absent:?}");
}

#[test]
fn an_erasure_that_waits_for_a_disk_is_told_after_a_week_and_red_within_the_month_and_ends_when_it_is_done() {
    let mut world = World::autumn();
    world.until("2026-11-20", "2026-12-31");
    let event = |copies: &[(&str, ErasureState)]| Event::Erasure {
        erasure: "1/email".into(),
        system: world::system("email"),
        reason: "request 2026-14".into(),
        entries: 0,
        bytes: 0,
        copies: copies
            .iter()
            .map(|(target, state)| ErasedCopy {
                target: world::target(target),
                medium: None,
                state: *state,
                until: None,
                error: None,
            })
            .collect(),
    };
    world.add(at("2026-11-02T10:00"), event(&[("nas", ErasureState::Pending), ("disks", ErasureState::Pending)]));
    world.add(at("2026-11-02T10:01"), event(&[("nas", ErasureState::Gone)]));
    let said = |world: &World, now: &str| -> Vec<(String, String)> {
        let findings = world.status(now).findings.into_iter().filter(|finding| finding.key == "email/erasure");
        findings.map(|finding| (finding.status.word().to_owned(), finding.cause)).collect()
    };
    assert_eq!(said(&world, "2026-11-08T10:00"), []);
    let [(word, cause)] = said(&world, "2026-11-10T12:00").try_into().unwrap();
    assert!(word == "amber" && cause.contains("waits for disks") && !cause.contains("nas"), "{word}: {cause}");
    assert_eq!(said(&world, "2026-12-01T12:00")[0].0, "red");
    world.add(at("2026-12-01T13:00"), event(&[("disks", ErasureState::Gone)]));
    assert_eq!(said(&world, "2026-12-01T14:00"), []);
}
