//! How one file of a snapshot goes to standard output.

use std::io;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use dr_entry::{EntryPath, FilesOnly, InOrder, Kind, Writing};
use dr_repo::{RepoError, Repository, RestoreOptions, SnapshotId, Tally, Tree, plan_restore};

use super::{View, paths};
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Writes the file to standard output.
///
/// # Errors
/// [`Failure`], for a person to read.
pub fn pour(view: &View<'_>, tree: &Tree, path: &Path) -> Result<Outcome, Failure> {
    let (screen, repository) = (view.context.screen, view.repository);
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
            let options = RestoreOptions {
                paths: &wanted,
                workers: 1,
                stop: view.context.signals.stop(),
                tally: &Tally::default(),
            };
            let pouring = FilesOnly(|_: &EntryPath, size| {
                let pour = pour.clone();
                let send = move |bytes: &[u8]| pour.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe.into());
                Ok(Box::new(InOrder::new(size, send)) as Box<dyn Writing>)
            });
            plan_restore(repository, tree.id, &options)?.execute(&pouring)
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
