//! What do a system's newest runs say by themselves, while its copies are still young enough?
//!
//! A failed run moves no clock and makes nothing red; that it failed is told at once all the same. What a run wrote into
//! the ledger is never repeated word for word: it is sorted into a few sentences that name no file, host or place.

use dr_ledger::{
    CopyOutcome, Entry, Event, RehearsalVerdict, RunCopy, RunOutcome, SuspicionKind, damaged_since, emptied,
};
use dr_plan::System;
use jiff::Timestamp;

use super::answers;
use super::decisions::decided_since;
use super::places::{place_name, place_of};
use super::systems::late_since;
use super::{Found, Said};
use crate::judgement::Status;
use crate::words;

pub(super) fn look(found: &mut Found<'_>, system: &System) {
    let past = Past::of(found.runs.of(system), system);
    killed(found, system, &past);
    whole_each_time(found, system);
    unusual(found, system);
    let Some(failed) = &past.failed else { return };
    match (system.source.is_export(), failed.source) {
        (true, Some(trouble)) => export(found, system, failed.since, trouble),
        (_, Some(trouble @ (Trouble::Missing | Trouble::Empty))) => source(found, system, failed.since, trouble),
        (_, Some(trouble @ (Trouble::LeftOut | Trouble::Pattern))) => excluded(found, system, failed.since, trouble),
        _ => run(found, system, failed),
    }
}

/// Copies that rely on nothing that is there already, since an entry of the log there cannot be read: sound, and each takes
/// the room of a first one until somebody mends the log. A copy that was made says why in its `error`.
fn whole_each_time(found: &mut Found<'_>, system: &System) {
    for rule in &system.copies {
        let made = found.runs.of(system).iter().rev().filter_map(|entry| {
            let Event::RunFinished { copies, .. } = &entry.event else { return None };
            let copy = copies.iter().find(|copy| copy.target == rule.target && copy.outcome == CopyOutcome::Done)?;
            Some(copy.error.is_some().then_some(entry.decided))
        });
        // The first of them since the last that was as it should be.
        let Some(at) = made.map_while(|at| at).last() else { continue };
        let place = place_of(found.given.plan, &rule.target);
        let why = "an entry of the log there cannot be read, so nothing there was relied on";
        let said = Said {
            rule: "log",
            status: Status::Amber,
            short: "full copies",
            cause: format!("its copy {place} is stored whole each time since {}: {why}", found.moment(at)),
            risk: "the copy is sound, and each one takes the room of a first one",
            next: format!("mend the log of the copy {place}"),
        };
        found.add(Some(system), None, Some(at), said);
        found.technical();
        found.command(format!("dr repair --target {}", rule.target));
        let name = place_name(found.given.plan, &rule.target);
        found.shared(format!("{name}/log"), format!("their copies {place} are stored whole each time: {why}"));
    }
}

/// What the newest runs of one system left behind.
#[derive(Default)]
struct Past {
    failed: Option<Failed>,
    killed: Option<Timestamp>,
}

/// What a run notes that was told to stop.
const INTERRUPTED: &str = "interrupted";

/// Failures that no good run came after.
struct Failed {
    since: Timestamp,
    newest: Timestamp,
    targets: Vec<dr_plan::TargetId>,
    source: Option<Trouble>,
    /// The copies that failed of that.
    of_source: Vec<dr_plan::TargetId>,
    after: Option<&'static str>,
}

impl Past {
    fn of(runs: &[&Entry], system: &System) -> Self {
        let mut past = Self::default();
        for entry in runs {
            match &entry.event {
                Event::RunKilled { .. } => past.killed = Some(entry.decided),
                Event::RunFinished { outcome, copies, .. } => {
                    // Who stops a run in an orderly way knows that; it is taken up again by itself.
                    let missed = |copy: &&RunCopy| {
                        copy.outcome == CopyOutcome::Failed && copy.error.as_deref() != Some(INTERRUPTED)
                    };
                    let failed: Vec<_> = copies.iter().filter(missed).collect();
                    let stopped = failed.is_empty() && copies.iter().any(|copy| copy.outcome == CopyOutcome::Failed);
                    past.made(copies);
                    if (*outcome == RunOutcome::Failed && !stopped) || !failed.is_empty() {
                        past.fail(entry.decided, &failed);
                    }
                }
                _ => {}
            }
        }
        // A copy that the plan no longer asks for is not missed.
        if let Some(failed) = &mut past.failed {
            let asked = |target: &dr_plan::TargetId| system.copies.iter().any(|copy| copy.target == *target);
            let had = !failed.targets.is_empty();
            failed.targets.retain(asked);
            if had && failed.targets.is_empty() {
                past.failed = None;
            }
        }
        past
    }

    /// Copies that were made are no longer missed.
    fn made(&mut self, copies: &[RunCopy]) {
        let done = |target: &dr_plan::TargetId| {
            copies.iter().any(|copy| copy.target == *target && copy.outcome == CopyOutcome::Done)
        };
        let any = copies.iter().any(|copy| copy.outcome == CopyOutcome::Done);
        if any {
            self.killed = None;
        }
        if let Some(failed) = &mut self.failed {
            failed.targets.retain(|target| !done(target));
            if any && failed.targets.is_empty() {
                self.failed = None;
            }
        }
    }

    fn fail(&mut self, at: Timestamp, failed: &[&RunCopy]) {
        let targets: Vec<_> = failed.iter().map(|copy| copy.target.clone()).collect();
        let trouble = |copy: &&RunCopy| copy.error.as_deref().and_then(Trouble::of);
        let others = |all: Vec<dr_plan::TargetId>| all.into_iter().filter(|target| !targets.contains(target));
        let before = self.failed.take();
        let since = before.as_ref().map_or(at, |failed| failed.since);
        let (known, of_source, before) =
            before.map(|failed| (failed.source, failed.of_source, failed.targets)).unwrap_or_default();
        // What is wrong with the source is so for every copy, also for one whose place is not there; and a run that tried
        // only such copies says nothing about the source.
        let of_source: Vec<_> = match failed.iter().any(|copy| trouble(copy).is_some()) {
            true => failed.iter().filter(|copy| trouble(copy).is_some()).map(|copy| copy.target.clone()).collect(),
            false => others(of_source).collect(),
        };
        let source = failed.iter().find_map(trouble).or(known.filter(|_| !of_source.is_empty()));
        let noted = || failed.iter().find(|copy| copy.error.is_some());
        let error = failed.iter().find(|copy| trouble(copy).is_some()).or_else(noted);
        let after = error.and_then(|copy| reason(copy.error.as_deref()?));
        let more: Vec<_> = others(before).collect();
        let targets = targets.into_iter().chain(more).collect();
        self.failed = Some(Failed { since, newest: at, targets, source, of_source, after });
    }
}

/// What was wrong with the source itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Missing,
    Empty,
    LeftOut,
    Pattern,
    Stale,
    Unsettled,
    Unfinished,
    Lacking,
    WrongType,
    Shrank,
    NoFacts,
    Fewer,
    Unreadable,
}

impl Trouble {
    /// What a run noted about it, sorted. The words are those of `dr-run`; what is not known is no trouble of the source.
    fn of(noted: &str) -> Option<Self> {
        let about = noted.strip_prefix("the source ").or_else(|| noted.strip_prefix("the export "))?;
        Some(match about {
            _ if about.starts_with("is missing") => Self::Missing,
            _ if about.starts_with("is empty") => Self::Empty,
            _ if about.starts_with("is left out") => Self::LeftOut,
            _ if about.starts_with("has a pattern") => Self::Pattern,
            _ if about.starts_with("is stale") => Self::Stale,
            _ if about.starts_with("is not finished") => Self::Unfinished,
            _ if about.starts_with("lacks ") => Self::Lacking,
            _ if about.starts_with("has no facts") => Self::NoFacts,
            _ if about.starts_with("counts ") => Self::Fewer,
            _ if about.contains("still being written") => Self::Unsettled,
            _ if about.contains("type") => Self::WrongType,
            _ if about.starts_with("shrank") => Self::Shrank,
            _ => Self::Unreadable,
        })
    }
}

/// Why a copy was not made, if that can be said without naming anything.
fn reason(noted: &str) -> Option<&'static str> {
    const KNOWN: &[(&str, &str)] = &[
        ("is full", "there is no room left"),
        ("what was read back is not what was written", "what was read back was not what was written"),
        ("could not be reached", "the place for it could not be reached"),
        ("there is no repository there", "the place for it was never set up"),
        ("the place for it is not there", "the place for it is not there"),
        ("another repository stands there", "something else stands in the place for it"),
        ("key does not fit", "this server's key does not fit there"),
        ("the repository is damaged", "what is stored there is damaged"),
        ("the medium that should be loaded is not there", "the disk is not there"),
        ("a command of the plan before the capture failed", "a command before it failed"),
        ("took longer than its limit", "it took longer than it may"),
        ("another program kept the source locked", "another program kept the data locked"),
    ];
    KNOWN.iter().find(|(known, _)| noted.contains(known)).map(|(_, said)| *said)
}

/// Whether the age of its copies tells the same, and better. What is said of single copies, that they are gone, late or
/// not made yet, tells that the run failed only if it failed nowhere else: data that cannot be read are more than a copy
/// that is missing.
fn told_already(found: &Found<'_>, system: &System, failed: Option<&Failed>) -> bool {
    // A system's findings come one after the other.
    let own = || found.findings.iter().rev().take_while(|other| other.system.as_ref() == Some(&system.id));
    let says = |rule: &str| own().any(|other| other.rule == rule && !matches!(other.status, Status::Seeding(_)));
    let Some(of) = found.facts.system(&system.id) else { return false };
    if says("rpo") || says("idle") || of.newest().is_none() && says("copies") {
        return true;
    }
    let Some(failed) = failed else { return ["late", "copies", "gone"].into_iter().any(says) };
    let told = |target: &dr_plan::TargetId| {
        let on = || of.copies.iter().filter(|copy| copy.target == *target);
        let stored = on().filter_map(|copy| copy.stored.as_ref()).map(|stored| stored.as_of).max();
        let is_late = |newest| {
            let mut rules = system.copies.iter().filter(|rule| rule.target == *target);
            rules.any(|rule| late_since(found, system, of, rule, newest).is_some())
        };
        on().any(|copy| copy.gone.is_some()) && says("gone")
            || stored.map_or_else(|| says("copies"), |newest| says("late") && is_late(newest))
    };
    !failed.targets.is_empty() && failed.targets.iter().all(told)
}

fn run(found: &mut Found<'_>, system: &System, failed: &Failed) {
    if told_already(found, system, Some(failed)) {
        return;
    }
    let place = places_of(found, failed);
    let why = failed.after.map(|why| format!(": {why}")).unwrap_or_default();
    let cause = format!("its backup{place} of {} failed{why}", found.moment(failed.newest));
    found.add(
        Some(system),
        None,
        None,
        Said {
            rule: "failed",
            status: Status::Amber,
            short: "run failed",
            cause,
            risk: match has_copy(found, system) {
                true => "if it goes on failing, everything since the last good one would be lost",
                false => "there is no good copy of it yet",
            },
            next: "find out why it failed; it is tried again by itself".into(),
        },
    );
    found.technical();
    if let Some((name, place, why)) = failed.shared(found) {
        found.shared(format!("{name}/failed"), format!("their backups {place} fail: {why}"));
    }
}

/// ` on site and in the cloud`, or nothing if it is not known where.
fn places_of(found: &Found<'_>, failed: &Failed) -> String {
    let plan = found.given.plan;
    let mut places: Vec<&str> = failed.targets.iter().map(|target| place_of(plan, target)).collect();
    places.dedup();
    if places.is_empty() { String::new() } else { format!(" {}", words::list(&places, 3)) }
}

/// Whether there is a good copy of it anywhere.
fn has_copy(found: &Found<'_>, system: &System) -> bool {
    found.facts.system(&system.id).is_some_and(|of| of.newest().is_some())
}

impl Failed {
    /// The cause that other systems' runs may have failed of too: its name, where, and why. What is wrong with the system
    /// itself is nobody else's.
    fn shared(&self, found: &Found<'_>) -> Option<(String, String, &'static str)> {
        let why = self.after.filter(|why| !OWN.contains(why))?;
        let name = match self.targets.as_slice() {
            [] => return None,
            [one] => place_name(found.given.plan, one),
            _ => "school".to_owned(),
        };
        Some((name, places_of(found, self).trim_start().to_owned(), why))
    }
}

/// Reasons that lie with the system and not with the place.
const OWN: &[&str] =
    &["a command before it failed", "it took longer than it may", "another program kept the data locked"];

/// Why its newest runs fail, if other systems' may fail of the same.
pub(super) fn shared_failure(found: &Found<'_>, system: &System) -> Option<(String, String, &'static str)> {
    Past::of(found.runs.of(system), system).failed?.shared(found)
}

/// When any run ended last.
pub(super) fn newest_end(found: &Found<'_>) -> Option<Timestamp> {
    found.runs.0.values().flatten().map(|entry| entry.decided).max()
}

/// How many systems the rehearsal of that moment did not bring back.
pub(super) fn rehearsed_badly(found: &Found<'_>, at: Timestamp) -> usize {
    let failed =
        found.given.entries.iter().filter(|entry| entry.decided == at).filter_map(|entry| match &entry.event {
            Event::Rehearsed { systems, .. } => Some(systems),
            _ => None,
        });
    failed.flatten().filter(|part| part.verdict == RehearsalVerdict::Failed).count()
}

fn killed(found: &mut Found<'_>, system: &System, past: &Past) {
    let Some(at) = past.killed.filter(|_| !told_already(found, system, None)) else { return };
    let cause = format!("its backup was cut off before it was done; that was noticed on {}", found.moment(at));
    found.add(
        Some(system),
        None,
        None,
        Said {
            rule: "killed",
            status: Status::Amber,
            short: "run cut off",
            cause,
            risk: match has_copy(found, system) {
                true => "until the next one is done there is no copy of what changed since",
                false => "there is no copy of it yet",
            },
            next: "see why the server stopped it; the next run goes on from there".into(),
        },
    );
}

/// What was captured is unlike what was captured before, until somebody says that it may be so.
fn unusual(found: &mut Found<'_>, system: &System) {
    // The norm is made of a few runs; a suspicion that lasts becomes the norm.
    let runs = found.runs.of(system);
    let newest: Vec<Entry> =
        runs[runs.len().saturating_sub(SUSPECTED)..].iter().map(|entry| (*entry).clone()).collect();
    if source_changed(found, system) || answers::look(found, system) {
        return;
    }
    let Some(suspicion) = dr_ledger::suspicion(&newest, &system.id) else { return };
    if decided_since(found.given, &format!("{}/suspicious", system.id), suspicion.since) {
        return;
    }
    let (short, what, risk) = match suspicion.kind {
        SuspicionKind::Shrunk => (
            "much is gone",
            format!("only {} % of what is usual was there", suspicion.percent),
            "somebody or something may have deleted it",
        ),
        SuspicionKind::Ballooned => (
            "much is new",
            format!("{} % of what is usual was there", suspicion.percent),
            "somebody may have put much into it, or something may have scrambled it",
        ),
        SuspicionKind::Changed => (
            "much changed",
            format!("{} % of what usually changes changed", suspicion.percent),
            "somebody or something may have scrambled it",
        ),
    };
    let cause = format!("in its backup of {} {what}", found.moment(suspicion.since));
    // The plan's own patterns leave out more than they did.
    let (risk, next) = match suspicion.kind == SuspicionKind::Shrunk && leaves_out_more(&newest, suspicion.since) {
        true => (
            "a pattern of `exclude` in the plan may leave out too much",
            "look at `exclude` in the plan, and accept the change if it is as it should be",
        ),
        false => (risk, "look whether it is as it should be, and accept the change if it is"),
    };
    found.add(
        Some(system),
        None,
        Some(suspicion.since),
        Said { rule: "suspicious", status: Status::Amber, short, cause, risk, next: next.into() },
    );
}

/// Whether what its source said of itself is told.
pub(super) fn source_is_told(found: &Found<'_>, system: &System) -> bool {
    let key = format!("{}/suspicious", system.id);
    let entries = found.given.entries;
    damaged_since(entries, &system.id).is_some_and(|since| !decided_since(found.given, &key, since))
        || !emptied(entries, &system.id, None).is_empty()
}

/// What its source said of itself: damage of its database, or a path that held something and is empty. Whether it was told.
fn source_changed(found: &mut Found<'_>, system: &System) -> bool {
    let key = format!("{}/suspicious", system.id);
    if let Some(since) = damaged_since(found.given.entries, &system.id) {
        if !decided_since(found.given, &key, since) {
            let said = Said {
                rule: "suspicious",
                status: Status::Red,
                short: "data damaged",
                cause: format!("its database says since {} that it is damaged", found.moment(since)),
                risk: "what is left of it is kept, and it gets less; older copies are sound and stay",
                next: "have the database mended, or brought back from before".into(),
            };
            found.add(Some(system), None, Some(since), said);
        }
        return true;
    }
    let decided: Vec<_> = emptied(found.given.entries, &system.id, None);
    let Some(since) = decided.iter().filter_map(|one| one.since).min() else { return false };
    let (many, are) = if decided.len() == 1 { ("one of its paths", "is") } else { ("some of its paths", "are") };
    let said = Said {
        rule: "suspicious",
        status: Status::Red,
        short: "a path is empty",
        cause: format!("{many} {are} empty since its backup of {}, and held something before", found.moment(since)),
        risk: "it may not be mounted, or somebody or something may have deleted it; older copies have it",
        next: "look where the data are, and accept it if it is meant".into(),
    };
    found.add(Some(system), None, Some(since), said);
    true
}

/// Whether the run of that time and all after it left out more names than any before.
fn leaves_out_more(runs: &[Entry], since: Timestamp) -> bool {
    let excluded = |entry: &Entry| match &entry.event {
        Event::RunFinished { noticed, copies, .. } if copies.iter().any(|copy| copy.outcome == CopyOutcome::Done) => {
            Some((entry.decided >= since, noticed.excluded))
        }
        _ => None,
    };
    let (now, before): (Vec<_>, Vec<_>) = runs.iter().filter_map(excluded).partition(|(now, _)| *now);
    let most = before.iter().map(|(_, count)| *count).max();
    most.is_some_and(|most| !now.is_empty() && now.iter().all(|(_, count)| *count > most))
}

/// So many of a system's newest runs are looked at.
const SUSPECTED: usize = 40;

/// A share that vanished is a matter of the day: whoever waits for the letter lets the old copies run out.
fn source(found: &mut Found<'_>, system: &System, since: Timestamp, trouble: Trouble) {
    let (short, what) = match trouble {
        Trouble::Missing => ("data missing", "was not there"),
        _ => ("data gone", "was empty"),
    };
    let (kept, risk) = match has_copy(found, system) {
        true => ("older copies are untouched", "somebody or something may have deleted it"),
        false => ("there is no copy of it yet", "there is nothing to bring back"),
    };
    let cause = format!("what is to be backed up {what} on {}; {kept}", found.moment(since));
    found.add(
        Some(system),
        None,
        Some(since),
        Said {
            rule: "suspicious",
            status: Status::Red,
            short,
            cause,
            risk,
            next: "look where the data are; if they are gone, have them restored".into(),
        },
    );
    found.shared("school/suspicious", format!("what is to be backed up {what}; {kept}"));
}

/// The plan's own patterns keep it from being captured.
fn excluded(found: &mut Found<'_>, system: &System, since: Timestamp, trouble: Trouble) {
    let since = found.moment(since);
    let cause = match trouble {
        Trouble::LeftOut => {
            format!("`exclude` in the plan leaves out all of it since {since}, so nothing is backed up")
        }
        _ => format!("a pattern of `exclude` in the plan means nothing since {since}, so nothing is backed up"),
    };
    let risk = match has_copy(found, system) {
        true => "older copies are untouched; what changes now is in none",
        false => "there is no copy of it yet",
    };
    let (status, next) = (Status::Amber, "correct `exclude` in the plan".to_owned());
    found.add(Some(system), None, None, Said { rule: "failed", status, short: "left out", cause, risk, next });
    found.technical();
    found.command("dr plan check");
}

fn export(found: &mut Found<'_>, system: &System, since: Timestamp, trouble: Trouble) {
    let seen = found.moment(since);
    let (short, cause, next) = match trouble {
        Trouble::Missing => (
            "export missing",
            format!("its export is missing since {seen}"),
            "make the export and put it in its folder",
        ),
        Trouble::Empty | Trouble::LeftOut | Trouble::Pattern => {
            ("export empty", format!("its export is empty since {seen}"), "make the export again")
        }
        Trouble::Stale => {
            ("export old", format!("its export has not been renewed; noticed on {seen}"), "make a new export")
        }
        Trouble::Unsettled => (
            "export unfinished",
            format!("its export was still being written on {seen}"),
            "let the export be finished before its backup, or make it earlier",
        ),
        Trouble::Unfinished => (
            "export unfinished",
            format!("the job that makes its export did not end well; noticed on {seen}"),
            "look at the job that makes the export, and let it run again",
        ),
        Trouble::Lacking => (
            "export lacks databases",
            format!("not each database that the plan names is in its export; noticed on {seen}"),
            "look at the job that backs up the databases, and let it run again",
        ),
        Trouble::WrongType => (
            "export of wrong type",
            format!("what lies there since {seen} is not what its name says"),
            "open the export, and make it again",
        ),
        Trouble::Shrank => (
            "export too small",
            format!("its export is much smaller than the last; noticed on {seen}"),
            "see whether the export is whole, and make it again",
        ),
        Trouble::NoFacts => (
            "export without facts",
            format!("what its maker counts in its export is missing or not to be read; noticed on {seen}"),
            "look at the job that makes the export, and let it run again",
        ),
        Trouble::Fewer => (
            "export counts less",
            format!("its maker counts much less in its export than in the last; noticed on {seen}"),
            "see whether something is gone from the system itself",
        ),
        Trouble::Unreadable => (
            "export unreadable",
            format!("its export could not be read on {seen}"),
            "make the export again, or have its folder looked at",
        ),
    };
    let (owner, status) = (system.source.maker().cloned(), Status::Amber);
    let employed = |id: &dr_plan::PersonId| {
        found.given.plan.people.get(id).is_some_and(|person| person.is_employed(found.facts.today))
    };
    let owner = owner.filter(employed);
    let risk = match has_copy(found, system) {
        true => "the newest copy is of the last good export",
        false => "there is no copy of it: no good export was ever backed up",
    };
    let said = Said { rule: "export", status, short, cause, risk, next: next.into() };
    found.add(Some(system), owner, Some(since), said);
}
