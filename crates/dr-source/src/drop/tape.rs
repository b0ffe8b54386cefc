//! What does the front of a backup of SQL Server say of it, without a SQL Server?
//!
//! A `.bak` that is not compressed is a tape in Microsoft Tape Format: blocks that begin at multiples of 512 bytes, each with
//! its name in four letters and 52 bytes that all blocks have. `TAPE` comes first, `SSET` begins the set and says when it was
//! written and what it is called, `MSCI` holds SQL Server's own words, of which only the database's version is read here. A
//! compressed or encrypted one begins with `MSSQLBAK` and says nothing that can be read.
//!
//! Built from public descriptions of the format, and never tried with a file of a real SQL Server. So what is read is
//! plausibility and never proof: it is shown and kept, and nothing fails because of it.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

/// So much of a file's front is looked at.
pub(super) const FRONT: usize = 64 << 10;
/// Blocks begin at multiples of this.
const STEP: usize = 512;
/// What all blocks begin with.
const COMMON: usize = 52;
/// Where in the common part it says how texts are written, and the number of that which is read.
const TEXTS: usize = 48;
const UTF_16: u8 = 2;
/// Where in an `SSET` its name's length and place are, when it was written, and by which version of the program.
const SET_NAME: usize = 64;
const SET_DATE: usize = 88;
const SET_PROGRAM: usize = 93;
/// Where in an `MSCI` the database's version is.
const DATABASE: usize = 0xac;
/// Versions that a database of SQL Server can have; others are bytes of something else.
const VERSIONS: std::ops::RangeInclusive<u16> = 408..=2_000;
/// No name is longer, in bytes.
const NAME_MAX: usize = 256;

/// The first version of a database of each release.
const RELEASES: [(u16, &str); 11] = [
    (957, "2022"),
    (904, "2019"),
    (869, "2017"),
    (852, "2016"),
    (782, "2014"),
    (706, "2012"),
    (660, "2008 R2"),
    (655, "2008"),
    (611, "2005"),
    (539, "2000"),
    (515, "7.0"),
];

/// What the front of a backup of SQL Server says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Nothing else of it can be read: it is compressed or encrypted.
    pub compressed: bool,
    /// The version of the database: a server of an older release cannot restore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_version: Option<u16>,
    /// The version of the SQL Server that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_version: Option<u8>,
    /// When its first set was written, by that server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<DateTime>,
    /// What its first set is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
}

impl Header {
    /// What the front of a file says, if it is a backup of SQL Server.
    #[must_use]
    pub fn of(front: &[u8]) -> Option<Self> {
        if front.starts_with(b"MSSQLBAK") {
            return Some(Self { compressed: true, ..Self::default() });
        }
        if !front.starts_with(b"TAPE") {
            return None;
        }
        let front = front.get(..FRONT).unwrap_or(front);
        let block = |name: &[u8]| {
            let mut starts = (STEP..front.len()).step_by(STEP).filter_map(|at| front.get(at..));
            starts.find(|block| block.starts_with(name))
        };
        // What begins as a set by chance does not add up.
        let set = block(b"SSET").filter(|set| adds_up(set));
        let version = block(b"MSCI").and_then(|block| number(block, DATABASE));
        Some(Self {
            compressed: false,
            database_version: version.filter(|version| VERSIONS.contains(version)),
            server_version: set.and_then(|set| set.get(SET_PROGRAM).copied()).filter(|version| *version > 0),
            written: set.and_then(|set| date(set.get(SET_DATE..)?)),
            set: set.and_then(name),
        })
    }

    /// The oldest release of SQL Server that can restore it.
    #[must_use]
    pub fn release(&self) -> Option<&'static str> {
        let version = self.database_version?;
        RELEASES.iter().find(|(first, _)| version >= *first).map(|(_, release)| *release)
    }
}

impl std::fmt::Display for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.compressed {
            return f.write_str("a backup of SQL Server, compressed or encrypted: its header says no more");
        }
        f.write_str("by its header a backup of SQL Server")?;
        if let Some(set) = &self.set {
            write!(f, ", `{set}`")?;
        }
        if let Some(written) = self.written {
            write!(f, ", written on {} by that server's clock", written.strftime("%-d %b %Y %H:%M"))?;
        }
        match (self.database_version, self.release()) {
            (Some(version), Some(release)) => write!(f, ", database version {version} (SQL Server {release} or later)"),
            (Some(version), None) => write!(f, ", database version {version}"),
            (None, _) => Ok(()),
        }
    }
}

/// A number of two bytes.
fn number(block: &[u8], at: usize) -> Option<u16> {
    let bytes = block.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

/// Whether the common part of a block is one: its 26 numbers come to nothing by exclusive or.
fn adds_up(block: &[u8]) -> bool {
    let mut numbers = (0..COMMON).step_by(2).map(|at| number(block, at));
    numbers.try_fold(0, |sum, number| Some(sum ^ number?)) == Some(0)
}

/// A moment in five bytes: 14 bits for the year, 4 for the month, 5 for the day, 5 for the hour, 6 for the minute and 6 for
/// the second, the highest first.
fn date(bytes: &[u8]) -> Option<DateTime> {
    let bits = bytes.get(..5)?.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let part = |from: u32, wide: u32| i8::try_from(bits >> from & ((1 << wide) - 1)).ok();
    let year = i16::try_from(bits >> 26).ok().filter(|year| (1990..=2200).contains(year))?;
    DateTime::new(year, part(22, 4)?, part(17, 5)?, part(12, 5)?, part(6, 6)?, part(0, 6)?, 0).ok()
}

/// What a set is called: its length and its place in the block, in bytes, are two numbers.
fn name(set: &[u8]) -> Option<String> {
    let (long, at) = (usize::from(number(set, SET_NAME)?), usize::from(number(set, SET_NAME + 2)?));
    if long == 0 || long > NAME_MAX || set.get(TEXTS) != Some(&UTF_16) {
        return None;
    }
    let bytes = set.get(at..at.checked_add(long)?)?;
    let units: Vec<u16> = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
    let text = String::from_utf16(&units).ok()?;
    let text = text.trim_end_matches('\0');
    let is_shown = !text.is_empty() && !text.chars().any(|c| c.is_control() || dr_plan::is_hidden(c));
    is_shown.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
        block[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The sum that makes the common part of a block add up.
    fn sealed(block: &mut [u8]) {
        put(block, 50, &[0, 0]);
        let sum = (0..50).step_by(2).fold(0, |sum, at| sum ^ number(block, at).unwrap());
        put(block, 50, &sum.to_le_bytes());
    }

    /// The front of a tape as it is described: a set at 1,024 bytes, SQL Server's words at 3,584.
    fn tape() -> Vec<u8> {
        let mut front = vec![0; 8 << 10];
        put(&mut front, 0, b"TAPE");
        sealed(&mut front);
        let set = &mut front[1024..3584];
        put(set, 0, b"SSET");
        set[TEXTS] = UTF_16;
        let name: Vec<u8> = "SIMS full".encode_utf16().flat_map(u16::to_le_bytes).collect();
        put(set, SET_NAME, &[u8::try_from(name.len()).unwrap(), 0, 200, 0]);
        put(set, 200, &name);
        // 30 November 2026, 23:10:05.
        let bits: u64 = 2026 << 26 | 11 << 22 | 30 << 17 | 23 << 12 | 10 << 6 | 5;
        put(set, SET_DATE, &bits.to_be_bytes()[3..]);
        set[SET_PROGRAM] = 15;
        sealed(set);
        put(&mut front[3584..], 0, b"MSCI");
        put(&mut front[3584..], DATABASE, &904_u16.to_le_bytes());
        front
    }

    #[test]
    fn a_tape_says_when_and_by_what_it_was_written() {
        let header = Header::of(&tape()).unwrap();
        let written = "2026-11-30T23:10:05".parse().unwrap();
        let (set, server_version) = (Some("SIMS full".to_owned()), Some(15));
        let expected =
            Header { compressed: false, database_version: Some(904), server_version, written: Some(written), set };
        assert_eq!(header, expected);
        assert_eq!(
            header.to_string(),
            "by its header a backup of SQL Server, `SIMS full`, written on 30 Nov 2026 23:10 by that server's clock, \
             database version 904 (SQL Server 2019 or later)"
        );
    }

    #[test]
    fn what_is_not_there_or_does_not_add_up_is_not_said() {
        assert_eq!(Header::of(b"PK\x03\x04"), None);
        assert!(Header::of(b"MSSQLBAK\x02").unwrap().compressed);
        assert_eq!(Header::of(b"TAPE"), Some(Header::default()));
        let mut front = tape();
        front[1024 + 20] ^= 1;
        let header = Header::of(&front).unwrap();
        assert_eq!((header.written, header.set, header.database_version), (None, None, Some(904)));
        let mut front = tape();
        put(&mut front[3584..], DATABASE, &9_999_u16.to_le_bytes());
        assert_eq!(Header::of(&front).unwrap().database_version, None);
        // A name with a letter that turns the line around.
        let mut front = tape();
        put(&mut front, 1024 + 200, &0x202e_u16.to_le_bytes());
        assert_eq!(Header::of(&front).unwrap().set, None);
        // 31 February.
        let mut front = tape();
        let bits: u64 = 2026 << 26 | 2 << 22 | 31 << 17;
        put(&mut front, 1024 + SET_DATE, &bits.to_be_bytes()[3..]);
        assert_eq!(Header::of(&front).unwrap().written, None);
    }

    #[test]
    fn no_front_however_it_was_changed_or_cut_breaks_the_reading() {
        let whole = tape();
        let mut seed = 0x5eed_u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..20_000 {
            let mut front = whole.clone();
            for _ in 0..=next(8) {
                let at = match next(3) {
                    0 => 1024 + next(256),
                    1 => 3584 + next(256),
                    _ => next(front.len()),
                };
                front[at] = [0, 0xff, 0x7f, u8::try_from(next(256)).unwrap()][next(4)];
            }
            // So that what comes after the sum is reached as well.
            if next(2) == 0 {
                sealed(&mut front[1024..]);
            }
            if next(4) == 0 {
                front.truncate(next(front.len()));
            }
            if let Some(header) = Header::of(&front) {
                assert!(header.to_string().len() < 1_000);
            }
        }
    }
}
