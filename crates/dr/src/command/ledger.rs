//! `dr ledger`: everything that happened, and whether it still says so.

use clap::Args;
use dr_ledger::{Contents, Head, MisfitKind, Verdict, verify};
use dr_run::School;
use dr_run::anchors::{self, Held, compare};
use dr_scheduler::{Paper, Standing, accept_record, papers};
use serde_json::json;

use super::due::failure;
use super::opened::{question, run_failure, school};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Show the ledger, or with --verify whether it is still what was written
///
/// --verify looks whether its chain holds; compares it with what the backups on every copy that can be reached know of
/// it, for which this host's own key is enough; and compares the evidence of rehearsals and the letters in the state
/// folder with the hashes that it keeps. What was changed or cut is exit code 1, what is missing is 3; each is named.
#[derive(Args)]
pub struct Ledger {
    /// Look for what was edited, removed, reordered or cut, in the ledger, its copies and its papers
    #[arg(long)]
    verify: bool,
    /// An entry as a letter or a form printed it: the ledger must still reach it and have this hash there
    #[arg(long, value_name = "N:HASH", requires = "verify")]
    anchor: Option<String>,
    /// Accept that the ledger and the copies disagree: N, the newest entry that a copy knows otherwise, or the copy on
    /// which backups are missing. --verify says which; --by says who
    #[arg(long, value_name = "N|TARGET", requires = "because", conflicts_with = "verify")]
    accept: Option<String>,
    /// Why it is accepted, for the ledger
    #[arg(long, value_name = "TEXT", requires = "accept")]
    because: Option<String>,
}

impl Ledger {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let screen = context.screen;
        let school = if self.accept.is_some() { school(context)? } else { question(context)? };
        if self.verify {
            return self.verified(&school, context);
        }
        if let Some(what) = &self.accept {
            let because = self.because.as_deref().unwrap_or_default();
            let held = accept_record(&school, what, because).map_err(|why| failure(why, context))?;
            screen.document(&json!({ "accepted": what, "by": school.actor.by, "misfits": held.misfits }));
            screen.mention(&format!("noted: {what} is accepted as it is; the letter says so for two weeks"));
            tell(&held, context);
            return Ok(judged(Outcome::done(), &held));
        }
        let contents = school.ledger.read().map_err(|e| run_failure(e.into(), context))?;
        screen.document(&contents.entries);
        for entry in &contents.entries {
            let at = entry.decided.to_zoned(school.plan.school.timezone.clone()).strftime("%Y-%m-%d %H:%M:%S");
            let by = entry.by.as_ref().map_or("dr", |by| by.as_str());
            let event = shown::name(json!(entry.event).to_string().as_bytes());
            screen.say(&format!("{:>6}  {at}  {by:<10}  {event}", entry.n));
        }
        if !contents.verdict.is_ok() {
            screen.warning("the chain does not hold: `dr ledger --verify` says where");
        }
        Ok(Outcome::done().with(!contents.verdict.is_ok(), Cause::Failed))
    }

    fn verified(&self, school: &School, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (screen, path) = (context.screen, school.ledger.path());
        let anchor = self.anchor.as_deref().map(|text| {
            anchor(text).ok_or_else(|| Failure::usage(format!("invalid anchor `{text}`: it looks like 12:9f3c…")))
        });
        let anchor = anchor.transpose()?;
        let missing = !path.exists();
        let contents = school.ledger.read();
        let verdict = match verify(path, anchor) {
            Ok(verdict) => verdict,
            Err(_) if missing && anchor.is_none() => Verdict::Ok { entries: 0, head: Head::EMPTY.hash },
            Err(why) => {
                return Err(Failure::new(Cause::Unverified, format!("{why}. Nothing is known about the ledger.")));
            }
        };
        let contents = contents.map_err(|e| run_failure(e.into(), context))?;
        // A host without a key, such as an auditor's, has the chain and the papers to go by.
        let held = match school.host_key() {
            Ok(_) => compare(school).map_err(|e| run_failure(e, context))?,
            Err(_) => Held {
                unasked: school.plan.targets.keys().map(|on| (on.clone(), "this host has no key".to_owned())).collect(),
                ..Held::default()
            },
        };
        let papers = papers(school, &contents.entries);
        screen.document(&document(&verdict, &held, &papers));
        say_chain(&verdict, &held, context);
        tell(&held, context);
        say_papers(&papers, &contents, context);
        let any = |standing| papers.iter().any(|paper| paper.verdict == standing);
        let outcome = Outcome::done().with(!verdict.is_ok() || any(Standing::Changed), Cause::Failed);
        let outcome = outcome.with(any(Standing::Missing) || any(Standing::Unknown), Cause::Missing);
        Ok(judged(outcome, &held))
    }
}

/// The whole answer for a script: `verdict` is `broken` if anything was changed or cut, wherever.
fn document(verdict: &Verdict, held: &Held, papers: &[Paper]) -> serde_json::Value {
    let mut document = json!(verdict);
    let changed = papers.iter().any(|paper| paper.verdict == Standing::Changed);
    if verdict.is_ok() && (changed || !held.misfits.is_empty()) {
        document["verdict"] = json!("broken");
        document["why"] = match held.misfits.first() {
            Some(misfit) => json!(misfit.what),
            None => json!("evidence-changed"),
        };
    }
    let place = |(target, medium): &(dr_plan::TargetId, Option<dr_plan::MediumId>)| match medium {
        Some(medium) => json!({ "target": target, "medium": medium }),
        None => json!({ "target": target }),
    };
    document["compared"] = held.asked.iter().map(place).collect();
    document["not_compared"] =
        held.unasked.iter().map(|(target, why)| json!({ "target": target, "why": why })).collect();
    document["misfits"] = json!(held.misfits);
    let paper =
        |paper: &Paper| json!({ "file": shown::path(&paper.file), "entry": paper.entry, "verdict": paper.verdict });
    document["papers"] = papers.iter().map(paper).collect();
    document
}

fn say_chain(verdict: &Verdict, held: &Held, context: &Context<'_>) {
    let (screen, head) = (context.screen, verdict.head());
    let entries = shown::count(head.n, "entry", "entries");
    match verdict {
        Verdict::Ok { .. } => {
            let compared: Vec<String> = held
                .asked
                .iter()
                .map(|(target, medium)| medium.as_ref().map_or_else(|| target.to_string(), ToString::to_string))
                .collect();
            let with = match compared.as_slice() {
                [] => "; it was compared with no copy".to_owned(),
                _ if held.misfits.is_empty() => format!("; the copies on {} know it like this", compared.join(", ")),
                _ => String::new(),
            };
            screen.mention(&format!("the ledger's chain holds: {entries}, head {head}{with}"));
        }
        Verdict::Broken { line, why, .. } => screen.error(&format!(
            "the ledger is broken: line {line} {why}. {entries} before it hold; do not edit the file, and compare it with the anchor of the last letter",
        )),
    }
    for (target, why) in &held.unasked {
        screen.mention(&format!("not compared with the copy on {target}: {why}"));
    }
}

fn say_papers(papers: &[Paper], contents: &Contents, context: &Context<'_>) {
    let screen = context.screen;
    let mut held = 0_u64;
    for paper in papers {
        let (file, entry) = (shown::path(&paper.file), paper.entry.unwrap_or_default());
        match paper.verdict {
            Standing::Ok => held += 1,
            Standing::Changed => {
                let when = contents.entries.iter().find(|one| Some(one.n) == paper.entry);
                let when = when.map_or_else(String::new, |one| format!(" of {}", one.decided.strftime("%Y-%m-%d")));
                screen.error(&format!(
                    "{file} was changed: it is not what entry {entry}{when} says was written. Do not rely on it"
                ));
            }
            Standing::Missing => screen.warning(&format!("{file} is missing: entry {entry} says that it was written")),
            Standing::NotHeld => {
                screen.mention(&format!("{file} was not compared: nothing says what was written into it"));
            }
            Standing::Unknown => screen.warning(&format!(
                "{file} belongs to no rehearsal that the ledger knows: one that was cut off, or none of dr's"
            )),
        }
    }
    if held > 0 {
        screen.mention(&format!("{} as written", shown::count(held, "paper is", "papers are")));
    }
}

/// What does not fit between the ledger and the copies.
pub fn tell(held: &Held, context: &Context<'_>) {
    let (copies, ledger): (Vec<_>, Vec<_>) =
        held.misfits.iter().partition(|misfit| misfit.what == MisfitKind::SnapshotsMissing);
    // One cause, told once: by the copy that knows most, and can give it back.
    let worst = ledger.iter().max_by_key(|misfit| (misfit.entry, misfit.snapshot.is_some()));
    for misfit in worst.into_iter().chain(&copies) {
        context.screen.error(&anchors::told(misfit, held));
    }
    for other in ledger.iter().filter(|other| Some(*other) != worst) {
        let place = other.medium.as_ref().map_or_else(|| other.target.to_string(), ToString::to_string);
        context.screen.error(&format!("the copy on {place} knows another ledger too"));
    }
}

/// What that means for the exit code.
pub fn judged(outcome: Outcome, held: &Held) -> Outcome {
    outcome.with(!held.misfits.is_empty(), Cause::Failed)
}

/// An anchor as a letter prints it, or as somebody copied it from paper: with or without its word, in groups or not.
fn anchor(text: &str) -> Option<Head> {
    let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let text = text.strip_prefix("evidence").unwrap_or(&text).trim_start();
    let (n, hash) = text.split_once(|c: char| c == ':' || c.is_whitespace())?;
    let hash: String = hash.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    Head::parse(&format!("{n}:{hash}"))
}

#[cfg(test)]
mod tests {
    use super::anchor;

    #[test]
    fn an_anchor_is_taken_as_the_letter_prints_it_and_as_people_copy_it() {
        let hash = "64c27e85c877a5719d68cdb6f070a987c262505fd239dc61c69fbef07db08782";
        let groups: Vec<_> = hash.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
        let groups = groups.join(" ");
        let head = anchor(&format!("1816:{hash}")).unwrap();
        for text in [
            format!("Evidence 1816:{hash}"),
            format!("  evidence 1816: {hash}.\n"),
            format!("1816 {groups}"),
            format!("Evidence 1816 {}", groups.to_uppercase()),
        ] {
            assert_eq!(anchor(&text), Some(head), "{text}");
        }
        for text in ["", "1816", "1816:64c2", &format!("{hash}:1816"), &format!("-1:{hash}"), &format!("1816:{hash}00")]
        {
            assert_eq!(anchor(text), None, "{text}");
        }
    }
}
