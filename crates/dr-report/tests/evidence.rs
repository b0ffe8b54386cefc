//! The evidence of a rehearsal: three documents, one verdict, and what it does not say.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{Digest, Head, RehearsalVerdict};
use dr_report::{CheckDone, Rehearsal, Rehearsed, Sample, Wipe, evidence};
use world::{at, system, target};

fn part(id: &str, verdict: RehearsalVerdict) -> Rehearsed {
    Rehearsed {
        id: system(id),
        title: format!("The <{id}>"),
        verdict,
        level: "L2".into(),
        target: Some(target("offsite")),
        copy_class: Some("offsite".into()),
        medium: None,
        snapshot: Some("0a1b2c".into()),
        restore_seconds: 12.345_678,
        recovery_point: Some(at("2026-11-19T19:00")),
        files: 120,
        bytes: 4_500_000,
        checks: vec![CheckDone {
            name: "rows of the pupil table".into(),
            verdict: RehearsalVerdict::Verified,
            expected: "450".into(),
            actual: "450".into(),
        }],
        because: None,
    }
}

fn rehearsal(systems: Vec<Rehearsed>) -> Rehearsal {
    Rehearsal {
        number: 3,
        sample_school: false,
        school: "Hazel Bank Junior School".into(),
        zone: jiff::tz::TimeZone::get("Europe/London").unwrap(),
        level: "L2".into(),
        mode: "full".into(),
        tool_version: "dr 0.1.0".into(),
        plan_hash: "ab".repeat(32),
        runbook_hash: None,
        ran_by: "J. Oak".into(),
        authenticated: "named, not authenticated".into(),
        began: at("2026-11-20T08:00"),
        ended: at("2026-11-20T08:05"),
        clock_moved: false,
        systems,
        sample: None,
        wipe: Wipe { done: true, how: "the folder is gone, and its space is free".into() },
        not_tested: vec!["The disk in the annexe: nobody fetched it.".into()],
        ledger_head: Head { n: 12, hash: Digest::of(b"head") },
    }
}

#[test]
fn the_verdict_is_the_worst_of_all_parts() {
    use RehearsalVerdict::{CouldNotVerify, Failed, Simulated, Skipped, Verified};
    for (parts, worst) in [
        (vec![Verified, Verified], Verified),
        (vec![Verified, Skipped], Skipped),
        (vec![Verified, Simulated], Simulated),
        (vec![Skipped, CouldNotVerify], CouldNotVerify),
        (vec![CouldNotVerify, Failed, Verified], Failed),
        (vec![], CouldNotVerify),
    ] {
        let systems = parts.iter().map(|verdict| part("mis", *verdict)).collect();
        assert_eq!(evidence(&rehearsal(systems)).unwrap().verdict, worst, "{parts:?}");
    }
}

#[test]
fn a_check_that_failed_or_a_scratch_that_stayed_makes_a_failure() {
    let mut wrong = part("mis", RehearsalVerdict::Verified);
    wrong.checks[0].verdict = RehearsalVerdict::Failed;
    assert_eq!(rehearsal(vec![wrong]).verdict(), RehearsalVerdict::Failed);
    let mut stayed = rehearsal(vec![part("mis", RehearsalVerdict::Verified)]);
    stayed.wipe.done = false;
    assert_eq!(stayed.verdict(), RehearsalVerdict::Failed);
    assert!(evidence(&stayed).unwrap().text.contains("NOT WIPED"));
}

#[test]
fn the_json_is_canonical_and_has_the_shape_that_scripts_rely_on() {
    let of = rehearsal(vec![part("mis", RehearsalVerdict::Verified)]);
    let json = evidence(&of).unwrap().json;
    assert_eq!(json, evidence(&of).unwrap().json);
    assert!(json.ends_with("}\n") && json.lines().count() == 1);
    assert!(
        json.starts_with("{\"authenticated\":\"named, not authenticated\",\"began\":\"2026-11-20T08:00:00+00:00\""),
        "{json}"
    );
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["verdict"], "verified");
    let mis = &value["systems"][0];
    assert_eq!(mis["id"], "mis");
    assert_eq!(mis["restore_seconds"], 12.346);
    assert_eq!(mis["recovery_point"], "2026-11-19T19:00:00+00:00");
    assert_eq!((mis["files"].as_u64(), mis["bytes"].as_u64()), (Some(120), Some(4_500_000)));
    assert_eq!(mis["checks"][0]["expected"], "450");
    assert_eq!(value["not_tested"][0], "The disk in the annexe: nobody fetched it.");
    assert_eq!(value["ledger_head"]["n"], 12);
}

#[test]
fn all_three_say_what_was_not_tested_and_none_says_rto() {
    let made = evidence(&rehearsal(vec![part("mis", RehearsalVerdict::Verified)])).unwrap();
    for document in [&made.json, &made.html, &made.text] {
        assert!(document.contains("The disk in the annexe: nobody fetched it."));
        assert!(!document.contains("RTO") && !document.contains("recovery time"));
    }
    for document in [&made.html, &made.text] {
        assert!(document.contains("Technical restore time") && document.contains("named, not authenticated"));
    }
    assert!(!made.html.contains("<mis>") && made.html.contains("&lt;mis&gt;"));
    assert!(made.text.lines().all(|line| line.chars().count() <= 80), "{}", made.text);
}

#[test]
fn a_sample_claims_what_its_size_allows() {
    let sample = |picked, of, wrong| Sample { seed: "9f3c".into(), picked, of, wrong }.claim();
    assert_eq!(sample(10, 10, 0), "all 10 files were compared");
    assert!(sample(298, 9_000, 0).contains("too few to say"));
    assert!(sample(299, 9_000, 0).contains("95 % confidence fewer than 1 %"));
    assert!(sample(2_995, 9_000, 0).contains("fewer than 0.1 %"));
    assert!(sample(2_995, 9_000, 1).contains("nothing can be claimed"));
}
