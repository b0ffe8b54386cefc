//! What may not go, as far as can be told without reading anything: the frames that snapshots' own lists name.
//!
//! A list names frames by their origins, so it holds while frames are only moved. Whoever follows trees also lets a chunk
//! lie elsewhere than a list says. Where that may have been, and where a snapshot has no list, more is kept: never less
//! than it needs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_format::id::{ChunkId, PackId, Secret, SessionId, SnapshotId};
use dr_format::index_object::{self, Record};
use dr_format::key::Author;
use dr_format::log_entry::ObjectRef;
use dr_format::used_set::{self, Uses};
use dr_format::wire::Bad;
use dr_index::bits::Bits;
use dr_index::lookup::Index;
use dr_log::fold::{SnapshotState, State, ranges, whole};
use dr_log::object::key;

use crate::error::RepoError;
use crate::read::repository::{Repository, read_vouched};

/// The frames that are needed, and packs that stay whatever is in them.
pub(crate) struct Frames {
    bits: Bits,
    /// How many frames each pack has.
    sizes: Arc<[u16]>,
    pinned: BTreeMap<PackId, &'static str>,
}

impl Frames {
    fn of(bits: Bits, sizes: Arc<[u16]>) -> Self {
        Self { bits, sizes, pinned: BTreeMap::new() }
    }

    fn frames_of(&self, pack: u32) -> u16 {
        self.sizes.get(pack as usize).copied().unwrap_or_default()
    }

    pub(crate) fn has(&self, pack: u32, frame: u16) -> bool {
        self.bits.has(pack, u32::from(frame))
    }

    fn set(&mut self, pack: u32, frame: u16) {
        self.bits.set(pack, u32::from(frame));
    }

    fn set_all(&mut self, pack: u32) {
        (0..self.frames_of(pack)).for_each(|frame| self.set(pack, frame));
    }

    /// Why a pack stays whatever is in it.
    pub(super) fn pinned(&self, pack: &PackId) -> Option<&'static str> {
        self.pinned.get(pack).copied()
    }

    /// Whether every frame of a pack is needed.
    pub(crate) fn is_whole(&self, pack: u32) -> bool {
        self.bits.count(pack) == u32::from(self.frames_of(pack))
    }

    /// Whether some of a pack's frames are needed and some are not.
    pub(super) fn is_mixed(&self, pack: u32) -> bool {
        self.has_any(pack) && !self.is_whole(pack)
    }

    pub(super) fn has_any(&self, pack: u32) -> bool {
        self.bits.has_any(pack)
    }
}

const NO_LIST: &str = "a snapshot that has no list of what it uses may need it";
const FOLLOWED: &str = "only a key that reads backups can tell whether an older snapshot needs it";

/// Takes together what these snapshots' lists say.
pub(super) fn listed(
    repository: &Repository,
    wanted: &[(SnapshotId, ChunkId)],
    gc: &Secret,
    stop: &AtomicBool,
) -> Result<Frames, RepoError> {
    let mut lists = Lists::new(repository, gc)?;
    for (id, _) in wanted {
        if stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        lists.add(*id)?;
    }
    Ok(lists.taken())
}

/// The lists of snapshots, and what was taken from them so far.
pub(crate) struct Lists<'a> {
    repository: &'a Repository,
    gc: &'a Secret,
    /// The index objects of each session, in which its snapshots' lists are.
    objects: HashMap<SessionId, Vec<&'a ObjectRef>>,
    marker: Marker<'a>,
}

impl<'a> Lists<'a> {
    /// `gc`: the private half of the pruning key.
    pub(crate) fn new(repository: &'a Repository, gc: &'a Secret) -> Result<Self, RepoError> {
        let mut objects: HashMap<_, Vec<_>> = HashMap::new();
        for one in repository.log.state.indexes.iter().filter(|one| !one.superseded) {
            objects.entry(one.session).or_default().push(&one.object);
        }
        Ok(Self { repository, gc, objects, marker: Marker::new(repository, repository.index()?)? })
    }

    /// Takes what a snapshot needs, and says which object has told it. One that has no list needs whatever its commit
    /// named.
    pub(crate) fn add(&mut self, id: SnapshotId) -> Result<Option<&'a ObjectRef>, RepoError> {
        let repository = self.repository;
        let Some(snapshot) = repository.log.state.snapshots.get(&id) else { return Ok(None) };
        let mut found = None;
        // The last thing that a session says is what its snapshot uses.
        for object in self.objects.get(&snapshot.session).into_iter().flatten().rev() {
            let sealed = match read_vouched(&repository.store, &key(&object.name)?, object) {
                Ok(bytes) => sealed_list(&bytes, repository, id),
                Err(error) => {
                    error.tolerate_damage()?;
                    None
                }
            };
            let open =
                |sealed: Vec<u8>| used_set::open(&sealed, self.gc, repository.writer.family, snapshot.session).ok();
            if let Some(list) = sealed.and_then(open) {
                found = Some((*object, list));
                break;
            }
        }
        let told = match found.as_ref().map(|(_, list)| self.marker.list(list)) {
            Some(Ok(true)) => Told::All,
            Some(Ok(false)) => Told::Some,
            Some(Err(_)) | None => Told::Unlisted,
        };
        self.marker.pin(snapshot, told);
        Ok(found.map(|(object, _)| object))
    }

    /// What was taken since the last time.
    pub(crate) fn taken(&mut self) -> Frames {
        self.marker.taken()
    }
}

fn sealed_list(bytes: &[u8], repository: &Repository, snapshot: SnapshotId) -> Option<Vec<u8>> {
    let opened = index_object::decode(bytes, repository.writer.family, &repository.writer.naming.index).ok()?;
    opened.records.into_iter().find_map(|record| match record {
        Record::Used(sealed) if used_set::snapshot_of(&sealed) == Some(snapshot) => Some(sealed),
        _ => None,
    })
}

/// What a snapshot's list has told.
enum Told {
    /// Where everything lies that it uses.
    All,
    /// It names frames that nobody has any more under that name.
    Some,
    Unlisted,
}

struct Marker<'a> {
    index: &'a Index,
    state: &'a State,
    frames: Frames,
    /// Whether a pack holds nothing but its own frames, in order.
    is_plain: Vec<bool>,
    /// Where frames lie that the pruning key moved.
    moved: HashMap<(PackId, u32), Vec<(u32, u16)>>,
    /// Whether what was needed of a pack lies elsewhere, and it may go; and whether somebody who follows trees may have
    /// put it there.
    is_left: Vec<bool>,
    is_stale: Vec<bool>,
    /// Whether everything is kept that was there when somebody followed trees last; whether everything is.
    has_old: bool,
    has_all: bool,
}

impl<'a> Marker<'a> {
    fn new(repository: &'a Repository, index: &'a Index) -> Result<Self, RepoError> {
        let state = &repository.log.state;
        let mut sizes: Vec<u16> = Vec::new();
        let (mut is_plain, mut is_left, mut is_stale) = (Vec::new(), Vec::new(), Vec::new());
        let mut moved: HashMap<_, Vec<_>> = HashMap::new();
        for pack in 0..index.packs() {
            let known = index.pack(pack)?;
            sizes.push(known.frames.len() as u16);
            let is_own =
                known.frames.iter().zip(0..).all(|(frame, number)| frame.origin == 0 && frame.number == number);
            is_plain.push(is_own);
            let id = index.brief(pack).id;
            let session = state.sessions.get(&id.session);
            let relocated = state.packs.get(&id).is_some_and(|pack| pack.relocated);
            is_left.push(relocated);
            is_stale.push(relocated && session.is_none_or(|session| session.first <= state.followed_at));
            // Nobody else's word is taken for where frames of another's pack lie.
            if session.and_then(|session| session.author) != Some(Author::Maintenance) {
                continue;
            }
            for (frame, at) in known.frames.iter().zip(0..).filter(|(frame, _)| frame.origin > 0) {
                if let Some(origin) = known.header.origins.get(usize::from(frame.origin)) {
                    moved.entry((origin.pack, frame.number)).or_default().push((pack, at));
                }
            }
        }
        let frames = Frames::of(Bits::new(sizes.iter().copied().map(u32::from)), sizes.into());
        Ok(Self { index, state, frames, is_plain, moved, is_left, is_stale, has_old: false, has_all: false })
    }

    /// Marks what a list names; whether all of it is there.
    fn list(&mut self, list: &[u8]) -> Result<bool, Bad> {
        let mut is_whole = true;
        used_set::each(list, |pack, uses| match uses {
            Uses::Frame(number) => is_whole &= self.frame(pack, number),
            Uses::Whole(frames) => {
                let at = self.index.number_of(pack).filter(|at| !self.is_left[*at as usize]);
                match at.filter(|at| self.is_plain[*at as usize] && u32::from(self.frames.frames_of(*at)) == frames) {
                    Some(at) => self.frames.set_all(at),
                    None => (0..frames).for_each(|number| is_whole &= self.frame(pack, number)),
                }
            }
        })?;
        Ok(is_whole)
    }

    /// Marks one place of a frame; whether there is one that can be relied on.
    fn frame(&mut self, pack: PackId, number: u32) -> bool {
        let own = self.index.number_of(pack).and_then(|at| Some((at, self.own_frame(at, number)?)));
        let moved = self.moved.get(&(pack, number)).into_iter().flatten().copied();
        let places: Vec<(u32, u16)> = own.into_iter().chain(moved).collect();
        let stays = |(at, _): &&(u32, u16)| !self.is_left[*at as usize];
        let has = |(at, frame): &&(u32, u16)| self.frames.has(*at, *frame);
        let stay = places.iter().filter(stays).find(has).or_else(|| places.iter().find(stays)).copied();
        match stay {
            Some((at, frame)) => self.frames.set(at, frame),
            // What was needed of it was moved, and this was not: it is needed again.
            None => places.iter().for_each(|(at, frame)| self.frames.set(*at, *frame)),
        }
        stay.is_some() || places.iter().any(|(at, _)| !self.is_stale[*at as usize])
    }

    fn own_frame(&self, at: u32, number: u32) -> Option<u16> {
        if self.is_plain[at as usize] {
            return u16::try_from(number).ok().filter(|number| *number < self.frames.frames_of(at));
        }
        let known = self.index.pack(at).ok()?;
        let found = known.frames.iter().position(|frame| frame.origin == 0 && frame.number == number);
        found.map(|found| found as u16)
    }

    /// Keeps what a snapshot may need beside what its list has told.
    fn pin(&mut self, snapshot: &SnapshotState, told: Told) {
        let state = self.state;
        let own = || ranges(&snapshot.needs).chain([whole(snapshot.session)]);
        let mut keep = |range, why| {
            self.frames
                .pinned
                .extend(state.packs.range(range).filter(|(_, pack)| !pack.swept).map(|(id, _)| (*id, why)));
        };
        let is_swept = || own().any(|range| state.packs.range(range).any(|(_, pack)| pack.swept));
        let sessions = state.sessions.iter();
        match told {
            Told::All => return,
            Told::Some if self.has_old => {}
            Told::Some => {
                let old = sessions.filter(|(_, session)| session.first <= state.followed_at);
                old.for_each(|(id, _)| keep(whole(*id), FOLLOWED));
                self.has_old = true;
            }
            Told::Unlisted if !self.has_all && is_swept() => {
                sessions.for_each(|(id, _)| keep(whole(*id), FOLLOWED));
                self.has_all = true;
            }
            Told::Unlisted => {}
        }
        own().for_each(|range| keep(range, NO_LIST));
    }

    /// What was marked, with all frames of what is pinned; btarts over.
    fn taken(&mut self) -> Frames {
        for pack in 0..self.index.packs() {
            if self.frames.pinned.contains_key(&self.index.brief(pack).id) {
                self.frames.set_all(pack);
            }
        }
        (self.has_old, self.has_all) = (false, false);
        let none = Frames::of(self.frames.bits.unset(), Arc::clone(&self.frames.sizes));
        std::mem::replace(&mut self.frames, none)
    }
}
