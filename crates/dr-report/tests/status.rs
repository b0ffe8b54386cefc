//! Which word a system gets, and what moves it there and back.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{CheckKind, CopyOutcome, Event, RehearsalVerdict};
use world::{SYSTEMS, World, at};

const FRIDAY: &str = "2026-11-20T07:30";

#[test]
fn a_school_with_all_evidence_in_date_is_green() {
    let report = World::autumn().status(FRIDAY);
    let findings: Vec<String> =
        report.findings.iter().map(|f| format!("{} {} {}", f.rule, f.status.word(), f.cause)).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(report.overall.to_string(), "green");
    assert!(report.systems.iter().all(|row| row.status.word() == "green" && row.reasons.is_empty()));
}

#[test]
fn failed_runs_take_a_system_from_green_to_amber_to_red_and_a_good_one_takes_it_back() {
    let mut world = World::autumn();
    // The MIS fails from the night of the 20th on. Its newest copy is the disk's, of the 19th, 21:00; 26 h may be lost,
    // and the grace is an hour.
    for day in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        let date = day.parse().unwrap();
        world.night(date, &["mis"], CopyOutcome::Failed);
        world.night(date, &SYSTEMS[1..], CopyOutcome::Done);
    }
    for (now, word) in [
        ("2026-11-20T18:59", "green"),
        // Tonight's failed; the copies are still young enough.
        ("2026-11-20T23:59", "amber run failed"),
        ("2026-11-21T00:01", "amber too old"),
        ("2026-11-22T01:59", "amber too old"),
        ("2026-11-22T02:01", "red far too old"),
    ] {
        assert_eq!(world.words("mis", now).0, word, "{now}");
    }
    // Of the whole school the worst counts.
    assert_eq!(world.words("admin", "2026-11-22T20:00"), ("green".into(), "red".into()));
    world.night("2026-11-23".parse().unwrap(), &SYSTEMS, CopyOutcome::Done);
    assert_eq!(world.words("mis", "2026-11-23T22:00").0, "green");
}

#[test]
fn a_failed_run_moves_no_clock() {
    let mut world = World::autumn();
    let before = world.status(FRIDAY);
    world.run("mis", "nas", at("2026-11-20T06:00"), CopyOutcome::Failed);
    let after = world.status(FRIDAY);
    assert_eq!(before.systems[0].last_backup, after.systems[0].last_backup);
    assert_eq!(before.systems[0].last_verified, after.systems[0].last_verified);
    assert_eq!(after.systems[0].last_backup.as_deref(), Some("2026-11-19T21:00:00+00:00"));
}

#[test]
fn a_machine_that_was_off_is_amber_then_not_known_and_red_and_catches_up_once() {
    let mut world = World::autumn();
    assert_eq!(world.words("mis", "2026-11-21T08:00").0, "amber too old");
    assert_eq!(world.words("mis", "2026-11-22T08:00").0, "red far too old");
    world.night("2026-11-22".parse().unwrap(), &SYSTEMS, CopyOutcome::Done);
    assert_eq!(world.words("mis", "2026-11-22T21:00").0, "green");
    // Where much may be lost nothing is too old yet; that nothing ran is told all the same, 36 hours after its turn.
    let world = World::autumn_of(|text| text.replace("rpo = \"26h\"", "rpo = \"8d\""));
    assert_eq!(world.words("mis", "2026-11-22T06:59"), ("green".into(), "green".into()));
    assert_eq!(world.words("mis", "2026-11-22T07:01"), ("not-known no run".into(), "not-known".into()));
}

#[test]
fn what_was_never_brought_back_is_not_known_and_a_rehearsal_puts_that_right() {
    let mut world = World::new(|text| text);
    world.began("2026-10-05");
    world.until("2026-10-05", "2026-11-19");
    assert_eq!(world.words("mis", FRIDAY), ("not-known unproved".into(), "not-known".into()));
    // Talking it through proves nothing.
    world.rehearse("2026-11-19T22:00", &SYSTEMS, RehearsalVerdict::Simulated);
    assert_eq!(world.words("mis", FRIDAY).0, "not-known unproved");
    world.rehearse("2026-11-19T23:00", &SYSTEMS, RehearsalVerdict::Verified);
    assert_eq!(world.words("mis", FRIDAY), ("green".into(), "green".into()));
}

#[test]
fn not_known_is_worse_than_amber_for_the_school_and_red_is_worse_than_both() {
    let mut world = World::autumn();
    world.rehearse("2026-11-19T22:00", &["email"], RehearsalVerdict::CouldNotVerify);
    assert_eq!(world.words("email", FRIDAY), ("not-known not proved".into(), "not-known".into()));
    world.rehearse("2026-11-19T22:30", &["email"], RehearsalVerdict::Failed);
    assert_eq!(world.words("email", FRIDAY), ("red not restorable".into(), "red".into()));
    // That nothing could be learnt later does not undo a failure; a pass does.
    world.rehearse("2026-11-19T23:00", &["email"], RehearsalVerdict::CouldNotVerify);
    assert_eq!(world.words("email", FRIDAY).0, "red not restorable");
    world.rehearse("2026-11-19T23:30", &["email"], RehearsalVerdict::Verified);
    assert_eq!(world.words("email", FRIDAY), ("green".into(), "green".into()));
}

#[test]
fn the_first_weeks_are_seeding_with_a_date_and_never_red() {
    let mut world = World::new(|text| text);
    assert_eq!(world.words("mis", FRIDAY), ("not-known no copy".into(), "not-known".into()));
    world.began("2026-11-16");
    assert_eq!(world.words("mis", "2026-11-16T10:00"), ("seeding to 7 Dec".into(), "amber".into()));
    world.until("2026-11-16", "2026-11-19");
    assert_eq!(world.words("mis", FRIDAY), ("seeding to 7 Dec".into(), "amber".into()));
    // What broke that had worked is told in the first weeks too.
    world.rehearse("2026-11-19T23:00", &["mis"], RehearsalVerdict::Failed);
    assert_eq!(world.words("mis", FRIDAY).0, "red not restorable");
}

#[test]
fn a_proof_lapses_with_the_first_term_that_saw_no_other_and_never_turns_red() {
    let mut world = World::autumn();
    world.until("2026-11-20", "2027-04-30");
    assert_eq!(world.words("mis", "2027-03-25T12:00").0, "green");
    assert_eq!(world.words("mis", "2027-03-26T12:00").0, "amber proof old");
    assert_eq!(world.words("mis", "2027-04-30T12:00").0, "amber proof old");
}

#[test]
fn what_was_proved_of_another_source_is_to_be_proved_until_it_is() {
    let mut world = World::autumn();
    assert_eq!(world.words("mis", FRIDAY).0, "green");
    let path = "school/mis/mis.db";
    let text = world::read("schedules/hazel-bank.toml");
    assert!(text.contains(path), "the sample school's MIS lies elsewhere");
    let moved = text.replace("sample = true\n", "").replace(path, "school/mis-2027/mis.db");
    world.plan = dr_plan::parse(&moved, "hazel-bank.toml").unwrap();
    assert_eq!(world.words("mis", FRIDAY), ("amber to be proved".into(), "amber".into()));
    assert_eq!(world.words("admin", FRIDAY).0, "green");
    world.rehearse("2026-11-19T23:30", &["mis"], RehearsalVerdict::Verified);
    assert_eq!(world.words("mis", FRIDAY).0, "green");
}

#[test]
fn damage_is_red_until_a_look_as_thorough_finds_nothing() {
    let mut world = World::autumn();
    world.look("nas", None, None, None, CheckKind::ReadData, at("2026-11-19T22:00"), false);
    assert_eq!(world.words("mis", FRIDAY).0, "red damaged");
    assert_eq!(world.words("website", FRIDAY).0, "amber damaged");
    world.look("nas", None, None, None, CheckKind::Check, at("2026-11-19T23:00"), true);
    assert_eq!(world.words("mis", FRIDAY).0, "red damaged");
    world.look("nas", None, None, None, CheckKind::ReadData, at("2026-11-19T23:30"), true);
    assert_eq!(world.words("mis", FRIDAY).0, "green");
}

#[test]
fn a_disk_is_overdue_on_a_staffed_morning_only() {
    let mut world = World::autumn();
    // Nobody brings disk 4 on Friday 20 November.
    for day in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        world.night(day.parse().unwrap(), &SYSTEMS, CopyOutcome::Done);
    }
    let rules = |now: &str| -> Vec<&str> { world.status(now).findings.iter().map(|finding| finding.rule).collect() };
    assert_eq!(rules("2026-11-20T21:00"), [""; 0]);
    assert_eq!(rules("2026-11-22T20:30"), [""; 0]);
    let monday = rules("2026-11-23T08:01");
    assert!(!monday.is_empty() && monday.iter().all(|rule| *rule == "rotation"), "{monday:?}");
}

#[test]
fn a_lost_disk_is_red_until_it_is_found() {
    let mut world = World::autumn();
    let medium = || "disk-2".to_owned().try_into().unwrap();
    let by = || "elm".to_owned().try_into().unwrap();
    world.add(at("2026-11-19T12:00"), Event::MediumLost { medium: medium(), by: by() });
    let report = world.status(FRIDAY);
    assert_eq!(report.overall.to_string(), "red");
    assert_eq!(report.findings[0].rule, "lost");
    // It is not a copy any more.
    assert!(report.systems[0].copies.iter().all(|copy| copy.medium.as_deref() != Some("disk-2")));
}

#[test]
fn what_this_version_cannot_run_is_never_green() {
    let world = World::autumn_of(|text| {
        text.replace(
            r#"source = { kind = "files", paths = ["school/www"] }"#,
            r#"source = { kind = "website", url = "sftp://web@canary-host.example/htdocs" }"#,
        )
    });
    assert_eq!(world.words("website", FRIDAY), ("not-known unassessed".into(), "not-known".into()));
    let world = World::autumn_of(|text| {
        text.replace("url = \"offsite\"\nclass = \"offsite\"", "url = \"s3://canary-bucket/x\"")
    });
    assert_eq!(world.words("mis", FRIDAY), ("not-known unassessed".into(), "not-known".into()));
}

/// The website is a supplier's.
fn supplied(more: &str) -> World {
    World::autumn_of(|text| {
        text.replace(
            r#"source = { kind = "files", paths = ["school/www"] }"#,
            &format!(r#"source = {{ kind = "saas", supplier = "Pages"{more} }}"#),
        )
    })
}

#[test]
fn what_a_supplier_holds_is_declared_and_counted_apart() {
    let world = supplied(", checked = 2026-09-10, contract = 2027-08-31");
    assert_eq!(world.words("website", FRIDAY), ("declared by supplier by supplier".into(), "green".into()));
    let report = world.status(FRIDAY);
    assert_eq!((report.counted.ours, report.counted.declared), (5, 1));
    let given = world.given(FRIDAY);
    let text = dr_report::status_text(&report, &dr_report::Facts::of(&given), &world.plan);
    assert!(text.contains("5 systems are ours, 1 is declared by its supplier and was not tested here"), "{text}");
}

#[test]
fn a_contract_that_ended_or_a_supplier_whom_nobody_asks_is_amber_and_never_green() {
    for (more, word) in [
        ("", "amber not asked"),
        (", checked = 2025-11-19", "amber not asked"),
        (", checked = 2025-11-21", "declared by supplier by supplier"),
        (", checked = 2026-09-10, contract = 2026-11-19", "amber contract over"),
    ] {
        assert_eq!(supplied(more).words("website", FRIDAY).0, word, "{more}");
    }
}

#[test]
fn an_accepted_gap_is_shown_with_its_date_and_left_out_of_the_word() {
    let accept = |text: String, system: &str, until: &str| {
        let copies =
            "copies = [{ target = \"disks\", schedule = \"weekly on Thu at 21:00\", retention = { last = 4 } }]\n";
        let place = text.find(&format!("[systems.{system}]")).unwrap();
        let (before, after) = text.split_at(place);
        let exception = format!(
            "\n[[exceptions]]\nsystem = \"{system}\"\nrule = \"offline\"\nreason = \"disk on order\"\napprover = \"ash\"\nuntil = {until}\n"
        );
        format!("{before}{}{exception}", after.replacen(copies, "", 1))
    };
    let world = World::autumn_of(|text| accept(text, "website", "2026-12-18"));
    assert_eq!(world.words("website", FRIDAY), ("accepted to 18 Dec".into(), "green".into()));
    let world = World::autumn_of(|text| accept(text, "website", "2026-11-19"));
    assert_eq!(world.words("website", FRIDAY), ("amber not offline".into(), "amber".into()));
    // Never for what is needed first.
    let world = World::autumn_of(|text| accept(text, "mis", "2026-12-18"));
    assert_eq!(world.words("mis", FRIDAY), ("amber not offline".into(), "amber".into()));
}

#[test]
fn amber_that_somebody_could_have_put_right_is_red_after_two_weeks() {
    // The off-site copies of the website fail; the ones on site are made.
    let mut world = World::autumn();
    for n in 1..=30 {
        let date = world::days_later("2026-11-19", n);
        world.night(date, &SYSTEMS[..5], CopyOutcome::Done);
        world.run("website", "nas", world::on(date, "19:50"), CopyOutcome::Done);
        world.run("website", "offsite", world::on(date, "19:50"), CopyOutcome::Failed);
    }
    assert_eq!(world.words("website", "2026-11-20T12:00").0, "green");
    assert_eq!(world.words("website", "2026-11-21T12:00").0, "amber run failed");
    assert_eq!(world.words("website", "2026-11-23T12:00").0, "amber copy late");
    assert_eq!(world.words("website", "2026-12-09T12:00").0, "red copy late");
}

#[test]
fn a_broken_chain_makes_everything_red() {
    let mut world = World::autumn();
    world.chain_holds = false;
    let report = world.status(FRIDAY);
    assert_eq!((report.overall.to_string().as_str(), report.findings[0].rule), ("red", "ledger"));
}

#[test]
fn the_json_is_the_shape_that_scripts_rely_on() {
    let json = serde_json::to_value(World::autumn().status(FRIDAY)).unwrap();
    assert_eq!(json["school"], "Hazel Bank Junior School");
    assert_eq!(json["as_of"], "2026-11-20T07:30:00+00:00");
    assert_eq!(json["overall"], "green");
    let mis = &json["systems"][0];
    assert_eq!((&mis["id"], &mis["title"], &mis["status"]), (&"mis".into(), &"MIS".into(), &"green".into()));
    assert!(mis["reasons"].as_array().unwrap().is_empty());
    assert_eq!(mis["last_backup"], "2026-11-19T21:00:00+00:00");
    assert_eq!(mis["last_restored"], "2026-11-12T10:00:00+00:00");
    let copies = mis["copies"].as_array().unwrap();
    let class = |target: &str| {
        copies
            .iter()
            .filter(|copy| copy["target"] == target)
            .map(|copy| copy["class"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!((class("nas"), class("offsite")), (vec!["onsite"], vec!["offsite"]));
    // One disk is in the server, the others lie in the annexe.
    let disks = class("disks");
    assert_eq!(disks.iter().filter(|class| **class == "onsite").count(), 1);
    assert_eq!(disks.iter().filter(|class| **class == "offline").count(), 3);
    assert!(copies.iter().all(|copy| copy["snapshot"].is_string() && copy["at"].is_string()));
    let json = serde_json::to_value(World::new(|text| text).status(FRIDAY)).unwrap();
    assert!(json["systems"][0].get("last_backup").is_none());
    assert_eq!(json["systems"][0]["reasons"].as_array().unwrap().len(), 1);
}

#[test]
fn a_rehearsal_that_found_nothing_to_try_changes_no_word() {
    let mut world = World::autumn();
    let before = world.status(FRIDAY);
    let part = dr_ledger::RehearsedSystem {
        system: world::system("mis"),
        verdict: RehearsalVerdict::CouldNotVerify,
        seconds: 0.0,
        recovery_point: None,
        source_blake3: None,
    };
    world.add(
        world::at("2026-11-19T20:30"),
        dr_ledger::Event::Rehearsed {
            verdict: RehearsalVerdict::CouldNotVerify,
            level: "L2".into(),
            systems: vec![part],
            evidence: "/srv/evidence.json".into(),
            evidence_blake3: dr_ledger::Digest::ZERO,
            picked: None,
        },
    );
    let after = world.status(FRIDAY);
    assert_eq!((after.overall, after.findings), (before.overall, before.findings));
    // A try that came to nothing is another matter.
    world.rehearse("2026-11-19T20:40", &["mis"], RehearsalVerdict::CouldNotVerify);
    assert_eq!(world.words("mis", FRIDAY).0, "not-known not proved");
}

#[test]
fn a_record_that_copies_know_otherwise_is_red_until_it_fits_or_somebody_accepts_it() {
    use dr_ledger::{Decision, Event, Misfit, MisfitKind};
    let misfit = |target: &str, what, entry, snapshots| Misfit {
        target: world::target(target),
        medium: None,
        what,
        entry,
        snapshots,
        snapshot: None,
    };
    let mut world = World::autumn();
    let cut = |target| misfit(target, MisfitKind::LedgerEndsBefore, Some(830), None);
    let lost = misfit("nas", MisfitKind::SnapshotsMissing, None, Some(4));
    let misfits = vec![cut("nas"), cut("offsite"), lost];
    world.add(world::at("2026-11-19T20:30"), Event::LedgerCompared { ends: 812, misfits });
    let keys = |world: &World| -> Vec<String> {
        world.status(FRIDAY).findings.into_iter().map(|finding| finding.key).collect()
    };
    let report = world.status(FRIDAY);
    assert_eq!(report.overall.to_string(), "red");
    let cause = &report.findings.iter().find(|finding| finding.key == "school/ledger").unwrap().cause;
    assert!(cause.contains("ended at entry 812") && cause.contains("know entry 830"), "{cause}");
    assert_eq!(keys(&world).iter().filter(|key| key.ends_with("/ledger")).count(), 1, "one cause, told once");
    assert!(keys(&world).contains(&"nas/put-back".to_owned()));
    world.decide("2026-11-19T20:31", "oak", Decision::Approved, "ledger/830", None);
    world.decide("2026-11-19T20:32", "oak", Decision::Approved, "copy/nas", None);
    let report = world.status(FRIDAY);
    assert_eq!(report.overall.to_string(), "amber");
    assert_eq!(report.findings.iter().filter(|finding| finding.rule == "record").count(), 2);
    assert_eq!(world.status("2026-12-11T07:30").findings.iter().filter(|one| one.rule == "record").count(), 0);
}
