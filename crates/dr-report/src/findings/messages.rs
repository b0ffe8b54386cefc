//! Do letters and alerts go out, and to everybody they are for?

use std::collections::{BTreeMap, BTreeSet};

use dr_ledger::{CLOCK_SLACK, ChannelKind, Event, MessageKind};
use dr_plan::PersonId;
use jiff::{SignedDuration, Timestamp};

use super::{Found, Said};
use crate::facts::Given;
use crate::judgement::Status;
use crate::words;

/// A message may wait so long before anybody is troubled: relays have their moods.
const PATIENCE: SignedDuration = SignedDuration::from_hours(4);

/// Messages that somebody did not get.
pub(crate) struct Unsent {
    /// How many.
    pub(crate) count: usize,
    /// Since when the oldest of them waits.
    pub(crate) since: Timestamp,
    /// Whom they did not reach, by name; empty if they are for nobody in person.
    pub(crate) to: String,
}

/// Messages that could not go out, by one way at least, or not to everybody.
pub(crate) fn unsent(given: &Given<'_>) -> Option<Unsent> {
    let alerts = &given.plan.alerts;
    // Without any way out letters are files that somebody prints: nothing waits.
    if alerts.smtp.is_none() && alerts.webhook.is_none() && alerts.command.is_none() {
        return None;
    }
    let mut waiting: BTreeMap<&str, Message<'_>> = BTreeMap::new();
    for entry in given.entries {
        match &entry.event {
            Event::MessageQueued { message, kind, to, .. } if *kind != MessageKind::Test => {
                waiting.insert(message, Message::new(entry.decided, to));
            }
            Event::MessageSent { message, channel, .. } => {
                if let Some(message) = waiting.get_mut(message.as_str()) {
                    message.sent.insert(*channel);
                    message.failing.remove(channel);
                }
            }
            Event::MessageFailed { message, channel, given_up, persons, .. } => {
                if let Some(message) = waiting.get_mut(message.as_str()) {
                    if *given_up && !persons.is_empty() {
                        message.refused.entry(*channel).or_default().extend(persons);
                    } else {
                        message.failing.insert(*channel, *given_up);
                    }
                }
            }
            _ => {}
        }
    }
    let all: Vec<&Message<'_>> = waiting.values().collect();
    let stuck: Vec<(Timestamp, BTreeSet<&PersonId>)> =
        all.iter().filter_map(|message| Some((message.queued, message.missed(given.now, &all)?))).collect();
    let since = stuck.iter().map(|(queued, _)| *queued).min()?.min(given.now);
    let to: BTreeSet<&PersonId> = stuck.iter().flat_map(|(_, people)| people.iter().copied()).collect();
    let to: Vec<String> = to.into_iter().map(|id| words::plain(&words::name(given.plan, id))).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    Some(Unsent { count: stuck.len(), since, to: words::list(&to, 4) })
}

/// One message, and what became of it.
struct Message<'e> {
    queued: Timestamp,
    to: &'e [PersonId],
    /// The ways by which it went out.
    sent: BTreeSet<ChannelKind>,
    /// The ways by which it did not, and whether they were given up.
    failing: BTreeMap<ChannelKind, bool>,
    /// People whom a way does not reach, though it went out to others.
    refused: BTreeMap<ChannelKind, Vec<&'e PersonId>>,
}

impl<'e> Message<'e> {
    fn new(queued: Timestamp, to: &'e [PersonId]) -> Self {
        Self { queued, to, sent: BTreeSet::new(), failing: BTreeMap::new(), refused: BTreeMap::new() }
    }

    /// Whether it went out to this person. What is posted is not: nobody knows who reads it.
    fn reached(&self, person: &PersonId) -> bool {
        let by = |channel: &&ChannelKind| {
            **channel != ChannelKind::Webhook
                && !self.refused.get(channel).is_some_and(|people| people.contains(&person))
        };
        self.to.contains(person) && self.sent.iter().any(|channel| by(&channel))
    }

    /// Whom it did not reach, if it is stuck. What went out by one way and fails by another is still not where somebody
    /// expects it; what one of its readers did not get is not, until a later message reaches her.
    fn missed(&self, now: Timestamp, all: &[&Message<'e>]) -> Option<BTreeSet<&'e PersonId>> {
        // Queued at a time that has not come: nobody knows how long it has waited, so it has waited long enough.
        if (-CLOCK_SLACK..PATIENCE).contains(&now.duration_since(self.queued)) {
            return None;
        }
        let later = |person: &PersonId| all.iter().any(|other| other.queued > self.queued && other.reached(person));
        let refused: BTreeSet<&PersonId> =
            self.refused.values().flatten().copied().filter(|one| !self.reached(one)).collect();
        let waits = self.sent.is_empty() || !self.failing.is_empty();
        let over = !self.failing.is_empty() && self.failing.values().all(|given_up| *given_up);
        let mut missed = if waits { self.to.iter().filter(|one| !self.reached(one)).collect() } else { refused };
        // What was given up is past when the way works again; what still waits is not.
        let works = |way: &ChannelKind| all.iter().any(|other| other.queued > self.queued && other.sent.contains(way));
        if waits && !(over && self.failing.keys().all(works)) {
            return Some(missed);
        }
        missed.retain(|one| !later(one));
        (!missed.is_empty()).then_some(missed)
    }
}

pub(super) fn look(found: &mut Found<'_>) {
    let Some(Unsent { count, since, to }) = unsent(found.given) else { return };
    let to = if to.is_empty() { String::new() } else { format!(" to {to}") };
    let what = words::count(count, "letter or alert", "letters and alerts");
    let cause = format!("{what} could not be sent{to} since {}", found.moment(since));
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
            next: "find out why they do not go out, and put that right; then they go out by themselves".into(),
        },
    );
    found.technical();
    found.command("dr doctor --send-test");
}
