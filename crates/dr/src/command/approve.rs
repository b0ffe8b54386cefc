//! `dr approve`: a person lives with a gap until a day.

use clap::Args;
use dr_ledger::Decision;
use dr_scheduler::{Gap, Gathered, accept, ask, redeem};
use serde_json::json;

use super::ack::tell;
use super::due::{failure, with_ways};
use super::named::day;
use super::opened::{run_failure, runbook, school};
use crate::context::Context;
use crate::exit::{Failure, Outcome};

/// Accept a gap until a day: it stays in every letter and no longer affects the status
///
/// The head, a deputy, the digital lead, a governor or anyone with the role approver may do so, for a term at most, and
/// never for what a system of the first tier cannot do without. With --ask somebody else types it and the code is
/// mailed to the person who decides.
#[derive(Args)]
pub struct Approve {
    /// The gap, as SYSTEM/RULE, with the system's id or title: website/offline
    #[arg(value_name = "GAP", required_unless_present = "code", conflicts_with = "code")]
    gap: Option<String>,
    /// Its last day: 2026-12-18, tomorrow, friday
    #[arg(long, value_name = "DATE", required_unless_present = "code", conflicts_with = "code")]
    until: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", required_unless_present = "code", conflicts_with = "code")]
    because: Option<String>,
    /// Mail a code to this person, who decides by giving it back
    #[arg(long, value_name = "PERSON", conflicts_with = "code")]
    ask: Option<String>,
    /// The code that was mailed
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

impl Approve {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (screen, school) = (context.screen, school(context)?);
        if let Some(code) = &self.code {
            let wanted = [Decision::Excepted, Decision::Approved];
            let decided = redeem(&school, code, &wanted).map_err(|why| failure(why, context))?;
            tell(&decided, context);
            return Ok(Outcome::done());
        }
        let until = day(self.until.as_deref().unwrap_or_default(), &school)?;
        let words = |text: &Option<String>| text.clone().unwrap_or_default();
        // A system may be called by its title here as elsewhere; what is no gap is told by whoever looks at it.
        let about = match self.gap.as_deref().and_then(|gap| gap.split_once('/')) {
            Some((system, rule)) => {
                format!("{}/{rule}", school.system(system).map_err(|e| run_failure(e, context))?.id)
            }
            None => words(&self.gap),
        };
        let gap = Gap { about, until, reason: words(&self.because) };
        let book = runbook(&school, context);
        let gathered = Gathered::of(&school, book.as_ref()).map_err(|why| run_failure(why, context))?;
        let given = gathered.given(&school);
        let Some(person) = &self.ask else {
            accept(&school, &given, &gap).map_err(|why| failure(why, context))?;
            screen.document(&json!({ "accepted": gap.about, "until": until, "by": school.actor.by }));
            screen.mention(&format!("accepted until {until}: {}", gap.about));
            return Ok(Outcome::done());
        };
        let person = dr_run::person(&school.plan, person).map_err(|e| run_failure(e, context))?;
        let good = with_ways(&school, context, |ways| ask(&school, &given, &gap, &person, ways))
            .map_err(|why| failure(why, context))?;
        let day = good.to_zoned(school.plan.school.timezone.clone()).date();
        screen.document(&json!({ "asked": person, "about": gap.about, "until": until, "code_good_until": day }));
        screen.mention(&format!("a code goes to {person} by mail, good until {day}: dr approve --code CODE"));
        Ok(Outcome::done())
    }
}
