//! What a removable medium is at any instant: one state, one holder.
//!
//! | state | holder | comes from |
//! |---|---|---|
//! | registered, scratch, loaded, written, ejected | the server (it lies in it or beside it) | register, init, load, a copy, eject |
//! | in transit, found | a person | handover, found |
//! | stored | a place | receive |
//! | lost | who had it last | lost |

use std::fmt;

use dr_ledger::MediumKind;
use dr_plan::{MediumId, PersonId, PlaceId, PoolId};
use jiff::Timestamp;

/// Who or what has a medium.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// In the backup server, or beside it.
    Server,
    /// Kept at a place.
    Place(PlaceId),
    /// Carried by a person.
    Person(PersonId),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Place(place) => place.fmt(f),
            Self::Person(person) => person.fmt(f),
        }
    }
}

impl serde::Serialize for Holder {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a medium is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Owned, and not yet usable.
    Registered,
    /// Has an empty repository.
    Scratch,
    /// Plugged in, and nothing written since.
    Loaded,
    /// Plugged in, and at least one copy made since.
    Written,
    /// Unplugged, beside the server.
    Ejected,
    /// With a person on the way.
    InTransit,
    /// At the place where it is kept.
    Stored,
    /// Nobody knows where.
    Lost,
    /// Turned up again.
    Found,
}

impl State {
    /// Plugged in: readable, and in reach of whatever attacks the server.
    #[must_use]
    pub fn is_connected(self) -> bool {
        matches!(self, Self::Loaded | Self::Written)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registered => "registered",
            Self::Scratch => "scratch",
            Self::Loaded => "loaded",
            Self::Written => "written",
            Self::Ejected => "ejected",
            Self::InTransit => "in transit",
            Self::Stored => "stored",
            Self::Lost => "lost",
            Self::Found => "found",
        })
    }
}

/// One medium as the ledger tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// Its label.
    pub id: MediumId,
    /// The pool that it rotates in.
    pub pool: PoolId,
    /// What it is.
    pub kind: MediumKind,
    /// The maker's serial number.
    pub serial: Option<String>,
    /// The school's asset number.
    pub asset: Option<String>,
    /// The entry that registered it: a pool's media are in this order.
    pub registered: u64,
    /// What it is doing.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Who has it.
    pub holder: Holder,
    /// Where who carries it is to bring it.
    pub bound_for: Option<PlaceId>,
    /// Its repository, once it has one.
    pub repository: Option<String>,
    /// When it got that repository.
    pub initialised: Option<Timestamp>,
    /// When the newest copy on it was made.
    pub last_written: Option<Timestamp>,
    /// When everything that was looked at on it was last found sound.
    pub last_verified: Option<Timestamp>,
    /// It was out of custody and has been neither initialised nor found sound since.
    pub suspect: bool,
}

impl Medium {
    /// Whether copies may be made on it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.state != State::Lost && !self.suspect && self.repository.is_some()
    }
}
