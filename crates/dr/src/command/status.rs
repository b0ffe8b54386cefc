//! `dr status`: is each system safe?

use clap::Args;
use dr_ledger::LetterStatus;
use dr_report::{Facts, status, status_text};
use serde_json::Value;

use super::opened::{Gathered, school, school_of};
use crate::args::World;
use crate::exit::{Cause, Failure, Outcome};

/// Whether each system is safe, from what the ledger says happened; several schools with several --plan
#[derive(Args)]
pub struct Status {}

impl Status {
    #[expect(clippy::unused_self, reason = "every verb is run the same way")]
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let plans = &world.global.plans;
        let schools = match plans.len() {
            0 | 1 => vec![school(world)?],
            _ => plans.iter().map(|plan| school_of(world, plan)).collect::<Result<_, _>>()?,
        };
        let (mut outcome, mut documents) = (Outcome::done(), Vec::new());
        for school in &schools {
            let gathered = Gathered::of(school, world)?;
            let given = gathered.given(school);
            let report = status(&given);
            world.screen.say(status_text(&report, &Facts::of(&given), &school.plan).trim_end());
            outcome = outcome
                .with(report.overall == LetterStatus::Red, Cause::Failed)
                .with(report.overall == LetterStatus::NotKnown, Cause::Unverified);
            documents.push(serde_json::to_value(&report).unwrap_or(Value::Null));
        }
        match documents.as_slice() {
            [one] => world.screen.document(one),
            several => world.screen.document(&several),
        }
        Ok(outcome)
    }
}
