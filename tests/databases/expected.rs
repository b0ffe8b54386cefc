//! What a plan asks of a system: at capture, against last night, and again of what came back.

use std::fs;

use serde_json::Value;

use crate::postgres::{school, server, source};
use crate::school::{FRIDAY, School};
use crate::{LATER, founded, snapshots, told};

/// The Sunday after [`FRIDAY`].
const SUNDAY: &str = "2026-11-22T21:30:00Z";
/// The Monday after it.
const MONDAY: &str = "2026-11-23T21:30:00Z";
const TUESDAY: &str = "2026-11-24T21:30:00Z";

const QUESTIONS: &str = r#"
[[systems.mis.expect]]
say = "pupils on roll"
ask = "select count(*) from pupil where left_on is null"
within = "5%"
at-least = 100
[[systems.mis.expect]]
say = "newest posting"
ask = "select max(at) from posting"
newer-than = "26h"
[[systems.mis.expect]]
say = "whose it is"
ask = "select name from school"
equals = "Beech Lane"
"#;

const ASKED: &str = "
create table posting (at timestamp);
insert into posting values ('2026-11-20 13:09');
create table school (name text);
insert into school values ('Beech Lane');
";

/// The checks of the one system in what a rehearsal answered.
fn checks(answer: &Value) -> Vec<(String, String, String, String)> {
    let word = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    let all = answer["systems"][0]["checks"].as_array().unwrap().iter();
    all.map(|check| (word(check, "name"), word(check, "verdict"), word(check, "expected"), word(check, "actual")))
        .filter(|(name, ..)| name.ends_with(", asked again"))
        .collect()
}

fn row(name: &str, verdict: &str, expected: &str, actual: &str) -> (String, String, String, String) {
    (format!("{name}, asked again"), verdict.into(), expected.into(), actual.into())
}

fn rehearsed(school: &School, code: i32) -> Value {
    school.with_key(&["--json", "restore", "--rehearse", "--level", "L3"]).ended(code).json()
}

/// The answers of the newest run, as the ledger has them.
fn noted(school: &School) -> Vec<(Option<i64>, Option<String>)> {
    let entries = school.dr(&["--json", "ledger"]).ended(0).json();
    let mut runs = entries.as_array().unwrap().iter().map(|entry| &entry["event"]);
    let newest = runs.rfind(|event| event["type"] == "run-finished" && event["system"] == "mis").unwrap();
    let answers = newest["noticed"]["answers"].as_array().unwrap().iter();
    answers.map(|one| (one["number"].as_i64(), one["missed"].as_str().map(str::to_owned))).collect()
}

#[test]
fn what_the_plan_asks_is_asked_in_the_moment_of_the_capture_against_last_night_and_of_what_came_back() {
    let server = server();
    server.sql("mis", ASKED);
    let school = school(&source(&server, "drb"), QUESTIONS);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let posted = 1_795_180_140;
    assert_eq!(noted(&school), [(Some(450), None), (Some(posted), None), (None, None)]);
    let text = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap_or_default();
    assert!(!text.contains("pupils on roll") && !text.contains("Beech Lane\""), "numbers only");
    let answer = rehearsed(&school, 0);
    let expected = [
        row("pupils on roll", "verified", "450, as at capture", "450"),
        row("newest posting", "verified", "Fri 20 Nov 2026 13:09, as at capture", "Fri 20 Nov 2026 13:09"),
        row("whose it is", "verified", "Beech Lane, as at capture", "Beech Lane"),
    ];
    assert_eq!(checks(&answer), expected);

    // Half the pupils are gone. It is stored all the same, and told the same night; a weekend makes nothing old.
    server.sql("mis", "update pupil set left_on = '2026-11-21' where id > 225; update school set name = 'Another'");
    let run = school.dr(&["--at", SUNDAY, "run", "mis"]);
    let run = told(told(run, "pupils on roll\u{201d}: 225, and the last time 450"), "whose it is\u{201d}: Another");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(snapshots(&school).len(), 2);
    let missed = |word: &str| Some(word.to_owned());
    assert_eq!(noted(&school), [(Some(225), missed("changed")), (Some(posted), None), (None, missed("other"))]);
    let status = school.dr(&["status"]);
    told(told(status, "pupils on roll\u{201d}: 225, before 450"), "whose it is\u{201d}: not what the plan says");
    // The next night is held to what was right, not to what was told; what nobody can answer ends nothing.
    server.sql("mis", "drop table school");
    school.dr(&["--at", MONDAY, "run", "mis"]).ended(0);
    assert_eq!(
        noted(&school),
        [(Some(225), missed("changed")), (Some(posted), missed("old")), (None, missed("unanswered"))]
    );
    told(school.dr(&["status"]), "whose it is\u{201d} got no answer");
    assert_eq!(snapshots(&school).len(), 3);
    let answer = rehearsed(&school, 2);
    assert_eq!(checks(&answer)[2].1, "could-not-verify", "{answer}");
    // Right again: nothing is told.
    server.sql("mis", "update pupil set left_on = null; insert into posting values ('2026-11-24 09:00');");
    server.sql("mis", "create table school (name text); insert into school values ('Beech Lane')");
    school.dr(&["--at", TUESDAY, "run", "mis"]).ended(0);
    assert!(noted(&school).iter().all(|(_, missed)| missed.is_none()), "{:?}", noted(&school));
    let status = school.dr(&["status"]);
    assert!(!status.stdout.contains("pupils on roll"), "{}", status.stdout);
}

#[test]
fn a_sqlite_database_is_asked_and_held_to_its_answers() {
    let founded = {
        let school = School::new();
        let database = rusqlite::Connection::open(school.path("school/register.db")).unwrap();
        database
            .execute_batch("create table pupil (name text); insert into pupil values ('A'), ('B'), ('C'); create table posting (at text); insert into posting values ('2026-11-20 13:09');")
            .unwrap();
        let questions = r#"
[[systems.mis.expect]]
say = "pupils"
ask = "select count(*) from pupil"
at-least = 2
[[systems.mis.expect]]
say = "newest posting"
ask = "select max(at) from posting"
newer-than = "26h"
"#;
        founded(school, r#"kind = "sqlite", path = "school/register.db""#, r#""nas""#, questions)
    };
    founded.dr(&["--at", FRIDAY, "run"]).ended(0);
    let answer = rehearsed(&founded, 0);
    let expected = [
        row("pupils", "verified", "3, as at capture", "3"),
        row("newest posting", "verified", "Fri 20 Nov 2026 13:09, as at capture", "Fri 20 Nov 2026 13:09"),
    ];
    assert_eq!(checks(&answer), expected);
    assert!(answer.to_string().contains("every row of its tables can be read"), "{answer}");
    rusqlite::Connection::open(founded.path("school/register.db"))
        .unwrap()
        .execute("delete from pupil where name > 'A'", [])
        .unwrap();
    told(founded.dr(&["--at", LATER, "run", "mis"]).ended(0), "pupils\u{201d}: 1, and the plan says at least 2");
}
