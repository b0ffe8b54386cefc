//! Systems that other programs write out, through the binary: captured whole or not at all, and put back.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

mod bad_input;
#[path = "../bare.rs"]
mod bare;
mod command;
mod conformance;
mod expected;
#[path = "../soak/heavy/faulty.rs"]
mod faulty;
#[path = "../first_day/machine.rs"]
#[allow(dead_code)]
mod machine;
mod maria_server;
mod maria_started;
mod mariadb;
mod ordinary;
mod own;
#[path = "../first_day/page.rs"]
#[allow(dead_code)]
mod page;
mod postgres;
#[path = "../plan/school.rs"]
#[allow(dead_code)]
mod school;
mod server;
mod started;
mod website;
mod wordpress;

/// The night after [`school::FRIDAY`].
const LATER: &str = "2026-11-20T22:30:00Z";

/// A school with one system, which is read by `source` and kept on `targets`; `more` goes into its table.
fn founded(school: school::School, source: &str, targets: &str, more: &str) -> school::School {
    let plan = format!(
        r#"
state = "state"
[school]
name = "Beech Lane Infant School"
[people.ash]
name = "A. Ash"
email = "head@beechlane.example"
roles = ["head", "it-lead"]
[targets.nas]
url = "nas"
class = "onsite"
[systems.mis]
title = "MIS"
source = {{ {source} }}
schedule = "daily at 19:00"
targets = [{targets}]
{more}
[report]
weekly = "Fri 07:30"
to = ["ash"]
"#
    );
    school.write("dr.toml", plan.as_bytes());
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school
}

/// The ids of the snapshots of the system.
fn snapshots(school: &school::School) -> Vec<String> {
    let listed = school.with_key(&["--json", "snapshots", "mis"]).ended(0).json();
    listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// The same, if these words were told.
#[track_caller]
fn told(said: school::Said, words: &str) -> school::Said {
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains(words), "not told: {words}\n{all}");
    said
}
