//! The log as it lies in a store: reading it, following its chain, adding to it.
//!
//! Entries are created and never replaced. Whoever creates `log/<n+1>` first, with a name that nobody can take
//! twice, has decided what comes next; everybody else looks again. What lies before the newest checkpoint (`base.rs`)
//! is not read; `shorten.rs` writes checkpoints and removes what three of them stand for.

mod base;
mod erased;
mod room;
mod shorten;
mod single_writer;
mod strays;

use std::collections::{BTreeMap, BTreeSet};

use dr_format::format::LOG_MAX;
use dr_format::id::{Digest, FamilyId, HostId};
use dr_format::key::{Author, WriterKey};
use dr_format::log_entry::{Body, Entry, decode, encode, number_of, object_name};
use dr_format::take_over::take_over;
use dr_store::{BlockingStore, Key, PutOutcome, StoreError};

use crate::checkpoint::{self, Checkpoint};
use crate::error::{LogError, PutBack};
use crate::fold::{CUT, State};
use crate::object::key;
use crate::rollback_guard::{Head, RollbackGuard, acceptance, accepted};
pub use erased::{erased, erased_note};
pub use single_writer::OtherWriter;
pub use single_writer::SingleWriterGuard;

/// Everything read so far, and what it adds up to.
pub struct Log {
    /// Where it is, for messages.
    place: String,
    family: FamilyId,
    maintenance: [u8; 32],
    genesis: Digest,
    /// The newest checkpoint that can be read, if there is one: entries up to its own are not asked for.
    base: Option<Checkpoint>,
    /// Checkpoints that are there and cannot be read, and why.
    pub spoiled: BTreeMap<u64, String>,
    /// The beginning of the log is gone, and no checkpoint that stands for it can be read: this one could not, or
    /// there is none.
    headless: Option<Option<u64>>,
    /// The outcomes of the entries after the checkpoint, by number.
    read: BTreeMap<u64, Result<Entry, String>>,
    highest: u64,
    /// Reading was cut off half-way: what is known is of before, and nothing may be appended to it.
    is_torn: bool,
    /// A repair is going on, which may need any parity that is there: none goes for room.
    pub keeps_parity: bool,
    /// Objects with numbers far beyond the others.
    implausible: Vec<u64>,
    /// Of some of these: whether it is an entry, rightly signed, for all that.
    beyond: BTreeMap<u64, bool>,
    /// A feature of a later version that allows reading only.
    pub read_only: Option<String>,
    /// The store takes one writer only.
    pub alone: Option<SingleWriterGuard>,
    pub state: State,
    /// Entries that cannot be read, and why. They may have said anything.
    pub unreadable: Vec<(u64, String)>,
    /// These, and those that were settled: what they said is not known either way.
    pub unknown: Vec<u64>,
    /// What is odd and takes nothing away: objects that nobody can have written there in turn, and entries of which a
    /// host says that they were others.
    pub odd: Vec<(u64, String)>,
    /// The last entry in force: its number and BLAKE3.
    pub head: Head,
    /// What this host has seen of it before.
    seen: Option<RollbackGuard>,
}

/// How often a lost race is tried again.
const RACES_MAX: u32 = 1_000;
/// How often an entry that came too late is written again.
const VOIDS_MAX: u32 = 3;
/// How often the log is read again because a checkpoint appeared meanwhile.
const COLLECTS_MAX: u32 = 16;

impl Log {
    pub fn open(
        store: &BlockingStore,
        family: FamilyId,
        maintenance: [u8; 32],
        genesis: Digest,
    ) -> Result<Self, LogError> {
        let mut log = Self {
            place: store.place(),
            family,
            maintenance,
            genesis,
            base: None,
            spoiled: BTreeMap::new(),
            headless: None,
            read: BTreeMap::new(),
            highest: 0,
            is_torn: false,
            keeps_parity: false,
            implausible: Vec::new(),
            beyond: BTreeMap::new(),
            read_only: None,
            alone: None,
            state: State::default(),
            unreadable: Vec::new(),
            unknown: Vec::new(),
            odd: Vec::new(),
            head: (0, genesis),
            seen: None,
        };
        log.refresh(store)?;
        Ok(log)
    }

    /// Reads what is new. The checkpoints are listed before and after: as long as no new one appears, no entry after
    /// the newest was removed or put back meanwhile.
    pub fn refresh(&mut self, store: &BlockingStore) -> Result<(), LogError> {
        self.is_torn = true;
        let known = self.highest;
        for _ in 0..COLLECTS_MAX {
            let before = listed(store)?;
            self.rebase(store, &before)?;
            self.collect(store, &before)?;
            if listed(store)? == before {
                self.is_torn = false;
                self.follow();
                return Ok(());
            }
            // What was read just now may have been put where something was removed.
            self.read.retain(|n, _| *n <= known);
            self.highest = known.max(self.floor());
        }
        Err(LogError::too_much("checkpoints came faster than the log could be read; run again"))
    }

    fn collect(&mut self, store: &BlockingStore, checkpoints: &BTreeSet<u64>) -> Result<(), LogError> {
        let floor = self.floor();
        let listed: BTreeSet<u64> = store
            .list("log")?
            .iter()
            .filter_map(|object| number_of(object.key.as_str()))
            .filter(|n| *n > floor)
            .collect();
        self.headless = None;
        if floor == 0 {
            let is_cut = match self.read.get(&1) {
                // Whoever has read the beginning knows it.
                Some(Ok(first)) => is_cut(first),
                _ if listed.contains(&1) => self.first(store)?,
                _ => !checkpoints.is_empty(),
            };
            self.headless = is_cut.then(|| checkpoints.last().copied());
        }
        // Entries are created one after the other. A number far beyond their count is somebody's mischief: it is
        // named, and otherwise as if it were not there.
        let plausible = match self.headless {
            None => floor.max(self.highest).saturating_add(listed.len() as u64 * 2 + 1_000),
            Some(_) => u64::MAX,
        };
        self.implausible = listed.range(plausible.saturating_add(1)..).copied().collect();
        self.look_beyond(store)?;
        let highest = listed.range(..=plausible).next_back().copied().unwrap_or(0).max(self.highest).max(floor);
        // Where the beginning is gone, only what is there is asked for: anything might be missing.
        let missing = if self.headless.is_some() { 0 } else { highest };
        let wanted: BTreeSet<u64> = (floor + 1..=missing).chain(listed.range(..=plausible).copied()).collect();
        for n in wanted {
            // An entry that could not be read is tried once more each time: reading may have been at fault.
            if self.read.get(&n).is_some_and(Result::is_ok) {
                continue;
            }
            let outcome = self.get(store, n)?;
            self.read.insert(n, outcome);
        }
        self.highest = highest;
        Ok(())
    }

    fn get(&self, store: &BlockingStore, n: u64) -> Result<Result<Entry, String>, LogError> {
        match store.get(&name(n)?, LOG_MAX) {
            Ok(bytes) => Ok(self.take(n, &bytes)),
            Err(StoreError::NotFound { .. }) => Ok(Err(MISSING.to_owned())),
            Err(StoreError::TooLarge { .. }) => Ok(Err("it is larger than a log entry can be".to_owned())),
            Err(other) => Err(other.into()),
        }
    }

    /// Reads entry 1, and says whether it was put there when what followed was removed.
    fn first(&mut self, store: &BlockingStore) -> Result<bool, LogError> {
        let first = self.get(store, 1)?;
        let is_cut = first.as_ref().is_ok_and(is_cut);
        self.read.insert(1, first);
        Ok(is_cut)
    }

    fn take(&self, n: u64, bytes: &[u8]) -> Result<Entry, String> {
        let entry = decode(bytes, self.family, &self.maintenance).map_err(|e| e.0.to_owned())?;
        if entry.n == n { Ok(entry) } else { Err("it is another entry's bytes".to_owned()) }
    }

    /// Folds every entry that can be read, in order, and holds each to what its author says came before it.
    ///
    /// An entry that names an earlier predecessor than the one before it was written by somebody who could not
    /// read what lay between. That takes nothing back: what can be read is in force, or one stolen key could
    /// unsay everybody else's entries. It is safe, because such an author may not rely on old packs.
    fn follow(&mut self) {
        let mut bad: BTreeMap<u64, String> =
            self.read.iter().filter_map(|(n, outcome)| outcome.as_ref().err().map(|why| (*n, why.clone()))).collect();
        let mut odd: BTreeMap<u64, String> = BTreeMap::new();
        let (strays, is_evidence) = self.strays();
        if is_evidence { &mut bad } else { &mut odd }.extend(strays);
        if let Some(newest) = self.headless {
            let why =
                newest.map_or("there is no checkpoint".to_owned(), |n| format!("{} cannot be read", object_of(n)));
            bad.entry(2).or_insert(format!("it and what follows are gone, and {why} that says what they said"));
        }
        self.state = self.base.as_ref().map(|base| base.state.clone()).unwrap_or_default();
        self.head = self.base.as_ref().map_or((0, self.genesis), |base| (base.n, base.digest()));
        let (mut settled, mut accounted) = (Vec::new(), BTreeSet::new());
        for entry in self.read.values().filter_map(|outcome| outcome.as_ref().ok()) {
            let expected = match entry.before {
                0 => Some(self.genesis),
                before => self.digest_of(before),
            };
            // The word of one host's later entry must not make the whole repository impossible to open.
            let may_say = entry.before > 0 || entry.n == 1 || entry.author == Author::Maintenance;
            if may_say && expected.is_some_and(|digest| digest != entry.before_digest) {
                // Whoever has one host's key could make everybody else's work as if nothing were known.
                let is_trusted = entry.author == Author::Maintenance;
                let what = if is_trusted {
                    "an entry after it was written after another one: it was exchanged"
                } else {
                    "a host says that it was another one when that host wrote; nobody else says so"
                };
                let list = if is_trusted { &mut bad } else { &mut odd };
                list.entry(entry.before).or_insert_with(|| what.to_owned());
            }
            if entry.author == Author::Maintenance {
                settled.push(entry.before + 1..entry.n);
                if let Body::Note(text) = &entry.body {
                    accounted.extend(accounted_for(text).filter(|n| *n < entry.n));
                }
            }
            self.state.apply(entry);
            self.head = (entry.n, entry.digest);
        }
        bad.retain(|n, _| !accounted.contains(n));
        odd.retain(|n, _| !accounted.contains(n) && !bad.contains_key(n));
        self.odd = odd.into_iter().collect();
        self.unknown = bad.keys().copied().collect();
        // What maintenance passed over, knowing that it could not be read, is settled.
        self.unreadable = bad.into_iter().filter(|(n, _)| !settled.iter().any(|range| range.contains(n))).collect();
        self.remember();
    }

    /// Holds the log to what was seen of it before, and remembers in `path` what is seen from now on.
    pub fn remember_in(&mut self, store: &BlockingStore, path: std::path::PathBuf) -> Result<(), LogError> {
        self.seen = Some(RollbackGuard::at(path));
        if self.behind().is_some() {
            // Another process may have seen more than this one had read by then.
            self.refresh(store)?;
        }
        self.remember();
        Ok(())
    }

    fn remember(&mut self) {
        let (head, is_behind) = (self.head, self.behind().is_some());
        if let Some(seen) = self.seen.as_mut().filter(|_| !is_behind) {
            seen.remember(head);
        }
    }

    /// The newest entry that was seen, if this log does not go on from it, and nobody has accepted that.
    pub fn behind(&self) -> Option<Head> {
        let (n, digest) = self.seen.as_ref()?.head()?;
        let goes_on = match (self.digest_of(n), self.read.get(&n)) {
            (Some(found), _) => found == digest,
            // It is there and damaged, which is told anyway.
            (None, Some(_)) => true,
            // What lies further back than a checkpoint names is believed: the maintenance key stands for it.
            (None, None) => n <= self.floor(),
        };
        let accepts = |entry: &Entry| match &entry.body {
            Body::Note(text) if entry.author == Author::Maintenance => accepted(text).is_some_and(|up_to| up_to >= n),
            _ => false,
        };
        let mut entries = self.read.values().filter_map(|outcome| outcome.as_ref().ok());
        let accepted = self.base.as_ref().is_some_and(|base| base.accepted >= n) || entries.any(accepts);
        (!goes_on && !accepted).then_some((n, digest))
    }

    /// What the maintenance key noted, oldest first.
    pub fn noted(&self) -> impl Iterator<Item = &str> {
        self.read.values().filter_map(|outcome| match outcome.as_ref().map(|entry| (&entry.body, entry.author)) {
            Ok((Body::Note(text), Author::Maintenance)) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The BLAKE3 of the `repo.json` under which the log was begun.
    pub fn genesis(&self) -> Digest {
        self.genesis
    }

    /// Whether the newest entry is one that cannot be read: what is newest is then not known.
    pub fn newest_is_unreadable(&self) -> bool {
        self.headless.is_some() || self.highest > self.head.0 || self.unreadable.iter().any(|(n, _)| *n == 0)
    }

    /// Whether writing is allowed at all, and if so, whether old packs may be relied on.
    pub fn may_write(&self) -> Result<(), LogError> {
        if let Some(feature) = &self.read_only {
            return Err(LogError::Newer {
                object: "repo.json".into(),
                what: format!("it has the feature `{feature}`; this program can read it but must not write"),
            });
        }
        if let Some(newest) = self.headless {
            return Err(LogError::damaged(
                newest.map_or("ckpt".to_owned(), object_of),
                "the log entries that it stands for are gone, so nobody knows what they said; what is left can be restored, and nothing may be written",
            ));
        }
        if let Some((n, feature)) = &self.state.missing {
            return Err(LogError::Newer {
                object: object_name(*n),
                what: format!("writing takes the feature `{feature}`; this program can read it but must not write"),
            });
        }
        if let Some(seen) = self.behind() {
            let put_back = PutBack { seen, found: self.head, place: self.place.clone() };
            return Err(LogError::RolledBack(Box::new(put_back)));
        }
        if let Some(alone) = &self.alone {
            alone.may_write(&self.state)?;
        }
        match self.state.unknown {
            Some((n, number)) => Err(LogError::Newer {
                object: object_name(n),
                what: format!(
                    "it is of type {number}, which this program does not know; it can read this repository but must not write"
                ),
            }),
            None => Ok(()),
        }
    }

    /// Writes that the log may have been cut, up to this entry, and goes on from where it ends.
    pub fn accept(
        &mut self,
        store: &BlockingStore,
        writer: &WriterKey,
        seen: u64,
        time_ms: i64,
    ) -> Result<(), LogError> {
        if writer.as_author() != Author::Maintenance {
            return Err(LogError::KeyMayNot("this takes the recovery key"));
        }
        let memory = self.seen.take();
        let appended = self.append(store, writer, time_ms, &mut |_| Ok(Body::Note(acceptance(seen))));
        self.seen = memory;
        self.remember();
        appended.map(|_| ())
    }

    /// Writes that this host, by the name that it has, writes from now on, in the place of the one that may; none: it may
    /// write already, and nothing was written. Of all that refuses writing only that another host may is passed over.
    pub fn take_over(
        &mut self,
        store: &BlockingStore,
        writer: &WriterKey,
        host: HostId,
        time_ms: i64,
    ) -> Result<Option<OtherWriter>, LogError> {
        if self.alone.is_none() {
            return Err(LogError::SeveralWriters(store.place()));
        }
        if writer.as_author() != Author::Maintenance {
            return Err(LogError::KeyMayNot("this takes the recovery key"));
        }
        self.refresh(store)?;
        if self.other_writer().is_none() {
            self.may_write()?;
            return Ok(None);
        }
        let alone = self.alone.take();
        let mut other = None;
        let appended = self.append(store, writer, time_ms, &mut |state| {
            other = alone.as_ref().and_then(|alone| alone.other(state));
            let gone = LogError::Outrun("this host may write by now");
            other.as_ref().map(|other| Body::Note(take_over(host, other.host))).ok_or(gone)
        });
        self.alone = alone;
        appended.map(|_| other)
    }

    /// The host that alone may write, if it is another one.
    pub fn other_writer(&self) -> Option<OtherWriter> {
        self.alone.as_ref()?.other(&self.state)
    }

    /// Appends an entry and returns its number. `body` is made again for each view that it is tried against.
    pub fn append(
        &mut self,
        store: &BlockingStore,
        writer: &WriterKey,
        time_ms: i64,
        body: &mut dyn FnMut(&State) -> Result<Body, LogError>,
    ) -> Result<u64, LogError> {
        let mut voids = 0;
        for _ in 0..RACES_MAX {
            if self.is_torn {
                self.refresh(store)?;
            }
            self.may_write()?;
            let n = self.highest + 1;
            let body = body(&self.state)?;
            if body.needs_whole_log()
                && let Some(n) = self.unknown.first()
            {
                return Err(LogError::NotUnderstood {
                    object: object_name(*n),
                    what: "cannot be read, so nobody knows what it said; nothing may go".into(),
                });
            }
            let bytes = encode(n, self.head.0, self.head.1, time_ms, &body, writer);
            if bytes.len() as u64 > LOG_MAX {
                return Err(LogError::too_much("a log entry would be too large"));
            }
            let entry = self.take(n, &bytes).map_err(|what| LogError::damaged(object_name(n), what))?;
            let mut after = self.state.clone();
            after.apply(&entry);
            if let Some((_, why)) = after.void.get(self.state.void.len()) {
                return Err(LogError::Outrun(why));
            }
            let ours = match self.put(store, (&name(n)?, &bytes), &body, writer)? {
                PutOutcome::Created => true,
                PutOutcome::Exists => {
                    // Somebody was first; or our own first try had landed although its answer was lost.
                    let ours = store.get(&name(n)?, LOG_MAX).is_ok_and(|found| found == bytes);
                    self.refresh(store)?;
                    ours
                }
            };
            if ours && self.counts(store, n, entry)? {
                return Ok(n);
            }
            voids += u32::from(ours);
            if voids > VOIDS_MAX {
                return Err(LogError::Outrun("what was written may have come too late to count"));
            }
        }
        Err(LogError::too_much("other writers were always first; run again"))
    }
}

/// The numbers of the checkpoints that are there.
fn listed(store: &BlockingStore) -> Result<BTreeSet<u64>, LogError> {
    Ok(store.list("ckpt")?.iter().filter_map(|object| checkpoint::number_of(object.key.as_str())).collect())
}

/// Whether an entry was put where the first one was, when what followed was removed.
fn is_cut(entry: &Entry) -> bool {
    let says_so = |features: &[String]| features.iter().any(|feature| feature == CUT);
    entry.author == Author::Maintenance && matches!(&entry.body, Body::Features(features) if says_so(features))
}

fn object_of(checkpoint: u64) -> String {
    crate::checkpoint::object_name(checkpoint)
}

fn name(n: u64) -> Result<Key, LogError> {
    key(&object_name(n))
}

/// What a NOTE of the maintenance key says once all that an unreadable entry may have registered was looked at.
pub fn account(n: u64) -> String {
    format!("{ACCOUNTED}{n}")
}

/// Which entry such a NOTE accounts for.
fn accounted_for(note: &str) -> Option<u64> {
    note.strip_prefix(ACCOUNTED)?.parse().ok()
}

const MISSING: &str = "it is missing";
const ACCOUNTED: &str = "accounted for, though it cannot be read: log entry ";
