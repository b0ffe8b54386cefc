//! Does a restored system answer once it is started, or opened as those would who use it? In a closed room, at L3.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_plan::{Source, System};
use dr_process::room::{Room, RoomError};
use dr_source::driver;
use dr_source::driver::{NotStarted, Questions, Scene};

use crate::probe::Check;
use crate::school::School;
use crate::scratch::empty;

/// The room's folder, which no system can be called.
const ROOM: &str = ".room";
const RUNS: &str = "its program is started on what came back";
const STARTS: &str = "it is started, or opened as those would who use it";

/// What came of starting one system.
pub(crate) struct Started {
    pub(crate) checks: Vec<Check>,
    /// Whether a program of its own ran on it.
    pub(crate) program: bool,
    /// Why it did not.
    pub(crate) because: Option<String>,
}

/// Bytes of scratch that L3 takes for a capture of so many; `None`: nothing of this kind is started.
pub(crate) fn takes(source: &Source, captured: u64) -> Option<u64> {
    driver(source).ok()?.starts().map(|start| start.takes(captured))
}

/// Whether there is anything of this kind to be started or opened.
#[must_use]
pub fn starts(source: &Source) -> bool {
    takes(source, 0).is_some()
}

/// Starts what was restored to `root` and asks it.
pub(crate) fn started(
    school: &School,
    system: &System,
    root: &Path,
    scratch: &Path,
    stop: &Arc<AtomicBool>,
) -> Started {
    let (source, kind) = (&system.source, system.source.kind());
    let questions = Questions { expect: &system.expect, pages: &system.pages, zone: &school.plan.school.timezone };
    let driver = driver(source).ok();
    let Some(start) = driver.as_ref().and_then(|driver| driver.starts()) else {
        return not_known(format!(
            "this version of dr has nothing to start or open of `{kind}`, so L3 shows no more than L2"
        ));
    };
    let folder = scratch.join(ROOM);
    let room = || room(school, &folder);
    let started = start.start(root, &Scene { room: &room, stop }).map(|mut running| {
        let checks = running.answers(&questions);
        (checks, running.program())
    });
    let gone = close(&folder);
    let mut started = match started {
        Ok((checks, program)) => {
            let runs = program.iter().map(|named| Check::new(RUNS, true, "it runs", named));
            let checks = runs.chain(checks.into_iter().map(Check::from)).collect();
            Started { checks, program: program.is_some(), because: None }
        }
        Err(NotStarted(why)) => not_known(why),
    };
    if let Err(why) = gone {
        started.checks.push(Check::new("nothing of it is left", false, "nothing", why));
    }
    started
}

fn not_known(why: String) -> Started {
    Started { checks: vec![Check::not_known(STARTS, "started", &why)], program: false, because: Some(why) }
}

/// A closed room in which nothing of the school's is, wherever it lies.
fn room(school: &School, folder: &Path) -> Result<Room, String> {
    let room = Room::new(folder).map_err(|why| match why {
        RoomError::Forbidden(_) => format!("{why}: `dr doctor` says what to do"),
        other => other.to_string(),
    })?;
    Ok(places(school).iter().fold(room, |room, place| room.without(place)))
}

/// Every folder and file of the school's that is known.
fn places(school: &School) -> Vec<PathBuf> {
    let plan = &school.plan;
    let sources = plan.systems.iter().flat_map(|system| system.source.paths()).cloned();
    let targets = plan.targets.values().filter_map(|target| target.local_path());
    let disks = plan.pools.values().map(|pool| pool.mount.clone());
    let own = [school.places.state.clone(), school.places.plan.clone(), school.places.scratch()];
    sources.chain(targets).chain(disks).chain(own).collect()
}

/// Waits for what ran there, and removes what it wrote.
fn close(folder: &Path) -> Result<(), String> {
    if std::fs::symlink_metadata(folder).is_err() {
        return Ok(());
    }
    dr_process::room::close(folder).map_err(|why| why.to_string())?;
    let removed = empty(folder).and_then(|()| std::fs::remove_dir(folder));
    removed.map_err(|why| format!("what it wrote cannot be removed: {why}"))
}
