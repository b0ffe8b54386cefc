//! `dr repo dump`: one file of a snapshot on standard output.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

use clap::Args;
use dr_entry::{Destination, EntryPath, Kind, Meta, Writing};
use dr_repo::{Description, RepoError, Repository, Restore as Options, SnapshotId, Tally, restore};

use super::paths;
use crate::args::World;
use crate::exit::{Cause, Failure, Outcome};
use crate::place::{self, Access, Place};
use crate::shown;
use crate::told::{self, Doing};

/// Write one file of a snapshot to standard output
#[derive(Args)]
pub struct Dump {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// A snapshot's id, its first 8 digits or more, or the newest one
    #[arg(value_name = "ID|latest")]
    snapshot: String,
    /// The file, as it was called on the machine or in the snapshot
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

impl Dump {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let repository = self.place.open(Access::Read, world)?;
        let told = |error: RepoError| told::repo(&error, Doing::Reading, &world.signals);
        let snapshot = repository.find(&self.snapshot).map_err(told)?;
        let Description { label, shape, .. } = repository.describe(snapshot.id).map_err(told)?;
        let wanted = paths::wanted(std::slice::from_ref(&self.path), &label, shape)?;
        let failed = |why: &str| {
            Err(Failure::new(Cause::Failed, format!("{} in snapshot {}: {why}.", shown::path(&self.path), snapshot.id)))
        };
        match kind(&repository, snapshot.id, &wanted).map_err(told)? {
            None => return failed("it is not there"),
            Some(Kind::File) => {}
            Some(_) => {
                return failed("it is not a file, and only files can be dumped; `dr repo restore` puts back the rest");
            }
        }
        let uncertain = self.snapshot == "latest" && repository.latest_is_uncertain();
        if uncertain {
            world.screen.warning("the newest log entry cannot be read: there may be a later snapshot than this one");
        }
        let (pour, poured) = sync_channel(4);
        let restored = std::thread::scope(|scope| {
            let restoring = scope.spawn(|| {
                let options =
                    Options { paths: &wanted, workers: 1, stop: world.signals.stop(), tally: &Tally::default() };
                restore(&repository, snapshot.id, &options, &Pouring { pour })
            });
            for bytes in poured {
                world.screen.print(&bytes);
                if world.screen.is_closed() {
                    // Whoever pours notices that nobody listens.
                    break;
                }
            }
            restoring.join()
        });
        let restored = restored.map_err(|_| Failure::new(Cause::Failed, "a thread of dr failed."))?.map_err(told)?;
        match restored.failed.first() {
            // A reader who has gone away had what he wanted.
            Some((_, why)) if !world.screen.is_closed() => failed(&format!("{why}; what was written is not whole")),
            _ => Ok(Outcome::done().with(uncertain, Cause::Missing)),
        }
    }
}

/// What the one wanted entry is, if it is there.
fn kind(repository: &Repository, id: SnapshotId, wanted: &[EntryPath]) -> Result<Option<Kind>, RepoError> {
    let mut kind = None;
    repository.list(id, wanted, &mut |listed| {
        if wanted.contains(&listed.path) {
            kind = Some(listed.meta.kind);
        }
        Ok(())
    })?;
    Ok(kind)
}

/// A place where a file's bytes go by in order, and nothing else is kept.
struct Pouring {
    pour: SyncSender<Vec<u8>>,
}

impl Destination for Pouring {
    fn directory(&self, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn file(&self, _: &EntryPath, size: u64) -> io::Result<Box<dyn Writing>> {
        Ok(Box::new(Stream { pour: self.pour.clone(), at: 0, size }))
    }

    fn special(&self, _: &EntryPath, _: &Meta) -> io::Result<()> {
        Ok(())
    }

    fn hard_link(&self, _: &EntryPath, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn finish_directory(&self, _: &EntryPath, _: &Meta) -> io::Result<()> {
        Ok(())
    }
}

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
