//! What is anybody's who maintains: entries that only the maintenance key may write, and whether anything may go.

use std::sync::Arc;

use dr_format::key::Author;
use dr_format::log_entry::{Body, object_name};
use dr_index::lookup::Index;

use super::{Fault, Repository};
use crate::error::RepoError;

impl Repository {
    /// Appends an entry that only the maintenance key may.
    pub(crate) fn maintain(&mut self, now_ms: i64, body: Body) -> Result<(), RepoError> {
        self.may_maintain()?;
        let (store, writer) = (self.store.clone(), self.writer.clone());
        self.log.append(&store, &writer, now_ms, &mut |_| Ok(body.clone()))?;
        Ok(())
    }

    /// Reads what others have added, for whoever maintains.
    pub(crate) fn begin_to_prune(&mut self) -> Result<(), RepoError> {
        self.may_maintain()?;
        self.refresh()
    }

    /// Reads what others have added, for whoever both reads and maintains.
    pub(crate) fn begin_to_maintain(&mut self) -> Result<(), RepoError> {
        self.may_maintain()?;
        if !self.reads() {
            return Err(RepoError::CannotRead);
        }
        self.refresh()
    }

    pub(crate) fn may_maintain(&self) -> Result<(), RepoError> {
        match self.writer.as_author() {
            Author::Maintenance => Ok(self.log.may_write()?),
            Author::Host(..) => {
                Err(RepoError::KeyMayNot("this key writes backups and removes none; the recovery key can"))
            }
        }
    }

    /// Whether this is the index by whose numbers a plan names packs: another numbers them otherwise.
    pub(crate) fn is_planned_with(&self, index: &Arc<Index>) -> Result<(), RepoError> {
        match Arc::ptr_eq(self.index()?, index) {
            true => Ok(()),
            false => Err(RepoError::Outrun("it was read again after this was planned")),
        }
    }

    /// Unknown means keep: nothing is removed while anything cannot be read.
    pub(crate) fn is_understood(&self) -> Result<(), RepoError> {
        if let Some(n) = self.log.unknown.first() {
            return Err(RepoError::NotUnderstood {
                object: object_name(*n),
                what: "cannot be read, so nobody knows what is still needed; nothing was removed. `repair` accounts for it"
                    .into(),
            });
        }
        // A checkpoint that cannot be read hides nothing where every entry after an older one was read; nor does what stands
        // for nothing.
        let is_odd = |object: &str| self.log.odd.iter().any(|(n, _)| object_name(*n) == object);
        let hides = |fault: &Fault| !fault.object.starts_with("ckpt/") && !is_odd(&fault.object);
        match self.faults().into_iter().find(hides) {
            None => Ok(()),
            Some(fault) => Err(RepoError::NotUnderstood {
                object: fault.object,
                what: format!("is damaged ({}), so nobody knows what is still needed; nothing was removed", fault.what),
            }),
        }
    }
}
