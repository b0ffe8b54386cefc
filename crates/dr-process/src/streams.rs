//! What a program writes, up to a limit, read while it runs so that it never stands still on a full pipe.

use std::io::{ErrorKind, Read, Write};
use std::process::ChildStdin;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::program::Event;

/// What a program wrote to one of its outputs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The first bytes, up to the limit.
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub cut: bool,
}

/// The contents may be anything, secrets too: only the size is shown.
impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes{}", self.bytes.len(), if self.cut { " and more" } else { "" })
    }
}

pub(crate) type Shared = Arc<Mutex<Output>>;

/// Reads until the other end is closed, keeps `limit` bytes, and tells `events` at the end.
pub(crate) fn collect(mut from: impl Read + Send + 'static, limit: usize, events: Sender<Event>) -> Shared {
    let shared = Shared::default();
    let kept = Arc::clone(&shared);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    let mut output = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = limit.saturating_sub(output.bytes.len()).min(count);
                    output.bytes.extend_from_slice(&buffer[..room]);
                    output.cut |= room < count;
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Nobody listens any more if the program was given up.
        let _ = events.send(Event::Closed);
    });
    shared
}

/// Takes what was collected.
pub(crate) fn taken(shared: &Shared) -> Output {
    std::mem::take(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Feeds the program. A program that does not want it all closes its end, which is its own affair.
pub(crate) fn feed(mut to: ChildStdin, bytes: Vec<u8>) {
    thread::spawn(move || {
        let _ = to.write_all(&bytes);
    });
}
