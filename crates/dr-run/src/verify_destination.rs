//! Are the restored files what the copy holds? Reads both a second time and compares byte by byte.
//!
//! A destination that writes nothing: what it is given must be in the file already, holes must be zeros.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dr_entry::{EntryPath, Meta, Writing};
use dr_source::SourceError;
use dr_source::files::TreeReader;

/// Compares with what was restored below a folder.
pub(crate) struct VerifyDestination {
    restored: TreeReader,
    same: Arc<AtomicU64>,
}

impl VerifyDestination {
    pub(crate) fn new(root: &Path) -> Result<Self, SourceError> {
        Ok(Self { restored: TreeReader::new(root)?, same: Arc::default() })
    }

    /// Its file at `path`, for [`dr_entry::FilesOnly`].
    pub(crate) fn file(&self, path: &EntryPath, _: u64) -> io::Result<Box<dyn Writing>> {
        let file = self.restored.file(path)?;
        Ok(Box::new(Comparing { file, until: 0, same: Arc::clone(&self.same) }))
    }

    /// Files that were the same.
    pub(crate) fn same(&self) -> u64 {
        self.same.load(Ordering::Relaxed)
    }
}

struct Comparing {
    file: File,
    until: u64,
    same: Arc<AtomicU64>,
}

fn other() -> io::Error {
    io::Error::other("what was restored has other contents")
}

impl Comparing {
    /// Everything up to `to` that nobody wrote must be zeros.
    fn zeros(&mut self, to: u64) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        while self.until < to {
            let length = usize::try_from(to - self.until).unwrap_or(usize::MAX).min(buffer.len());
            self.file.read_exact_at(&mut buffer[..length], self.until)?;
            if buffer[..length].iter().any(|&byte| byte != 0) {
                return Err(other());
            }
            self.until += length as u64;
        }
        Ok(())
    }
}

impl Writing for Comparing {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.zeros(offset)?;
        let mut restored = vec![0; bytes.len()];
        self.file.read_exact_at(&mut restored, offset)?;
        self.until = offset + bytes.len() as u64;
        if restored == bytes { Ok(()) } else { Err(other()) }
    }

    fn finish(mut self: Box<Self>, meta: &Meta) -> io::Result<()> {
        self.zeros(meta.size)?;
        if self.file.metadata()?.len() != meta.size {
            return Err(io::Error::other("what was restored has another length"));
        }
        self.same.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_entry::Kind;

    #[test]
    fn a_changed_byte_a_filled_hole_and_a_longer_file_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = EntryPath::new(&b"f"[..]).unwrap();
        let mut meta = Meta::plain(Kind::File, 0o600);
        meta.size = 12;
        let compare = |restored: &[u8]| {
            std::fs::write(folder.path().join("f"), restored).unwrap();
            let again = VerifyDestination::new(folder.path()).unwrap();
            let mut writing = again.file(&path, 12)?;
            writing.write_at(0, b"abcd")?;
            writing.write_at(8, b"efgh")?;
            writing.finish(&meta)?;
            io::Result::Ok(again.same())
        };
        assert_eq!(compare(b"abcd\0\0\0\0efgh").unwrap(), 1);
        for wrong in [&b"abcX\0\0\0\0efgh"[..], b"abcd\0\0X\0efgh", b"abcd\0\0\0\0efghi", b"abcd\0\0\0\0ef"] {
            assert!(compare(wrong).is_err());
        }
    }
}
