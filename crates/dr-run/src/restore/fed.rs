//! One file of a copy, fed to a program that reads it from front to back, without a copy on disk.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{EntryPath, FilesOnly, InOrder, Writing};
use dr_repo::{Repository, RestoreOptions, SnapshotId, plan_restore};
use dr_source::driver::{Feed, NotFed};

/// Feeds what `options` names of a snapshot, which is one file.
pub(super) fn feed(
    repository: &Repository,
    id: SnapshotId,
    options: &RestoreOptions<'_>,
    to: Feed,
) -> Result<(), NotFed> {
    let to = Arc::new(Mutex::new(To { to: Some(to), refused: None }));
    let made = Arc::clone(&to);
    let place = FilesOnly(move |_: &EntryPath, size| {
        let made = Arc::clone(&made);
        let write = move |bytes: &[u8]| made.lock().unwrap_or_else(PoisonError::into_inner).write(bytes);
        Ok(Box::new(InOrder::new(size, write)) as Box<dyn Writing>)
    });
    let back = plan_restore(repository, id, options).and_then(|plan| plan.execute(&place));
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
            None if back.files > 0 => Ok(()),
            None => Err(NotFed::Lost("it is not in the snapshot".to_owned())),
        },
    }
}

struct To {
    to: Option<Feed>,
    /// Why the program took no more.
    refused: Option<io::Error>,
}

impl To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(pipe) = &mut self.to else { return Err(io::ErrorKind::BrokenPipe.into()) };
        if let Err(why) = pipe.write_all(bytes) {
            let told = io::Error::other(why.to_string());
            (self.to, self.refused) = (None, Some(why));
            return Err(told);
        }
        Ok(())
    }
}
