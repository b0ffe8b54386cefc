//! Where the tables of one repository lie on this host.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Where tables are made: a folder where they last, or nowhere in particular for as long as the process runs.
#[derive(Debug, Clone, Default)]
pub struct TableDir(pub Option<PathBuf>);

impl TableDir {
    /// In a folder that is made if it is not there; nobody else may look into it.
    pub fn in_folder(folder: Option<&Path>) -> Self {
        let made = folder.filter(|folder| DirBuilder::new().recursive(true).mode(0o700).create(folder).is_ok());
        Self(made.map(Path::to_owned))
    }

    /// A file without a name, gone with the process: in the folder, else among temporary files, else in memory.
    pub fn nameless(&self) -> io::Result<File> {
        if let Some(file) = self.0.as_ref().and_then(|folder| tempfile::tempfile_in(folder).ok()) {
            return Ok(file);
        }
        tempfile::tempfile()
            .or_else(|_| Ok(File::from(rustix::fs::memfd_create("table", rustix::fs::MemfdFlags::CLOEXEC)?)))
    }
}
