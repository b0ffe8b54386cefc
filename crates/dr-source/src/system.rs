//! Which of the sources captures a system of the plan.

use std::path::{Path, PathBuf};

use dr_entry::Time;
use dr_plan::Source;

use crate::files::{self, Captured, Options, Roots};
use crate::{SourceError, maildir, sqlite};

/// Begins to capture the system that `source` describes. `scratch`: an existing directory for copies that have
/// to be made first (databases), private to us. `started`: when the run began. `places`: what others read or write, which
/// is no part of a files system.
///
/// # Errors
/// [`SourceError::NoCapture`] for kinds that this crate does not read; what else the source says.
pub fn capture_system(
    source: &Source,
    places: &[PathBuf],
    scratch: &Path,
    started: Time,
) -> Result<Captured, SourceError> {
    match source {
        Source::Files { paths, exclude, one_file_system } => {
            let options =
                Options { exclude: exclude.clone(), places: places.to_vec(), one_file_system: *one_file_system };
            files::capture(&Roots::of(paths), &options, started)
        }
        Source::Sqlite { path } => sqlite::capture(path, scratch, started),
        Source::Maildir { path } => maildir::capture(path, started),
        other => Err(SourceError::NoCapture { kind: kind(other) }),
    }
}

/// The word the plan has for it.
fn kind(source: &Source) -> &'static str {
    match source {
        Source::Files { .. } => "files",
        Source::Sqlite { .. } => "sqlite",
        Source::Maildir { .. } => "maildir",
        Source::Postgres(_) => "postgres",
        Source::Mariadb(_) => "mariadb",
        Source::Imap(_) => "imap",
        Source::Website(_) => "website",
        Source::Command { .. } => "command",
        Source::Drop { .. } => "drop",
        Source::Saas { .. } => "saas",
    }
}
