//! One writing session: its key, its envelopes, its pack numbers.
//!
//! A session's key is drawn when it begins, never touches a disk, and is wiped when it ends; a resumed run is a
//! new session. Pack numbers are spent on first use.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use dr_format::format::{KEM_X25519, PACK_NO_MAX};
use dr_format::header::{Envelope, Sealed};
use dr_format::id::{FamilyId, HostId, PackId, PackKind, Secret, SessionId, random};
use dr_format::key::{Naming, WriterKey};
use dr_format::seal::{key_id, seal_to};
use zeroize::Zeroizing;

use crate::error::RepoError;
use crate::write::claim::Claim;

pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) family: FamilyId,
    pub(crate) host: HostId,
    /// Boxed, so that moving the session leaves no copy behind.
    pub(crate) key: Box<Secret>,
    pub(crate) naming: Naming,
    pub(crate) sealed: Sealed,
    /// Where packs are written before they have a name, and how to call that place.
    pub(crate) staging: PathBuf,
    pub(crate) place: String,
    data: AtomicU32,
    meta: AtomicU32,
    /// While they last, no other run of this host takes its packs for a dead one's.
    _claim: Option<Claim>,
    beside: Option<Claim>,
}

impl Session {
    /// `journal`: the folder of this host's notes about the repository.
    pub(crate) fn begin(
        writer: &WriterKey,
        staging: PathBuf,
        place: String,
        journal: Option<&Path>,
    ) -> Result<Self, RepoError> {
        let id = SessionId(random());
        let mut key = Box::new(Secret([0; 32]));
        key.refill();
        let mut inside = Zeroizing::new(Vec::with_capacity(96));
        for part in [&*key, &writer.naming.index, &writer.naming.id_root] {
            inside.extend_from_slice(&part.0);
        }
        let mut envelopes = Vec::new();
        for recipient in &writer.recipients {
            let sealed = seal_to(recipient, writer.family, id, &inside)
                .map_err(|_| RepoError::WrongKey("a recipient's key cannot be sealed to".into()))?;
            envelopes.push(Envelope { kem: KEM_X25519, to: key_id(recipient), sealed });
        }
        Ok(Self {
            id,
            family: writer.family,
            host: writer.host,
            key,
            naming: writer.naming.clone(),
            sealed: Sealed { session: id, envelopes },
            staging,
            place,
            data: AtomicU32::new(0),
            meta: AtomicU32::new(0),
            _claim: Claim::of(journal, id),
            beside: None,
        })
    }

    /// Shows among the temporary files of its store that it is alive.
    pub(crate) fn shows_in(mut self, staging: Option<&Path>) -> Self {
        self.beside = staging.and_then(|staging| Claim::beside(staging, self.id));
        self
    }

    /// A pack name that was never used.
    pub(crate) fn next_pack(&self, kind: PackKind) -> Result<PackId, RepoError> {
        let counter = match kind {
            PackKind::Data => &self.data,
            PackKind::Meta => &self.meta,
        };
        let no = counter.fetch_add(1, Ordering::Relaxed);
        if no >= PACK_NO_MAX {
            return Err(RepoError::TooMuch("a session has run out of pack numbers".into()));
        }
        Ok(PackId { session: self.id, kind, no })
    }
}
