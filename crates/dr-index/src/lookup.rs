//! Which chunk lies where: what the index objects in force say, asked of tables on this host's disk.
//!
//! On the heap are a few dozen bytes for each pack and a bounded cache, nothing for a chunk or a frame. A table that
//! turns out to be damaged is made again from the target while the question waits; nothing it says is believed
//! before it is proved, and a chunk counts as found only where its whole id stands.

mod all;
mod recent;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use dr_format::header::Header;
use dr_format::id::{ChunkId, ChunkKind, Digest, HostId, PackId};
use dr_format::log_entry::ObjectRef;

use crate::error::{IndexError, mended_in_vain};
use crate::layout::{FrameIds, FrameSlot, Place, Slot};
use crate::table::{
    Blocks, Describe, Entry, Found, IndexTable, LEFT_OUT, Live, Merge, TableDir, TableKey, Torn, gather,
};
pub use all::{BatchLookup, Wanted, Whole};
use recent::Recent;

/// What lists of packs need of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brief {
    pub id: PackId,
    pub host: HostId,
    /// Duplicates may be found here.
    pub source: bool,
}

/// A pack as its frames are read: where it lies, how it was sealed.
pub struct KnownPack {
    pub object: String,
    /// Length and BLAKE3 of the object, where the log vouches for them.
    pub whole: Option<(u64, Digest)>,
    pub header: Header,
    pub frames: Vec<FrameSlot>,
}

/// What the log makes of a pack.
pub struct Judged {
    pub host: HostId,
    pub source: bool,
    /// The object it lies in now, where repair gave it a new name.
    pub healed: Option<ObjectRef>,
}

/// Where an index comes from, and comes from again.
pub struct Origin {
    pub dir: TableDir,
    pub key: TableKey,
    pub live: Vec<Live>,
    pub describe: Box<dyn Describe + Send>,
}

/// A pack in a few dozen bytes: name, what the log makes of it, table and number there.
#[derive(Clone, Copy)]
struct Known {
    id: PackId,
    host: HostId,
    number: u32,
    table: u16,
    source: bool,
}

/// The table of a pack that could not be made again.
const LOST: u16 = u16::MAX;

struct Standing {
    table: IndexTable,
    /// Our numbers of its packs.
    numbers: Vec<u32>,
    /// Can be made again from index objects.
    lasting: bool,
}

#[derive(Default)]
struct Inner {
    tables: Vec<Standing>,
    packs: Vec<Known>,
    /// Pack numbers in order of their ids.
    order: Vec<u32>,
    healed: HashMap<u32, ObjectRef>,
    healings: u32,
}

/// Packs that are kept at hand with header and frames.
const PACKS_KEPT: usize = 16;
/// A host whose disk tears its tables again and again needs somebody's attention.
const HEALINGS_MAX: u32 = 3;

/// All known packs and chunks.
#[derive(Default)]
pub struct Index {
    origin: Mutex<Option<Origin>>,
    blocks: Blocks,
    inner: RwLock<Inner>,
    kept: Mutex<VecDeque<(u32, Arc<KnownPack>)>>,
    recent: Recent,
}

impl Inner {
    fn number_of(&self, id: PackId) -> Option<u32> {
        let found = self.order.binary_search_by_key(&id, |number| self.packs[*number as usize].id);
        found.ok().map(|at| self.order[at])
    }

    /// Takes a table in. `number` tells the number of a pack in it that counts.
    fn stand(
        &mut self,
        table: IndexTable,
        lasting: bool,
        mut number: impl FnMut(&mut Self, &Entry, u16, u32) -> u32,
    ) -> Result<(), Torn> {
        let place = self.tables.len() as u16;
        let mut numbers = Vec::with_capacity(table.packs as usize);
        for (entry, there) in table.entries().zip(0..) {
            let entry = entry?;
            numbers.push(number(self, &entry, place, there));
        }
        self.tables.push(Standing { table, numbers, lasting });
        Ok(())
    }

    fn sort(&mut self) {
        let packs = &self.packs;
        self.order = (0..packs.len() as u32).collect();
        self.order.sort_by_key(|number| packs[*number as usize].id);
    }

    fn entry(&self, blocks: &Blocks, pack: u32) -> Result<Option<(&IndexTable, Entry)>, Torn> {
        let Some(known) = self.packs.get(pack as usize).filter(|known| known.table != LOST) else { return Ok(None) };
        let table = &self.tables[usize::from(known.table)].table;
        Ok(Some((table, table.entry(blocks, known.number)?)))
    }

    /// Shows `each` every place of a chunk, until it has seen enough.
    fn each_place(
        &self,
        blocks: &Blocks,
        filter: bool,
        (kind, id): (ChunkKind, ChunkId),
        each: &mut dyn FnMut(Place, &IndexTable, &Entry) -> Result<bool, Torn>,
    ) -> Result<(), Torn> {
        for Standing { table, numbers, .. } in &self.tables {
            if filter && !table.may_hold(blocks, &id)? {
                continue;
            }
            let mut found = Vec::new();
            table.find(blocks, &id, &mut |pack, chunk| found.push((pack, chunk)))?;
            for (there, chunk) in found {
                let pack = numbers.get(there as usize).copied().unwrap_or(LEFT_OUT);
                if pack == LEFT_OUT {
                    continue;
                }
                let entry = table.entry(blocks, there)?;
                let (whole, slot) = table.slot(blocks, &entry, u32::from(chunk))?;
                let place = Place { pack, chunk: u32::from(chunk) };
                if whole == id && slot.kind == kind && each(place, table, &entry)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Index {
    /// So that damaged tables can be made again.
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin: Mutex::new(Some(origin)), ..self }
    }

    /// Takes a table in: of every pack the first description counts, if `judge` lets it. `lasting` if the table can be
    /// made again from index objects.
    pub fn stand(
        &mut self,
        Found { table, wanted, .. }: Found,
        lasting: bool,
        judge: &dyn Fn(PackId, &str) -> Option<Judged>,
    ) -> Result<(), Torn> {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<_> = table.objects.iter().map(|live| live.object.name.clone()).collect();
        // A table may describe a pack twice, by two index objects.
        let mut seen = HashSet::new();
        inner.stand(table, lasting, |inner, entry, place, there| {
            let object = entry.object as usize;
            let counts = wanted.get(object).is_some_and(|wanted| *wanted);
            if !counts || inner.number_of(entry.id).is_some() || !seen.insert(entry.id) {
                return LEFT_OUT;
            }
            let name = names.get(object).map_or("", String::as_str);
            let Some(Judged { host, source, healed }) = judge(entry.id, name) else { return LEFT_OUT };
            let pack = inner.packs.len() as u32;
            healed.map(|object| inner.healed.insert(pack, object));
            inner.packs.push(Known { id: entry.id, host, number: there, table: place, source });
            pack
        })?;
        inner.sort();
        Ok(())
    }

    fn inner(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and asks again after a damaged table was made again.
    fn ask<T>(&self, question: impl Fn(&Inner) -> Result<T, Torn>) -> Result<T, IndexError> {
        loop {
            let torn = match question(&self.inner()) {
                Ok(answer) => return Ok(answer),
                Err(torn) => torn,
            };
            self.heal(torn)?;
        }
    }

    /// Throws a damaged table away and makes it again from the target. Packs keep their numbers.
    fn heal(&self, torn: Torn) -> Result<(), IndexError> {
        let mut origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let Some(bad) = inner.tables.iter().find(|standing| standing.table.is(torn)) else { return Ok(()) };
        bad.table.discard();
        let again = bad.lasting && inner.healings < HEALINGS_MAX;
        let Some(Origin { dir, key, live, describe }) = origin.as_mut().filter(|_| again) else {
            return Err(mended_in_vain());
        };
        inner.healings += 1;
        let swept = |id: &PackId| inner.number_of(*id).is_none();
        let found = gather(dir, key, live, &swept, describe.as_mut())?;
        let (lasting, others) = std::mem::take(&mut inner.tables).into_iter().partition(|standing| standing.lasting);
        let _: Vec<Standing> = lasting;
        let before = std::mem::take(&mut inner.packs);
        inner.packs = before.iter().map(|known| Known { table: LOST, ..*known }).collect();
        let tables = found.into_iter().map(|found| (found.table, found.wanted, true));
        let others: Vec<Standing> = others;
        let others = others.into_iter().map(|standing| (standing.table, Vec::new(), false));
        for (table, wanted, lasting) in tables.chain(others) {
            let stood = inner.stand(table, lasting, |inner, entry, place, there| {
                let counts = !lasting || wanted.get(entry.object as usize).is_some_and(|wanted| *wanted);
                let Some(pack) = inner.number_of(entry.id).filter(|_| counts) else { return LEFT_OUT };
                let known = &mut inner.packs[pack as usize];
                if known.table != LOST {
                    return LEFT_OUT;
                }
                (known.table, known.number) = (place, there);
                pack
            });
            if stood.is_err() {
                return Err(mended_in_vain());
            }
        }
        Ok(())
    }

    /// Finds duplicates in these packs no more.
    pub fn distrust(&self, packs: impl Iterator<Item = u32>) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        for pack in packs {
            if let Some(known) = inner.packs.get_mut(pack as usize) {
                known.source = false;
            }
        }
        self.recent.clear();
    }

    /// The number of a pack that is known.
    pub fn number_of(&self, pack: PackId) -> Option<u32> {
        self.inner().number_of(pack)
    }

    pub fn knows_pack(&self, pack: PackId) -> bool {
        self.inner().number_of(pack).is_some()
    }

    /// How many packs are known. They are numbered from 0.
    pub fn packs(&self) -> u32 {
        self.inner().packs.len() as u32
    }

    pub fn brief(&self, pack: u32) -> Brief {
        let Known { id, host, source, .. } = self.inner().packs[pack as usize];
        Brief { id, host, source }
    }

    /// A pack's object name, header and frames.
    pub fn pack(&self, pack: u32) -> Result<Arc<KnownPack>, IndexError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(number, _)| *number == pack) {
            let (_, known) = &kept[at];
            let known = Arc::clone(known);
            // Most recently used last.
            kept.remove(at).into_iter().for_each(|entry| kept.push_back(entry));
            return Ok(known);
        }
        drop(kept);
        let known = self.ask(|inner| {
            let Some((table, entry)) = inner.entry(&self.blocks, pack)? else { return Ok(None) };
            let (header, frames) = table.pack(&self.blocks, &entry)?;
            let healed = inner.healed.get(&pack);
            let whole = healed.map(|object| (object.len, object.digest)).or(entry.whole);
            Ok(Some(KnownPack { object: inner.object(pack), whole, header, frames }))
        })?;
        let known = Arc::new(known.ok_or_else(|| self.lost(pack))?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == PACKS_KEPT {
            kept.pop_front();
        }
        kept.push_back((pack, Arc::clone(&known)));
        Ok(known)
    }

    fn lost(&self, pack: u32) -> IndexError {
        IndexError::damaged(self.object(pack), "nothing describes it any more")
    }

    /// The name of the object in which a pack lies.
    pub fn object(&self, pack: u32) -> String {
        self.inner().object(pack)
    }

    /// Every place of a chunk of this kind, packs that are there for good first.
    pub fn places(&self, kind: ChunkKind, id: ChunkId) -> Result<Vec<Place>, IndexError> {
        self.ask(|inner| {
            let mut out = Vec::new();
            inner.each_place(&self.blocks, false, (kind, id), &mut |place, _, _| {
                out.push(place);
                Ok(false)
            })?;
            out.sort_by_key(|place| (!inner.packs[place.pack as usize].source, place.pack, place.chunk));
            Ok(out)
        })
    }

    /// Where in its frame the chunk at a place lies.
    pub fn slot(&self, place: Place) -> Result<Slot, IndexError> {
        let slot = self.ask(|inner| {
            let Some((table, entry)) = inner.entry(&self.blocks, place.pack)? else { return Ok(None) };
            Ok(Some(table.slot(&self.blocks, &entry, place.chunk)?.1))
        })?;
        slot.ok_or_else(|| self.lost(place.pack))
    }

    /// How many chunks each pack holds.
    pub fn sizes(&self) -> Result<Vec<u32>, IndexError> {
        self.ask(|inner| {
            let size = |pack| Ok(inner.entry(&self.blocks, pack)?.map_or(0, |(_, entry)| entry.slots));
            (0..inner.packs.len() as u32).map(size).collect()
        })
    }

    /// What the chunk at a place is called.
    pub fn named(&self, place: Place) -> Result<(ChunkKind, ChunkId), IndexError> {
        let slot = self.ask(|inner| {
            let Some((table, entry)) = inner.entry(&self.blocks, place.pack)? else { return Ok(None) };
            table.slot(&self.blocks, &entry, place.chunk).map(Some)
        })?;
        slot.map(|(id, slot)| (slot.kind, id)).ok_or_else(|| self.lost(place.pack))
    }

    /// Whether the chunk is anywhere at all.
    pub fn holds(&self, kind: ChunkKind, id: ChunkId) -> Result<bool, IndexError> {
        self.ask(|inner| {
            let mut holds = false;
            inner.each_place(&self.blocks, false, (kind, id), &mut |_, _, _| {
                holds = true;
                Ok(true)
            })?;
            Ok(holds)
        })
    }

    /// The place of a duplicate of the chunk that may be relied on. What cannot be found out is no duplicate.
    pub fn duplicate(&self, kind: ChunkKind, id: ChunkId) -> Option<Place> {
        if let Some(place) = self.recent.get(kind, &id) {
            return Some(place);
        }
        let found = self.ask(|inner| {
            let mut found = None;
            inner.each_place(&self.blocks, true, (kind, id), &mut |place, table, entry| {
                let is_source = inner.packs[place.pack as usize].source;
                if is_source {
                    found = Some(place);
                    self.recent.note(place, |from, most| table.slots(&self.blocks, entry, from, most))?;
                }
                Ok(is_source)
            })?;
            Ok(found)
        });
        found.ok().flatten()
    }

    /// Kind, id and length of one pack's chunks, frame by frame.
    pub fn ids_of(&self, pack: u32) -> Result<Vec<FrameIds>, IndexError> {
        let mut out: Vec<FrameIds> = vec![Vec::new(); self.pack(pack)?.frames.len()];
        let slots = self.ask(|inner| {
            let Some((table, entry)) = inner.entry(&self.blocks, pack)? else { return Ok(None) };
            table.slots(&self.blocks, &entry, 0, entry.slots).map(Some)
        })?;
        for (id, slot) in slots.ok_or_else(|| self.lost(pack))? {
            if let Some(frame) = out.get_mut(usize::from(slot.frame)) {
                frame.push((slot.kind, id, slot.len));
            }
        }
        Ok(out)
    }

    /// How many different chunks there are. Where several tables overlap, they are read from end to end.
    pub fn chunks(&self) -> Result<u64, IndexError> {
        self.ask(|inner| {
            if let [one] = inner.tables.as_slice()
                && !one.numbers.contains(&LEFT_OUT)
            {
                return Ok(one.table.sorted.distinct);
            }
            let sources = inner.tables.iter().map(|one| one.table.records(one.numbers.clone())).collect();
            let mut merge = Merge::new(sources)?;
            let (mut distinct, mut last) = (0, None);
            while let Some(record) = merge.next()? {
                let front = record.first_chunk::<8>().copied();
                distinct += u64::from(front != last);
                last = front;
            }
            Ok(distinct)
        })
    }
}

impl Inner {
    fn object(&self, pack: u32) -> String {
        let known = &self.packs[pack as usize];
        self.healed.get(&pack).map_or_else(|| known.id.object_name(known.host), |object| object.name.clone())
    }
}
