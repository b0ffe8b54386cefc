//! Why is something not back as it was captured? The kind of cause says whether another copy can help; a text cannot.

use std::fmt;

use dr_entry::NotSet;

/// Why one entry was not put back, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotWhole {
    /// The snapshot has nothing of that name: it was asked for by a name that is not there.
    NotThere,
    /// This copy has lost something of it, or cannot be read; another copy may have it.
    Copy(String),
    /// As [`NotWhole::Copy`], for everything after the entry before it and up to this one.
    UpTo(String),
    /// What was stored says something that cannot be, on every copy.
    Snapshot(String),
    /// The place to restore to did not take it.
    Place(String),
    /// It is there, contents and all; something about it is not as it was.
    NotSet(NotSet),
}

impl NotWhole {
    /// Whether another copy of the same snapshot may have it.
    #[must_use]
    pub fn is_of_the_copy(&self) -> bool {
        matches!(self, Self::Copy(_) | Self::UpTo(_))
    }

    /// Whether it came back, with its contents.
    #[must_use]
    pub fn is_back(&self) -> bool {
        matches!(self, Self::NotSet(_))
    }

    /// Whether nothing is another than the owner.
    #[must_use]
    pub fn is_owner_alone(&self) -> bool {
        matches!(self, Self::NotSet(not_set) if not_set.is_owner_alone())
    }
}

impl From<std::io::Error> for NotWhole {
    fn from(error: std::io::Error) -> Self {
        match NotSet::of(&error) {
            Some(not_set) => Self::NotSet(not_set.clone()),
            None => Self::Place(error.to_string()),
        }
    }
}

impl fmt::Display for NotWhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => write!(f, "it is not in this snapshot"),
            Self::UpTo(why) => write!(f, "entries up to this one are lost: {why}"),
            Self::Copy(why) | Self::Snapshot(why) | Self::Place(why) => write!(f, "{why}"),
            Self::NotSet(not_set) => write!(f, "{not_set}"),
        }
    }
}
