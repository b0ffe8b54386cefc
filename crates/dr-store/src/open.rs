//! Where does an address lead? The one place that knows every kind of store, and makes it.
//!
//! A new kind is a folder beside this file, a variant of [`Address`] and the arms that the compiler then asks for here.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::local::LocalStore;
use crate::{Store, StoreError};

/// The address of a store, without a secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A folder of this machine.
    Folder(PathBuf),
}

/// Why a text is the address of no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// No store of this version has addresses of that scheme.
    #[error("this version of dr keeps repositories on local paths only (a path, or file://), not on {scheme}://")]
    NoSuchStore {
        /// The scheme.
        scheme: String,
    },
    /// A `file://` that names another machine.
    #[error("`file://` is followed by an absolute path, as in file:///mnt/nas/dr")]
    NotAbsolute,
    /// A `%` that stands for nothing.
    #[error("a `%` in a file:// address is followed by two hexadecimal digits (%25 is `%`)")]
    Percent,
}

/// What is to be done with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Not a byte is written there.
    Read,
    /// Objects are put and deleted; the store must be there.
    Write,
    /// The same, and a store that is not there is made if what it stands in is.
    Create,
}

/// What opens a store besides its address, as values: no store reads the environment, or a file of secrets. A folder needs
/// none.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The account, or the public half of an access key.
    pub account: Option<String>,
    /// Its password, or the secret half.
    pub secret: Option<Zeroizing<String>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials { .. }")
    }
}

/// The store at an address.
///
/// # Errors
/// What the store says: [`StoreError::is_absent`] if none is there.
pub fn open(address: &Address, access: Access, _credentials: &Credentials) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match address {
        Address::Folder(folder) => Arc::new(match access {
            Access::Read => LocalStore::open_read_only(folder.clone())?,
            Access::Write => LocalStore::open(folder.clone())?,
            Access::Create => LocalStore::create(folder.clone())?,
        }),
    })
}

impl Address {
    /// Reads an address: a path, or a scheme and what belongs to it. `%20` and the like are undone.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let is_scheme =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        match text.split_once("://") {
            Some(("file", path)) if path.starts_with('/') => decoded(path).map(Self::Folder),
            Some(("file", _)) => Err(BadAddress::NotAbsolute),
            Some((scheme, _)) if is_scheme(scheme) => Err(BadAddress::NoSuchStore { scheme: scheme.to_owned() }),
            _ => Ok(Self::Folder(PathBuf::from(text))),
        }
    }

    /// The same from the root, if it is a place of this machine.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn absolute(self) -> io::Result<Self> {
        match self {
            Self::Folder(folder) => std::path::absolute(folder).map(Self::Folder),
        }
    }

    /// The folder that the store is, if it is one: there one can look at names, devices and room.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
        }
    }

    /// Folders of this machine that whoever writes to the store writes in.
    #[must_use]
    pub fn written(&self) -> Vec<PathBuf> {
        match self {
            Self::Folder(folder) => vec![folder.clone()],
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
        }
    }
}

/// A path from a URL, with `%20` and the like undone.
fn decoded(path: &str) -> Result<PathBuf, BadAddress> {
    let mut parts = path.split('%');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.ok_or(BadAddress::Percent)?);
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    Ok(OsString::from_vec(out).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_local_paths_and_anything_else_is_refused_by_name() {
        let folder = |text: &str| Address::parse(text).map(|address| address.to_string());
        assert_eq!(folder("/mnt/nas/dr").as_deref(), Ok("/mnt/nas/dr"));
        assert_eq!(folder("file:///mnt/a%20b").as_deref(), Ok("/mnt/a b"));
        assert!(folder("s3://bucket/x").unwrap_err().to_string().contains("s3://"));
        assert!(folder("file://host/x").is_err() && folder("file:///x%2").is_err() && folder("file:///x%zz").is_err());
    }

    #[test]
    fn what_is_not_there_is_absent_and_is_made_only_where_that_is_meant() {
        let place = tempfile::tempdir().unwrap();
        let address = Address::Folder(place.path().join("repo"));
        for access in [Access::Read, Access::Write] {
            assert!(open(&address, access, &Credentials::default()).is_err_and(|why| why.is_absent()));
        }
        open(&address, Access::Create, &Credentials::default()).unwrap();
        assert_eq!(open(&address, Access::Read, &Credentials::default()).unwrap().place(), address.to_string());
    }

    #[test]
    fn a_secret_is_in_no_debug_output() {
        let secret = Some(Zeroizing::new("hunter2".to_owned()));
        assert!(!format!("{:?}", Credentials { account: None, secret }).contains("hunter2"));
    }
}
