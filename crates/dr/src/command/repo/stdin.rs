//! Standard input as a file to be backed up.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::Ordering;

use dr_entry::{Body, Content, Entry, EntryPath, Kind, Meta, Piece, Profile, Settled, Time};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::signals::Signals;

/// The one entry of a capture of standard input.
pub fn entry(path: EntryPath, profile: Profile, at: Time, signals: Signals) -> Entry {
    let mut meta = Meta::plain(Kind::File, 0o600);
    meta.user.id = rustix::process::geteuid().as_raw();
    meta.group.id = rustix::process::getegid().as_raw();
    meta.mtime = at;
    Entry { path, meta, stamp: None, profile, body: Some(Box::new(Stdin { signals })) }
}

struct Stdin {
    signals: Signals,
}

impl Body for Stdin {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        Ok(self)
    }
}

impl Content for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        let stdin = io::stdin();
        loop {
            // Whoever feeds us may be slow: look up now and then whether somebody wants dr to end.
            if self.signals.stop().load(Ordering::Relaxed) {
                return Err(io::Error::other("interrupted"));
            }
            let mut ready = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
            let pause = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
            match poll(&mut ready, Some(&pause)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(why) => return Err(why.into()),
            }
            return match rustix::io::read(stdin.as_fd(), &mut *buffer) {
                Ok(0) => Ok(Piece::End),
                Ok(count) => Ok(Piece::Data(count)),
                Err(rustix::io::Errno::INTR) => continue,
                Err(why) => Err(why.into()),
            };
        }
    }

    fn settle(&mut self) -> io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}
