//! Getting chunks back: range read, opened, decompressed, and every chunk's name recomputed before use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use dr_store::Shelf;

use crate::error::RepoError;
use crate::format::CHUNK_MAX;
use crate::header::{Header, Sealed, frame_aad, pack_key};
use crate::id::{ChunkId, ChunkKind, FamilyId, Secret, SessionId};
use crate::key::{FamilyKey, Naming};
use crate::log::key;
use crate::lookup::{FrameSlot, Index, Place};
use crate::seal::{Sealer, commitment, key_id, open_from, public_of, same};
use crate::squeeze::Unsqueezer;

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
    mut sealed: Vec<u8>,
    keys: &SessionKeys,
    unsqueezer: &mut Unsqueezer,
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
    unsqueezer.unsqueeze(frame.codec, sealed, frame.raw_len as usize).map_err(|e| bad(e.0))
}

/// Names chunks, one keyed hash a kind.
#[derive(Clone)]
pub(crate) struct Namer {
    keys: [[u8; 32]; 5],
}

impl Namer {
    pub(crate) fn new(naming: &Naming) -> Self {
        let mut keys = [[0; 32]; 5];
        for kind in [ChunkKind::Data, ChunkKind::Tree, ChunkKind::Extents, ChunkKind::Document] {
            keys[kind as usize] = naming.id_key(kind);
        }
        Self { keys }
    }

    pub(crate) fn id(&self, kind: ChunkKind, bytes: &[u8]) -> ChunkId {
        let hash = blake3::keyed_hash(&self.keys[kind as usize], bytes);
        let mut out = [0; 24];
        out.copy_from_slice(&hash.as_bytes()[..24]);
        ChunkId(out)
    }
}

/// Opened frames that one thread keeps at hand.
const FRAMES_KEPT: usize = 12;

/// Reads chunks for one thread.
pub(crate) struct Fetcher<'a> {
    shelf: &'a Shelf,
    index: &'a Index,
    keys: &'a SessionKeys,
    namer: &'a Namer,
    unsqueezer: Unsqueezer,
    /// Most recently used last.
    kept: Vec<((u32, u16), Vec<u8>)>,
    pub(crate) fetched: u64,
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(
        shelf: &'a Shelf,
        index: &'a Index,
        keys: &'a SessionKeys,
        namer: &'a Namer,
    ) -> Result<Self, RepoError> {
        Ok(Self { shelf, index, keys, namer, unsqueezer: Unsqueezer::new()?, kept: Vec::new(), fetched: 0 })
    }

    /// The chunk's bytes, proved to be that chunk. Every place that is known is tried.
    pub(crate) fn chunk(&mut self, kind: ChunkKind, id: ChunkId) -> Result<&[u8], RepoError> {
        let mut first_error = None;
        for place in self.index.places(kind, id)? {
            match self.at(kind, id, place) {
                Ok((kept, from, to)) => return Ok(&self.kept[kept].1[from..to]),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error
            .unwrap_or_else(|| RepoError::damaged(format!("chunk {id}"), "it is in no pack that can be found")))
    }

    fn at(&mut self, kind: ChunkKind, id: ChunkId, place: Place) -> Result<(usize, usize, usize), RepoError> {
        let slot = self.index.slot(place)?;
        let kept = self.frame(place.pack, slot.frame)?;
        let (from, to) = (slot.at as usize, slot.at as usize + slot.len as usize);
        let bytes = self.kept[kept].1.get(from..to);
        match bytes {
            Some(bytes) if self.namer.id(kind, bytes) == id => Ok((kept, from, to)),
            _ => Err(RepoError::damaged(self.index.object(place.pack), "a chunk in it is not what its name says")),
        }
    }

    fn frame(&mut self, pack: u32, frame: u16) -> Result<usize, RepoError> {
        if let Some(at) = self.kept.iter().position(|(key, _)| *key == (pack, frame)) {
            let entry = self.kept.remove(at);
            self.kept.push(entry);
            return Ok(self.kept.len() - 1);
        }
        let known = self.index.pack(pack)?;
        let slot = known
            .frames
            .get(usize::from(frame))
            .ok_or_else(|| RepoError::damaged(&known.object, "a frame of it is not known"))?;
        debug_assert!(slot.raw_len as usize <= CHUNK_MAX);
        let sealed = self.shelf.get_range(&key(&known.object)?, slot.at, u64::from(slot.sealed_len))?;
        self.fetched += sealed.len() as u64;
        let raw = open_frame(&known.header, slot, sealed.into(), self.keys, &mut self.unsqueezer, &known.object)?;
        if self.kept.len() == FRAMES_KEPT {
            self.kept.remove(0);
        }
        self.kept.push(((pack, frame), raw));
        Ok(self.kept.len() - 1)
    }
}
