//! `dr ack`: a person knows of it.

use clap::Args;
use dr_ledger::Decision;
use dr_scheduler::{Decided, Gathered, acknowledge, open, redeem};
use serde_json::json;

use super::due::failure;
use super::opened::{run_failure, runbook, school_unless};
use crate::context::Context;
use crate::exit::{Failure, Outcome};

/// Say that somebody knows of an alert or a letter, so that nobody else is rung up about it
///
/// Without a name it lists what is open. Who has no shell gives the code from the mail to whoever types.
#[derive(Args)]
pub struct Ack {
    /// An alert, such as mis/rpo, or a letter, such as letter/12
    #[arg(value_name = "WHAT", conflicts_with = "code")]
    about: Option<String>,
    /// The code from the mail; it says by itself whose it is and what it is about
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// What is being done about it
    #[arg(long, value_name = "TEXT", conflicts_with = "code")]
    because: Option<String>,
}

impl Ack {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (screen, school) = (context.screen, school_unless(self.code.is_none() && self.about.is_none(), context)?);
        if let Some(code) = &self.code {
            let decided = redeem(&school, code, &[Decision::Acknowledged]).map_err(|why| failure(why, context))?;
            tell(&decided, context);
            return Ok(Outcome::done());
        }
        let book = runbook(&school, context);
        let gathered = Gathered::of(&school, book.as_ref()).map_err(|why| run_failure(why, context))?;
        let given = gathered.given(&school);
        let Some(about) = &self.about else {
            let open = open(&given);
            screen.document(&json!({ "open": open }));
            match open.as_slice() {
                [] => screen.say("nothing is open"),
                some => some.iter().for_each(|one| screen.say(one)),
            }
            return Ok(Outcome::done());
        };
        acknowledge(&school, &given, about, self.because.clone()).map_err(|why| failure(why, context))?;
        screen.document(&json!({ "acknowledged": about, "by": school.actor.by }));
        screen.mention(&format!("noted: {} knows of {about}", by(school.actor.by.as_ref())));
        Ok(Outcome::done())
    }
}

fn by(person: Option<&dr_plan::PersonId>) -> String {
    person.map_or_else(|| "nobody".to_owned(), ToString::to_string)
}

/// What a code decided.
pub fn tell(decided: &Decided, context: &Context<'_>) {
    context.screen.document(&json!({
        "decision": decided.decision, "about": decided.about, "by": decided.person,
        "until": decided.lapses.map(|at| at.to_string()),
    }));
    let word = match decided.decision {
        Decision::Acknowledged => "knows of",
        Decision::Approved => "approved",
        Decision::Excepted => "accepts",
    };
    context.screen.mention(&format!("noted: {} {word} {}", decided.person, decided.about));
}
