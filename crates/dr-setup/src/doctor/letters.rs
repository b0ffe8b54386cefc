//! Would a letter or an alarm reach anybody, and are the secrets there that this takes? No secret is ever shown.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use dr_plan::{Plan, SecretRef, may_mail};
use dr_run::{KeyEnv, secret};

use super::judge::{self, Check, fail, ok, warn};
use crate::service::wanted::{CREDENTIALS, secrets};

/// Who gets letters, and how.
pub fn letters(plan: &Plan) -> Vec<Check> {
    let mut checks = vec![recipients(plan)];
    checks.push(match (&plan.alerts.smtp, &plan.alerts.webhook, &plan.alerts.command) {
        (None, None, None) => warn(
            "mail",
            "the plan has no way for letters and alarms to leave",
            "Write [alerts] smtp. Until then they are only written: `dr report weekly --out FOLDER`.",
        ),
        (None, ..) => ok("mail", "none, but another way is in the plan"),
        (Some(smtp), ..) => match smtp.password.is_none() && smtp.user.is_some() {
            true => warn("mail", "an account without a password", "Name the password's place: smtp.password."),
            false => ok("mail", "in the plan; `dr doctor --send-test` tries it out"),
        },
    });
    checks.push(match &plan.alerts.ping {
        None => warn(
            "ping",
            "none: nobody notices when this machine falls silent",
            "Write [alerts] ping, the secret address of a service that expects to be called.",
        ),
        Some(_) => ok("ping", "in the plan"),
    });
    checks
}

fn recipients(plan: &Plan) -> Check {
    let people: Vec<_> = plan.report.to.iter().filter_map(|id| plan.people.get(id)).collect();
    let allowed = |address: &String| may_mail(plan, address);
    let reached = people.iter().filter(|person| person.email.as_ref().is_some_and(allowed)).count();
    let said = format!("{reached} of {} who get the weekly letter can be written to", people.len());
    match reached {
        0 => fail(
            "recipients",
            said,
            "Write people with mail addresses in report.to; alerts.domains says which domains are allowed.",
        ),
        _ if reached < people.len() => {
            warn("recipients", said, "Write the missing addresses, or allow their domains: alerts.domains.")
        }
        _ => ok("recipients", said),
    }
}

/// Each secret that the plan names is there.
pub fn found(plan: &Plan, around: &KeyEnv<'_>) -> Vec<Check> {
    let mut named: Vec<&SecretRef> = Vec::new();
    for reference in secrets(plan) {
        if !named.contains(&reference) {
            named.push(reference);
        }
    }
    named.into_iter().map(|reference| one(reference, around)).collect()
}

fn one(reference: &SecretRef, around: &KeyEnv<'_>) -> Check {
    let (about, file) = match reference {
        SecretRef::Credential(name) => (format!("secret credential:{name}"), Some(Path::new(CREDENTIALS).join(name))),
        SecretRef::File(path) => ("secret file".to_owned(), Some(path.clone())),
        SecretRef::Env(name) => (format!("secret env:{name}"), None),
        // An argument may be a secret itself.
        SecretRef::Command(_) => ("secret of a program".to_owned(), None),
    };
    match secret(reference, around) {
        Err(why) => {
            fail(about, why, "Put it there, with mode 0600; what needs it fails until then, and the copies go on.")
        }
        Ok(text) if text.trim().is_empty() => fail(about, "it is there and empty", "Write the secret there."),
        Ok(_) => match file.and_then(|file| fs::metadata(file).ok()) {
            Some(file) => judge::closed(&about, file.mode()),
            None => ok(about, "found"),
        },
    }
}
