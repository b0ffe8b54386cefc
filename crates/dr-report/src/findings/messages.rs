//! Do letters and alerts go out?

use std::collections::BTreeMap;

use dr_ledger::{ChannelKind, Event, MessageKind};
use jiff::{SignedDuration, Timestamp};

use super::{Found, Said};
use crate::facts::Given;
use crate::status::Status;
use crate::words;

/// A message may wait so long before anybody is troubled: relays have their moods.
const PATIENCE: SignedDuration = SignedDuration::from_hours(4);

/// Messages that could not go out, by one way at least: how many, and since when.
pub(crate) fn unsent(given: &Given<'_>) -> Option<(usize, Timestamp)> {
    let alerts = &given.plan.alerts;
    // Without any way out letters are files that somebody prints: nothing waits.
    if alerts.smtp.is_none() && alerts.webhook.is_none() && alerts.command.is_none() {
        return None;
    }
    let mut waiting: BTreeMap<&str, Message> = BTreeMap::new();
    for entry in given.entries {
        match &entry.event {
            Event::MessageQueued { message, kind, .. } if *kind != MessageKind::Test => {
                waiting.insert(message, Message { queued: entry.decided, sent: false, failing: BTreeMap::new() });
            }
            Event::MessageSent { message, channel, .. } => {
                if let Some(message) = waiting.get_mut(message.as_str()) {
                    message.sent = true;
                    message.failing.remove(channel);
                }
            }
            Event::MessageFailed { message, channel, .. } => {
                if let Some(message) = waiting.get_mut(message.as_str()) {
                    message.failing.entry(*channel).or_insert(entry.decided);
                }
            }
            _ => {}
        }
    }
    let stuck: Vec<Timestamp> =
        waiting.values().filter(|message| message.is_stuck(given.now)).map(|message| message.queued).collect();
    Some((stuck.len(), stuck.iter().min().copied()?))
}

struct Message {
    queued: Timestamp,
    sent: bool,
    failing: BTreeMap<ChannelKind, Timestamp>,
}

impl Message {
    /// What went out by one way and fails by another is still not where somebody expects it.
    fn is_stuck(&self, now: Timestamp) -> bool {
        let waits = !self.sent || !self.failing.is_empty();
        waits && now.duration_since(self.queued) >= PATIENCE
    }
}

pub(super) fn look(found: &mut Found<'_>) {
    let Some((count, since)) = unsent(found.given) else { return };
    let cause = format!(
        "{} could not be sent since {}",
        words::count(count, "letter or alert", "letters and alerts"),
        found.moment(since)
    );
    found.add(
        None,
        None,
        Some(since),
        Said {
            rule: "unsent",
            status: Status::Amber,
            short: "letters not sent",
            cause,
            risk: "nobody may hear of the next trouble",
            next: "see with `dr doctor --send-test` why, and put that right; what waits then goes out".into(),
        },
    );
}
