//! Which findings have one cause, so that it is told once?
//!
//! One NAS that is unplugged is one thing to put right, however many systems have a copy there. Each system keeps its
//! own findings for its row and its word; people are told the causes.

use dr_plan::{PersonId, Plan, SystemId};
use jiff::Timestamp;
use jiff::civil::Date;

use super::Finding;
use crate::judgement::{Status, as_word};
use crate::words;

/// One thing that is wrong, and every system that has it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cause {
    /// The finding's name if it is one, else `ABOUT/RULE` where ABOUT is what they have in common: `onsite/failed`.
    pub key: String,
    /// The rule of the worst of them.
    pub rule: &'static str,
    /// Whose, if it is one system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemId>,
    /// Every system that has it, in the order of the plan; none if it is about the school.
    pub systems: Vec<SystemId>,
    /// The worst word among them.
    #[serde(serialize_with = "as_word")]
    pub status: Status,
    /// In two or three words.
    #[serde(skip)]
    pub short: String,
    /// What is the case.
    pub cause: String,
    /// What that means on a bad day.
    pub risk: String,
    /// What would put it right.
    pub next: String,
    /// The command that does, for whoever has a shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Whose turn it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// Everybody whose turn it is, where the systems are several people's.
    #[serde(skip)]
    pub owners: Vec<PersonId>,
    /// By which day.
    pub by: Date,
    /// Since when it is so, if time makes it worse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when somebody accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Date>,
    /// The names of the findings that it is made of.
    pub of: Vec<String>,
    /// The cause's name, the same however many systems have it.
    #[serde(skip)]
    pub name: String,
}

impl Finding {
    /// All of it in one sentence or two: what, what that means, who, what next, by when.
    #[must_use]
    pub fn sentence(&self, plan: &Plan) -> String {
        Cause::alone(self).sentence(plan)
    }

    /// Who is to do what by when.
    #[must_use]
    pub fn task(&self, plan: &Plan) -> String {
        Cause::alone(self).task(plan)
    }
}

/// The causes of `findings`, which come worst first, and so do these. What somebody accepted is apart from what nobody
/// did.
#[must_use]
pub fn causes(findings: &[Finding], plan: &Plan) -> Vec<Cause> {
    let mut causes: Vec<(Cause, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        let same = |(cause, _): &&mut (Cause, _)| {
            finding.together.is_some() && cause.name == finding.of && cause.accepted == finding.accepted
        };
        match causes.iter_mut().find(same) {
            Some((_, members)) => members.push(finding),
            None => causes.push((Cause::alone(finding), vec![finding])),
        }
    }
    let place = |id: &SystemId| plan.systems.iter().position(|system| system.id == *id);
    let whole = causes.into_iter().map(|(cause, members)| cause.with(&members));
    let mut whole: Vec<Cause> = whole.collect();
    for cause in &mut whole {
        cause.systems.sort_by_key(place);
    }
    whole
}

impl Cause {
    /// Of a finding by itself.
    pub(crate) fn alone(finding: &Finding) -> Self {
        Self {
            key: finding.key.clone(),
            rule: finding.rule,
            system: finding.system.clone(),
            systems: finding.system.iter().cloned().collect(),
            status: finding.status,
            short: finding.short.clone(),
            cause: finding.cause.clone(),
            risk: finding.risk.clone(),
            next: finding.next.clone(),
            command: finding.command.clone(),
            owner: finding.owner.clone(),
            owners: finding.owner.iter().cloned().collect(),
            by: finding.by,
            since: finding.since,
            accepted: finding.accepted,
            of: vec![finding.key.clone()],
            name: finding.of.clone(),
        }
    }

    /// The same with everything that it is the cause of; the worst is the first.
    fn with(mut self, members: &[&Finding]) -> Self {
        let mut said: Vec<&str> = Vec::new();
        for finding in members {
            self.systems
                .extend(finding.system.iter().filter(|id| !self.systems.contains(id)).cloned().collect::<Vec<_>>());
            let more = finding.owner.iter().filter(|id| !self.owners.contains(id)).cloned();
            self.owners.extend(more.collect::<Vec<_>>());
            self.since = self.since.into_iter().chain(finding.since).min();
            self.by = self.by.min(finding.by);
            said.extend(finding.together.as_deref().filter(|together| !said.contains(together)));
        }
        self.of = members.iter().map(|finding| finding.key.clone()).collect();
        if self.systems.len() > 1 {
            self.system = None;
            self.key = self.name.clone();
            self.cause = said.join("; ");
            self.risk = of_several(&self.risk).to_owned();
        }
        self
    }

    /// What each of its systems is called.
    pub(crate) fn titles<'p>(&self, plan: &'p Plan) -> Vec<&'p str> {
        self.systems.iter().filter_map(|id| plan.system(id)).map(|system| system.title.as_str()).collect()
    }

    /// All of it in one sentence or two: whose, what, what that means, who, what next, by when.
    #[must_use]
    pub fn sentence(&self, plan: &Plan) -> String {
        let titles = self.titles(plan);
        let title = match titles.len() {
            0 => String::new(),
            n => format!("{}: ", words::plain(&words::list(&titles, n))),
        };
        let accepted = self.accepted.map(|until| format!(" Accepted until {}.", words::day(until))).unwrap_or_default();
        let cause = if title.is_empty() { words::begun(&self.cause) } else { self.cause.clone() };
        format!("{title}{cause}; {}. {}{accepted}", self.risk, self.task(plan))
    }

    /// Who is to do what by when.
    #[must_use]
    pub fn task(&self, plan: &Plan) -> String {
        let command = self.command.as_ref().map(|command| format!(" (`{command}`)")).unwrap_or_default();
        format!("By {}, {}: {}{command}.", words::day(self.until()), self.who(plan, 4), self.next)
    }

    /// Whose turn it is, at most so many by name.
    pub(crate) fn who(&self, plan: &Plan, most: usize) -> String {
        let names: Vec<String> = self.owners.iter().map(|id| words::plain(&words::name(plan, id))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() { "somebody".to_owned() } else { words::list(&names, most) }
    }

    /// By when, and for what is on its way until when it may be.
    pub(crate) fn until(&self) -> Date {
        match self.status {
            Status::Seeding(until) => until,
            _ => self.by,
        }
    }
}

/// What it means on a bad day, said of several systems.
fn of_several(risk: &str) -> &str {
    match risk {
        "it may not come back when it is needed" => "they may not come back when they are needed",
        "it cannot be brought back" => "they cannot be brought back",
        "whether it would come back is not known" => "whether they would come back is not known",
        "whether all of it would come back is not known" => "whether all of them would come back is not known",
        "damage would show only when it is needed" => "damage would show only when they are needed",
        "an attack on the server can take it" => "an attack on the server can take them",
        "a fire would take it" => "a fire would take them",
        "nothing of it is backed up here" => "nothing of them is backed up here",
        "only the supplier can bring it back" => "only the suppliers can bring them back",
        "what its supplier declares may no longer be so" => "what their suppliers declare may no longer be so",
        "files may be missing when it is brought back from there; other copies are sound" => {
            "files may be missing when they are brought back from there; other copies are sound"
        }
        other => other,
    }
}
