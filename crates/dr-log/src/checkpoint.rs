//! A checkpoint: what the log adds up to as far as one entry, signed by the maintenance key, so that nobody need read
//! what lies before.
//!
//! Everything of the fold's state is in it: what comes after goes on from it as from the entries themselves.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dr_format::cbor::{Reader, Writer};
use dr_format::compress::{Compressor, Decompressor};
use dr_format::format::{CKPT_MAGIC, CKPT_MAX, CKPT_PACKS_MAX, CKPT_RAW_MAX, PACK_NO_MAX, TRAIL_MAX, VERSION};
use dr_format::id::{ChunkId, Digest, HostId, KeyId, PackId, PackKind, SessionId, SnapshotId};
use dr_format::key::{Author, WriterKey, verify};
use dr_format::log_entry::{Runs, is_known_type, read_objects, read_runs, write_objects, write_runs};
use dr_format::take_over::TakeOver;
use dr_format::wire::{Bad, Cursor};

use crate::error::LogError;
use crate::fold::{IndexState, PackState, SessionState, SnapshotState, State, is_known_feature};

/// The log up to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The entry's number.
    pub n: u64,
    /// The hash of `repo.json`: other repositories of the family have checkpoints signed by the same key.
    pub genesis: Digest,
    /// Digests of the last entries, the newest last: whoever has seen one of them, or just written one, knows whether
    /// it is in this log.
    pub trail: Vec<Digest>,
    /// Up to which entry the maintenance key has accepted that the log was cut; 0: it has not.
    pub accepted: u64,
    /// Without the entries that were void.
    pub state: State,
}

/// The name of the checkpoint after entry `n`.
pub fn object_name(n: u64) -> String {
    format!("ckpt/{n:016x}")
}

/// The number that an object name stands for.
pub fn number_of(name: &str) -> Option<u64> {
    dr_format::log_entry::number_below(name, "ckpt/")
}

/// Said of one that a later program may well be able to read.
pub const NEWER: &str = "it is of a version this program does not know";

const CUT: Bad = Bad("a part of it is missing");

impl Checkpoint {
    /// The last entry: its digest.
    pub fn digest(&self) -> Digest {
        self.trail.last().copied().unwrap_or(self.genesis)
    }

    /// The digest of an entry, if that is one of the last.
    pub fn digest_of(&self, n: u64) -> Option<Digest> {
        let back = usize::try_from(self.n.checked_sub(n)?).ok()?;
        self.trail.iter().rev().nth(back).copied()
    }

    /// The object's bytes. `Err`: it would be too large, or nothing can be compressed.
    pub fn encode(&self, writer: &WriterKey) -> Result<Vec<u8>, LogError> {
        let raw = self.write();
        let mut packed = Vec::new();
        let codec = Compressor::new(3)?.compress(&raw, &mut packed)?;
        if raw.len() > CKPT_RAW_MAX || packed.len() as u64 + 128 > CKPT_MAX || self.state.packs.len() > CKPT_PACKS_MAX {
            return Err(LogError::too_much("a checkpoint of the log would be too large"));
        }
        let mut out = Vec::with_capacity(packed.len() + 128);
        out.extend_from_slice(CKPT_MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.push(codec);
        out.extend_from_slice(&(raw.len() as u32).to_le_bytes());
        out.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        out.extend_from_slice(&packed);
        let signature = writer.sign(&[b"dr ckpt v1".as_slice(), &out].concat());
        out.extend_from_slice(&signature);
        Ok(out)
    }

    /// Reads one. The signature is checked before anything else is believed.
    pub fn decode(bytes: &[u8], n: u64, genesis: Digest, maintenance: &[u8; 32]) -> Result<Self, Bad> {
        let mut cursor = Cursor::new(bytes);
        if cursor.take(8)? != CKPT_MAGIC {
            return Err(Bad("it is not a checkpoint"));
        }
        if cursor.u16()? != VERSION {
            return Err(Bad(NEWER));
        }
        let (codec, raw_len, len) = (cursor.u8()?, cursor.u32()? as usize, cursor.u32()? as usize);
        let packed = cursor.take(len)?;
        let signed_len = bytes.len() - cursor.left();
        let signature = cursor.array()?;
        cursor.end()?;
        if !verify(maintenance, &[b"dr ckpt v1".as_slice(), &bytes[..signed_len]].concat(), &signature) {
            return Err(Bad("its signature does not hold"));
        }
        if raw_len > CKPT_RAW_MAX {
            return Err(Bad("it is beyond its limits"));
        }
        let opener = Decompressor::new().map_err(|_| Bad("zstd cannot start"))?;
        let read = Self::read(&{ opener }.decompress(codec, packed.to_vec(), raw_len)?)?;
        if read.n != n {
            return Err(Bad("it is another checkpoint's bytes"));
        }
        if read.genesis != genesis {
            return Err(Bad("it is another repository's"));
        }
        Ok(read)
    }

    fn write(&self) -> Vec<u8> {
        let (state, mut out) = (&self.state, Writer::new());
        out.map(17 + u64::from(state.taken_over.is_some()))
            .number(1)
            .number(self.n)
            .number(2)
            .bytes(&self.genesis.0)
            .number(3);
        out.bytes(&self.trail.iter().flat_map(|digest| digest.0).collect::<Vec<u8>>());
        out.number(4).number(self.accepted).number(5);
        write_packs(&mut out, &state.packs);
        out.number(6).array(state.sessions.len());
        for (id, session) in &state.sessions {
            write_session(out.array(2).bytes(&id.0), session);
        }
        out.number(7).array(state.snapshots.len());
        for (id, snapshot) in &state.snapshots {
            write_snapshot(out.array(2).bytes(&id.0), snapshot);
        }
        out.number(8).array(state.indexes.len());
        for index in &state.indexes {
            write_objects(out.array(3), std::slice::from_ref(&index.object));
            out.bytes(&index.session.0).boolean(index.superseded);
        }
        out.number(9).array(state.slots.len());
        for (name, digest) in &state.slots {
            out.array(2).text(name).bytes(&digest.0);
        }
        out.number(10).array(state.revoked.len());
        for kid in &state.revoked {
            out.bytes(&kid.0);
        }
        out.number(11).number(state.notes).number(12).number(state.swept_at).number(13).number(state.returned_at);
        out.number(14).array(state.features.len());
        for feature in &state.features {
            out.text(feature);
        }
        out.number(15).array(usize::from(state.unknown.is_some()));
        if let Some((n, number)) = state.unknown {
            out.array(2).number(n).number(number);
        }
        out.number(16).array(usize::from(state.missing.is_some()));
        if let Some((n, feature)) = &state.missing {
            out.array(2).number(*n).text(feature);
        }
        out.number(17).number(state.followed_at);
        if let Some(TakeOver { n, host }) = state.taken_over {
            out.number(18).array(2).number(n).bytes(&host.0);
        }
        out.done()
    }

    fn read(raw: &[u8]) -> Result<Self, Bad> {
        let (mut n, mut genesis, mut trail, mut accepted) = (None, None, Vec::new(), 0);
        let (mut state, mut shared) = (State::default(), Shared::default());
        let (mut missing, mut followed_at, mut seen) = (Vec::new(), None, 0);
        let mut reader = Reader::new(raw);
        reader.map(|key, r| {
            match key {
                1 => n = Some(r.number()?),
                2 => genesis = Some(Digest(r.array()?)),
                3 => trail = read_trail(r.bytes()?)?,
                4 => accepted = r.number()?,
                5 => state.set_packs(read_packs(r)?),
                6 => {
                    for (id, session) in r.list(|r| read_session(r, &mut shared))? {
                        next(&mut state.sessions, id, session)?;
                    }
                }
                7 => {
                    for (id, snapshot) in r.list(|r| read_snapshot(r, &mut shared))? {
                        next(&mut state.snapshots, id, snapshot)?;
                    }
                }
                8 => state.indexes = r.list(read_index)?,
                9 => {
                    for (name, digest) in
                        r.list(|r| pair(r, |r| Ok(r.text()?.to_owned()), |r| Ok(Digest(r.array()?))))?
                    {
                        next(&mut state.slots, name, digest)?;
                    }
                }
                10 => state.revoked = r.list(|r| Ok(KeyId(r.array()?)))?.into_iter().collect(),
                11 => state.notes = r.number()?,
                12 => state.swept_at = r.number()?,
                13 => state.returned_at = r.number()?,
                14 => state.features = r.list(|r| Ok(r.text()?.to_owned()))?.into_iter().collect(),
                15 => {
                    let unknown = r.list(|r| pair(r, Reader::number, Reader::number))?;
                    state.unknown = unknown.into_iter().rfind(|(_, number)| !is_known_type(*number));
                }
                16 => missing = r.list(|r| pair(r, Reader::number, |r| Ok(r.text()?.to_owned())))?,
                17 => followed_at = Some(r.number()?),
                18 => {
                    let (n, host) = pair(r, Reader::number, |r| Ok(HostId(r.array()?)))?;
                    state.taken_over = Some(TakeOver { n, host });
                }
                _ => return Ok(false),
            }
            seen += u32::from((4..=16).contains(&key));
            Ok(true)
        })?;
        reader.end()?;
        let (n, genesis) = (n.ok_or(CUT)?, genesis.ok_or(CUT)?);
        if seen != 13 || n == 0 || trail.is_empty() || trail.len() as u64 > n {
            return Err(CUT);
        }
        // Who knew no other kind of sweep wrote it.
        state.followed_at = followed_at.unwrap_or(state.swept_at);
        // A later program may have known a feature that this one does not.
        let strange = state.features.iter().find(|feature| !is_known_feature(feature)).map(|name| (n, name.clone()));
        state.missing = missing.into_iter().rfind(|(_, feature)| !is_known_feature(feature)).or(strange);
        Ok(Self { n, genesis, trail, accepted, state })
    }
}

/// Entries of a map come in order, each once.
fn next<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) -> Result<(), Bad> {
    if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
        return Err(Bad("its parts are out of order"));
    }
    map.insert(key, value);
    Ok(())
}

/// Reads an array of `count` unlike things; `part` reads one by its place.
fn parts<'a>(
    reader: &mut Reader<'a>,
    count: usize,
    mut part: impl FnMut(usize, &mut Reader<'a>) -> Result<(), Bad>,
) -> Result<(), Bad> {
    let mut at = 0;
    reader.list(|r| {
        at += 1;
        if at > count { Err(Bad("an array has too many parts")) } else { part(at - 1, r) }
    })?;
    if at == count { Ok(()) } else { Err(CUT) }
}

fn pair<'a, A, B>(
    reader: &mut Reader<'a>,
    first: impl Fn(&mut Reader<'a>) -> Result<A, Bad>,
    second: impl Fn(&mut Reader<'a>) -> Result<B, Bad>,
) -> Result<(A, B), Bad> {
    let (mut a, mut b) = (None, None);
    parts(reader, 2, |at, r| {
        if at == 0 {
            a = Some(first(r)?)
        } else {
            b = Some(second(r)?)
        }
        Ok(())
    })?;
    Ok((a.ok_or(CUT)?, b.ok_or(CUT)?))
}

fn read_trail(bytes: &[u8]) -> Result<Vec<Digest>, Bad> {
    let (digests, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() && digests.len() <= TRAIL_MAX {
        Ok(digests.iter().map(|digest| Digest(*digest)).collect())
    } else {
        Err(Bad("its digests are beyond their limits"))
    }
}

/// Lists of packs that many snapshots share, each kept once.
#[derive(Default)]
struct Shared(HashMap<Vec<u8>, Arc<[Runs]>>);

impl Shared {
    fn runs(&mut self, reader: &mut Reader<'_>) -> Result<Arc<[Runs]>, Bad> {
        let raw = reader.raw()?;
        if let Some(known) = self.0.get(raw) {
            return Ok(Arc::clone(known));
        }
        let runs: Arc<[Runs]> = read_runs(&mut Reader::new(raw))?.into();
        self.0.insert(raw.to_vec(), Arc::clone(&runs));
        Ok(runs)
    }
}

/// Packs that follow each other and are in the same state stand as one.
fn write_packs(out: &mut Writer, packs: &BTreeMap<PackId, PackState>) {
    let mut runs: Vec<(PackId, u32, &PackState)> = Vec::new();
    for (pack, state) in packs {
        match runs.last_mut() {
            Some((first, last, same))
                if (first.session, first.kind, *last + 1) == (pack.session, pack.kind, pack.no) && *same == state =>
            {
                *last = pack.no;
            }
            _ => runs.push((*pack, pack.no, state)),
        }
    }
    out.array(runs.len());
    for (first, last, state) in runs {
        out.array(5).bytes(&first.session.0).number(first.kind as u64);
        write_pack(out.number(u64::from(first.no)).number(u64::from(last)), state);
    }
}

/// What is as it was when the pack was registered is left out.
fn write_pack(out: &mut Writer, pack: &PackState) {
    let flags = [(2, pack.condemned), (4, pack.swept), (6, pack.relocated)];
    let times = [(3, pack.condemned_ms), (5, pack.swept_ms), (9, pack.read_ms)];
    let count = 1
        + flags.iter().filter(|(_, is)| *is).count()
        + times.iter().filter(|(_, ms)| *ms != 0).count()
        + usize::from(pack.verified != 0)
        + usize::from(pack.healed.is_some());
    out.map(count as u64).number(1).bytes(&pack.host.0);
    for key in 2..=6 {
        if flags.contains(&(key, true)) {
            out.number(key).boolean(true);
        }
        if let Some((_, ms)) = times.iter().find(|(at, ms)| *at == key && *ms != 0) {
            out.number(key).signed(*ms);
        }
    }
    if pack.verified != 0 {
        out.number(7).number(pack.verified);
    }
    if let Some(object) = &pack.healed {
        write_objects(out.number(8), std::slice::from_ref(object));
    }
    if pack.read_ms != 0 {
        out.number(9).signed(pack.read_ms);
    }
}

fn read_pack(reader: &mut Reader<'_>) -> Result<PackState, Bad> {
    let mut host = None;
    let mut pack = PackState::new(HostId([0; 4]), 0);
    reader.map(|key, r| {
        match key {
            1 => host = Some(HostId(r.array()?)),
            2 => pack.condemned = r.boolean()?,
            3 => pack.condemned_ms = r.signed()?,
            4 => pack.swept = r.boolean()?,
            5 => pack.swept_ms = r.signed()?,
            6 => pack.relocated = r.boolean()?,
            7 => pack.verified = r.number()?,
            8 => pack.healed = read_objects(r)?.into_iter().next(),
            9 => pack.read_ms = r.signed()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    pack.host = host.ok_or(CUT)?;
    Ok(pack)
}

fn read_packs(reader: &mut Reader<'_>) -> Result<BTreeMap<PackId, PackState>, Bad> {
    let mut out = BTreeMap::new();
    reader.list(|r| {
        let (mut session, mut kind, mut ends, mut state) = (SessionId([0; 16]), PackKind::Data, [0u32; 2], None);
        parts(r, 5, |at, r| {
            match at {
                0 => session = SessionId(r.array()?),
                1 => kind = PackKind::from_byte(r.small()?).ok_or(Bad("a pack is of an unknown kind"))?,
                2 | 3 => ends[at - 2] = r.small()?,
                _ => state = Some(read_pack(r)?),
            }
            Ok(())
        })?;
        let ([first, last], state) = (ends, state.ok_or(CUT)?);
        // A few bytes may stand for sixteen million packs.
        if first > last || last >= PACK_NO_MAX || (last - first) as usize >= CKPT_PACKS_MAX.saturating_sub(out.len()) {
            return Err(Bad("its packs are beyond their limits"));
        }
        (first..=last).try_for_each(|no| next(&mut out, PackId { session, kind, no }, state.clone()))
    })?;
    Ok(out)
}

fn write_session(out: &mut Writer, session: &SessionState) {
    let some = [session.author.is_some(), session.host.is_some(), session.first > 0, session.moved_from.is_some()];
    out.map(5 + some.iter().filter(|is| **is).count() as u64);
    if let Some(author) = session.author {
        write_author(out.number(1), author);
    }
    if let Some(host) = session.host {
        out.number(2).bytes(&host.0);
    }
    out.number(3).number(session.sequence).number(4).boolean(session.closed).number(5).boolean(session.fenced);
    write_runs(out.number(6), &session.needs);
    out.number(7).signed(session.last_ms);
    if session.first > 0 {
        out.number(8).number(session.first);
    }
    if let Some(author) = session.moved_from {
        write_author(out.number(9), author);
    }
}

fn write_author(out: &mut Writer, author: Author) {
    match author {
        Author::Maintenance => out.bytes(&[]),
        Author::Host(host, kid) => out.bytes(&[&host.0[..], &kid.0].concat()),
    };
}

fn read_author(bytes: &[u8]) -> Result<Author, Bad> {
    match bytes.split_first_chunk::<4>() {
        None if bytes.is_empty() => Ok(Author::Maintenance),
        Some((host, kid)) => Ok(Author::Host(HostId(*host), KeyId(kid.try_into().map_err(|_| CUT)?))),
        None => Err(CUT),
    }
}

fn read_session(reader: &mut Reader<'_>, shared: &mut Shared) -> Result<(SessionId, SessionState), Bad> {
    let (mut id, mut session) = (SessionId([0; 16]), SessionState::default());
    parts(reader, 2, |at, r| {
        if at == 0 {
            id = SessionId(r.array()?);
            return Ok(());
        }
        r.map(|key, r| {
            match key {
                1 => session.author = Some(read_author(r.bytes()?)?),
                2 => session.host = Some(HostId(r.array()?)),
                3 => session.sequence = r.number()?,
                4 => session.closed = r.boolean()?,
                5 => session.fenced = r.boolean()?,
                6 => session.needs = shared.runs(r)?,
                7 => session.last_ms = r.signed()?,
                8 => session.first = r.number()?,
                9 => session.moved_from = Some(read_author(r.bytes()?)?),
                _ => return Ok(false),
            }
            Ok(true)
        })
    })?;
    Ok((id, session))
}

fn write_snapshot(out: &mut Writer, snapshot: &SnapshotState) {
    let times = [(6, snapshot.forgotten_ms), (8, snapshot.held_until_ms)];
    let is_elsewhere = snapshot.at != snapshot.n;
    out.map(6 + times.iter().filter(|(_, ms)| ms.is_some()).count() as u64 + u64::from(is_elsewhere));
    out.number(1).number(snapshot.n).number(2).bytes(&snapshot.document.0).number(3).bytes(&snapshot.label);
    write_runs(out.number(4), &snapshot.needs);
    out.number(5).bytes(&snapshot.session.0);
    if let Some(ms) = snapshot.forgotten_ms {
        out.number(6).signed(ms);
    }
    out.number(7).boolean(snapshot.lost);
    if let Some(ms) = snapshot.held_until_ms {
        out.number(8).signed(ms);
    }
    if is_elsewhere {
        out.number(9).number(snapshot.at);
    }
}

fn read_snapshot(reader: &mut Reader<'_>, shared: &mut Shared) -> Result<(SnapshotId, SnapshotState), Bad> {
    let mut id = SnapshotId([0; 16]);
    let (mut n, mut document, mut session) = (None, None, None);
    let (mut label, mut needs, mut lost) = (Vec::new(), Arc::default(), false);
    let (mut forgotten_ms, mut held_until_ms, mut at) = (None, None, None);
    parts(reader, 2, |part, r| {
        if part == 0 {
            id = SnapshotId(r.array()?);
            return Ok(());
        }
        r.map(|key, r| {
            match key {
                1 => n = Some(r.number()?),
                2 => document = Some(ChunkId(r.array()?)),
                3 => label = r.bytes()?.to_vec(),
                4 => needs = shared.runs(r)?,
                5 => session = Some(SessionId(r.array()?)),
                6 => forgotten_ms = Some(r.signed()?),
                7 => lost = r.boolean()?,
                8 => held_until_ms = Some(r.signed()?),
                9 => at = Some(r.number()?),
                _ => return Ok(false),
            }
            Ok(true)
        })
    })?;
    let (n, document, session) = (n.ok_or(CUT)?, document.ok_or(CUT)?, session.ok_or(CUT)?);
    let at = at.unwrap_or(n);
    let state = SnapshotState { n, at, document, label, needs, session, forgotten_ms, lost, held_until_ms };
    Ok((id, state))
}

fn read_index(reader: &mut Reader<'_>) -> Result<IndexState, Bad> {
    let (mut object, mut session, mut superseded) = (None, SessionId([0; 16]), false);
    parts(reader, 3, |at, r| {
        match at {
            0 => object = read_objects(r)?.into_iter().next(),
            1 => session = SessionId(r.array()?),
            _ => superseded = r.boolean()?,
        }
        Ok(())
    })?;
    Ok(IndexState { object: object.ok_or(CUT)?, session, superseded })
}

#[cfg(test)]
mod tests;
