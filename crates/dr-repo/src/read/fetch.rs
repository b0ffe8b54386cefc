//! Getting chunks back: range read, opened, decompressed, and every chunk's name recomputed before use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use dr_format::compress::Decompressor;
use dr_format::format::CHUNK_MAX;
use dr_format::header::{Header, Sealed, frame_aad, pack_key};
use dr_format::id::{ChunkId, ChunkKind, FamilyId, Secret, SessionId};
use dr_format::key::FamilyKey;
use dr_format::namer::Namer;
use dr_format::seal::{Sealer, commitment, key_id, open_from, public_of, same};
use dr_index::layout::{FrameSlot, Place};
use dr_index::lookup::Index;
use dr_log::object::key;
use dr_store::BlockingStore;

use crate::error::RepoError;
use crate::read::frames::{FrameKey, Frames, Wanted};

/// The keys of sessions, opened once each.
pub(crate) struct SessionKeys {
    family: Option<(FamilyKey, Secret, [u8; 32])>,
    /// Of sessions that are running here.
    own: Mutex<HashMap<SessionId, Arc<Secret>>>,
    /// By the envelope that was opened: a planted header must not stand for its session's other packs.
    known: Mutex<HashMap<Vec<u8>, Arc<Secret>>>,
}

impl SessionKeys {
    pub(crate) fn new(family: Option<&FamilyKey>) -> Result<Self, RepoError> {
        let family = match family {
            None => None,
            Some(key) => {
                let private = key.reading();
                let public = public_of(&private)
                    .map_err(|_| RepoError::WrongKey("the key is not a usable X25519 key".into()))?;
                Some((key.clone(), private, public))
            }
        };
        Ok(Self { family, own: Mutex::default(), known: Mutex::default() })
    }

    /// Lets a session that is still running read back what it wrote.
    pub(crate) fn insert(&self, session: SessionId, key: Secret) {
        if let Ok(mut own) = self.own.lock() {
            own.insert(session, Arc::new(key));
        }
    }

    /// Forgets what [`SessionKeys::insert`] put in; the key is wiped with its last user.
    pub(crate) fn forget(&self, session: SessionId) {
        if let Ok(mut own) = self.own.lock() {
            own.remove(&session);
        }
    }

    pub(crate) fn get(&self, family: FamilyId, sealed: &Sealed) -> Result<Arc<Secret>, RepoError> {
        let unknown = || RepoError::damaged(format!("session {}", sealed.session), "its key does not open");
        if let Some(own) = self.own.lock().ok().and_then(|own| own.get(&sealed.session).cloned()) {
            return Ok(own);
        }
        let Some((_, private, public)) = &self.family else { return Err(RepoError::CannotRead) };
        let to = key_id(public);
        for envelope in sealed.envelopes.iter().filter(|envelope| envelope.to == to) {
            let name = [sealed.session.0.as_slice(), &envelope.sealed].concat();
            let mut known = self.known.lock().map_err(|_| unknown())?;
            if let Some(found) = known.get(&name) {
                return Ok(Arc::clone(found));
            }
            let opened = open_from(private, public, family, sealed.session, &envelope.sealed);
            if let Some(key) =
                opened.ok().and_then(|inside| inside.first_chunk::<32>().map(|key| Arc::new(Secret(*key))))
            {
                known.insert(name, Arc::clone(&key));
                return Ok(key);
            }
        }
        Err(unknown())
    }
}

/// Opens a frame that lies in `sealed`.
pub(crate) fn open_frame(
    header: &Header,
    frame: &FrameSlot,
    sealed: Vec<u8>,
    keys: &SessionKeys,
    decompressor: &mut Decompressor,
    object: &str,
) -> Result<Vec<u8>, RepoError> {
    let packed = unseal(header, frame, sealed, keys, object)?;
    decompressor.decompress(frame.codec, packed, frame.raw_len as usize).map_err(|e| RepoError::damaged(object, e.0))
}

/// Opens the seal of a frame, and gives what was sealed: still compressed.
pub(crate) fn unseal(
    header: &Header,
    frame: &FrameSlot,
    mut sealed: Vec<u8>,
    keys: &SessionKeys,
    object: &str,
) -> Result<Vec<u8>, RepoError> {
    let bad = |what: &str| RepoError::damaged(object, what);
    let origin = header.origins.get(usize::from(frame.origin)).ok_or_else(|| bad("a frame's origin is missing"))?;
    let session = header
        .sessions
        .iter()
        .find(|sealed| sealed.session == origin.pack.session)
        .ok_or_else(|| bad("a frame's session is missing"))?;
    let session_key = keys.get(header.family, session)?;
    let pack = pack_key(&session_key, header.family, origin.pack, &origin.salt);
    if !same(&commitment(&pack), &origin.commit) {
        return Err(bad("its key is not the one it was sealed with"));
    }
    let aad = frame_aad(header.family, origin.pack, frame.number, frame.raw_len, frame.codec);
    Sealer::new(&pack).open(frame.number, &aad, &mut sealed).map_err(|_| bad("a frame does not open"))?;
    Ok(sealed)
}

/// Reads chunks for one thread.
pub(crate) struct Fetcher<'a> {
    store: &'a BlockingStore,
    index: &'a Index,
    keys: &'a SessionKeys,
    namer: &'a Namer,
    decompressor: Decompressor,
    frames: Arc<Frames>,
    /// The frame that was asked for last: most chunks come from the same one as their neighbour.
    last: Option<(FrameKey, Arc<Vec<u8>>)>,
}

/// A chunk in its opened frame.
#[derive(Clone)]
pub(crate) struct Found {
    frame: Arc<Vec<u8>>,
    from: usize,
    to: usize,
}

impl Found {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.frame[self.from..self.to]
    }

    /// Takes in what follows immediately in the same frame; says whether it did.
    pub(crate) fn join(&mut self, next: &Self) -> bool {
        let follows = Arc::ptr_eq(&self.frame, &next.frame) && self.to == next.from;
        if follows {
            self.to = next.to;
        }
        follows
    }
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(
        store: &'a BlockingStore,
        index: &'a Index,
        keys: &'a SessionKeys,
        namer: &'a Namer,
        frames: Arc<Frames>,
    ) -> Result<Self, RepoError> {
        Ok(Self { store, index, keys, namer, decompressor: Decompressor::new()?, frames, last: None })
    }

    /// The chunk's bytes, proved to be that chunk. Every place that is known is tried.
    pub(crate) fn chunk(&mut self, kind: ChunkKind, id: ChunkId) -> Result<&[u8], RepoError> {
        let found = self.find(kind, id)?;
        // The same frame, held by `last`.
        match &self.last {
            Some((_, frame)) => Ok(&frame[found.from..found.to]),
            None => Err(RepoError::damaged(format!("chunk {id}"), "it was dropped too early")),
        }
    }

    /// The chunk in its frame, proved to be that chunk. Every place that is known is tried.
    pub(crate) fn find(&mut self, kind: ChunkKind, id: ChunkId) -> Result<Found, RepoError> {
        let mut first_error = None;
        for place in self.index.places(kind, id)? {
            match self.at(kind, id, place) {
                Ok(found) => return Ok(found),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error
            .unwrap_or_else(|| RepoError::damaged(format!("chunk {id}"), "it is in no pack that can be found")))
    }

    /// Whether these bytes are that chunk.
    pub(crate) fn is(&self, kind: ChunkKind, id: ChunkId, bytes: &[u8]) -> bool {
        self.namer.id(kind, bytes) == id
    }

    /// The frame in which the chunk will be looked for first.
    pub(crate) fn frame_of(&self, kind: ChunkKind, id: ChunkId) -> Option<FrameKey> {
        let place = self.index.places(kind, id).ok()?.into_iter().next()?;
        Some((place.pack, self.index.slot(place).ok()?.frame))
    }

    /// The chunk at a place, proved to be that chunk.
    pub(crate) fn at(&mut self, kind: ChunkKind, id: ChunkId, place: Place) -> Result<Found, RepoError> {
        let slot = self.index.slot(place)?;
        let frame = self.frame((place.pack, slot.frame))?;
        let (from, to) = (slot.at as usize, slot.at as usize + slot.len as usize);
        match frame.get(from..to) {
            Some(bytes) if self.namer.id(kind, bytes) == id => Ok(Found { frame, from, to }),
            _ => Err(RepoError::damaged(self.index.object(place.pack), "a chunk in it is not what its name says")),
        }
    }

    fn frame(&mut self, key: FrameKey) -> Result<Arc<Vec<u8>>, RepoError> {
        if let Some((last, frame)) = &self.last
            && *last == key
        {
            return Ok(Arc::clone(frame));
        }
        let frames = Arc::clone(&self.frames);
        let frame = frames.get(key, || self.open(key))?;
        self.last = Some((key, Arc::clone(&frame)));
        Ok(frame)
    }

    /// Opens a frame that somebody will ask for, unless another is at it.
    pub(crate) fn open_early(&mut self, wanted: &Wanted) {
        wanted.open(|key| self.open(key));
    }

    fn open(&mut self, (pack, frame): FrameKey) -> Result<Vec<u8>, RepoError> {
        let known = self.index.pack(pack)?;
        let slot = known
            .frames
            .get(usize::from(frame))
            .ok_or_else(|| RepoError::damaged(&known.object, "a frame of it is not known"))?;
        debug_assert!(slot.raw_len as usize <= CHUNK_MAX);
        let sealed = self.store.get_range(&key(&known.object)?, slot.at, u64::from(slot.sealed_len))?;
        open_frame(&known.header, slot, sealed.into(), self.keys, &mut self.decompressor, &known.object)
    }
}
