//! The runbook of the trust's school: it reads, binds to its plan, and nothing in it is an error.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use dr_plan::Severity;
use dr_runbook::{bind, lint, parse};

#[test]
fn it_binds_and_says_only_what_this_version_cannot_bring_back() {
    let read =
        |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap();
    let plan = dr_plan::parse(&read("schedules/trust.toml"), "trust.toml").unwrap();
    let runbook = parse(&read("runbooks/oakfield.toml"), "oakfield.toml").unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    if let Err(problems) = bind(&runbook, &plan) {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    let findings = lint(&runbook, &plan, "2026-11-20".parse().unwrap());
    let shown: Vec<String> = findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.reason)).collect();
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{shown:#?}");
    assert_eq!(
        shown,
        [
            "steps: no step brings Library back",
            "steps: no step brings Accounts and groups back",
            "steps: no step brings Website back",
            "steps: no step brings Learning platform back"
        ]
    );
}
