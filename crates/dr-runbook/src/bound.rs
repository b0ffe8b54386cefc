//! A runbook whose names are those of a plan.

use dr_plan::{Person, PersonId, Plan, System};

use crate::runbook::{Role, Runbook, Step};

/// A runbook whose names all exist.
#[derive(Debug, Clone)]
pub struct Bound<'a> {
    /// The runbook.
    pub runbook: &'a Runbook,
    /// The plan whose people and systems it names.
    pub plan: &'a Plan,
    /// Its steps, in the order of the text.
    pub steps: Vec<BoundStep<'a>>,
}

/// A step with whom and what it names.
#[derive(Debug, Clone, Copy)]
pub struct BoundStep<'a> {
    /// The step.
    pub step: &'a Step,
    /// The part that its doer plays.
    pub role: &'a Role,
    /// Who plays that part.
    pub holder: (&'a PersonId, &'a Person),
    /// The system that it brings back, if it is one's.
    pub system: Option<&'a System>,
}
