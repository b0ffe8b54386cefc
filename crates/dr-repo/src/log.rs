//! The log as it lies in a store: reading it, following its chain, adding to it.
//!
//! Entries are created and never replaced. Whoever creates `log/<n+1>` first, with a name that nobody can take
//! twice, has decided what comes next; everybody else looks again.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use dr_store::{Body as Put, Key, Put as Outcome, Shelf, StoreError};

use crate::error::RepoError;
use crate::fold::State;
use crate::format::LOG_MAX;
use crate::id::{Digest, FamilyId};
use crate::key::WriterKey;
use crate::log_entry::{Author, Body, Entry, decode, encode, number_of, object_name};
use crate::seen::{Head, Seen, acceptance, accepted};

/// Everything read so far, and what it adds up to.
pub(crate) struct Log {
    family: FamilyId,
    maintenance: [u8; 32],
    genesis: Digest,
    /// The entries' outcomes by number; a gap is an entry that is missing.
    read: BTreeMap<u64, Result<Entry, String>>,
    highest: u64,
    implausible: Vec<u64>,
    /// A feature of a later version that allows reading only.
    pub(crate) read_only: Option<String>,
    pub(crate) state: State,
    /// Entries that cannot be read, and why. They may have said anything.
    pub(crate) unreadable: Vec<(u64, String)>,
    /// These, and those that were settled: what they said is not known either way.
    pub(crate) unknown: Vec<u64>,
    /// The last entry in force: its number and BLAKE3.
    pub(crate) head: Head,
    /// What this host has seen of it before.
    seen: Option<Seen>,
}

/// How often a lost race is tried again.
const RACES_MAX: u32 = 1_000;

impl Log {
    pub(crate) fn open(
        shelf: &Shelf,
        family: FamilyId,
        maintenance: [u8; 32],
        genesis: Digest,
    ) -> Result<Self, RepoError> {
        let mut log = Self {
            family,
            maintenance,
            genesis,
            read: BTreeMap::new(),
            highest: 0,
            implausible: Vec::new(),
            read_only: None,
            state: State::default(),
            unreadable: Vec::new(),
            unknown: Vec::new(),
            head: (0, genesis),
            seen: None,
        };
        log.refresh(shelf)?;
        Ok(log)
    }

    /// Reads what is new.
    pub(crate) fn refresh(&mut self, shelf: &Shelf) -> Result<(), RepoError> {
        let listed: Vec<u64> = shelf.list("log")?.iter().filter_map(|object| number_of(object.key.as_str())).collect();
        // Entries are created one after the other. A number far beyond their count is somebody's mischief: it is
        // named, and otherwise as if it were not there.
        let plausible = listed.len() as u64 * 2 + 1_000;
        self.implausible = listed.iter().copied().filter(|n| *n > plausible).collect();
        let highest = listed.iter().copied().filter(|n| *n <= plausible).max().unwrap_or(0).max(self.highest);
        for n in 1..=highest {
            // An entry that could not be read is tried once more each time: reading may have been at fault.
            if self.read.get(&n).is_some_and(Result::is_ok) {
                continue;
            }
            let outcome = match shelf.get(&name(n)?, LOG_MAX) {
                Ok(bytes) => self.take(n, &bytes),
                Err(StoreError::NotFound { .. }) => Err("it is missing".to_owned()),
                Err(StoreError::TooLarge { .. }) => Err("it is larger than a log entry can be".to_owned()),
                Err(other) => return Err(other.into()),
            };
            self.read.insert(n, outcome);
        }
        self.highest = highest;
        self.follow();
        Ok(())
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
        let mut bad: BTreeMap<u64, String> = self
            .read
            .iter()
            .filter_map(|(n, outcome)| outcome.as_ref().err().map(|why| (*n, why.clone())))
            .chain(self.implausible.iter().map(|n| (*n, "its number is far beyond the others".to_owned())))
            .collect();
        self.state = State::default();
        self.head = (0, self.genesis);
        let (mut settled, mut accounted) = (Vec::new(), BTreeSet::new());
        for entry in self.read.values().filter_map(|outcome| outcome.as_ref().ok()) {
            let expected = match entry.before {
                0 => Some(self.genesis),
                before => self.read.get(&before).and_then(|b| b.as_ref().ok()).map(|b| b.digest),
            };
            // The word of one host's later entry must not make the whole repository impossible to open.
            let may_say = entry.before > 0 || entry.n == 1 || entry.author == Author::Maintenance;
            if may_say && expected.is_some_and(|digest| digest != entry.before_digest) {
                let what = "an entry after it was written after another one: it was exchanged";
                bad.entry(entry.before).or_insert_with(|| what.to_owned());
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
        self.unknown = bad.keys().copied().collect();
        // What maintenance passed over, knowing that it could not be read, is settled.
        self.unreadable = bad.into_iter().filter(|(n, _)| !settled.iter().any(|range| range.contains(n))).collect();
        self.remember();
    }

    /// Holds the log to what was seen of it before, and remembers in `path` what is seen from now on.
    pub(crate) fn remember_in(&mut self, shelf: &Shelf, path: std::path::PathBuf) -> Result<(), RepoError> {
        self.seen = Some(Seen::at(path));
        if self.behind().is_some() {
            // Another process may have seen more than this one had read by then.
            self.refresh(shelf)?;
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
    pub(crate) fn behind(&self) -> Option<Head> {
        let (n, digest) = self.seen.as_ref()?.head()?;
        let goes_on = match self.read.get(&n) {
            Some(Ok(entry)) => entry.digest == digest,
            // It is there and damaged, which is told anyway.
            Some(Err(_)) => true,
            None => false,
        };
        let accepts = |entry: &Entry| match &entry.body {
            Body::Note(text) if entry.author == Author::Maintenance => accepted(text).is_some_and(|up_to| up_to >= n),
            _ => false,
        };
        let mut entries = self.read.values().filter_map(|outcome| outcome.as_ref().ok());
        (!goes_on && !entries.any(accepts)).then_some((n, digest))
    }

    /// What the maintenance key noted, oldest first.
    pub(crate) fn noted(&self) -> impl Iterator<Item = &str> {
        self.read.values().filter_map(|outcome| match outcome.as_ref().map(|entry| (&entry.body, entry.author)) {
            Ok((Body::Note(text), Author::Maintenance)) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The BLAKE3 of the `repo.json` under which the log was begun.
    pub(crate) fn genesis(&self) -> Digest {
        self.genesis
    }

    /// Whether the newest entry is one that cannot be read: what is newest is then not known.
    pub(crate) fn newest_is_unreadable(&self) -> bool {
        self.highest > self.head.0 || self.unreadable.iter().any(|(n, _)| *n == 0)
    }

    /// Whether writing is allowed at all, and if so, whether old packs may be relied on.
    pub(crate) fn may_write(&self) -> Result<(), RepoError> {
        if let Some(feature) = &self.read_only {
            return Err(RepoError::Newer {
                object: "repo.json".into(),
                what: format!("it has the feature `{feature}`; this program can read it but must not write"),
            });
        }
        if let Some((n, feature)) = &self.state.missing {
            return Err(RepoError::Newer {
                object: object_name(*n),
                what: format!("writing takes the feature `{feature}`; this program can read it but must not write"),
            });
        }
        if let Some(seen) = self.behind() {
            return Err(RepoError::RolledBack { seen, found: self.head });
        }
        match self.state.unknown {
            Some((n, number)) => Err(RepoError::Newer {
                object: object_name(n),
                what: format!(
                    "it is of type {number}, which this program does not know; it can read this repository but must not write"
                ),
            }),
            None => Ok(()),
        }
    }

    /// Writes that the log may have been cut, up to this entry, and goes on from where it ends.
    pub(crate) fn accept(
        &mut self,
        shelf: &Shelf,
        writer: &WriterKey,
        seen: u64,
        time_ms: i64,
    ) -> Result<(), RepoError> {
        if writer.as_author() != Author::Maintenance {
            return Err(RepoError::ReadOnly("this takes the recovery key".into()));
        }
        let memory = self.seen.take();
        let appended = self.append(shelf, writer, time_ms, &mut |_| Ok(Body::Note(acceptance(seen))));
        self.seen = memory;
        self.remember();
        appended.map(|_| ())
    }

    /// Appends an entry and returns its number. `body` is made anew for each view that it is tried against.
    pub(crate) fn append(
        &mut self,
        shelf: &Shelf,
        writer: &WriterKey,
        time_ms: i64,
        body: &mut dyn FnMut(&State) -> Result<Body, RepoError>,
    ) -> Result<u64, RepoError> {
        for _ in 0..RACES_MAX {
            self.may_write()?;
            let n = self.highest + 1;
            let body = body(&self.state)?;
            if body.needs_whole_log()
                && let Some(n) = self.unknown.first()
            {
                return Err(RepoError::ReadOnly(format!(
                    "{} cannot be read, so nobody knows what it said; nothing may go",
                    object_name(*n)
                )));
            }
            let bytes = encode(n, self.head.0, self.head.1, time_ms, &body, writer);
            if bytes.len() as u64 > LOG_MAX {
                return Err(RepoError::TooMuch("a log entry would be too large".into()));
            }
            let entry = self.take(n, &bytes).map_err(|what| RepoError::damaged(object_name(n), what))?;
            let mut after = self.state.clone();
            after.apply(&entry);
            if let Some((_, why)) = after.void.get(self.state.void.len()) {
                return Err(RepoError::Outrun(why));
            }
            match shelf.put_new(&name(n)?, Put::Bytes(Bytes::from(bytes.clone())))? {
                Outcome::Created => {
                    self.read.insert(n, Ok(entry));
                    self.highest = n;
                    self.follow();
                    return Ok(n);
                }
                Outcome::Exists => {
                    // Somebody was first; or our own first try had landed although its answer was lost.
                    let ours = shelf.get(&name(n)?, LOG_MAX).is_ok_and(|found| found == bytes);
                    self.refresh(shelf)?;
                    if ours {
                        return Ok(n);
                    }
                }
            }
        }
        Err(RepoError::TooMuch("other writers were always first; run again".into()))
    }
}

fn name(n: u64) -> Result<Key, RepoError> {
    key(&object_name(n))
}

/// What a NOTE of the maintenance key says once all that an unreadable entry may have registered was looked at.
pub(crate) fn account(n: u64) -> String {
    format!("{ACCOUNTED}{n}")
}

/// Which entry such a NOTE accounts for.
fn accounted_for(note: &str) -> Option<u64> {
    note.strip_prefix(ACCOUNTED)?.parse().ok()
}

const ACCOUNTED: &str = "accounted for, though it cannot be read: log entry ";

/// An object name that this crate made up.
pub(crate) fn key(name: &str) -> Result<Key, RepoError> {
    Key::new(name).map_err(|e| RepoError::damaged(&e.0, "it is not the name of an object"))
}
