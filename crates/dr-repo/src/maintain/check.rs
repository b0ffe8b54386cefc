//! Looking for damage: what the log promises against what is there.
//!
//! Without reading contents: the log's chain, key slots, index objects, every pack's presence and length, and
//! every name in every tree. With `read_data`: every byte of every pack against its BLAKE3, and with a key that
//! reads, every frame opened, every chunk named again, and the list of what each snapshot uses held to its tree. What is
//! damaged is named with the files it costs.

mod findings;
mod follow;
mod lists;
mod options;
mod parity;
mod remember;
mod touched_by;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::Ordering;

use dr_entry::EntryPath;
use dr_format::compress::Decompressor;
use dr_format::format::{PACK_MAX, REPO_JSON_MAX, SLOT_MAX};
use dr_format::id::{ChunkId, Digest, PackId, SnapshotId};
use dr_format::log_entry::Body;
use dr_format::pack::{open_vouched, open_whole};
use dr_format::wire::Bad;
use dr_format::{slot, trailer};
use dr_log::fold::runs_of;
use dr_log::object::key;

use crate::error::RepoError;
use crate::maintain::unfinished::unfinished;
use crate::read::copies::{self, CopyState};
use crate::read::fetch::open_frame;
use crate::read::repository::{Fault, REPO_JSON, Repository, fault_text, read_vouched};
use crate::work_queue::two_at_a_time;
use crate::write::presence::wrong;
pub use findings::{CheckReport, Finding, Unread};
use follow::follow_trees;
use options::LOST_MAX;
pub use options::{CheckOptions, ReadData};
pub(crate) use parity::{is_whole, table};

/// Since when a pack waits to be read, for comparing. A time that has not come yet says nothing: it waits longest.
pub(crate) fn waits_since(read_ms: i64, now_ms: i64) -> Option<i64> {
    const HOUR_MS: i64 = 3_600_000;
    (read_ms <= now_ms.saturating_add(HOUR_MS)).then_some(read_ms)
}

/// Counts for `stats`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Snapshots that are there.
    pub snapshots: u64,
    /// Different chunks of all kinds.
    pub chunks: u64,
    /// Packs.
    pub packs: u64,
    /// Bytes of all objects in the store.
    pub bytes: u64,
    /// Objects in the store.
    pub objects: u64,
    /// Bytes of contents that the snapshots stand for, all added up.
    pub logical_bytes: u64,
}

impl Repository {
    /// Counts what is there.
    pub fn stats(&self) -> Result<Stats, RepoError> {
        let mut listed = self.store.list("")?;
        // What is left there for a trust is no part of the repository.
        listed.retain(|object| !object.key.as_str().starts_with("status/"));
        let snapshots = self.snapshots();
        Ok(Stats {
            snapshots: snapshots.len() as u64,
            chunks: self.index()?.chunks()?,
            packs: u64::from(self.index()?.packs()),
            bytes: listed.iter().map(|object| object.size).sum(),
            objects: listed.len() as u64,
            logical_bytes: snapshots
                .iter()
                .filter_map(|s| s.label.as_ref())
                .fold(0, |sum, label| label.bytes.saturating_add(sum)),
        })
    }
}

impl Repository {
    /// Writes into the log which packs a check has read and found sound, so that the next one reads others. Whether
    /// there was anything to write, and it could be understood what is there.
    ///
    /// # Errors
    /// What the store says.
    pub fn remember_read(&mut self, checked: &CheckReport, now_ms: i64) -> Result<bool, RepoError> {
        if checked.sound.is_empty() || !self.log.unknown.is_empty() {
            return Ok(false);
        }
        let (packs, level) = (runs_of(checked.sound.iter().copied()), if checked.opened { 2 } else { 1 });
        let (store, writer) = (self.store.clone(), self.writer.clone());
        let verified = |_: &_| Ok(Body::Verify { packs: packs.clone(), level });
        self.log.append(&store, &writer, now_ms, &mut { verified })?;
        Ok(true)
    }
}

/// Looks for damage.
pub fn check(repository: &Repository, options: &CheckOptions<'_>) -> Result<CheckReport, RepoError> {
    let index = repository.index()?;
    let mut out = CheckReport::default();
    let mut bad_objects: BTreeMap<String, String> = BTreeMap::new();
    for Fault { object, what } in repository.faults() {
        bad_objects.entry(object).or_insert(what);
    }
    for (n, what) in repository.log.spoiled_now(&repository.store)? {
        bad_objects.insert(dr_log::checkpoint::object_name(n), what);
    }
    check_slots(repository, &mut bad_objects)?;
    let without_copy = check_copies(repository, &mut bad_objects)?;
    check_index_objects(repository, &mut bad_objects)?;
    let listed = repository.store.list("")?;
    out.unfinished = unfinished(repository, &listed, None, options.now_ms);
    let sizes: BTreeMap<String, u64> =
        listed.into_iter().map(|object| (object.key.as_str().to_owned(), object.size)).collect();
    let mut to_read: Vec<(u32, bool)> = Vec::new();
    let mut waiting: Vec<(Option<i64>, PackId, u32, u64)> = Vec::new();
    for number in 0..index.packs() {
        let pack = index.pack(number)?;
        out.packs += 1;
        let wrong = wrong(sizes.get(&pack.object).copied(), pack.whole.map(|(len, _)| len));
        if let Some(wrong) = &wrong {
            bad_objects.insert(pack.object.clone(), wrong.clone());
        }
        let chosen = match options.read_data {
            ReadData::None => false,
            ReadData::All => true,
            ReadData::Oldest { .. } => {
                let id = index.brief(number).id;
                let since = repository.log.state.packs.get(&id).and_then(|at| waits_since(at.read_ms, options.now_ms));
                waiting.extend(wrong.is_none().then(|| (since, id, number, sizes[&pack.object])));
                false
            }
            ReadData::Part { part, seed } => {
                let hash = blake3::hash(&[&seed.to_le_bytes()[..], pack.object.as_bytes()].concat());
                let [a, b, c, d, ..] = *hash.as_bytes();
                f64::from(u32::from_le_bytes([a, b, c, d])) <= part * f64::from(u32::MAX)
            }
        };
        if options.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        if wrong.is_some() || chosen {
            to_read.push((number, !sizes.contains_key(&pack.object)));
        }
    }
    if let ReadData::Oldest { bytes } = options.read_data {
        waiting.sort_unstable();
        let mut left = bytes;
        for (at, (_, _, number, size)) in waiting.iter().enumerate() {
            if at > 0 && *size > left {
                break;
            }
            left = left.saturating_sub(*size);
            to_read.push((*number, false));
        }
    }
    // Where the time has a limit, what is needed of everybody comes before what can be read another night.
    let mut lost: BTreeMap<String, Vec<(SnapshotId, EntryPath)>> = BTreeMap::new();
    let is_limited = options.enough.is_some() && repository.key.reads();
    let mut gone = BTreeMap::new();
    if is_limited {
        gone = gone_chunks(repository, &to_read)?;
        follow_trees(repository, options, &gone, &mut lost, &mut bad_objects, true, &mut out)?;
    }
    out.opened = repository.key.reads();
    let mut bad_chunks: BTreeMap<ChunkId, BTreeSet<String>> = BTreeMap::new();
    let begun = options.tally.bytes_read.load(Ordering::Relaxed);
    for read in two_at_a_time(&to_read, |(number, missing)| {
        // One at least, or a small limit would never come to the end.
        let is_first = options.tally.bytes_read.load(Ordering::Relaxed) == begun;
        read_pack(repository, *number, *missing, is_first, options)
    })? {
        out.packs_read += u64::from(read.bytes > 0);
        out.bytes_read += read.bytes;
        let brief = index.brief(read.number);
        if read.what.is_some() || bad_objects.contains_key(&read.object) {
            out.unsound.push((brief.id, brief.host));
            if !read.missing {
                out.rotten.push((brief.id, brief.host));
            }
        } else if read.bytes > 0 {
            out.sound.push((brief.id, brief.host));
        }
        if let Some(what) = read.what {
            bad_objects.entry(read.object.clone()).or_insert(what);
        }
        for id in read.lost {
            bad_chunks.entry(id).or_default().insert(read.object.clone());
        }
    }
    let sound: HashSet<PackId> = out.sound.iter().map(|(id, _)| *id).collect();
    for (id, state) in repository.log.state.packs.iter().filter(|(id, at)| !at.swept && !sound.contains(id)) {
        out.unread = out.unread.with(waits_since(state.read_ms, options.now_ms));
        if !index.knows_pack(*id) {
            let object = id.object_name(state.host);
            out.unsound.push((*id, state.host));
            bad_objects.entry(object).or_insert_with(|| "no index describes it and it cannot be read itself".into());
        }
    }
    out.without_parity = parity::check(repository, options, &mut bad_objects)? + without_copy;
    if is_limited && bad_chunks == gone {
        // They were followed, as far as there was time.
    } else if repository.key.reads() {
        // What is found bad is told with what it costs, however long that takes: as long as there are pages.
        lost.clear();
        (out.snapshots, out.trees_left) = (0, 0);
        follow_trees(repository, options, &bad_chunks, &mut lost, &mut bad_objects, false, &mut out)?;
    } else {
        out.not_checked.push("the trees: this key may not read them".into());
    }
    if out.trees_left > 0 {
        out.not_checked.push(format!("the trees of {} snapshots: the time was over", out.trees_left));
    }
    match options.read_data {
        ReadData::All => {}
        ReadData::None => out.not_checked.push("the contents of packs: only their presence and length".into()),
        ReadData::Part { part, .. } => {
            out.not_checked.push(format!("the contents of about {:.0} % of the packs", (1.0 - part) * 100.0))
        }
        ReadData::Oldest { .. } => match out.packs - out.packs_read {
            0 => {}
            left => out.not_checked.push(format!("the contents of {left} packs that were read more lately")),
        },
    }
    for object in lost.keys() {
        bad_objects.entry(object.clone()).or_insert_with(|| "a chunk of it cannot be read".into());
    }
    out.findings = bad_objects
        .into_iter()
        .map(|(object, what)| Finding { lost: lost.remove(&object).unwrap_or_default(), object, what })
        .collect();
    if options.read_data == ReadData::All {
        lists::check(repository, options, &mut out)?;
    }
    (out.listed, out.systems) = (repository.log.state.live().len() as u64, repository.systems());
    out.touched = repository.touched_by(&out.findings, LOST_MAX);
    Ok(out)
}

/// The chunks that would be found lost in packs that are not there.
fn gone_chunks(
    repository: &Repository,
    to_read: &[(u32, bool)],
) -> Result<BTreeMap<ChunkId, BTreeSet<String>>, RepoError> {
    let (index, mut gone) = (repository.index()?, BTreeMap::<ChunkId, BTreeSet<String>>::new());
    for (number, _) in to_read.iter().filter(|(_, missing)| *missing) {
        let object = index.object(*number);
        for (_, id, _) in index.ids_of(*number)?.into_iter().flatten() {
            gone.entry(id).or_default().insert(object.clone());
        }
    }
    Ok(gone)
}

fn check_slots(repository: &Repository, bad: &mut BTreeMap<String, String>) -> Result<(), RepoError> {
    let slots = &repository.log.state.slots;
    let mut seen = BTreeSet::new();
    for listed in repository.store.list("keys")? {
        let name = listed.key.as_str().to_owned();
        match repository.store.get(&listed.key, SLOT_MAX) {
            Ok(bytes) => {
                let changed = slots.get(&name).is_some_and(|digest| *digest != Digest::of(&bytes));
                match slot::intact(&bytes) {
                    Err(Bad(what)) => drop(bad.insert(name.clone(), what.to_owned())),
                    Ok(()) if changed => {
                        drop(bad.insert(name.clone(), "it is not the slot that the log vouches for".into()))
                    }
                    Ok(()) => {}
                }
            }
            Err(error) => drop(bad.insert(name.clone(), fault_text(&RepoError::from(error).tolerate_damage()?))),
        }
        seen.insert(name);
    }
    for name in slots.keys().filter(|name| !seen.contains(*name)) {
        bad.insert(name.clone(), "it is missing".into());
    }
    Ok(())
}

/// The small objects of which a second copy is kept: what each should be, and how large it is at most.
pub(crate) fn with_copies(repository: &Repository) -> Vec<(String, u64, Digest)> {
    let slots = repository.log.state.slots.iter().map(|(name, digest)| (name.clone(), SLOT_MAX, *digest));
    slots.chain([(REPO_JSON.to_owned(), REPO_JSON_MAX, repository.log.genesis())]).collect()
}

/// Looks at the second copies; how many are missing that should be there.
fn check_copies(repository: &Repository, bad: &mut BTreeMap<String, String>) -> Result<u64, RepoError> {
    let mut missing = 0;
    for (name, limit, right) in with_copies(repository) {
        let [own, copy] = copies::look(&repository.store, &name, limit, right)?;
        if own != CopyState::Good {
            let what = if own == CopyState::Missing { "it is missing" } else { "it is not what it was" };
            bad.entry(name.clone()).or_insert_with(|| what.to_owned());
        }
        match copy {
            CopyState::Good => {}
            CopyState::Missing => missing += u64::from(repository.keeps_parity()),
            CopyState::Bad => {
                drop(bad.insert(copies::copy_name(&name), format!("it is not a copy of {name} any more")))
            }
        }
    }
    Ok(missing)
}

/// Reads every index object in force. This host may have their contents in tables of its own, and answer from those
/// for years: another one has only what lies here.
fn check_index_objects(repository: &Repository, bad: &mut BTreeMap<String, String>) -> Result<(), RepoError> {
    for index in repository.log.state.indexes.iter().filter(|index| !index.superseded) {
        // What may not even be called so was found when the log was read.
        if bad.contains_key(&index.object.name) {
            continue;
        }
        if let Err(error) = read_vouched(&repository.store, &key(&index.object.name)?, &index.object) {
            bad.insert(index.object.name.clone(), fault_text(&error.tolerate_damage()?));
        }
    }
    Ok(())
}

/// What reading one pack whole told.
struct PackRead {
    number: u32,
    object: String,
    missing: bool,
    bytes: u64,
    /// The first thing that is wrong with it.
    what: Option<String>,
    /// Chunks that cannot be had from it.
    lost: Vec<ChunkId>,
}

/// Reads one pack whole. Its damage is narrowed down to chunks where the key allows.
fn read_pack(
    repository: &Repository,
    number: u32,
    missing: bool,
    is_first: bool,
    options: &CheckOptions<'_>,
) -> Result<PackRead, RepoError> {
    if options.stop.load(Ordering::Relaxed) {
        return Err(RepoError::Interrupted);
    }
    let index = repository.index()?;
    let pack = index.pack(number)?;
    let mut read = PackRead { number, object: pack.object.clone(), missing, bytes: 0, what: None, lost: Vec::new() };
    if missing {
        read.lost.extend(index.ids_of(number)?.into_iter().flatten().map(|(_, id, _)| id));
        return Ok(read);
    }
    if !is_first && options.enough.is_some_and(|enough| enough()) {
        return Ok(read);
    }
    let name = key(&pack.object)?;
    let right = |bytes: &[u8]| pack.whole.is_none_or(|(_, digest)| Digest::of(bytes) == digest);
    let mut bytes = repository.store.get(&name, PACK_MAX)?;
    let mut whole = right(&bytes);
    if !whole {
        // A mismatch may be the reader's: memory, cable, controller. It is damage only if it stays.
        bytes = repository.store.get(&name, PACK_MAX)?;
        whole = right(&bytes);
    }
    read.bytes = bytes.len() as u64;
    options.tally.bytes_read.fetch_add(read.bytes, Ordering::Relaxed);
    if !whole {
        read.what = Some("its bytes are not those that were stored".into());
    }
    if !repository.key.reads() {
        return Ok(read);
    }
    let mut decompressor = Decompressor::new()?;
    let opened = match (whole, pack.whole) {
        (false, _) => Err(Bad("it is damaged")),
        (true, Some(_)) => open_vouched(&bytes, &repository.writer.naming.index),
        (true, None) => open_whole(&bytes, &repository.writer.naming.index),
    };
    let ids = match opened.and_then(|opened| trailer::decode(&opened.rows)) {
        Ok(rows) => rows.iter().map(|row| row.chunks.iter().map(|c| (c.kind, c.id, c.len)).collect()).collect(),
        Err(Bad(what)) => {
            read.what.get_or_insert_with(|| what.to_owned());
            index.ids_of(number)?
        }
    };
    // Whoever relies on what was read relies on what the index says of it.
    if ids != index.ids_of(number)? {
        read.what.get_or_insert_with(|| "its index object describes it otherwise".to_owned());
    }
    for (frame, ids) in pack.frames.iter().zip(&ids) {
        let sealed = bytes.get(frame.at as usize..frame.at as usize + frame.sealed_len as usize);
        let opened = sealed.ok_or_else(|| RepoError::damaged(&pack.object, "it is cut off")).and_then(|sealed| {
            open_frame(&pack.header, frame, sealed.to_vec(), &repository.keys, &mut decompressor, &pack.object)
        });
        let raw = match opened {
            Ok(raw) => raw,
            Err(error) => {
                read.what.get_or_insert_with(|| fault_text(&error));
                read.lost.extend(ids.iter().map(|(_, id, _)| *id));
                continue;
            }
        };
        let mut at = 0;
        for (kind, id, len) in ids {
            let chunk = raw.get(at..at + *len as usize).unwrap_or_default();
            at += *len as usize;
            if repository.namer.id(*kind, chunk) != *id {
                read.what.get_or_insert_with(|| "a chunk in it is not what its name says".into());
                read.lost.push(*id);
            }
        }
    }
    Ok(read)
}
