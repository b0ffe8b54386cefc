//! The environment: every variable is read here and nowhere else.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What `NAME=value` before a command that dr types itself stands for.
static ASSIGNED: Mutex<BTreeMap<&str, OsString>> = Mutex::new(BTreeMap::new());

/// Gives a variable another value for this process from now on, not for programs that it starts.
pub fn assign(name: &'static str, value: OsString) {
    ASSIGNED.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value);
}

/// How dr was called, so that it can be called again.
pub fn called_as() -> String {
    std::env::args_os().next().map_or_else(|| "dr".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The words after the one by which dr starts itself in a closed room, if it stands first.
pub fn room_to_enter() -> Option<impl Iterator<Item = OsString>> {
    let mut words = std::env::args_os().skip(1);
    (words.next()? == dr_process::room::ENTER).then_some(words)
}

/// The file of this program.
///
/// # Errors
/// If the operating system does not know it.
pub fn program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// A variable, also an empty one.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn var(name: &str) -> Option<OsString> {
    let assigned = ASSIGNED.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    assigned.or_else(|| std::env::var_os(name))
}

/// A variable that names a file or folder; an empty one names none.
pub fn path(name: &str) -> Option<PathBuf> {
    var(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The whole environment but the repository's password, for a program that a person told us to run.
pub fn to_pass_on() -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| name != "DR_PASSWORD").collect()
}

/// The folder for what may always be lost: `$DR_CACHE`, for root `/var/cache/dr`, else XDG's.
pub fn cache_folder() -> Option<PathBuf> {
    path("DR_CACHE").or_else(|| match rustix::process::geteuid().is_root() {
        true => Some(PathBuf::from("/var/cache/dr")),
        false => path("XDG_CACHE_HOME")
            .filter(|folder| folder.is_absolute())
            // An account without a home has no cache there.
            .or_else(|| path("HOME").filter(|home| home.is_dir()).map(|home| home.join(".cache")))
            .map(|folder| folder.join("dr")),
    })
}

/// A folder for files that are gone when dr is.
pub fn scratch_folder() -> PathBuf {
    path("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"))
}
