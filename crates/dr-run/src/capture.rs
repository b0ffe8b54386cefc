//! Is there anything to capture, and what is it called? A source that is empty or gone is a failure, never a quiet
//! small snapshot that pushes good ones out.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dr_entry::{Entries, Kind, Time};
use dr_plan::Source;
use dr_repo::Shape;
use dr_source::files::Roots;
use dr_source::{FACTS, SourceError, capture_system};
use jiff::Timestamp;

/// Why nothing was captured.
#[derive(Debug, thiserror::Error)]
pub enum NoCapture {
    /// The source says so.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Not one of its paths is there.
    #[error("the source is missing: {} is not there. Earlier backups are untouched; check that it is mounted", path.display())]
    Missing {
        /// The first of them.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("the source is empty: nothing was captured, and earlier backups are untouched. Check that {} is what it should be", path.display())]
    Empty {
        /// The first path.
        path: PathBuf,
    },
}

/// Begins to capture `source`; `started` by the real clock.
pub(crate) fn begin(source: &Source, scratch: &Path, started: Timestamp) -> Result<Entries<'static>, NoCapture> {
    let paths = source.paths();
    let first = paths.first().map(|path| (*path).clone()).unwrap_or_default();
    if !paths.is_empty() && paths.iter().all(|path| path.symlink_metadata().is_err()) {
        return Err(NoCapture::Missing { path: first });
    }
    if let Source::Sqlite { path } = source
        && path.metadata().is_ok_and(|about| about.len() == 0)
    {
        return Err(NoCapture::Empty { path: first });
    }
    let since = started.as_duration();
    let started = Time { seconds: since.as_secs(), nanos: u32::try_from(since.subsec_nanos()).unwrap_or(0) };
    let captured = capture_system(source, scratch, started)?;
    something(captured.entries).ok_or(NoCapture::Empty { path: first })
}

/// The same entries, if there is anything but directories and our own facts among them. Only the directories before
/// the first such entry are held in memory.
fn something(mut entries: Entries<'static>) -> Option<Entries<'static>> {
    let mut before = Vec::new();
    loop {
        let item = entries.next()?;
        let counts = match &item {
            Ok(entry) => entry.meta.kind != Kind::Directory && entry.path.as_bytes() != FACTS.as_bytes(),
            // What is there and cannot be read is no empty source.
            Err(_) => true,
        };
        before.push(item);
        if counts {
            return Some(Box::new(before.into_iter().chain(entries)));
        }
    }
}

/// How the entries are named, and what lists show as captured.
pub(crate) fn shape(source: &Source) -> (Shape, Vec<Vec<u8>>) {
    let paths: Vec<PathBuf> = source.paths().into_iter().cloned().collect();
    let shape = match source {
        Source::Files { .. } => match Roots::of(&paths) {
            Roots::Directory(_) => Shape::Directory,
            Roots::Paths(_) => Shape::Absolute,
        },
        _ => Shape::Directory,
    };
    (shape, paths.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect())
}
