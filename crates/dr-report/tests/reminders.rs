//! Who is reminded of what, on which morning.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{CopyOutcome, Event, MessageKind, PlaceState};
use dr_plan::PersonId;
use dr_report::{Reminder, reminders};
use world::{SYSTEMS, World, at};

fn asked(world: &World, now: &str) -> Vec<Reminder> {
    reminders(&world.given(now))
}

fn abouts(reminders: &[Reminder]) -> Vec<&str> {
    reminders.iter().map(|reminder| reminder.about.as_str()).collect()
}

fn people(reminder: &Reminder) -> Vec<&str> {
    reminder.to.iter().map(PersonId::as_str).collect()
}

fn queued(world: &mut World, now: &str, of: &Reminder) {
    let event = Event::MessageQueued {
        message: format!("message-{}", world.entries.len()),
        kind: of.kind,
        about: of.about.clone(),
        to: of.to.clone(),
    };
    world.add(at(now), event);
}

/// Nobody brings disk 3 on Friday 20 November; the nights go on.
fn friday() -> World {
    let mut world = World::autumn_of(|text| {
        let lead =
            "[people.pine]\nname = \"P. Pine\"\nemail = \"pine@hazelbank.example\"\nroles = [\"digital-lead\"]\n\n";
        text.replace("[people.elm]", &format!("{lead}[people.elm]"))
    });
    let mut date = "2026-11-20".parse().unwrap();
    for _ in 0..12 {
        world.night(date, &SYSTEMS, CopyOutcome::Done);
        date = date.tomorrow().unwrap();
    }
    world
}

#[test]
fn the_custodian_and_one_deputy_are_reminded_on_the_morning_and_nobody_else() {
    let mut world = friday();
    for now in ["2026-11-19T12:00", "2026-11-20T06:59"] {
        assert_eq!(asked(&world, now), [], "{now}");
    }
    let told = asked(&world, "2026-11-20T07:00");
    assert_eq!(abouts(&told), ["disk/weekly/2026-11-20"]);
    assert_eq!((told[0].kind, people(&told[0])), (MessageKind::Disk, vec!["oak", "elm"]));
    assert_eq!(told[0].subject, "[DISK] Hazel Bank Junior School - today: bring disk-3, take disk-2");
    let expected = include_str!("disk.txt");
    assert_eq!(told[0].text, expected, "\n{}", told[0].text);
    queued(&mut world, "2026-11-20T07:00", &told[0]);
    for now in ["2026-11-20T07:05", "2026-11-20T14:00"] {
        assert_eq!(asked(&world, now), [], "{now}");
    }
}

#[test]
fn a_disk_that_is_beside_the_server_is_to_be_plugged_in_and_not_carried_from_there_to_there() {
    let mut world = friday();
    let event = Event::MediumInitialised { medium: world::medium("disk-3"), repository: "ab12".into() };
    world.entries.retain(|entry| entry.decided < at("2026-11-19T09:00"));
    world.add(at("2026-11-19T09:00"), event);
    let told = asked(&world, "2026-11-20T07:00");
    assert!(told[0].subject.contains("plug in disk-3, take disk-2"), "{}", told[0].subject);
    assert!(told[0].text.contains("disk-3, which is beside the server."), "{}", told[0].text);
    assert!(!told[0].text.contains("from the server, to the server"), "{}", told[0].text);
    assert!(told[0].text.lines().all(|line| line.chars().count() <= 80), "{}", told[0].text);
    let letter = dr_report::letter(&world.given("2026-11-20T07:00"), 47, None).unwrap();
    assert!(letter.text.contains("plugs in disk-3"), "{}", letter.text);
}

#[test]
fn a_disk_that_was_brought_is_asked_for_no_more() {
    let mut world = friday();
    world.entries.retain(|entry| entry.decided < at("2026-11-20T00:00"));
    world.turn("2026-11-20".parse().unwrap());
    assert_eq!(asked(&world, "2026-11-20T15:30"), []);
    assert_eq!(asked(&world, "2026-11-23T09:00"), []);
}

#[test]
fn an_overdue_disk_is_asked_for_of_more_people_after_one_two_and_five_days_in_school() {
    let world = friday();
    for (now, about, who) in [
        ("2026-11-20T07:00", Some("disk/weekly/2026-11-20"), vec!["oak", "elm"]),
        // The weekend does not count.
        ("2026-11-21T09:00", None, vec![]),
        ("2026-11-22T09:00", None, vec![]),
        ("2026-11-23T07:00", Some("disk/weekly/2026-11-20/+1"), vec!["oak", "elm"]),
        ("2026-11-24T07:00", Some("disk/weekly/2026-11-20/+2"), vec!["oak", "elm", "pine"]),
        ("2026-11-26T07:00", Some("disk/weekly/2026-11-20/+2"), vec!["oak", "elm", "pine"]),
        ("2026-11-27T07:00", Some("disk/weekly/2026-11-20/+5"), vec!["oak", "elm", "pine", "ash"]),
    ] {
        let told = asked(&world, now);
        assert_eq!(told.first().map(|told| told.about.as_str()), about, "{now}");
        if let Some(told) = told.first() {
            assert_eq!(people(told), who, "{now}");
            assert!(told.text.lines().all(|line| line.chars().count() <= 80), "{}", told.text);
        }
    }
}

#[test]
fn an_absent_disk_is_awaited_from_a_person_until_a_date_and_is_no_error() {
    let mut world = World::autumn();
    // The week's disk does not come: on Thursday night every run to it waits.
    world.add(at("2026-11-20T14:00"), Event::MediumEjected { medium: world::medium("disk-2") });
    world.seen(at("2026-11-20T14:01"), "disks", Some("disk-2"), PlaceState::Away);
    for date in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        world.night(date.parse().unwrap(), &SYSTEMS, CopyOutcome::Done);
    }
    for id in SYSTEMS {
        world.run(id, "disks", at("2026-11-20T21:00"), CopyOutcome::Awaited);
    }
    let report = world.status("2026-11-20T22:00");
    assert_eq!(report.overall.to_string(), "green", "{:#?}", report.findings);
    assert_eq!(dr_report::alerts(&world.given("2026-11-20T22:00")), dr_report::Alerts::default());
    let letter = dr_report::letter(&world.given("2026-11-20T22:00"), 47, None).unwrap();
    let line = letter.text.lines().find(|line| line.starts_with("Disks ")).unwrap();
    assert_eq!(line, "Disks      4 of 4 accounted for. Fri 20 Nov: J. Oak brings disk-3, takes disk-2");
    // On the next staffed morning it is overdue, and amber; still no alert.
    let report = world.status("2026-11-23T09:00");
    assert_eq!(report.overall.to_string(), "amber");
    assert!(report.findings.iter().all(|finding| finding.rule == "rotation"), "{:#?}", report.findings);
    assert_eq!(dr_report::alerts(&world.given("2026-11-23T09:00")), dr_report::Alerts::default());
}

#[test]
fn who_is_away_is_not_asked_for_a_disk() {
    let mut world = friday();
    world.plan.people.get_mut(&PersonId::new("oak").unwrap()).unwrap().absences =
        vec![dr_plan::Absence { from: "2026-11-20".parse().unwrap(), until: "2026-11-20".parse().unwrap() }];
    assert_eq!(people(&asked(&world, "2026-11-20T07:00")[0]), ["elm"]);
}

/// A school whose MIS is exported by S. Rowan, and last night the export was not there.
fn export(error: &str) -> World {
    let mut world = World::autumn_of(|text| {
        text.replace(
            r#"source = { kind = "sqlite", path = "school/mis/mis.db" }"#,
            r#"source = { kind = "drop", path = "canary-drop", name = "*.zip", maker = "elm" }"#,
        )
    });
    for target in ["nas", "offsite"] {
        world.fail("mis", target, at("2026-11-19T23:00"), error);
    }
    world
}

#[test]
fn a_missing_export_is_asked_of_whoever_makes_it_the_next_morning() {
    let world = export("the export is missing");
    let report = world.status("2026-11-19T23:30");
    let row = &report.systems[0];
    assert_eq!((row.status.word(), row.short.as_str()), ("amber", "export missing"));
    assert_eq!(asked(&world, "2026-11-19T23:30"), []);
    let told = asked(&world, "2026-11-20T07:00");
    let told = told.iter().find(|reminder| reminder.kind == MessageKind::Export).unwrap();
    assert_eq!((told.about.as_str(), people(told)), ("export/mis/2026-11-20", vec!["elm"]));
    assert_eq!(told.subject, "[EXPORT] Hazel Bank Junior School - MIS: export missing");
    assert!(told.text.starts_with("R. Elm: MIS: its export is missing since Thu 23:03.\n"), "{}", told.text);
    // The day after, its owner is asked too.
    let told = asked(&world, "2026-11-23T07:00");
    let told = told.iter().find(|reminder| reminder.kind == MessageKind::Export).unwrap();
    assert_eq!((told.about.as_str(), people(told)), ("export/mis/2026-11-20/+1", vec!["elm", "rowan"]));
}

#[test]
fn every_trouble_of_an_export_has_its_own_words_and_none_of_the_runs() {
    for (noted, short) in [
        ("the export is missing", "export missing"),
        ("the export is empty", "export empty"),
        ("the export is stale: newest of 2026-11-02 CANARY", "export old"),
        ("the export is still being written", "export unfinished"),
        ("the export is not of the expected type", "export of wrong type"),
        ("the export shrank by 80 %", "export too small"),
        ("the source could not be read", "export unreadable"),
    ] {
        let report = export(noted).status("2026-11-19T23:30");
        assert_eq!(report.systems[0].short, short, "{noted}");
        assert!(!serde_json::to_string(&report).unwrap().contains("CANARY"));
    }
}
