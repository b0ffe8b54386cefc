//! Would a message get out now?

use dr_ledger::{ChannelKind, MessageKind};
use jiff::Timestamp;

use crate::attempt::{attempt, named};
use crate::message::{Message, Recipient};
use crate::slip::Way;
use crate::ways::Ways;

/// Sends a trial by each way that the plan has, at once and past the outbox, and says what came of each. The words are
/// for whoever sits at this host: they may name files of the plan.
#[must_use]
pub fn try_out(
    ways: &Ways<'_>,
    to: &[Recipient],
    school: &str,
    now: Timestamp,
) -> Vec<(ChannelKind, Result<(), String>)> {
    let message = Message {
        id: format!("test-{now}"),
        kind: MessageKind::Test,
        about: "test".to_owned(),
        to: to.to_vec(),
        subject: format!("[TEST] {school} – backups can send you messages"),
        text: "This is a trial of `dr doctor --send-test`. There is nothing to do.\n\n\
               Letters and alerts about the school's backups will come like this one.\n"
            .to_owned(),
        html: None,
        school: school.to_owned(),
        status: None,
        queued: now,
    };
    let trial = |channel| match attempt(ways, &message, &Way::new(channel, now)) {
        Err(trouble) => Err(trouble.whole()),
        Ok(outcome) if !outcome.refused.is_empty() => Err(format!("it went out, but {}", named(&outcome.refused))),
        Ok(outcome) => outcome.later.map_or(Ok(()), Err),
    };
    ways.channels().into_iter().map(|channel| (channel, trial(channel))).collect()
}
