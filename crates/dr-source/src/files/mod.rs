//! How files and directories are captured with everything they carry, and put back the same.
//!
//! [`capture`] walks lazily, in entry order, through open directories only; [`FsRestorer`] writes below one root
//! and never outside it. A whole tree never stands in memory: one directory's names do.
//!
//! Limits: a name that is gone or closed to us is an [`dr_entry::Unread`] in its place and the walk goes on; a
//! directory that cannot be read is one `Unread` instead of its entry.

mod ahead;
pub(crate) mod attributes;
pub(crate) mod body;
mod content;
pub(crate) mod directory;
pub(crate) mod driver;
pub(crate) mod exclude;
mod filter;
mod links;
pub(crate) mod metadata;
pub(crate) mod names;
mod restorer;
mod room;
mod roots;
mod tally;
pub(crate) mod walk;

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use dr_entry::{Entries, Time};
pub use exclude::{Idle, glob, glob_of_any_case, idle, refused};
pub use restorer::{About, Conflict, FsRestorer, Owners, Removal, RestoreMode, Spare, TreeReader, file_of_plan, wipe};
pub use roots::{Roots, resolved};
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::SourceError;
use exclude::{Exclude, Root};
use roots::Wanted;
pub use tally::Tally;
use walk::{Start, Walker};

/// What a capture leaves out.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Patterns as the plan has them; what they mean stands in `exclude/` and the plan's documentation.
    pub exclude: Vec<String>,
    /// What stands at these paths, without links in them: what others read or write there.
    pub places: Vec<PathBuf>,
    /// Whether directories on other file systems are kept as empty directories.
    pub one_file_system: bool,
}

/// A capture that has begun.
pub struct Captured {
    /// The entries, read as they are asked for.
    pub entries: Entries<'static>,
    /// What else is known so far.
    pub tally: Arc<Tally>,
}

/// Whether a capture of `paths` leaves out the directory at `path`, or whatever is in it. `path`: absolute, without links.
///
/// # Errors
/// A wrong pattern.
pub fn leaves_out(paths: &[PathBuf], options: &Options, path: &Path) -> Result<bool, SourceError> {
    let roots: Vec<Root> = paths.iter().map(|path| Root::of(path)).collect();
    let exclude = Exclude::new(&options.exclude, &roots, &options.places)?;
    let named = |place: &Path| roots.iter().any(|root| root.is_at(place));
    let inner = path.join("\u{1}");
    let inner = inner.as_os_str().as_bytes();
    let above = path.ancestors().take_while(|place| !named(place));
    Ok(above.into_iter().any(|place| exclude.leaves_out(place.as_os_str().as_bytes(), true))
        || (exclude.leaves_out(inner, false) && exclude.leaves_out(inner, true)))
}

/// Begins to capture `roots`. `started` is when the run began: files changed since, or less than two seconds
/// before, get no stamp and are read again next time.
///
/// # Errors
/// A wrong pattern, no paths, or a root directory that cannot be opened.
pub fn capture(roots: &Roots, options: &Options, started: Time) -> Result<Captured, SourceError> {
    let named: &[PathBuf] = match roots {
        Roots::Directory(path) => std::slice::from_ref(path),
        Roots::Paths(paths) => paths,
    };
    let named: Vec<Root> = named.iter().map(|path| Root::of(path)).collect();
    let exclude = Exclude::new(&options.exclude, &named, &options.places)?;
    let tally = Arc::new(Tally::default());
    let (root, start, prefix) = match roots {
        Roots::Directory(path) => {
            let whole = path.canonicalize().map_err(|why| SourceError::open(path, why))?;
            (open_root(&whole)?, Start::Whole, whole.as_os_str().as_bytes().to_vec())
        }
        Roots::Paths(paths) if paths.is_empty() => return Err(SourceError::NoPaths),
        Roots::Paths(paths) => {
            let (wanted, missing) = Wanted::new(paths);
            let start = if wanted.whole { Start::Whole } else { Start::Parts(wanted, missing) };
            (open_root(Path::new("/"))?, start, Vec::new())
        }
    };
    let walk = Walker::new(
        root,
        start,
        walk::Rules {
            named: named.iter().map(Root::place).collect(),
            exclude,
            prefix: if prefix == b"/" { Vec::new() } else { prefix },
            one_file_system: options.one_file_system,
            started,
            tally: Arc::clone(&tally),
            special: Box::new(walk::Plain),
        },
    );
    Ok(Captured { entries: Box::new(walk.looking_ahead()), tally })
}

fn open_root(path: &Path) -> Result<OwnedFd, SourceError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).map_err(|why| SourceError::open(path, why))
}
