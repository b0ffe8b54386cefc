//! A round of everything that is due, for `dr run --due` and `dr daemon`: begun, watched and told.

use std::cell::RefCell;

use dr_ledger::{Ahead, RehearsalVerdict};
use dr_plan::SecretRef;
use dr_post::Ways;
use dr_run::{School, Seen, secret};
use dr_scheduler::{Done, Notified, Round, round};
use serde_json::json;

use super::opened::{key_env, runbook};
use super::run::{Watching, as_json, conduct, say};
pub use crate::command::failure::failure;
use crate::context::Context;
use crate::exit::Failure;
use crate::shown;

/// The ways that messages of this school go, for as long as `with` takes.
pub fn with_ways<T>(school: &School, context: &Context<'_>, with: impl FnOnce(&Ways<'_>) -> T) -> T {
    let around = key_env();
    let secrets = |from: &SecretRef| secret(from, &around);
    let may_mail = |address: &str| dr_plan::may_mail(&school.plan, address);
    with(&Ways::new(&school.plan.alerts, &may_mail, &secrets, &context.runtime))
}

/// Does one round of a school.
///
/// # Errors
/// If nothing could be written down.
pub fn one_round(school: &School, context: &Context<'_>) -> Result<Done, Failure> {
    let book = runbook(school, context);
    let around = key_env();
    let watching = Watching::new(context);
    let shown = RefCell::new(Vec::new());
    let done = with_ways(school, context, |ways| {
        round(Round {
            school,
            runbook: book.as_ref(),
            around: &around,
            ways,
            conduct: &mut |turn| {
                let done = conduct(school, turn, &watching, context)?;
                let document = as_json(&done);
                let mut event = document.clone();
                event["event"] = "run".into();
                context.screen.event(&event);
                shown.borrow_mut().push(document);
                say(&watching, &done);
                Ok(done)
            },
            stop: context.signals.stop(),
        })
    })
    .map_err(|why| failure(why, context))?;
    tell(&done, context);
    context.screen.event(&json!({ "event": "summary", "runs": shown.into_inner(), "troubles": done.troubles }));
    Ok(done)
}

/// What happened beside the copies.
fn tell(done: &Done, context: &Context<'_>) {
    let screen = context.screen;
    for run in &done.killed {
        screen.event(&json!({ "event": "killed", "run": run }));
        screen.warning(&format!("the run {} had been killed; what it stored is used by the next", run.0));
    }
    tell_swept(done.swept, context);
    tell_seen(&done.seen, false, context);
    if let Some(held) = &done.held {
        super::ledger::tell(held, context);
    }
    for said in &done.said {
        tell_words(said, context);
    }
    for sealed in &done.sealed {
        screen.event(&json!({
            "event": "sealed", "target": sealed.target, "medium": sealed.medium,
            "snapshot": sealed.snapshot.map(|id| id.to_string()), "through": sealed.through,
        }));
    }
    if let Some(proved) = &done.proved {
        let systems: Vec<_> = proved.document.systems.iter().map(|part| &part.id).collect();
        screen.event(&json!({
            "event": "rehearsal", "number": proved.document.number, "verdict": proved.verdict, "systems": systems,
            "evidence": shown::path(&proved.path),
        }));
        let line = format!("rehearsal {}: {}", proved.document.number, proved.verdict);
        match proved.verdict {
            RehearsalVerdict::Verified => screen.mention(&line),
            _ => screen.warning(&line),
        }
    }
    if let Some(looked) = &done.looked {
        screen.event(&json!({ "event": "check", "target": looked.target, "medium": looked.medium, "ok": looked.sound,
            "opened": looked.opened,
        }));
        match looked.sound {
            Some(true) if looked.opened => screen.mention(&format!("looked at {}: sound", looked.target)),
            Some(true) => screen.mention(&format!(
                "looked at {}: every pack is there, and what was read is what was stored; what is in them was not opened",
                looked.target
            )),
            Some(false) => screen.error(&format!(
                "looked at {0}: damaged; `dr check --target {0}` says what, `dr repair --target {0}` mends it",
                looked.target
            )),
            None => {
                screen.warning(&format!("looked at {}: it could not be judged, so nothing is known", looked.target))
            }
        }
    }
    if done.purged > 0 {
        screen.event(&json!({ "event": "purged", "entries": done.purged }));
    }
    if let Some(ahead) = &done.ahead {
        screen.event(&json!({
            "event": "clock", "entries": ahead.count, "first": ahead.first, "last": ahead.last,
            "until": ahead.until.to_string(), "behind": ahead.behind,
        }));
        screen.warning(&clock(ahead));
    } else if done.busy {
        screen.mention("another process makes the copies that are due");
    } else if done.runs.is_empty() {
        screen.mention("no copy is due");
    }
    for trouble in &done.troubles {
        screen.warning(trouble);
    }
}

/// That what killed runs left in scratch is gone.
pub fn tell_swept(swept: usize, context: &Context<'_>) {
    if swept > 0 {
        context.screen.event(&json!({ "event": "swept", "folders": swept }));
        let folders = shown::count(swept as u64, "folder", "folders");
        context.screen.mention(&format!("{folders} that killed runs had left in scratch, readable: removed"));
    }
}

/// What is said of entries whose time has not come, as long as no copy was made since.
fn clock(ahead: &Ahead) -> String {
    let noted = shown::count(ahead.count as u64, "entry of the ledger is", "entries of the ledger are");
    let (first, last, until) = (ahead.first, ahead.last, ahead.until.strftime("%Y-%m-%d %H:%M UTC"));
    let next = match ahead.behind {
        true => "If it is wrong now, set it. Copies are made all the same, at their next turn",
        false => "The next round with a copy to make makes it, and `dr run` makes all of them now: that ends this",
    };
    format!(
        "{noted} dated ahead of the clock (number {first} to {last}, up to {until}): the clock was wrong then, or is wrong \
         now. They count for nothing. {next}"
    )
}

/// What a look at the places of the copies found; `all`: what was known before as well.
pub fn tell_seen(seen: &[Seen], all: bool, context: &Context<'_>) {
    for seen in seen.iter().filter(|seen| all || seen.changed) {
        if seen.changed {
            let (target, medium, state) = (&seen.target, &seen.medium, seen.state);
            context.screen.event(&json!({
                "event": "seen", "target": target, "medium": medium, "state": state, "trouble": seen.trouble
            }));
        }
        if let Some(trouble) = &seen.trouble {
            context.screen.warning(trouble);
        }
    }
}

/// What was said, told.
pub fn tell_words(said: &Notified, context: &Context<'_>) {
    let screen = context.screen;
    for alert in &said.begun {
        screen.event(&json!({ "event": "alert", "alert": alert.key, "status": alert.status, "cause": alert.cause }));
        screen.warning(&format!("alert {}: {}", alert.key, alert.cause));
    }
    for alert in &said.ended {
        screen.event(&json!({ "event": "alert-ended", "alert": alert }));
        screen.mention(&format!("alert {alert} is over"));
    }
    if let Some((number, status, subject)) = &said.letter {
        screen.event(&json!({ "event": "letter", "number": number, "status": status, "subject": subject }));
        screen.mention(&format!("letter {number}: {subject}"));
    }
    if said.reminders > 0 {
        screen.event(&json!({ "event": "reminders", "count": said.reminders }));
        screen.mention(&shown::count(said.reminders as u64, "reminder", "reminders"));
    }
}
