//! How the contents of an open file are read, to an end, also where the file has none.
//!
//! Files of the kernel's own say that they are empty, or as large as the memory, and give something else: those are
//! read until nothing comes, and named where more comes than any of them has to say.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use dr_entry::{Attributes, Content, Fresh, Kind, Meta, Piece, Settled, Stamp};
use rustix::fs::{Advice, SeekFrom, Statx, fadvise, fstatfs, seek};
use rustix::io::{Errno, pread};

use super::attributes::of_open;
use super::directory::{Identity, known};

/// Files from this size on are read ahead in large steps.
const LARGE: u64 = 4 << 20;

/// As much as is read of a file that says it is empty.
const EMPTY_MAX: u64 = 1 << 30;
/// The same in a file system of the kernel's own.
const KERNEL_EMPTY_MAX: u64 = 1 << 20;
/// And of one that says there that it has something.
const KERNEL_MAX: u64 = 16 << 20;

/// File systems that hold no data: the kernel makes up what is read there. By their numbers in `statfs(2)`: proc,
/// sysfs, debugfs, tracefs, securityfs, both cgroups, configfs, bpf, pstore, efivarfs, selinuxfs, smackfs.
const KERNELS: [i64; 13] = [
    0x9fa0,
    0x6265_6572,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x0027_e0eb,
    0x6367_7270,
    0x6265_6570,
    0xcafe_4a11,
    0x6165_676c,
    0xde5e_81e4,
    0xf97c_ff8c,
    0x4341_5d53,
];

pub(super) struct FileContent {
    fd: OwnedFd,
    device: u64,
    before: Stamp,
    /// It changes whenever somebody looks: that says nothing.
    kernels: bool,
    size: u64,
    /// More than this is no file.
    most: u64,
    sparse: bool,
    offset: u64,
    /// Sparse files only: up to here we know that there is data.
    data_until: u64,
    fresh: Option<Fresh>,
    lacking: Vec<String>,
}

impl FileContent {
    /// `before`: its stamp as it is described.
    pub(super) fn new(fd: OwnedFd, now: &Statx, before: Stamp, fresh: Option<Fresh>) -> Self {
        let size = now.stx_size;
        // Whatever has blocks is on a disk.
        let kernels = now.stx_blocks == 0 && fstatfs(&fd).is_ok_and(|about| is_kernels(about.f_type));
        let most = match (kernels, size) {
            (true, 0) => KERNEL_EMPTY_MAX,
            (true, _) => KERNEL_MAX,
            (false, 0) => EMPTY_MAX,
            (false, _) => u64::MAX,
        };
        if size >= LARGE {
            // Advice only: nothing is lost where it is refused.
            let _ = fadvise(&fd, 0, None, Advice::Sequential);
        }
        let sparse = now.stx_blocks.saturating_mul(512) < size;
        let device = Identity::of(now).device;
        let lacking = Vec::new();
        Self { fd, device, before, kernels, size, most, sparse, offset: 0, data_until: 0, fresh, lacking }
    }

    /// Of a file that the walk could look at, and nobody can now.
    pub(super) fn known(fd: OwnedFd, device: u64, before: Stamp) -> Self {
        let most = if before.size == 0 { EMPTY_MAX } else { u64::MAX };
        let (size, kernels, fresh, lacking) = (before.size, false, None, Vec::new());
        // Without knowing its blocks: whether it has holes is for it to say.
        Self { fd, device, before, kernels, size, most, sparse: true, offset: 0, data_until: 0, fresh, lacking }
    }

    /// Of a file that nobody can look at: read to its end, and for nobody but root.
    pub(super) fn unseen(fd: OwnedFd, before: Stamp) -> Self {
        let fresh = Some(Fresh { meta: Meta::plain(Kind::File, 0o600), stamp: None });
        Self { fresh, lacking: vec![UNSEEN.to_owned()], ..Self::known(fd, 0, before) }
    }

    /// At a hole, its length; at data, notes how far that goes.
    fn hole(&mut self) -> io::Result<Option<u64>> {
        if self.offset < self.data_until {
            return Ok(None);
        }
        let data = match seek(&self.fd, SeekFrom::Data(self.offset)) {
            Ok(at) => at,
            // No data after here: a hole to the end.
            Err(Errno::NXIO) => self.size,
            // Whoever cannot say where holes are gives zeros.
            Err(_) => {
                self.sparse = false;
                return Ok(None);
            }
        };
        if data > self.offset {
            return Ok(Some(data - self.offset));
        }
        self.data_until = match seek(&self.fd, SeekFrom::Hole(self.offset)) {
            Ok(at) => at,
            Err(_) => self.size,
        };
        Ok(None)
    }
}

/// What is said of an entry whose metadata nobody could read.
pub(super) const UNSEEN: &str =
    "its owner, rights and times could not be read; its contents are kept, and restored for root alone";

fn is_kernels(magic: impl TryInto<i64>) -> bool {
    magic.try_into().is_ok_and(|magic| KERNELS.contains(&(magic & 0xffff_ffff)))
}

impl Content for FileContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        // What was appended since is left to the next run, and `settle` says that there was something. Files
        // of the kernel's own say size 0 and still have contents, so those are read until nothing comes.
        if self.offset >= self.size && self.size > 0 {
            return Ok(Piece::End);
        }
        if self.offset > self.most {
            return Err(io::Error::other(format!(
                "it says that it has {} bytes, and more than {} came out of it: it has no end",
                self.size, self.most
            )));
        }
        let mut length = buffer.len();
        if self.sparse {
            if let Some(hole) = self.hole()? {
                self.offset += hole;
                return Ok(Piece::Hole(hole));
            }
            if self.sparse {
                length = length.min(usize::try_from(self.data_until - self.offset).unwrap_or(usize::MAX));
            }
        }
        if self.size > 0 {
            length = length.min(usize::try_from(self.size - self.offset).unwrap_or(usize::MAX));
        }
        loop {
            match pread(&self.fd, &mut buffer[..length], self.offset) {
                Ok(0) => return Ok(Piece::End),
                Ok(read) => {
                    self.offset += read as u64;
                    return Ok(Piece::Data(read));
                }
                Err(Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }

    fn attributes(&mut self) -> io::Result<Option<Attributes>> {
        let read = of_open(self.fd.as_fd(), self.device);
        self.lacking.extend(read.lacking);
        Ok(Some(read.found))
    }

    fn fresh(&mut self) -> Option<Fresh> {
        self.fresh.take()
    }

    fn lacking(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lacking)
    }

    fn settle(&mut self) -> io::Result<Settled> {
        let (_, mut after, has_name) = known(self.fd.as_fd())?;
        if !has_name {
            // To lose its name, to one that was saved over it, is a change of the file, and none of its contents.
            after.ctime = self.before.ctime;
        }
        Ok(if self.kernels || after == self.before { Settled::Unchanged } else { Settled::Changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_file_systems_are_known_by_their_numbers() {
        let of = |path: &str| is_kernels(rustix::fs::statfs(path).unwrap().f_type);
        assert!(of("/proc"));
        assert!(!of("/tmp"));
    }
}
