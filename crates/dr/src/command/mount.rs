//! `dr mount`: snapshots as folders.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;
use dr_mount::MountLayout;
use dr_run::{Mountable, School, ToMount, mountable};

use super::mounted::{suits, system, until_ended};
use super::named::{ApprovedBy, FromTarget, Moment};
use super::opened::{key_env, run_failure, school};
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::shown;

/// Look into snapshots as folders, read-only, until Ctrl-C
///
/// Every system has a folder, with one for each snapshot (2026-11-20T22:30:00) and `latest`; of one SYSTEM these stand in
/// DIR, and with --snapshot or --as-of the snapshot itself. Names, owners, rights and times are as they were captured, as
/// `dr restore --to` would put them.
///
/// Only who mounts it sees it. Nothing in it can be changed or run; a link shows where it led, and is followed on this
/// machine. What a copy has lost is an input/output error for that file; a copy that does not answer is one after a minute.
/// Hard links are files of their own: `dr restore` brings them back as links. dr takes up to 256 MiB of memory for it.
///
/// It needs a key that reads, of a sensitive system a second person, and stands in the ledger as a restore does. An account
/// other than root needs the package fuse3.
#[derive(Args)]
#[command(override_usage = "dr mount [OPTIONS] [SYSTEM] <DIR>")]
pub struct Mount {
    /// Where: an empty folder; before it a system of the plan, by its id or its title; without one, every system
    #[arg(value_name = "SYSTEM|DIR", required = true, num_args = 1..=2)]
    words: Vec<OsString>,
    /// Only this snapshot: its id, the first 8 digits or more of it, or the newest
    #[arg(long, value_name = "ID|latest", conflicts_with = "as_of")]
    snapshot: Option<String>,
    /// Only the newest snapshot whose capture began by then: 2026-11-20, yesterday, "friday 12:48"
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    #[command(flatten)]
    from: FromTarget,
    #[command(flatten)]
    approved_by: ApprovedBy,
}

impl Mount {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (system_named, dir) = match self.words.as_slice() {
            [dir] => (None, Path::new(dir)),
            [system, dir] => (Some(system.to_string_lossy()), Path::new(dir)),
            _ => return Err(Failure::usage("name one system at most, and an empty folder: `dr mount SYSTEM DIR`")),
        };
        let system_named = system_named.as_deref();
        if system_named.is_none() && (self.snapshot.is_some() || self.as_of.is_some()) {
            return Err(Failure::usage(
                "--snapshot and --as-of are of one system: name it before the folder, `dr mount SYSTEM --as-of TIME DIR`",
            ));
        }
        let school = school(context)?;
        suits(dir)?;
        beside_the_data(dir, &school)?;
        let which = match (&self.snapshot, &self.as_of) {
            (None, None) => None,
            (snapshot, as_of) => {
                let snapshot = snapshot.clone().unwrap_or_else(|| "latest".to_owned());
                Some(Moment { snapshot, as_of: as_of.clone() }.which(&school)?)
            }
        };
        let second = self.approved_by.person(&school.plan, context)?;
        let wanted = ToMount {
            system: system_named,
            which: which.as_ref(),
            target: self.from.target.as_deref(),
            second: second.as_ref(),
        };
        let mountable = mountable(&school, &wanted, &key_env()).map_err(|e| run_failure(e, context))?;
        self.tell(&mountable, context);
        let zone = &school.plan.school.timezone;
        let mut systems = mountable.systems.into_iter().map(|one| {
            let snapshots = one.snapshots.into_iter().map(|it| (it.started, it.view)).collect();
            system(one.id.as_str(), snapshots, zone)
        });
        let layout = match (system_named, &which) {
            (None, _) => MountLayout::Systems(systems.collect()),
            (Some(name), which) => {
                let none = || Failure::usage(format!("there is no snapshot of {name}"));
                let mut one = systems.next().ok_or_else(none)?;
                match which {
                    None => MountLayout::Snapshots(one),
                    Some(_) if one.snapshots.is_empty() => return Err(none()),
                    Some(_) => MountLayout::Snapshot(one.snapshots.swap_remove(0)),
                }
            }
        };
        until_ended(layout, "dr", dir, context)
    }

    fn tell(&self, mountable: &Mountable, context: &Context<'_>) {
        for note in &mountable.notes {
            context.screen.warning(note);
        }
        for system in &mountable.withheld {
            context.screen.note(&format!(
                "{system} is not shown: it is marked as sensitive, so a second person must agree: --approved-by PERSON"
            ));
        }
        if let Some(why) = &mountable.unrecorded {
            context.screen.warning(&format!(
                "it could not be written down that this was mounted: {why}. Note it by hand, and see to the folder of the state"
            ));
        }
    }
}

/// A backup must not find itself in what it reads.
fn beside_the_data(dir: &Path, school: &School) -> Result<(), Failure> {
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let within = school.plan.systems.iter().find(|system| {
        let paths = system.source.paths();
        paths.iter().any(|path| whole.starts_with(path.canonicalize().as_deref().unwrap_or(path)))
    });
    within.map_or(Ok(()), |system| {
        Err(Failure::usage(format!(
            "{} lies in what {} backs up: the next backup would read the old ones as well. Name a folder elsewhere",
            shown::path(dir),
            system.id
        )))
    })
}
