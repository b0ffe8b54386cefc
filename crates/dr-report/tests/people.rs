//! Whoever the plan relies on leaves, or is away: told before the day, with who names a successor by when.
#![allow(clippy::unwrap_used)]

mod world;

use dr_report::{Finding, alerts, letter};
use world::World;

fn leaves(person: &str, day: &str) -> World {
    leaves_of(person, day, |text| text)
}

fn leaves_of(person: &str, day: &str, change: impl Fn(String) -> String) -> World {
    World::autumn_of(|text| {
        let text = text.replace(&format!("[people.{person}]\n"), &format!("[people.{person}]\nleaves = {day}\n"));
        change(text)
    })
}

/// What is found under this name.
fn found(world: &World, now: &str, key: &str) -> Option<Finding> {
    world.status(now).findings.into_iter().find(|finding| finding.key == key)
}

#[test]
fn a_leaver_who_leads_it_is_red_before_the_day_in_status_letter_and_alerts() {
    let world = leaves("oak", "2026-11-27");
    // A month before it is told, two weeks before it is red.
    assert!(found(&world, "2026-10-20T07:30", "oak/leaver").is_none());
    assert_eq!(found(&world, "2026-11-06T07:30", "oak/leaver").unwrap().status.word(), "amber");
    let now = "2026-11-16T07:30";
    let finding = found(&world, now, "oak/leaver").unwrap();
    assert_eq!((finding.status.word(), finding.owner.as_ref().unwrap().as_str()), ("red", "ash"));
    assert_eq!(finding.by.to_string(), "2026-11-27");
    assert!(finding.cause.contains("J. Oak leaves on 27 Nov and leads IT, and nobody else does"), "{}", finding.cause);
    let letter = letter(&world.given(now), 47, None).unwrap();
    assert!(letter.text.starts_with("RED - Act today: J. Oak leaves on 27 Nov and leads IT"), "{}", letter.text);
    let task = "By Fri 27 Nov, A. Ash: name in the plan who follows J. Oak.";
    assert!(letter.text.split_whitespace().collect::<Vec<_>>().join(" ").contains(task), "{}", letter.text);
    let told = alerts(&world.given(now)).begin;
    let alert = told.iter().find(|alert| alert.key == "oak/leaver").unwrap();
    assert!(alert.to.iter().any(|person| person.as_str() == "ash"), "{alert:?}");
}

#[test]
fn after_the_day_it_is_red_until_a_successor_is_named() {
    let world = leaves("oak", "2026-11-16");
    let finding = found(&world, "2026-11-19T07:30", "oak/leaver").unwrap();
    assert!(finding.cause.starts_with("J. Oak left on 16 Nov and by the plan still leads IT"), "{}", finding.cause);
    assert_eq!((finding.status.word(), finding.by.to_string().as_str()), ("red", "2026-11-19"));
    let followed = leaves_of("oak", "2026-11-16", |text| {
        let text = text.replace("custodians = [\"oak\", \"elm\"]", "custodians = [\"rowan\", \"elm\"]");
        text.replace("\"business-manager\"", "\"it-lead\", \"business-manager\"")
    });
    let left = found(&followed, "2026-11-19T07:30", "oak/leaver");
    assert!(left.is_none_or(|finding| finding.status.word() == "amber"));
}

#[test]
fn one_of_two_who_carry_disks_leaves() {
    let world = leaves("elm", "2026-11-25");
    let finding = found(&world, "2026-11-16T07:30", "elm/leaver").unwrap();
    assert_eq!(finding.status.word(), "red");
    assert!(finding.cause.contains("carries the disks of weekly, and then only J. Oak does"), "{}", finding.cause);
    // Afterwards it is one finding, not another about the one who is left.
    let keys = |now: &str| -> Vec<String> { world.status(now).findings.into_iter().map(|f| f.key).collect() };
    let after = keys("2026-11-26T07:30");
    assert!(after.contains(&"elm/leaver".to_owned()) && !after.contains(&"school/custodian".to_owned()), "{after:?}");
    // Where two others carry them, the plan is to be put right, and that is all.
    let others = leaves_of("elm", "2026-11-25", |text| {
        text.replace("custodians = [\"oak\", \"elm\"]", "custodians = [\"oak\", \"elm\", \"rowan\", \"ash\"]")
    });
    assert_eq!(found(&others, "2026-11-16T07:30", "elm/leaver").unwrap().status.word(), "amber");
}

#[test]
fn a_head_an_owner_and_a_deputy_who_leave_are_told_too() {
    let head = found(&leaves("ash", "2026-11-25"), "2026-11-16T07:30", "ash/leaver").unwrap();
    assert_eq!(head.status.word(), "red");
    assert!(head.cause.contains("heads the school"), "{}", head.cause);
    let owner = found(&leaves("rowan", "2026-11-25"), "2026-11-16T07:30", "rowan/leaver").unwrap();
    assert!(owner.cause.contains("answers for MIS"), "{}", owner.cause);
    let deputy = leaves_of("rowan", "2026-11-25", |text| {
        text.replace("starts = 2023-01-09\n", "starts = 2023-01-09\ndeputy = \"rowan\"\n")
    });
    assert!(found(&deputy, "2026-11-16T07:30", "rowan/leaver").unwrap().cause.contains("stands in for J. Oak"));
}

#[test]
fn an_absence_that_covers_the_next_turn_of_the_disks_is_told_before() {
    let away = "absences = [{ from = 2026-11-20, until = 2026-11-20 }]\n";
    let world = World::autumn_of(|text| {
        let text = text.replace("starts = 2023-01-09\n", &format!("starts = 2023-01-09\n{away}"));
        text.replace("starts = 2019-09-02\n", &format!("starts = 2019-09-02\n{away}"))
    });
    let report = world.status("2026-11-18T07:30");
    let finding = report.findings.iter().find(|finding| finding.rule == "custodian").unwrap();
    assert_eq!(finding.cause, "on Fri 20 Nov nobody is there to carry the disks");
    assert_eq!(finding.by.to_string(), "2026-11-20");
}

#[test]
fn when_nobody_carries_the_disks_it_is_red() {
    let mut world = World::autumn();
    for pool in world.plan.pools.values_mut() {
        pool.custodians.clear();
    }
    let finding = found(&world, "2026-11-20T07:30", "school/custodian").unwrap();
    assert_eq!((finding.status.word(), finding.cause.as_str()), ("red", "nobody carries the disks"));
}
