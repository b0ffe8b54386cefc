//! `dr init`: a school begins on this host.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;

use dr_run::{Founded, GiveOut, init, status_key, status_key_file};
use serde_json::json;

use super::opened::{key_env, run_failure, school_renamed};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};

/// Make the keys, and a repository on every target of the plan
///
/// Gives out the recovery key once. Whoever holds it can read every backup of the school, and without it nobody can:
/// keep it on paper or on a medium away from this host. Run again at any time: it completes what is missing and
/// changes nothing else. The disks of a pool are initialised one by one with `dr media init`. Where the ledger knows a
/// repository and there is none, a NAS may not be mounted: nothing is made there unless --new-target names it.
#[derive(Args)]
pub struct Init {
    /// A new file for the recovery key; without it the key is shown on the terminal
    #[arg(long, value_name = "FILE")]
    recovery_key_out: Option<PathBuf>,
    /// Give this target a new repository though there was one: the copies in the old one count no more
    #[arg(long, value_name = "TARGET")]
    new_target: Vec<String>,
    /// The school has a new name, and its state is to follow: the name that it had
    #[arg(long, value_name = "OLD NAME")]
    renamed: Option<String>,
}

impl Init {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (screen, school) = (context.screen, school_renamed(context, self.renamed.as_deref())?);
        let mut confirm = |key: &str| confirmed(context, key);
        let person = std::io::stdin().is_terminal() && screen.shows_progress();
        let give_out = match &self.recovery_key_out {
            Some(file) => GiveOut::File(file),
            None if person => GiveOut::Person(&mut confirm),
            None => GiveOut::Nowhere,
        };
        let new_targets: Result<_, _> = self.new_target.iter().map(|name| school.target(name)).collect();
        let (key_file, new_targets) = (key_env().key_file, new_targets.map_err(|e| run_failure(e, context))?);
        let made = init(&school, give_out, key_file.as_deref(), &new_targets).map_err(|e| run_failure(e, context))?;
        match &made.keys {
            Some(Some(file)) => screen.mention(&format!(
                "The recovery key is in {}. Move it off this host now: without it nobody can read the backups.",
                file.display()
            )),
            Some(None) => screen.mention("This host has its key."),
            None => screen.mention("The keys are there already; they were not changed."),
        }
        let mut outcome = Outcome::done();
        for (target, founded) in &made.targets {
            let (word, why) = match founded {
                Founded::Made => ("made", None),
                Founded::There => ("there", None),
                Founded::Pool => ("pool", Some("`dr media init` makes the repository of each disk")),
                Founded::Failed(why) => ("failed", Some(why.as_str())),
                Founded::Skipped(why) => ("skipped", Some(why.as_str())),
            };
            outcome = outcome.with(word == "failed", Cause::Failed).with(word == "skipped", Cause::Missing);
            screen.event(&json!({ "event": "target", "target": target, "outcome": word, "error": why }));
            let line =
                format!("{:<16} {word}{}", target.as_str(), why.map(|why| format!(": {why}")).unwrap_or_default());
            match founded {
                Founded::Failed(_) | Founded::Skipped(_) => screen.say(&line),
                _ => screen.mention(&line),
            }
        }
        let status_key = status_key(&school).map(|_| status_key_file(&school)).map_err(|e| run_failure(e, context))?;
        screen.mention(&format!(
            "{} opens the status that is left on the targets, and no backup: it is what a trust may have.",
            status_key.display()
        ));
        screen.event(&json!({
            "event": "summary", "family": made.family, "keys_made": made.keys.is_some(), "status_key": status_key.display().to_string(),
            "recovery_key": made.keys.as_ref().and_then(|out| out.as_ref()).map(|file| file.display().to_string()),
        }));
        Ok(outcome)
    }
}

/// Shows the recovery key and lets the person type a part of what they wrote down.
fn confirmed(context: &Context<'_>, key: &str) -> bool {
    let check = key.lines().last().and_then(|line| line.strip_prefix("check ")).unwrap_or_default();
    context
        .screen
        .note("This is the school's recovery key. It is shown once. Write it down and keep it away from this host:\n");
    context.screen.note(key);
    context.screen.note("To confirm that you have it, type the eight digits after `check`:");
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).is_ok() && !check.is_empty() && typed.trim() == check
}
