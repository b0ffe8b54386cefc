//! Which tables on this host stand for the index objects that are in force now, and which are to be made or merged?

use std::collections::HashMap;
use std::path::Path;

use dr_format::id::{Digest, PackId};
use rustix::fs::{FlockOperation, flock};

use super::build::{Builder, FINISHED, UNFINISHED};
use super::paged::Torn;
use super::sort::Failed;
use super::{Entry, IndexTable, Live, TableDir, TableKey};
use crate::error::{IndexError, mended_in_vain, no_room};
use crate::layout::PackLayout;

/// A pack of an index object, read and laid out.
pub struct Described {
    pub id: PackId,
    pub whole: Option<(u64, Digest)>,
    pub header: Vec<u8>,
    pub laid: PackLayout,
}

/// Reads index objects from the target.
pub trait Describe {
    /// All packs of an object. `None`: not everything in it is as it should be, and others have been told.
    ///
    /// # Errors
    /// If the store cannot be reached.
    fn describe(&mut self, object: &Live) -> Result<Option<Vec<Described>>, IndexError>;
}

/// A table and which of its objects it is asked about.
pub struct Found {
    pub table: IndexTable,
    pub wanted: Vec<bool>,
    /// Chunks in it that nobody asks for: their index object was replaced, or their pack swept.
    waste: u64,
}

impl Found {
    pub fn of(table: IndexTable) -> Self {
        Self { wanted: vec![true; table.objects.len()], table, waste: 0 }
    }
}

/// A table is written at the latest after so many chunks, so that a process that is killed has not read in vain.
const TIER_RECORDS: u64 = if cfg!(test) { 5_000 } else { 16 << 20 };
/// A table that is not this many times larger than what is new is merged with it.
const LARGER: u64 = 10;
const ATTEMPTS: u32 = 3;

/// The tables that answer for `live`, the index objects in force: found in the folder, else made from the target.
///
/// # Errors
/// If the store cannot be reached, or there is no room for a table anywhere.
pub fn gather(
    dir: &TableDir,
    key: &TableKey,
    live: &[Live],
    swept: &dyn Fn(&PackId) -> bool,
    describe: &mut dyn Describe,
) -> Result<Vec<Found>, IndexError> {
    for _ in 0..ATTEMPTS {
        let (mut found, missing) = standing(dir, key, live, swept);
        if missing.is_empty() && settled(&found) {
            return Ok(found);
        }
        let made = make(dir, key, &missing, describe);
        match made.and_then(|made| {
            found.extend(made.into_iter().map(Found::of));
            Ok(merge(dir, key, found, swept)?)
        }) {
            Ok(found) => return Ok(found),
            Err(Stopped::Index(error)) => return Err(error),
            Err(Stopped::Table(Failed::Disk(error))) => return Err(no_room(&error)),
            // A table that was to be merged is damaged. It is gone now: once more, from what is left.
            Err(Stopped::Table(Failed::Torn(_))) => {}
        }
    }
    Err(mended_in_vain())
}

/// What keeps a table from being made.
enum Stopped {
    Index(IndexError),
    Table(Failed),
}

impl From<Torn> for Stopped {
    fn from(torn: Torn) -> Self {
        Self::Table(Failed::Torn(torn))
    }
}

impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        Self::Table(failed)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Table(Failed::Disk(error))
    }
}

/// What is there and can be believed, largest first, each object counted once; and what is missing.
fn standing(dir: &TableDir, key: &TableKey, live: &[Live], swept: &dyn Fn(&PackId) -> bool) -> (Vec<Found>, Vec<Live>) {
    let mut tables = dir.0.as_deref().map(|folder| tables_in(folder, key)).unwrap_or_default();
    tables.sort_by(|a, b| (b.sorted.records, &b.path).cmp(&(a.sorted.records, &a.path)));
    let mut missing: HashMap<&str, &Live> = live.iter().map(|live| (live.object.name.as_str(), live)).collect();
    let mut found = Vec::new();
    for table in tables {
        // It lacks packs that were swept once. If the log says otherwise now, it lacks something.
        let lacks = !table.left_out.iter().all(swept);
        let wanted: Vec<bool> = table
            .objects
            .iter()
            .map(|object| !lacks && missing.get(object.object.name.as_str()).is_some_and(|live| *live == object))
            .collect();
        let wastes = |entry: &Entry| !wanted.get(entry.object as usize).is_some_and(|it| *it) || swept(&entry.id);
        let slots = |entry: Entry| if wastes(&entry) { u64::from(entry.slots) } else { 0 };
        let waste: Result<u64, Torn> = table.entries().map(|entry| entry.map(slots)).sum();
        let (Ok(waste), true) = (waste, wanted.contains(&true)) else {
            table.discard();
            continue;
        };
        for (object, _) in table.objects.iter().zip(&wanted).filter(|(_, wanted)| **wanted) {
            missing.remove(object.object.name.as_str());
        }
        found.push(Found { table, wanted, waste });
    }
    let missing = live.iter().filter(|object| missing.contains_key(object.object.name.as_str())).cloned().collect();
    (found, missing)
}

fn tables_in(folder: &Path, key: &TableKey) -> Vec<IndexTable> {
    let Ok(listed) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut tables = Vec::new();
    for path in listed.flatten().map(|entry| entry.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with(UNFINISHED) {
            // Whoever writes it has it locked. Nobody does: he was killed.
            let abandoned =
                dr_open::plain(&path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok());
            if abandoned {
                let _ = std::fs::remove_file(&path);
            }
        } else if name.starts_with(FINISHED) {
            match IndexTable::open(&path, key) {
                Some(table) => tables.push(table),
                None => drop(std::fs::remove_file(&path)),
            }
        }
    }
    tables
}

/// IndexTables of objects that nobody has read here yet.
fn make(
    dir: &TableDir,
    key: &TableKey,
    missing: &[Live],
    describe: &mut dyn Describe,
) -> Result<Vec<IndexTable>, Stopped> {
    let mut made = Vec::new();
    let mut builder: Option<Builder> = None;
    for object in missing {
        let Some(packs) = describe.describe(object).map_err(Stopped::Index)? else { continue };
        let mut open = match builder.take() {
            Some(open) => open,
            None => Builder::new(dir, key, true)?,
        };
        open.object(object.clone());
        for pack in packs {
            open.pack(pack.id, pack.whole, &pack.header, &pack.laid)?;
        }
        if open.records >= TIER_RECORDS {
            made.push(open.finish()?);
        } else {
            builder = Some(open);
        }
    }
    if let Some(open) = builder {
        made.push(open.finish()?);
    }
    Ok(made)
}

/// Whether the tables are fine as they are: each much larger than the next, and little in them that nobody asks for.
fn settled(found: &[Found]) -> bool {
    first_to_merge(found).is_none()
}

/// Of tables in order of size, largest first: from which on all are to become one.
fn first_to_merge(found: &[Found]) -> Option<usize> {
    let mut after: u64 = found.iter().map(|found| found.table.sorted.records).sum();
    let mut first = None;
    for (number, one) in found.iter().enumerate() {
        let records = one.table.sorted.records;
        after -= records;
        let alone = number + 1 == found.len();
        let wasteful = one.waste * 4 > records;
        if wasteful || (!alone && records < after.saturating_mul(LARGER)) {
            first = Some(number);
            break;
        }
    }
    first
}

/// Makes one table of those that are too small or too wasteful to stay.
fn merge(
    dir: &TableDir,
    key: &TableKey,
    mut found: Vec<Found>,
    swept: &dyn Fn(&PackId) -> bool,
) -> Result<Vec<Found>, Failed> {
    found.sort_by_key(|found| std::cmp::Reverse(found.table.sorted.records));
    let Some(first) = first_to_merge(&found) else { return Ok(found) };
    let old = found.split_off(first);
    let mut builder = Builder::new(dir, key, true)?;
    let torn = |failed: Failed| {
        if let Failed::Torn(torn) = &failed {
            old.iter().filter(|found| found.table.is(*torn)).for_each(|found| found.table.discard());
        }
        failed
    };
    old.iter().try_for_each(|found| builder.absorb(&found.table, &found.wanted, swept)).map_err(torn)?;
    let table = builder.finish().map_err(torn)?;
    // Only once the new one has its name: until then these are all there is.
    if table.path.is_some() {
        old.iter().for_each(|found| found.table.discard());
    }
    found.push(Found::of(table));
    Ok(found)
}
