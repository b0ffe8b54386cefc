//! The backup table, people, calendar, retention and due rules.

mod name;

pub use name::{BadName, MediumId, PersonId, PlaceId, PoolId, SystemId, TargetId};
