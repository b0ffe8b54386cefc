//! A SQLite database as a source of the plan.

use std::io;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dr_entry::{EntryPath, Time};

use super::start::Opened;
use super::{captured, probe, restored, verify};
use crate::SourceError;
use crate::driver::{
    Around, Begun, CaptureError, Check, Driver, Finding, Hands, InPlace, Layout, Moment, Needs, NotExchanged, Obstacle,
    READABLE, StartRestored, Whole, sampled, shown, something, there,
};
use crate::files::{file_of_plan, resolved};

/// The database at this path.
pub(crate) struct Sqlite<'a>(pub(crate) &'a PathBuf);

impl Sqlite<'_> {
    fn paths(&self) -> &[PathBuf] {
        std::slice::from_ref(self.0)
    }
}

impl Driver for Sqlite<'_> {
    fn needs(&self) -> Needs {
        // A database that is written with a log ahead cannot be read without a file beside it.
        Needs { read: Vec::new(), write: self.0.parent().map(Path::to_owned).into_iter().collect() }
    }

    fn preflight(&self, _around: &Around<'_>) -> Vec<Finding> {
        Vec::new()
    }

    fn probe(&self, _now: Time, _hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        sampled(self.paths())?;
        match is_sqlite(self.0) {
            true => Ok(READABLE),
            false => Err(Obstacle {
                why: format!("{} is not an SQLite database", shown(self.0)),
                next: "Fix the path in the plan, or find out what happened to the file.",
            }),
        }
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        there(self.paths())?;
        something(captured(self.0, moment.scratch, moment.real, &moment.questions)?, self.paths())
    }

    fn layout(&self) -> Layout {
        let top = self.0.file_name().and_then(|name| EntryPath::new(name.as_bytes()).ok());
        Layout { whole_paths: false, top }
    }

    fn beside(&self) -> Vec<PathBuf> {
        let mut databases = vec![resolved(self.0)];
        databases.extend(self.0.canonicalize().ok().filter(|real| *real != databases[0]));
        databases
            .iter()
            .enumerate()
            .flat_map(|(nth, one)| files_of(one).into_iter().skip(usize::from(nth == 0)))
            .collect()
    }

    fn in_place(&self) -> InPlace<'_> {
        InPlace::Whole(self)
    }

    fn must_be_closed(&self) -> Vec<PathBuf> {
        files_of(self.0)
    }

    fn verify(&self, root: &Path) -> Vec<Check> {
        verify::checks(self.0, root)
    }

    fn starts(&self) -> Option<Box<dyn StartRestored + '_>> {
        Some(Box::new(Opened(self.0)))
    }
}

impl Whole for Sqlite<'_> {
    fn named(&self) -> &Path {
        self.0
    }

    fn stands_at(&self) -> Result<PathBuf, SourceError> {
        // A link stays, and what it stands for is replaced; no link that others laid leads anywhere.
        file_of_plan(self.0)
    }

    fn made(&self, folder: &Path) -> Result<PathBuf, String> {
        let new = restored(folder, self.0);
        if !new.is_file() {
            return Err("no database is in this snapshot".to_owned());
        }
        probe(&new).map_err(|_| "what came back does not open as a database".to_owned())?;
        Ok(new)
    }

    /// The old one's logs go with it.
    fn exchange(&self, new: &Path, old: &Path) -> Result<u64, NotExchanged> {
        for log in files_of(old).into_iter().skip(1) {
            match std::fs::remove_file(&log) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => {
                    return Err(NotExchanged { what: "cannot remove the log of", why });
                }
                _ => {}
            }
        }
        let size = new.symlink_metadata().map_or(0, |about| about.len());
        std::fs::rename(new, old).map_err(|why| NotExchanged { what: "cannot replace", why })?;
        Ok(size)
    }
}

fn is_sqlite(path: &Path) -> bool {
    let mut magic = [0; 16];
    dr_open::named(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok() && &magic == b"SQLite format 3\0")
}

/// A database and what it may have beside it.
fn files_of(database: &Path) -> Vec<PathBuf> {
    let beside = |end: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    vec![database.to_owned(), beside("-wal"), beside("-shm"), beside("-journal")]
}
