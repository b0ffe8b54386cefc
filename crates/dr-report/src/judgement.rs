//! The words a system is judged by, best first.

use dr_ledger::LetterStatus;
use jiff::civil::Date;

/// What a system's row says, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// All evidence is there and in date.
    Green,
    /// It would be amber or worse, but somebody accepted that until a date.
    Accepted(Date),
    /// A supplier holds it and says that it is safe: counted apart, never green.
    Declared,
    /// Its first copies and proofs are on their way, until a date.
    Seeding(Date),
    /// Something needs attention.
    Amber,
    /// It was not looked at, or could not be.
    NotKnown,
    /// It cannot be relied on.
    Red,
}

pub(crate) fn as_word<S: serde::Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.word())
}

impl Status {
    /// Its word for machines.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Accepted(_) => "accepted",
            Self::Declared => "declared by supplier",
            Self::Seeding(_) => "seeding",
            Self::Amber => "amber",
            Self::NotKnown => "not-known",
            Self::Red => "red",
        }
    }

    /// Its word for people.
    #[must_use]
    pub fn shout(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Accepted(_) => "ACCEPTED",
            Self::Declared => "DECLARED",
            Self::Seeding(_) => "SEEDING",
            Self::Amber => "AMBER",
            Self::NotKnown => "NOT KNOWN",
            Self::Red => "RED",
        }
    }

    /// What it makes of the school's word; `None` if it is counted apart.
    pub(super) fn counts(self) -> Option<LetterStatus> {
        match self {
            Self::Green | Self::Accepted(_) => Some(LetterStatus::Green),
            Self::Declared => None,
            Self::Seeding(_) | Self::Amber => Some(LetterStatus::Amber),
            Self::NotKnown => Some(LetterStatus::NotKnown),
            Self::Red => Some(LetterStatus::Red),
        }
    }
}
