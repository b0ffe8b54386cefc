//! `dr repo mount`: the snapshots of a repository as folders.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use dr_mount::{MountLayout, folder_names};
use dr_repo::{BrowsedCopy, PageCache, RepoError, Snapshot, SnapshotView, rewritten_same};
use dr_run::{FRAMES, PAGES};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::command::mounted::{suits, system, until_ended};
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};

/// Look into snapshots as folders, read-only, until Ctrl-C
///
/// DIR has a folder for each snapshot (2026-11-20T22:30:00) and `latest`; in a repository of systems each has a folder of
/// its own for them; with --snapshot the snapshot itself is in DIR. Otherwise as `dr mount`.
#[derive(Args)]
pub struct Mount {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// Where: an empty folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only this snapshot: its id, the first 8 digits or more of it, or the newest
    #[arg(long, value_name = "ID|latest")]
    snapshot: Option<String>,
}

impl Mount {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        suits(&self.dir)?;
        let repository = self.place.open(Access::Read, context)?;
        let told = |error: RepoError| failure_text::repo(&error, Operation::Reading, &context.signals);
        if !repository.reads() {
            return Err(told(RepoError::CannotRead));
        }
        let mut all = repository.snapshots();
        if let Some(name) = &self.snapshot {
            all = vec![repository.find(name).map_err(told)?];
        }
        // What was rewritten without something stands for what it was before.
        let replaced = rewritten_same(&all);
        all.retain(|one| !replaced.contains(&one.id));
        if all.is_empty() {
            return Err(told(RepoError::NoSnapshot("there is no snapshot here yet".into())));
        }
        all.reverse();
        let copy = Arc::new(BrowsedCopy::new(repository, FRAMES));
        let pages = Arc::new(PageCache::new(PAGES));
        let view = |one: &Snapshot| {
            let started = one.label.as_ref().and_then(|label| Timestamp::from_millisecond(label.started_ms).ok());
            let view = SnapshotView::new(one.id, vec![Arc::clone(&copy)], Arc::clone(&pages), None);
            (started.unwrap_or(Timestamp::UNIX_EPOCH), view)
        };
        let zone = TimeZone::system();
        let mut by_system: BTreeMap<&str, Vec<(Timestamp, SnapshotView)>> = BTreeMap::new();
        for one in &all {
            let of = one.label.as_ref().map_or("", |label| label.system.as_str());
            by_system.entry(of).or_default().push(view(one));
        }
        let has_systems = by_system.keys().any(|of| !of.is_empty());
        let names = by_system.keys().map(|of| if of.is_empty() { "other" } else { of }.to_owned());
        let names = folder_names(names.map(|name| (name, String::new())).collect::<Vec<_>>());
        let mut systems: Vec<_> =
            names.into_iter().zip(by_system.into_values()).map(|(name, of)| system(&name, of, &zone)).collect();
        let layout = if self.snapshot.is_some() {
            let only = systems.pop().and_then(|mut one| one.snapshots.pop());
            MountLayout::Snapshot(only.ok_or_else(|| told(RepoError::NoSnapshot("there is none".into())))?)
        } else if has_systems || systems.len() != 1 {
            MountLayout::Systems(systems)
        } else {
            MountLayout::Snapshots(systems.remove(0))
        };
        until_ended(layout, "dr", &self.dir, context)
    }
}
