//! The small tables of a plan: school, keys, report, alerts, checks, rehearsals, runbook, exceptions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::systems::hook;
use super::values::{address, from_until, name, names, path, period, secret};
use super::{defaults, keys};
use crate::PersonId;
use crate::days::Hours;
use crate::plan::{
    Alerts, Cadence, Checks, Document, Exception, KeyMode, Keys, Level, Person, Rehearsals, Report, Role, School, Smtp,
    SmtpAuth,
};
use crate::problem::nearest;
use crate::reader::Node;
use crate::schedule::{Schedule, weekly_moment};

pub(super) fn school(node: &Node<'_>) -> Option<School> {
    if node.is_text() {
        return Some(School {
            name: node.text()?,
            timezone: zone_of(defaults::TIMEZONE)?,
            calendar: None,
            hours: defaults::hours(),
            sample: false,
        });
    }
    let table = node.section(keys::SCHOOL)?;
    let name = table.need("name").and_then(Node::text);
    let timezone = match table.get("timezone") {
        Some(node) => zone(node),
        None => zone_of(defaults::TIMEZONE),
    };
    let calendar = table.get("calendar").and_then(path);
    let hours =
        table.get("hours").map(|node| node.read("days and hours such as \"Mon-Fri 08:00-16:00\"", Hours::parse));
    let hours = hours.flatten().unwrap_or_else(defaults::hours);
    let sample = table.get("sample").and_then(Node::flag).unwrap_or(false);
    Some(School { name: name?, timezone: timezone?, calendar, hours, sample })
}

/// The zone of this name in the tables that are built in: the same plan means the same times on
/// every host.
fn zone_of(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

fn zone(node: &Node<'_>) -> Option<TimeZone> {
    let text = node.text()?;
    // Only the exact name is taken, so that it reads back as it was written.
    let zone = zone_of(&text).filter(|zone| zone.iana_name() == Some(text.as_str()));
    if zone.is_none() {
        let all: Vec<String> = TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
        node.wrong("the name of a time zone such as \"Europe/London\"", nearest(&text, all.iter().map(String::as_str)));
    }
    zone
}

pub(super) fn keys(node: Option<&Node<'_>>) -> Keys {
    let table = node.and_then(|node| node.section(keys::KEYS));
    let get = |key| table.as_ref().and_then(|table| table.get(key));
    Keys {
        mode: get("mode")
            .and_then(|node| node.word(&[("write-only", KeyMode::WriteOnly), ("full", KeyMode::Full)]))
            .unwrap_or(KeyMode::WriteOnly),
        unlock: get("unlock").and_then(secret),
    }
}

pub(super) fn report(node: Option<&Node<'_>>, people: &BTreeMap<PersonId, Person>) -> Report {
    let table = node.and_then(|node| node.section(keys::REPORT));
    let get = |key| table.as_ref().and_then(|table| table.get(key));
    let weekly: Option<Schedule> =
        get("weekly").and_then(|node| node.read("a day and a time such as \"Fri 07:30\"", weekly_moment));
    let by_role = || with_roles(people, &[Role::Head, Role::ItLead, Role::ItProvider]);
    Report { weekly: weekly.unwrap_or_else(defaults::letter), to: get("to").map(names).unwrap_or_else(by_role) }
}

pub(super) fn alerts(node: Option<&Node<'_>>, people: &BTreeMap<PersonId, Person>) -> Alerts {
    let told = [Role::ItLead, Role::ItProvider, Role::DigitalLead, Role::Head];
    let Some(table) = node.and_then(|node| node.section(keys::ALERTS)) else {
        return Alerts { to: with_roles(people, &told), ..Alerts::default() };
    };
    let smtp = table.get("smtp").and_then(|node| {
        let table = node.section(keys::SMTP)?;
        let url = table.need("url").and_then(|node| if node.is_text() { address(node) } else { node.text() });
        let (user, from) = (table.get("user").and_then(Node::text), table.get("from").and_then(Node::text));
        let password = table.get("password").and_then(secret);
        let auth = table.get("auth").and_then(|node| node.word(SmtpAuth::ALL)).unwrap_or(SmtpAuth::Password);
        let ca = table.get("ca").and_then(path);
        Some(Smtp { url: url?, user, password, auth, from, ca })
    });
    Alerts {
        to: table.get("to").map(names).unwrap_or_else(|| with_roles(people, &told)),
        domains: table.get("domains").map(Node::texts).unwrap_or_default(),
        smtp,
        webhook: table.get("webhook").and_then(secret),
        command: table.get("command").and_then(hook),
        ping: table.get("ping").and_then(secret),
    }
}

pub(super) fn document(node: &Node<'_>) -> Document {
    let Some(table) = node.section(keys::DOCUMENT) else { return Document::default() };
    let (text, date) = (|key| table.get(key).and_then(Node::text), |key| table.get(key).and_then(Node::date));
    Document {
        version: text("version"),
        issued: date("issued"),
        committee: text("committee"),
        adopted: date("adopted"),
        minute: text("minute"),
        review: date("review"),
    }
}

/// Everybody with one of these roles, in the order of the roles.
fn with_roles(people: &BTreeMap<PersonId, Person>, roles: &[Role]) -> Vec<PersonId> {
    let mut found: Vec<PersonId> = Vec::new();
    for role in roles {
        for (id, _) in people.iter().filter(|(_, person)| person.roles.contains(role)) {
            if !found.contains(id) {
                found.push(id.clone());
            }
        }
    }
    found
}

pub(super) fn checks(node: Option<&Node<'_>>) -> Checks {
    let table = node.and_then(|node| node.section(keys::CHECKS));
    let nightly = table.and_then(|table| table.get("nightly").and_then(period));
    nightly.map_or(defaults::CHECKS, |nightly| Checks { nightly })
}

pub(super) fn rehearsals(node: Option<&Node<'_>>) -> Rehearsals {
    let Some(table) = node.and_then(|node| node.section(keys::REHEARSALS)) else {
        return defaults::REHEARSALS;
    };
    let cadence = |key, default| table.get(key).and_then(|node| node.word(Cadence::ALL)).unwrap_or(default);
    Rehearsals {
        sample: cadence("sample", defaults::REHEARSALS.sample),
        full: cadence("full", defaults::REHEARSALS.full),
        level: table.get("level").and_then(|node| node.word(Level::ALL)).unwrap_or(defaults::REHEARSALS.level),
    }
}

pub(super) fn runbook(node: Option<&Node<'_>>) -> Option<PathBuf> {
    node?.section(keys::RUNBOOK)?.need("file").and_then(path)
}

pub(super) fn exceptions(node: &Node<'_>) -> Vec<Exception> {
    node.list().iter().filter_map(exception).collect()
}

fn exception(node: &Node<'_>) -> Option<Exception> {
    let table = node.section(keys::EXCEPTION)?;
    let system = table.need("system").and_then(name);
    let rule = table.need("rule").and_then(Node::text);
    let reason = table.need("reason").and_then(Node::text);
    let approver = table.need("approver").and_then(name);
    let until = table.need("until").and_then(Node::date);
    Some(Exception { system: system?, rule: rule?, reason: reason?, approver: approver?, until: until? })
}

/// A stretch of days with a name: from and until, or one date.
pub(super) fn stretch(table: &crate::reader::Section<'_>) -> Option<(jiff::civil::Date, jiff::civil::Date)> {
    match table.get("date") {
        Some(node) => node.date().map(|date| (date, date)),
        None => from_until(table),
    }
}
