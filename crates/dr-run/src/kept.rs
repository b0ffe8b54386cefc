//! What is kept, and where: the snapshots of a system on every copy that can be reached now.

use dr_media::Register;
use dr_plan::{SystemId, TargetId};
use dr_repo::{Key, Label, Repository, SnapshotId};
use jiff::Timestamp;

use crate::error::RunError;
use crate::school::School;
use crate::targets::{Reach, Spot, class_order};

/// A copy that can be read now.
pub struct Opened {
    /// Where.
    pub spot: Spot,
    /// The repository.
    pub repository: Repository,
}

/// A copy that cannot.
pub struct Closed {
    /// Where.
    pub target: TargetId,
    /// Why not, in words.
    pub why: String,
    /// The cause, if there was one beyond a medium that is away.
    pub error: Option<RunError>,
}

/// A snapshot on one copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which of the opened copies.
    pub copy: usize,
    /// Its id, the same on every copy.
    pub id: SnapshotId,
    /// What it says of itself.
    pub label: Label,
    /// When its capture began.
    pub started: Timestamp,
}

/// Opens every copy that can be reached, on-site first; `only`: no other target.
///
/// # Errors
/// If the ledger cannot be read, or the plan has no such target.
pub fn open_all(school: &School, key: &Key, only: Option<&str>) -> Result<(Vec<Opened>, Vec<Closed>), RunError> {
    open_each(school, key, only, false)
}

/// As [`open_all`], to change what is kept there.
///
/// # Errors
/// As [`open_all`].
pub fn open_to_write(school: &School, key: &Key, only: Option<&str>) -> Result<(Vec<Opened>, Vec<Closed>), RunError> {
    open_each(school, key, only, true)
}

fn open_each(
    school: &School,
    key: &Key,
    only: Option<&str>,
    write: bool,
) -> Result<(Vec<Opened>, Vec<Closed>), RunError> {
    let register = Register::of(&school.entries()?);
    let mut targets: Vec<_> = school.plan.targets.keys().cloned().collect();
    if let Some(only) = only {
        let known = targets.clone();
        targets.retain(|target| target.as_str() == only);
        if targets.is_empty() {
            return Err(RunError::UnknownTarget { name: only.to_owned(), known });
        }
    }
    targets.sort_by_key(|target| class_order(&school.plan, target));
    let (mut opened, mut closed) = (Vec::new(), Vec::new());
    for target in targets {
        match school.reach(&register, &target) {
            Reach::Here(spot) => match school.open(&spot, key.clone(), write) {
                Ok(repository) => opened.push(Opened { spot, repository }),
                Err(error) => closed.push(Closed { target, why: error.to_string(), error: Some(error) }),
            },
            Reach::Awaited { who, .. } => {
                closed.push(Closed { target, why: format!("no medium is loaded: {who}"), error: None });
            }
            Reach::CannotRun(why) | Reach::Gone(why) => closed.push(Closed { target, why, error: None }),
        }
    }
    Ok((opened, closed))
}

/// The snapshots of `system`, or of all, on the opened copies: newest first, and of one moment the copy that comes
/// first among the opened.
#[must_use]
pub fn kept(opened: &[Opened], system: Option<&SystemId>) -> Vec<Kept> {
    let mut all: Vec<(SnapshotId, Kept)> = Vec::new();
    for (copy, one) in opened.iter().enumerate() {
        for snapshot in one.repository.snapshots() {
            let Some(label) = snapshot.label else { continue };
            if label.system.is_empty() || system.is_some_and(|system| system.as_str() != label.system) {
                continue;
            }
            let started = Timestamp::from_millisecond(label.started_ms).unwrap_or(Timestamp::UNIX_EPOCH);
            // What was written anew without something is of the run of the one in whose place it stands.
            let run = snapshot.replaces.unwrap_or(snapshot.id);
            all.push((run, Kept { copy, id: snapshot.id, label, started }));
        }
    }
    // Copies of one run began moments apart, and that does not make one of them fresher: a run is as old as its
    // oldest copy here.
    let oldest = |run: &SnapshotId| all.iter().filter(|(of, _)| of == run).map(|(_, other)| other.started).min();
    let mut keyed: Vec<_> = all.iter().map(|(run, kept)| (oldest(run), kept.clone())).collect();
    keyed.sort_by(|(a, one), (b, other)| b.cmp(a).then(one.copy.cmp(&other.copy)));
    keyed.into_iter().map(|(_, kept)| kept).collect()
}
