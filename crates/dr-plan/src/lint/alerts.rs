//! Will anybody be told, and only those who should be? Ways out, addresses, and the mail server.

use super::Found;
use crate::mail::{allowed_domains, domain_of, is_public};
use crate::plan::SmtpAuth;
use crate::target::scheme_of;

pub(super) fn look(found: &mut Found<'_>) {
    ways(found);
    addresses(found);
    smtp(found);
}

fn ways(found: &mut Found<'_>) {
    let alerts = &found.plan.alerts;
    let no_way = alerts.smtp.is_none() && alerts.webhook.is_none() && alerts.command.is_none();
    // A plan that says nothing at all about alerts is asked by `dr doctor`.
    if no_way && (alerts.ping.is_some() || !alerts.domains.is_empty()) {
        let reason = "no letter and no alert can leave this host: alerts names no smtp, webhook or command";
        found.warning("alerts", None, reason.to_owned());
    }
    if alerts.to.is_empty() && !no_way {
        found.warning(
            "alerts",
            None,
            "nobody is told at once when something fails: name people in alerts.to".to_owned(),
        );
    }
    if alerts.smtp.is_some() {
        let plan = found.plan;
        for person in plan.alerts.to.iter().filter_map(|id| plan.people.get(id)).filter(|who| who.email.is_none()) {
            let reason = format!("{} is to be told at once but has no email address in the plan", person.name);
            found.warning("alerts", None, reason);
        }
    }
}

fn addresses(found: &mut Found<'_>) {
    let plan = found.plan;
    let allowed = allowed_domains(plan);
    for person in plan.people.values() {
        let Some(email) = &person.email else { continue };
        let Some(domain) = domain_of(email) else {
            found.error("mail", None, format!("the email of {} is not one plain address", person.name));
            continue;
        };
        if allowed.contains(&domain) {
            continue;
        }
        let reason = if is_public(&domain) {
            format!(
                "{} has an address at {domain}, where anybody has one: use the school's, or list {domain} in alerts.domains",
                person.name
            )
        } else {
            format!(
                "{} has an address at {domain}, which alerts.domains does not list: no mail goes there",
                person.name
            )
        };
        found.error("mail", None, reason);
    }
}

fn smtp(found: &mut Found<'_>) {
    let Some(smtp) = &found.plan.alerts.smtp else { return };
    if !matches!(scheme_of(&smtp.url), "smtps" | "smtp") {
        let reason =
            "alerts.smtp.url is not the address of a mail server: write smtps://HOST (or smtp://HOST, with STARTTLS)";
        found.error("smtp", None, reason.to_owned());
    }
    match &smtp.from {
        None => {
            found.error("smtp", None, "alerts.smtp names no sender: write `from`, an address of the school".to_owned())
        }
        Some(from) if domain_of(from).is_none() => {
            found.error("smtp", None, "alerts.smtp.from is not one plain address".to_owned());
        }
        Some(_) => {}
    }
    if smtp.password.is_some() && smtp.user.is_none() {
        found.error("smtp", None, "alerts.smtp names a password but no `user` whose it is".to_owned());
    }
    if smtp.auth == SmtpAuth::Xoauth2 && smtp.password.is_none() {
        let reason = "alerts.smtp says auth = \"xoauth2\" but not where its token is found: write `password`";
        found.error("smtp", None, reason.to_owned());
    }
}
