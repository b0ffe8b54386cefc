//! `dr doctor`: what here would make a backup, a letter or a restore fail.

use std::ffi::OsString;

use clap::Args;
use dr_post::{Recipient, Ways, try_out};
use dr_run::{KeyEnv, School, secret};
use serde_json::json;

use super::opened::{question, run_failure};
use crate::context::Context;
use crate::env;
use crate::exit::{Cause, Failure, Outcome};
use dr_setup::doctor::judge::{self, Check, Verdict};
use dr_setup::doctor::{closed, letters, look, sources};
use dr_setup::service::wanted::CREDENTIALS;

/// Where programs of the plan are looked for.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What here would make a backup, a letter or a restore fail
///
/// Looks at the plan, the state, the ledger, the clock, the keys, every target and source, secrets, programs, letters,
/// whether restored systems can be started in a closed room, and at who calls dr. One line each, and what to do. Changes nothing. Ends with 1 if something will fail, with 2 if
/// something could not be looked at.
#[derive(Args)]
pub struct Doctor {
    /// Send a trial message by every way of the plan, to those who get the weekly letter
    #[arg(long)]
    send_test: bool,
}

impl Doctor {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let mut checks = vec![look::account()];
        match question(context) {
            // Without any plan there is nothing to look at.
            Err(failure) if context.global.plans.is_empty() && failure.message.starts_with("there is no plan") => {
                return Err(failure);
            }
            Err(failure) => checks.push(judge::fail(
                "plan",
                failure.message.replace('\n', "; "),
                "Nothing runs until it can be read. What was stored before is still there.",
            )),
            Ok(school) => self.look(&school, context, &mut checks),
        }
        tell(context, &checks);
        let worst = judge::worst(&checks);
        Ok(Outcome::done()
            .with(worst == Verdict::Fail, Cause::Failed)
            .with(checks.iter().any(|check| check.verdict == Verdict::CouldNot), Cause::Unverified))
    }

    fn look(&self, school: &School, context: &Context<'_>, checks: &mut Vec<Check>) {
        checks.extend(look::plan(school));
        let contents = school.ledger.read().map_err(|error| run_failure(error.into(), context).message);
        checks.extend(look::state(school, contents.as_ref().map_err(Clone::clone)));
        if let Ok(contents) = &contents {
            checks.extend(look::rounds(school, contents));
            checks.extend(look::targets(school, contents));
            checks.push(look::scratch(school, contents));
            checks.push(look::leftovers(school));
            checks.push(closed::closed_room(school));
        }
        let around = KeyEnv { key_file: env::path("DR_KEY_FILE"), variable: Some(&variable) };
        checks.extend(sources::sources(school, &|reference| secret(reference, &around)));
        checks.extend(sources::programs(&school.plan, SEARCH));
        checks.extend(letters::found(&school.plan, &around));
        checks.extend(letters::letters(&school.plan));
        if self.send_test {
            checks.extend(sent(school, &around));
        }
    }
}

/// The environment as the service gives it: secrets by name are where it takes them from.
fn variable(name: &str) -> Option<OsString> {
    env::var(name).or_else(|| (name == "CREDENTIALS_DIRECTORY").then(|| CREDENTIALS.into()))
}

/// A trial by every way.
fn sent(school: &School, around: &KeyEnv<'_>) -> Vec<Check> {
    let plan = &school.plan;
    let may_mail = |address: &str| dr_plan::may_mail(plan, address);
    let secrets = |reference: &dr_plan::SecretRef| secret(reference, around);
    let ways = Ways::new(&plan.alerts, &may_mail, &secrets, &school.runtime);
    let people = plan.report.to.iter().filter_map(|id| Some((id, plan.people.get(id)?)));
    let to: Vec<Recipient> = people
        .map(|(id, person)| Recipient { person: id.clone(), name: person.name.clone(), email: person.email.clone() })
        .collect();
    let came = try_out(&ways, &to, &plan.school.name, school.clock.at_real());
    if came.is_empty() {
        let said = "the plan has no way out, so nothing was sent";
        return vec![judge::could_not("trial", said, "Write [alerts] smtp, webhook or command.")];
    }
    let check = |(channel, result): (dr_ledger::ChannelKind, Result<(), String>)| {
        let about = format!("trial by {channel}");
        match result {
            Ok(()) => judge::ok(about, "taken; ask the people whether it arrived"),
            Err(why) => judge::fail(about, why, "Letters and alarms wait on this machine until that works."),
        }
    };
    came.into_iter().map(check).collect()
}

fn tell(context: &Context<'_>, checks: &[Check]) {
    let verdict = match judge::worst(checks) {
        Verdict::Fail => "failed",
        other => other.word(),
    };
    let rows: Vec<_> = checks
        .iter()
        .map(|check| {
            let word = check.verdict.word().to_lowercase();
            json!({ "about": check.about, "verdict": word, "said": check.said, "next": check.next })
        })
        .collect();
    context.screen.document(&json!({ "verdict": verdict, "checks": rows }));
    for check in checks {
        let line = format!("{:<9} {}: {}", check.verdict.word(), check.about, check.said);
        match check.verdict {
            Verdict::Ok => context.screen.mention(&line),
            _ => context.screen.say(&line),
        }
        if let Some(next) = &check.next {
            context.screen.say(&format!("          {next}"));
        }
    }
}
