//! How one watches copies being made, and says what came of them.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use dr_entry::Unread;
use dr_ledger::{CopyOutcome, RunOutcome};
use dr_plan::SystemId;
use dr_repo::Tally;
use dr_run::{DueJob, Run as Done, RunError, School, TargetLocation, Watch, run};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::{observe, shown};

/// Says on the screen which copy is under way.
pub struct Watching<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) tally: Tally,
    /// What copies wait for that was said already: a pool without a disk is one thing to say, however many systems wait.
    waited: Mutex<BTreeSet<String>>,
}

impl<'a> Watching<'a> {
    pub fn new(context: &'a Context<'a>) -> Self {
        Self { context, tally: Tally::default(), waited: Mutex::default() }
    }
}

/// Makes one turn's copies and shows how it goes.
pub fn conduct(
    school: &School,
    turn: &DueJob,
    watching: &Watching<'_>,
    context: &Context<'_>,
) -> Result<Done, RunError> {
    observe::while_shown(context.screen, &watching.tally, observe::backing_up, || {
        run(school, turn, watching, context.signals.stop())
    })
}

impl Watch for Watching<'_> {
    fn copying(&self, system: &SystemId, location: &TargetLocation) {
        for count in [&self.tally.entries, &self.tally.bytes_read, &self.tally.bytes_stored, &self.tally.objects] {
            count.store(0, Ordering::Relaxed);
        }
        if self.context.screen.is_verbose() {
            self.context.screen.note(&format!("{system} to {}", location.named()));
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// A run for a script.
pub fn as_json(run: &Done) -> Value {
    let copies: Vec<_> = run
        .copies
        .iter()
        .map(|copy| {
            json!({
                "target": copy.target, "medium": copy.medium, "outcome": copy.outcome,
                "snapshot": copy.snapshot.map(|id| id.to_string()),
                "slot": copy.slot.map(|at| at.to_string()),
                "capture_started": copy.capture_started.map(|at| at.to_string()),
                "bytes_stored": copy.bytes_stored, "proved_chunks": copy.proved, "overdue": copy.overdue, "attempts": copy.attempts,
                "error": copy.error, "of_source": copy.of_source,
            })
        })
        .collect();
    let told: Vec<&String> = run.told.iter().chain(&run.warned).collect();
    json!({
        "system": run.system, "run": run.run, "outcome": run.outcome, "targets": copies, "error": run.error, "told": told,
        "entries": run.entries, "bytes_read": run.bytes_read,
    "excluded": run.noticed.excluded,
        "unreadable": several(run, &run.unreadable), "partial": several(run, &run.partial),
        "changed_while_read": run.changed.len(),
        "changed": run.changed.iter().map(|path| shown::text(&run.naming.on_the_machine(path))).collect::<Vec<_>>(),
        "gaps": run.gaps.iter().map(|gap| {
            let mut shown = named(gap.path.as_os_str().as_bytes(), &gap.why);
            shown["kind"] = gap.kind.as_str().into();
            shown
        }).collect::<Vec<_>>(),
    })
}

pub(super) fn several(run: &Done, unread: &[Unread]) -> Vec<Value> {
    unread.iter().map(|unread| named(&run.naming.on_the_machine(&unread.path), &unread.why)).collect()
}

/// A path of the machine, and what is the matter with it.
pub(super) fn named(path: &[u8], why: &str) -> Value {
    let mut object = Map::new();
    shown::put_name(&mut object, "path", path);
    object.insert("why".into(), why.into());
    Value::Object(object)
}

/// A run for a person.
pub fn say(watching: &Watching<'_>, run: &Done) {
    let screen = watching.context.screen;
    let copies: Vec<_> = run
        .copies
        .iter()
        .map(|copy| match copy.outcome {
            CopyOutcome::Done if copy.single_writer => {
                format!("{} +{} (single-writer mode)", copy.target, shown::size(copy.bytes_stored))
            }
            CopyOutcome::Done => format!("{} +{}", copy.target, shown::size(copy.bytes_stored)),
            other => format!("{} {other}", copy.target),
        })
        .collect();
    // Where there was nothing to copy, no target failed.
    let failed = run.copies.iter().find(|copy| copy.of_source);
    let what = match failed {
        Some(_) if run.copies.iter().all(|copy| copy.of_source || copy.outcome != CopyOutcome::Done) => {
            "nothing was captured, so no target got a copy".to_owned()
        }
        _ => copies.join(", "),
    };
    let line = format!("{:<16} {:<11} {what}", run.system.as_str(), run.outcome.as_str());
    // Asked to say only what is wrong, as a timer asks, it says nothing of what went well.
    let awaited = run.copies.iter().all(|copy| matches!(copy.outcome, CopyOutcome::Done | CopyOutcome::Awaited));
    match run.outcome {
        RunOutcome::Done | RunOutcome::Skipped if awaited => screen.mention(&line),
        _ => screen.say(&line),
    }
    if let Some(why) = failed.and_then(|copy| copy.error.as_ref()) {
        screen.warning(&format!("{}: {why}", run.system));
    }
    for copy in
        run.copies.iter().filter(|copy| !copy.of_source || copy.error != failed.and_then(|one| one.error.clone()))
    {
        match (&copy.error, copy.outcome) {
            (Some(why), CopyOutcome::Awaited) => {
                let mut waited = watching.waited.lock().unwrap_or_else(PoisonError::into_inner);
                if waited.insert(format!("{} {why}", copy.target)) {
                    screen.mention(&format!("  {}: {}", copy.target, waiting(why)));
                }
            }
            (Some(why), _) => screen.warning(&format!("{}: {}: {why}", run.system, copy.target)),
            (None, _) => {}
        }
    }
    if let Some(why) = run.error.as_ref().filter(|why| !why.is_empty()) {
        screen.warning(&format!("{}: {why}", run.system));
    }
    run.warned.iter().for_each(|warned| screen.warning(&format!("{}: {warned}", run.system)));
    run.told.iter().for_each(|told| screen.note(&format!("{}: {told}", run.system)));
    let details = run.details.iter().filter(|_| screen.is_verbose());
    details.for_each(|detail| screen.note(&format!("{}: {detail}", run.system)));
    for unread in &run.unreadable {
        let path = shown::name(&run.naming.on_the_machine(&unread.path));
        screen.warning(&format!("{}: could not be read: {path}: {}", run.system, unread.why));
    }
    for one in &run.partial {
        let path = shown::name(&run.naming.on_the_machine(&one.path));
        screen.warning(&format!("{}: not wholly backed up: {path}: {}", run.system, one.why));
    }
    if !run.changed.is_empty() {
        let count = shown::count(run.changed.len() as u64, "file", "files");
        let hint = if screen.is_verbose() { "" } else { "; -v names them" };
        screen.note(&format!(
            "{}: {count} changed while read: what was kept may be half of one state and half of another{hint}",
            run.system
        ));
        if screen.is_verbose() {
            for path in &run.changed {
                let path = shown::name(&run.naming.on_the_machine(path));
                screen.note(&format!("{}: changed while it was read: {path}", run.system));
            }
        }
    }
    for gap in &run.gaps {
        screen.warning(&format!("{}: {}: {}", run.system, shown::path(&gap.path), gap.why));
    }
}

/// What a copy waits for, as a sentence.
pub(super) fn waiting(why: &str) -> String {
    match why.contains("is registered yet") {
        true => format!("{why} (`dr media register`), so no copy was made there"),
        false => format!("waits for {why}"),
    }
}
