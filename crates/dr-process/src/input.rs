//! What a program reads, written while it runs by whoever has it piece by piece.

use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::PollFlags;

use crate::stream::wait;

/// The input of a program that runs; closed when this is dropped.
pub struct Input {
    pipe: ChildStdin,
    stop: Arc<AtomicBool>,
}

impl Input {
    /// Writing ends with an error once `stop` is set, however little the program reads.
    pub(crate) fn new(pipe: ChildStdin, stop: Arc<AtomicBool>) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok(Self { pipe, stop })
    }
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("somebody wanted that it ends"));
            }
            match self.pipe.write(bytes) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            wait(self.pipe.as_fd(), PollFlags::OUT)?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
