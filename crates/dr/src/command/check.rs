//! `dr check`: the plan's targets are looked at.

use std::collections::BTreeSet;

use clap::Args;
use dr_entry::EntryPath;
use dr_ledger::Misfit;
use dr_repo::{SnapshotId, Tally};
use dr_run::anchors::{Held, hold};
use dr_run::{Opened, open_all};
use serde_json::{Value, json};

use super::checked::{self, Budget, Elsewhere, Much, budget};
use super::ledger;
use super::named::OnTarget;
use super::opened::{away, key_env, run_failure, school};
use super::run::alarm;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::observe;

/// Check that everything is there and whole, on every copy that can be reached now
///
/// Without --read-data or --budget: the log, the keys, the index, every tree, and that every pack is there with the
/// right length; and that the ledger and the copy know the same of each other. What is damaged is named with the files
/// that it costs (exit code 3); a check that could not run is 2.
/// Each copy remembers what was read of it, and no later backup relies on what was found damaged. Without a key that reads,
/// packs are compared with what the log says of them, and nothing is opened: what damage costs cannot be told. DR_KEY_FILE
/// names the recovery key's file.
#[derive(Args)]
pub struct Check {
    /// Only these targets of the plan
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    #[command(flatten)]
    on: OnTarget,
    /// Also read every byte, open every chunk, and compare what each backup uses with its own list
    #[arg(long, conflicts_with = "budget")]
    read_data: bool,
    /// Also read what nobody has read for longest, for so long or so much on each copy: `30m`, `2h` or `10GiB`
    #[arg(long, value_name = "PERIOD|SIZE", value_parser = budget)]
    budget: Option<Budget>,
}

impl Check {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (school, screen) = (school(context)?, context.screen);
        let failed = |e| run_failure(e, context);
        let key = school.reading_key(&key_env()).or_else(|_| school.host_key()).map_err(failed)?;
        let seen = dr_run::see(&school).map_err(failed)?;
        let found_gone = seen.iter().any(|seen| seen.changed && seen.is_gone());
        let is_told = !found_gone || alarm(&school, context);
        let much = match (self.read_data, self.budget) {
            (true, _) => Much::Everything,
            (_, Some(budget)) => Much::Within(budget),
            _ => Much::Nothing,
        };
        let named: Vec<_> = self.targets.iter().chain(&self.on.target).map(|target| Some(target.as_str())).collect();
        let only = if named.is_empty() { vec![None] } else { named };
        let (mut outcome, mut documents) = (Outcome::done().with(!is_told, Cause::Missing), Vec::new());
        let (mut damaged, mut elsewhere) = (Vec::new(), Vec::new());
        let held = match school.host_key() {
            Ok(_) => hold(&school).map_err(failed)?,
            Err(_) => Held::default(),
        };
        ledger::tell(&held, context);
        outcome = ledger::judged(outcome, &held);
        for only in only {
            let (opened, closed) = open_all(&school, &key, only).map_err(failed)?;
            for one in &closed {
                documents.push(unknown(&one.target.to_string(), &one.why.to_string()));
            }
            outcome = outcome.and(away(closed, opened.is_empty(), context));
            for one in &opened {
                let (named, tally) = (one.location.named(), Tally::default());
                crate::failure_text::single_writer(one.repository.store(), screen);
                let checked = observe::while_shown(screen, &tally, observe::checking, || {
                    checked::run(&one.repository, much, context.signals.stop(), &tally)
                });
                match checked {
                    Ok(checked) => {
                        outcome = outcome.and(checked::tell(
                            &checked,
                            Some(&named),
                            &format!("dr prune --target {}", one.location.target),
                            screen,
                        ));
                        if let Err(why) = dr_run::remember(&school, &one.location, key.clone(), &checked) {
                            screen.mention(&format!("what was read is not remembered there: {why}"));
                        }
                        dr_run::looked(&school, &one.location, &checked).map_err(failed)?;
                        let mut document = checked::as_json(&checked);
                        document["target"] = json!(named);
                        let here = |misfit: &&Misfit| {
                            misfit.target == one.location.target && misfit.medium == one.location.medium
                        };
                        document["misfits"] = json!(held.misfits.iter().filter(here).collect::<Vec<_>>());
                        documents.push(document);
                        let lost = checked.findings.iter().flat_map(|finding| finding.lost.clone()).collect();
                        elsewhere.push(copy(one, Some(lost)));
                        if !checked.findings.is_empty()
                            && !checked::is_rollback(&checked, &one.repository, &named, &one.location.address, screen)
                        {
                            damaged.push((one.location.target.clone(), named.clone(), checked));
                        }
                    }
                    Err(why) => {
                        screen.error(&format!("the check of {named} did not end: {why}. Nothing was changed."));
                        documents.push(unknown(&named, &why.to_string()));
                        outcome = outcome.with(true, Cause::Unverified);
                    }
                }
            }
        }
        if !damaged.is_empty() && !self.targets.is_empty() {
            // Only some were looked at; of the others it is known which snapshots they have.
            let (others, _) = open_all(&school, &key, None).map_err(failed)?;
            let new = others.iter().filter(|one| elsewhere.iter().all(|other| other.named != one.location.named()));
            let new: Vec<_> = new.map(|one| copy(one, None)).collect();
            elsewhere.extend(new);
        }
        for (target, named, checked) in &damaged {
            checked::way_out(checked, target, named, &elsewhere, self.read_data, screen);
        }
        screen.document(&Value::Array(documents));
        Ok(outcome)
    }
}

fn copy(one: &Opened, lost: Option<BTreeSet<(SnapshotId, EntryPath)>>) -> Elsewhere {
    let snapshots = one.repository.snapshots().into_iter().map(|snapshot| snapshot.id).collect();
    Elsewhere { named: one.location.named(), snapshots, lost }
}

fn unknown(target: &str, why: &str) -> Value {
    json!({ "target": target, "verdict": "could-not-verify", "findings": [], "why": why })
}
