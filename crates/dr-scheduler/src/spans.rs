//! What of a round may a log say? What it did, in counts, and kinds of errors; never whom a message is for.

use tracing::field::Empty;
use tracing::{Span, info, info_span};

use crate::error::RoundError;
use crate::looks::Looked;
use crate::notify::Notified;
use crate::rehearsal::Proved;
use crate::round::Done;

/// A round.
pub(crate) fn round() -> Span {
    info_span!("round", runs = Empty, killed = Empty, troubles = Empty, busy = Empty, outcome = Empty, error = Empty)
}

/// How it ended.
pub(crate) fn ended(span: &Span, done: &Result<Done, RoundError>) {
    match done {
        Ok(done) => {
            span.record("runs", done.runs.len());
            span.record("killed", done.killed.len());
            span.record("troubles", done.troubles.len());
            span.record("busy", done.busy);
            span.record("outcome", if done.went_well() { "done" } else { "incomplete" });
        }
        Err(why) => {
            span.record("outcome", "failed");
            span.record("error", why.kind());
        }
    }
}

/// Messages that were written. One in which nothing was to be said is no event.
pub(crate) fn said(said: &Notified) {
    let (begun, ended) = (said.begun.len(), said.ended.len());
    if begun + ended + said.reminders > 0 || said.letter.is_some() {
        info!(event = "messages", begun, ended, reminders = said.reminders, letter = said.letter.is_some());
    }
}

/// A rehearsal that was due.
pub(crate) fn proved(proved: &Proved) {
    info!(event = "rehearsal", outcome = proved.verdict.as_str());
}

/// A copy that was looked at.
pub(crate) fn looked(looked: &Looked) {
    let outcome = match looked.sound {
        Some(true) => "done",
        Some(false) => "damaged",
        None => "unknown",
    };
    info!(
        event = "check",
        target = looked.target.as_str(),
        medium = looked.medium.as_ref().map(|id| id.as_str()),
        outcome
    );
}
