//! Is there anything to capture? A source that is empty or gone is a failure, never a quiet small snapshot that pushes good
//! ones out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_entry::{Entries, Kind, Time};

use super::look::Secrets;
use super::question::Questions;
use crate::drop::{NoExport, Spoiled};
use crate::files::{Captured, Tally};
use crate::output::Broken;
use crate::{FACTS, SourceError};

/// What a capture has to go by beside its source.
pub struct Moment<'a> {
    /// What others read or write inside it: left out of files.
    pub places: &'a [PathBuf],
    /// An existing folder for copies that have to be made first, private to us.
    pub scratch: &'a Path,
    /// The time that decisions are made with.
    pub decided: Time,
    /// The time on the clock, when the capture begins.
    pub real: Time,
    /// How big the system was when it was last captured.
    pub last_size: Option<&'a Size>,
    /// Where secrets of the plan are found.
    pub secrets: Secrets<'a>,
    /// What it is asked in the moment of the capture, where its kind can be asked.
    pub questions: Questions<'a>,
    /// Set to end the capture, should it turn out to be worthless.
    pub stop: &'a Arc<AtomicBool>,
}

/// How big a system is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Size {
    /// In bytes.
    pub bytes: u64,
    /// In what the maker of an export counts in it, each by the beginning of a hash of its name.
    pub counts: BTreeMap<String, u64>,
}

/// A capture that has begun.
pub struct Begun {
    /// The entries, read as they are asked for.
    pub entries: Entries<'static>,
    /// What else is known once they were read.
    pub tally: Arc<Tally>,
    /// For an export: its size, and whether it stayed as it was.
    pub export: Option<(u64, Spoiled)>,
    /// Where a program writes it: why it ended before its time.
    pub broken: Option<Broken>,
}

/// Why nothing was captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The source says so.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Somebody else's export is not there, or not as it should be.
    #[error(transparent)]
    Export(#[from] NoExport),
    /// Not one of its paths is there.
    #[error("the source is missing: {} is not there. Earlier backups are untouched; check that it is mounted", path.display())]
    Missing {
        /// The first of them.
        path: PathBuf,
    },
    /// The plan's own patterns leave nothing of it.
    #[error("the source is left out: `exclude` leaves out everything in {}, so nothing was captured, and earlier backups are untouched. Look which of its patterns is too wide", path.display())]
    LeftOut {
        /// The first path.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("the source is empty: nothing was captured, and earlier backups are untouched. Check that {} is what it should be", path.display())]
    Empty {
        /// The first path.
        path: PathBuf,
    },
}

/// That one of these paths is there and may hold something.
pub(crate) fn there(paths: &[PathBuf]) -> Result<(), CaptureError> {
    let Some(first) = paths.first() else { return Ok(()) };
    if paths.iter().all(|path| is_missing(path)) {
        return Err(CaptureError::Missing { path: first.clone() });
    }
    // A file without a byte: what a program leaves that failed. No folder is one.
    let is_empty = |path: &PathBuf| path.metadata().is_ok_and(|about| about.is_file() && about.len() == 0);
    if paths.iter().all(is_empty) {
        return Err(CaptureError::Empty { path: first.clone() });
    }
    Ok(())
}

/// Whether nothing is there, or a link that leads nowhere, which stands for what is not mounted and is no source by itself;
/// not where only nobody can tell.
fn is_missing(path: &Path) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    path.metadata().is_err_and(|why| matches!(why.kind(), NotFound | NotADirectory))
}

/// The same capture, if there is anything but directories and our own facts in it. Only the directories before the first
/// such entry are held in memory.
pub(crate) fn something(captured: Captured, paths: &[PathBuf]) -> Result<Begun, CaptureError> {
    let Captured { mut entries, tally } = captured;
    let mut before = Vec::new();
    loop {
        let Some(item) = entries.next() else {
            let path = paths.first().cloned().unwrap_or_default();
            return Err(match tally.excluded() {
                0 => CaptureError::Empty { path },
                _ => CaptureError::LeftOut { path },
            });
        };
        let counts = match &item {
            Ok(entry) => entry.meta.kind != Kind::Directory && entry.path.as_bytes() != FACTS.as_bytes(),
            // What is there and cannot be read is no empty source.
            Err(_) => true,
        };
        before.push(item);
        if counts {
            return Ok(Begun {
                entries: Box::new(before.into_iter().chain(entries)),
                tally,
                export: None,
                broken: None,
            });
        }
    }
}
