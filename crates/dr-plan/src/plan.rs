//! What a school wrote down about its backups: the plan, in its long and expanded form.
//!
//! Everything a short form or a default stands for is filled in here, so that nothing later has
//! to know the short forms. Paths are as written, relative to the plan's own folder, until
//! [`Plan::resolve`] makes them absolute.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::days::Hours;
use crate::period::Period;
use crate::schedule::Schedule;
pub use crate::secret::SecretRef;
use crate::system::{Hook, System};
use crate::target::{Pool, Target};
use crate::{PersonId, PlaceId, PoolId, SystemId, TargetId};

/// One school's plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where the school's precious state is kept; `None`: the state directory of the account.
    pub state: Option<PathBuf>,
    /// The school itself.
    pub school: School,
    /// What this host may unlock.
    pub keys: Keys,
    /// Everybody the plan names.
    pub people: BTreeMap<PersonId, Person>,
    /// Where media may be kept.
    pub places: BTreeMap<PlaceId, Place>,
    /// Where backups go.
    pub targets: BTreeMap<TargetId, Target>,
    /// The disks that rotate.
    pub pools: BTreeMap<PoolId, Pool>,
    /// The backup table, in the order of the plan.
    pub systems: Vec<System>,
    /// The weekly letter.
    pub report: Report,
    /// How people and machines are told.
    pub alerts: Alerts,
    /// How much old data is read again unasked.
    pub checks: Checks,
    /// How often restores are rehearsed.
    pub rehearsals: Rehearsals,
    /// The runbook's file.
    pub runbook: Option<PathBuf>,
    /// Gaps that somebody accepted until a date.
    pub exceptions: Vec<Exception>,
    /// Who adopted this plan, and when it is looked at again.
    pub document: Document,
}

/// The head of a policy document: what governors and auditors look for on its first page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The version's number or name.
    pub version: Option<String>,
    /// When it was given out.
    pub issued: Option<Date>,
    /// Which committee looked at it.
    pub committee: Option<String>,
    /// When that adopted it.
    pub adopted: Option<Date>,
    /// The number of the minute.
    pub minute: Option<String>,
    /// When it is to be looked at again.
    pub review: Option<Date>,
}

/// The school and its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct School {
    /// The name as it stands on letters.
    pub name: String,
    /// The zone in which every time of the plan is meant.
    pub timezone: TimeZone,
    /// The calendar's file; without one every week counts.
    pub calendar: Option<PathBuf>,
    /// When the school's network is wanted for teaching.
    pub hours: Hours,
    /// An invented school all of whose copies are on one computer, such as the quickstart's: it says so wherever it
    /// speaks, and its days may be lived at any time.
    pub sample: bool,
}

/// What this host may unlock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Whether this host may read its old backups.
    pub mode: KeyMode,
    /// Where units that must read find the key.
    pub unlock: Option<SecretRef>,
}

/// Whether a host may read what it stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMode {
    /// It can only add.
    WriteOnly,
    /// It can read everything; every report says so.
    Full,
}

/// Somebody the plan names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As it stands on letters.
    pub name: String,
    /// Where letters go.
    pub email: Option<String>,
    /// By day.
    pub phone: Option<String>,
    /// Out of hours.
    pub phone_ooh: Option<String>,
    /// The account on this host by which commands know who acts.
    pub login: Option<String>,
    /// What they answer for.
    pub roles: Vec<Role>,
    /// First day.
    pub starts: Option<Date>,
    /// Last day.
    pub leaves: Option<Date>,
    /// When somebody else must be asked.
    pub absences: Vec<Absence>,
    /// Who stands in for them.
    pub deputy: Option<PersonId>,
}

/// Days away, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// First day away.
    pub from: Date,
    /// Last day away.
    pub until: Date,
}

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $text:literal)*) => {
        /// What somebody answers for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role {$($(#[$doc])* $role,)*}

        impl Role {
            /// Every role with its word in a plan.
            pub const ALL: &'static [(&'static str, Role)] = &[$(($text, Role::$role),)*];
        }
    };
}

roles! {
    /// The headteacher.
    Head = "head"
    /// Stands in for the head.
    DeputyHead = "deputy-head"
    /// The school business manager.
    BusinessManager = "business-manager"
    /// The senior leader who answers for digital matters.
    DigitalLead = "digital-lead"
    /// Looks after the systems.
    ItLead = "it-lead"
    /// The supplier who looks after the systems.
    ItProvider = "it-provider"
    /// Carries media.
    Custodian = "custodian"
    /// Holds a share of the recovery key.
    KeyHolder = "key-holder"
    /// The data protection officer.
    Dpo = "dpo"
    /// A governor.
    Governor = "governor"
    /// Runs backups and restores.
    Operator = "operator"
    /// May give data back.
    Restorer = "restorer"
    /// Gives the second approval.
    Approver = "approver"
    /// Reads evidence.
    Auditor = "auditor"
    /// Sees the status only.
    Viewer = "viewer"
}

impl Role {
    /// Its word in a plan.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, role)| *role == self).map_or("", |(text, _)| text)
    }
}

/// Where media may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As it stands on labels; the id when none is written.
    pub name: String,
    /// Whether it is another building.
    pub class: PlaceClass,
    /// Who can open it.
    pub keyholders: Vec<PersonId>,
}

/// Whether a place burns down with the school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceClass {
    /// In the school.
    Onsite,
    /// In another building.
    Offsite,
}

/// The weekly letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// When it is written; always one day a week.
    pub weekly: Schedule,
    /// Who gets it.
    pub to: Vec<PersonId>,
}

/// How people and machines are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alerts {
    /// Who is told at once.
    pub to: Vec<PersonId>,
    /// The only domains that mail goes to; empty: those of the plan's people that are no public mail service.
    pub domains: Vec<String>,
    /// The way out for letters.
    pub smtp: Option<Smtp>,
    /// Where the address of a webhook is found: whoever knows it can post there.
    pub webhook: Option<SecretRef>,
    /// A program that gets each message on its standard input.
    pub command: Option<Hook>,
    /// Where the address of the dead-man's ping is found.
    pub ping: Option<SecretRef>,
}

/// A mail relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// `smtps://` or `smtp://` address.
    pub url: String,
    /// The account, if it wants one.
    pub user: Option<String>,
    /// Where its password, or its token, is found.
    pub password: Option<SecretRef>,
    /// How it wants to be convinced.
    pub auth: SmtpAuth,
    /// The sender's address.
    pub from: Option<String>,
    /// A file with the certificate of the relay's own authority, in PEM.
    pub ca: Option<PathBuf>,
}

/// How a mail relay is convinced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpAuth {
    /// By the account's password.
    Password,
    /// By an OAuth 2 access token.
    Xoauth2,
}

impl SmtpAuth {
    /// Every way with its word in a plan.
    pub const ALL: &'static [(&'static str, SmtpAuth)] =
        &[("password", SmtpAuth::Password), ("xoauth2", SmtpAuth::Xoauth2)];
}

/// How much old data is read again unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// How long each night, oldest unread first.
    pub nightly: Period,
}

/// How often restores are rehearsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsals {
    /// A few files of some systems.
    pub sample: Cadence,
    /// Each system whole.
    pub full: Cadence,
    /// How deep.
    pub level: Level,
}

/// How often something that people plan around happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Once in each term; without a calendar, every seventeen weeks.
    Termly,
    /// Once a year.
    Yearly,
    /// Not at all.
    Never,
}

impl Cadence {
    /// Every cadence with its word in a plan.
    pub const ALL: &'static [(&'static str, Cadence)] = &[
        ("weekly", Cadence::Weekly),
        ("monthly", Cadence::Monthly),
        ("termly", Cadence::Termly),
        ("yearly", Cadence::Yearly),
        ("never", Cadence::Never),
    ];
}

/// How deep a rehearsal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What is kept is listed and complete.
    L1,
    /// Data comes back and is compared.
    L2,
    /// The application runs on it.
    L3,
}

impl Level {
    /// Every level with its word in a plan.
    pub const ALL: &'static [(&'static str, Level)] = &[("L1", Level::L1), ("L2", Level::L2), ("L3", Level::L3)];
}

/// A gap that somebody accepted until a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Whose gap.
    pub system: SystemId,
    /// Which rule is not met.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Who accepted it.
    pub approver: PersonId,
    /// Its last day.
    pub until: Date,
}

impl Plan {
    /// The system with this id.
    #[must_use]
    pub fn system(&self, id: &SystemId) -> Option<&System> {
        self.systems.iter().find(|system| system.id == *id)
    }

    /// The pool behind a target, if it is one.
    #[must_use]
    pub fn pool_of(&self, target: &TargetId) -> Option<(&PoolId, &Pool)> {
        let pool = self.targets.get(target)?.pool()?;
        self.pools.get_key_value(pool)
    }

    /// Everybody who has `role`.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = (&PersonId, &Person)> {
        self.people.iter().filter(move |(_, person)| person.roles.contains(&role))
    }
}
