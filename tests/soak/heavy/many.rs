//! A plan of ten thousand systems is read, listed and found idle in a hundred megabytes.

use std::fs;

use dr_ledger::{Authenticated, Body, CopyOutcome, Event, Ledger, RunCopy, RunId, RunOutcome};
use dr_plan::{SystemId, TargetId};
use jiff::Timestamp;

use crate::bounded::Bounded;
use crate::ground::{Ground, Run, count};

const LIMIT: u64 = 100_000_000;
const NIGHT: &str = "2026-11-20T19:00:00Z";
const NOON: &str = "2026-11-21T12:00:00Z";

/// So many systems, each with a folder of its own, all of them backed up that night, as the ledger tells it.
fn school(ground: &Ground, systems: u64) {
    let mut plan = String::from(
        "state = \"state\"\nschool = \"A very large trust\"\n\
         people = { head = \"A. Ash <head@trust.example>\", it = \"J. Oak <oak@provider.example>\" }\n\
         [targets.nas]\nurl = \"nas\"\n",
    );
    for number in 0..systems {
        plan += &format!("[systems.s{number}]\nsource = \"school/s{number}\"\nschedule = \"daily at 19:00\"\n");
    }
    fs::write(ground.path("dr.toml"), plan).unwrap();
    ground.dr(["--at", "2026-11-20T18:00:00Z", "init", "--recovery-key-out", "recovery.key"]).ended(0);
    let (at, target): (Timestamp, _) = (NIGHT.parse().unwrap(), TargetId::new("nas").unwrap());
    let ledger = Ledger::in_state(&ground.path("state"));
    for number in 0..systems {
        let event = Event::RunFinished {
            run: RunId(format!("run-{number}")),
            system: SystemId::new(format!("s{number}")).unwrap(),
            outcome: RunOutcome::Done,
            copies: vec![RunCopy {
                target: target.clone(),
                medium: None,
                outcome: CopyOutcome::Done,
                snapshot: None,
                slot: Some(at),
                bytes_stored: 10,
                error: None,
            }],
            capture_started: Some(at),
            entries: 1,
            bytes_read: 10,
            unreadable: 0,
            noticed: dr_ledger::Noticed::default(),
            size: None,
        };
        let body = Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event };
        ledger.append(&body).unwrap();
    }
}

/// CPU seconds of children so far.
fn spent() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    // cutime and cstime, in hundredths of a second.
    [13, 14].iter().map(|at| fields[*at].parse::<f64>().unwrap() / 100.0).sum()
}

#[test]
fn a_plan_of_thousands_of_systems_is_idle_in_a_hundred_megabytes() {
    let (systems, ground) = (count(1_000), Ground::on_memory());
    school(&ground, systems);
    let bounded = if systems >= 10_000 { Bounded::make(LIMIT) } else { Bounded::watched() };
    // The first round notes the plan and says what it has to say; the ones after it are idle.
    let first = ground.dr(["--json", "--at", NOON, "run", "--due"]);
    assert!(matches!(first.code, Some(0 | 3)), "{}", first.stderr);
    let steps: [(&str, &[&str]); 2] = [
        ("plan next", &["--json", "--at", NOON, "plan", "next"]),
        ("idle round", &["--json", "--at", "2026-11-21T12:05:00Z", "run", "--due"]),
    ];
    for (name, args) in steps {
        let before = spent();
        let (run, peak): (Run, u64) = bounded.dr(&ground, args);
        assert!(
            matches!(run.code, Some(0 | 3)),
            "{name}, VmHWM {} MiB: {}{}",
            peak >> 20,
            run.code.is_some(),
            run.stderr
        );
        println!(
            "many: {name} of {systems} systems in {} MB: VmHWM {} MiB, {:.2} s of CPU",
            LIMIT / 1_000_000,
            peak >> 20,
            spent() - before
        );
        assert!(peak < LIMIT, "{name} took {} MB", peak / 1_000_000);
        assert!(!run.stdout.contains("\"event\":\"run\""), "nothing is due");
    }
}
