//! A folder that shows snapshots, for as long as somebody wants it: what `dr mount` and `dr repo mount` have in common.

use std::path::Path;
use std::time::Duration;

use dr_mount::{MountEnding, MountError, MountLayout, MountedSnapshot, MountedSystem, folder_names, mount};
use dr_repo::SnapshotView;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// How often it looks whether somebody wants it to end.
const TICK: Duration = Duration::from_millis(200);
/// So long does whoever reads wait for a copy that does not answer: a disk that wakes up takes half of that.
const LIMIT: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_secs(2);

/// The snapshots of a system, the newest first, under names that say when each was begun.
pub fn system(name: &str, snapshots: Vec<(Timestamp, SnapshotView)>, zone: &TimeZone) -> MountedSystem {
    // The oldest first: a name stays what it was when others come.
    let wanted = snapshots.iter().rev().map(|(started, view)| {
        let at = started.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        (at, view.id().to_string()[..8].to_owned())
    });
    let names = folder_names(wanted.collect::<Vec<_>>());
    let snapshots = names.into_iter().rev().zip(snapshots).map(|(name, (started, view))| MountedSnapshot {
        name,
        started: started.as_second(),
        view: view.into(),
    });
    MountedSystem { name: name.to_owned(), snapshots: snapshots.collect() }
}

/// Whether something can be mounted there: asked before anything else is.
///
/// # Errors
/// [`Failure`] says why not.
pub fn suits(dir: &Path) -> Result<(), Failure> {
    dr_mount::suits(dir).map_err(|why| told(&why))
}

/// Shows it in `dir` until somebody wants an end.
///
/// # Errors
/// [`Failure`] if it cannot be mounted, or stays mounted.
pub fn until_ended(layout: MountLayout, name: &str, dir: &Path, context: &Context<'_>) -> Result<Outcome, Failure> {
    let screen = context.screen;
    let limit = if dr_switch::is_on(dr_switch::SHORT_WAIT) { SHORT } else { LIMIT };
    let mounted = mount(layout, name, dir, limit).map_err(|why| told(&why))?;
    screen.mention(&format!(
        "mounted read-only on {}, as what was captured: look into it from another window. Ctrl-C here, or `umount {}`, ends \
         it; new snapshots show when it is mounted again",
        shown::path(dir),
        shown::path(dir),
    ));
    screen.event(&json!({ "event": "mounted", "folder": shown::text(dir.as_os_str().as_encoded_bytes()) }));
    let mut whole = true;
    let mut tell = |line: Option<String>| {
        if let Some(line) = line {
            whole = false;
            screen.warning(&line);
        }
    };
    while !context.signals.stopped() && !mounted.is_over() {
        tell(mounted.said(TICK));
    }
    while let Some(line) = mounted.said(Duration::ZERO) {
        tell(Some(line));
    }
    let ended = mounted.end().map_err(|why| told(&why))?;
    if ended == MountEnding::InUse {
        screen.note(&format!(
            "somebody is still in {}: it is unmounted, and what is open there is over",
            shown::path(dir)
        ));
    }
    screen.event(&json!({ "event": "summary", "unmounted": true, "whole": whole }));
    screen.mention("unmounted");
    // What could not be read was an error where it was read, and is one here.
    Ok(Outcome::done().with(!whole, Cause::Missing))
}

fn told(why: &MountError) -> Failure {
    let cause = match why {
        MountError::Missing(_) | MountError::NotAFolder(_) | MountError::NotEmpty(_) | MountError::Stale(_) => {
            Cause::Usage
        }
        MountError::NoDevice
        | MountError::NoHelper
        | MountError::NotAllowed
        | MountError::DeviceClosed
        | MountError::Io { .. } => Cause::Failed,
    };
    Failure::new(cause, format!("{why}. Nothing is mounted."))
}
