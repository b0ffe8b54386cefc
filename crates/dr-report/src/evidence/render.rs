//! The evidence for people: the same facts as text and as a page.

use dr_ledger::RehearsalVerdict;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};

use super::{Evidence, EvidenceError, Rehearsal, Rehearsed, json};
use crate::table::length;
use crate::words;

const TEMPLATE: &str = include_str!("evidence.html.j2");
const WIDTH: usize = 80;

/// A page's content, in the order in which it is read.
#[derive(serde::Serialize)]
struct View {
    title: String,
    verdict: String,
    sentence: String,
    facts: Vec<(&'static str, String)>,
    systems: Vec<SystemView>,
    not_tested: Vec<String>,
}

#[derive(serde::Serialize)]
struct SystemView {
    title: String,
    verdict: String,
    facts: Vec<(&'static str, String)>,
    checks: Vec<[String; 4]>,
}

/// The three documents about one rehearsal.
///
/// # Errors
/// If a number is none, or the page's template is broken.
pub fn evidence(rehearsal: &Rehearsal) -> Result<Evidence, EvidenceError> {
    let view = view(rehearsal);
    let plain = plain(&view);
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = environment.render_str(TEMPLATE, Serde(view))?;
    let lines: Vec<&str> = page.lines().filter(|line| !line.trim().is_empty()).collect();
    let html = lines.join("\n") + "\n";
    let mut text = String::new();
    json::canonical(&json::value(rehearsal, &html, &plain)?, &mut text);
    text.push('\n');
    Ok(Evidence { verdict: rehearsal.verdict(), json: text, html, text: plain })
}

fn shout(verdict: RehearsalVerdict) -> String {
    verdict.as_str().replace('-', " ").to_uppercase()
}

fn view(rehearsal: &Rehearsal) -> View {
    let verdict = rehearsal.verdict();
    let good = rehearsal.systems.iter().filter(|system| system.worst() == RehearsalVerdict::Verified).count();
    let all = words::count(rehearsal.systems.len(), "system", "systems");
    let sentence = match verdict {
        RehearsalVerdict::Verified => format!("{all} brought back on scratch and found right."),
        RehearsalVerdict::Failed => {
            format!("{good} of {all} brought back and found right. Something failed: see below.")
        }
        _ => format!("{good} of {all} brought back and found right. The rest is not proved: see below."),
    };
    let local = |at: jiff::Timestamp| at.to_zoned(rehearsal.zone.clone()).strftime("%a %-d %b %Y %H:%M:%S").to_string();
    let mut facts = vec![
        ("Report", format!("{} of {}", rehearsal.number, words::plain(&rehearsal.school))),
        ("Level", format!("{}, {}", rehearsal.level, rehearsal.mode)),
        ("Began", local(rehearsal.began)),
        ("Ended", local(rehearsal.ended)),
        ("Ran by", format!("{} ({})", words::plain(&rehearsal.ran_by), rehearsal.authenticated)),
        ("Version", rehearsal.tool_version.clone()),
        ("Plan", groups(&rehearsal.plan_hash)),
    ];
    if let Some(hash) = &rehearsal.runbook_hash {
        facts.push(("Runbook", groups(hash)));
    }
    if let Some(sample) = &rehearsal.sample {
        facts.push(("Sample", sample.claim()));
    }
    let wiped = if rehearsal.wipe.done { "wiped" } else { "NOT WIPED" };
    facts.push(("Scratch", format!("{wiped}: {}", rehearsal.wipe.how)));
    let head = &rehearsal.ledger_head;
    facts.push(("Ledger before", format!("{} {}", head.n, groups(&head.hash.to_string()))));
    if rehearsal.clock_moved {
        facts.push(("Clock", "moved: the dates above were chosen, not read from the clock".to_owned()));
    }
    View {
        title: match rehearsal.sample_school {
            true => format!("{}. Evidence of a restore rehearsal", words::SAMPLE),
            false => "Evidence of a restore rehearsal".to_owned(),
        },
        verdict: shout(verdict),
        sentence,
        facts,
        systems: rehearsal.systems.iter().map(|system| part(rehearsal, system)).collect(),
        not_tested: rehearsal.not_tested.clone(),
    }
}

fn part(rehearsal: &Rehearsal, system: &Rehearsed) -> SystemView {
    let local = |at: jiff::Timestamp| at.to_zoned(rehearsal.zone.clone()).strftime("%a %-d %b %Y %H:%M").to_string();
    let mut facts = vec![("Level", system.level.clone())];
    let copy = [system.copy_class.clone(), system.medium.as_ref().map(|medium| format!("disk {medium}"))];
    let copy: Vec<String> = copy.into_iter().flatten().collect();
    if !copy.is_empty() {
        facts.push(("From the copy", copy.join(", ")));
    }
    if let Some(point) = system.recovery_point {
        facts.push(("Data as of", local(point)));
    }
    if system.files > 0 {
        facts.push(("Came back", format!("{} files, {} bytes", system.files, system.bytes)));
        let took = jiff::SignedDuration::try_from_secs_f64(system.restore_seconds).unwrap_or_default();
        facts.push(("Technical restore time", length(took)));
    }
    if let Some(because) = &system.because {
        facts.push(("Because", words::plain(because)));
    }
    let checks = system.checks.iter().map(|check| {
        [&check.name, &shout(check.verdict), &check.expected, &check.actual].map(|text| words::plain(text))
    });
    SystemView { title: words::plain(&system.title), verdict: shout(system.worst()), facts, checks: checks.collect() }
}

/// A hash in groups that can be read aloud.
fn groups(hash: &str) -> String {
    let digits: Vec<char> = hash.chars().take(32).collect();
    digits.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn plain(view: &View) -> String {
    let mut lines = vec![view.title.clone(), format!("{} - {}", view.verdict, view.sentence), String::new()];
    let fact = |lines: &mut Vec<String>, lead: &str, (name, value): &(&'static str, String)| {
        lines.extend(words::wrap(&format!("{lead}{name}: {value}"), WIDTH, lead.len() + 2));
    };
    view.facts.iter().for_each(|one| fact(&mut lines, "", one));
    for system in &view.systems {
        lines.extend([String::new(), format!("{} - {}", system.verdict, system.title)]);
        system.facts.iter().for_each(|one| fact(&mut lines, "  ", one));
        for [name, verdict, expected, actual] in &system.checks {
            let line = format!("  - {verdict} {name}: expected {expected}, found {actual}");
            lines.extend(words::wrap(&line, WIDTH, 4));
        }
    }
    lines.extend([String::new(), "Not tested".to_owned()]);
    view.not_tested.iter().for_each(|one| lines.extend(words::wrap(&format!("- {}", words::plain(one)), WIDTH, 2)));
    lines.push(String::new());
    lines.extend(words::wrap(NOT_AN_RTO, WIDTH, 0));
    lines.join("\n") + "\n"
}

const NOT_AN_RTO: &str = "Technical restore time counts from the beginning of the restore until the probes passed.";
