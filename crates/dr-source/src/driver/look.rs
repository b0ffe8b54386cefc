//! What can be said of a source before it is captured?

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dr_plan::SecretRef;
use rustix::fs::{Access, access};
use zeroize::Zeroizing;

/// What is known around a source.
pub struct Around<'a> {
    /// The system's name for people.
    pub title: &'a str,
    /// What is left out of it whatever its patterns say: what others read or write there.
    pub places: &'a [PathBuf],
    /// Whether a pattern came from the plan itself, for a system inside this one.
    pub is_inner: &'a dyn Fn(&str) -> bool,
    /// Where file systems with data are mounted.
    pub mounts: &'a [PathBuf],
}

/// Finds what a secret of the plan stands for; an error says where it was looked for, and nothing of it.
pub type Secrets<'a> = &'a dyn Fn(&SecretRef) -> Result<Zeroizing<String>, String>;

/// What is at hand to ask a server with.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// Where secrets of the plan are found.
    pub secrets: Secrets<'a>,
    /// A folder, private to us, for files that go at once; made if it is not there.
    pub scratch: &'a Path,
}

/// One thing that somebody should know before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule it is about.
    pub rule: &'static str,
    /// Whether the system cannot be captured like this.
    pub is_error: bool,
    /// What and why, in words for people.
    pub reason: String,
}

/// Why a source cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What was found, in words for people.
    pub why: String,
    /// What to do.
    pub next: &'static str,
}

/// How many names of a folder are tried; a sample, not a backup.
const SAMPLE: usize = 200;

/// Each folder or file can be opened, and the first names in it too.
pub(crate) fn sampled(paths: &[PathBuf]) -> Result<(), Obstacle> {
    for path in paths {
        one(path).map_err(|why| Obstacle {
            why: format!("{}: {why}", shown(path)),
            next: "Mount it, or correct the plan: the next run fails.",
        })?;
    }
    Ok(())
}

fn one(path: &Path) -> Result<(), String> {
    let about = fs::metadata(path).map_err(|why| why.to_string())?;
    if !about.is_dir() {
        return dr_open::named(path).map(|_| ()).map_err(|why| why.to_string());
    }
    let names: Vec<_> = fs::read_dir(path).map_err(|why| why.to_string())?.take(SAMPLE).flatten().collect();
    if names.is_empty() {
        return Err("it is empty".to_owned());
    }
    let readable = |name: &fs::DirEntry| match name.file_type() {
        Ok(kind) if kind.is_file() => access(name.path(), Access::READ_OK).is_ok(),
        Ok(kind) if kind.is_dir() => access(name.path(), Access::READ_OK | Access::EXEC_OK).is_ok(),
        _ => true,
    };
    let closed = names.iter().filter(|name| !readable(name)).count();
    match closed {
        0 => Ok(()),
        _ => Err(format!("{closed} of the first {} names in it cannot be read by this account", names.len())),
    }
}

/// What was seen where nothing is in the way.
pub(crate) const READABLE: &str = "there, and what was tried of it can be read";

/// A path of this machine for a person's screen.
pub(crate) fn shown(path: &Path) -> String {
    dr_entry::shown_without(path.as_os_str().as_bytes(), |c| c.is_control() || dr_plan::is_hidden(c))
}
