//! What stands in the document, before anybody writes it as text or as a page.

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

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The template is broken.
    #[error("the policy's page could not be written")]
    Page(#[source] minijinja::Error),
}
