//! Was a dump written to its end? Told of pg_dump's custom format while it passes, in pieces of any size.
//!
//! An exit status says so too, if it is pg_dump's own: a script in its place may end well though its dump was cut off. The
//! format has no mark at its end. But a list at its front says what has contents, and all contents are written in pieces
//! that say how long they are, up to one of no length. So a dump is whole if each contents in the list was written up to
//! that piece. What is in the pieces is passed over: pg_restore reads it at a rehearsal, and it holds up no capture.

use std::collections::BTreeSet;

/// The first bytes, and the format by which it is written.
const MAGIC: &[u8] = b"PGDMP";
const CUSTOM: u8 = 1;
/// The magic, three numbers of a version, how long a number and a place in a file are, the format.
const FRONT: usize = MAGIC.len() + 6;
/// The forms whose lists are known: of PostgreSQL 9 up to 18.
const OLDEST: u8 = 12;
const NEWEST: u8 = 16;
/// What begins the contents of a table, and of a group of large objects.
const DATA: u8 = 1;
const BLOBS: u8 = 3;

/// How a dump ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DumpEnd {
    /// All that its list names is there.
    Whole,
    /// Something is missing.
    Cut,
    /// It is not in this format.
    Foreign,
    /// It is in a form that this version of dr does not know.
    NotKnown,
}

/// One field of the head or of an entry of the list.
#[derive(Debug, Clone, Copy)]
enum DumpField {
    Byte,
    Number,
    Text,
    /// Texts up to one that is not there.
    Texts,
    /// The number of an entry.
    Id,
    /// Whether it has contents.
    HasContents,
    /// Where in a file its contents lie.
    Place,
}

/// Where in a dump one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DumpPart {
    Front,
    Head(usize),
    /// How many entries the list has.
    Entries,
    Entry(usize),
    /// Before some contents, or at the end.
    Between,
    /// Of which entry the contents are.
    Of(u8),
    /// Which large object comes, or none.
    Object,
    /// A piece of the contents.
    Piece(u8),
    Foreign,
    NotKnown,
}

/// A dump that passes.
#[derive(Debug)]
pub(super) struct PassingDump {
    at: DumpPart,
    /// The front of the field that passes.
    held: [u8; 16],
    have: usize,
    /// So many bytes say nothing to us.
    skip: u64,
    head: Vec<DumpField>,
    entry: Vec<DumpField>,
    /// How long a number and a place are.
    number: usize,
    place: usize,
    /// So many entries are still to come.
    entries: u64,
    /// The entry that passes, or whose contents pass.
    id: u64,
    /// Entries whose contents were not there yet.
    awaited: BTreeSet<u64>,
}

impl Default for PassingDump {
    fn default() -> Self {
        Self {
            at: DumpPart::Front,
            held: [0; 16],
            have: 0,
            skip: 0,
            head: Vec::new(),
            entry: Vec::new(),
            number: 0,
            place: 0,
            entries: 0,
            id: 0,
            awaited: BTreeSet::new(),
        }
    }
}

impl PassingDump {
    /// The next piece of it.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let count = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
                self.skip -= count as u64;
                bytes = &bytes[count..];
                continue;
            }
            let Some(wanted) = self.wanted() else { return };
            let count = (wanted - self.have).min(bytes.len());
            self.held[self.have..self.have + count].copy_from_slice(&bytes[..count]);
            self.have += count;
            bytes = &bytes[count..];
            if self.have == wanted {
                self.have = 0;
                let held = self.held;
                self.at = self.next(&held[..wanted]);
            }
        }
    }

    /// That was all.
    pub(super) fn end(&self) -> DumpEnd {
        match self.at {
            DumpPart::Between if self.awaited.is_empty() => DumpEnd::Whole,
            DumpPart::Foreign => DumpEnd::Foreign,
            DumpPart::NotKnown => DumpEnd::NotKnown,
            _ => DumpEnd::Cut,
        }
    }

    /// How long the next field is; none where nothing is understood any more.
    fn wanted(&self) -> Option<usize> {
        let of = |field: Option<&DumpField>| match field {
            Some(DumpField::Byte) => 1,
            Some(DumpField::Place) => 1 + self.place,
            _ => 1 + self.number,
        };
        Some(match self.at {
            DumpPart::Front => FRONT,
            DumpPart::Head(field) => of(self.head.get(field)),
            DumpPart::Entry(field) => of(self.entry.get(field)),
            DumpPart::Between => 1,
            DumpPart::Entries | DumpPart::Of(_) | DumpPart::Object | DumpPart::Piece(_) => 1 + self.number,
            DumpPart::Foreign | DumpPart::NotKnown => return None,
        })
    }

    fn next(&mut self, field: &[u8]) -> DumpPart {
        match self.at {
            DumpPart::Front => self.front(field),
            DumpPart::Head(at) => match self.head.get(at) {
                Some(_) if at + 1 == self.head.len() => self.passes(at, field, DumpPart::Entries, false),
                _ => self.passes(at, field, DumpPart::Head(at + 1), false),
            },
            DumpPart::Entries => match number(field) {
                (_, 0) => DumpPart::Between,
                (true, _) => DumpPart::Foreign,
                (false, entries) => {
                    self.entries = entries;
                    DumpPart::Entry(0)
                }
            },
            DumpPart::Entry(at) if at + 1 < self.entry.len() => self.passes(at, field, DumpPart::Entry(at + 1), true),
            DumpPart::Entry(_) => {
                self.entries -= 1;
                if self.entries == 0 { DumpPart::Between } else { DumpPart::Entry(0) }
            }
            DumpPart::Between => match field {
                [kind @ (DATA | BLOBS)] => DumpPart::Of(*kind),
                _ => DumpPart::Foreign,
            },
            DumpPart::Of(kind) => {
                let (negative, id) = number(field);
                self.id = id;
                match (negative || !self.awaited.contains(&id), kind) {
                    (true, _) => DumpPart::Foreign,
                    (false, BLOBS) => DumpPart::Object,
                    (false, _) => DumpPart::Piece(kind),
                }
            }
            // The upper half of all object numbers is written as negative.
            DumpPart::Object => match number(field) {
                (_, 0) => self.there(),
                _ => DumpPart::Piece(BLOBS),
            },
            DumpPart::Piece(kind) => match (number(field), kind) {
                ((true, _), _) => DumpPart::Foreign,
                ((false, 0), BLOBS) => DumpPart::Object,
                ((false, 0), _) => self.there(),
                ((false, length), _) => {
                    self.skip = length;
                    self.at
                }
            },
            nothing @ (DumpPart::Foreign | DumpPart::NotKnown) => nothing,
        }
    }

    fn front(&mut self, front: &[u8]) -> DumpPart {
        let (magic, about) = front.split_at(MAGIC.len());
        let [major, minor, _, number, place, format] = *about else { return DumpPart::Foreign };
        if magic != MAGIC || format != CUSTOM {
            return DumpPart::Foreign;
        }
        if major != 1 || !(OLDEST..=NEWEST).contains(&minor) {
            return DumpPart::NotKnown;
        }
        (self.number, self.place) = (number.into(), place.into());
        if !(1..=8).contains(&self.number) || !(1..=8).contains(&self.place) {
            return DumpPart::Foreign;
        }
        use DumpField::{Byte, HasContents, Id, Number, Place, Text, Texts};
        // How it is compressed, when it was begun, the database, the versions of server and program.
        self.head = vec![if minor >= 15 { Byte } else { Number }];
        self.head.extend([[Number; 7].as_slice(), &[Text; 3]].concat());
        self.entry = vec![Id, HasContents, Text, Text, Text, Text, Number, Text, Text, Text, Text, Text];
        self.entry.extend((minor >= 14).then_some(Text));
        self.entry.extend((minor >= 16).then_some(Number));
        self.entry.extend([Text, Text, Texts, Place]);
        DumpPart::Head(0)
    }

    /// What a field of the head or the list means, and what comes after it.
    fn passes(&mut self, at: usize, field: &[u8], then: DumpPart, in_list: bool) -> DumpPart {
        let fields = if in_list { &self.entry } else { &self.head };
        match fields.get(at) {
            Some(DumpField::Text | DumpField::Texts) if number(field).0 => then,
            Some(DumpField::Text) => {
                self.skip = number(field).1;
                then
            }
            Some(DumpField::Texts) => {
                self.skip = number(field).1;
                self.at
            }
            Some(DumpField::Id) => {
                self.id = number(field).1;
                then
            }
            Some(DumpField::HasContents) => {
                if number(field).1 != 0 {
                    self.awaited.insert(self.id);
                }
                then
            }
            _ => then,
        }
    }

    /// All contents of an entry are there.
    fn there(&mut self) -> DumpPart {
        self.awaited.remove(&self.id);
        DumpPart::Between
    }
}

/// A number: its sign, and then its bytes from the lowest.
fn number(field: &[u8]) -> (bool, u64) {
    let (sign, bytes) = field.split_first().unwrap_or((&0, &[]));
    let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    (*sign != 0 && value != 0, value)
}
