//! One round: everything that is due now, each part for itself, so that no trouble of one keeps the others from theirs.
//!
//! Words come first and last: a letter on its day does not wait for a night's copies, and what the copies bring to
//! light is told at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_ledger::{History, RunOutcome};
use dr_plan::Level;
use dr_post::{Ping, Ways, ping};
use dr_repo::Tally;
use dr_run::anchors;
use dr_run::{Ask, DueJob, KeyEnv, Run, RunError, School, Unwatched, due, seal_state, write_status};
use dr_runbook::Runbook;

pub use crate::done::Done;
use crate::error::RoundError;
use crate::gathered::Gathered;
use crate::heartbeat;
use crate::lock;
use crate::looks::look;
use crate::notify::notify;
use crate::planned;
use crate::rehearsal::{prove, rehearsal_due};
use crate::spans;

/// How many files of a system a weekly sample brings back: if all are right, fewer than one in a hundred is wrong, with
/// 95 % confidence.
pub const SAMPLE: u64 = 299;

/// What a round is given.
pub struct Round<'a> {
    /// The school, at the time that the round decides with.
    pub school: &'a School,
    /// Its runbook, if it can be read.
    pub runbook: Option<&'a Runbook>,
    /// Where keys and secrets are found.
    pub around: &'a KeyEnv<'a>,
    /// The ways that messages go.
    pub ways: &'a Ways<'a>,
    /// Makes one turn's copies.
    pub conduct: &'a mut dyn FnMut(&DueJob) -> Result<Run, RunError>,
    /// Set from outside to end early.
    pub stop: &'a Arc<AtomicBool>,
}

/// Does one round.
///
/// # Errors
/// Only if the ledger takes nothing: then nothing is done that would not be written down. Everything else is in
/// [`Done::troubles`].
pub fn round(round: Round<'_>) -> Result<Done, RoundError> {
    let span = spans::round();
    let done = span.in_scope(|| parts(round));
    spans::ended(&span, &done);
    done
}

/// One part after the other.
fn parts(mut round: Round<'_>) -> Result<Done, RoundError> {
    let (school, mut done) = (round.school, Done::default());
    done.swept(school);
    done.killed = dr_run::note_killed(school)?;
    if let Some(event) = planned::changed(&school.plan, &school.entries()?) {
        school.record(event)?;
    }
    done.see(school);
    held(school, &mut done)?;
    // After a sleep the copies come first: what they put right need not alarm anybody.
    let slept = heartbeat::slept(school);
    if !slept {
        let said = done.take("messages", notify(school, round.runbook, round.ways));
        done.said.extend(said);
    }
    match lock::take(&school.places.state, lock::COPIES)? {
        None => done.busy = true,
        Some(_lock) => {
            copies(&mut round, &mut done)?;
            if done.runs.iter().any(|run| run.outcome == RunOutcome::Failed) {
                done.see(school);
            }
            if slept || done.runs.iter().any(|run| run.run.is_some()) {
                outlive(&round, &mut done);
            }
            proofs(&round, &mut done);
            let purged = done.take("the ledger's old entries", dr_run::purge(school).map_err(RoundError::from));
            done.purged = purged.unwrap_or_default();
        }
    }
    if slept || !done.runs.is_empty() || done.found_gone() || done.proved.is_some() || done.looked.is_some() {
        let said = done.take("messages", notify(school, round.runbook, round.ways));
        done.said.extend(said);
    }
    // Who moved the clock knows that other times are noted.
    if !school.clock.is_moved() {
        done.ahead = dr_ledger::ahead(&school.everything()?, school.clock.decided());
    }
    let beat = heartbeat::note(school);
    done.take("the note that a round was made", beat);
    let kind = if done.went_well() { Ping::Success } else { Ping::Fail };
    if let Err(why) = ping(round.ways, kind) {
        done.troubles.push(format!("the ping that says dr is alive: {why}"));
    }
    Ok(done)
}

/// Whether the ledger is what the copies know of it: before each copy, which would carry its end, and once a day.
fn held(school: &School, done: &mut Done) -> Result<(), RoundError> {
    let due = || -> Result<bool, RoundError> {
        Ok(!due(&school.plan, &school.calendar, &school.history()?, school.clock.decided()).is_empty())
    };
    if school.host_key().is_ok() && (anchors::is_time(school) || due()?) {
        done.held = done.take("the ledger beside its copies", anchors::hold(school).map_err(RoundError::from));
    }
    Ok(())
}

/// The copies that are due, the most important first. What falls due meanwhile is the next round's.
fn copies(round: &mut Round<'_>, done: &mut Done) -> Result<(), RoundError> {
    let school = round.school;
    let turns = due(&school.plan, &school.calendar, &school.history()?, school.clock.decided());
    if !turns.is_empty()
        && let Err(why) = ping(round.ways, Ping::Start)
    {
        done.troubles.push(format!("the ping that says dr begins: {why}"));
    }
    for turn in &turns {
        if round.stop.load(Ordering::Relaxed) {
            break;
        }
        match (round.conduct)(turn) {
            Ok(run) => done.runs.push(run),
            Err(RunError::Ledger(why)) => return Err(RunError::Ledger(why).into()),
            Err(why) => done.troubles.push(format!("{}: {why}", turn.system)),
        }
    }
    Ok(())
}

/// What must be found when this server is gone.
fn outlive(round: &Round<'_>, done: &mut Done) {
    if round.stop.load(Ordering::Relaxed) {
        return;
    }
    let school = round.school;
    let sealed = seal_state(school, &Unwatched::default(), round.stop).map_err(RoundError::from);
    done.sealed = done.take("the ledger's own copies", sealed).unwrap_or_default();
    for sealed in &done.sealed {
        if let Some(why) = &sealed.error {
            done.troubles.push(format!("the ledger's own copy on {}: {why}", sealed.target));
        }
    }
    let left = Gathered::of(school, round.runbook).map_err(RoundError::from).and_then(|gathered| {
        let report = dr_report::status(&gathered.given(school));
        let json = serde_json::to_vec(&report).map_err(|why| RoundError::Evidence(why.to_string()))?;
        Ok(write_status(school, &json)?)
    });
    for (target, wrote) in done.take("the status for those who look from afar", left).unwrap_or_default() {
        if let Err(why) = wrote {
            done.troubles.push(format!("the status on {target}, for those who look from afar: {why}"));
        }
    }
}

/// Rehearsals and looks at the copies, at night: rehearsals with a key that reads.
fn proofs(round: &Round<'_>, done: &mut Done) {
    let school = round.school;
    let stopped = || round.stop.load(Ordering::Relaxed);
    if stopped() || school.is_open_now() {
        return;
    }
    // A host that only writes proves what it has just written, and the status says what nobody has proved.
    let reading = school.reading_key(round.around);
    let Some(history) = done.take("rehearsal", school.history().map_err(RoundError::from)) else { return };
    // What starts what it brings back has a unit of its own: this one may make no closed room.
    let level = school.plan.rehearsals.level.min(Level::L2);
    if let Some(due) = due_rehearsal(school, &history, level).filter(|_| reading.is_ok()) {
        let (tally, systems) = (Tally::default(), [due.system]);
        let ask = Ask {
            systems: &systems,
            level,
            target: None,
            scratch: None,
            pick: due.sample.then_some(SAMPLE),
            seed: None,
            tally: &tally,
            stop: round.stop,
        };
        let mode = if due.sample { "sample" } else { "full" };
        let proved = prove(school, &ask, mode, None, round.around).inspect(spans::proved);
        done.proved = done.take("rehearsal", proved);
    }
    if let Ok(key) = reading.or_else(|_| school.host_key())
        && !stopped()
    {
        let looked = look(school, &key, round.stop);
        done.looked = done.take("the look at the copies", looked).flatten();
        done.looked.iter().for_each(spans::looked);
    }
}

/// What is to be rehearsed now, this deep.
#[must_use]
pub fn due_rehearsal(school: &School, history: &History, level: Level) -> Option<crate::rehearsal::Due> {
    rehearsal_due(&school.plan, &school.calendar, history, school.clock.decided(), level)
}
