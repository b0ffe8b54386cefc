//! What several systems have from one cause is told once, and who gets it later is told too.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{CheckKind, CopyOutcome, Decision, Event, LetterStatus};
use dr_report::{Alert, Cause, alert_words, alerts, letter};
use world::{SYSTEMS, World, at};

const UNPLUGGED: &str = "nas: it could not be reached, read or written";

/// The rules and how many systems each is about.
fn told(causes: &[Cause]) -> Vec<(&str, usize)> {
    causes.iter().map(|cause| (cause.key.as_str(), cause.systems.len())).collect()
}

/// Tells what is to be told, as the round does.
fn tell(world: &mut World, now: &str) -> Vec<Alert> {
    let told = alerts(&world.given(now));
    for alert in &told.begin {
        let event = Event::AlertRaised {
            alert: alert.key.clone(),
            rule: alert.rule.clone(),
            system: alert.system.clone(),
            status: alert.status,
            cause: alert.cause.clone(),
            to: alert.to.clone(),
            step: alert.step,
            systems: alert.systems.clone(),
            of: (alert.of != alert.key).then(|| alert.of.clone()),
        };
        world.add(at(now), event);
    }
    for key in &told.end {
        world.add(at(now), Event::AlertEnded { alert: key.clone() });
    }
    told.begin
}

fn keys(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.key.as_str()).collect()
}

#[test]
fn copies_that_rely_on_nothing_are_told_with_the_command_that_ends_it_until_one_does_again() {
    let noted = "log/8000000000000000 in nas: it is empty; nothing of what was there was relied on";
    let mut world = World::autumn();
    for time in ["2026-11-19T23:00", "2026-11-19T23:30"] {
        for system in &SYSTEMS[..2] {
            let run = format!("run-{}", world.entries.len());
            world.run(system, "nas", at(time), CopyOutcome::Done);
            for entry in &mut world.entries {
                if let Event::RunFinished { run: dr_ledger::RunId(of), copies, .. } = &mut entry.event
                    && *of == run
                {
                    copies[0].error = Some(noted.to_owned());
                }
            }
        }
    }
    let report = world.status("2026-11-20T07:30");
    let cause = report.causes.iter().find(|cause| cause.rule == "log").unwrap();
    assert_eq!((cause.systems.len(), cause.key.as_str()), (2, "onsite/log"), "{cause:?}");
    assert_eq!(cause.command.as_deref(), Some("dr repair --target nas"));
    let reasons = report.systems.iter().flat_map(|row| &row.reasons).filter(|reason| reason.contains("stored whole"));
    let reasons: Vec<_> = reasons.collect();
    assert!(reasons.len() == 2 && reasons[0].contains("since Thu 23:03"), "{reasons:?}");
    // A copy that relies on what is there ends it, for that system alone.
    world.run(SYSTEMS[0], "nas", at("2026-11-20T08:00"), CopyOutcome::Done);
    let report = world.status("2026-11-20T08:30");
    let left = report.findings.iter().filter(|finding| finding.rule == "log").count();
    assert_eq!(left, 1);
}

#[test]
fn one_unplugged_nas_is_one_finding_in_status_and_letter_and_one_alert() {
    let mut world = World::autumn();
    for (n, system) in SYSTEMS.iter().enumerate() {
        world.fail(system, "nas", at(&format!("2026-11-20T06:0{n}")), UNPLUGGED);
    }
    let now = "2026-11-20T07:30";
    let report = world.status(now);
    assert_eq!(told(&report.causes), [("onsite/failed", 6)]);
    let cause = &report.causes[0];
    assert_eq!(cause.cause, "their backups on site fail: the place for it could not be reached");
    // Each system has its own row and its own reason.
    assert!(report.systems.iter().all(|row| row.status.word() == "amber" && row.reasons.len() == 1), "{report:#?}");
    assert!(report.systems[0].reasons[0].starts_with("MIS: its backup on site of Fri 06:03 failed"));
    let facts = dr_report::Facts::of(&world.given(now));
    let text = dr_report::status_text(&report, &facts, &world.plan);
    assert_eq!(text.lines().filter(|line| line.starts_with("- ")).count(), 1, "{text}");
    let letter = letter(&world.given(now), 47, None).unwrap();
    assert!(letter.text.contains("One thing to do.") && !letter.text.contains("\n2. "), "{}", letter.text);
    let told = tell(&mut world, now);
    assert_eq!((keys(&told), told[0].systems.len()), (vec!["onsite/failed"], 6));
    let words = alert_words(&world.given(now), &told[0]);
    assert!(words.subject.ends_with(" - 6 systems: their backups fail"), "{}", words.subject);
    assert!(words.text.replace('\n', " ").contains("Curriculum, Main file server and Website:"), "{}", words.text);
}

#[test]
fn a_system_that_gets_it_later_is_told_as_an_update_of_the_same_alert_once_an_hour_at_most() {
    let mut world = World::autumn();
    world.fail("mis", "nas", at("2026-11-20T06:00"), UNPLUGGED);
    assert_eq!(keys(&tell(&mut world, "2026-11-20T06:10")), ["mis/failed"]);
    world.fail("admin", "nas", at("2026-11-20T06:20"), UNPLUGGED);
    world.fail("email", "nas", at("2026-11-20T06:25"), UNPLUGGED);
    assert_eq!(keys(&tell(&mut world, "2026-11-20T06:30")), [""; 0]);
    // The name stays, and both that are new are named.
    let update = tell(&mut world, "2026-11-20T07:11");
    assert_eq!(keys(&update), ["mis/failed"]);
    let words = alert_words(&world.given("2026-11-20T07:11"), &update[0]).text;
    assert!(words.contains("New           Admin files and Email have it too"), "{words}");
    assert_eq!(keys(&tell(&mut world, "2026-11-20T09:00")), [""; 0]);
    // The first is well again, the others are not: it is the same trouble still, and ends with the last of them.
    world.run("mis", "nas", at("2026-11-20T09:10"), CopyOutcome::Done);
    assert_eq!(keys(&tell(&mut world, "2026-11-20T09:20")), [""; 0]);
    world.run("admin", "nas", at("2026-11-20T09:30"), CopyOutcome::Done);
    world.run("email", "nas", at("2026-11-20T09:30"), CopyOutcome::Done);
    assert_eq!(alerts(&world.given("2026-11-20T09:40")).end, ["mis/failed"]);
}

#[test]
fn what_was_acknowledged_was_of_fewer_systems_so_red_that_more_have_goes_up_again() {
    let mut world = World::autumn();
    world.until("2026-11-20", "2026-11-26");
    world.look("nas", None, Some("mis"), None, CheckKind::Check, at("2026-11-19T22:00"), false);
    assert_eq!(keys(&tell(&mut world, "2026-11-19T22:05")), ["mis/damaged"]);
    // By the name of one of its findings as well as by its own.
    world.decide("2026-11-19T22:30", "ash", Decision::Acknowledged, "mis/damaged", None);
    assert_eq!(keys(&tell(&mut world, "2026-11-23T09:00")), [""; 0]);
    world.look("nas", None, Some("email"), None, CheckKind::Check, at("2026-11-23T10:00"), false);
    let update = tell(&mut world, "2026-11-23T10:05");
    assert_eq!((keys(&update), update[0].step, update[0].joined.len()), (vec!["mis/damaged"], 0, 1));
    assert!(tell(&mut world, "2026-11-25T09:00").iter().any(|alert| alert.step == 1));
}

#[test]
fn an_alert_that_an_older_version_raised_goes_on_under_its_name() {
    let mut world = World::autumn();
    for system in ["mis", "admin"] {
        world.fail(system, "nas", at("2026-11-20T06:00"), UNPLUGGED);
        let event = Event::AlertRaised {
            alert: format!("{system}/failed"),
            rule: "failed".into(),
            system: Some(world::system(system)),
            status: LetterStatus::Amber,
            cause: "its backup failed".into(),
            to: Vec::new(),
            step: 0,
            systems: Vec::new(),
            of: None,
        };
        world.add(at("2026-11-20T06:05"), event);
    }
    let told = alerts(&world.given("2026-11-20T06:20"));
    assert_eq!((keys(&told.begin), told.end.len()), (vec![], 0));
}

#[test]
fn a_server_that_is_off_is_one_cause_that_says_who_looks() {
    let mut world = World::autumn();
    let now = "2026-11-28T09:00";
    let report = world.status(now);
    let overdue: Vec<_> = report.causes.iter().filter(|cause| matches!(cause.rule, "rpo" | "idle")).collect();
    let [one] = overdue.as_slice() else { panic!("{:#?}", report.causes) };
    assert_eq!((one.key.as_str(), one.systems.len(), one.status.word()), ("school/idle", 6, "red"));
    assert_eq!(one.cause, "no backup has run since 19 Nov");
    let told: Vec<_> = tell(&mut world, now).into_iter().filter(|alert| alert.of == "school/idle").collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    let letter = letter(&world.given(now), 48, None).unwrap();
    assert!(letter.text.starts_with("RED - Act today: no backup has run since 19 Nov."), "{}", letter.text);
    assert!(letter.text.contains("J. Oak: check that the backup server is on"), "{}", letter.text);
    assert!(!letter.text.contains("`dr "), "{}", letter.text);
}

#[test]
fn what_is_wrong_with_one_system_itself_is_nobody_elses() {
    let mut world = World::autumn();
    world.fail("mis", "nas", at("2026-11-20T06:00"), UNPLUGGED);
    world.fail("email", "nas", at("2026-11-20T06:01"), "another program kept the source locked");
    let report = world.status("2026-11-20T07:30");
    assert_eq!(told(&report.causes), [("mis/failed", 1), ("email/failed", 1)]);
    // Another place is another cause.
    world.fail("admin", "offsite", at("2026-11-20T06:02"), UNPLUGGED);
    assert_eq!(world.status("2026-11-20T07:30").causes.len(), 3);
}

#[test]
fn a_damaged_pack_names_what_it_touches_and_the_command_that_mends_it_but_not_in_a_letter() {
    let mut world = World::autumn();
    for system in ["mis", "website"] {
        world.look("offsite", None, Some(system), None, CheckKind::Check, at("2026-11-19T22:00"), false);
    }
    let report = world.status("2026-11-20T07:30");
    assert_eq!(told(&report.causes), [("offsite/damaged", 2)]);
    let words: Vec<_> = report.systems.iter().map(|row| row.status.word()).collect();
    assert_eq!(words, ["red", "green", "green", "green", "green", "amber"]);
    let sentence = report.causes[0].sentence(&world.plan);
    assert!(sentence.contains("J. Oak: mend the copy off site (`dr repair --target offsite`)."), "{sentence}");
    assert!(sentence.contains("other copies are sound"), "{sentence}");
    let letter = letter(&world.given("2026-11-20T07:30"), 47, None).unwrap().text;
    assert!(letter.starts_with("RED - Act today: a copy of MIS and Website is damaged."), "{letter}");
    assert!(letter.contains("J. Oak: mend the copy off site.") && !letter.contains("dr repair"), "{letter}");
    let told = tell(&mut world, "2026-11-20T07:30");
    let text = alert_words(&world.given("2026-11-20T07:30"), &told[0]).text;
    assert!(text.contains("`dr status` says how") && !text.contains("dr repair"), "{text}");
}

#[test]
fn an_accepted_gap_of_one_system_stays_apart_from_what_nobody_accepted() {
    let mut world = World::autumn_of(|text| {
        text.replace(
            "copies = [{ target = \"disks\", schedule = \"weekly on Thu at 21:00\", retention = { last = 4 } }]\n",
            "",
        )
    });
    let until = Some(at("2026-12-18T12:00"));
    world.decide("2026-11-19T12:00", "ash", Decision::Excepted, "website/offline", until);
    let report = world.status("2026-11-20T07:30");
    assert_eq!(told(&report.causes), [("school/offline", 5), ("website/offline", 1)]);
}

#[test]
fn no_good_export_ever_is_said_to_be_that() {
    let mut world = World::autumn_of(|text| {
        let system = "[systems.finance]\ntitle = \"Finance\"\nsource = { kind = \"drop\", path = \"drop/finance\" }\nschedule = \"daily at 20:30\"\ntargets = [\"nas\"]\nrpo = \"26h\"\n\n";
        text.replace("[report]", &format!("{system}[report]"))
    });
    world.entries.retain(|entry| !matches!(&entry.event, Event::RunFinished { system, .. } | Event::RunStarted { system, .. } if system.as_str() == "finance"));
    world.fail("finance", "nas", at("2026-11-20T06:00"), "the export is missing");
    let risk = |world: &World| {
        let report = world.status("2026-11-20T07:30");
        report.findings.into_iter().find(|finding| finding.key == "finance/export").unwrap().risk
    };
    assert_eq!(risk(&world), "there is no copy of it: no good export was ever backed up");
    world.run("finance", "nas", at("2026-11-19T06:00"), CopyOutcome::Done);
    assert_eq!(risk(&world), "the newest copy is of the last good export");
}

#[test]
fn a_vanished_share_is_a_matter_of_the_day_and_nobody_says_that_nothing_is_lost() {
    let mut world = World::autumn();
    for system in ["curriculum", "admin"] {
        world.fail(system, "nas", at("2026-11-19T22:00"), "the source is empty");
    }
    let report = world.status("2026-11-20T07:30");
    assert_eq!(told(&report.causes), [("school/suspicious", 2)]);
    let letter = letter(&world.given("2026-11-20T07:30"), 47, None).unwrap().text;
    assert!(
        letter.starts_with("RED - Act today: Admin files and Curriculum: what is to be backed up was empty"),
        "{letter}"
    );
    assert!(letter.contains("By Fri 20 Nov") && !letter.replace('\n', " ").contains("othing is lost"), "{letter}");
    // Much is gone, but not all: still for today, and still not "nothing is lost".
    let mut world = World::autumn();
    world.run("email", "nas", at("2026-11-20T06:00"), CopyOutcome::Done);
    let newest = world.entries.iter_mut().rev().find_map(|entry| match &mut entry.event {
        Event::RunFinished { entries, .. } => Some(entries),
        _ => None,
    });
    *newest.unwrap() = 3;
    let text = dr_report::letter(&world.given("2026-11-20T07:30"), 47, None).unwrap().text;
    assert!(text.starts_with("AMBER - Email needs attention. One thing to do."), "{text}");
    assert!(text.contains("By Fri 20 Nov"), "{text}");
}
