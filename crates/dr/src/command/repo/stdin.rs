//! Standard input as a file to be backed up.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::Ordering;

use dr_entry::{Body, Content, Entry, EntryPath, Kind, Meta, Piece, Profile, Settled, Time};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::signals::Signals;

/// The one entry of a capture of standard input.
///
/// `first`: what was read already, by [`first`].
pub fn entry(path: EntryPath, profile: Profile, at: Time, signals: Signals, first: Vec<u8>) -> Entry {
    let mut meta = Meta::plain(Kind::File, 0o600);
    meta.user.id = rustix::process::geteuid().as_raw();
    meta.group.id = rustix::process::getegid().as_raw();
    meta.mtime = at;
    Entry { path, meta, stamp: None, profile, body: Some(Box::new(Stdin { signals, first })) }
}

/// Waits for the first bytes; none: standard input was empty.
///
/// # Errors
/// If it cannot be read, or somebody wants dr to end.
pub fn first(signals: &Signals) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 64 << 10];
    let count = read(signals, &mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}

struct Stdin {
    signals: Signals,
    first: Vec<u8>,
}

impl Body for Stdin {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        Ok(self)
    }
}

impl Content for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        if !self.first.is_empty() {
            let count = buffer.len().min(self.first.len());
            buffer[..count].copy_from_slice(&self.first[..count]);
            self.first.drain(..count);
            return Ok(Piece::Data(count));
        }
        match read(&self.signals, buffer)? {
            0 => Ok(Piece::End),
            count => Ok(Piece::Data(count)),
        }
    }

    fn settle(&mut self) -> io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}

/// Reads what there is, or 0 at the end.
fn read(signals: &Signals, buffer: &mut [u8]) -> io::Result<usize> {
    let stdin = io::stdin();
    loop {
        // Whoever feeds us may be slow: look up now and then whether somebody wants dr to end.
        if signals.stop().load(Ordering::Relaxed) {
            return Err(io::Error::other("interrupted"));
        }
        let mut ready = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
        let pause = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        match poll(&mut ready, Some(&pause)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(why) => return Err(why.into()),
        }
        match rustix::io::read(stdin.as_fd(), &mut *buffer) {
            Err(rustix::io::Errno::INTR) => continue,
            other => return Ok(other?),
        }
    }
}
