//! The copy for the grab bag: the whole runbook as plain text or as one page of HTML that needs nothing else.
//!
//! Both say the same in the same order, from the one [`View`]. Each page carries the version, the copy, a short hash
//! and the date, so that two printed pages can be told apart by whoever finds them.

mod html;
mod text;
mod view;

use jiff::civil::Date;

use crate::bind::Bound;

pub use html::print_html;
pub use text::print_text;

/// What makes this printed copy this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The hash of the runbook's text, in hexadecimal; its beginning is printed.
    pub hash: String,
    /// When it was printed.
    pub printed: Date,
    /// Which copy of how many, and who holds it.
    pub copy: Option<(u32, u32, String)>,
}

/// The line at the foot of every page.
fn foot(bound: &Bound<'_>, stamp: &Stamp) -> String {
    let hash: String = stamp.hash.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let copy = stamp.copy.as_ref().map(|(n, of, holder)| format!(" - copy {n} of {of}, {holder}"));
    let (school, version) = (&bound.plan.school.name, &bound.runbook.document.version);
    format!("{school} - version {version}{} - {hash} - printed {}", copy.unwrap_or_default(), stamp.printed)
}
