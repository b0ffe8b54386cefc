//! Is what was stored what was meant? Packs are opened again and every chunk in them is named again.

use std::sync::atomic::{AtomicBool, Ordering};

use dr_format::compress::Decompressor;
use dr_format::id::Digest;
use dr_format::pack::open_vouched;
use dr_format::trailer;
use dr_format::wire::Bad;
use dr_index::layout::lay_out;
use dr_log::object::key;

use crate::error::RepoError;
use crate::read::fetch::open_frame;
use crate::read::repository::Repository;
use crate::work_queue::two_at_a_time;
use crate::write::session::Session;

/// What is known of a pack once it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredPack {
    pub(crate) object: String,
    pub(crate) len: u64,
    pub(crate) digest: Digest,
}

/// Opens every frame of a pack and names every chunk again. Needs a key that reads.
pub(crate) fn rehash(
    repository: &Repository,
    object: &str,
    opened: &dr_format::pack::Opened<'_>,
    bytes: &[u8],
) -> Result<u64, RepoError> {
    let bad = |Bad(what)| RepoError::damaged(object, what);
    let rows = trailer::decode(&opened.rows).map_err(bad)?;
    let laid = lay_out(opened.header.own(), repository.writer.family, opened.header_bytes, &rows).map_err(bad)?;
    let mut decompressor = Decompressor::new()?;
    let mut chunks = 0;
    for (frame, row) in laid.frames.iter().zip(&rows) {
        let sealed = bytes
            .get(frame.at as usize..frame.at as usize + frame.sealed_len as usize)
            .ok_or_else(|| RepoError::damaged(object, "a frame lies outside it"))?;
        let raw = open_frame(&laid.header, frame, sealed.to_vec(), &repository.keys, &mut decompressor, object)?;
        let mut at = 0;
        for chunk in &row.chunks {
            let bytes = &raw[at..at + chunk.len as usize];
            at += chunk.len as usize;
            if repository.namer.id(chunk.kind, bytes) != chunk.id {
                return Err(RepoError::damaged(object, "a chunk in it is not what its name says"));
            }
            chunks += 1;
        }
    }
    Ok(chunks)
}

/// Reads back every pack that this session stored, opens it with the session's key and names each chunk again.
/// Those names were taken from the source's own bytes, so equality proves the copy.
pub(crate) fn prove(
    repository: &Repository,
    session: &Session,
    stored: &[StoredPack],
    stop: &AtomicBool,
) -> Result<u64, RepoError> {
    repository.keys.insert(session.id, (*session.key).clone());
    let proof = || {
        let chunks = two_at_a_time(stored, |pack| {
            if stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            let bytes = repository.store.get(&key(&pack.object)?, pack.len)?;
            if Digest::of(&bytes) != pack.digest {
                return Err(RepoError::damaged(&pack.object, "what was read back is not what was written"));
            }
            let opened = open_vouched(&bytes, &session.naming.index)
                .map_err(|Bad(what)| RepoError::damaged(&pack.object, what))?;
            rehash(repository, &pack.object, &opened, &bytes)
        })?;
        Ok(chunks.into_iter().sum())
    };
    let outcome = proof();
    repository.keys.forget(session.id);
    outcome
}
