//! Names that a runbook gives to its own things: `incident-lead`, `fetch-disk`.

use dr_plan::names;

names! {
    /// A part that somebody plays on the bad day.
    RoleId
    /// Somebody outside the school who can help or must be told.
    ContactId
    /// A thing that the school owns and needs again.
    AssetId
    /// One thing to do.
    StepId
    /// One thing to decide.
    DecisionId
    /// Somebody who must be told.
    NotifyId
    /// A kind of bad day.
    ScenarioId
}
