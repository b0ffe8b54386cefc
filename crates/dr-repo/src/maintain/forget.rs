//! Which snapshots go off the list, and why: a plan that is shown and then executed. Also putting them back while that can
//! be, and holding them. No data goes with it.

use dr_format::id::SnapshotId;
use dr_format::log_entry::Body;
use dr_log::error::LogError;
use dr_log::fold::{SnapshotState, State};

use crate::error::RepoError;
use crate::read::repository::Repository;

/// What becomes of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgetVerdict {
    /// Which.
    pub id: SnapshotId,
    /// Whether it stays on the list.
    pub keep: bool,
    /// Why.
    pub because: String,
}

/// Which snapshots go off the list, and which stay in view of that. Whoever judges them makes it of what a list shows; it
/// changes nothing before it is executed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForgetPlan {
    verdicts: Vec<ForgetVerdict>,
}

/// What was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForgetReport {
    /// Snapshots that went off the list.
    pub forgotten: u64,
}

/// For a closure of the log: why nothing is said is told apart.
const NOT_SAID: &str = "the plan does not fit what is there now";

impl ForgetPlan {
    /// A plan that says this of each snapshot.
    #[must_use]
    pub fn new(verdicts: Vec<ForgetVerdict>) -> Self {
        Self { verdicts }
    }

    /// These go because somebody named them.
    #[must_use]
    pub fn named(ids: &[SnapshotId]) -> Self {
        let named = |id: &SnapshotId| ForgetVerdict { id: *id, keep: false, because: "it was named".to_owned() };
        Self::new(ids.iter().map(named).collect())
    }

    /// What becomes of each snapshot, and why.
    #[must_use]
    pub fn verdicts(&self) -> &[ForgetVerdict] {
        &self.verdicts
    }

    /// How many snapshots go.
    #[must_use]
    pub fn removes(&self) -> u64 {
        self.verdicts.iter().filter(|one| !one.keep).count() as u64
    }

    /// Takes the snapshots off the list. What they need stays until a prune, and there for as long as they can be put back.
    ///
    /// It is held to what the log says at the very moment: what another writer has forgotten by then is not forgotten again.
    ///
    /// # Errors
    /// [`RepoError::KeyMayNot`] for a key that maintains nothing, [`RepoError::Held`] for a snapshot that is held beyond
    /// `now_ms`, [`RepoError::Outrun`] if one that the plan keeps was forgotten meanwhile; otherwise what the store says.
    /// Nothing is forgotten then.
    pub fn execute(self, repository: &mut Repository, now_ms: i64) -> Result<ForgetReport, RepoError> {
        if self.removes() == 0 {
            return Ok(ForgetReport::default());
        }
        repository.may_maintain()?;
        let (store, writer) = (repository.store.clone(), repository.writer.clone());
        let mut goes = Ok(Vec::new());
        let says = &mut |state: &State| {
            goes = self.goes(state, now_ms);
            match &goes {
                Ok(ids) if !ids.is_empty() => Ok(Body::Forget(ids.clone())),
                _ => Err(LogError::Outrun(NOT_SAID)),
            }
        };
        match repository.log.append(&store, &writer, now_ms, says) {
            Err(LogError::Outrun(NOT_SAID)) => {}
            other => drop(other?),
        }
        Ok(ForgetReport { forgotten: goes?.len() as u64 })
    }

    /// What of it is still to be forgotten, by this state of the log.
    fn goes(&self, state: &State, now_ms: i64) -> Result<Vec<SnapshotId>, RepoError> {
        let mut goes = Vec::new();
        for one in &self.verdicts {
            let now = state_of(state, one.id)?;
            match (one.keep, now.is_there()) {
                (true, true) | (false, false) => {}
                (true, false) => {
                    return Err(RepoError::Outrun("a snapshot that is to stay was forgotten"));
                }
                (false, true) if now.held_until_ms.is_some_and(|until| until > now_ms) => {
                    return Err(RepoError::Held(one.id));
                }
                (false, true) => goes.push(one.id),
            }
        }
        Ok(goes)
    }
}

impl Repository {
    /// Puts snapshots back that were forgotten.
    ///
    /// # Errors
    /// [`RepoError::ForgottenForGood`] if something of them is gone already, [`RepoError::KeyMayNot`] for a key that
    /// maintains nothing.
    pub fn unforget(&mut self, ids: &[SnapshotId], now_ms: i64) -> Result<(), RepoError> {
        for id in ids {
            if state_of(&self.log.state, *id)?.lost {
                return Err(RepoError::ForgottenForGood(*id));
            }
        }
        self.maintain(now_ms, Body::Unforget(ids.to_vec()))
    }

    /// Keeps snapshots from being forgotten before a time.
    ///
    /// # Errors
    /// [`RepoError::KeyMayNot`] for a key that maintains nothing.
    pub fn hold(&mut self, ids: &[SnapshotId], until_ms: i64, now_ms: i64) -> Result<(), RepoError> {
        ids.iter().try_for_each(|id| state_of(&self.log.state, *id).map(|_| ()))?;
        self.maintain(now_ms, Body::Hold { snapshots: ids.to_vec(), until_ms })
    }
}

fn state_of(state: &State, id: SnapshotId) -> Result<&SnapshotState, RepoError> {
    let known = state.snapshots.get(&id);
    known.ok_or_else(|| RepoError::NoSnapshot(format!("there is no snapshot {id} here")))
}
