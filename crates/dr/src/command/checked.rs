//! How it is asked for what a check reads, and told what it found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dr_entry::EntryPath;
use dr_plan::TargetId;
use dr_repo::{CheckOptions, CheckReport, Finding, ReadData, RepoError, Repository, SnapshotId, Tally, Unread, check};
use dr_run::clock::{self, Stopwatch};
use dr_store::{Address, BlockingStore};
use serde_json::{Map, Value, json};

use super::named::period;
use super::unfinished;
use crate::exit::{Cause, Outcome};
use crate::output::Screen;
use crate::shown;

/// How long, or how much, a check may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    Time(Duration),
    Bytes(u64),
}

/// `30m`, `2h`, `90s`, or `10GiB`.
///
/// # Errors
/// A sentence that says how it is written.
pub fn budget(text: &str) -> Result<Budget, String> {
    match period(text) {
        Ok(time) => Ok(Budget::Time(time)),
        Err(_) => {
            let wrong = "it is a time such as `30m` or `2h`, or a size such as `10GiB`";
            shown::read_size(text).map(Budget::Bytes).map_err(|_| wrong.to_owned())
        }
    }
}

/// How much a check reads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Much {
    /// Names and lengths only.
    Nothing,
    /// Another part each time.
    Part(f64),
    /// What nobody has read for longest.
    Within(Budget),
    Everything,
}

/// Runs a check.
///
/// # Errors
/// If it did not come to its end: then nothing is known.
pub fn run(repository: &Repository, much: Much, stop: &AtomicBool, tally: &Tally) -> Result<CheckReport, RepoError> {
    with_options(much, stop, tally, |options| check(repository, options))
}

/// Runs a check without any key.
///
/// # Errors
/// As [`run`].
pub fn scrub(store: &BlockingStore, much: Much, stop: &AtomicBool, tally: &Tally) -> Result<CheckReport, RepoError> {
    with_options(much, stop, tally, |options| dr_repo::scrub(store, options))
}

fn with_options(
    much: Much,
    stop: &AtomicBool,
    tally: &Tally,
    check: impl FnOnce(&CheckOptions<'_>) -> Result<CheckReport, RepoError>,
) -> Result<CheckReport, RepoError> {
    let now_ms = clock::now().as_millisecond();
    let since = Stopwatch::start();
    let is_over = |limit: Duration| move || since.elapsed() >= limit;
    let limit = match much {
        Much::Within(Budget::Time(limit)) => Some(is_over(limit)),
        _ => None,
    };
    let read_data = match much {
        Much::Nothing => ReadData::None,
        Much::Part(part) => ReadData::Part { part, seed: now_ms.unsigned_abs() },
        Much::Within(Budget::Bytes(bytes)) => ReadData::Oldest { bytes },
        Much::Within(Budget::Time(_)) => ReadData::Oldest { bytes: u64::MAX },
        Much::Everything => ReadData::All,
    };
    let enough = limit.as_ref().map(|over| over as &(dyn Fn() -> bool + Sync));
    check(&CheckOptions { read_data, now_ms, enough, stop, tally })
}

/// Writes into the repository what was read, so that the next check reads other parts, and what is damaged, so that no
/// backup relies on it. That it cannot be written is worth a word and no more.
pub fn remember(
    repository: &Repository,
    checked: &CheckReport,
    store: impl FnOnce() -> Result<BlockingStore, RepoError>,
    journal: Option<&Path>,
    screen: &Screen,
) {
    if checked.packs_read == 0 && checked.findings.is_empty() {
        return;
    }
    let now_ms = clock::now().as_millisecond();
    let remembered = store().and_then(|store| repository.sibling(store)).and_then(|mut repository| {
        repository.remember_damage(checked, journal, now_ms)?;
        repository.remember_read(checked, now_ms)
    });
    if let Err(why) = remembered {
        screen.mention(&format!("what was read is not remembered there: {why}"));
    }
}

/// Tells what was found. `target`: which copy, where there are several; `prune`: the command that gives back room there.
pub fn tell(checked: &CheckReport, target: Option<&str>, prune: &str, screen: &Screen) -> Outcome {
    let damaged = !checked.findings.is_empty();
    for finding in &checked.findings {
        finding_line(finding, target, screen);
    }
    for what in &checked.not_checked {
        screen.mention(&format!("not looked at: {what}"));
    }
    if checked.without_parity > 0 {
        screen.mention(&format!(
            "{} nothing to be healed from: `repair` makes it",
            shown::count(checked.without_parity, "object has", "objects have")
        ));
    }
    unfinished::tell(screen, &checked.unfinished, target, prune);
    let unsound = checked.unsound_packs();
    if checked.packs > 0 && unsound == 0 {
        screen.mention(&unread_words(checked.unread));
    }
    let place = target.map(|target| format!("{target}: ")).unwrap_or_default();
    screen.mention(&format!("{place}{}", sum(checked)));
    // Nothing was looked at when the repository did not even open.
    let closed = damaged && checked.packs == 0 && checked.snapshots == 0 && checked.not_checked.is_empty();
    let is_partial = checked.trees_left > 0 && !damaged;
    Outcome::done().with(damaged, Cause::Missing).with(closed, Cause::Failed).with(is_partial, Cause::Unverified)
}

/// What was looked at, and what came of it: never more than that.
fn sum(checked: &CheckReport) -> String {
    let damaged = shown::count(checked.findings.len() as u64, "thing is damaged", "things are damaged");
    let (packs, read) = (shown::count(checked.packs, "pack", "packs"), shown::size(checked.bytes_read));
    if checked.follows_trees() {
        let verdict = match (checked.findings.is_empty(), checked.trees_left) {
            (false, _) => damaged.as_str(),
            (true, 0) => "ok",
            (true, _) => "not looked at to the end",
        };
        return format!(
            "{verdict}: {}, {packs}, {read} read",
            shown::count(checked.snapshots, "snapshot", "snapshots")
        );
    }
    let listed = shown::count(checked.listed, "snapshot", "snapshots");
    match (checked.findings.is_empty(), checked.packs_read) {
        (false, _) => format!("{damaged}: {packs}, {read} read; what is in the {listed} was not opened"),
        (true, 0) => {
            format!(
                "nothing is missing: {packs}, each there and of its length, none of them read; what is in the {listed} was not opened"
            )
        }
        (true, some) => format!(
            "nothing is missing: {packs}, each there and of its length; {some} of them read ({read}), and what was stored; what is in the {listed} was not opened"
        ),
    }
}

/// One thing that is damaged, and what it costs: each file once, however many snapshots hold it.
pub fn finding_line(finding: &Finding, target: Option<&str>, screen: &Screen) {
    let place = target.map(|target| format!("{target}: ")).unwrap_or_default();
    screen.say(&format!("{place}{}: {}", finding.object, finding.what));
    for (path, snapshots) in by_path(finding) {
        let first = snapshots.first().map(|id| id[..8].to_owned()).unwrap_or_default();
        let held = match snapshots.len() {
            1 => format!("in snapshot {first}"),
            n => format!("in {n} snapshots"),
        };
        screen.say(&format!("  touches {path} ({held})"));
    }
}

/// The files that one damage costs, in the order in which they were found, each with the snapshots that hold it.
fn by_path(finding: &Finding) -> Vec<(String, Vec<String>)> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut paths: Vec<(String, Vec<String>)> = Vec::new();
    for (snapshot, path) in &finding.lost {
        let path = path.to_string();
        let place = *places.entry(path.clone()).or_insert(paths.len());
        if place == paths.len() {
            paths.push((path, Vec::new()));
        }
        let id = snapshot.to_string();
        if let Some((_, snapshots)) = paths.get_mut(place).filter(|(_, known)| !known.contains(&id)) {
            snapshots.push(id);
        }
    }
    paths
}

/// What is known of another copy, for what was lost on one.
pub struct Elsewhere {
    /// Which copy.
    pub named: String,
    /// The snapshots that it has.
    pub snapshots: BTreeSet<SnapshotId>,
    /// What is damaged there, if it was looked at just now.
    pub lost: Option<BTreeSet<(SnapshotId, EntryPath)>>,
}

/// What ends it that a target does not go on from what this host has seen of it, which no repair does; whether that was
/// all that was found.
pub fn is_rollback(
    checked: &CheckReport,
    repository: &Repository,
    named: &str,
    place: &Address,
    screen: &Screen,
) -> bool {
    let Some((seen, _)) = repository.behind() else { return false };
    screen.say(&format!(
        "{named}: nothing is written there before somebody with the recovery key says that this was meant: \
         `dr repo accept-rollback {} --seen {seen}`",
        place
    ));
    checked.findings.len() == 1
}

/// What mends what was found on one of the plan's targets, and whether other copies have it. `read_all`: every byte of
/// those that were looked at was read, so that nothing damaged means whole.
pub fn way_out(
    checked: &CheckReport,
    target: &TargetId,
    named: &str,
    others: &[Elsewhere],
    read_all: bool,
    screen: &Screen,
) {
    if checked.findings.is_empty() {
        return;
    }
    let lost: BTreeSet<&(SnapshotId, EntryPath)> = checked.findings.iter().flat_map(|finding| &finding.lost).collect();
    let (mut whole, mut there) = (Vec::new(), Vec::new());
    for other in others.iter().filter(|other| other.named != named && !lost.is_empty()) {
        if lost.iter().any(|(snapshot, _)| !other.snapshots.contains(snapshot)) {
            continue;
        }
        match &other.lost {
            Some(damaged) if lost.iter().all(|one| !damaged.contains(one)) => whole.push(other.named.as_str()),
            Some(_) => {}
            None => there.push(other.named.as_str()),
        }
    }
    let elsewhere = match (whole.as_slice(), there.as_slice()) {
        ([], []) => String::new(),
        ([], some) => format!("; {} should have it too, and was not looked at now", some.join(" and ")),
        (some, _) if read_all => format!("; nothing of it is damaged on {}", some.join(" and on ")),
        (some, _) => format!("; no damage to it was seen on {}, where not every byte was read", some.join(" and on ")),
    };
    screen
        .say(&format!("{named}: `dr repair --target {target}` mends it, from parity or from another copy{elsewhere}"));
}

fn days(since_ms: i64) -> i64 {
    clock::now().as_millisecond().saturating_sub(since_ms).max(0) / (24 * 3_600_000)
}

fn unread_words(unread: Unread) -> String {
    match unread {
        Unread::Nothing => "every byte of every pack was read just now".to_owned(),
        Unread::Unknown => {
            "of some packs nobody knows when they were read last: a clock was wrong. `--read-data` settles it"
                .to_owned()
        }
        Unread::Since(since) => match days(since) {
            0 => "every pack was stored, or read by a check, within a day".to_owned(),
            1 => "every byte was stored or read within 1 day: the oldest unread is 1 day old".to_owned(),
            days => format!("every byte was stored or read within {days} days: the oldest unread is {days} days old"),
        },
    }
}

/// The same as JSON.
pub fn as_json(checked: &CheckReport) -> Value {
    let unread = match checked.unread {
        Unread::Nothing => json!(0),
        Unread::Since(since) => json!(days(since)),
        Unread::Unknown => Value::Null,
    };
    json!({
        "verdict": match (checked.findings.is_empty(), checked.trees_left) {
            (false, _) => "damaged",
            (true, 0) => "ok",
            (true, _) => "could-not-verify",
        },
        "findings": checked.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "packs": checked.packs,
        "packs_read": checked.packs_read,
        "bytes_read": checked.bytes_read,
        "snapshots": checked.snapshots,
        "snapshots_listed": checked.listed,
        "opened": checked.follows_trees(),
        "not_checked": checked.not_checked,
        "oldest_unread_days": unread,
        "without_parity": checked.without_parity,
        "unfinished": unfinished::as_json(&checked.unfinished),
    })
}

/// One finding as JSON.
pub fn finding_json(finding: &Finding) -> Value {
    let lost = finding.lost.iter().map(|(snapshot, path)| {
        let mut object = Map::new();
        object.insert("snapshot".into(), json!(snapshot.to_string()));
        shown::put_name(&mut object, "path", path.as_bytes());
        Value::Object(object)
    });
    json!({ "object": finding.object, "what": finding.what, "lost": lost.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_times_or_sizes() {
        assert_eq!(budget("30m"), Ok(Budget::Time(Duration::from_secs(1_800))));
        assert_eq!(budget("2h"), Ok(Budget::Time(Duration::from_secs(7_200))));
        assert_eq!(budget("10GiB"), Ok(Budget::Bytes(10 << 30)));
        assert_eq!(budget("500M"), Ok(Budget::Bytes(500 << 20)));
        for wrong in ["", "m", "-1m", "soon", "1.5h"] {
            assert!(budget(wrong).is_err(), "{wrong}");
        }
    }
}
