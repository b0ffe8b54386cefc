//! The two lines that a head reads first: every system of the plan is in them, and no sentence of them is cut.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{CheckKind, Event};
use dr_report::letter;
use world::{World, at, on};

const FRIDAY: &str = "2026-11-20T07:30";
const WEBSITE: &str = r#"source = { kind = "files", paths = ["school/www"] }"#;

/// The two lines, each as one sentence.
fn lines(world: &World) -> [String; 2] {
    let text = letter(&world.given(FRIDAY), 47, None).unwrap().text;
    let after = |lead: &str, end: &str| {
        let rest = text.split(lead).nth(1).unwrap_or_else(|| panic!("{text}"));
        rest.split(end).next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    [after("Lose the building tonight: ", "Hacked tonight:"), after("Hacked tonight: ", "NEED FROM YOU")]
}

/// With a website that this version cannot read, and a system that a supplier holds.
fn eight(checked: &str) -> World {
    let mut world = World::autumn_of(|text| {
        let supplied = format!(
            "[systems.cloudmis]\ntitle = \"Cloudmis\"\nsource = {{ kind = \"saas\", supplier = \"Cloud\"{checked} }}\n\n"
        );
        let text =
            text.replace(WEBSITE, r#"source = { kind = "website", url = "sftp://web@canary-host.example/htdocs" }"#);
        text.replace("[report]", &format!("{supplied}[report]"))
    });
    // This version made no copies of what it cannot read.
    world.entries.retain(|entry| !is_of(entry, "website"));
    world
}

/// Whether an entry is of a run of this system.
fn is_of(entry: &dr_ledger::Entry, id: &str) -> bool {
    match &entry.event {
        Event::RunStarted { system, .. } | Event::RunFinished { system, .. } => system.as_str() == id,
        _ => false,
    }
}

#[test]
fn what_is_lost_comes_first_and_what_a_supplier_holds_is_said() {
    let world = eight("");
    let building = "Website is lost; Cloudmis is with its supplier (never asked); the other 5 back to Thu 19:00.";
    let hacked = "Website is lost; Cloudmis is with its supplier (never asked); the other 5 back to 12 Nov.";
    assert_eq!(lines(&world), [building, hacked]);
    let world = eight(", checked = 2026-09-03");
    assert!(lines(&world)[0].contains("Cloudmis is with its supplier (last asked 3 Sep);"), "{:?}", lines(&world));
}

#[test]
fn a_system_that_never_ran_and_one_whose_copies_away_are_damaged_are_lost() {
    let mut world = World::autumn();
    world.entries.retain(|entry| !is_of(entry, "curriculum"));
    world.look("offsite", None, Some("email"), None, CheckKind::Check, at("2026-11-19T23:00"), false);
    for n in 1..=4 {
        let disk = Some(world::medium(&format!("disk-{n}")));
        world.look("disks", disk, Some("email"), None, CheckKind::Check, at("2026-11-19T23:00"), false);
    }
    let [building, hacked] = lines(&world);
    assert_eq!(building, "Email and Curriculum are lost; the other 4 back to Thu 19:00.");
    assert!(hacked.starts_with("Email and Curriculum are lost; the other 4 back to "), "{hacked}");
}

#[test]
fn before_anything_was_stored_all_of_it_is_lost() {
    let mut world = World::new(|text| text);
    assert_eq!(lines(&world), ["all 6 systems are lost.", "all 6 systems are lost."]);
    world.began("2026-11-19");
    world.run("mis", "offsite", on("2026-11-19".parse().unwrap(), "19:00"), dr_ledger::CopyOutcome::Done);
    assert_eq!(
        lines(&world)[0],
        "5 systems are lost; MIS back to Thu 19:00.".replace("5 systems", "Admin files, Email and 3 more")
    );
}

#[test]
fn neither_line_is_ever_cut_however_many_systems_there_are_and_however_long_their_names() {
    for count in [1, 7, 30, 60] {
        let world = World::autumn_of(|text| {
            let more: String = (1..count)
                .map(|n| format!("[systems.more-{n}]\ntitle = \"Another system with a long name, number {n}\"\nsource = {{ kind = \"files\", paths = [\"canary/{n}\"] }}\nschedule = \"daily at 20:00\"\ntargets = [\"nas\"]\nrpo = \"26h\"\n\n[systems.saas-{n}]\ntitle = \"What supplier number {n} holds for us\"\nsource = {{ kind = \"saas\", supplier = \"S{n}\" }}\n\n"))
                .collect();
            text.replace("[report]", &format!("{more}[report]"))
        });
        let text = letter(&world.given(FRIDAY), 47, None).unwrap().text;
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.lines().count() <= 25, "{text}");
        let lines = lines(&world);
        assert!(lines.iter().all(|line| !line.contains('…') && line.ends_with('.')), "{lines:?}\n{text}");
        let lead: Vec<&str> = text.split("\n\n").take(1).collect();
        assert!(!lead[0].contains('…'), "{text}");
    }
}
