//! Is each system safe? One word for each, with the reasons, and one for the school.
//!
//! The word follows from the findings, worst first; nobody can set it. What was accepted until a date is left out of the
//! word and stays in the list.

use std::collections::BTreeMap;

use dr_ledger::LetterStatus;
use dr_plan::{PersonId, Plan, System, SystemId, TargetId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::facts::{CopyFacts, Facts, Given, SystemFacts};
use crate::findings::{Cause, Finding, causes, erasure_places, findings};
pub use crate::judgement::Status;
use crate::judgement::as_word;
use crate::words;

/// The backup table with its status, as `dr status --json` prints it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StatusReport {
    /// The school's name.
    pub school: String,
    /// Whether it is a sample school: all its copies are on one computer, and its devices are made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sample: bool,
    /// The moment for which this was said.
    pub as_of: String,
    /// The worst of all that is not accepted.
    pub overall: LetterStatus,
    /// Somebody chose that moment, or moved the clock under entries of the ledger.
    pub clock_moved: bool,
    /// How many systems have which word.
    pub counted: Counted,
    /// One for each row of the plan's table.
    pub systems: Vec<SystemStatus>,
    /// Everything that is wrong, worst first, also what concerns no single system: each system's by itself.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// The same as people are told it: what several systems have from one cause is one finding.
    #[serde(rename = "findings")]
    pub causes: Vec<Cause>,
    /// What waits to be erased, oldest first.
    pub erasures: Vec<WaitingErasure>,
}

/// Something that is to be erased and is on a copy still.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WaitingErasure {
    /// Its name.
    pub erasure: String,
    /// Whose data.
    pub system: SystemId,
    /// When it was asked for.
    pub asked: String,
    /// The copies on which it is.
    pub waits: Vec<String>,
    /// Whether this host knows what it is to take out.
    pub known: bool,
}

/// How many systems have which word. What suppliers hold is counted apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    /// Those that the school backs up itself.
    pub ours: usize,
    /// Of these, green ones.
    pub green: usize,
    /// Of these, accepted ones.
    pub accepted: usize,
    /// Of these, those whose first copies are on their way.
    pub seeding: usize,
    /// Of these, amber ones.
    pub amber: usize,
    /// Of these, red ones.
    pub red: usize,
    /// Of these, those of which nothing is known.
    pub not_known: usize,
    /// Those that a supplier holds, and says are safe.
    pub declared: usize,
}

impl Counted {
    fn of(plan: &Plan, systems: &[SystemStatus]) -> Self {
        let mut counted = Self::default();
        for (system, row) in plan.systems.iter().zip(systems) {
            if system.source.supplier().is_some() {
                counted.declared += 1;
                continue;
            }
            counted.ours += 1;
            match row.status {
                Status::Green => counted.green += 1,
                Status::Accepted(_) => counted.accepted += 1,
                Status::Seeding(_) => counted.seeding += 1,
                Status::Amber => counted.amber += 1,
                Status::Red => counted.red += 1,
                Status::NotKnown => counted.not_known += 1,
                Status::Declared => {}
            }
        }
        counted
    }
}

/// One system's row.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SystemStatus {
    /// Which.
    pub id: SystemId,
    /// As it stands on letters.
    pub title: String,
    /// Its word, and for people the same in capitals with the reason.
    #[serde(rename = "status", serialize_with = "as_word")]
    pub status: Status,
    /// Until when it is accepted or still seeding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Why, in whole sentences, worst first.
    pub reasons: Vec<String>,
    /// The same in two or three words; empty when green.
    #[serde(skip)]
    pub short: String,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// The moment whose data the newest copy holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backup: Option<String>,
    /// When a copy was last found sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_verified: Option<String>,
    /// When it was last brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_restored: Option<String>,
    /// How many entries its newest run could not read, or not with all that belongs to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<u64>,
    /// How many files changed while its newest run read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<u64>,
    /// Each copy that there is or should be.
    pub copies: Vec<CopyStatus>,
}

/// One copy of one system.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CopyStatus {
    /// On which target.
    pub target: TargetId,
    /// `onsite`, `offsite`, `cloud`; `offline` for an unplugged disk; `disk` for one that is still to come.
    pub class: String,
    /// What it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The moment whose data it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// On which medium.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// Whether it outlives the building.
    pub off_site: bool,
    /// Whether nothing that attacks the server can reach it.
    pub offline: bool,
    /// When it was last found sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<String>,
    /// Whether something on it was found damaged.
    pub damaged: bool,
    /// Whether its place was looked at and does not hold it any more: then it is not a copy.
    pub gone: bool,
    /// What else lies on its device: `sources`, `state`, `target NAME`, `medium NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same_as: Vec<String>,
}

/// How bad a word for the school is. Not to know is worse than amber.
fn badness(status: LetterStatus) -> u8 {
    match status {
        LetterStatus::Green => 0,
        LetterStatus::Amber => 1,
        LetterStatus::NotKnown => 2,
        LetterStatus::Red => 3,
    }
}

/// The status of the whole school.
#[must_use]
pub fn status(given: &Given<'_>) -> StatusReport {
    let facts = Facts::of(given);
    let findings = findings(given, &facts);
    report(given, &facts, findings)
}

pub(crate) fn report(given: &Given<'_>, facts: &Facts, findings: Vec<Finding>) -> StatusReport {
    let plan = given.plan;
    let rows = plan.systems.iter().zip(&facts.systems);
    let mut by_system: BTreeMap<&SystemId, Vec<&Finding>> = BTreeMap::new();
    for finding in &findings {
        if let Some(system) = &finding.system {
            by_system.entry(system).or_default().push(finding);
        }
    }
    let own = |system: &System| by_system.get(&system.id).map_or(&[][..], Vec::as_slice);
    let systems: Vec<SystemStatus> = rows.map(|(system, of)| row(plan, facts, system, of, own(system))).collect();
    let of_school = findings.iter().filter(|finding| finding.system.is_none() && finding.accepted.is_none());
    let words = systems.iter().map(|system| system.status).chain(of_school.map(|finding| finding.status));
    // A school of which nothing is known, because it has no systems or only suppliers' ones, is not known.
    let overall = words.filter_map(Status::counts).max_by_key(|word| badness(*word)).unwrap_or(LetterStatus::NotKnown);
    let as_of = words::machine(facts.now, &plan.school.timezone);
    let counted = Counted::of(plan, &systems);
    let (school, clock_moved) = (plan.school.name.clone(), facts.clock_moved);
    let causes = causes(&findings, plan);
    let erasures = waiting(given);
    let sample = plan.school.sample;
    StatusReport { school, sample, as_of, overall, clock_moved, counted, systems, findings, causes, erasures }
}

fn waiting(given: &Given<'_>) -> Vec<WaitingErasure> {
    let all = dr_ledger::wanted(given.entries).into_iter().filter(dr_ledger::Wanted::waits);
    let one = |wanted: dr_ledger::Wanted| WaitingErasure {
        asked: words::machine(wanted.asked, &given.plan.school.timezone),
        waits: erasure_places(&wanted),
        known: !given.unnamed_erasures.contains(&wanted.erasure),
        erasure: wanted.erasure,
        system: wanted.system,
    };
    all.map(one).collect()
}

/// `own`: its findings, worst first.
fn row(plan: &Plan, facts: &Facts, system: &System, of: &SystemFacts, own: &[&Finding]) -> SystemStatus {
    let zone = &plan.school.timezone;
    // Findings come worst first.
    let worst = own.iter().find(|finding| finding.accepted.is_none());
    let accepted = own.iter().filter_map(|finding| finding.accepted).min();
    let status = match (worst, accepted) {
        (Some(worst), _) => worst.status,
        (None, Some(until)) => Status::Accepted(until),
        (None, None) => Status::Green,
    };
    let until = match status {
        Status::Accepted(until) | Status::Seeding(until) => Some(until),
        _ => None,
    };
    let short = match (status, worst) {
        (Status::Accepted(until) | Status::Seeding(until), _) => format!("to {}", until.strftime("%-d %b")),
        (_, Some(worst)) => worst.short.clone(),
        _ => String::new(),
    };
    let machine = |at: Option<Timestamp>| at.map(|at| words::machine(at, zone));
    SystemStatus {
        id: system.id.clone(),
        title: system.title.clone(),
        status,
        until,
        short,
        reasons: own.iter().map(|finding| finding.sentence(plan)).collect(),
        owner: plan.answers_for(Some(system), facts.today).cloned(),
        last_backup: machine(of.last_backup),
        last_verified: machine(of.last_verified),
        last_restored: machine(of.last_restored),
        unreadable: Some(of.unreadable).filter(|count| *count > 0),
        changed: Some(of.noticed.changed).filter(|count| *count > 0),
        // What a supplier holds has no copy of ours.
        copies: match system.source.supplier() {
            Some(_) => Vec::new(),
            None => of.copies.iter().map(|copy| copy_row(copy, zone)).collect(),
        },
    }
}

fn copy_row(copy: &CopyFacts, zone: &jiff::tz::TimeZone) -> CopyStatus {
    let stored = copy.stored.as_ref().filter(|_| copy.gone.is_none());
    CopyStatus {
        target: copy.target.clone(),
        class: copy.standing.class.to_owned(),
        snapshot: stored.and_then(|stored| stored.snapshot.as_ref()).map(ToString::to_string),
        at: stored.map(|stored| words::machine(stored.as_of, zone)),
        medium: copy.medium.as_ref().map(ToString::to_string),
        off_site: copy.standing.off_site && copy.gone.is_none(),
        offline: copy.standing.offline && copy.gone.is_none(),
        verified: copy.verified.map(|at| words::machine(at, zone)),
        damaged: copy.damaged.is_some(),
        gone: copy.gone.is_some(),
        same_as: copy.same_as.clone(),
    }
}

/// The status for a terminal: a word for each system, then the reasons.
#[must_use]
pub fn status_text(report: &StatusReport, facts: &Facts, plan: &Plan) -> String {
    let word = match report.overall {
        LetterStatus::Green => "GREEN",
        LetterStatus::Amber => "AMBER",
        LetterStatus::Red => "RED",
        LetterStatus::NotKnown => "NOT KNOWN",
    };
    let zone = &plan.school.timezone;
    let now = facts.now.to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M");
    let sample = if plan.school.sample { format!("{}.\n", words::SAMPLE) } else { String::new() };
    let mut out = format!("{sample}{word} - {} - {now}", words::plain(&report.school));
    out.push_str(if report.clock_moved { " - clock moved\n\n" } else { "\n\n" });
    let mut rows = vec![
        ["System", "Backed up", "Verified", "Restored", "Copies", "Off-site", "Offline", "Status"].map(str::to_owned),
    ];
    for (system, of) in report.systems.iter().zip(&facts.systems) {
        let shown =
            |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| words::moment(at, facts.today, zone));
        rows.push([
            words::plain(&system.title),
            shown(of.last_backup),
            shown(of.last_verified),
            shown(of.last_restored),
            of.count().to_string(),
            of.off_site().to_owned(),
            of.offline().to_owned(),
            format!("{} {}", system.status.shout(), system.short).trim_end().to_owned(),
        ]);
    }
    out.push_str(&crate::table::columns(&rows));
    let Counted { ours, declared, .. } = report.counted;
    if declared > 0 {
        let (ours, verb) = (words::count(ours, "system is", "systems are"), if declared == 1 { "is" } else { "are" });
        let whose = if declared == 1 { "its supplier and was" } else { "their suppliers and were" };
        out.push_str(&format!("{ours} ours, {declared} {verb} declared by {whose} not tested here.\n"));
    }
    for system in &report.systems {
        if let Some(changed) = system.changed {
            let files = words::count(usize::try_from(changed).unwrap_or(usize::MAX), "file", "files");
            let title = words::plain(&system.title);
            out.push_str(&format!(
                "{title}: {files} changed while the newest backup read them; what was kept of them may be of two moments.\n"
            ));
        }
    }
    for waiting in &report.erasures {
        let title = plan.system(&waiting.system).map_or(waiting.system.as_str(), |system| system.title.as_str());
        let places: Vec<&str> = waiting.waits.iter().map(String::as_str).collect();
        let asked = waiting.asked.get(..10).unwrap_or(&waiting.asked);
        let (title, places) = (words::plain(title), words::list(&places, 4));
        out.push_str(&format!("To be erased: something of {title}, asked for on {asked}, is on {places} still.\n"));
    }
    for cause in &report.causes {
        out.push_str(&format!("\n- {}", cause.sentence(plan)));
    }
    out.trim_end().to_owned() + "\n"
}
