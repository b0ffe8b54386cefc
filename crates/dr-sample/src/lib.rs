//! What an invented school keeps on its disks, and what the most awkward Linux tree looks like.
//!
//! Three kinds of made data, for `dr quickstart`, for tests and for benches: [`school`] is a junior school with its
//! shares, pupil records, mail and web site, which also lives through days and loses files; [`oddities`] is one tree
//! with everything Linux lets a file be; [`sets`] are large, dull sets whose size and compressibility are known.
//!
//! Everything is made from a seed: the same seed, day and place give the same bytes, names and file times, on every
//! machine. No clock is read. (Times of directories are whatever making them left.) Everybody here is invented:
//! telephone numbers are from 01632 960000, which is kept for drama, and domains end in `.example`.

mod dates;
mod document;
pub mod oddities;
mod package;
mod pdf;
mod picture;
mod put;
mod random;
pub mod school;
pub mod sets;
mod spreadsheet;
mod words;

use std::path::PathBuf;

/// Why made data could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    File {
        /// What was being made or changed.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A document could not be packed, or one that should be edited is not a document.
    #[error("not a document that can be saved: {0}")]
    Document(#[from] zip::result::ZipError),
    /// SQLite refused.
    #[error("the pupil records: {0}")]
    Records(#[from] rusqlite::Error),
    /// The directory does not hold what the operation needs.
    #[error("{}: {lacks}", path.display())]
    Unfit {
        /// The directory or file that was looked at.
        path: PathBuf,
        /// What is missing there.
        lacks: &'static str,
    },
}

/// The outcome of making something.
pub type Result<T> = std::result::Result<T, Error>;

/// Turns an I/O error into one that names its path.
pub(crate) fn at(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |source| Error::File { path: path.to_owned(), source }
}
