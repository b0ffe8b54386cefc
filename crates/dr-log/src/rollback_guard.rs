//! The newest log entry that this host has seen of a repository, so that one that was put back to an earlier state, or
//! exchanged, does not pass for the one that it was.

use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use dr_format::id::{Digest, unhex};

/// A log entry: its number and BLAKE3.
pub type Head = (u64, Digest);

/// Where that is remembered. A memory that is lost, or cannot be written, only forgets.
pub struct RollbackGuard {
    path: PathBuf,
    head: Option<Head>,
}

impl RollbackGuard {
    pub fn at(path: PathBuf) -> Self {
        let head = dr_open::text(&path, 4 << 10).ok().and_then(|text| read(&text));
        Self { path, head }
    }

    pub fn head(&self) -> Option<Head> {
        self.head
    }

    pub fn remember(&mut self, head: Head) {
        if self.head == Some(head) || head.0 == 0 {
            return;
        }
        self.head = Some(head);
        // Another process may have seen more meanwhile.
        if Self::at(self.path.clone()).head.is_none_or(|(n, _)| n <= head.0) {
            let _ = self.write(head);
        }
    }

    fn write(&self, (n, digest): Head) -> std::io::Result<()> {
        let folder = self.path.parent().ok_or(std::io::ErrorKind::NotFound)?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{n} {digest}")?;
        file.persist(&self.path)?;
        Ok(())
    }
}

fn read(text: &str) -> Option<Head> {
    let (n, digest) = text.trim_end().split_once(' ')?;
    Some((n.parse().ok()?, Digest(unhex(digest)?)))
}

/// What a NOTE of the maintenance key says when somebody has accepted that a repository was put back: how far it had
/// been seen before.
pub fn acceptance(seen: u64) -> String {
    format!("{ACCEPTED}{seen}")
}

/// Up to which entry such a NOTE accepts that the log was cut.
pub fn accepted(note: &str) -> Option<u64> {
    note.strip_prefix(ACCEPTED)?.parse().ok()
}

const ACCEPTED: &str = "accepted as put back, seen before up to log entry ";
