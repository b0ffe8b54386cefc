//! Whether the ledger is still what was written: nothing edited, removed, reordered or cut.
//!
//! The chain alone shows everything but a cut tail: a ledger without its last week is a good ledger of the week before.
//! So letters and handover forms print a [`Head`], and [`crate::verify`] takes one as an anchor: the ledger must still reach
//! that entry, and it must still have that hash. One who can write the file *and* all anchors can rewrite history.
//!
//! A body may be missing only where a later entry announces its purge, so that a body cannot be made to vanish quietly.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::entry::{Body, Entry};
use crate::event::Event;
use crate::id::Digest;
use crate::line::Line;

/// The place and hash of an entry: as the newest one, a ledger's head; kept elsewhere, an anchor. `12:9f3c…` as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Number of the entry, 0 before the first.
    pub n: u64,
    /// Its hash, [`Digest::ZERO`] before the first.
    pub hash: Digest,
}

impl Head {
    /// Before the first entry.
    pub const EMPTY: Self = Self { n: 0, hash: Digest::ZERO };

    /// Reads `12:9f3c…`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (n, hash) = text.split_once(':')?;
        let plain = !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        Some(Self { n: n.parse().ok().filter(|_| plain)?, hash: Digest::from_hex(hash).ok()? })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.n, self.hash)
    }
}

/// The answer. In JSON `{"verdict":"ok|broken","entries":N,"head":HASH}`, with `line` and `why` if broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// The chain holds.
    Ok {
        /// How many entries.
        entries: u64,
        /// The hash of the last.
        head: Digest,
    },
    /// It does not.
    Broken {
        /// How many entries hold before the break.
        entries: u64,
        /// The hash of the last that holds.
        head: Digest,
        /// The first line that does not hold, from 1; one past the end if lines are missing there.
        line: u64,
        /// What is wrong with it.
        why: Break,
    },
}

impl Verdict {
    /// Whether the chain holds.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok { .. })
    }

    /// The last entry that holds.
    #[must_use]
    pub fn head(&self) -> Head {
        let (Self::Ok { entries, head } | Self::Broken { entries, head, .. }) = self;
        Head { n: *entries, hash: *head }
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Break {
    /// It is not spelled as an entry is.
    NotAnEntry,
    /// Its number is not the next one: entries were removed, added or reordered.
    WrongNumber,
    /// It does not follow the line above: one of the two was changed or exchanged.
    WrongPrevious,
    /// Its text was edited.
    BodyEdited,
    /// Its text is missing and no later entry says that it was purged.
    BodyMissing,
    /// Entries up to the anchor are missing: the tail was cut.
    CutBeforeAnchor,
    /// It is not the entry that the anchor was taken from: the ledger was rewritten.
    NotTheAnchor,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnEntry => "is not an entry",
            Self::WrongNumber => "is out of order: entries were removed, added or reordered",
            Self::WrongPrevious => "does not follow the line above: one of the two was changed",
            Self::BodyEdited => "was edited",
            Self::BodyMissing => "has lost its text, and no later entry says that it was purged",
            Self::CutBeforeAnchor => "is missing: the ledger was cut before the anchor",
            Self::NotTheAnchor => "is not the entry that the anchor was taken from: the ledger was rewritten",
        })
    }
}

/// Everything that a ledger's bytes say, and whether to believe it.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// Every entry that can be read, also after a break: a backup due tonight should not be forgotten because a line
    /// of last year was edited. Whether to believe them is the verdict's business.
    pub entries: Vec<Entry>,
    /// Entries whose bodies were purged.
    pub purged: BTreeSet<u64>,
    /// Bytes of an append that never finished, at the end. Not a break: the entry was never acknowledged.
    pub torn_bytes: usize,
    /// Whether the chain holds.
    pub verdict: Verdict,
    /// The hash of each entry that holds, from the first on: what anchors are compared with.
    pub hashes: Vec<Digest>,
}

/// Reads and judges a ledger's bytes.
pub fn scan(bytes: &[u8], anchor: Option<Head>) -> Contents {
    let mut scan = Scan::new(anchor);
    let torn_bytes = scan.go_on(bytes);
    scan.contents(torn_bytes)
}

/// A reading of a ledger that can be gone on with when lines were added.
pub struct Scan {
    chain: Chain,
    entries: Vec<Entry>,
}

impl Scan {
    pub fn new(anchor: Option<Head>) -> Self {
        Self { chain: Chain::new(anchor), entries: Vec::new() }
    }

    /// Reads what follows, and says how many bytes at its end are no line. If it does not end with a newline, nothing
    /// can follow.
    pub fn go_on(&mut self, bytes: &[u8]) -> usize {
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            let (text, whole) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let line = Line::parse(text);
            // Only the newline is missing: then the entry is there, and the next append adds what is missing.
            if !whole && !line.as_ref().is_some_and(|line| self.chain.fits(line)) {
                return piece.len();
            }
            let entry = line.as_ref().and_then(|line| Some(read_body(line.body?)?.numbered(line.n)));
            self.chain.take(line.as_ref(), entry.as_ref().map(|entry| &entry.event));
            self.entries.extend(entry);
        }
        0
    }

    pub fn contents(&self, torn_bytes: usize) -> Contents {
        let (verdict, purged) = self.chain.finish();
        Contents { entries: self.entries.clone(), purged, torn_bytes, verdict, hashes: self.chain.hashes.clone() }
    }
}

fn read_body(text: &str) -> Option<Body> {
    serde_json::from_str(text).ok()
}

/// The fold over lines that finds the first one that does not hold.
struct Chain {
    head: Head,
    hashes: Vec<Digest>,
    broken: Option<(u64, Break)>,
    stubs: BTreeMap<u64, Digest>,
    announced: BTreeSet<u64>,
    anchor: Option<Head>,
    seen_at_anchor: Option<(Digest, Digest)>,
}

impl Chain {
    fn new(anchor: Option<Head>) -> Self {
        let (stubs, announced) = (BTreeMap::new(), BTreeSet::new());
        Self { head: Head::EMPTY, hashes: Vec::new(), broken: None, stubs, announced, anchor, seen_at_anchor: None }
    }

    fn wrong(&self, line: &Line<'_>) -> Option<Break> {
        match line {
            line if line.n != self.head.n + 1 => Some(Break::WrongNumber),
            line if line.prev != self.head.hash => Some(Break::WrongPrevious),
            line if !line.body_holds() => Some(Break::BodyEdited),
            _ => None,
        }
    }

    fn fits(&self, line: &Line<'_>) -> bool {
        self.broken.is_none() && self.wrong(line).is_none()
    }

    fn take(&mut self, line: Option<&Line<'_>>, event: Option<&Event>) {
        if self.broken.is_some() {
            return;
        }
        let place = self.head.n + 1;
        let line = match line.ok_or(Break::NotAnEntry).and_then(|line| self.wrong(line).map_or(Ok(line), Err)) {
            Ok(line) => line,
            Err(why) => return self.broken = Some((place, why)),
        };
        if line.body.is_none() {
            self.stubs.insert(line.n, line.prev);
        }
        if let Some(Event::BodiesPurged { entries, .. }) = event {
            self.announced.extend(entries.iter().filter(|n| **n < line.n));
        }
        self.head = Head { n: line.n, hash: line.hash() };
        self.hashes.push(self.head.hash);
        if self.anchor.is_some_and(|anchor| anchor.n == line.n) {
            self.seen_at_anchor = Some((line.prev, self.head.hash));
        }
    }

    fn finish(&self) -> (Verdict, BTreeSet<u64>) {
        let Head { n: entries, hash: head } = self.head;
        let broken = |line: u64, head, why| Verdict::Broken { entries: line - 1, head, line, why };
        let quiet = self.stubs.iter().find(|(n, _)| !self.announced.contains(n));
        let verdict = match (self.broken, quiet, self.anchor, self.seen_at_anchor) {
            (Some((line, why)), ..) => broken(line, head, why),
            (None, Some((&line, &prev)), ..) => broken(line, prev, Break::BodyMissing),
            (None, None, Some(anchor), _) if anchor.n > entries => broken(entries + 1, head, Break::CutBeforeAnchor),
            (None, None, Some(anchor), Some((prev, hash))) if anchor.hash != hash => {
                broken(anchor.n, prev, Break::NotTheAnchor)
            }
            _ => Verdict::Ok { entries, head },
        };
        (verdict, self.stubs.keys().copied().collect())
    }
}
