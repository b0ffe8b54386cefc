//! What a snapshot says of itself: a sealed label in the log for lists, a document beside its tree for restores.

use std::collections::BTreeMap;

use crate::cbor::{Reader, Writer};
use crate::error::FormatError;
use crate::format::{LABEL_MAX, LEVELS_MAX};
use crate::id::{ChunkId, FamilyId, Secret, SnapshotId};
use crate::seal::{derive, open_once, seal_once};
use crate::tree::Root;
use crate::wire::Bad;

/// What lists show of a snapshot. Sealed: a thief of the log learns none of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label {
    /// The system of the plan, or empty for a snapshot made without one.
    pub system: String,
    /// The host's name.
    pub hostname: String,
    /// What was captured, as the caller named it.
    pub paths: Vec<Vec<u8>>,
    /// Anything the caller wants to find it by.
    pub tags: BTreeMap<String, String>,
    /// When capture began, in milliseconds since 1970 UTC.
    pub started_ms: i64,
    /// When capture ended.
    pub ended_ms: i64,
    /// Entries of all kinds.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Bytes of contents, holes included.
    pub bytes: u64,
    /// Entries that could not be captured.
    pub unreadable: u64,
    /// The snapshot in whose place it stands: it is that one without what was erased.
    pub replaces: Option<SnapshotId>,
}

/// Whether entries stand under one directory's own root or under absolute paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// The contents of one directory.
    #[default]
    Directory,
    /// Several paths or a file, each under its absolute path.
    Absolute,
}

/// Everything else, kept with the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    pub label: Label,
    pub shape: Shape,
    pub root: Option<Root>,
    /// Paths that could not be captured, and why; at most 10,000 of them.
    pub unreadable: Vec<(Vec<u8>, String)>,
    /// Paths of files that changed while they were read; at most 10,000 of them.
    pub unsettled: Vec<Vec<u8>>,
    pub chunker: u64,
    pub tool: String,
}

/// No list in a document is longer.
pub const LISTED_MAX: usize = 10_000;

impl Label {
    fn write(&self, out: &mut Writer) {
        out.map(if self.replaces.is_some() { 11 } else { 10 });
        out.number(1).text(&self.system).number(2).text(&self.hostname).number(3).array(self.paths.len());
        for path in &self.paths {
            out.bytes(path);
        }
        out.number(4).array(self.tags.len() * 2);
        for (name, value) in &self.tags {
            out.text(name).text(value);
        }
        out.number(5).signed(self.started_ms).number(6).signed(self.ended_ms);
        out.number(7).number(self.entries).number(8).number(self.files);
        out.number(9).number(self.bytes).number(10).number(self.unreadable);
        if let Some(id) = &self.replaces {
            out.number(11).bytes(&id.0);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Bad> {
        let mut out = Self::default();
        reader.map(|key, reader| {
            match key {
                1 => out.system = reader.text()?.to_owned(),
                2 => out.hostname = reader.text()?.to_owned(),
                3 => out.paths = reader.list(|r| Ok(r.bytes()?.to_vec()))?,
                4 => {
                    let words = reader.list(|r| Ok(r.text()?.to_owned()))?;
                    out.tags = words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
                }
                5 => out.started_ms = reader.signed()?,
                6 => out.ended_ms = reader.signed()?,
                7 => out.entries = reader.number()?,
                8 => out.files = reader.number()?,
                9 => out.bytes = reader.number()?,
                10 => out.unreadable = reader.number()?,
                11 => out.replaces = Some(SnapshotId(reader.array()?)),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn key(list: &Secret, family: FamilyId, id: SnapshotId) -> Secret {
        derive("dr v1 label", &[&list.0, &family.0, &id.0])
    }

    /// Seals the label; once made, the same bytes go into every log.
    pub fn seal(&self, list: &Secret, family: FamilyId, id: SnapshotId) -> Result<Vec<u8>, FormatError> {
        let mut label = self.clone();
        loop {
            let mut out = Writer::new();
            label.write(&mut out);
            let plain = out.done();
            // Padded, so that the log does not tell short names from long ones.
            let mut plain = [&(plain.len() as u32).to_le_bytes()[..], &plain].concat();
            plain.resize(plain.len().next_multiple_of(256), 0);
            if plain.len() + 16 <= LABEL_MAX {
                return Ok(seal_once(&Self::key(list, family, id), b"DRL1", &plain));
            }
            // Lists show fewer paths; the document keeps them all.
            if label.paths.pop().is_none() {
                return Err(FormatError::TooMuch("a snapshot's host name and tags do not fit its label".into()));
            }
        }
    }

    pub fn open(sealed: &[u8], list: &Secret, family: FamilyId, id: SnapshotId) -> Result<Self, Bad> {
        if sealed.len() > LABEL_MAX {
            return Err(Bad("its label is too large"));
        }
        let plain =
            open_once(&Self::key(list, family, id), b"DRL1", sealed).map_err(|_| Bad("its label does not open"))?;
        let len = plain.get(..4).map(|l| u32::from_le_bytes([l[0], l[1], l[2], l[3]]) as usize);
        let body = len.and_then(|len| plain.get(4..4 + len)).ok_or(Bad("its label is cut"))?;
        Self::read(&mut Reader::new(body))
    }
}

impl Document {
    pub fn encode(&self, id: SnapshotId) -> Vec<u8> {
        let mut out = Writer::new();
        out.map(if self.root.is_some() { 9 } else { 7 });
        out.number(1).bytes(&id.0).number(2);
        self.label.write(&mut out);
        out.number(3).number(if self.shape == Shape::Directory { 1 } else { 2 });
        if let Some(root) = &self.root {
            out.number(4).bytes(&root.id.0).number(5).number(u64::from(root.level));
        }
        out.number(6).array(self.unreadable.len() * 2);
        for (path, why) in &self.unreadable {
            out.bytes(path).text(why);
        }
        out.number(7).array(self.unsettled.len());
        for path in &self.unsettled {
            out.bytes(path);
        }
        out.number(8).number(self.chunker).number(9).text(&self.tool);
        out.done()
    }

    /// The snapshot that a document says it belongs to.
    pub fn id_in(bytes: &[u8]) -> Option<SnapshotId> {
        let mut own = None;
        let read = Reader::new(bytes).map(|key, reader| {
            if key == 1 {
                own = Some(SnapshotId(reader.array()?));
            }
            Ok(key == 1)
        });
        read.ok().and(own)
    }

    pub fn decode(bytes: &[u8], id: SnapshotId) -> Result<Self, Bad> {
        let mut out = Self::default();
        let (mut own, mut root, mut level) = (None, None, 0u8);
        Reader::new(bytes).map(|key, reader| {
            match key {
                1 => own = Some(SnapshotId(reader.array()?)),
                2 => out.label = Label::read(reader)?,
                3 => {
                    out.shape = match reader.number()? {
                        1 => Shape::Directory,
                        2 => Shape::Absolute,
                        _ => return Err(Bad("a snapshot's shape is unknown")),
                    }
                }
                4 => root = Some(ChunkId(reader.array()?)),
                5 => level = reader.small()?,
                6 => {
                    let mut paths = Vec::new();
                    let mut pending: Option<Vec<u8>> = None;
                    reader.list(|r| {
                        match pending.take() {
                            None => pending = Some(r.bytes()?.to_vec()),
                            Some(path) => paths.push((path, r.text()?.to_owned())),
                        }
                        Ok(())
                    })?;
                    out.unreadable = paths;
                }
                7 => out.unsettled = reader.list(|r| Ok(r.bytes()?.to_vec()))?,
                8 => out.chunker = reader.number()?,
                9 => out.tool = reader.text()?.to_owned(),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if own != Some(id) {
            return Err(Bad("a snapshot's document belongs to another snapshot"));
        }
        if level > LEVELS_MAX {
            return Err(Bad("a tree is too deep"));
        }
        out.root = root.map(|id| Root { id, level });
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_documents_come_back_and_open_only_for_their_snapshot() {
        let label = Label {
            system: "mis".into(),
            hostname: "server".into(),
            paths: vec![b"/srv/\xff".to_vec()],
            tags: [("why".to_owned(), "test".to_owned())].into(),
            started_ms: -5,
            ended_ms: 7,
            entries: 3,
            files: 2,
            bytes: 1 << 40,
            unreadable: 1,
            replaces: Some(SnapshotId([6; 16])),
        };
        let (list, family, id) = (Secret([1; 32]), FamilyId([2; 16]), SnapshotId([3; 16]));
        let sealed = label.seal(&list, family, id).unwrap();
        assert_eq!(Label::open(&sealed, &list, family, id), Ok(label.clone()));
        assert!(Label::open(&sealed, &list, family, SnapshotId([4; 16])).is_err());

        let document = Document {
            label,
            shape: Shape::Absolute,
            root: Some(Root { id: ChunkId([9; 24]), level: 2 }),
            unreadable: vec![(b"a".to_vec(), "gone".into())],
            unsettled: vec![b"b".to_vec()],
            chunker: 1,
            tool: "dr 0".into(),
        };
        let bytes = document.encode(id);
        assert_eq!(Document::decode(&bytes, id), Ok(document));
        assert!(Document::decode(&bytes, SnapshotId([4; 16])).is_err());
        for cut in 0..bytes.len() {
            assert!(Document::decode(&bytes[..cut], id).is_err());
        }
    }

    #[test]
    fn many_long_paths_still_make_a_label() {
        let label = Label { paths: vec![vec![b'x'; 1000]; 50], ..Label::default() };
        let sealed = label.seal(&Secret([1; 32]), FamilyId([2; 16]), SnapshotId([3; 16])).unwrap();
        assert!(sealed.len() <= LABEL_MAX);
    }
}
