//! How bytes become a log entry, or what is wrong with them.

use crate::cbor::Reader;
use crate::format::{LOG_MAGIC, PACK_NO_MAX, VERSION};
use crate::id::{ChunkId, Digest, FamilyId, HostId, KeyId, PackId, PackKind, SessionId, SnapshotId};
use crate::key::{Author, Certificate, verify};
use crate::log_entry::{Body, Entry, Named, ObjectRef, Registered, Run, Runs};
use crate::seal::key_id;
use crate::wire::{Bad, Cursor};

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

pub(super) fn read_own(reader: &mut Reader<'_>) -> Result<Vec<Run>, Bad> {
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

pub(super) fn read_named(reader: &mut Reader<'_>) -> Result<Named, Bad> {
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

pub(super) fn read_registered(reader: &mut Reader<'_>) -> Result<Registered, Bad> {
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

pub(super) fn read_body(number: u64, payload: &[u8]) -> Result<Body, Bad> {
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
