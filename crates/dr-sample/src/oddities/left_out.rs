//! What this machine cannot have, and why.

/// What could not be made here.
pub(super) struct LeftOut(pub(super) Vec<String>);

impl LeftOut {
    /// Notes a refusal and goes on.
    pub(super) fn unless<T, E: std::fmt::Display>(&mut self, what: &str, outcome: std::result::Result<T, E>) -> bool {
        if let Err(why) = &outcome {
            self.0.push(format!("{what}: {why}"));
        }
        outcome.is_ok()
    }
}
