//! One file of a copy, fed to a program that reads it from front to back, without a copy on disk.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{EntryPath, FilesOnly, Meta, Writing};
use dr_repo::{Repository, Restore, SnapshotId, restore};
use dr_source::driver::{Feed, NotFed};

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Feeds what `options` names of a snapshot, which is one file.
pub(super) fn feed(repository: &Repository, id: SnapshotId, options: &Restore<'_>, to: Feed) -> Result<(), NotFed> {
    let to = Arc::new(Mutex::new(To { to: Some(to), refused: None, fed: false }));
    let made = Arc::clone(&to);
    let place =
        FilesOnly(move |_: &EntryPath, _| Ok(Box::new(Pipe { to: Arc::clone(&made), at: 0 }) as Box<dyn Writing>));
    let back = restore(repository, id, options, &place);
    let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
    // Its end is what the program waits for.
    to.to = None;
    if let Some(why) = to.refused.take() {
        return Err(NotFed::Refused(why));
    }
    match back {
        Err(why) => Err(NotFed::Lost(why.to_string())),
        Ok(back) => match back.failed.into_iter().next() {
            Some((_, why)) => Err(NotFed::Lost(why.to_string())),
            None if to.fed => Ok(()),
            None => Err(NotFed::Lost("it is not in the snapshot".to_owned())),
        },
    }
}

struct To {
    to: Option<Feed>,
    /// Why the program took no more.
    refused: Option<io::Error>,
    /// Whether all of it was written.
    fed: bool,
}

/// The file, as it comes.
struct Pipe {
    to: Arc<Mutex<To>>,
    at: u64,
}

impl Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipe) = &mut to.to else { return Err(io::ErrorKind::BrokenPipe.into()) };
        if let Err(why) = pipe.write_all(bytes) {
            let told = io::Error::other(why.to_string());
            (to.to, to.refused) = (None, Some(why));
            return Err(told);
        }
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn zeros(&mut self, until: u64) -> io::Result<()> {
        while self.at < until {
            let count = usize::try_from(until - self.at).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.write(&ZEROS[..count])?;
        }
        Ok(())
    }
}

impl Writing for Pipe {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.zeros(offset)?;
        self.write(bytes)
    }

    fn finish(mut self: Box<Self>, meta: &Meta) -> io::Result<()> {
        self.zeros(meta.size)?;
        self.to.lock().unwrap_or_else(PoisonError::into_inner).fed = true;
        Ok(())
    }
}
