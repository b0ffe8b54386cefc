//! What one rehearsal proved, and what it did not: the report that an assessor or an insurer is given.
//!
//! One plain value goes in, three documents that say the same come out: canonical JSON (whose hash the ledger keeps),
//! HTML and text. The verdict of the whole is the worst of its parts. The time measured is the technical restore time:
//! from the beginning of the restore until the probes passed. It is never called a recovery time, which begins when
//! somebody decides and includes fetching the disk and putting the key together.

mod json;
mod render;

use dr_ledger::{Head, RehearsalVerdict};
use dr_plan::{SystemId, TargetId};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use render::evidence;

/// One rehearsal, as it was carried out.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The report's number, counting from 1.
    pub number: u64,
    /// The school's name.
    pub school: String,
    /// Whether it is a sample school, all of whose copies are on one computer.
    pub sample_school: bool,
    /// The school's clock.
    pub zone: TimeZone,
    /// `L1`, `L2` or `L3`.
    pub level: String,
    /// What was asked for: `full`, `sample`, `picked by the assessor` …
    pub mode: String,
    /// The version of `dr`.
    pub tool_version: String,
    /// BLAKE3 of the plan's text, in hexadecimal.
    pub plan_hash: String,
    /// BLAKE3 of the runbook's text, if there was one.
    pub runbook_hash: Option<String>,
    /// Who ran it: a name, or `dr, on schedule`.
    pub ran_by: String,
    /// How one knows: `login`, `named, not authenticated`, `system`.
    pub authenticated: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether somebody chose the moment instead of the clock.
    pub clock_moved: bool,
    /// Each system's part.
    pub systems: Vec<Rehearsed>,
    /// What was picked, and what that lets one claim; `None` if everything was compared.
    pub sample: Option<Sample>,
    /// That nothing stayed behind.
    pub wipe: Wipe,
    /// What was not tested, in whole sentences.
    pub not_tested: Vec<String>,
    /// The ledger's end before the rehearsal: the seed follows from it.
    pub ledger_head: Head,
}

/// One system's part.
#[derive(Debug, Clone)]
pub struct Rehearsed {
    /// Which.
    pub id: SystemId,
    /// As it stands on letters.
    pub title: String,
    /// How it went. What was skipped or simulated proves nothing.
    pub verdict: RehearsalVerdict,
    /// To which level it came.
    pub level: String,
    /// From which target.
    pub target: Option<TargetId>,
    /// The sort of copy: `onsite`, `offsite`, `cloud`, `offline`.
    pub copy_class: Option<String>,
    /// On which medium.
    pub medium: Option<String>,
    /// From which snapshot.
    pub snapshot: Option<String>,
    /// Technical restore time in seconds.
    pub restore_seconds: f64,
    /// The moment whose data came back.
    pub recovery_point: Option<Timestamp>,
    /// Files that came back.
    pub files: u64,
    /// Bytes that came back.
    pub bytes: u64,
    /// What was looked at.
    pub checks: Vec<CheckDone>,
    /// Why it was skipped or could not be judged, in words without names of files.
    pub because: Option<String>,
}

/// One thing that was looked at. Names of files must not stand in any of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CheckDone {
    /// What was looked at.
    pub name: String,
    /// How it went.
    pub verdict: RehearsalVerdict,
    /// What had to come out.
    pub expected: String,
    /// What came out.
    pub actual: String,
}

/// A sample instead of the whole.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What picked it, so that somebody else can pick the same; chosen before the rehearsal began.
    pub seed: String,
    /// How many were picked.
    pub picked: u64,
    /// Out of how many.
    pub of: u64,
    /// How many of the picked were wrong.
    pub wrong: u64,
}

/// The end of the scratch folder.
#[derive(Debug, Clone)]
pub struct Wipe {
    /// Whether nothing was left.
    pub done: bool,
    /// How one knows, in words.
    pub how: String,
}

/// The three documents. They say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The worst of all parts.
    pub verdict: RehearsalVerdict,
    /// Canonical JSON: keys in order, no blanks, one line, a line feed at its end.
    pub json: String,
    /// One page that needs nothing else.
    pub html: String,
    /// Plain text.
    pub text: String,
}

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A number that is none.
    #[error("a restore time of a system is not a number")]
    NoNumber(#[source] serde_json::Error),
    /// The template, which is part of this program, is broken.
    #[error("the page could not be written")]
    Page(#[from] minijinja::Error),
}

/// How bad a verdict is for the whole. Simulated and skipped parts prove nothing, so they are no better than not known.
fn badness(verdict: RehearsalVerdict) -> u8 {
    match verdict {
        RehearsalVerdict::Verified => 0,
        RehearsalVerdict::Simulated => 1,
        RehearsalVerdict::Skipped => 2,
        RehearsalVerdict::CouldNotVerify => 3,
        RehearsalVerdict::Failed => 4,
    }
}

impl Rehearsal {
    /// The worst of its parts. What was left behind on scratch makes it fail; nothing tried is nothing verified.
    #[must_use]
    pub fn verdict(&self) -> RehearsalVerdict {
        if !self.wipe.done {
            return RehearsalVerdict::Failed;
        }
        let worst = self.systems.iter().map(Rehearsed::worst).max_by_key(|verdict| badness(*verdict));
        worst.unwrap_or(RehearsalVerdict::CouldNotVerify)
    }
}

impl Rehearsed {
    /// The worst of its own word and its checks': a part is no better than what was seen.
    #[must_use]
    pub fn worst(&self) -> RehearsalVerdict {
        let all = self.checks.iter().map(|check| check.verdict).chain([self.verdict]);
        // A check that was skipped within a part that came back lowers nothing but what is said of it.
        let counted = all.filter(|verdict| *verdict != RehearsalVerdict::Skipped || self.verdict == *verdict);
        counted.max_by_key(|verdict| badness(*verdict)).unwrap_or(self.verdict)
    }
}

impl Sample {
    /// What the sample lets one claim: the chance to have missed that one in a hundred, and one in a thousand, is wrong.
    #[must_use]
    pub fn claim(&self) -> String {
        let (picked, of) = (self.picked, self.of);
        if self.wrong > 0 {
            return format!(
                "{} of {picked} picked files were wrong, so nothing can be claimed for the other files",
                self.wrong
            );
        }
        if picked >= of {
            return format!("all {of} files were compared");
        }
        let claim = match picked {
            2995.. => "with 95 % confidence fewer than 0.1 % of all files are wrong",
            299.. => "with 95 % confidence fewer than 1 % of all files are wrong",
            _ => "too few to say how many of the others may be wrong",
        };
        format!("{picked} of {of} files picked by seed {} and compared: {claim}", self.seed)
    }
}
