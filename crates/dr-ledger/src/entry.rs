//! Who said that something happened, and when: the frame around every event.

use dr_plan::PersonId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Event;

/// How we know that `by` was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authenticated {
    /// The operating system's login is the one that the plan gives this person.
    Login,
    /// Somebody typed the name. Evidence says "named, not authenticated".
    NamedNotAuthenticated,
    /// By a code that was mailed to this person and is good once.
    Code,
    /// `dr` itself, on schedule: no person acted.
    System,
    /// A way that a later version knows and this one does not.
    #[serde(other)]
    Other,
}

/// What a caller hands in and what stands in the file between the chain's fields: an entry without its number.
///
/// `decided` is the time that decisions were made with (`--at` moves it), `real` is what the clock said. Decisions
/// read `decided` and slots; `real` is there so that a moved clock shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// The time that the decision was made with.
    pub decided: Timestamp,
    /// The time on the clock when the entry was written.
    pub real: Timestamp,
    /// Who acted; nobody for what `dr` did on schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonId>,
    /// How we know.
    pub authenticated: Authenticated,
    /// What happened.
    pub event: Event,
}

impl Body {
    /// The entry that this body makes at place `n`.
    #[must_use]
    pub fn numbered(self, n: u64) -> Entry {
        let Self { decided, real, by, authenticated, event } = self;
        Entry { n, decided, real, by, authenticated, event }
    }
}

/// One thing that happened, at its place in the ledger. Numbers begin at 1 and have no gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place, from 1.
    pub n: u64,
    /// The time that the decision was made with.
    pub decided: Timestamp,
    /// The time on the clock when the entry was written.
    pub real: Timestamp,
    /// Who acted; nobody for what `dr` did on schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonId>,
    /// How we know.
    pub authenticated: Authenticated,
    /// What happened.
    pub event: Event,
}
