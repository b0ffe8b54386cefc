//! The few objects that ranges were read from last, kept open: a restore reads many ranges of the same pack.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;

use crate::Key;

/// Enough for the packs that a restore has in flight, far below any limit on open files.
const OPEN_MAX: usize = 16;

/// Open objects, the one used last at the end.
#[derive(Default)]
pub(super) struct Readers(Mutex<Vec<(Key, Arc<File>)>>);

impl Readers {
    /// The object's open file, opened with `open` unless it is here.
    pub(super) fn get(&self, key: &Key, open: impl FnOnce() -> Result<File, Errno>) -> Result<Arc<File>, Errno> {
        {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = kept.iter().position(|(k, _)| k == key) {
                kept[at..].rotate_left(1);
                return Ok(Arc::clone(&kept[kept.len() - 1].1));
            }
        }
        let file = Arc::new(open()?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == OPEN_MAX {
            kept.remove(0);
        }
        kept.push((key.clone(), Arc::clone(&file)));
        Ok(file)
    }

    /// Closes an object that is deleted. A read that began before may still finish.
    pub(super) fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(k, _)| k != key);
    }
}
