//! What of a run may a log say? Ids of the plan and the ledger, counts, and kinds of errors: no path, no text, nobody.
//!
//! A run's span has the ledger's id of the run, which is the snapshots' too, so that whoever reads one finds the other
//! (`docs/logs.md`).

use dr_ledger::RunId;
use dr_plan::{MediumId, SystemId};
use tracing::field::Empty;
use tracing::{Span, debug_span, info, info_span};

use crate::copied::{Done, NoCopy};
use crate::error::RunError;
use crate::location::TargetLocation;
use crate::outcome::{Copy, Run};

/// A run, from *started* to *finished*.
pub(crate) fn run(id: &RunId, system: &SystemId) -> Span {
    info_span!(
        "run",
        run = id.0.as_str(),
        system = system.as_str(),
        copies = Empty,
        entries = Empty,
        bytes_read = Empty,
        unreadable = Empty,
        gaps = Empty,
        outcome = Empty,
        error = Empty
    )
}

/// How it ended.
pub(crate) fn run_ended(span: &Span, run: &Run) {
    span.record("copies", run.copies.len());
    span.record("entries", run.entries);
    span.record("bytes_read", run.bytes_read);
    span.record("unreadable", run.unreadable.len() + run.partial.len());
    span.record("gaps", run.gaps.len());
    span.record("outcome", run.outcome.as_str());
}

/// That something ended with an error.
pub(crate) fn failed(span: &Span, why: &RunError) {
    span.record("outcome", "failed");
    span.record("error", why.kind());
}

/// A copy, all attempts of it.
pub(crate) fn copy(system: &SystemId, location: &TargetLocation) -> Span {
    info_span!(
        "copy",
        system = system.as_str(),
        target = location.target.as_str(),
        medium = location.medium.as_ref().map(MediumId::as_str),
        attempts = Empty,
        entries = Empty,
        bytes_stored = Empty,
        chunks_proved = Empty,
        packs_lacking = Empty,
        outcome = Empty,
        error = Empty
    )
}

/// How it ended.
pub(crate) fn copy_ended(span: &Span, attempts: u32, done: &Result<Done, NoCopy>) {
    span.record("attempts", attempts);
    match done {
        Ok(done) => {
            span.record("entries", done.summary.entries);
            span.record("bytes_stored", done.summary.bytes_stored);
            span.record("packs_lacking", done.summary.lacking.len());
            if let Some(chunks) = done.summary.proved {
                span.record("chunks_proved", chunks);
            }
            span.record("outcome", "done");
        }
        Err(why) => {
            span.record("outcome", "failed");
            span.record("error", why.kind());
        }
    }
}

/// A target of the run's turn to which there is no way now.
pub(crate) fn not_made(copy: &Copy) {
    info!(event = "not-made", target = copy.target.as_str(), overdue = copy.overdue, outcome = copy.outcome.as_str());
}

/// A target that was there and was not tried.
pub(crate) fn not_tried(location: &TargetLocation, why: &NoCopy) {
    let medium = location.medium.as_ref().map(MediumId::as_str);
    info!(event = "not-made", target = location.target.as_str(), medium, outcome = "failed", error = why.kind());
}

/// A target, from when it is opened until nobody uses it any more.
pub(crate) fn target(location: &TargetLocation) -> Span {
    debug_span!("target", target = location.target.as_str(), medium = location.medium.as_ref().map(MediumId::as_str))
}
