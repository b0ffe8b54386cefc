//! `dr plan`: what people wrote, what is wrong with it, and what it means.

mod export;
mod new;

use std::path::Path;

use clap::{Args, Subcommand};
use dr_plan::{Finding, Planned, Severity, Source, SystemId, TargetId, lint, next, show_full, table};
use dr_run::{beforehand, past};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::named::time;
use super::opened::{question, run_failure};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::moment::{Side, Toward};

/// The plan: a first one, what is wrong with it, what it says, what runs when
#[derive(Args)]
pub struct Plan {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    New(new::New),
    /// Everything that is wrong with the plan, and who answers for it
    Check,
    /// The backup table
    Show {
        /// The whole plan with every default written out
        #[arg(long)]
        full: bool,
    },
    /// The policy's own table, declared beside achieved, as Markdown or a page
    Export(export::Export),
    /// What runs when, and why
    Next {
        /// From when; default now
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Until when; default seven days later
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
}

impl Plan {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        if let Verb::New(new) = &self.verb {
            return new.run(context);
        }
        let school = question(context)?;
        match &self.verb {
            Verb::New(new) => new.run(context),
            Verb::Check => Ok(check(&school, context)),
            Verb::Show { full } => {
                show(&school, *full, context);
                Ok(Outcome::done())
            }
            Verb::Export(export) => export.run(&school, context),
            Verb::Next { from, until } => {
                let zone = &school.plan.school.timezone;
                let read = |text: &str| time(text, &school, Side::Begin, Toward::Future);
                let asked = from.as_deref().map(read).transpose()?;
                let from = asked.unwrap_or_else(|| school.clock.decided());
                let until = until.as_deref().map(read).transpose()?;
                let week = || from.checked_add(SignedDuration::from_hours(7 * 24)).unwrap_or(from);
                let mut history = past(&school.history().map_err(|e| run_failure(e, context))?);
                if asked.is_some() {
                    served_before(&school.plan, &mut history, from);
                }
                let planned = next(&school.plan, &school.calendar, &history, from, until.unwrap_or_else(week));
                context.screen.document(&Rows(&planned, zone));
                for planned in &planned {
                    let at = planned.at.to_zoned(zone.clone()).strftime("%a %-d %b %H:%M");
                    let (system, target) = (planned.system.as_str(), planned.target.as_str());
                    context.screen.say(&format!("{at:<16}  {system:<16} {target:<12} {}", planned.because));
                }
                Ok(Outcome::done())
            }
        }
    }
}

/// Who asks from another moment on wants its slots, not what would be late by then.
fn served_before(plan: &dr_plan::Plan, history: &mut dr_plan::History, from: Timestamp) {
    let before = from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(from);
    for system in &plan.systems {
        for copy in &system.copies {
            if let Some(slot) = copy.schedule.last_slot_at_or_before(before, &plan.school.timezone) {
                history.finished(&system.id, &copy.target, slot, slot, true);
            }
        }
    }
}

/// What is planned, for a script. A row is made when it is written: a trust has many.
struct Rows<'a>(&'a [Planned], &'a TimeZone);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            system: &'a SystemId,
            target: &'a TargetId,
            at: String,
            because: &'a str,
        }
        serializer.collect_seq(self.0.iter().map(|planned| Row {
            system: &planned.system,
            target: &planned.target,
            at: planned.at.to_zoned(self.1.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            because: &planned.because,
        }))
    }
}

fn check(school: &dr_run::School, context: &Context<'_>) -> Outcome {
    let mut findings = lint(&school.plan, school.today());
    // What only this machine can tell. If the ledger cannot be read, that is said elsewhere.
    findings.extend(dr_run::shared(school).unwrap_or_default().into_iter().map(|(_, reason, is_error)| Finding {
        severity: if is_error { Severity::Error } else { Severity::Warning },
        rule: "same-device",
        system: None,
        reason,
        answers: school.plan.answers_for(None, school.today()).cloned(),
    }));
    findings.extend(beforehand(school).into_iter().map(|one| {
        let system = school.plan.system(&one.system);
        Finding {
            severity: if one.is_error { Severity::Error } else { Severity::Warning },
            rule: one.rule,
            answers: school.plan.answers_for(system, school.today()).cloned(),
            system: Some(one.system),
            reason: one.reason,
        }
    }));
    findings.sort_by_key(|finding| finding.severity);
    let word = |severity| if severity == Severity::Error { "error" } else { "warning" };
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({ "severity": word(finding.severity), "rule": finding.rule, "system": finding.system,
                "reason": finding.reason, "answers": finding.answers })
        })
        .collect();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let verdict = if errors > 0 { "wrong" } else { "ok" };
    context.screen.document(&json!({ "verdict": verdict, "findings": rows }));
    for finding in &findings {
        let system = finding.system.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
        let who = finding.answers.as_ref().and_then(|id| school.plan.people.get(id));
        let who = who.map(|person| format!(" ({} answers for it)", person.name)).unwrap_or_default();
        context.screen.say(&format!("{}: {system}{} [{}]{who}", word(finding.severity), finding.reason, finding.rule));
    }
    if findings.is_empty() {
        context.screen.mention("the plan is valid");
    }
    // An error is a plan that cannot be kept.
    Outcome::done().with(errors > 0, Cause::Usage)
}

fn show(school: &dr_run::School, full: bool, context: &Context<'_>) {
    let screen = context.screen;
    if full {
        let text = show_full(&school.plan);
        screen.document(&json!({ "plan": text }));
        screen.say(text.trim_end());
        return;
    }
    let rows = table(&school.plan);
    let cells = |cells: &[dr_plan::Cell]| -> Vec<_> {
        cells
            .iter()
            .map(|cell| json!({ "target": cell.target, "class": cell.class.as_str(), "often": cell.often }))
            .collect()
    };
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let system = school.plan.system(&row.system);
            json!({ "system": row.system, "title": row.title, "kind": system.map(|s| s.source.kind()),
                "on_site": cells(&row.on_site), "off_site": cells(&row.off_site),
                "rpo": system.map(|s| s.rpo.to_string()), "rto": system.and_then(|s| s.rto).map(|p| p.to_string()) })
        })
        .collect();
    screen.document(&json!({ "school": school.plan.school.name, "systems": shown }));
    screen.say(&format!("{:<24} {:<34} {:<44} {}", "System", "On site", "Off site and on disks", "Read from"));
    for row in &rows {
        let words = |cells: &[dr_plan::Cell]| {
            let words: Vec<_> = cells.iter().map(|cell| format!("{} {}", cell.target, cell.often)).collect();
            words.join(", ")
        };
        let from = school.plan.system(&row.system).map(|system| read_from(&system.source)).unwrap_or_default();
        screen.say(&format!("{:<24} {:<34} {:<44} {from}", row.title, words(&row.on_site), words(&row.off_site)));
    }
}

fn read_from(source: &Source) -> String {
    let paths: Vec<_> = source.paths().into_iter().map(|path| shown_path(path)).collect();
    let more = if source.runs() { "" } else { " (this version cannot read it)" };
    format!("{} {}{more}", source.kind(), paths.join(" ")).trim_end().to_owned()
}

fn shown_path(path: &Path) -> String {
    crate::shown::path(path)
}
