//! Extended attributes, POSIX ACLs among them, of a name in an open directory.
//!
//! The kernel reads attributes of a link or a device only by path, so the path goes through the descriptor of
//! its directory: `/proc/self/fd/N/name`, last component not followed. Where there is no `/proc`, files and
//! directories are opened instead and other kinds have none.
//!
//! An attribute that cannot be read costs that attribute: it is named, and everything else of the entry is kept.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use dr_entry::Attributes;
use rustix::fs::{OFlags, fgetxattr, flistxattr, lgetxattr, llistxattr};
use rustix::io::{Errno, Result};

use super::directory::open_quietly;

/// The kernel's limit for one value and for one list of names.
const MAX: usize = 64 * 1024;
/// What is tried first: the kernel allocates as much as it is offered, and 64 KiB a call cost more than the call.
const USUAL: usize = 1024;

thread_local! {
    /// Of each thread that opens something.
    static OF_OPEN: RefCell<AttributeReader> = RefCell::new(AttributeReader::new());
}

/// What was read, and for a person what was not.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) found: Attributes,
    pub(crate) lacking: Vec<String>,
}

impl Read {
    /// Nothing was: not even the names are known.
    fn nothing(why: Errno) -> Self {
        Self { found: Vec::new(), lacking: vec![format!("its attributes: {}", std::io::Error::from(why))] }
    }
}

/// Of what is open for reading.
pub(crate) fn of_open(open: BorrowedFd<'_>, device: u64) -> Read {
    OF_OPEN.with_borrow_mut(|reader| reader.read(device, &Place::Open(open)))
}

pub(crate) struct AttributeReader {
    names: Box<[u8]>,
    value: Box<[u8]>,
    path: Vec<u8>,
    /// Devices that said they have none; asked once.
    without: HashSet<u64>,
    proc: bool,
}

enum Place<'a> {
    Open(BorrowedFd<'a>),
    Path(&'a CStr),
}

impl AttributeReader {
    pub(crate) fn new() -> Self {
        Self {
            names: vec![0; MAX].into(),
            value: vec![0; MAX].into(),
            path: Vec::new(),
            without: HashSet::new(),
            proc: rustix::fs::statat(rustix::fs::CWD, c"/proc/self/fd", rustix::fs::AtFlags::empty()).is_ok(),
        }
    }

    /// Of a name, which is not followed. `openable`: it is a file, so it may be opened where there is no `/proc`.
    pub(crate) fn of_name(&mut self, directory: BorrowedFd<'_>, name: &CStr, device: u64, openable: bool) -> Read {
        if self.without.contains(&device) {
            return Read::default();
        }
        if !self.proc {
            if !openable {
                return Read::default();
            }
            return match open_quietly(directory, name, OFlags::NONBLOCK) {
                Ok(open) => self.read(device, &Place::Open(open.as_fd())),
                Err(why) => Read::nothing(why),
            };
        }
        let mut path = std::mem::take(&mut self.path);
        path.clear();
        // Writing to a vector cannot fail.
        let _ = write!(path, "/proc/self/fd/{}/", directory.as_raw_fd());
        path.extend_from_slice(name.to_bytes_with_nul());
        let read = match CStr::from_bytes_with_nul(&path) {
            Ok(whole) => self.read(device, &Place::Path(whole)),
            Err(_) => Read::nothing(Errno::INVAL),
        };
        self.path = path;
        read
    }

    fn read(&mut self, device: u64, place: &Place<'_>) -> Read {
        if self.without.contains(&device) {
            return Read::default();
        }
        let listed = retry_larger(&mut self.names, |names| match place {
            Place::Open(open) => flistxattr(open, names),
            Place::Path(path) => llistxattr(*path, names),
        });
        let length = match listed {
            Ok(0) => return Read::default(),
            Ok(length) => length,
            Err(Errno::NOTSUP | Errno::NOSYS) => {
                self.without.insert(device);
                return Read::default();
            }
            Err(why) => return Read::nothing(why),
        };
        let mut read = Read::default();
        for name in self.names[..length].split(|b| *b == 0).filter(|name| !name.is_empty()) {
            // No name has a NUL in it: they were split there.
            let Ok(text) = CString::new(name) else { continue };
            let got = retry_larger(&mut self.value, |value| match place {
                Place::Open(open) => fgetxattr(open, &text, value),
                Place::Path(path) => lgetxattr(*path, &text, value),
            });
            match got {
                Ok(length) => read.found.push((name.to_vec(), self.value[..length].to_vec())),
                // Removed since it was listed, or listed by a layer that does not give it.
                Err(Errno::NODATA | Errno::NOTSUP) => {}
                Err(why) => {
                    let why = std::io::Error::from(why);
                    read.lacking.push(format!("attribute {}: {why}", name.escape_ascii()));
                }
            }
        }
        read.found.sort_unstable();
        read
    }
}

fn retry_larger(buffer: &mut [u8], read: impl Fn(&mut [u8]) -> Result<usize>) -> Result<usize> {
    match read(&mut buffer[..USUAL]) {
        Err(Errno::RANGE) => read(buffer),
        other => other,
    }
}
