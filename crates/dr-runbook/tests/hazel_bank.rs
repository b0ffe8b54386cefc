//! The runbook of `runbooks/`: it reads, binds to its school's plan, has no error findings, and prints.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use dr_plan::{Plan, Severity, SystemId};
use dr_runbook::{
    Runbook, ScenarioId, Stamp, bind, critical_path, lint, order, parse, print_html, print_text, scenario_order,
};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

fn plan() -> Plan {
    dr_plan::parse(&read("schedules/hazel-bank.toml"), "hazel-bank.toml").unwrap()
}

fn runbook() -> Runbook {
    parse(&read("runbooks/hazel-bank.toml"), "hazel-bank.toml").unwrap_or_else(|problems| {
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    })
}

fn stamp() -> Stamp {
    let copy = Some((2, 4, "R. Elm".to_owned()));
    Stamp { hash: "0123456789abcdef".repeat(4), printed: "2026-11-20".parse().unwrap(), copy }
}

#[test]
fn it_binds_and_has_no_findings_at_all() {
    let (runbook, plan) = (runbook(), plan());
    if let Err(problems) = bind(&runbook, &plan) {
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"));
    }
    let findings = lint(&runbook, &plan, "2026-11-20".parse().unwrap());
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn the_days_after_its_review_date_make_an_error_and_nothing_else_does() {
    let findings = lint(&runbook(), &plan(), "2027-09-02".parse().unwrap());
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.rule).collect();
    assert_eq!(errors, ["review"]);
}

#[test]
fn every_system_is_back_within_what_the_plan_promises() {
    let (runbook, plan) = (runbook(), plan());
    let bound = bind(&runbook, &plan).unwrap();
    for system in &plan.systems {
        let path = critical_path(&bound, &system.id).unwrap();
        assert!(path.expect <= system.rto.unwrap().longest(), "{}: {path:?}", system.id);
    }
    // 10 + 40 + 10 + 45 + 15 + 20 minutes.
    let mis = critical_path(&bound, &SystemId::new("mis").unwrap()).unwrap();
    assert_eq!(mis.expect.as_mins(), 140);
    assert_eq!(mis.steps.first().unwrap().as_str(), "declare");
    assert_eq!(mis.steps.last().unwrap().as_str(), "check-mis");
}

#[test]
fn a_step_comes_after_all_that_it_needs() {
    let (runbook, plan) = (runbook(), plan());
    let bound = bind(&runbook, &plan).unwrap();
    let all: Vec<SystemId> = plan.systems.iter().map(|system| system.id.clone()).collect();
    let whole = order(&bound, &all);
    let place = |id: &dr_runbook::StepId| whole.iter().position(|bound| bound.step.id == *id).unwrap();
    for bound in &whole {
        assert!(bound.step.needs.iter().all(|id| place(id) < place(&bound.step.id)), "{}", bound.step.id);
    }
    let restores: Vec<_> = whole.iter().filter_map(|bound| bound.step.restores()).collect();
    assert_eq!(restores.len(), 6);
    assert_eq!(restores[0], "mis");
    // For one system only what it needs is done.
    let website = order(&bound, &[SystemId::new("website").unwrap()]);
    assert_eq!(website.iter().filter_map(|bound| bound.step.restores()).collect::<Vec<_>>(), ["website"]);
    assert!(order(&bound, &[]).is_empty());
}

#[test]
fn every_scenario_begins_with_a_decision_and_brings_all_systems_back() {
    let (runbook, plan) = (runbook(), plan());
    let bound = bind(&runbook, &plan).unwrap();
    for name in ["ransomware", "fire-flood", "theft"] {
        let steps = scenario_order(&bound, &ScenarioId::new(name).unwrap());
        assert_eq!(steps[0].step.id.as_str(), "declare");
        assert_eq!(steps.iter().filter(|bound| bound.step.restores().is_some()).count(), 6, "{name}");
    }
    assert!(scenario_order(&bound, &ScenarioId::new("hail").unwrap()).is_empty());
}

#[test]
fn every_page_of_the_text_ends_with_version_copy_hash_and_date() {
    let (runbook, plan) = (runbook(), plan());
    let bound = bind(&runbook, &plan).unwrap();
    let text = print_text(&bound, &stamp());
    let pages: Vec<&str> = text.split_terminator('\u{c}').collect();
    assert!(pages.len() > 3);
    for (n, page) in pages.iter().enumerate() {
        let foot = page.trim_end().lines().last().unwrap();
        let wanted = format!(
            "Hazel Bank Junior School - version 3 - copy 2 of 4, R. Elm - 01234567 - printed 2026-11-20 - page {} of {}",
            n + 1,
            pages.len()
        );
        assert_eq!(foot, wanted);
        assert_eq!(page.lines().count(), 60);
    }
    assert!(text.contains("$ dr restore mis --target {target} --to {to}"));
    assert!(text.contains("A. Ash 01632 960101"));
}

#[test]
fn text_and_page_name_every_step_person_and_contact() {
    let (runbook, plan) = (runbook(), plan());
    let bound = bind(&runbook, &plan).unwrap();
    let (text, html) = (print_text(&bound, &stamp()), print_html(&bound, &stamp()).unwrap());
    let compressed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (text, html) = (compressed(&text), compressed(&html));
    for step in &runbook.steps {
        assert!(text.contains(step.id.as_str()) && html.contains(step.id.as_str()), "{}", step.id);
    }
    for contact in &runbook.contacts {
        assert!(text.contains(&contact.org) && html.contains(&contact.org), "{}", contact.org);
    }
    // One page that needs nothing else.
    for outside in ["http://", "https://", "<script", "<link", "src="] {
        assert!(!html.contains(outside), "{outside}");
    }
}
