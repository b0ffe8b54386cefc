//! What a school wants kept safe, by when and by whom: the plan, and the decisions that follow
//! from it alone.
//!
//! Everything here is pure. Text comes in as `&str`, `now` as a value; nothing is read, written
//! or asked for. Times of day are those of the school's own zone, from the zone tables that are
//! built in.

mod calendar;
mod days;
mod due;
mod expect;
mod gap;
mod hidden;
mod junk;
mod lint;
mod mail;
mod name;
mod parse;
mod people;
mod period;
mod plan;
mod problem;
pub mod reader;
mod references;
mod resolve;
mod retention;
mod schedule;
mod secret;
mod show;
mod source;
mod system;
mod table;
mod target;

pub use calendar::{Calendar, Stretch};
pub use days::{Days, Hours};
pub use due::{Due, HEAVY, History, Past, Planned, RETRY_FIRST, RETRY_LONGEST, due, next, retry_after, unserved};
pub use expect::{Expect, ExpectedPage, Shortfall};
pub use gap::LONGEST_GAP_DAYS;
pub use hidden::is_hidden;
pub use lint::{Finding, Found, Severity, lint};
pub use mail::{allowed_domains, may_mail};
pub use name::{BadName, MediumId, PersonId, PlaceId, PoolId, SystemId, TargetId};
pub use parse::{grace, parse, parse_calendar};
pub use people::Rotation;
pub use period::{Period, Unit};
pub use plan::{
    Absence, Alerts, Cadence, Checks, Document, Exception, KeyMode, Keys, Level, Person, Place, PlaceClass, Plan,
    Rehearsals, Report, Role, School, SecretRef, Smtp, SmtpAuth,
};
pub use problem::{Problem, nearest};
pub use retention::{Retention, Snapshot, Verdict, judge};
pub use schedule::Schedule;
pub use show::{show_full, show_source};
pub use source::{EXPORT, FileType, Server, Source, SourceKind, Supplier, Tree, Website};
pub use system::{CopyRule, Hook, System};
pub use table::{Cell, Row, table};
pub use target::{Bandwidth, Class, Pool, SCHEMES, Scheme, Shift, StoreScheme, Target, TargetKind, scheme_of};
