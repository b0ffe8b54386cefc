//! Does the place tell capital letters from small ones? Where it does not, two names of a capture are one there, and in
//! place the second would go over the first without a word.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use dr_entry::EntryPath;
use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};

use super::tree::Tree;
use crate::files::directory::look;

/// What was put back by now, by the name that the place makes of it.
pub(super) struct Folding(Mutex<HashMap<String, EntryPath>>);

impl Folding {
    /// `None` where every name is one of its own. A small file is made for that and removed again.
    pub(super) fn of(tree: &Tree, directory: BorrowedFd<'_>) -> Option<Self> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = |name: &std::ffi::CStr| openat(directory, name, flags, Mode::RUSR | Mode::WUSR).map(drop);
        let name = tree.unused_name(make).ok()?;
        let other = CString::new(name.to_bytes().to_ascii_uppercase()).ok();
        let folds = other.is_some_and(|other| look(directory, &other).is_ok());
        let _ = unlinkat(directory, &name, AtFlags::empty());
        folds.then(|| Self(Mutex::default()))
    }

    /// Takes the name for `path`.
    ///
    /// # Errors
    /// If another path of this restore has it.
    pub(super) fn take(&self, path: &EntryPath) -> io::Result<()> {
        let folded = String::from_utf8_lossy(path.as_bytes()).to_lowercase();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get(&folded) {
            Some(other) if other != path => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{other} has its place: capital letters and small ones are the same there"),
            )),
            Some(_) => Ok(()),
            None => {
                taken.insert(folded, path.clone());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_names_that_are_one_is_refused_and_the_first_may_come_again() {
        let folding = Folding(Mutex::default());
        let path = |name: &str| EntryPath::new(name.as_bytes()).unwrap();
        assert!(folding.take(&path("a/Letter")).is_ok() && folding.take(&path("a/Letter")).is_ok());
        assert!(folding.take(&path("a/letter")).unwrap_err().to_string().contains("a/Letter has its place"));
        assert!(folding.take(&path("b/letter")).is_ok());
    }
}
