//! What is wrong with a plan that can be read: promises it cannot keep, and gaps nobody accepted.
//!
//! Pure: `today` is a value. What the state of the backups says is another question.

mod alerts;
mod exceptions;
mod found;
mod objectives;
mod overlaps;
mod people;
mod runs;
#[cfg(test)]
mod tests;

use jiff::civil::Date;

use crate::plan::Plan;
use crate::references;

pub use found::{Finding, Found, Severity};

/// Everything wrong with `plan` as of `today`, errors first.
#[must_use]
pub fn lint(plan: &Plan, today: Date) -> Vec<Finding> {
    let mut found = Found::new(plan, today);
    names(&mut found);
    objectives::look(&mut found);
    overlaps::look(&mut found);
    people::look(&mut found);
    runs::look(&mut found);
    alerts::look(&mut found);
    exceptions::look(&mut found);
    found.sorted()
}

/// A plan that was read has no unknown names; one that was put together may.
fn names(found: &mut Found<'_>) {
    for unknown in references::unknown(found.plan) {
        let meant = unknown.suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        let reason = format!(
            "{}.{} names `{}`, which is none of the plan's {}{meant}",
            unknown.path.join("."),
            unknown.key,
            unknown.name,
            unknown.kind
        );
        found.error("names", None, reason);
    }
}
