//! Taking snapshots off the list, putting them back while that can be, and holding them. No data goes with it.

use dr_format::id::SnapshotId;
use dr_format::log_entry::Body;

use crate::error::RepoError;
use crate::read::repository::Repository;

impl Repository {
    /// Takes snapshots off the list. What they need stays until a prune, and there for as long as they can be put back.
    ///
    /// # Errors
    /// [`RepoError::KeyMayNot`] for a key that maintains nothing, [`RepoError::Held`] for a snapshot that is held beyond
    /// `now_ms`; otherwise what the store says. Nothing is forgotten then.
    pub fn forget(&mut self, ids: &[SnapshotId], now_ms: i64) -> Result<(), RepoError> {
        for id in ids {
            let held = self.state_of(*id)?.held_until_ms.is_some_and(|until| until > now_ms);
            if held {
                return Err(RepoError::Held(*id));
            }
        }
        self.maintain(now_ms, Body::Forget(ids.to_vec()))
    }

    /// Puts snapshots back that were forgotten.
    ///
    /// # Errors
    /// [`RepoError::ForgottenForGood`] if something of them is gone already, [`RepoError::KeyMayNot`] for a key that
    /// maintains nothing.
    pub fn unforget(&mut self, ids: &[SnapshotId], now_ms: i64) -> Result<(), RepoError> {
        for id in ids {
            if self.state_of(*id)?.lost {
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
        ids.iter().try_for_each(|id| self.state_of(*id).map(|_| ()))?;
        self.maintain(now_ms, Body::Hold { snapshots: ids.to_vec(), until_ms })
    }

    fn state_of(&self, id: SnapshotId) -> Result<&dr_log::fold::SnapshotState, RepoError> {
        let state = self.log.state.snapshots.get(&id);
        state.ok_or_else(|| RepoError::NoSnapshot(format!("there is no snapshot {id} here")))
    }
}
