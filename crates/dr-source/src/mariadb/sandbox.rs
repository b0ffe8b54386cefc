//! Does a program that loads a dump know the line at its front that closes it off from the machine? Where it does not, it
//! is given the dump without that line.

use std::io::{self, Write};

use super::version::ServerVersion;
use crate::driver::Feed;

/// How the line begins.
const BEGINS: &[u8] = b"/*M!999999\\-";

/// Whether a client of this version knows it: since May 2024, in each line of releases from another patch on.
pub(super) fn knows(client: ServerVersion) -> bool {
    let first = match (client.major, client.minor) {
        (10, 5) => 25,
        (10, 6) => 18,
        (10, 11) => 8,
        (11, 0) => 6,
        (11, 1) => 5,
        (11, 2) => 4,
        (11, 4) => 2,
        (major, minor) => return (major, minor) > (11, 4),
    };
    client.patch >= first
}

/// Passes a dump on, but for that line.
pub(super) struct Without {
    to: Feed,
    /// What came so far, until it is known whether it begins with the line.
    held: Option<Vec<u8>>,
}

impl Without {
    pub(super) fn new(to: Feed) -> Self {
        Self { to, held: Some(Vec::new()) }
    }

    /// From where on it is passed on; `None`: nobody can tell yet.
    fn decided(held: &[u8]) -> Option<usize> {
        let seen = held.len().min(BEGINS.len());
        if held[..seen] != BEGINS[..seen] {
            return Some(0);
        }
        held.iter().position(|byte| *byte == b'\n').map(|end| end + 1)
    }
}

impl Write for Without {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(held) = &mut self.held else { return self.to.write(bytes) };
        held.extend_from_slice(bytes);
        if let Some(from) = Self::decided(held) {
            let held = self.held.take().unwrap_or_default();
            self.to.write_all(&held[from..])?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
