//! Who is named in the plan? Tables by id, or the short form: a role and a name.

use std::collections::BTreeMap;

use super::keys;
use super::values::{from_until, name};
use crate::PersonId;
use crate::plan::{Absence, Person, Place, PlaceClass, Role};
use crate::reader::{Node, Section};

/// The people, and those of the short form's `disks` in the order of asking.
#[derive(Default)]
pub(super) struct People {
    pub(super) all: BTreeMap<PersonId, Person>,
    pub(super) carriers: Vec<PersonId>,
}

pub(super) fn people(node: &Node<'_>) -> People {
    let mut people = People::default();
    let Some(table) = node.names() else {
        return people;
    };
    for (key, node) in table.entries() {
        if node.is_table() {
            let Ok(id) = PersonId::new(*key) else {
                table.wrong_key(key, super::values::NAME, None);
                continue;
            };
            if let Some(person) = person(node) {
                people.all.insert(id, person);
            }
        } else {
            short(&table, key, node, &mut people);
        }
    }
    if people.carriers.is_empty() {
        people.carriers = people
            .all
            .iter()
            .filter(|(_, person)| person.roles.contains(&Role::Custodian))
            .map(|(id, _)| id.clone())
            .collect();
    }
    people
}

fn person(node: &Node<'_>) -> Option<Person> {
    let table = node.section(keys::PERSON)?;
    let text = |key| table.get(key).and_then(Node::text);
    let name_text = table.need("name").and_then(Node::text);
    let roles = table.get("roles").map(|node| node.list().iter().filter_map(|node| node.word(Role::ALL)).collect());
    let absences = table.get("absences").map(|node| {
        let absence =
            |node: &Node<'_>| from_until(&node.section(keys::ABSENCE)?).map(|(from, until)| Absence { from, until });
        node.list().iter().filter_map(absence).collect()
    });
    let email = table.get("email").and_then(|node| node.read("an address such as \"head@school.example\"", email));
    let starts = table.get("starts").and_then(Node::date);
    let leaves = table.get("leaves").and_then(Node::date);
    if let (Some(starts), Some(leaves), Some(node)) = (starts, leaves, table.get("leaves"))
        && leaves < starts
    {
        node.wrong(format!("a day that is not before {starts}, when they start"), None);
    }
    Some(Person {
        name: name_text?,
        email,
        phone: text("phone"),
        phone_ooh: text("phone-ooh"),
        login: text("login"),
        roles: roles.unwrap_or_default(),
        starts,
        leaves,
        absences: absences.unwrap_or_default(),
        deputy: table.get("deputy").and_then(name),
    })
}

fn email(text: &str) -> Option<String> {
    let (who, domain) = text.split_once('@')?;
    let plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "<>@,;".contains(c))
    };
    (plain(who) && plain(domain)).then(|| text.to_owned())
}

/// The words of the short form that are no role of their own.
const SHORT: [(&str, Role); 2] = [("it", Role::ItLead), ("disks", Role::Custodian)];

/// `head = "A. Ash <head@school.example>"`, or a list of them.
fn short(table: &Section<'_>, key: &str, node: &Node<'_>, people: &mut People) {
    let words: Vec<(&'static str, Role)> = SHORT.into_iter().chain(Role::ALL.iter().copied()).collect();
    let Some((_, role)) = words.iter().find(|(word, _)| *word == key).copied() else {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let near = crate::problem::nearest(key, all.iter().copied());
        table.wrong_key(key, format!("a role ({}), or a table for one person", all.join(", ")), near);
        return;
    };
    let nodes = if node.is_list() { node.list() } else { vec![node.clone()] };
    for node in nodes {
        let Some((name, email)) = node.read("a person such as \"A. Ash <head@school.example>\"", named) else {
            continue;
        };
        let id = id_for(&name, &people.all);
        let person = people.all.entry(id.clone()).or_insert_with(|| Person {
            name,
            email: None,
            phone: None,
            phone_ooh: None,
            login: None,
            roles: Vec::new(),
            starts: None,
            leaves: None,
            absences: Vec::new(),
            deputy: None,
        });
        person.email = person.email.take().or(email);
        if !person.roles.contains(&role) {
            person.roles.push(role);
        }
        if role == Role::Custodian && !people.carriers.contains(&id) {
            people.carriers.push(id);
        }
    }
}

/// `A. Ash <head@school.example>`, or the name alone.
fn named(text: &str) -> Option<(String, Option<String>)> {
    let (name, address) = match text.split_once('<') {
        Some((name, rest)) => (name.trim(), Some(email(rest.trim().strip_suffix('>')?)?)),
        None => (text.trim(), None),
    };
    (!name.is_empty() && !name.contains(['@', '>']) && !name.chars().any(char::is_control))
        .then(|| (name.to_owned(), address))
}

/// An id from the last word of a name: the id of the same name if it is there already, and
/// numbered where another has taken it.
fn id_for(name: &str, taken: &BTreeMap<PersonId, Person>) -> PersonId {
    let last = name.split_whitespace().next_back().unwrap_or("");
    let mut stem: String = last.to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    if stem.is_empty() {
        "person".clone_into(&mut stem);
    }
    let mut numbered = std::iter::once(stem.clone())
        .chain((2u32..).map(|n| format!("{stem}-{n}")))
        .filter_map(|id| PersonId::new(id).ok());
    loop {
        // The names never run out; the loop only satisfies the types.
        if let Some(id) = numbered.next()
            && taken.get(&id).is_none_or(|person| person.name == name)
        {
            return id;
        }
    }
}

pub(super) fn place(id: &str, node: &Node<'_>) -> Option<Place> {
    let table = node.section(keys::PLACE)?;
    let class = table
        .need("class")
        .and_then(|node| node.word(&[("onsite", PlaceClass::Onsite), ("offsite", PlaceClass::Offsite)]));
    Some(Place {
        name: table.get("name").and_then(Node::text).unwrap_or_else(|| id.to_owned()),
        class: class?,
        keyholders: table.get("keyholders").map(super::values::names).unwrap_or_default(),
    })
}
