//! What is kept, and where: the snapshots of a system on every copy that can be reached now.

use std::collections::BTreeMap;

use dr_media::Register;
use dr_plan::{SystemId, TargetId};
use dr_repo::{Key, Label, Repository, SnapshotId};
use jiff::Timestamp;

use crate::error::RunError;
use crate::school::School;
use crate::targets::{Availability, TargetLocation, class_order};

/// A copy that can be read now.
pub struct Opened {
    /// Where.
    pub location: TargetLocation,
    /// The repository.
    pub repository: Repository,
    /// When, by the time that decisions are made with.
    pub now: Timestamp,
}

/// A copy that cannot.
pub struct Closed {
    /// Where.
    pub target: TargetId,
    /// Why not, in words.
    pub why: String,
    /// The cause, if there was one beyond a medium that is away.
    pub error: Option<RunError>,
}

/// A snapshot on one copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which of the opened copies.
    pub copy: usize,
    /// Its id, the same on every copy.
    pub id: SnapshotId,
    /// The run that it is of: what was rewritten without something is of the run of the one that it replaces.
    pub run: SnapshotId,
    /// What it says of itself.
    pub label: Label,
    /// When its capture began.
    pub started: Timestamp,
}

/// Opens every copy that can be reached, on-site first; `only`: no other target.
///
/// # Errors
/// If the ledger cannot be read, or the plan has no such target.
pub fn open_all(school: &School, key: &Key, only: Option<&str>) -> Result<(Vec<Opened>, Vec<Closed>), RunError> {
    open_each(school, key, only, false, false)
}

/// As [`open_all`], to change what is kept there.
///
/// # Errors
/// As [`open_all`].
pub fn open_to_write(school: &School, key: &Key, only: Option<&str>) -> Result<(Vec<Opened>, Vec<Closed>), RunError> {
    open_each(school, key, only, true, false)
}

/// Opens every copy that can be reached, and every disk of the school that is plugged in, whether or not it is the loaded
/// one: what is to be in no copy any more is to go from whatever is there. `write`: to do so.
///
/// # Errors
/// As [`open_all`].
pub fn open_whatever_is_there(school: &School, key: &Key, write: bool) -> Result<(Vec<Opened>, Vec<Closed>), RunError> {
    open_each(school, key, None, write, true)
}

fn open_each(
    school: &School,
    key: &Key,
    only: Option<&str>,
    write: bool,
    each_disk: bool,
) -> Result<(Vec<Opened>, Vec<Closed>), RunError> {
    // Who reads is not kept from it by a ledger that cannot be read: then no disk is known, and folders are.
    let entries = match school.entries() {
        Err(_) if !write => Vec::new(),
        other => other?,
    };
    let register = Register::of(&entries);
    let mut targets: Vec<_> = school.plan.targets.keys().cloned().collect();
    if let Some(only) = only {
        targets = vec![school.target(only)?];
    }
    targets.sort_by_key(|target| class_order(&school.plan, target));
    let (mut opened, mut closed) = (Vec::new(), Vec::new());
    let now = school.clock.decided();
    for target in targets {
        let mut spots = if each_disk { school.in_sight(&register, &target) } else { Vec::new() };
        let reach = school.reach(&register, &target);
        if let Availability::Here(location) = &reach {
            spots.retain(|other| other.medium != location.medium);
            spots.insert(0, location.clone());
        }
        let any = !spots.is_empty();
        for location in spots {
            match school.open(&location, key.clone(), write) {
                Ok(repository) => opened.push(Opened { location, repository, now }),
                Err(error) => {
                    closed.push(Closed { target: target.clone(), why: error.to_string(), error: Some(error) });
                }
            }
        }
        match reach {
            _ if any => {}
            Availability::Here(_) => {}
            Availability::Awaited { who, .. } => {
                closed.push(Closed { target, why: format!("no medium is loaded: {who}"), error: None });
            }
            Availability::CannotRun(why) | Availability::Gone(why) => closed.push(Closed { target, why, error: None }),
        }
    }
    Ok((opened, closed))
}

/// The snapshots of `system`, or of all, on the opened copies: newest first, and of one moment the copy that comes
/// first among the opened. What is newer is told by the logs of the copies, which no clock can mislead; only where no
/// copy has both do their times decide, and then one that has not come is the older.
#[must_use]
pub fn kept(opened: &[Opened], system: Option<&SystemId>) -> Vec<Kept> {
    let mut runs: BTreeMap<SnapshotId, Vec<Kept>> = BTreeMap::new();
    let mut logs: Vec<Vec<SnapshotId>> = Vec::new();
    let now = opened.iter().map(|one| one.now).max().unwrap_or(Timestamp::MAX);
    for (copy, one) in opened.iter().enumerate() {
        let mut log: Vec<SnapshotId> = Vec::new();
        for snapshot in one.repository.snapshots() {
            let Some(label) = snapshot.label else { continue };
            if label.system.is_empty() || system.is_some_and(|system| system.as_str() != label.system) {
                continue;
            }
            let started = Timestamp::from_millisecond(label.started_ms).unwrap_or(Timestamp::UNIX_EPOCH);
            let run = snapshot.replaces.unwrap_or(snapshot.id);
            let of_run = runs.entry(run).or_default();
            if of_run.iter().all(|other| other.copy != copy) {
                log.push(run);
            }
            of_run.push(Kept { copy, id: snapshot.id, run, label, started });
        }
        logs.push(log);
    }
    // Copies of one run began moments apart, and that does not make one of them fresher: a run is as old as its
    // oldest copy here.
    let times = runs.iter().map(|(run, of)| (*run, of.iter().map(|kept| kept.started).min().filter(|at| *at <= now)));
    let order = newest_first(logs, &times.collect());
    order.into_iter().filter_map(|run| runs.remove(&run)).flatten().collect()
}

/// Every run in `logs`, each of which has its oldest first: newest first, in an order that contradicts no log.
fn newest_first<R: Copy + Ord>(mut logs: Vec<Vec<R>>, times: &BTreeMap<R, Option<Timestamp>>) -> Vec<R> {
    let mut left: BTreeMap<R, usize> = BTreeMap::new();
    logs.iter().flatten().for_each(|run| *left.entry(*run).or_default() += 1);
    let mut order = Vec::with_capacity(left.len());
    loop {
        let ends: Vec<R> = logs.iter().filter_map(|log| log.last().copied()).collect();
        let is_last_everywhere =
            |run: &&R| left.get(run).is_some_and(|in_all| ends.iter().filter(|end| end == run).count() == *in_all);
        let time = |run: &&R| (times.get(run).copied().flatten(), **run);
        let newest = ends.iter().filter(is_last_everywhere).max_by_key(time);
        // Logs that contradict each other, as after one was copied into another: the times decide.
        let Some(run) = newest.or_else(|| ends.iter().max_by_key(time)).copied() else { return order };
        for log in &mut logs {
            match log.last() == Some(&run) {
                true => drop(log.pop()),
                false if newest.is_none() => log.retain(|other| *other != run),
                false => {}
            }
        }
        left.remove(&run);
        order.push(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs are the digits of the logs, oldest first; `times` are days of January, 0 for a time that has not come.
    fn order(logs: &[&str], times: &[(char, i64)]) -> String {
        let logs = logs.iter().map(|log| log.chars().collect()).collect();
        let day = |day: i64| (day > 0).then(|| Timestamp::from_second(day * 86_400).unwrap());
        newest_first(logs, &times.iter().map(|(run, at)| (*run, day(*at))).collect()).into_iter().collect()
    }

    #[test]
    fn the_newest_is_the_last_of_the_log_whatever_its_clock_said() {
        // `x` was made with the clock in 2030, `y` with it in 2020.
        assert_eq!(order(&["12x3"], &[('1', 1), ('2', 2), ('x', 0), ('3', 4)]), "3x21");
        assert_eq!(order(&["12y"], &[('1', 11), ('2', 12), ('y', 1)]), "y21");
        assert_eq!(order(&["12y3", "13"], &[('1', 11), ('2', 12), ('y', 1), ('3', 14)]), "3y21");
    }

    #[test]
    fn where_no_copy_has_both_their_times_decide_and_one_that_has_not_come_is_the_older() {
        assert_eq!(order(&["12", "13"], &[('1', 1), ('2', 2), ('3', 3)]), "321");
        assert_eq!(order(&["1x", "13"], &[('1', 1), ('x', 0), ('3', 3)]), "3x1");
        assert_eq!(order(&["12", "21"], &[('1', 1), ('2', 2)]), "21");
        assert_eq!(order(&[], &[]), "");
    }
}
