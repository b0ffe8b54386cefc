//! Taking out bodies whose time is up, so that the chain holds and the purge itself is on record.
//!
//! Data protection wants names gone after a while; tamper evidence wants nothing gone. So the hash of a body stays and
//! only its text goes, and only after an entry that names what went. A purge that is interrupted between the two has
//! announced more than it removed: harmless, and doing it again finishes it. The file is replaced, not overwritten:
//! the old blocks stay on the disk until the file system reuses them, and older backups of the ledger keep them too.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use crate::entry::Body;
use crate::event::Event;
use crate::file::{Appended, Ledger, LedgerError, Open, at, sync_directory};
use crate::line::Line;
use crate::verify::scan;

impl Ledger {
    /// Appends `announcement`, whose event must be [`Event::BodiesPurged`], and takes out the bodies that it names.
    ///
    /// # Errors
    /// Nothing is removed if the chain is broken, or if an entry is named that does not exist or is itself the
    /// announcement of a purge.
    pub fn purge(&self, announcement: &Body) -> Result<Appended, LedgerError> {
        let Event::BodiesPurged { entries, .. } = &announcement.event else {
            return Err(LedgerError::NotPurgeable { n: 0 });
        };
        let named: BTreeSet<u64> = entries.iter().copied().collect();
        let text = serde_json::to_string(announcement)?;
        let mut open = Open::to_write(self.path())?;
        let set_aside = open.mend()?;
        let contents = scan(&dr_open::read(self.path(), u64::MAX).map_err(at(self.path()))?, None);
        if !contents.verdict.is_ok() {
            return Err(LedgerError::Broken { path: self.path().to_owned() });
        }
        let last = contents.verdict.head().n;
        let announcements = contents.entries.iter().filter(|e| matches!(e.event, Event::BodiesPurged { .. }));
        let must_stay: BTreeSet<u64> = announcements.map(|entry| entry.n).collect();
        if let Some(&n) = named.iter().find(|n| **n == 0 || **n > last || must_stay.contains(n)) {
            return Err(LedgerError::NotPurgeable { n });
        }
        let head = open.append(&text)?;
        self.replace(&named)?;
        Ok(Appended { head, set_aside })
    }

    /// Puts a file without the named bodies in place of this one. The caller holds the lock.
    fn replace(&self, named: &BTreeSet<u64>) -> Result<(), LedgerError> {
        let bytes = dr_open::read(self.path(), u64::MAX).map_err(at(self.path()))?;
        let mut kept = Vec::with_capacity(bytes.len());
        for whole in bytes.split_inclusive(|&b| b == b'\n') {
            match whole.strip_suffix(b"\n").and_then(Line::parse).filter(|line| named.contains(&line.n)) {
                Some(line) => kept.extend(line.stub().render().into_bytes()),
                None => kept.extend(whole),
            }
        }
        let beside = self.path().with_file_name("ledger.purging");
        match fs::remove_file(&beside) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(at(&beside)(why)),
            _ => {}
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(&kept).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, self.path()))
            .map_err(at(&beside))?;
        sync_directory(self.path())
    }
}
