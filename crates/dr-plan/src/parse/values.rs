//! The values that stand in many places of a plan: names, lengths of time, schedules, secrets.

use std::path::PathBuf;

use crate::BadName;
use crate::period::Period;
use crate::problem::nearest;
use crate::reader::{Node, Section};
use crate::retention::Retention;
use crate::schedule::Schedule;
use crate::secret::SecretRef;
use crate::target::Bandwidth;

use super::keys;

/// What a name is.
pub(super) const NAME: &str = "a name: 1 to 48 of a-z, 0-9 and -, beginning with a letter or digit";

pub(super) fn name<I: TryFrom<String, Error = BadName>>(node: &Node<'_>) -> Option<I> {
    node.read(NAME, |text| I::try_from(text.to_owned()).ok())
}

pub(super) fn names<I: TryFrom<String, Error = BadName>>(node: &Node<'_>) -> Vec<I> {
    node.list().iter().filter_map(name).collect()
}

pub(super) fn path(node: &Node<'_>) -> Option<PathBuf> {
    node.text().map(PathBuf::from)
}

pub(super) fn period(node: &Node<'_>) -> Option<Period> {
    node.read("a length of time such as \"45s\", \"2m\", \"26h\", \"3d\", \"2w\", \"6mo\" or \"3y\"", Period::parse)
}

pub(super) fn schedule(node: &Node<'_>) -> Option<Schedule> {
    let Some(text) = node.raw() else {
        node.wrong(crate::schedule::EXPECTED, None);
        return None;
    };
    let first = text.split_whitespace().next().unwrap_or("");
    Schedule::parse(text)
        .map_err(|expected| {
            let near = nearest(first, ["daily", "weekly", "monthly", "every", "cron"]).filter(|near| near != first);
            node.wrong(expected, near.map(|near| text.replacen(first, &near, 1)));
        })
        .ok()
}

/// `credential:NAME`, `file:PATH`, `env:NAME` or `command:PROGRAM …`. What stands there instead
/// is not shown: it may be the secret itself.
pub(super) fn secret(node: &Node<'_>) -> Option<SecretRef> {
    let found = node.raw().and_then(|text| {
        let (kind, rest) = text.split_once(':')?;
        let rest = rest.trim();
        let word = !rest.is_empty() && !rest.contains(char::is_whitespace);
        match kind {
            "credential" if word => Some(SecretRef::Credential(rest.to_owned())),
            "env" if word => Some(SecretRef::Env(rest.to_owned())),
            "file" if !rest.is_empty() => Some(SecretRef::File(PathBuf::from(rest))),
            "command" if !rest.is_empty() => {
                Some(SecretRef::Command(rest.split_whitespace().map(str::to_owned).collect()))
            }
            _ => None,
        }
    });
    if found.is_none() {
        node.wrong_unshown("where the secret is found: \"credential:NAME\", \"file:PATH\", \"env:NAME\" or \"command:PROGRAM\"; the secret itself never stands in a plan");
    }
    found
}

/// An address that carries no password.
pub(super) fn address(node: &Node<'_>) -> Option<String> {
    let text = node.raw()?;
    if has_password(text) {
        node.wrong_unshown("an address without a password; the password's place is named with `password`, or found by the store's own variables");
        return None;
    }
    node.text()
}

/// Whether an address has the form `scheme://user:password@host`.
pub(super) fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

pub(super) fn bandwidth(node: &Node<'_>) -> Option<Bandwidth> {
    node.read("a speed such as \"10 MB/s\", or \"half-in-hours\" or \"unlimited\"", bandwidth_parse)
}

/// The units of a speed, largest first.
pub(crate) const SPEEDS: [(&str, u64); 7] = [
    ("GB/s", 1_000_000_000),
    ("MB/s", 1_000_000),
    ("kB/s", 1_000),
    ("GiB/s", 1 << 30),
    ("MiB/s", 1 << 20),
    ("KiB/s", 1 << 10),
    ("B/s", 1),
];

fn bandwidth_parse(text: &str) -> Option<Bandwidth> {
    match text {
        "half-in-hours" => return Some(Bandwidth::HalfInHours),
        "unlimited" => return Some(Bandwidth::Unlimited),
        _ => {}
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let (_, bytes) = SPEEDS.into_iter().find(|(name, _)| *name == unit.trim_start())?;
    let speed = count.parse::<u64>().ok()?.checked_mul(bytes)?;
    (speed > 0).then_some(Bandwidth::BytesPerSecond(speed))
}

pub(super) fn retention(node: &Node<'_>) -> Option<Retention> {
    let table = node.section(keys::RETENTION)?;
    if table.entries().is_empty() {
        node.wrong("at least one of last, hourly, daily, weekly, monthly, yearly, within, max-age", None);
    }
    let count = |key| table.get(key).and_then(|node| node.count(1..=10_000)).unwrap_or(0);
    Some(Retention {
        last: count("last"),
        hourly: count("hourly"),
        daily: count("daily"),
        weekly: count("weekly"),
        monthly: count("monthly"),
        yearly: count("yearly"),
        within: table.get("within").and_then(period),
        max_age: table.get("max-age").and_then(period),
    })
}

/// The two dates of a stretch of days, the second not before the first.
pub(super) fn from_until(table: &Section<'_>) -> Option<(jiff::civil::Date, jiff::civil::Date)> {
    let from = table.need("from").and_then(Node::date);
    let until = table.need("until").and_then(Node::date);
    let (from, until) = (from?, until?);
    if until < from {
        if let Some(node) = table.get("until") {
            node.wrong(format!("a day that is not before {from}"), None);
        }
        return None;
    }
    Some((from, until))
}
