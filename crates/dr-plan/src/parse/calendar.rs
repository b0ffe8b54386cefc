//! Is this text a calendar, and which? Terms, closures, bank holidays and INSET days.

use std::path::Path;

use super::keys;
use super::rest::stretch;
use super::values::from_until;
use crate::calendar::{Calendar, Stretch, in_order};
use crate::problem::Problem;
use crate::reader::{Doc, Node};

/// Reads a calendar: iCalendar if `file_name` ends in `.ics`, else TOML. The name is for messages otherwise.
///
/// # Errors
/// Everything that is wrong with it, by line.
pub fn parse_calendar(text: &str, file_name: &str) -> Result<Calendar, Vec<Problem>> {
    if Path::new(file_name).extension().is_some_and(|end| end.eq_ignore_ascii_case("ics")) {
        return super::ics::parse_ics(text, file_name);
    }
    let doc = Doc::new(file_name, text, "the calendar");
    let Some(table) = doc.toml() else {
        return Err(doc.problems());
    };
    let root = doc.root(&table, keys::CALENDAR);
    let mut calendar = Calendar::default();
    for node in root.need("terms").map(Node::list).unwrap_or_default() {
        if let Some((term, half_term)) = term(&node) {
            calendar.terms.push(term);
            calendar.closures.extend(half_term);
        }
    }
    calendar.terms.sort_by_key(|term| term.from);
    let days = |key| root.get(key).map(Node::list).unwrap_or_default();
    calendar.closures.extend(days("closures").iter().chain(&days("bank-holidays")).filter_map(named_days));
    calendar.inset.extend(days("inset").iter().filter_map(named_days));
    calendar.covers_until = root.get("covers-until").and_then(Node::date);
    if let Some((first, second)) = in_order(&calendar.terms)
        && let Some(node) = root.get("terms")
    {
        node.wrong_unshown(format!("terms that do not overlap, as \"{first}\" and \"{second}\" do"));
    }
    let problems = doc.problems();
    if problems.is_empty() { Ok(calendar) } else { Err(problems) }
}

fn term(node: &Node<'_>) -> Option<(Stretch, Option<Stretch>)> {
    let table = node.section(keys::TERM)?;
    let name = table.need("name").and_then(Node::text);
    let days = from_until(&table);
    let half_term = table.get("half-term").and_then(|node| from_until(&node.section(&["from", "until"])?));
    let (name, (from, until)) = (name?, days?);
    let half_term = half_term.map(|(from, until)| Stretch { name: format!("{name}, half-term"), from, until });
    Some((Stretch { name, from, until }, half_term))
}

fn named_days(node: &Node<'_>) -> Option<Stretch> {
    let table = node.section(keys::STRETCH)?;
    let name = table.need("name").and_then(Node::text);
    let (from, until) = stretch(&table)?;
    Some(Stretch { name: name?, from, until })
}
