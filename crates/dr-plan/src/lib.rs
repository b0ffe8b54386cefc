//! What a school wants kept safe, by when and by whom: the plan, and the decisions that follow
//! from it alone.
//!
//! Everything here is pure. Text comes in as `&str`, `now` as a value; nothing is read, written
//! or asked for. Times of day are those of the school's own zone, from the zone tables that are
//! built in.

mod calendar;
mod days;
mod due;
mod name;
mod period;
mod plan;
mod problem;
mod retention;
mod schedule;
mod source;
mod system;
mod target;

pub use calendar::{Calendar, Stretch};
pub use days::{Days, Hours};
pub use due::{Due, History, Past, Planned, RETRY_AFTER, due, next};
pub use name::{BadName, MediumId, PersonId, PlaceId, PoolId, SystemId, TargetId};
pub use period::{Period, Unit};
pub use plan::{
    Absence, Alerts, Cadence, Checks, Exception, KeyMode, Keys, Level, Person, Place, PlaceClass,
    Plan, Rehearsals, Report, Role, School, SecretRef, Smtp,
};
pub use problem::Problem;
pub use retention::{Retention, Snapshot, Verdict, judge};
pub use schedule::Schedule;
pub use source::{Server, Source};
pub use system::{CopyRule, Hook, System};
pub use target::{Bandwidth, Class, Pool, SCHEMES, Scheme, Shift, Target, TargetKind, scheme_of};
