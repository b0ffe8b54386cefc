//! What is said of copies whose place was looked at: gone, beside another, in sight, given up.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{Event, PlaceState};
use dr_report::{Facts, alerts, letter, status_text};
use world::{World, at, target};

const NOW: &str = "2026-11-20T08:00";

/// The target on that device, beside these.
fn beside(world: &mut World, on: &str, devices: Option<&str>, same_as: &[&str], not_told_from: &[&str]) {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let event = Event::TargetSeen {
        target: target(on),
        medium: None,
        state: PlaceState::Here,
        repository: Some(format!("of {on}")),
        devices: devices.map(|device| vec![device.to_owned()]),
        file_system: None,
        same_as: names(same_as),
        not_told_from: names(not_told_from),
    };
    world.add(at("2026-11-20T06:00"), event);
}

fn line(world: &World, title: &str) -> String {
    let given = world.given(NOW);
    let text = status_text(&world.status(NOW), &Facts::of(&given), &world.plan);
    text.lines().find(|line| line.starts_with(title)).unwrap().to_owned()
}

#[test]
fn a_copy_whose_place_is_gone_counts_for_nothing_and_is_told_at_once() {
    let mut world = World::autumn();
    assert!(line(&world, "MIS").contains("yes"));
    for state in [PlaceState::Gone, PlaceState::Other, PlaceState::Older, PlaceState::Damaged] {
        world.seen(at("2026-11-20T06:00"), "offsite", None, state);
        let given = world.given(NOW);
        let raised: Vec<_> = alerts(&given).begin.into_iter().map(|alert| alert.key).collect();
        assert!(raised.iter().any(|key| key.ends_with("/gone")), "{state}: {raised:?}");
        let facts = Facts::of(&given);
        assert!(facts.systems[0].clean().all(|(copy, _)| copy.target.as_str() != "offsite"));
        assert_eq!(world.words("mis", NOW), ("red copy gone".to_owned(), "red".to_owned()));
    }
    // Found again.
    world.seen(at("2026-11-20T07:00"), "offsite", None, PlaceState::Here);
    assert_eq!(world.words("mis", NOW).0, "green");
}

#[test]
fn copies_in_a_repository_that_was_given_up_count_no_more() {
    let mut world = World::autumn();
    world.seen(at("2026-11-20T06:00"), "nas", None, PlaceState::Gone);
    world.add(at("2026-11-20T06:01"), Event::Initialised { targets: vec![target("nas")] });
    world.seen(at("2026-11-20T06:02"), "nas", None, PlaceState::Here);
    let facts = Facts::of(&world.given(NOW));
    let nas = facts.systems[0].copies.iter().find(|copy| copy.target.as_str() == "nas").unwrap();
    assert!(nas.stored.is_none() && nas.gone.is_none());
}

#[test]
fn what_lies_beside_something_of_the_school_is_not_off_site() {
    for other in ["sources", "state", "target nas", "medium disk-2"] {
        let mut world = World::autumn();
        beside(&mut world, "offsite", Some("disk x"), &[other], &[]);
        let facts = Facts::of(&world.given(NOW));
        let copy = facts.systems[0].copies.iter().find(|copy| copy.target.as_str() == "offsite").unwrap();
        assert!(!copy.standing.off_site, "{other}");
        assert_eq!(copy.twin, other == "target nas");
    }
}

#[test]
fn what_could_not_be_told_is_unknown_and_not_yes() {
    for (devices, not_told_from) in [(None, vec![]), (Some("disk x"), vec!["sources"])] {
        let mut world = World::autumn();
        // Only the copies on targets: the disks in the annexe are off site.
        world.entries.retain(|entry| !matches!(entry.event, Event::MediumReceived { .. }));
        beside(&mut world, "offsite", devices, &[], &not_told_from);
        assert!(line(&world, "MIS").contains("unknown"), "{}", line(&world, "MIS"));
    }
}

#[test]
fn a_disk_that_nobody_looked_for_is_not_offline() {
    let mut world = World::autumn();
    let is_away = |event: &Event| matches!(event, Event::TargetSeen { state: PlaceState::Away, .. });
    world.entries.retain(|entry| !is_away(&entry.event));
    let facts = Facts::of(&world.given(NOW));
    assert!(facts.systems.iter().all(|system| system.clean().all(|(copy, _)| !copy.standing.offline)));
}

#[test]
fn a_sample_school_says_so_first() {
    let world = World::autumn_of(|text| text.replace("[school]\n", "[school]\nsample = true\n"));
    let given = world.given(NOW);
    let text = status_text(&world.status(NOW), &Facts::of(&given), &world.plan);
    assert!(text.starts_with("Sample school: all copies are on this computer"), "{text}");
    let letter = letter(&given, 1, None).unwrap();
    assert!(letter.text.starts_with("Sample school: all copies are on this computer"), "{}", letter.text);
    assert!(letter.text.lines().count() <= 25, "{}", letter.text);
    assert!(letter.html.contains("Sample school: all copies are on this computer"));
}

/// A run failed on the copy that was gone, and so did the other one, because the source could not be read: that was told to
/// nobody.
#[test]
fn a_run_that_failed_elsewhere_too_is_told_beside_the_copy_that_is_gone() {
    let mut world = World::autumn();
    world.seen(at("2026-11-20T06:00"), "nas", None, PlaceState::Gone);
    world.fail("mis", "nas", at("2026-11-20T06:10"), "nas: another repository stands there");
    let has = |world: &World| world.status("2026-11-20T07:30").findings.iter().any(|one| one.key == "mis/failed");
    assert!(!has(&world));
    world.fail("mis", "offsite", at("2026-11-20T06:20"), "the source could not be read");
    assert!(has(&world));
}

/// The copy elsewhere was founded again that morning, the source could not be read that night, and all that was told was that
/// there is no copy elsewhere yet.
#[test]
fn a_run_that_failed_elsewhere_too_is_told_beside_the_copy_that_is_missing_or_late() {
    let rules = |world: &World| {
        let report = world.status("2026-11-20T07:30");
        let of_mis = |key: &String| key.strip_prefix("mis/").map(str::to_owned);
        report.findings.iter().filter_map(|one| of_mis(&one.key)).collect::<Vec<_>>()
    };
    let trouble = |change: &dyn Fn(&mut World), rule: &str| {
        let mut world = World::autumn();
        change(&mut world);
        assert!(rules(&world).iter().any(|one| one == rule), "{:?}", rules(&world));
        world.fail("mis", "offsite", at("2026-11-20T06:10"), "offsite: it could not be reached");
        assert!(!rules(&world).contains(&"failed".to_owned()), "{rule} tells it: {:?}", rules(&world));
        world.fail("mis", "nas", at("2026-11-20T06:20"), "the source could not be read");
        assert!(rules(&world).contains(&"failed".to_owned()), "{rule} does not tell it: {:?}", rules(&world));
    };
    let founded =
        |world: &mut World| world.add(at("2026-11-20T06:00"), Event::Initialised { targets: vec![target("offsite")] });
    trouble(&founded, "copies");
    let is_of_offsite = |event: &Event| match event {
        Event::RunFinished { system, copies, .. } => {
            system.as_str() == "mis" && copies.iter().any(|copy| copy.target == target("offsite"))
        }
        _ => false,
    };
    let stopped = |world: &mut World| {
        world.entries.retain(|entry| entry.decided < at("2026-11-14T00:00") || !is_of_offsite(&entry.event));
    };
    trouble(&stopped, "late");
}
