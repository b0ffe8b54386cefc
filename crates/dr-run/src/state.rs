//! What of a school outlives its server? The ledger, the plan, the runbook and what waits to be erased, sealed into every
//! target that is reached.
//!
//! They go through the same engine as any system, as the reserved system `dr-state`, which stands in no plan. Keys never
//! do. The ledger is copied under its lock, so what is sealed ends with a whole entry; a target that has everything
//! that happened since is left alone. What is to be erased goes along with its paths, which the ledger never has: on a new
//! server it must still be known when the last disk comes back. Only a key that reads opens it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dr_ledger::{Entry, Event, FILE_NAME, SnapshotRef};
use dr_media::Register;
use dr_plan::{MediumId, Plan, Retention, Source, System, SystemId, TargetId};
use dr_repo::{SnapshotId, new_snapshot_id};

use crate::anchors::is_unheld;
use crate::copy::{self, Ask};
use crate::erasures;
use crate::error::RunError;
use crate::folders::lock;
use crate::limit::within;
use crate::location::Availability;
pub use crate::own_names::{PLAN, STATE};
use crate::places::private_folder;
use crate::school::School;
use crate::watch::Watch;

/// Where files go that do not stand below the plan's folder.
const ELSEWHERE: &str = "elsewhere";
/// No file of a plan or a runbook is larger; what is, is somebody's mistake.
const FILE_MAX: u64 = 16 << 20;
/// No folder of a runbook holds more files.
const FILES_MAX: usize = 1_000;
/// Longer than this it does not take.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Where.
    pub target: TargetId,
    /// On which medium.
    pub medium: Option<MediumId>,
    /// What was stored; `None` if that failed.
    pub snapshot: Option<SnapshotId>,
    /// The newest entry in it.
    pub through: u64,
    /// What went wrong, for the person at the screen.
    pub error: Option<String>,
}

/// The reserved system as the rest of this crate sees a system.
///
/// # Errors
/// Never in fact: the id is a good one.
pub fn state_system(state: &Path) -> Result<System, RunError> {
    let id = SystemId::new(STATE).map_err(|_| RunError::UnknownSystem {
        name: STATE.to_owned(),
        known: Vec::new(),
        instead: String::new(),
    })?;
    let day = dr_plan::Period::at_least(jiff::SignedDuration::from_hours(24));
    Ok(System {
        id,
        title: "Ledger, plan and runbook".to_owned(),
        tier: 1,
        owner: None,
        source: Source::Files { paths: vec![state.to_owned()], exclude: Vec::new(), one_file_system: false },
        copies: Vec::new(),
        rpo: day,
        rto: None,
        mtpd: None,
        max_age: None,
        retention: Retention::default(),
        before: Vec::new(),
        after: Vec::new(),
        timeout: day,
        sensitive: false,
        expect: Vec::new(),
        pages: Vec::new(),
    })
}

impl School {
    /// The system of that name, the reserved one included.
    ///
    /// # Errors
    /// As [`School::system`].
    pub fn system_or_state(&self, name: &str) -> Result<Cow<'_, System>, RunError> {
        match name {
            STATE => state_system(&self.places.state).map(Cow::Owned),
            _ => self.system(name).map(Cow::Borrowed),
        }
    }
}

/// Seals the state into every target that can be reached now and does not have it yet. A target that fails costs its
/// own copy and no other.
///
/// # Errors
/// If the ledger cannot be read or takes no entry, this host has no key, or the copy of the state cannot be made.
pub fn seal_state(school: &School, watch: &dyn Watch, stop: &AtomicBool) -> Result<Vec<Sealed>, RunError> {
    let system = state_system(&school.places.state)?;
    let key = school.host_key()?;
    let Some(_lock) = lock(school, &system.id)? else { return Ok(Vec::new()) };
    let entries = school.entries()?;
    if is_unheld(&entries) {
        // Sealed now, it would be the newest of its day, and in the way of the one that has everything.
        return Ok(Vec::new());
    }
    let register = Register::of(&entries);
    let wanting = school.plan.targets.keys().filter_map(|target| match school.reach(&register, target) {
        Availability::Here(location) => is_wanting(&entries, target, location.medium.as_ref()).then_some(location),
        _ => None,
    });
    let wanting: Vec<_> = wanting.collect();
    if wanting.is_empty() {
        return Ok(Vec::new());
    }
    private_folder(&school.places.scratch())?;
    let claim = dr_open::Claim::new(&school.places.scratch(), "state-")
        .map_err(RunError::local("cannot make a folder in", school.places.scratch()))?;
    let staging = claim.path().join(STATE);
    private_folder(&staging)?;
    let head = gather(school, &staging)?;
    let staged = state_system(&staging)?;
    let snapshot = new_snapshot_id();
    let shown = Some(school.places.state.as_path());
    within(LONGEST, stop, |limit| {
        let anchor = head.to_string();
        let ask = Ask { system: &staged, key: &key, snapshot, anchor, watch, limit, last_size: None, shown };
        let mut sealed = Vec::new();
        for location in &wanting {
            let (_, done) = copy::copy(school, &ask, location);
            let (target, medium, through) = (location.target.clone(), location.medium.clone(), head.n);
            if done.is_ok() {
                let (target, medium, snapshot) = (target.clone(), medium.clone(), SnapshotRef(snapshot.to_string()));
                school.record(Event::StateSealed { target, medium, snapshot, through })?;
            }
            let (snapshot, error) = match done {
                Ok(_) => (Some(snapshot), None),
                Err(why) => (None, Some(why.to_string())),
            };
            sealed.push(Sealed { target, medium, snapshot, through, error });
        }
        Ok(sealed)
    })
}

/// Whether something happened that this target does not hold yet. That it was sealed and that people were written to
/// are no news: else each would ask for the next.
fn is_wanting(entries: &[Entry], target: &TargetId, medium: Option<&MediumId>) -> bool {
    let held = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::StateSealed { target: on, medium: of, through, .. } if on == target && of.as_ref() == medium => {
            Some(*through)
        }
        _ => None,
    });
    let news = |entry: &&Entry| {
        !matches!(
            entry.event,
            Event::StateSealed { .. }
                | Event::MessageQueued { .. }
                | Event::MessageSent { .. }
                | Event::MessageFailed { .. }
                | Event::CodeIssued { .. }
        )
    };
    let newest = entries.iter().rev().find(news).map(|entry| entry.n);
    newest.is_some_and(|newest| held.is_none_or(|held| held < newest))
}

/// Puts everything that is sealed into `to`, and says where the ledger in it ends.
fn gather(school: &School, to: &Path) -> Result<dr_ledger::Head, RunError> {
    let write = |name: &Path, bytes: &[u8]| {
        let path = to.join(name);
        path.parent().map_or(Ok(()), private_folder)?;
        fs::write(&path, bytes).map_err(RunError::local("cannot copy the state to", path))
    };
    let (ledger, head) = school.ledger.whole()?;
    write(Path::new(FILE_NAME), &ledger)?;
    for (name, from) in files(&school.plan, &school.places.plan) {
        // A plan may name a runbook that is not written yet; that is the lint's to say.
        let small = from.metadata().is_ok_and(|about| about.is_file() && about.len() <= FILE_MAX);
        if small {
            write(&name, &dr_open::read_named(&from, FILE_MAX).map_err(RunError::local("cannot read", &from))?)?;
        }
    }
    for (name, text) in erasures::register(school)? {
        write(&Path::new(erasures::REGISTER).join(name), &text)?;
    }
    Ok(head)
}

/// The plan, its calendar and its runbook's folder: the name in the copy, and where each is.
fn files(plan: &Plan, file: &Path) -> BTreeMap<PathBuf, PathBuf> {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let home = whole.parent().unwrap_or(Path::new("/")).to_owned();
    let mut all = BTreeMap::from([(PathBuf::from(PLAN), whole.clone())]);
    let mut add = |path: PathBuf| {
        all.entry(name_of(&path, &home)).or_insert(path);
    };
    plan.school.calendar.iter().cloned().for_each(&mut add);
    if let Some(runbook) = &plan.runbook {
        add(runbook.clone());
        if let Some(folder) = runbook.parent().filter(|folder| **folder != home && !home.starts_with(folder)) {
            below(folder, &mut |path| add(path));
        }
    }
    all
}

/// As the plan calls it, if it stands below the plan; so a restored plan finds it again.
fn name_of(path: &Path, home: &Path) -> PathBuf {
    let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    match path.strip_prefix(home) {
        Ok(below) if plain(below) && below != Path::new(FILE_NAME) => below.to_owned(),
        _ => Path::new(ELSEWHERE).join(path.file_name().unwrap_or_default()),
    }
}

/// Every regular file below a folder, following no links.
fn below(folder: &Path, add: &mut dyn FnMut(PathBuf)) {
    let mut left = FILES_MAX;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(read) = fs::read_dir(&folder) else { continue };
        for entry in read.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && left > 0 => {
                    left -= 1;
                    add(entry.path());
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_ledger::{Authenticated, Body};

    fn entries(events: Vec<Event>) -> Vec<Entry> {
        let at: jiff::Timestamp = "2026-11-20T19:00:00Z".parse().unwrap();
        let body = |event| Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event };
        (1..).zip(events).map(|(n, event)| body(event).numbered(n)).collect()
    }

    #[test]
    fn a_target_wants_what_happened_since_it_was_sealed_and_sealing_is_no_news() {
        let nas = TargetId::new("nas").unwrap();
        let note = || Event::Note { text: "x".into() };
        let sealed = |through| Event::StateSealed {
            target: nas.clone(),
            medium: None,
            snapshot: SnapshotRef("6f1c".into()),
            through,
        };
        let wants = |events| is_wanting(&entries(events), &nas, None);
        assert!(!wants(vec![]));
        assert!(wants(vec![note()]));
        assert!(!wants(vec![note(), sealed(1)]));
        assert!(wants(vec![note(), note(), sealed(1)]), "written while the state was sealed");
        assert!(wants(vec![note(), sealed(1), note()]));
        assert!(!wants(vec![note(), sealed(1), sealed(1)]));
        let other = MediumId::new("weekly-1").unwrap();
        assert!(is_wanting(&entries(vec![note(), sealed(1)]), &nas, Some(&other)));
    }

    #[test]
    fn a_restored_plan_finds_its_files_where_it_says() {
        let home = Path::new("/etc/dr");
        let named = |path: &str| name_of(Path::new(path), home).to_string_lossy().into_owned();
        assert_eq!(named("/etc/dr/terms.calendar.toml"), "terms.calendar.toml");
        assert_eq!(named("/etc/dr/runbooks/school/runbook.toml"), "runbooks/school/runbook.toml");
        assert_eq!(named("/srv/terms.ics"), "elsewhere/terms.ics");
        assert_eq!(named("/etc/dr/../passwd"), "elsewhere/passwd");
    }
}
