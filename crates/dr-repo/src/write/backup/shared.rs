//! What the threads of a backup share: what is new, what old packs are relied on, and the sign to end.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use dr_entry::{Attributes, Profile, Stamp};
use dr_format::id::{ChunkId, ChunkKind};
use dr_format::namer::Namer;
use dr_format::page::{Contents, Extent};
use dr_index::bits::SharedBits;
use dr_index::lookup::Index;
use dr_index::session_dedup::SessionDedup;

use crate::error::RepoError;
use crate::write::presence::Stands;
use crate::write::session::Session;

/// Everything the threads share.
pub(crate) struct Shared<'a> {
    pub(crate) session: &'a Session,
    pub(crate) index: &'a Index,
    pub(crate) namer: &'a Namer,
    /// Chunks that this session has taken in.
    fresh: SessionDedup,
    /// Chunks in packs of others that this snapshot relies on.
    pub(crate) relied: SharedBits,
    /// Whether duplicates may be looked for in old packs.
    rely: bool,
    /// What is there of those packs.
    pub(crate) stands: Stands,
    /// Files with several names, so that the second name costs no second read.
    links: Mutex<HashMap<u64, Linked>>,
}

/// What was taken of a file with several names.
#[derive(Clone)]
pub(super) struct Linked {
    pub(super) stamp: Stamp,
    pub(super) contents: Contents,
    pub(super) size: u64,
    pub(super) profile: Profile,
    pub(super) xattrs: Attributes,
}

/// So many files with several names are remembered; the names of further ones are read one by one.
const LINKS_MAX: usize = 100_000;

impl<'a> Shared<'a> {
    pub(super) fn new(
        session: &'a Session,
        index: &'a Index,
        namer: &'a Namer,
        rely: bool,
        stands: Stands,
        scratch: &Path,
    ) -> Result<Self, RepoError> {
        Ok(Self {
            session,
            index,
            namer,
            fresh: SessionDedup::new(scratch),
            relied: SharedBits::new(index.sizes()?),
            rely,
            stands,
            links: Mutex::default(),
        })
    }
}

impl Shared<'_> {
    /// Whether the chunk must be stored now. Each new chunk is answered "yes" once.
    pub(crate) fn is_new(&self, kind: ChunkKind, id: ChunkId) -> bool {
        if self.rely && self.have(kind, id) {
            return false;
        }
        self.fresh.insert(id)
    }

    /// Whether an old pack holds it; if so the snapshot relies on that from now on.
    fn have(&self, kind: ChunkKind, id: ChunkId) -> bool {
        let place = self.index.duplicate(kind, id);
        place.inspect(|place| self.relied.set(place.pack, place.chunk)).is_some()
    }

    /// What was taken of this file under another of its names.
    pub(super) fn linked(&self, link: Option<u64>, stamp: Option<Stamp>) -> Option<Linked> {
        let links = self.links.lock().ok()?;
        links.get(&link?).filter(|linked| Some(linked.stamp) == stamp).cloned()
    }

    /// Remembers a file for its next name.
    pub(super) fn remember(&self, link: u64, linked: Linked) {
        if let Ok(mut links) = self.links.lock()
            && links.len() < LINKS_MAX
        {
            links.insert(link, linked);
        }
    }

    /// Whether everything a remembered file consists of is still there.
    pub(super) fn still_there(&self, contents: &Contents) -> bool {
        match contents {
            Contents::Empty | Contents::Inline(_) => true,
            Contents::Extents(extents) => {
                self.rely
                    && extents.iter().all(|extent| match extent {
                        Extent::Chunk { id, .. } => self.have(ChunkKind::Data, *id),
                        Extent::Hole { .. } => true,
                    })
            }
            Contents::Tree { .. } => false,
        }
    }
}
