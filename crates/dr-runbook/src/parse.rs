//! Is this text a runbook, and which? What is wrong with it is told all at once, by line.

use dr_plan::{BadName, Problem};

use crate::name::{AssetId, ContactId, DecisionId, NotifyId, RoleId, ScenarioId, StepId};
use crate::reader::{Table, Text};
use crate::runbook::{
    Asset, Contact, Decision, Document, Kind, Notify, PLACEHOLDERS, Phase, Role, Runbook, Scenario, Step,
};

/// The most steps. Nobody can carry out more in a day, and orders are found in time that grows with the square.
const STEPS_MAX: usize = 1000;

/// Reads a runbook. `file_name` is only for messages. Names are not looked up here: [`bind`](crate::bind) does that.
///
/// # Errors
/// Everything that is wrong with it, by line. A text that is not TOML is told as such first.
pub fn parse(text: &str, file_name: &str) -> Result<Runbook, Vec<Problem>> {
    let text = Text::new(file_name, text);
    let Some(toml) = text.toml() else {
        return Err(text.problems());
    };
    let root = text.root(&toml);
    if root.count("version").is_some_and(|version| version != 1) {
        root.wrong("version", "1, the only version there is");
    }
    let document = root.need("document", root.table("document")).and_then(read_document);
    let roles = every(&root, "roles", read_role);
    let contacts = every(&root, "contacts", read_contact);
    let assets = every(&root, "assets", read_asset);
    let steps = every(&root, "steps", read_step);
    if steps.len() > STEPS_MAX {
        root.wrong("steps", format!("at most {STEPS_MAX} steps"));
    }
    let decisions = every(&root, "decisions", read_decision);
    let notify = every(&root, "notify", read_notify);
    let scenarios = every(&root, "scenarios", read_scenario);
    let workarounds = root.named_texts("workarounds").into_iter().map(|(id, text, line)| (id, (text, line))).collect();
    root.close();
    let file = file_name.to_owned();
    match (document, text.problems()) {
        (Some(document), problems) if problems.is_empty() => {
            Ok(Runbook { file, document, roles, contacts, assets, steps, decisions, notify, scenarios, workarounds })
        }
        (_, problems) => Err(problems),
    }
}

/// Each table under `key` that could be read; the keys of all of them are checked.
fn every<'d, I, T>(root: &Table<'d>, key: &'static str, read: impl Fn(I, &Table<'d>) -> Option<T>) -> Vec<T>
where
    I: TryFrom<String, Error = BadName>,
{
    let mut found = Vec::new();
    for (id, table) in root.tables(key) {
        found.extend(read(id, &table));
        table.close();
    }
    found
}

fn read_document(table: Table<'_>) -> Option<Document> {
    let title = table.need("title", table.text("title"));
    let version = table.need("version", table.text("version"));
    let date_issued = table.need("date-issued", table.date("date-issued"));
    let committee = table.need("committee", table.text("committee"));
    let date_adopted = table.need("date-adopted", table.date("date-adopted"));
    let minute_no = table.need("minute-no", table.text("minute-no"));
    let review_date = table.need("review-date", table.date("review-date"));
    let marking = table.text("marking");
    table.close();
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

fn read_role(id: RoleId, table: &Table<'_>) -> Option<Role> {
    let holder = table.need("holder", table.id("holder"));
    let deputies = table.ids("deputies");
    let duties = table.need("duties", table.text("duties"));
    Some(Role { id, holder: holder?, deputies, duties: duties?, line: table.line() })
}

fn read_contact(id: ContactId, table: &Table<'_>) -> Option<Contact> {
    let org = table.need("org", table.text("org"));
    let purpose = table.need("purpose", table.text("purpose"));
    let (phone, phone_ooh, email) = (table.text("phone"), table.text("phone-ooh"), table.text("email"));
    let (hours, contract_ref) = (table.text("hours"), table.text("contract-ref"));
    let verified_on = table.date("verified-on");
    if phone.is_none() && phone_ooh.is_none() && email.is_none() {
        table.missing("phone, phone-ooh or email");
    }
    let line = table.line();
    Some(Contact { id, org: org?, purpose: purpose?, phone, phone_ooh, email, hours, contract_ref, verified_on, line })
}

fn read_asset(id: AssetId, table: &Table<'_>) -> Option<Asset> {
    let what = table.need("what", table.text("what"));
    Some(Asset {
        id,
        systems: table.ids("systems"),
        location: table.text("location"),
        serial: table.text("serial"),
        install: table.text("install"),
        licence_ref: table.text("licence-ref"),
        insurer: table.text("insurer"),
        cover_expires: table.date("cover-expires"),
        replacement_days: table.count("replacement-days"),
        line: table.line(),
        what: what?,
    })
}

fn read_step(id: StepId, table: &Table<'_>) -> Option<Step> {
    let phase = table.need("phase", table.word("phase", Phase::ALL));
    let system = table.id("system");
    let (needs, uses) = (table.ids("needs"), table.ids("uses"));
    let role = table.need("role", table.id("role"));
    let kind = read_kind(table);
    let expect = table.need("expect", table.period("expect"));
    let text = table.need("text", table.text("text"));
    let proof = table.text("proof");
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
fn read_kind(table: &Table<'_>) -> Option<Kind> {
    let words: Vec<_> = Kind::WORDS.iter().map(|word| (*word, *word)).collect();
    let word = table.need("kind", table.word("kind", &words));
    let (command, decision, notify) =
        (table.texts("command"), table.id::<DecisionId>("decision"), table.id::<NotifyId>("notify"));
    for (key, there, kind) in [
        ("command", !command.is_empty(), "auto"),
        ("decision", decision.is_some(), "decision"),
        ("notify", notify.is_some(), "notify"),
    ] {
        if there && word.is_some_and(|word| word != kind) {
            table.wrong(key, format!("no `{key}` in a step that is not of kind \"{kind}\""));
        }
    }
    match word? {
        "auto" if command.is_empty() => {
            table.missing("command");
            None
        }
        "auto" => {
            if command.iter().any(|argument| has_unknown_placeholder(argument)) {
                table.wrong("command", format!("in curly brackets only {}", PLACEHOLDERS.join(" and ")));
            }
            Some(Kind::Auto { command })
        }
        "decision" => table.need("decision", decision).map(Kind::Decision),
        "notify" => table.need("notify", notify).map(Kind::Notify),
        "wait" => Some(Kind::Wait),
        _ => Some(Kind::Manual),
    }
}

fn has_unknown_placeholder(argument: &str) -> bool {
    let rest = PLACEHOLDERS.iter().fold(argument.to_owned(), |rest, known| rest.replace(known, ""));
    rest.contains(['{', '}'])
}

fn read_decision(id: DecisionId, table: &Table<'_>) -> Option<Decision> {
    let asks = table.need("asks", table.text("asks"));
    let decider = table.need("decider", table.id("decider"));
    let options = table.texts("options");
    let criteria = table.text("criteria");
    let if_no_answer = table.text("if-no-answer");
    if options.len() < 2 {
        table.wrong("options", "at least two answers to choose from");
    }
    if if_no_answer.as_ref().is_some_and(|answer| !options.contains(answer)) {
        table.wrong("if-no-answer", format!("one of the options: {}", options.join(", ")));
    }
    Some(Decision { id, asks: asks?, decider: decider?, options, criteria, if_no_answer, line: table.line() })
}

fn read_notify(id: NotifyId, table: &Table<'_>) -> Option<Notify> {
    let role = table.need("role", table.id("role"));
    let contact = table.need("contact", table.id("contact"));
    let when = table.need("when", table.text("when"));
    let within = table.need("within", table.period("within"));
    Some(Notify { id, role: role?, contact: contact?, when: when?, within: within?, line: table.line() })
}

fn read_scenario(id: ScenarioId, table: &Table<'_>) -> Option<Scenario> {
    let title = table.need("title", table.text("title"));
    let text = table.need("text", table.text("text"));
    let (steps, systems) = (table.ids("steps"), table.ids("systems"));
    if steps.is_empty() {
        table.missing("steps");
    }
    Some(Scenario { id, title: title?, text: text?, steps, systems, line: table.line() })
}
