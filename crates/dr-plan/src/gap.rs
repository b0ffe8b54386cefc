//! Which gaps may be lived with, by whose word, and for how long? The same whether the plan says so or a person does.

use crate::plan::Role;
use crate::system::System;

/// The longest that a gap is accepted at a time: a long term.
pub const LONGEST_GAP_DAYS: i64 = 125;

/// What a system that is needed first cannot do without, whoever accepts it.
const NEVER: [&str; 5] = ["off-site", "offline", "proof", "copies", "rpo"];

impl System {
    /// Whether a gap of this rule is never accepted, because the system is needed first and cannot do without.
    #[must_use]
    pub fn cannot_do_without(&self, rule: &str) -> bool {
        self.tier == 1 && NEVER.contains(&rule)
    }
}

impl Role {
    /// Whether who has it may accept a gap.
    #[must_use]
    pub fn may_accept_gaps(self) -> bool {
        matches!(self, Self::Head | Self::DeputyHead | Self::DigitalLead | Self::Governor | Self::Approver)
    }
}
