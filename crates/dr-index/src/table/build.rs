//! Makes a table: packs in any order, and whole other tables, become one.

use std::io;
use std::sync::Arc;

use dr_format::id::{Digest, PackId, random};
use rustix::fs::{FlockOperation, flock};
use tempfile::NamedTempFile;

use super::paged::{PagedWriter, ROOM, Stream};
use super::sort::{Failed, LEFT_OUT, Sorter, Source};
use super::{
    Entry, Front, IndexTable, Live, RECORD, Sorted, TableDir, TableKey, encode_frame, encode_objects, encode_record,
    encode_slot,
};
use crate::layout::PackLayout;

/// Files that are being written; whoever holds the lock of one is at it.
pub(super) const UNFINISHED: &str = ".new-";
/// Files that are whole.
pub(super) const FINISHED: &str = "table-";

/// A table that is being made. Takes memory for each pack and none for each chunk.
pub struct Builder {
    dir: TableDir,
    nonce: [u8; 16],
    out: PagedWriter,
    named: Option<NamedTempFile>,
    sorter: Sorter<RECORD>,
    sources: Vec<Source<RECORD>>,
    directory: Vec<Entry>,
    objects: Vec<Live>,
    left_out: Vec<PackId>,
    pub records: u64,
}

impl Builder {
    /// `lasts` if other processes are to find it.
    pub fn new(dir: &TableDir, key: &TableKey, lasts: bool) -> io::Result<Self> {
        let nonce = random();
        let named = dir.0.as_ref().filter(|_| lasts).and_then(|folder| {
            let named = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).ok()?;
            flock(named.as_file(), FlockOperation::NonBlockingLockExclusive).ok()?;
            Some(named)
        });
        let file = match &named {
            Some(named) => named.as_file().try_clone()?,
            None => dir.nameless()?,
        };
        Ok(Self {
            dir: dir.clone(),
            nonce,
            out: PagedWriter::new(file, key.of(&nonce))?,
            named,
            sorter: Sorter::new(),
            sources: Vec::new(),
            directory: Vec::new(),
            objects: Vec::new(),
            left_out: Vec::new(),
            records: 0,
        })
    }

    /// The packs that follow are described by this index object, and it describes no others.
    pub fn object(&mut self, object: Live) {
        self.objects.push(object);
    }

    /// Takes a pack of the last object in.
    pub fn pack(
        &mut self,
        id: PackId,
        whole: Option<(u64, Digest)>,
        header: &[u8],
        laid: &PackLayout,
    ) -> io::Result<()> {
        let number = self.directory.len() as u32;
        self.directory.push(Entry {
            id,
            whole,
            object: self.objects.len().saturating_sub(1) as u32,
            slots: laid.slots.len() as u32,
            frames: laid.frames.len() as u32,
            header: header.len() as u32,
            at: self.out.at(),
        });
        self.out.write(header)?;
        laid.frames.iter().try_for_each(|frame| self.out.write(&encode_frame(frame)))?;
        for (slot, chunk) in laid.slots.iter().zip(0u16..) {
            self.out.write(&encode_slot(slot))?;
            self.sorter.push(encode_record(&slot.0, number, chunk), &self.dir)?;
        }
        self.records += laid.slots.len() as u64;
        Ok(())
    }

    /// Takes another table in: those of its objects that are `wanted`, without packs that were swept.
    pub fn absorb(
        &mut self,
        table: &IndexTable,
        wanted: &[bool],
        swept: &dyn Fn(&PackId) -> bool,
    ) -> Result<(), Failed> {
        let mut objects = Vec::with_capacity(table.objects.len());
        for (object, wanted) in table.objects.iter().zip(wanted) {
            objects.push(self.objects.len() as u32);
            if *wanted {
                self.objects.push(object.clone());
            }
        }
        let mut renumber = Vec::with_capacity(table.packs as usize);
        let mut stream = Stream::new(Arc::clone(&table.paged), 0);
        let mut here = 0;
        for entry in table.entries() {
            let entry = entry?;
            let object = entry.object as usize;
            if !wanted.get(object).is_some_and(|wanted| *wanted) {
                renumber.push(LEFT_OUT);
                continue;
            }
            if swept(&entry.id) {
                self.left_out.push(entry.id);
                renumber.push(LEFT_OUT);
                continue;
            }
            renumber.push(self.directory.len() as u32);
            self.directory.push(Entry { object: objects[object], at: self.out.at(), ..entry });
            if here != entry.at {
                stream.seek(entry.at);
            }
            copy(&mut stream, &mut self.out, entry.end() - entry.at)?;
            here = entry.end();
            self.records += u64::from(entry.slots);
        }
        self.left_out.extend_from_slice(&table.left_out);
        self.sources.push(table.records(renumber));
        Ok(())
    }

    /// The finished table, under its name if it is to last.
    pub fn finish(mut self) -> Result<IndexTable, Failed> {
        let mut merge = self.sorter.merge(self.sources)?;
        let seed = u64::from_le_bytes(random());
        let sorted = Sorted::write(&mut self.out, &mut merge, self.records, seed)?;
        drop(merge);
        let packs_at = self.out.align()? * ROOM as u64;
        self.directory.iter().try_for_each(|entry| self.out.write(&entry.encode()))?;
        let packs = self.directory.len() as u32;
        drop(self.directory);
        self.left_out.sort();
        self.left_out.dedup();
        let objects = encode_objects(&sorted, &self.objects, &self.left_out);
        let objects_at = self.out.at();
        self.out.write(&objects)?;
        let (nonce, objects_len) = (self.nonce, objects.len() as u64);
        let paged =
            self.out.finish(|blocks| Front { nonce, blocks, packs, packs_at, objects_at, objects_len }.encode())?;
        let path = self.named.and_then(|named| {
            let name: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
            let path = named.path().with_file_name(format!("{FINISHED}{name}"));
            // Where it cannot get its name it still serves this process.
            named.persist(&path).ok().map(|_| path)
        });
        Ok(IndexTable::from_paged(Arc::new(paged), path)?)
    }
}

fn copy(stream: &mut Stream, out: &mut PagedWriter, mut len: u64) -> Result<(), Failed> {
    let mut buffer = [0; ROOM];
    while len > 0 {
        let now = &mut buffer[..len.min(ROOM as u64) as usize];
        stream.read(now)?;
        out.write(now)?;
        len -= now.len() as u64;
    }
    Ok(())
}

impl IndexTable {
    /// Its file goes; whoever has it open still reads it.
    pub fn discard(&self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}
