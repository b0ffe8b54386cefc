//! One entry of a repository's log: bytes, signature and meaning.
//!
//! The fold (`fold.rs`) says what each type does.

use crate::cbor::{Reader, Writer};
use crate::format::{LOG_MAGIC, PACK_NO_MAX, VERSION};
use crate::id::{ChunkId, Digest, FamilyId, HostId, KeyId, PackId, PackKind, SessionId, SnapshotId};
use crate::key::{Author, Certificate, WriterKey, verify};
use crate::seal::key_id;
use crate::wire::{Bad, Cursor};

/// Packs of one kind, from the first number to the last.
pub type Run = (PackKind, u32, u32);

/// Packs of one session, as runs of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    pub session: SessionId,
    pub host: HostId,
    pub runs: Vec<Run>,
}

/// An object that an entry vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    pub name: String,
    pub len: u64,
    pub digest: Digest,
}

/// A snapshot, as its COMMIT names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub id: SnapshotId,
    pub document: ChunkId,
    pub label: Vec<u8>,
}

/// COMMIT, PACKS, REPACK, REFRAME and IDXMERGE all register what a session stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub session: SessionId,
    pub host: HostId,
    pub sequence: u64,
    /// The session ends here.
    pub last: bool,
    pub snapshots: Vec<Named>,
    /// Packs of others that the snapshots need.
    pub needs: Vec<Runs>,
    /// Packs of this session that are registered by this entry.
    pub own: Vec<Run>,
    pub indexes: Vec<ObjectRef>,
    pub used: Vec<ObjectRef>,
    /// The packs whose frames were moved or rewritten (REPACK, REFRAME).
    pub sources: Vec<Runs>,
    /// Index objects that are superseded (IDXMERGE).
    pub superseded: Vec<String>,
    /// The entry in whose place its snapshots stand, where that cannot be read (IDXMERGE); 0: in its own.
    pub at: u64,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Commit(Registered),
    Packs(Registered),
    Forget(Vec<SnapshotId>),
    Unforget(Vec<SnapshotId>),
    Condemn(Vec<Runs>),
    Sweep {
        packs: Vec<Runs>,
        /// Up to this entry what snapshots need was followed.
        view: u64,
        /// Snapshots that were forgotten and yet followed: they can be put back.
        undoable: Vec<SnapshotId>,
        /// What snapshots need was taken from their lists of it.
        keyless: bool,
    },
    Fence(Vec<SessionId>),
    Repack(Registered),
    Reframe(Registered),
    IndexMerge(Registered),
    Verify {
        packs: Vec<Runs>,
        level: u64,
    },
    Heal {
        pack: PackId,
        host: HostId,
        object: ObjectRef,
    },
    Hold {
        snapshots: Vec<SnapshotId>,
        until_ms: i64,
    },
    SlotAdded {
        name: String,
        digest: Digest,
    },
    SlotRemoved {
        name: String,
    },
    Revoked(KeyId),
    Note(String),
    /// Whoever does not know all of these must not write.
    Features(Vec<String>),
    Unknown {
        number: u64,
    },
}

impl Body {
    /// Whether it may only follow a log of which every entry was read: it decides what goes, and its author's word
    /// that an entry could be passed over would hide that entry from everybody.
    pub fn needs_whole_log(&self) -> bool {
        // What accounts for an entry that cannot be read must be written while it cannot.
        let accounts = |registered: &Registered| registered.superseded.is_empty();
        !matches!(self, Self::IndexMerge(registered) if accounts(registered))
            && !matches!(
                self,
                Self::Features(_)
                    | Self::Heal { .. }
                    | Self::Commit(_)
                    | Self::Packs(_)
                    | Self::Note(_)
                    | Self::SlotAdded { .. }
                    | Self::SlotRemoved { .. }
                    | Self::Revoked(_)
            )
    }
}

/// An entry whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub n: u64,
    pub before: u64,
    pub before_digest: Digest,
    /// Advisory: nothing is decided by it.
    pub time_ms: i64,
    pub critical: bool,
    pub author: Author,
    pub body: Body,
    pub digest: Digest,
}

/// Numbers of the entry types; append-only. The format page is held to this table.
#[cfg(test)]
pub const TYPES: [(&str, u64); 16] = [
    ("COMMIT", 1),
    ("PACKS", 2),
    ("FORGET", 3),
    ("CONDEMN", 4),
    ("SWEEP", 5),
    ("FENCE", 6),
    ("REPACK", 7),
    ("REFRAME", 8),
    ("IDXMERGE", 9),
    ("VERIFY", 10),
    ("HEAL", 11),
    ("HOLD", 12),
    ("KEY", 13),
    ("NOTE", 14),
    ("UNFORGET", 15),
    ("FEATURES", 16),
];

/// Whether this program knows every entry of that type (of KEY, 13, there may be others).
pub fn is_known_type(number: u64) -> bool {
    (1..=16).contains(&number) && number != 13
}

/// The name of entry `n`'s object.
pub fn object_name(n: u64) -> String {
    format!("log/{n:016x}")
}

/// The number that an object name stands for.
pub fn number_of(name: &str) -> Option<u64> {
    number_below(name, "log/")
}

/// The number that an object name in this folder stands for.
pub fn number_below(name: &str, folder: &str) -> Option<u64> {
    let hex = name.strip_prefix(folder)?;
    let canonical = hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let n = if canonical { u64::from_str_radix(hex, 16).ok()? } else { return None };
    (n > 0).then_some(n)
}

pub fn write_runs(out: &mut Writer, all: &[Runs]) {
    out.array(all.len());
    for runs in all {
        out.array(3).bytes(&runs.session.0).bytes(&runs.host.0);
        write_own(out, &runs.runs);
    }
}

fn write_own(out: &mut Writer, runs: &[Run]) {
    out.array(runs.len() * 3);
    for (kind, first, last) in runs {
        out.number(*kind as u64).number(u64::from(*first)).number(u64::from(*last));
    }
}

pub fn write_objects(out: &mut Writer, objects: &[ObjectRef]) {
    out.array(objects.len());
    for object in objects {
        out.array(3).text(&object.name).number(object.len).bytes(&object.digest.0);
    }
}

fn write_registered(body: &Registered) -> Vec<u8> {
    let mut out = Writer::new();
    out.map(10 + u64::from(!body.superseded.is_empty()) + u64::from(body.at > 0));
    out.number(1).bytes(&body.session.0).number(2).bytes(&body.host.0).number(3).number(body.sequence);
    out.number(4).boolean(body.last).number(5).array(body.snapshots.len());
    for snapshot in &body.snapshots {
        out.array(3).bytes(&snapshot.id.0).bytes(&snapshot.document.0).bytes(&snapshot.label);
    }
    out.number(6);
    write_runs(&mut out, &body.needs);
    out.number(7);
    write_own(&mut out, &body.own);
    out.number(8);
    write_objects(&mut out, &body.indexes);
    out.number(9);
    write_objects(&mut out, &body.used);
    out.number(10);
    write_runs(&mut out, &body.sources);
    if !body.superseded.is_empty() {
        out.number(11).array(body.superseded.len());
        for name in &body.superseded {
            out.text(name);
        }
    }
    if body.at > 0 {
        out.number(12).number(body.at);
    }
    out.done()
}

fn write_ids<'a>(out: &mut Writer, ids: impl ExactSizeIterator<Item = &'a [u8; 16]>) {
    out.number(1).array(ids.len());
    for id in ids {
        out.bytes(id);
    }
}

fn write_packs(out: &mut Writer, packs: &[Runs]) {
    out.number(1);
    write_runs(out, packs);
}

/// Type number and payload.
fn write_body(body: &Body) -> (u64, Vec<u8>) {
    let mut out = Writer::new();
    let number = match body {
        Body::Commit(registered) => return (1, write_registered(registered)),
        Body::Packs(registered) => return (2, write_registered(registered)),
        Body::Repack(registered) => return (7, write_registered(registered)),
        Body::Reframe(registered) => return (8, write_registered(registered)),
        Body::IndexMerge(registered) => return (9, write_registered(registered)),
        Body::Forget(ids) | Body::Unforget(ids) => {
            write_ids(out.map(1), ids.iter().map(|id| &id.0));
            if matches!(body, Body::Forget(_)) { 3 } else { 15 }
        }
        Body::Hold { snapshots, until_ms } => {
            write_ids(out.map(2), snapshots.iter().map(|id| &id.0));
            out.number(2).signed(*until_ms);
            12
        }
        Body::Condemn(packs) => {
            write_packs(out.map(1), packs);
            4
        }
        Body::Sweep { packs, view, undoable, keyless } => {
            write_packs(out.map(3 + u64::from(*keyless)), packs);
            out.number(2).number(*view).number(3).array(undoable.len());
            for id in undoable {
                out.bytes(&id.0);
            }
            if *keyless {
                out.number(4).boolean(true);
            }
            5
        }
        Body::Verify { packs, level } => {
            write_packs(out.map(2), packs);
            out.number(2).number(*level);
            10
        }
        Body::Fence(sessions) => {
            write_ids(out.map(1), sessions.iter().map(|id| &id.0));
            6
        }
        Body::Heal { pack, host, object } => {
            let runs = Runs { session: pack.session, host: *host, runs: vec![(pack.kind, pack.no, pack.no)] };
            write_packs(out.map(2), &[runs]);
            out.number(2);
            write_objects(&mut out, std::slice::from_ref(object));
            11
        }
        Body::SlotAdded { name, digest } => {
            out.map(3).number(1).number(3).number(2).text(name).number(3).bytes(&digest.0);
            13
        }
        Body::SlotRemoved { name } => {
            out.map(2).number(1).number(4).number(2).text(name);
            13
        }
        Body::Revoked(kid) => {
            out.map(2).number(1).number(2).number(3).bytes(&kid.0);
            13
        }
        Body::Note(text) => {
            out.map(1).number(1).text(text);
            14
        }
        Body::Features(features) => {
            out.map(1).number(1).array(features.len());
            for feature in features {
                out.text(feature);
            }
            16
        }
        Body::Unknown { number } => {
            out.map(0);
            *number
        }
    };
    (number, out.done())
}

/// The bytes of a new entry, signed.
pub fn encode(n: u64, before: u64, before_digest: Digest, time_ms: i64, body: &Body, writer: &WriterKey) -> Vec<u8> {
    let (number, payload) = write_body(body);
    let critical = number != 14;
    let mut cbor = Writer::new();
    cbor.map(7);
    cbor.number(1).number(n).number(2).bytes(&before_digest.0).number(3).number(before);
    cbor.number(4).number(number).number(5).boolean(critical).number(6).signed(time_ms).number(7).raw(&payload);
    let cbor = cbor.done();
    let mut out = Vec::with_capacity(cbor.len() + 256);
    out.extend_from_slice(LOG_MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(cbor.len() as u32).to_le_bytes());
    out.extend_from_slice(&cbor);
    out.extend_from_slice(&writer.author().0);
    match &writer.certificate {
        None => out.push(0),
        Some(certificate) => {
            out.push(1);
            out.extend_from_slice(&certificate.public);
            out.extend_from_slice(&certificate.host.0);
            out.extend_from_slice(&certificate.signature);
        }
    }
    let signature = writer.sign(&[b"dr log v1".as_slice(), &out].concat());
    out.extend_from_slice(&signature);
    out
}

/// Reads an entry and checks who signed it.
pub fn decode(bytes: &[u8], family: FamilyId, maintenance: &[u8; 32]) -> Result<Entry, Bad> {
    let mut cursor = Cursor::new(bytes);
    if cursor.take(8)? != LOG_MAGIC {
        return Err(Bad("it is not a log entry"));
    }
    if cursor.u16()? != VERSION {
        return Err(Bad("it is of a version this program does not know"));
    }
    let len = cursor.u32()? as usize;
    let cbor = cursor.take(len)?;
    let kid = KeyId(cursor.array()?);
    let (public, author) = match cursor.u8()? {
        0 => (*maintenance, Author::Maintenance),
        1 => {
            let certificate =
                Certificate { public: cursor.array()?, host: HostId(cursor.array()?), signature: cursor.array()? };
            if !certificate.holds(family, maintenance) {
                return Err(Bad("its author is not certified"));
            }
            (certificate.public, Author::Host(certificate.host, kid))
        }
        _ => return Err(Bad("its author is of an unknown kind")),
    };
    let signed_len = bytes.len() - cursor.left();
    let signature = cursor.array()?;
    cursor.end()?;
    let message = [b"dr log v1".as_slice(), &bytes[..signed_len]].concat();
    if key_id(&public) != kid || !verify(&public, &message, &signature) {
        return Err(Bad("its signature does not hold"));
    }
    let mut reader = Reader::new(cbor);
    let (mut n, mut before_digest, mut before, mut number) = (None, None, None, None);
    let (mut critical, mut time_ms, mut payload) = (true, 0, None);
    reader.map(|key, reader| {
        match key {
            1 => n = Some(reader.number()?),
            2 => before_digest = Some(Digest(reader.array()?)),
            3 => before = Some(reader.number()?),
            4 => number = Some(reader.number()?),
            5 => critical = reader.boolean()?,
            6 => time_ms = reader.signed()?,
            7 => payload = Some(reader.raw()?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    reader.end()?;
    let missing = Bad("a part of it is missing");
    let (n, before, number) = (n.ok_or(missing)?, before.ok_or(missing)?, number.ok_or(missing)?);
    if before >= n {
        return Err(Bad("it follows an entry that is not before it"));
    }
    Ok(Entry {
        n,
        before,
        before_digest: before_digest.ok_or(missing)?,
        time_ms,
        critical,
        author,
        body: read_body(number, payload.ok_or(missing)?)?,
        digest: Digest::of(bytes),
    })
}

fn read_own(reader: &mut Reader<'_>) -> Result<Vec<Run>, Bad> {
    let numbers = reader.list(|r| r.small::<u32>())?;
    if numbers.len() % 3 != 0 {
        return Err(Bad("runs of packs are cut"));
    }
    numbers
        .chunks_exact(3)
        .map(|run| {
            let kind =
                u8::try_from(run[0]).ok().and_then(PackKind::from_byte).ok_or(Bad("a pack is of an unknown kind"))?;
            if run[1] > run[2] || run[2] >= PACK_NO_MAX {
                return Err(Bad("a run of packs is not one"));
            }
            Ok((kind, run[1], run[2]))
        })
        .collect()
}

pub fn read_runs(reader: &mut Reader<'_>) -> Result<Vec<Runs>, Bad> {
    reader.list(|reader| {
        let mut at = 0;
        let (mut session, mut host, mut runs) = (SessionId([0; 16]), HostId([0; 4]), Vec::new());
        // An array of three unlike things: read item by item.
        let mut inner = Reader::new(reader.raw()?);
        inner.list(|r| {
            match at {
                0 => session = SessionId(r.array()?),
                1 => host = HostId(r.array()?),
                2 => runs = read_own(r)?,
                _ => return Err(Bad("runs of packs have too many parts")),
            }
            at += 1;
            Ok(())
        })?;
        if at == 3 { Ok(Runs { session, host, runs }) } else { Err(Bad("runs of packs are cut")) }
    })
}

pub fn read_objects(reader: &mut Reader<'_>) -> Result<Vec<ObjectRef>, Bad> {
    reader.list(|reader| {
        let mut inner = Reader::new(reader.raw()?);
        let (mut name, mut len, mut digest, mut at) = (String::new(), 0, None, 0);
        inner.list(|r| {
            match at {
                0 => name = r.text()?.to_owned(),
                1 => len = r.number()?,
                2 => digest = Some(Digest(r.array()?)),
                _ => return Err(Bad("an object's reference has too many parts")),
            }
            at += 1;
            Ok(())
        })?;
        Ok(ObjectRef { name, len, digest: digest.ok_or(Bad("an object's reference is cut"))? })
    })
}

fn read_named(reader: &mut Reader<'_>) -> Result<Named, Bad> {
    let mut inner = Reader::new(reader.raw()?);
    let (mut id, mut document, mut label, mut at) = (None, None, None, 0);
    inner.list(|r| {
        match at {
            0 => id = Some(SnapshotId(r.array()?)),
            1 => document = Some(ChunkId(r.array()?)),
            2 => label = Some(r.bytes()?.to_vec()),
            _ => return Err(Bad("a snapshot's name has too many parts")),
        }
        at += 1;
        Ok(())
    })?;
    match (id, document, label) {
        (Some(id), Some(document), Some(label)) => Ok(Named { id, document, label }),
        _ => Err(Bad("a snapshot's name is cut")),
    }
}

fn read_registered(reader: &mut Reader<'_>) -> Result<Registered, Bad> {
    let mut out = Registered {
        session: SessionId([0; 16]),
        host: HostId([0; 4]),
        sequence: 0,
        last: false,
        snapshots: Vec::new(),
        needs: Vec::new(),
        own: Vec::new(),
        indexes: Vec::new(),
        used: Vec::new(),
        sources: Vec::new(),
        superseded: Vec::new(),
        at: 0,
    };
    let mut seen = 0;
    reader.map(|key, reader| {
        match key {
            1 => out.session = SessionId(reader.array()?),
            2 => out.host = HostId(reader.array()?),
            3 => out.sequence = reader.number()?,
            4 => out.last = reader.boolean()?,
            5 => out.snapshots = reader.list(read_named)?,
            6 => out.needs = read_runs(reader)?,
            7 => out.own = read_own(reader)?,
            8 => out.indexes = read_objects(reader)?,
            9 => out.used = read_objects(reader)?,
            10 => out.sources = read_runs(reader)?,
            11 => out.superseded = reader.list(|r| Ok(r.text()?.to_owned()))?,
            12 => out.at = reader.number()?,
            _ => return Ok(false),
        }
        seen += u32::from(key <= 2);
        Ok(true)
    })?;
    if seen == 2 { Ok(out) } else { Err(Bad("an entry names no session")) }
}

fn read_body(number: u64, payload: &[u8]) -> Result<Body, Bad> {
    let mut reader = Reader::new(payload);
    if !reader.is_map() {
        return Err(Bad("its body is not a map"));
    }
    let (mut snapshots, mut packs, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut words, mut value, mut when) = (String::new(), 0, 0);
    let (mut bytes, mut object, mut run, mut keyless) = (Vec::new(), None, None, false);
    let body = match number {
        1 | 2 | 7 | 8 | 9 => {
            let registered = read_registered(&mut reader)?;
            match number {
                1 => Body::Commit(registered),
                2 => Body::Packs(registered),
                7 => Body::Repack(registered),
                8 => Body::Reframe(registered),
                _ => Body::IndexMerge(registered),
            }
        }
        3 | 12 | 15 => {
            reader.map(|key, reader| {
                match key {
                    1 => snapshots = reader.list(|r| Ok(SnapshotId(r.array()?)))?,
                    2 => when = reader.signed()?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
            match number {
                3 => Body::Forget(snapshots),
                12 => Body::Hold { snapshots, until_ms: when },
                _ => Body::Unforget(snapshots),
            }
        }
        4 | 5 | 10 => {
            reader.map(|key, reader| {
                match key {
                    1 => packs = read_runs(reader)?,
                    2 => value = reader.number()?,
                    3 => snapshots = reader.list(|r| Ok(SnapshotId(r.array()?)))?,
                    4 if number == 5 => keyless = reader.boolean()?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
            match number {
                4 => Body::Condemn(packs),
                5 => Body::Sweep { packs, view: value, undoable: snapshots, keyless },
                _ => Body::Verify { packs, level: value },
            }
        }
        6 => {
            reader.map(|key, reader| {
                Ok(key == 1 && {
                    sessions = reader.list(|r| Ok(SessionId(r.array()?)))?;
                    true
                })
            })?;
            Body::Fence(sessions)
        }
        11 => {
            reader.map(|key, reader| {
                match key {
                    1 => run = read_runs(reader)?.into_iter().next(),
                    2 => object = read_objects(reader)?.into_iter().next(),
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
            let (Some(run), Some(object)) = (run, object) else { return Err(Bad("a healed pack is not named")) };
            let &[(kind, no, _)] = run.runs.as_slice() else { return Err(Bad("a healed pack is not named")) };
            Body::Heal { pack: PackId { session: run.session, kind, no }, host: run.host, object }
        }
        13 => {
            reader.map(|key, reader| {
                match key {
                    1 => value = reader.number()?,
                    2 => words = reader.text()?.to_owned(),
                    3 => bytes = reader.bytes()?.to_vec(),
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
            let short = |_| Bad("a key entry has the wrong length");
            match value {
                2 => Body::Revoked(KeyId(bytes.as_slice().try_into().map_err(short)?)),
                3 => Body::SlotAdded { name: words, digest: Digest(bytes.as_slice().try_into().map_err(short)?) },
                4 => Body::SlotRemoved { name: words },
                _ => Body::Unknown { number },
            }
        }
        14 => {
            reader.map(|key, reader| {
                Ok(key == 1 && {
                    words = reader.text()?.to_owned();
                    true
                })
            })?;
            Body::Note(words)
        }
        16 => {
            let mut features = Vec::new();
            reader.map(|key, reader| {
                Ok(key == 1 && {
                    features = reader.list(|r| Ok(r.text()?.to_owned()))?;
                    true
                })
            })?;
            Body::Features(features)
        }
        _ => return Ok(Body::Unknown { number }),
    };
    reader.end()?;
    Ok(body)
}
