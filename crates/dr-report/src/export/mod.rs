//! The backup table of the school's policy: what is declared beside what was achieved, for governors and auditors.
//!
//! Two documents are written from one [`Export`], so that they cannot say different things. It names no file, host or
//! bucket: a copy is on site, off site, in the cloud or on a disk.

mod achieved;
mod document;
mod lists;
mod markdown;
mod page;

use dr_plan::{Plan, Supplier, System};

use crate::facts::{Facts, Given, SystemFacts};
use crate::status::status;
use crate::words;

pub use document::{Export, ExportCopy, ExportError, ExportRow, Labelled};

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
