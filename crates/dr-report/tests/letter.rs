//! The letter: its words, its size, and what must never stand in it.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{CheckKind, CopyOutcome, Event, LetterStatus, RehearsalVerdict};
use dr_report::{Answer, Letter, eml, letter, wants_answer};
use world::{SYSTEMS, World, at};

const FRIDAY: &str = "2026-11-20T07:30";

fn write(world: &World, now: &str) -> Letter {
    letter(&world.given(now), 47, None).unwrap()
}

/// One world for every word, and some that fill the page.
fn worlds() -> Vec<(&'static str, World)> {
    let mut amber = World::autumn();
    amber.look("nas", None, Some("website"), None, CheckKind::Check, at("2026-11-19T23:00"), false);
    let mut red = World::autumn();
    red.rehearse("2026-11-19T22:00", &SYSTEMS, RehearsalVerdict::Failed);
    red.add(
        at("2026-11-19T22:00"),
        Event::MediumLost { medium: "disk-1".to_owned().try_into().unwrap(), by: "elm".to_owned().try_into().unwrap() },
    );
    red.look("nas", None, None, None, CheckKind::Check, at("2026-11-19T23:00"), false);
    let mut not_known = World::autumn();
    not_known.rehearse("2026-11-19T22:00", &["mis", "email"], RehearsalVerdict::CouldNotVerify);
    let mut seeding = World::new(|text| text);
    seeding.began("2026-11-16");
    seeding.until("2026-11-16", "2026-11-19");
    let mut nothing = World::new(|text| text);
    nothing.runbook = None;
    let many = World::autumn_of(|text| {
        let more: String = (1..40).map(|n| format!("[systems.more-{n}]\ntitle = \"Another system with a long name, number {n}\"\nsource = {{ kind = \"files\", paths = [\"canary/{n}\"] }}\nschedule = \"daily at 20:00\"\ntargets = [\"nas\"]\nrpo = \"26h\"\n\n")).collect();
        text.replace("[report]", &format!("{more}[report]"))
    });
    let mut cloud = World::autumn_of(|text| {
        let text = text.replace("url = \"offsite\"\nclass = \"offsite\"", "url = \"s3://canary-bucket/x\"");
        text.replace(
            r#"source = { kind = "files", paths = ["school/www"] }"#,
            r#"source = { kind = "imap", url = "imaps://canary-host.example" }"#,
        )
    });
    cloud.chain_holds = false;
    vec![
        ("green", World::autumn()),
        ("amber", amber),
        ("red", red),
        ("not-known", not_known),
        ("seeding", seeding),
        ("nothing", nothing),
        ("many", many),
        ("cloud", cloud),
    ]
}

#[test]
fn the_letter_of_a_good_week_reads_so() {
    let letter = write(&World::autumn(), FRIDAY);
    assert_eq!(letter.subject, "[GREEN] Hazel Bank – backups, week to 20 Nov – nothing to do");
    assert_eq!(letter.status, LetterStatus::Green);
    let expected = include_str!("letter.green.txt");
    assert_eq!(letter.text, expected, "\n{}", letter.text);
}

#[test]
fn the_letter_of_a_bad_week_reads_so() {
    let (_, world) = worlds().remove(2);
    let letter = write(&world, FRIDAY);
    assert_eq!(letter.subject, "[RED] Hazel Bank – backups, week to 20 Nov – MIS not restorable");
    let expected = include_str!("letter.red.txt");
    assert_eq!(letter.text, expected, "\n{}", letter.text);
}

#[test]
fn a_letter_with_something_to_answer_says_how_and_one_without_does_not() {
    let answer = Answer { code: "ABCDE-FGHJK".into(), until: at("2026-11-27T12:00") };
    let write = |world: &World| letter(&world.given(FRIDAY), 47, Some(&answer)).unwrap();
    let line = "To acknowledge: code ABCDE-FGHJK, to the technician by 27 Nov (dr ack --code).";
    let (_, red) = worlds().remove(2);
    let text = write(&red).text;
    assert!(text.lines().any(|found| found == line), "{text}");
    // There is room for it, and for what has to be done.
    assert!(text.contains("\n3. By ") && text.lines().count() <= 25, "{text}");
    assert!(wants_answer(&red.given(FRIDAY)));
    // A gap that may be lived with.
    let (_, amber) = worlds().remove(1);
    assert!(write(&amber).text.contains("To accept a gap: code ABCDE-FGHJK, to the technician by 27 Nov"));
    assert!(wants_answer(&amber.given(FRIDAY)));
    let green = World::autumn();
    assert!(!write(&green).text.contains("ABCDE"));
    assert!(!wants_answer(&green.given(FRIDAY)));
}

#[test]
fn every_letter_fits_one_screen() {
    for (name, world) in worlds() {
        for now in [FRIDAY, "2026-11-21T08:00", "2026-12-04T07:30", "2027-01-22T07:30", "2027-10-01T07:30"] {
            let answer = Answer { code: "ABCDE-FGHJK".into(), until: at("2027-11-27T12:00") };
            let letter = letter(&world.given(now), 47, Some(&answer)).unwrap();
            assert!(
                letter.text.lines().count() <= 25,
                "{name} {now}: {} lines\n{}",
                letter.text.lines().count(),
                letter.text
            );
            for line in letter.text.lines() {
                assert!(line.chars().count() <= 80, "{name}: {} columns: {line}", line.chars().count());
            }
            assert!(letter.subject.chars().count() <= 78, "{}", letter.subject);
            let word = letter.text.split(" - ").next().unwrap();
            assert!(letter.subject.starts_with(&format!("[{word}] ")), "{}", letter.subject);
        }
    }
}

#[test]
fn the_page_says_what_the_text_says() {
    for (name, world) in worlds() {
        let letter = write(&world, FRIDAY);
        let body = letter.html.split("<body>").nth(1).unwrap();
        let mut shown = String::new();
        let mut inside = false;
        for c in body.chars() {
            match c {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    shown.push(' ');
                }
                c if !inside => shown.push(c),
                _ => {}
            }
        }
        let shown = shown.replace("&#x27;", "'").replace("&quot;", "\"").replace("&#x2f;", "/").replace("&amp;", "&");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut text = words(&letter.text);
        // A dash between word and sentence, where the page has a frame.
        let dash = text.iter().position(|word| word == "-").unwrap();
        text.remove(dash);
        assert_eq!(words(&shown), text, "{name}");
        for outside in ["http://", "https://", "<script", "<link", "<img", "src="] {
            assert!(!letter.html.contains(outside), "{outside}");
        }
    }
}

#[test]
fn no_letter_names_a_file_a_host_a_bucket_a_path_or_a_technicians_word() {
    for (name, mut world) in worlds() {
        world.run("mis", "nas", at("2026-11-20T06:00"), CopyOutcome::Failed);
        world.add(at("2026-11-20T06:30"), Event::Note { text: "canary-note about Pupil-Canary.docx".into() });
        let letter = write(&world, FRIDAY);
        let mail = eml(
            &letter,
            "dr@hazelbank.example",
            &["head@hazelbank.example".into()],
            "47@hazelbank.example",
            at(FRIDAY),
        );
        let all =
            format!("{}{}{}{}", letter.subject, letter.text, letter.html, String::from_utf8(mail.unwrap()).unwrap());
        for canary in
            ["canary", "CANARY", "Canary", "/srv", " nas", "school/", "s3:", "imaps", "RPO", "RTO", "snapshot", "01632"]
        {
            assert!(!all.contains(canary), "{name}: {canary} in\n{}", letter.text);
        }
    }
}

#[test]
fn a_week_in_which_the_clock_was_moved_says_so() {
    let world = World::autumn();
    let mut given = world.given(FRIDAY);
    given.clock_moved = true;
    assert!(letter(&given, 47, None).unwrap().text.contains("Changes: clock moved"));
    assert!(!write(&world, FRIDAY).text.contains("clock moved"));
}

#[test]
fn copies_nobody_looked_at_are_said_to_be_that() {
    let mut world = World::autumn();
    world.entries.retain(|entry| !matches!(entry.event, Event::Verified { .. }));
    assert!(write(&world, FRIDAY).text.contains("6 of them not checked yet"));
}

#[test]
fn a_mail_has_both_parts_and_only_what_the_caller_gave() {
    let letter = write(&World::autumn(), FRIDAY);
    let to = ["A. Ash <head@hazelbank.example>".to_owned(), "oak@provider.example".to_owned()];
    let make = || eml(&letter, "dr <dr@hazelbank.example>", &to, "letter-47@hazelbank.example", at(FRIDAY)).unwrap();
    let mail = String::from_utf8(make()).unwrap();
    for line in [
        "Message-ID: <letter-47@hazelbank.example>",
        "Date: Fri, 20 Nov 2026 07:30:00 +0000",
        "multipart/alternative",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
    ] {
        assert!(mail.contains(line), "{line}\n{mail}");
    }
    assert_eq!(mail.as_bytes(), make());
    let refused = |from: &str, to: &[String]| eml(&letter, from, to, "x@y", at(FRIDAY)).unwrap_err().to_string();
    assert_eq!(refused("nobody", &to), "`nobody` is not a mail address");
    assert!(refused("dr@hazelbank.example", &[]).contains("goes to nobody"));
}

#[test]
fn the_evidence_line_anchors_the_ledger() {
    let world = World::autumn();
    let expected = format!("Evidence {}:{}", world.entries.len(), world.given(FRIDAY).head.hash);
    assert_eq!(write(&world, FRIDAY).text.lines().last().unwrap(), expected);
}
