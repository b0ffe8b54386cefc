//! Does this version do what the plan says? What it cannot do yet is said, never passed over.

use jiff::{SignedDuration, ToSpan};

use super::Found;
use crate::plan::KeyMode;
use crate::source::{FileType, Source, Supplier};
use crate::system::System;
use crate::target::scheme_of;

/// What a system that is not read is shown as.
const NOT_KNOWN: &str = "it is shown NOT KNOWN, never green";

pub(super) fn look(found: &mut Found<'_>) {
    let (plan, today) = (found.plan, found.today);
    for system in &plan.systems {
        if let Some(supplier) = system.source.supplier() {
            let reason = format!(
                "{} is held by {}: it is declared by its supplier, counted apart, and never green",
                system.title, supplier.name
            );
            found.warning("declared", Some(system), reason);
        } else if !system.source.runs() {
            found.warning(
                "not-run",
                Some(system),
                format!(
                    "{} is a {} source, which this version cannot read yet; {NOT_KNOWN}",
                    system.title,
                    system.source.kind(),
                ),
            );
        }
        reading(found, system);
        if system.sensitive {
            found.warning("sensitive", Some(system), format!(
                "{} is marked sensitive, but this version has no keys of its own for it: whoever can restore can restore this too",
                system.title,
            ));
        }
    }
    for (id, target) in &plan.targets {
        if let Some(url) = target.url().filter(|_| !target.runs()) {
            found.warning("not-run", None, format!(
                "target {id} is a {} store, which this version cannot write to yet: no copy is made there, and none is counted",
                scheme_of(url),
            ));
        }
        if target.lock.is_some() && target.local_path().is_some() {
            found.warning(
                "lock",
                None,
                format!("target {id} is a folder, which cannot lock what it keeps: `lock` does nothing there"),
            );
        }
    }
    if plan.keys.mode == KeyMode::Full {
        found.warning(
            "keys",
            None,
            "this host may read its old backups (keys.mode = \"full\"): whoever takes it can too".to_owned(),
        );
    }
    if let Some(review) = plan.document.review.filter(|review| *review < today) {
        found.warning(
            "review",
            None,
            format!("the plan was to be looked at again by {review}: look at it and adopt it again"),
        );
    }
}

/// What the plan says about reading this system that cannot be meant so.
fn reading(found: &mut Found<'_>, system: &System) {
    let today = found.today;
    if let Source::Drop { name, content, marker: None, .. } = &system.source {
        let is_bak = name.to_ascii_lowercase().ends_with(".bak");
        if content.map_or(is_bak, |content| content == FileType::SqlServer) {
            let reason = format!(
                "the export of {} is a backup of SQL Server, and nothing says of it that it is whole: let its job write a file \
                 after RESTORE VERIFYONLY, and name that as `marker`",
                system.title
            );
            found.warning("marker", Some(system), reason);
        }
    }
    match &system.source {
        Source::Drop { maker: None, .. } => {
            let reason =
                format!("nobody is named who makes the export of {}: write `maker`, who is reminded", system.title);
            found.warning("maker", Some(system), reason);
        }
        Source::Saas(Supplier { name: supplier, contract, checked, .. }) => {
            if let Some(end) = contract.filter(|end| *end < today) {
                let reason = format!("the contract with {supplier} for {} ended on {end}", system.title);
                found.warning("contract", Some(system), reason);
            }
            let year_ago = today.checked_sub(1.year()).unwrap_or(today);
            let asked = match checked {
                None => Some(format!(
                    "nobody ever asked {supplier} how {} is kept safe: ask, and write `checked`",
                    system.title
                )),
                Some(day) if *day < year_ago => {
                    Some(format!("{supplier} was last asked on {day} how {} is kept safe: ask again", system.title))
                }
                Some(_) => None,
            };
            if let Some(reason) = asked {
                found.warning("asked", Some(system), reason);
            }
        }
        _ => {}
    }
    questions(found, system);
    if system.timeout.longest() < SENSIBLE {
        let reason =
            format!("a run of {} is stopped after {}: hardly any ends in that time", system.title, system.timeout);
        found.warning("timeout", Some(system), reason);
    }
    for hook in system.before.iter().chain(&system.after) {
        if hook.run.first().is_none_or(|program| program.trim().is_empty()) {
            let reason = format!("a command before or after a run of {} names no program", system.title);
            found.error("hook", Some(system), reason);
        }
        if hook.timeout.longest() >= system.timeout.longest() {
            let reason = format!(
                "a command of {} may take {}, and its whole run only {}",
                system.title, hook.timeout, system.timeout
            );
            found.warning("timeout", Some(system), reason);
        }
    }
}

/// What the plan asks of this system that nobody can answer, or that cannot be told apart.
fn questions(found: &mut Found<'_>, system: &System) {
    if !system.expect.is_empty() && !system.source.takes_questions() {
        let reason = format!(
            "{} is a {} source, and this version asks questions (`expect`) of postgres, mariadb, sqlite and website sources alone",
            system.title,
            system.source.kind()
        );
        found.error("expect", Some(system), reason);
    }
    if !system.pages.is_empty() && !system.source.has_pages() {
        let reason = format!(
            "{} is a {} source, and this version asks for pages (`page`) of websites that it reads alone",
            system.title,
            system.source.kind()
        );
        found.error("expect", Some(system), reason);
    }
    let twice = system
        .expect
        .iter()
        .enumerate()
        .find(|(n, one)| system.expect.iter().take(*n).any(|other| other.say == one.say || other.ask == one.ask));
    if let Some((_, one)) = twice {
        let reason =
            format!("{} is asked \u{201c}{}\u{201d} twice: say and ask each thing once", system.title, one.say);
        found.error("expect", Some(system), reason);
    }
}

/// A run that may not take this long is stopped before it could do anything.
const SENSIBLE: SignedDuration = SignedDuration::from_mins(5);
