//! The policy's table: what is declared beside what was achieved; and several schools on one screen.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{CopyOutcome, Decision};
use dr_report::{SchoolRow, export, schools_text};
use world::{SYSTEMS, World, at};

const FRIDAY: &str = "2026-11-20T07:30";

fn documented() -> World {
    let mut world = World::autumn();
    let document = &mut world.plan.document;
    document.version = Some("4".into());
    document.committee = Some("Resources".into());
    document.adopted = Some("2026-10-01".parse().unwrap());
    document.review = Some("2027-09-01".parse().unwrap());
    world
}

#[test]
fn the_policys_table_reads_so() {
    let text = export(&documented().given(FRIDAY)).markdown();
    let expected = include_str!("export.md");
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn a_job_that_stopped_is_seen_beside_what_was_declared() {
    let mut world = documented();
    let before = export(&world.given(FRIDAY));
    assert!(before.systems.iter().all(|row| row.on_site.iter().chain(&row.off_site).flatten().all(|copy| !copy.short)));
    assert_eq!(before.systems[0].on_site[0][0].achieved, "30 of 30 made; newest of Thu 19:00");
    for n in 1..=3 {
        let date = world::days_later("2026-11-19", n);
        world.night(date, &SYSTEMS[1..], CopyOutcome::Done);
        world.night(date, &["mis"], CopyOutcome::Failed);
    }
    let after = export(&world.given("2026-11-23T07:30"));
    assert_eq!(after.systems[0].on_site[0][0].achieved, "27 of 30 made; newest of Thu 19:00");
    assert!(after.systems[0].on_site[0][0].short && !after.systems[1].on_site[0][0].short);
    assert!(after.html().unwrap().contains("<span class=\"short\">27 of 30 made; newest of Thu 19:00</span>"));
}

#[test]
fn a_catch_up_serves_one_slot_and_not_those_that_were_missed() {
    let mut world = documented();
    // Off for the nights of the 20th to the 24th; on the 25th one run for the newest slot.
    for n in 6..=8 {
        world.night(world::days_later("2026-11-19", n), &SYSTEMS, CopyOutcome::Done);
    }
    let row = export(&world.given("2026-11-28T07:30")).systems.remove(0);
    assert_eq!(row.on_site[0][0].achieved, "25 of 30 made; newest of Fri 19:00");
}

#[test]
fn blanks_of_the_document_are_shown_and_accepted_gaps_are_listed_with_who_and_until() {
    let mut world = World::autumn();
    world.plan.pools.values_mut().next().unwrap().custodians.truncate(1);
    world.decide("2026-11-19T12:00", "ash", Decision::Excepted, "school/custodian", Some(at("2026-12-18T12:00")));
    let export = export(&world.given(FRIDAY));
    assert!(export.document.iter().all(|field| field.text == "not recorded"), "{:?}", export.document);
    assert_eq!(export.document.len(), 6);
    assert_eq!(export.exceptions, ["The school: custodian, until 18 Dec, accepted by A. Ash"]);
    assert!(export.rotation[0].text.contains("by J. Oak; nobody stands in"), "{}", export.rotation[0].text);
}

#[test]
fn words_of_the_plan_cannot_break_out_of_the_table() {
    let world = World::autumn_of(|text| text.replace("title = \"MIS\"", "title = \"M|I*S <script>alert(1)</script>\""));
    let export = export(&world.given(FRIDAY));
    assert!(export.markdown().contains(r"M\|I\*S \<script\>alert(1)\</script\>"));
    assert!(!export.html().unwrap().contains("<script>"));
}

#[test]
fn several_schools_stand_on_one_screen_with_a_row_each() {
    let good = World::autumn().status(FRIDAY);
    let mut bad = World::autumn_of(|text| text.replace("Hazel Bank Junior School", "Elm Park Primary School"));
    bad.rehearse("2026-11-19T22:00", &["mis"], dr_ledger::RehearsalVerdict::Failed);
    let bad = bad.status(FRIDAY);
    let rows =
        [SchoolRow::of(&good), SchoolRow::of(&bad), SchoolRow::unread("oak-lane/dr.toml", "its plan cannot be read")];
    let expected = "\
School                    Status     Worst                    Systems            As of
Hazel Bank Junior School  GREEN      -                        6: 6 green         2026-11-20 07:30
Elm Park Primary School   RED        MIS: not restorable      6: 1 red, 5 green  2026-11-20 07:30
oak-lane/dr.toml          NOT KNOWN  its plan cannot be read  -                  -
";
    assert_eq!(schools_text(&rows), expected);
}
