//! Room for the word that gives room: what goes first where a store is full.
//!
//! Letting something go is said in the log before it is done, and that takes a few hundred bytes. So a little is kept back
//! while there is plenty. Where it is not, as in an older repository, what nobody can miss goes: what the log has let go
//! already, and then parity, which `repair` makes again; but never while something is mended, which may need it.

use dr_format::id::{PARITY_FOLDER, PackId, session_of_parity};
use dr_format::key::{Author, WriterKey};
use dr_format::log_entry::Body;
use dr_store::{BlockingStore, Key, ObjectBody, PutOutcome, StoreError};

use super::Log;
use crate::error::LogError;
use crate::object::key;
use crate::reclaim;

/// So many objects of parity may go for one entry.
const TRIES_MAX: u32 = 8;

impl Log {
    /// Creates an object of the log. For what maintenance says in order to give room, room is made.
    pub(super) fn put(
        &self,
        store: &BlockingStore,
        (name, bytes): (&Key, &[u8]),
        body: &Body,
        writer: &WriterKey,
    ) -> Result<PutOutcome, LogError> {
        let gives_room = writer.as_author() == Author::Maintenance
            && !matches!(body, Body::Commit(_) | Body::Packs(_) | Body::Reframe(_) | Body::Repack(_));
        let mut tries = 0;
        loop {
            match store.put_new(name, ObjectBody::Bytes(bytes.to_vec().into())) {
                Err(StoreError::Full { .. }) if gives_room && tries < TRIES_MAX && self.make_room(store, tries)? => {
                    tries += 1;
                }
                other => return Ok(other?),
            }
        }
    }

    /// Makes room for a little more; whether there was anything that could go.
    pub fn make_room(&self, store: &BlockingStore, tries: u32) -> Result<bool, LogError> {
        if store.give_room() {
            return Ok(true);
        }
        let mut any = false;
        for index in self.state.indexes.iter().filter(|index| tries == 0 && index.superseded) {
            let name = key(&index.object.name)?;
            if store.size(&name).is_ok() {
                reclaim::delete(store, &name)?;
                any = true;
            }
        }
        for folder in ["data", "meta"].into_iter().filter(|_| tries == 0 && !self.state.swept.is_empty()) {
            for listed in store.list(folder)? {
                let name = listed.key.as_str();
                let healed = PackId::from_healed_name(name).map(|(_, pack, _)| pack);
                let pack = healed.or(PackId::from_object_name(name).map(|(_, pack)| pack));
                if pack.is_some_and(|pack| self.state.swept.contains(&pack)) {
                    reclaim::delete(store, &listed.key)?;
                    any = true;
                }
            }
        }
        if any || self.keeps_parity {
            return Ok(any);
        }
        let parity = store.list(PARITY_FOLDER)?;
        let sessions = parity.iter().filter(|listed| session_of_parity(listed.key.as_str()).is_some());
        // The largest, so that few packs for much room are without it.
        match sessions.max_by_key(|listed| listed.size) {
            Some(largest) => reclaim::delete(store, &largest.key).map(|()| true).map_err(LogError::from),
            None => Ok(false),
        }
    }
}
