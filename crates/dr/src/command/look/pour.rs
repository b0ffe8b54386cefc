//! How one file of a snapshot goes to standard output.

use std::io;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

use dr_entry::{EntryPath, FilesOnly, Kind, Meta, Writing};
use dr_repo::{RepoError, Repository, Restore as Options, SnapshotId, Tally, Tree, restore};

use super::{View, paths};
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Writes the file to standard output.
///
/// # Errors
/// [`Failure`], for a person to read.
pub fn pour(view: &View<'_>, tree: &Tree, path: &Path) -> Result<Outcome, Failure> {
    let (screen, repository) = (view.world.screen, view.repository);
    let wanted = paths::wanted(&[path.to_owned()], repository, tree)?.there;
    let failed =
        |why: &str| Err(Failure::new(Cause::Failed, format!("{} in snapshot {}: {why}.", shown::path(path), tree.id)));
    match kind(repository, tree.id, &wanted).map_err(|e| view.told(e))? {
        None => return failed("it is not there"),
        Some(Kind::File) => {}
        Some(_) => return failed("it is not a file, and only files can be dumped; a restore puts back the rest"),
    }
    let (pour, poured) = sync_channel(4);
    let restored = std::thread::scope(|scope| {
        let restoring = scope.spawn(move || {
            let options = Options {
                paths: &wanted,
                workers: 1,
                dry: false,
                stop: view.world.signals.stop(),
                tally: &Tally::default(),
            };
            let pouring = FilesOnly(|_: &EntryPath, size| {
                Ok(Box::new(Stream { pour: pour.clone(), at: 0, size }) as Box<dyn Writing>)
            });
            restore(repository, tree.id, &options, &pouring)
        });
        for bytes in poured {
            screen.print(&bytes);
            if screen.is_closed() {
                // Whoever pours notices that nobody listens.
                break;
            }
        }
        restoring.join()
    });
    let restored =
        restored.map_err(|_| Failure::new(Cause::Failed, "a thread of dr failed."))?.map_err(|e| view.told(e))?;
    match restored.failed.first() {
        // A reader who has gone away had what he wanted.
        Some((_, why)) if !screen.is_closed() => failed(&format!("{why}; what was written is not whole")),
        _ => Ok(Outcome::done()),
    }
}

/// What the one wanted entry is, if it is there.
fn kind(repository: &Repository, id: SnapshotId, wanted: &[EntryPath]) -> Result<Option<Kind>, RepoError> {
    let mut kind = None;
    let listed = repository.list(id, wanted, &mut |listed| {
        if !wanted.contains(&listed.path) {
            return Ok(());
        }
        kind = Some(listed.meta.kind);
        // What is below a directory is not asked for.
        Err(RepoError::Interrupted)
    });
    match (listed, kind) {
        (_, Some(kind)) => Ok(Some(kind)),
        (listed, None) => listed.map(|()| None),
    }
}

/// A file's bytes on their way past, in order; nothing is kept.
struct Stream {
    pour: SyncSender<Vec<u8>>,
    at: u64,
    size: u64,
}

impl Stream {
    fn send(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.pour.send(bytes).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// A hole is zeros where there is no file to have it in.
    fn zeros_to(&mut self, offset: u64) -> io::Result<()> {
        while self.at < offset {
            let length = (offset - self.at).min(1 << 20);
            self.send(vec![0; usize::try_from(length).unwrap_or(0)])?;
        }
        Ok(())
    }
}

impl Writing for Stream {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.zeros_to(offset)?;
        self.send(bytes.to_vec())
    }

    fn finish(mut self: Box<Self>, _: &Meta) -> io::Result<()> {
        self.zeros_to(self.size)
    }
}
