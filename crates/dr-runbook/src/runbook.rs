//! What a runbook holds: who plays which part, whom to ring, what to do in which order.
//!
//! Every item keeps the line it stands on, so that a name which turns out to name nothing can be found.

use std::collections::BTreeMap;

use dr_plan::{Period, PersonId, SystemId};
use jiff::civil::Date;

use crate::name::{AssetId, ContactId, DecisionId, NotifyId, RoleId, ScenarioId, StepId};

/// One school's runbook, as it was read. Lists keep the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    /// The file as it was named, for messages.
    pub file: String,
    /// Who decided it, and until when it holds.
    pub document: Document,
    /// The parts people play.
    pub roles: Vec<Role>,
    /// Whom to ring outside the school.
    pub contacts: Vec<Contact>,
    /// What is needed again.
    pub assets: Vec<Asset>,
    /// What to do.
    pub steps: Vec<Step>,
    /// What to decide.
    pub decisions: Vec<Decision>,
    /// Who must be told.
    pub notify: Vec<Notify>,
    /// Kinds of bad days.
    pub scenarios: Vec<Scenario>,
    /// How a system's users go on without it, with the line it stands on.
    pub workarounds: BTreeMap<SystemId, (String, usize)>,
}

/// The document control header: each of these is asked for by whoever adopts such a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is called.
    pub title: String,
    /// Its number.
    pub version: String,
    /// When it was issued.
    pub date_issued: Date,
    /// Who adopted it.
    pub committee: String,
    /// When they did.
    pub date_adopted: Date,
    /// Where that is minuted.
    pub minute_no: String,
    /// By when it must be looked at again.
    pub review_date: Date,
    /// Who may see it.
    pub marking: Option<String>,
}

/// A part that somebody plays on the bad day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub id: RoleId,
    /// Who plays it.
    pub holder: PersonId,
    /// Who stands in, in this order.
    pub deputies: Vec<PersonId>,
    /// What it is about.
    pub duties: String,
    /// Where it stands.
    pub line: usize,
}

/// Somebody outside the school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its name.
    pub id: ContactId,
    /// Who they are.
    pub org: String,
    /// What they can do for the school.
    pub purpose: String,
    /// By day.
    pub phone: Option<String>,
    /// Out of hours.
    pub phone_ooh: Option<String>,
    /// Where letters go.
    pub email: Option<String>,
    /// When they answer.
    pub hours: Option<String>,
    /// What they ask for first.
    pub contract_ref: Option<String>,
    /// When somebody last tried it.
    pub verified_on: Option<Date>,
    /// Where it stands.
    pub line: usize,
}

/// A thing that the school owns and needs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its name.
    pub id: AssetId,
    /// What it is.
    pub what: String,
    /// What runs on it.
    pub systems: Vec<SystemId>,
    /// Where it stands or lies.
    pub location: Option<String>,
    /// The maker's number.
    pub serial: Option<String>,
    /// Where its software comes from.
    pub install: Option<String>,
    /// Where the licence is kept; never the licence key.
    pub licence_ref: Option<String>,
    /// Who insures it.
    pub insurer: Option<String>,
    /// Until when.
    pub cover_expires: Option<Date>,
    /// How long a replacement takes.
    pub replacement_days: Option<u32>,
    /// Where it stands in the text.
    pub line: usize,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// In which part of the day.
    pub phase: Phase,
    /// Which system it brings back, if it is one's.
    pub system: Option<SystemId>,
    /// What must be done before.
    pub needs: Vec<StepId>,
    /// Systems that must work for it: it cannot come before they are back.
    pub uses: Vec<SystemId>,
    /// Who does it.
    pub role: RoleId,
    /// How it is done.
    pub kind: Kind,
    /// How long it takes.
    pub expect: Period,
    /// What to do, in words.
    pub text: String,
    /// How one knows that it worked.
    pub proof: Option<String>,
    /// Where it stands.
    pub line: usize,
}

/// How a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// By a command, as arguments: never given to a shell.
    Auto {
        /// The program and its arguments; [`PLACEHOLDERS`] may stand in an argument.
        command: Vec<String>,
    },
    /// By hand.
    Manual,
    /// By deciding.
    Decision(DecisionId),
    /// By telling somebody.
    Notify(NotifyId),
    /// By waiting.
    Wait,
}

/// What may stand in a command for something that is known only on the day: the folder to restore to, and the target
/// to take the copy from.
pub const PLACEHOLDERS: &[&str] = &["{to}", "{target}"];

/// The parts of a bad day, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Something is noticed.
    Detect,
    /// It is kept from spreading.
    Contain,
    /// What is lost and what is left.
    Assess,
    /// What to do about it.
    Decide,
    /// Data come back.
    Restore,
    /// They are the right data.
    Validate,
    /// People work again.
    Resume,
    /// What is learnt.
    Review,
}

impl Phase {
    /// Every phase with its word in a runbook, in order.
    pub const ALL: &'static [(&'static str, Phase)] = &[
        ("detect", Phase::Detect),
        ("contain", Phase::Contain),
        ("assess", Phase::Assess),
        ("decide", Phase::Decide),
        ("restore", Phase::Restore),
        ("validate", Phase::Validate),
        ("resume", Phase::Resume),
        ("review", Phase::Review),
    ];

    /// Its word in a runbook.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, phase)| *phase == self).map_or("", |(word, _)| word)
    }
}

impl Kind {
    /// Every kind's word in a runbook.
    pub const WORDS: &'static [&'static str] = &["auto", "manual", "decision", "notify", "wait"];

    /// Its word in a runbook.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Auto { .. } => "auto",
            Self::Manual => "manual",
            Self::Decision(_) => "decision",
            Self::Notify(_) => "notify",
            Self::Wait => "wait",
        }
    }
}

impl Step {
    /// The command's arguments; empty if a person does it.
    #[must_use]
    pub fn command(&self) -> &[String] {
        match &self.kind {
            Kind::Auto { command } => command,
            _ => &[],
        }
    }

    /// The system that the command restores, if it is a `dr restore SYSTEM …`.
    #[must_use]
    pub fn restores(&self) -> Option<&str> {
        match self.command() {
            [program, verb, system, ..] if program == "dr" && verb == "restore" && !system.starts_with('-') => {
                Some(system)
            }
            _ => None,
        }
    }
}

/// One thing to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its name.
    pub id: DecisionId,
    /// The question.
    pub asks: String,
    /// Who answers it.
    pub decider: RoleId,
    /// What can be answered.
    pub options: Vec<String>,
    /// By what to decide.
    pub criteria: Option<String>,
    /// What holds if nobody answers: one of the options.
    pub if_no_answer: Option<String>,
    /// Where it stands.
    pub line: usize,
}

/// Somebody who must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Its name.
    pub id: NotifyId,
    /// Who tells them.
    pub role: RoleId,
    /// Whom.
    pub contact: ContactId,
    /// In which case.
    pub when: String,
    /// How soon after it is known.
    pub within: Period,
    /// Where it stands.
    pub line: usize,
}

/// A kind of bad day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub id: ScenarioId,
    /// What it is called.
    pub title: String,
    /// How one knows it, and what is different about it.
    pub text: String,
    /// What to do, the first step first.
    pub steps: Vec<StepId>,
    /// Which systems come back afterwards; empty for all.
    pub systems: Vec<SystemId>,
    /// Where it stands.
    pub line: usize,
}

impl Runbook {
    /// The role with this name.
    #[must_use]
    pub fn role(&self, id: &RoleId) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == *id)
    }

    /// The step with this name.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// The contact with this name.
    #[must_use]
    pub fn contact(&self, id: &ContactId) -> Option<&Contact> {
        self.contacts.iter().find(|contact| contact.id == *id)
    }

    /// The decision with this name.
    #[must_use]
    pub fn decision(&self, id: &DecisionId) -> Option<&Decision> {
        self.decisions.iter().find(|decision| decision.id == *id)
    }

    /// The notification with this name.
    #[must_use]
    pub fn notification(&self, id: &NotifyId) -> Option<&Notify> {
        self.notify.iter().find(|notify| notify.id == *id)
    }

    /// The scenario with this name.
    #[must_use]
    pub fn scenario(&self, id: &ScenarioId) -> Option<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.id == *id)
    }
}
