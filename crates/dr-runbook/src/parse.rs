//! Is this text a runbook, and which? What is wrong with it is told all at once, by line.

use dr_plan::reader::{Doc, Node, Section};
use dr_plan::{BadName, Period, Problem};
use jiff::civil::Date;

use crate::name::{AssetId, ContactId, DecisionId, NotifyId, RoleId, ScenarioId, StepId};
use crate::runbook::{
    Asset, Contact, Decision, Document, Kind, Notify, PLACEHOLDERS, Phase, Role, Runbook, Scenario, Step,
};

/// The most steps. Nobody can carry out more in a day, and orders are found in time that grows with the square.
const STEPS_MAX: usize = 1000;

/// The keys of a table.
type Keys = &'static [&'static str];

const RUNBOOK: Keys =
    &["version", "document", "roles", "contacts", "assets", "steps", "decisions", "notify", "scenarios", "workarounds"];
const DOCUMENT: Keys =
    &["title", "version", "date-issued", "committee", "date-adopted", "minute-no", "review-date", "marking"];
const ROLE: Keys = &["holder", "deputies", "duties"];
const CONTACT: Keys = &["org", "purpose", "phone", "phone-ooh", "email", "hours", "contract-ref", "verified-on"];
const ASSET: Keys = &[
    "what",
    "systems",
    "location",
    "serial",
    "install",
    "licence-ref",
    "insurer",
    "cover-expires",
    "replacement-days",
];
const STEP: Keys =
    &["phase", "system", "needs", "uses", "role", "kind", "command", "decision", "notify", "expect", "text", "proof"];
const DECISION: Keys = &["asks", "decider", "options", "criteria", "if-no-answer"];
const NOTIFY: Keys = &["role", "contact", "when", "within"];
const SCENARIO: Keys = &["title", "text", "steps", "systems"];

/// Reads a runbook. `file_name` is only for messages. Names are not looked up here: [`bind`](crate::bind) does that.
///
/// # Errors
/// Everything that is wrong with it, by line. A text that is not TOML is told as such first.
pub fn parse(text: &str, file_name: &str) -> Result<Runbook, Vec<Problem>> {
    let doc = Doc::new(file_name, text, "the runbook");
    let Some(toml) = doc.toml() else {
        return Err(doc.problems());
    };
    let root = doc.root(&toml, RUNBOOK);
    if root.get("version").and_then(Node::whole).is_some_and(|version| version != 1) {
        wrong(&root, "version", "1, the only version there is");
    }
    let document = root.need("document").and_then(|node| read_document(&node.section(DOCUMENT)?));
    let roles = every(&root, "roles", ROLE, read_role);
    let contacts = every(&root, "contacts", CONTACT, read_contact);
    let assets = every(&root, "assets", ASSET, read_asset);
    let steps = every(&root, "steps", STEP, read_step);
    if steps.len() > STEPS_MAX {
        wrong(&root, "steps", format!("at most {STEPS_MAX} steps"));
    }
    let decisions = every(&root, "decisions", DECISION, read_decision);
    let notify = every(&root, "notify", NOTIFY, read_notify);
    let scenarios = every(&root, "scenarios", SCENARIO, read_scenario);
    let workarounds = named(&root, "workarounds");
    let workarounds =
        workarounds.into_iter().filter_map(|(id, node)| Some((id, (node.lines()?, node.line())))).collect();
    let file = file_name.to_owned();
    match (document, doc.problems()) {
        (Some(document), problems) if problems.is_empty() => {
            Ok(Runbook { file, document, roles, contacts, assets, steps, decisions, notify, scenarios, workarounds })
        }
        (_, problems) => Err(problems),
    }
}

/// Each table under `key` that could be read.
fn every<'d, I, T>(
    root: &Section<'d>,
    key: &'static str,
    keys: Keys,
    read: impl Fn(I, &Section<'d>) -> Option<T>,
) -> Vec<T>
where
    I: TryFrom<String, Error = BadName>,
{
    let tables = named(root, key).into_iter().filter_map(|(id, node)| Some((id, node.section(keys)?)));
    tables.filter_map(|(id, table)| read(id, &table)).collect()
}

/// What stands under `key`, by the names that people gave it, in the order of the text.
fn named<'d, I: TryFrom<String, Error = BadName>>(root: &Section<'d>, key: &'static str) -> Vec<(I, Node<'d>)> {
    let Some(table) = root.get(key).and_then(Node::names) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, node) in table.entries() {
        match I::try_from((*name).to_owned()) {
            Ok(id) => found.push((id, node.clone())),
            Err(bad) => table.wrong_key(name, format!("a name ({bad})"), None),
        }
    }
    found
}

/// Notes that the value of `key` is wrong, or that it is missing.
fn wrong(table: &Section<'_>, key: &'static str, expected: impl Into<String>) {
    match table.get(key) {
        Some(node) => node.wrong(expected, None),
        None => table.missing(&format!("`{key}`")),
    }
}

/// A text of any number of lines, if there is one.
fn lines(table: &Section<'_>, key: &'static str) -> Option<String> {
    table.get(key).and_then(Node::lines)
}

/// A text that must be there.
fn need(table: &Section<'_>, key: &'static str) -> Option<String> {
    table.need(key).and_then(Node::lines)
}

fn texts(table: &Section<'_>, key: &'static str) -> Vec<String> {
    table.get(key).map(Node::list).unwrap_or_default().iter().filter_map(Node::lines).collect()
}

fn date(table: &Section<'_>, key: &'static str) -> Option<Date> {
    table.get(key).and_then(Node::date)
}

/// A text by what it names.
fn name<I: TryFrom<String, Error = BadName>>(node: &Node<'_>) -> Option<I> {
    node.read("a name: small letters, digits and -", |text| I::try_from(text.to_owned()).ok())
}

fn ids<I: TryFrom<String, Error = BadName>>(table: &Section<'_>, key: &'static str) -> Vec<I> {
    table.get(key).map(Node::list).unwrap_or_default().iter().filter_map(name).collect()
}

fn period(node: &Node<'_>) -> Option<Period> {
    node.read("a length of time such as \"45m\", \"4h\" or \"3d\"", Period::parse)
}

fn read_document(table: &Section<'_>) -> Option<Document> {
    let title = need(table, "title");
    let version = need(table, "version");
    let date_issued = table.need("date-issued").and_then(Node::date);
    let committee = need(table, "committee");
    let date_adopted = table.need("date-adopted").and_then(Node::date);
    let minute_no = need(table, "minute-no");
    let review_date = table.need("review-date").and_then(Node::date);
    let marking = lines(table, "marking");
    Some(Document {
        title: title?,
        version: version?,
        date_issued: date_issued?,
        committee: committee?,
        date_adopted: date_adopted?,
        minute_no: minute_no?,
        review_date: review_date?,
        marking,
    })
}

fn read_role(id: RoleId, table: &Section<'_>) -> Option<Role> {
    let holder = table.need("holder").and_then(name);
    let deputies = ids(table, "deputies");
    let duties = need(table, "duties");
    Some(Role { id, holder: holder?, deputies, duties: duties?, line: table.line() })
}

fn read_contact(id: ContactId, table: &Section<'_>) -> Option<Contact> {
    let org = need(table, "org");
    let purpose = need(table, "purpose");
    let (phone, phone_ooh, email) = (lines(table, "phone"), lines(table, "phone-ooh"), lines(table, "email"));
    let (hours, contract_ref) = (lines(table, "hours"), lines(table, "contract-ref"));
    let verified_on = date(table, "verified-on");
    if phone.is_none() && phone_ooh.is_none() && email.is_none() {
        table.missing("`phone`, `phone-ooh` or `email`");
    }
    let line = table.line();
    Some(Contact { id, org: org?, purpose: purpose?, phone, phone_ooh, email, hours, contract_ref, verified_on, line })
}

fn read_asset(id: AssetId, table: &Section<'_>) -> Option<Asset> {
    let what = need(table, "what");
    Some(Asset {
        id,
        systems: ids(table, "systems"),
        location: lines(table, "location"),
        serial: lines(table, "serial"),
        install: lines(table, "install"),
        licence_ref: lines(table, "licence-ref"),
        insurer: lines(table, "insurer"),
        cover_expires: date(table, "cover-expires"),
        replacement_days: table.get("replacement-days").and_then(Node::whole),
        line: table.line(),
        what: what?,
    })
}

fn read_step(id: StepId, table: &Section<'_>) -> Option<Step> {
    let phase = table.need("phase").and_then(|node| node.word(Phase::ALL));
    let system = table.get("system").and_then(name);
    let (needs, uses) = (ids(table, "needs"), ids(table, "uses"));
    let role = table.need("role").and_then(name);
    let kind = read_kind(table);
    let expect = table.need("expect").and_then(period);
    let text = need(table, "text");
    let proof = lines(table, "proof");
    let line = table.line();
    Some(Step {
        id,
        phase: phase?,
        system,
        needs,
        uses,
        role: role?,
        kind: kind?,
        expect: expect?,
        text: text?,
        proof,
        line,
    })
}

/// The kind, and what belongs to it: a command, a decision or somebody to tell. What belongs to another kind is wrong.
fn read_kind(table: &Section<'_>) -> Option<Kind> {
    let words: Vec<_> = Kind::WORDS.iter().map(|word| (*word, *word)).collect();
    let word = table.need("kind").and_then(|node| node.word(&words));
    let (command, decision, notify) = (
        texts(table, "command"),
        table.get("decision").and_then(name::<DecisionId>),
        table.get("notify").and_then(name::<NotifyId>),
    );
    for (key, there, kind) in [
        ("command", !command.is_empty(), "auto"),
        ("decision", decision.is_some(), "decision"),
        ("notify", notify.is_some(), "notify"),
    ] {
        if there && word.is_some_and(|word| word != kind) {
            wrong(table, key, format!("no `{key}` in a step that is not of kind \"{kind}\""));
        }
    }
    match word? {
        "auto" if command.is_empty() => {
            table.missing("`command`");
            None
        }
        "auto" => {
            if command.iter().any(|argument| has_unknown_placeholder(argument)) {
                wrong(table, "command", format!("in curly brackets only {}", PLACEHOLDERS.join(" and ")));
            }
            Some(Kind::Auto { command })
        }
        "decision" => table.need("decision").and(decision).map(Kind::Decision),
        "notify" => table.need("notify").and(notify).map(Kind::Notify),
        "wait" => Some(Kind::Wait),
        _ => Some(Kind::Manual),
    }
}

fn has_unknown_placeholder(argument: &str) -> bool {
    let rest = PLACEHOLDERS.iter().fold(argument.to_owned(), |rest, known| rest.replace(known, ""));
    rest.contains(['{', '}'])
}

fn read_decision(id: DecisionId, table: &Section<'_>) -> Option<Decision> {
    let asks = need(table, "asks");
    let decider = table.need("decider").and_then(name);
    let options = texts(table, "options");
    let criteria = lines(table, "criteria");
    let if_no_answer = lines(table, "if-no-answer");
    if options.len() < 2 {
        wrong(table, "options", "at least two answers to choose from");
    }
    if if_no_answer.as_ref().is_some_and(|answer| !options.contains(answer)) {
        wrong(table, "if-no-answer", format!("one of the options: {}", options.join(", ")));
    }
    Some(Decision { id, asks: asks?, decider: decider?, options, criteria, if_no_answer, line: table.line() })
}

fn read_notify(id: NotifyId, table: &Section<'_>) -> Option<Notify> {
    let role = table.need("role").and_then(name);
    let contact = table.need("contact").and_then(name);
    let when = need(table, "when");
    let within = table.need("within").and_then(period);
    Some(Notify { id, role: role?, contact: contact?, when: when?, within: within?, line: table.line() })
}

fn read_scenario(id: ScenarioId, table: &Section<'_>) -> Option<Scenario> {
    let title = need(table, "title");
    let text = need(table, "text");
    let (steps, systems) = (ids(table, "steps"), ids(table, "systems"));
    if steps.is_empty() {
        table.missing("`steps`");
    }
    Some(Scenario { id, title: title?, text: text?, steps, systems, line: table.line() })
}
