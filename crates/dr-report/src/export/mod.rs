//! The backup table of the school's policy: what is declared beside what was achieved, for governors and auditors.
//!
//! Two documents are written from one [`Export`], so that they cannot say different things. It names no file, host or
//! bucket: a copy is on site, off site, in the cloud or on a disk.

mod achieved;
mod lists;
mod markdown;
mod page;

use dr_plan::{Plan, Supplier, System};

use crate::facts::{Facts, Given, SystemFacts};
use crate::status::status;
use crate::words;

/// Everything that stands in the document.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Export {
    /// The school's name.
    pub school: String,
    /// The day and time of it.
    pub as_of: String,
    /// Somebody chose that moment, or moved the clock under entries of the ledger.
    pub clock_moved: bool,
    /// The school's word: GREEN, AMBER, RED, NOT KNOWN.
    pub status: &'static str,
    /// The head of the document: what, and what the plan records about it.
    pub document: Vec<Labelled>,
    /// One for each system, in the plan's order.
    pub systems: Vec<ExportRow>,
    /// What each class of copy is.
    pub places: Vec<Labelled>,
    /// Who changes which disks when.
    pub rotation: Vec<Labelled>,
    /// Gaps that somebody accepted until a date.
    pub exceptions: Vec<String>,
    /// What nothing here protects.
    pub not_covered: Vec<String>,
}

/// A label and what is said under it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Labelled {
    /// What it is.
    pub label: String,
    /// What is said.
    pub text: String,
}

/// One system.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ExportRow {
    /// As it stands on letters.
    pub title: String,
    /// Who answers for it.
    pub owner: String,
    /// Its word.
    pub status: &'static str,
    /// On site: daily or oftener, weekly, rarer.
    pub on_site: [Vec<ExportCopy>; 3],
    /// Off site and on disks: daily or oftener, weekly, rarer.
    pub off_site: [Vec<ExportCopy>; 3],
    /// What may be lost, and by when it is to be back.
    pub promised: String,
    /// When it was last brought back as a test, and how long that took.
    pub proved: String,
}

/// One copy of one system: what was promised, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ExportCopy {
    /// Where and how often, and how much of it is kept.
    pub declared: String,
    /// How many of those that were due in thirty days were made, and how young the newest is.
    pub achieved: String,
    /// Whether one that was due was not made.
    pub short: bool,
}

/// The policy's table at `given.now`.
#[must_use]
pub fn export(given: &Given<'_>) -> Export {
    let plan = given.plan;
    let facts = Facts::of(given);
    let report = status(given);
    let zone = &plan.school.timezone;
    let rows = plan.systems.iter().zip(&facts.systems).zip(&report.systems);
    let systems = rows.map(|((system, of), row)| ExportRow {
        title: words::plain(&system.title),
        owner: row.owner.as_ref().map_or_else(|| "nobody".to_owned(), |id| words::plain(&words::name(plan, id))),
        status: row.status.shout(),
        promised: promised(system),
        proved: proved(plan, &facts, of),
        ..achieved::copies(given, &facts, system)
    });
    Export {
        school: words::plain(&plan.school.name),
        as_of: given.now.to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M").to_string(),
        clock_moved: facts.clock_moved,
        status: crate::letter::word(report.overall),
        document: lists::document(plan),
        systems: systems.collect(),
        places: lists::places(plan),
        rotation: lists::rotation(given, &facts),
        exceptions: lists::exceptions(given, &facts, &report),
        not_covered: lists::not_covered(plan),
    }
}

fn promised(system: &System) -> String {
    if let Some(Supplier { rpo, rto, .. }) = system.source.supplier() {
        let or = |period: &Option<dr_plan::Period>| period.map_or_else(|| "not declared".to_owned(), |p| p.to_string());
        return format!("supplier declares: may lose {}, back within {}", or(rpo), or(rto));
    }
    let back = system.rto.map_or_else(|| "measured, none promised".to_owned(), |rto| rto.to_string());
    format!("may lose {}; back within: {back}", system.rpo)
}

fn proved(plan: &Plan, facts: &Facts, of: &SystemFacts) -> String {
    let Some(at) = of.proof.proved else { return "never".to_owned() };
    let date = words::short_day(at.to_zoned(plan.school.timezone.clone()).date(), facts.today);
    let took = of.proof.took.map(|took| format!(", restore took {}", crate::table::length(took)));
    format!("{date}{}", took.unwrap_or_default())
}

impl Export {
    /// The document as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::write(self)
    }

    /// The document as one page that needs nothing else.
    ///
    /// # Errors
    /// Only if the page's template, which is part of this program, is broken.
    pub fn html(&self) -> Result<String, ExportError> {
        page::write(self)
    }
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The template is broken.
    #[error("the policy's page could not be written")]
    Page(#[source] minijinja::Error),
}
