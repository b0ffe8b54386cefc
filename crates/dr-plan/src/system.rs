//! One row of the backup table: a system, who answers for it, and where its copies go.

use crate::expect::{Expect, ExpectedPage};
use crate::period::Period;
use crate::retention::Retention;
use crate::schedule::Schedule;
use crate::source::Source;
use crate::{PersonId, SystemId, TargetId};

/// One row of the backup table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Its id in commands and runbooks.
    pub id: SystemId,
    /// As it stands on letters.
    pub title: String,
    /// 1 is needed first, 3 last.
    pub tier: u8,
    /// Who answers for it.
    pub owner: Option<PersonId>,
    /// How its data is read.
    pub source: Source,
    /// Where its copies go, and when.
    pub copies: Vec<CopyRule>,
    /// The most data, as time, that may be lost.
    pub rpo: Period,
    /// How long until it works again; `None`: measured, none promised.
    pub rto: Option<Period>,
    /// After how long harm is unacceptable.
    pub mtpd: Option<Period>,
    /// Nothing older than this is kept anywhere.
    pub max_age: Option<Period>,
    /// What is kept where a copy does not say otherwise.
    pub retention: Retention,
    /// Commands to run before its data is read.
    pub before: Vec<Hook>,
    /// Commands to run afterwards, also when reading failed.
    pub after: Vec<Hook>,
    /// After how long a run of it is stopped and counts as failed.
    pub timeout: Period,
    /// Names and contents closed to the it role.
    pub sensitive: bool,
    /// What it is asked, when it is captured and when it was restored.
    pub expect: Vec<Expect>,
    /// What its pages must show when it was restored.
    pub pages: Vec<ExpectedPage>,
}

/// One system on one target, with its own frequency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRule {
    /// Where.
    pub target: TargetId,
    /// When.
    pub schedule: Schedule,
    /// What is kept there.
    pub retention: Retention,
}

/// A command, as arguments: never given to a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// After how long it is stopped and counts as failed.
    pub timeout: Period,
    /// Whether its failure is only told, and not the run's.
    pub optional: bool,
}
