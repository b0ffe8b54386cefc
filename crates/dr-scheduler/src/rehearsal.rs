//! A rehearsal with its evidence: carried out, written up, signed off by the ledger; and when the next one is due.

use std::path::{Path, PathBuf};

use dr_ledger::{Authenticated, CLOCK_SLACK, Digest, History, RehearsalVerdict, RehearsedSystem};
use dr_plan::{Cadence, Calendar, Class, Level, Plan, Problem, SystemId, show_source};
use dr_report::{CheckDone, Evidence, Rehearsal as Document, Rehearsed, Sample, Wipe, evidence};
use dr_run::{Ask, KeyEnv, Part, Rehearsal, School, level_word, rehearse, written};
use dr_runbook::Runbook;
use jiff::{Timestamp, ToSpan};

use crate::error::RoundError;

/// A rehearsal that was carried out and written up.
pub struct Proved {
    /// What was done.
    pub done: Rehearsal,
    /// What is said about it.
    pub document: Document,
    /// The worst of its parts.
    pub verdict: RehearsalVerdict,
    /// Where the evidence is.
    pub path: PathBuf,
}

/// Carries a rehearsal out and writes its evidence into `folder`, or into the state's. `mode`: full, sample, …
///
/// # Errors
/// If it could not begin, or its evidence could not be written. What did not come back is a verdict.
pub fn prove(
    school: &School,
    ask: &Ask<'_>,
    mode: &str,
    folder: Option<&Path>,
    around: &KeyEnv<'_>,
) -> Result<Proved, RoundError> {
    let done = rehearse(school, ask, around)?;
    let number = History::of(&school.everything()?).rehearsals().len() as u64 + 1;
    let document = document(school, &done, number, mode)?;
    let verdict = document.verdict();
    let papers = evidence(&document).map_err(|why| RoundError::Evidence(why.to_string()))?;
    let folder = folder.map_or_else(|| school.places.evidence(), Path::to_owned);
    let folder = std::path::absolute(&folder).map_err(RoundError::local("cannot find", &folder))?;
    let path = write(&folder, number, &papers).map_err(RoundError::local("cannot write into", &folder))?;
    written(school, &done, verdict, &path, papers.json.as_bytes())?;
    Ok(Proved { done, document, verdict, path })
}

/// The systems in the runbook's order, then by tier, then as the plan has them; and what is wrong with the runbook, if
/// that gives no order.
#[must_use]
pub fn order(plan: &Plan, runbook: Option<&Runbook>, wanted: &[SystemId]) -> (Vec<SystemId>, Vec<Problem>) {
    let bound = runbook.map(|book| dr_runbook::bind(book, plan));
    let (steps, problems) = match &bound {
        Some(Ok(bound)) => {
            let steps = dr_runbook::order(bound, wanted).into_iter().filter_map(|step| step.step.system.clone());
            (steps.collect(), Vec::new())
        }
        Some(Err(problems)) => (Vec::new(), problems.clone()),
        None => (Vec::new(), Vec::new()),
    };
    let steps: Vec<SystemId> = steps;
    let mut systems: Vec<_> = plan.systems.iter().filter(|system| wanted.contains(&system.id)).collect();
    systems.sort_by_key(|system| (steps.iter().position(|id| *id == system.id).unwrap_or(usize::MAX), system.tier));
    (systems.into_iter().map(|system| system.id.clone()).collect(), problems)
}

/// What is to be rehearsed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which system.
    pub system: SystemId,
    /// A picked few of its files, instead of all.
    pub sample: bool,
}

/// Which rehearsal is due at `now`: one system at a time, so that no night is longer than it need be. A whole one for a
/// system that had none in its cadence, the most important first; else the sample of the week. At L3 none but a whole one
/// that was as deep counts, and nothing else is due.
#[must_use]
pub fn rehearsal_due(plan: &Plan, calendar: &Calendar, history: &History, now: Timestamp, level: Level) -> Option<Due> {
    let today = now.to_zoned(plan.school.timezone.clone()).date();
    let since = |cadence: Cadence| {
        let days = |days: i64| today.checked_sub(days.days()).ok();
        match cadence {
            Cadence::Never => None,
            Cadence::Weekly => days(6),
            Cadence::Monthly => days(30),
            Cadence::Yearly => days(365),
            Cadence::Termly => calendar.term_of(today).map(|term| term.from).or_else(|| days(17 * 7 - 1)),
        }
    };
    let starts = |system: &dr_plan::System| level != Level::L3 || dr_run::starts(&system.source);
    let there =
        |system: &&dr_plan::System| system.source.runs() && starts(system) && history.last_backup(&system.id).is_some();
    let mut systems: Vec<_> = plan.systems.iter().filter(there).collect();
    systems.sort_by_key(|system| system.tier);
    let last = |system: &dr_plan::System, whole: bool| {
        let source = Digest::of(show_source(system).as_bytes());
        // What is captured from elsewhere since was not brought back yet.
        let same = |part: &RehearsedSystem| !whole || part.source_blake3.is_none_or(|was| was == source);
        let come = history.rehearsals().iter().filter(|one| one.at.duration_since(now) <= CLOCK_SLACK);
        let deep = |word: &str| if level == Level::L3 { word == "L3" } else { word != "L1" };
        let counts = come.filter(|one| deep(&one.level) && !(whole && one.picked.is_some()));
        // Where nothing could be brought back it is tried again on the next day, and not in the next minutes.
        let on = counts.filter_map(|one| {
            let on = one.at.to_zoned(plan.school.timezone.clone()).date();
            let counts =
                |part: &RehearsedSystem| part.system == system.id && same(part) && (part.was_tried() || on >= today);
            one.systems.iter().any(counts).then_some(on)
        });
        on.max()
    };
    if let Some(from) = since(plan.rehearsals.full)
        && let Some(system) = systems.iter().find(|system| last(system, true).is_none_or(|at| at < from))
    {
        return Some(Due { system: system.id.clone(), sample: false });
    }
    if level == Level::L3 {
        // A few files of a system are nothing that could be started.
        return None;
    }
    let from = since(plan.rehearsals.sample)?;
    let newest = systems.iter().filter_map(|system| last(system, false)).max();
    if newest.is_some_and(|at| at >= from) {
        return None;
    }
    // Whoever waited longest.
    let oldest = systems.iter().min_by_key(|system| last(system, false))?;
    Some(Due { system: oldest.id.clone(), sample: true })
}

/// No plan and no runbook is longer.
const FILE_MAX: u64 = 16 << 20;

fn document(school: &School, done: &Rehearsal, number: u64, mode: &str) -> Result<Document, RoundError> {
    let hash = |bytes: Vec<u8>| Digest::of(&bytes).to_string();
    let plan = dr_open::read_named(&school.places.plan, FILE_MAX)
        .map_err(RoundError::local("cannot read", &school.places.plan))?;
    let by = school.actor.by.as_ref().and_then(|by| school.plan.people.get(by));
    let authenticated = match (&school.actor.by, school.actor.authenticated) {
        (None, _) => "system",
        (_, Authenticated::Login) => "login",
        _ => "named, not authenticated",
    };
    let runbook_text = school.plan.runbook.as_ref().and_then(|path| dr_open::read_named(path, FILE_MAX).ok());
    Ok(Document {
        number,
        school: school.plan.school.name.clone(),
        sample_school: school.plan.school.sample,
        zone: school.plan.school.timezone.clone(),
        level: level_word(done.level).to_owned(),
        mode: mode.to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        plan_hash: hash(plan),
        runbook_hash: runbook_text.map(hash),
        ran_by: by.map_or_else(|| "dr, on this host".to_owned(), |person| person.name.clone()),
        authenticated: authenticated.to_owned(),
        began: done.began,
        ended: done.ended,
        clock_moved: school.clock.is_moved(),
        systems: done.parts.iter().map(|part| rehearsed(school, done, part)).collect(),
        sample: done.sample.map(|(picked, of, wrong)| Sample { seed: done.seed.clone(), picked, of, wrong }),
        wipe: Wipe { done: done.wiped.done, how: done.wiped.how.clone() },
        not_tested: done.not_tested.clone(),
        ledger_head: done.head,
    })
}

fn rehearsed(school: &School, done: &Rehearsal, part: &Part) -> Rehearsed {
    let system = school.plan.system(&part.id);
    let target = part.location.as_ref().map(|location| location.target.clone());
    // A disk that is in the server is in the building, whatever its target is called.
    let class = target.as_ref().and_then(|target| school.plan.targets.get(target)).map(|target| match target.class {
        Class::Disk => "onsite".to_owned(),
        other => other.as_str().to_owned(),
    });
    let check = |check: &dr_run::Check| CheckDone {
        name: check.name.clone(),
        verdict: check.verdict,
        expected: check.expected.clone(),
        actual: check.actual.clone(),
    };
    Rehearsed {
        id: part.id.clone(),
        title: system.map_or_else(|| part.id.to_string(), |system| system.title.clone()),
        verdict: part.verdict,
        level: level_word(done.level).to_owned(),
        target,
        copy_class: class,
        medium: part.location.as_ref().and_then(|location| location.medium.as_ref()).map(ToString::to_string),
        snapshot: part.snapshot.map(|id| id.to_string()),
        restore_seconds: part.restore_seconds,
        recovery_point: part.recovery_point,
        files: part.files,
        bytes: part.bytes,
        checks: part.checks.iter().map(check).collect(),
        because: part.because.clone(),
    }
}

/// Writes the three documents under a name that is not taken, and says where the JSON is.
fn write(folder: &Path, number: u64, papers: &Evidence) -> std::io::Result<PathBuf> {
    use std::io::Write as _;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = |path: &Path, text: &str| {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    let mut number = number;
    loop {
        let name = |end: &str| folder.join(format!("rehearsal-{number:04}.{end}"));
        match new(&name("json"), &papers.json) {
            Ok(()) => {
                new(&name("html"), &papers.html)?;
                new(&name("txt"), &papers.text)?;
                return Ok(name("json"));
            }
            // Evidence is never written over.
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(why) => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_ledger::{Body, CopyOutcome, Entry, Event, RunCopy, RunId, RunOutcome};

    const PLAN: &str = "school = 'S'\ncopies = { onsite = 'nas' }\n[systems]\nadmin = 'office'\nwebsite = 'www'\n";

    fn entries(events: Vec<(&str, Event)>) -> Vec<Entry> {
        let body = |(at, event): (&str, Event)| {
            let at = at.parse().unwrap();
            Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event }
        };
        (1..).zip(events).map(|(n, one)| body(one).numbered(n)).collect()
    }

    fn backed_up(system: &str) -> Event {
        Event::RunFinished {
            run: RunId(system.to_owned()),
            system: SystemId::new(system).unwrap(),
            outcome: RunOutcome::Done,
            copies: vec![RunCopy {
                target: dr_plan::TargetId::new("onsite").unwrap(),
                medium: None,
                outcome: CopyOutcome::Done,
                snapshot: None,
                slot: None,
                bytes_stored: 1,
                error: None,
            }],
            capture_started: None,
            entries: 1,
            bytes_read: 1,
            unreadable: 0,
            noticed: dr_ledger::Noticed::default(),
            size: None,
        }
    }

    fn rehearsed(system: &str, picked: Option<u64>) -> Event {
        rehearsed_of(system, picked, None)
    }

    fn rehearsed_of(system: &str, picked: Option<u64>, source: Option<&str>) -> Event {
        Event::Rehearsed {
            verdict: RehearsalVerdict::Verified,
            level: "L2".to_owned(),
            systems: vec![RehearsedSystem {
                system: SystemId::new(system).unwrap(),
                verdict: RehearsalVerdict::Verified,
                seconds: 1.0,
                recovery_point: None,
                source_blake3: source.map(|source| Digest::of(source.as_bytes())),
            }],
            evidence: String::new(),
            evidence_blake3: Digest::of(b""),
            picked,
        }
    }

    #[test]
    fn each_system_is_rehearsed_whole_in_its_cadence_and_one_of_them_by_sample_each_week() {
        let plan = dr_plan::parse(PLAN, "dr.toml").unwrap();
        let mut past = vec![("2026-11-02T19:00:00Z", backed_up("admin"))];
        let due = |past: &[(&str, Event)], now: &str| {
            let history = History::of(&entries(past.to_vec()));
            let due = rehearsal_due(&plan, &Calendar::every_week(), &history, now.parse().unwrap(), Level::L2);
            due.map(|due| (due.system.to_string(), due.sample))
        };
        assert_eq!(due(&[], "2026-11-02T20:00:00Z"), None);
        assert_eq!(due(&past, "2026-11-02T20:00:00Z"), Some(("admin".to_owned(), false)));
        past.push(("2026-11-02T20:10:00Z", rehearsed("admin", None)));
        past.push(("2026-11-02T21:00:00Z", backed_up("website")));
        // A picked few are not the whole.
        past.push(("2026-11-02T21:10:00Z", rehearsed("website", Some(5))));
        assert_eq!(due(&past, "2026-11-03T20:00:00Z"), Some(("website".to_owned(), false)));
        past.push(("2026-11-03T20:10:00Z", rehearsed("website", None)));
        assert_eq!(due(&past, "2026-11-04T20:00:00Z"), None);
        assert_eq!(due(&past, "2026-11-10T20:00:00Z"), Some(("admin".to_owned(), true)));
        past.push(("2026-11-10T20:10:00Z", rehearsed("admin", Some(5))));
        assert_eq!(due(&past, "2026-11-11T20:00:00Z"), None);
        assert_eq!(due(&past, "2026-11-17T20:00:00Z"), Some(("website".to_owned(), true)));
        assert_eq!(due(&past, "2027-03-05T20:00:00Z"), Some(("admin".to_owned(), false)));
        // What was proved of another place says nothing of this one.
        past.push(("2026-11-17T20:10:00Z", rehearsed_of("admin", None, Some("elsewhere"))));
        assert_eq!(due(&past, "2026-11-18T20:00:00Z"), None, "it was rehearsed before, by a dr that noted no place");
        past.remove(1);
        assert_eq!(due(&past, "2026-11-18T20:00:00Z"), Some(("admin".to_owned(), false)));
        let here = dr_plan::show_source(plan.system(&SystemId::new("admin").unwrap()).unwrap());
        past.push(("2026-11-18T20:10:00Z", rehearsed_of("admin", None, Some(&here))));
        assert_eq!(due(&past, "2026-11-19T20:00:00Z"), None);
    }
}
