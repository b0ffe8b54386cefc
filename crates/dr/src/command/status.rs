//! `dr status`: is each system safe?

use std::path::{Path, PathBuf};

use clap::Args;
use dr_ledger::LetterStatus;
use dr_report::{Facts, SchoolRow, schools_text, status, status_text};
use dr_run::School;
use dr_scheduler::Gathered;
use serde_json::{Value, json};

use super::opened::{question, run_failure, runbook, school_of};
use super::sealed;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Whether each system is safe, from what the ledger says happened; several schools with several --plan
#[derive(Args)]
pub struct Status {
    /// A target on which a school leaves its status sealed; beside --plan, as often as there are schools
    #[arg(long, value_name = "URL")]
    sealed: Vec<String>,
    /// The file with that school's status key; one for all, or one for each --sealed
    #[arg(long, value_name = "FILE", requires = "sealed")]
    status_key: Vec<PathBuf>,
}

impl Status {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let plans = &context.global.plans;
        if plans.len() < 2 && self.sealed.is_empty() {
            let said = Said::of(&question(context)?, context)?;
            context.screen.say(said.text.trim_end());
            context.screen.document(&said.document);
            return Ok(exit(Outcome::done(), said.row.overall));
        }
        let (mut outcome, mut rows, mut texts, mut documents) = (Outcome::done(), Vec::new(), Vec::new(), Vec::new());
        for plan in plans {
            // One school that cannot be read hides no other.
            let said = school_of(context, plan).and_then(|school| Said::of(&school, context));
            let Said { row, text, document } = said.unwrap_or_else(|why| Said::unread(plan, &why));
            outcome = exit(outcome, row.overall);
            rows.push(row);
            texts.push(text);
            documents.push(document);
        }
        if !rows.is_empty() {
            context.screen.say(schools_text(&rows).trim_end());
        }
        if context.screen.is_verbose() {
            texts.iter().for_each(|text| context.screen.say(&format!("\n{}", text.trim_end())));
        }
        for (document, causes) in sealed::read(context, &self.sealed, &self.status_key)? {
            outcome = causes.into_iter().fold(outcome, |outcome, cause| outcome.with(true, cause));
            documents.push(document);
        }
        match documents.as_slice() {
            [one] => context.screen.document(one),
            several => context.screen.document(&several),
        }
        Ok(outcome)
    }
}

/// One school's status in each of its ways.
struct Said {
    row: SchoolRow,
    text: String,
    document: Value,
}

impl Said {
    fn of(school: &School, context: &Context<'_>) -> Result<Self, Failure> {
        let book = runbook(school, context);
        let gathered = Gathered::of(school, book.as_ref()).map_err(|e| run_failure(e, context))?;
        let given = gathered.given(school);
        let report = status(&given);
        Ok(Self {
            row: SchoolRow::of(&report),
            text: status_text(&report, &Facts::of(&given), &school.plan),
            document: serde_json::to_value(&report).unwrap_or(Value::Null),
        })
    }

    fn unread(plan: &Path, why: &Failure) -> Self {
        let (name, why) = (shown::path(plan), why.message.clone());
        let document = json!({ "school": name, "overall": LetterStatus::NotKnown, "systems": [], "error": why });
        Self { row: SchoolRow::unread(&name, &why), text: format!("{name}: {why}"), document }
    }
}

fn exit(outcome: Outcome, overall: LetterStatus) -> Outcome {
    outcome.with(overall == LetterStatus::Red, Cause::Failed).with(overall == LetterStatus::NotKnown, Cause::Unverified)
}
