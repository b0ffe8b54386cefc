//! How one waits for a pipe, and looks up now and then.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How often one looks up from waiting.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// What came of waiting for a pipe for as long as [`LOOK`].
pub(crate) enum Waited {
    Ready,
    Quiet,
    Interrupted,
}

pub(crate) fn wait(pipe: BorrowedFd<'_>, until: PollFlags) -> Result<Waited, Errno> {
    let mut ready = [PollFd::from_borrowed_fd(pipe, until)];
    let pause = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
    match poll(&mut ready, Some(&pause)) {
        Ok(0) => Ok(Waited::Quiet),
        Ok(_) => Ok(Waited::Ready),
        Err(Errno::INTR) => Ok(Waited::Interrupted),
        Err(why) => Err(why),
    }
}
