//! How a file that nobody may write is made one that we may.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Mode, chmodat};

use crate::files::directory::{look, look_at};

/// Sees to it that an existing directory can be written by its owner for as long as the restore lasts.
pub(super) fn make_writable(directory: BorrowedFd<'_>) -> io::Result<()> {
    let now = look(directory, c".").or_else(|_| look_at(directory))?;
    let mode = u32::from(now.stx_mode) & 0o7777;
    if mode & 0o700 == 0o700 {
        return Ok(());
    }
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    Ok(chmodat(CWD, &path, Mode::from_raw_mode(mode | 0o700), AtFlags::empty())?)
}
