//! Which frames are moved, and how: read as they lie, their seals tried, written into packs that name their origins.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::EntryPath;
use dr_format::compress::{Compressor, Decompressor};
use dr_format::format::{META_PACK_TARGET, PACK_TARGET};
use dr_format::id::{ChunkId, ChunkKind, PackKind};
use dr_index::layout::Place;
use dr_index::lookup::{Index, KnownPack};
use dr_log::object::key;
use dr_store::BlockingStore;

use super::{MISSING_MAX, Missing, PLAN_BYTES, PLAN_CHUNKS};
use crate::error::RepoError;
use crate::read::fetch::{Fetcher, unseal};
use crate::read::repository::Repository;
use crate::write::committer::Committer;
use crate::write::pack_writer::PackWriter;
use crate::write::relocate;
use crate::write::session::Session;

/// Frames that lie so near to each other are read at once, up to so many bytes.
const GAP: u64 = 64 << 10;
const READ: u64 = 8 << 20;

/// A chunk that a snapshot needs, and for what.
pub(super) struct Need {
    pub(super) kind: ChunkKind,
    pub(super) id: ChunkId,
    /// How long it must be, if something says so.
    pub(super) len: Option<u32>,
    /// The entry that needs it.
    pub(super) path: Rc<EntryPath>,
}

struct Planned {
    kind: PackKind,
    pack: u32,
    frame: u16,
    need: Need,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Moved,
    Bad,
}

type Frame = relocate::Frame<Vec<Need>>;
type Group = relocate::Group<Vec<Need>>;

/// Takes a frame that is whole, as it lies.
type Give<'a> = dyn FnMut(&Frame, &[u8]) -> Result<(), RepoError> + 'a;

/// What is to be moved, what was, and what cannot be.
pub(super) struct FrameRelocator<'a> {
    from: &'a Repository,
    ours: Arc<Index>,
    theirs: Arc<Index>,
    /// Whether anything over there may be relied on.
    rely: bool,
    plan: Vec<Planned>,
    /// The frames of the plan, and their sealed bytes.
    planned: HashSet<(u32, u16)>,
    plan_bytes: u64,
    /// By pack, of each frame.
    states: HashMap<u32, Vec<State>>,
    why: HashMap<(u32, u16), String>,
    failed: Vec<Need>,
    pub(super) missing: Vec<Missing>,
    /// Packs over there that are relied on.
    pub(super) relied: BTreeSet<u32>,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    compressor: Compressor,
    decompressor: Decompressor,
}

impl<'a> FrameRelocator<'a> {
    pub(super) fn new(from: &'a Repository, to: &Repository) -> Result<Self, RepoError> {
        Ok(Self {
            from,
            ours: Arc::clone(from.index()?),
            theirs: Arc::clone(to.index()?),
            rely: to.log.unreadable.is_empty(),
            plan: Vec::new(),
            planned: HashSet::new(),
            plan_bytes: 0,
            states: HashMap::new(),
            why: HashMap::new(),
            failed: Vec::new(),
            missing: Vec::new(),
            relied: BTreeSet::new(),
            frames: 0,
            bytes: 0,
            compressor: Compressor::new(3)?,
            decompressor: Decompressor::new()?,
        })
    }

    pub(super) fn is_full(&self) -> bool {
        self.plan_bytes >= PLAN_BYTES || self.plan.len() >= PLAN_CHUNKS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// Something cannot be had.
    pub(super) fn miss(&mut self, path: &EntryPath, why: &str) {
        // The chunks of one file are often lost together.
        let again = self.missing.last().is_some_and(|last| last.path == *path && last.why == why);
        if !again && self.missing.len() < MISSING_MAX {
            self.missing.push(Missing { path: path.clone(), why: why.to_owned() });
        }
    }

    fn state(&self, pack: u32, frame: u16) -> State {
        let states = self.states.get(&pack);
        states.and_then(|states| states.get(usize::from(frame))).copied().unwrap_or(State::Unknown)
    }

    fn set(&mut self, pack: u32, frame: u16, state: State) {
        let (states, at) = (self.states.entry(pack).or_default(), usize::from(frame));
        if states.len() <= at {
            states.resize(at + 1, State::Unknown);
        }
        states[at] = state;
    }

    /// Sees to it that the chunk will be over there, or says that it cannot be.
    pub(super) fn need(&mut self, need: Need, theirs: &mut Fetcher<'_>) -> Result<(), RepoError> {
        if self.rely
            && let Some(Place { pack, .. }) = self.theirs.duplicate(need.kind, need.id)
        {
            self.relied.insert(pack);
            return Ok(());
        }
        let mut places = Vec::new();
        for place in self.ours.places(need.kind, need.id)? {
            places.push((place, self.ours.slot(place)?));
        }
        if places.iter().any(|(place, slot)| self.state(place.pack, slot.frame) == State::Moved) {
            return Ok(());
        }
        let mut why = None;
        for (place, slot) in places {
            let at = (place.pack, slot.frame);
            if need.len.is_some_and(|len| len != slot.len) {
                why.get_or_insert_with(|| format!("chunk {} has another length than the tree says", need.id));
            } else if self.state(at.0, at.1) == State::Bad {
                why.get_or_insert_with(|| self.why.get(&at).cloned().unwrap_or_default());
            } else if self.rely && self.is_proved(need.kind, need.id, theirs)? {
                return Ok(());
            } else {
                if self.planned.insert(at) {
                    let frames = &self.ours.pack(place.pack)?.frames;
                    self.plan_bytes += frames.get(usize::from(slot.frame)).map_or(0, |f| u64::from(f.sealed_len));
                }
                let kind = self.ours.brief(place.pack).id.kind;
                self.plan.push(Planned { kind, pack: place.pack, frame: slot.frame, need });
                return Ok(());
            }
        }
        let why = why.unwrap_or_else(|| format!("chunk {} is in no pack that can be found", need.id));
        self.miss(&need.path, &why);
        Ok(())
    }

    /// Whether the other repository holds the chunk: another author says so there, so it is read.
    fn is_proved(&mut self, kind: ChunkKind, id: ChunkId, theirs: &mut Fetcher<'_>) -> Result<bool, RepoError> {
        if !self.theirs.holds(kind, id)? || theirs.chunk(kind, id).is_err() {
            return Ok(false);
        }
        for place in self.theirs.places(kind, id)? {
            if theirs.at(kind, id, place).is_ok() {
                self.relied.insert(place.pack);
            }
        }
        Ok(true)
    }

    /// Chunks whose frames turned out to be damaged: perhaps they are somewhere else too.
    pub(super) fn look_elsewhere(&mut self, theirs: &mut Fetcher<'_>) -> Result<(), RepoError> {
        std::mem::take(&mut self.failed).into_iter().try_for_each(|need| self.need(need, theirs))
    }

    /// Moves what is planned. What does not fill a pack waits, unless this is `all` there is.
    pub(super) fn carry(
        &mut self,
        all: bool,
        session: &Session,
        store: &BlockingStore,
        stop: &AtomicBool,
        committer: &mut Committer<'_>,
    ) -> Result<(), RepoError> {
        let mut plan = std::mem::take(&mut self.plan);
        self.planned.clear();
        self.plan_bytes = 0;
        plan.sort_by_key(|planned| (planned.kind, planned.pack, planned.frame));
        let mut group: Option<Group> = None;
        let mut ids = (u32::MAX, Vec::new());
        let mut plan = plan.into_iter().peekable();
        while let Some(Planned { kind, pack, frame, need }) = plan.next() {
            let mut needs = vec![need];
            while let Some(next) = plan.next_if(|next| (next.pack, next.frame) == (pack, frame)) {
                needs.push(next.need);
            }
            if ids.0 != pack {
                ids = (pack, self.ours.ids_of(pack)?);
            }
            let known = self.ours.pack(pack)?;
            let ids = ids.1.get(usize::from(frame)).map(Vec::as_slice).unwrap_or_default();
            let Some(loaded) = Frame::new(pack, frame, known, ids, needs) else {
                self.bad(pack, frame, "it is not described rightly".into(), Vec::new());
                continue;
            };
            if group.as_ref().is_some_and(|group| !group.takes(kind, &loaded))
                && let Some(full) = group.take()
            {
                self.write(full, session, store, stop, committer)?;
            }
            let open = group.get_or_insert_with(|| Group::new(kind, session));
            open.add(loaded);
            let target = if kind == PackKind::Data { PACK_TARGET } else { META_PACK_TARGET };
            if open.bytes >= target
                && let Some(full) = group.take()
            {
                self.write(full, session, store, stop, committer)?;
            }
        }
        match group {
            Some(rest) if all => self.write(rest, session, store, stop, committer),
            Some(rest) => {
                self.put_back(rest);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn put_back(&mut self, group: Group) {
        self.plan_bytes += group.bytes;
        for Frame { pack, frame, with: needs, .. } in group.frames {
            self.planned.insert((pack, frame));
            self.plan.extend(needs.into_iter().map(|need| Planned { kind: group.kind, pack, frame, need }));
        }
    }

    fn bad(&mut self, pack: u32, frame: u16, why: String, needs: Vec<Need>) {
        self.set(pack, frame, State::Bad);
        self.why.insert((pack, frame), why);
        self.failed.extend(needs);
    }

    /// Writes one pack of moved frames and stores it.
    fn write(
        &mut self,
        group: Group,
        session: &Session,
        store: &BlockingStore,
        stop: &AtomicBool,
        committer: &mut Committer<'_>,
    ) -> Result<(), RepoError> {
        let origins = (group.sessions.as_slice(), group.origins.as_slice());
        let mut pack = PackWriter::create_for(session, group.kind, &session.staging, &session.place, origins)?;
        let mut moved = Vec::new();
        let mut frames = group.frames.into_iter().peekable();
        while let Some(first) = frames.next() {
            if stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            let mut run = vec![first];
            while let Some(next) = frames.next_if(|next| {
                let (first, last) = (&run[0], &run[run.len() - 1]);
                next.pack == first.pack && next.at <= last.end() + GAP && next.end() - first.at <= READ
            }) {
                run.push(next);
            }
            self.read(run, &mut |frame, sealed| {
                pack.add_moved(frame.row.clone(), sealed)?;
                moved.push((frame.pack, frame.frame, sealed.len() as u64));
                Ok(())
            })?;
        }
        if moved.is_empty() {
            return Ok(());
        }
        committer.pack(store, pack.finish(&session.naming.index, &mut self.compressor)?, true)?;
        for (pack, frame, bytes) in moved {
            self.set(pack, frame, State::Moved);
            self.frames += 1;
            self.bytes += bytes;
        }
        Ok(())
    }

    /// Reads frames that lie together, and gives on those that are whole.
    fn read(&mut self, run: Vec<Frame>, give: &mut Give<'_>) -> Result<(), RepoError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let (object, start) = (key(&first.known.object)?, first.at);
        let together = self.from.store.get_range(&object, start, last.end() - start).ok();
        for frame in run {
            let sealed = match &together {
                Some(bytes) => Ok(bytes.slice((frame.at - start) as usize..(frame.end() - start) as usize)),
                None => self.from.store.get_range(&object, frame.at, u64::from(frame.row.sealed_len)),
            };
            let proved = sealed.map_err(RepoError::from).and_then(|sealed| {
                self.prove(&frame, &sealed)?;
                Ok(sealed)
            });
            match proved {
                Ok(sealed) => give(&frame, &sealed)?,
                Err(why) => self.bad(frame.pack, frame.frame, why.to_string(), frame.with),
            }
        }
        Ok(())
    }

    /// Tries the seal. What another author wrote and nobody has verified is opened wholly, each chunk named again.
    fn prove(&mut self, frame: &Frame, sealed: &[u8]) -> Result<(), RepoError> {
        let KnownPack { object, header, frames, .. } = &*frame.known;
        let bad = |what: &str| RepoError::damaged(object, what);
        let slot = frames.get(usize::from(frame.frame)).ok_or_else(|| bad("a frame of it is not known"))?;
        let packed = unseal(header, slot, sealed.to_vec(), &self.from.keys, object)?;
        if self.ours.brief(frame.pack).source {
            return Ok(());
        }
        let raw = self.decompressor.decompress(slot.codec, packed, slot.raw_len as usize).map_err(|e| bad(e.0))?;
        let mut at = 0;
        for chunk in &frame.row.chunks {
            let bytes = raw.get(at..at + chunk.len as usize).unwrap_or_default();
            at += chunk.len as usize;
            if self.from.namer.id(chunk.kind, bytes) != chunk.id {
                return Err(bad("a chunk in it is not what its name says"));
            }
        }
        Ok(())
    }
}
