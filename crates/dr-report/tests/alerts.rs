//! What is told at once, to whom, and how often.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{CheckKind, CopyOutcome, Decision, Event, LetterStatus, RehearsalVerdict};
use dr_report::{Alert, Alerts, Answer, alert_words, alerts};
use jiff::SignedDuration;
use world::{SYSTEMS, World, at};

/// Thursday, after a good night.
const NOW: &str = "2026-11-19T21:00";

fn asked(world: &World, now: &str) -> Alerts {
    alerts(&world.given(now))
}

fn keys(alerts: &[Alert]) -> Vec<(String, u8)> {
    alerts.iter().map(|alert| (alert.key.clone(), alert.step)).collect()
}

fn people(alert: &Alert) -> Vec<&str> {
    alert.to.iter().map(dr_plan::PersonId::as_str).collect()
}

/// Tells what is to be told, as the round does.
fn tell(world: &mut World, now: &str) -> Alerts {
    let told = asked(world, now);
    for alert in &told.begin {
        world.add(
            at(now),
            Event::AlertRaised {
                alert: alert.key.clone(),
                rule: alert.rule.clone(),
                system: alert.system.clone(),
                status: alert.status,
                cause: alert.cause.clone(),
                to: alert.to.clone(),
                step: alert.step,
                systems: alert.systems.clone(),
                of: (alert.of != alert.key).then(|| alert.of.clone()),
            },
        );
    }
    for key in &told.end {
        world.add(at(now), Event::AlertEnded { alert: key.clone() });
    }
    told
}

const MAIL: &str = "[alerts]\nsmtp = { url = \"smtps://canary-host.example:465\" }\n\n";

/// A world in which the MIS did not come back when it was rehearsed on Thursday evening.
fn red() -> World {
    let mut world = World::autumn_of(|text| {
        let people = "[people.beech]\nname = \"B. Beech\"\nemail = \"beech@hazelbank.example\"\nroles = [\"deputy-head\"]\n\n[people.lime]\nname = \"L. Lime\"\nemail = \"lime@hazelbank.example\"\nroles = [\"governor\"]\n\n";
        let text = text.replace("[people.elm]", &format!("{people}[people.elm]"));
        text.replace("[report]", &format!("{MAIL}[report]"))
    });
    world.until("2026-11-20", "2026-11-27");
    world.rehearse("2026-11-19T20:00", &["mis"], RehearsalVerdict::Failed);
    world
}

#[test]
fn a_good_night_raises_nothing() {
    assert_eq!(asked(&World::autumn(), NOW), Alerts::default());
}

#[test]
fn the_same_trouble_is_told_once_and_ends_when_its_cause_is_gone() {
    let mut world = red();
    let told = tell(&mut world, "2026-11-19T20:05");
    assert_eq!(keys(&told.begin), [("mis/proof".into(), 0)]);
    assert_eq!(told.begin[0].status, LetterStatus::Red);
    assert_eq!(people(&told.begin[0]), ["oak", "ash"]);
    for now in ["2026-11-19T20:10", "2026-11-19T23:00", "2026-11-20T12:00"] {
        assert_eq!(tell(&mut world, now), Alerts::default(), "{now}");
    }
    world.rehearse("2026-11-20T13:00", &["mis"], RehearsalVerdict::Verified);
    assert_eq!(tell(&mut world, "2026-11-20T13:05").end, ["mis/proof"]);
    assert_eq!(tell(&mut world, "2026-11-20T13:10"), Alerts::default());
    // The next time is another time.
    world.rehearse("2026-11-20T14:00", &["mis"], RehearsalVerdict::Failed);
    assert_eq!(keys(&tell(&mut world, "2026-11-20T14:05").begin), [("mis/proof".into(), 0)]);
}

#[test]
fn what_flaps_is_told_once_an_hour_at_most() {
    let mut world = World::autumn();
    let mut told = 0;
    // Damaged and sound every ten minutes, for three hours.
    let start = at("2026-11-19T22:00");
    for n in 0..18 {
        let moment = start + SignedDuration::from_mins(10 * n);
        world.look("nas", None, None, None, CheckKind::Check, moment, n % 2 == 1);
        let local = (moment + SignedDuration::from_mins(1)).to_zoned(jiff::tz::TimeZone::get("Europe/London").unwrap());
        let now = local.strftime("%Y-%m-%dT%H:%M").to_string();
        let begun = tell(&mut world, &now).begin;
        told += begun.iter().filter(|alert| alert.key == "onsite/damaged").count();
        // What all systems have from one cause is one alert.
        assert!(begun.iter().all(|alert| alert.key == "onsite/damaged" && alert.systems.len() == 6), "{begun:?}");
    }
    assert!((2..=3).contains(&told), "{told}");
}

#[test]
fn red_that_nobody_acknowledges_goes_to_the_deputy_head_and_then_to_the_governors_on_working_days() {
    let mut world = red();
    tell(&mut world, "2026-11-19T20:05");
    // Raised on Thursday evening: people's time counts from Friday morning, and the weekend does not count.
    for now in ["2026-11-20T08:30", "2026-11-21T12:00", "2026-11-22T12:00", "2026-11-23T07:59"] {
        assert_eq!(tell(&mut world, now).begin, [], "{now}");
    }
    let one = tell(&mut world, "2026-11-23T08:00");
    assert_eq!((keys(&one.begin), people(&one.begin[0])), (vec![("mis/proof".into(), 1)], vec!["beech"]));
    assert_eq!(tell(&mut world, "2026-11-23T15:00").begin, []);
    let two = tell(&mut world, "2026-11-24T08:05");
    assert_eq!((keys(&two.begin), people(&two.begin[0])), (vec![("mis/proof".into(), 2)], vec!["lime"]));
    assert_eq!(tell(&mut world, "2026-11-27T08:05").begin, []);
}

#[test]
fn an_acknowledgement_of_the_alert_the_letter_or_all_that_is_red_stops_the_ladder() {
    for about in ["mis/proof", "letter/47", dr_report::ALL_RED] {
        let mut world = red();
        tell(&mut world, "2026-11-19T20:05");
        world.decide("2026-11-20T09:00", "ash", Decision::Acknowledged, about, None);
        assert_eq!(tell(&mut world, "2026-11-24T09:00").begin, [], "{about}");
    }
    // Of something else, or nobody's, it stops nothing.
    let mut world = red();
    tell(&mut world, "2026-11-19T20:05");
    world.decide("2026-11-20T09:00", "ash", Decision::Acknowledged, "email/proof", None);
    let nobodys =
        Event::Accepted { decision: Decision::Acknowledged, about: "mis/proof".into(), reason: None, until: None };
    world.add(at("2026-11-20T09:00"), nobodys);
    assert_eq!(keys(&tell(&mut world, "2026-11-23T09:00").begin), [("mis/proof".into(), 1)]);
}

#[test]
fn a_closed_week_makes_nobody_late() {
    let mut world = red();
    world.until("2026-11-28", "2027-01-05");
    // Raised on the last Friday evening before Christmas: nobody is there until January.
    world.rehearse("2026-12-18T20:00", &["mis"], RehearsalVerdict::Failed);
    let told = tell(&mut world, "2026-12-18T20:05");
    assert!(keys(&told.begin).contains(&("mis/proof".into(), 0)));
    for now in ["2026-12-23T09:00", "2026-12-29T09:00", "2027-01-01T09:00"] {
        assert!(tell(&mut world, now).begin.iter().all(|alert| alert.step == 0), "{now}");
    }
}

#[test]
fn a_lost_disk_is_told_to_the_head_and_the_data_protection_officer_too() {
    let mut world = World::autumn_of(|text| {
        let text = text.replace("roles = [\"business-manager\"", "roles = [\"dpo\", \"business-manager\"");
        text.replace("[report]", "[alerts]\nto = [\"oak\"]\n\n[report]")
    });
    let lost = Event::MediumLost { medium: world::medium("disk-1"), by: "elm".to_owned().try_into().unwrap() };
    world.add(at("2026-11-19T22:00"), lost);
    let told = asked(&world, "2026-11-19T22:05").begin;
    assert_eq!(keys(&told), [("disk-1/lost".into(), 0)]);
    assert_eq!(people(&told[0]), ["oak", "ash", "rowan"]);
}

#[test]
fn who_is_away_is_not_told_but_who_stands_in() {
    let mut world = World::autumn_of(|text| {
        let away = "starts = 2023-01-09\ndeputy = \"rowan\"\nabsences = [{ from = 2026-11-16, until = 2026-11-20 }]\n";
        text.replace("starts = 2023-01-09\n", away)
    });
    world.look("nas", None, Some("mis"), None, CheckKind::Check, at("2026-11-19T22:00"), false);
    assert_eq!(people(&asked(&world, "2026-11-19T22:05").begin[0]), ["rowan", "ash"]);
    assert_eq!(people(&asked(&world, "2026-11-23T22:05").begin[0]), ["oak", "ash"]);
}

#[test]
fn what_gets_worse_is_told_again() {
    let mut world = World::autumn();
    for day in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        world.night(day.parse().unwrap(), &["mis"], CopyOutcome::Failed);
        world.night(day.parse().unwrap(), &SYSTEMS[1..], CopyOutcome::Done);
    }
    let of_rpo = |told: Alerts| -> Vec<LetterStatus> {
        told.begin.iter().filter(|alert| alert.rule == "rpo").map(|alert| alert.status).collect()
    };
    assert_eq!(of_rpo(tell(&mut world, "2026-11-21T00:05")), [LetterStatus::Amber]);
    assert_eq!(of_rpo(tell(&mut world, "2026-11-21T12:00")), []);
    assert_eq!(of_rpo(tell(&mut world, "2026-11-22T02:05")), [LetterStatus::Red]);
    assert_eq!(of_rpo(tell(&mut world, "2026-11-22T12:00")), []);
}

#[test]
fn an_alert_says_cause_risk_who_when_and_what_ends_it_in_80_columns() {
    let mut world = red();
    let lost = Event::MediumLost { medium: world::medium("disk-1"), by: "elm".to_owned().try_into().unwrap() };
    world.add(at("2026-11-19T20:01"), lost);
    world.chain_holds = false;
    let given = world.given("2026-11-19T22:05");
    let told = alerts(&given).begin;
    assert_eq!(told.len(), 3, "{told:#?}");
    for alert in &told {
        let answer = Answer { code: "ABCDE-FGHJK".into(), until: at("2026-11-27T12:00") };
        let words = alert_words(&given, alert).with_answer(&world.plan, &answer);
        assert!(words.subject.starts_with("[ACTION NOW] Hazel Bank Junior School - "), "{}", words.subject);
        assert!(words.subject.chars().count() <= 78, "{}", words.subject);
        assert!(words.text.lines().all(|line| line.chars().count() <= 80), "{}", words.text);
        for label in ["RED - ", "Risk ", "To do ", "Who ", "By when ", "It ends ", "code ABCDE-FGHJK"] {
            assert!(words.text.contains(label), "{label} in\n{}", words.text);
        }
    }
    let proof = told.iter().find(|alert| alert.rule == "proof").unwrap();
    let expected = include_str!("alert.txt");
    let text = alert_words(&given, proof).text;
    assert_eq!(text, expected, "\n{text}");
}
