//! What is a chunk called? A keyed hash of its kind and its bytes, so that nobody without the key can tell what is stored.

use crate::id::{ChunkId, ChunkKind};
use crate::key::Naming;

/// Names chunks, one keyed hash a kind.
#[derive(Clone)]
pub struct Namer {
    keys: [[u8; 32]; 5],
}

impl Namer {
    pub fn new(naming: &Naming) -> Self {
        let mut keys = [[0; 32]; 5];
        for kind in [ChunkKind::Data, ChunkKind::Tree, ChunkKind::Extents, ChunkKind::Document] {
            keys[kind as usize] = naming.id_key(kind);
        }
        Self { keys }
    }

    #[inline]
    pub fn id(&self, kind: ChunkKind, bytes: &[u8]) -> ChunkId {
        let hash = blake3::keyed_hash(&self.keys[kind as usize], bytes);
        let mut out = [0; 24];
        out.copy_from_slice(&hash.as_bytes()[..24]);
        ChunkId(out)
    }
}
