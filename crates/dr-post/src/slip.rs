//! What does a file of the outbox hold: a message, and how far each of its ways has come?
//!
//! The shape is in `docs/format/outbox.md`. Nobody but `dr` reads these files and none lives for long, but a host may
//! be updated while a message waits, so a shape that is not known is kept and reported, never dropped.

use dr_ledger::{ChannelKind, MessageKind};
use dr_plan::PersonId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::message::Message;

/// What stands first in each file.
pub(crate) const FORMAT: &str = "dr outbox v1";

/// One way out of one message, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// Which.
    pub channel: ChannelKind,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// When it is tried again.
    pub next: Timestamp,
    /// Why it did not go out, in words without addresses and secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// It went out.
    #[serde(default)]
    pub done: bool,
    /// The ledger was told so.
    #[serde(default)]
    pub told: bool,
    /// It is not tried any more.
    #[serde(default)]
    pub given_up: bool,
    /// Whom it has reached, where it goes to people one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<PersonId>,
    /// Whom it will not reach, whatever is tried: no address, one that is not allowed, one that was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<PersonId>,
}

impl Way {
    pub(crate) fn new(channel: ChannelKind, next: Timestamp) -> Self {
        Self {
            channel,
            attempts: 0,
            next,
            last_error: None,
            done: false,
            told: false,
            given_up: false,
            reached: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Whether there is still something to do.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.done && !self.given_up
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slip {
    pub format: String,
    pub message: Message,
    pub ways: Vec<Way>,
}

impl Slip {
    pub fn new(message: &Message, channels: &[ChannelKind]) -> Self {
        let mut slip = Self { format: FORMAT.to_owned(), message: message.clone(), ways: Vec::new() };
        slip.take_ways(channels);
        slip
    }

    /// Gives it ways out that it does not have yet.
    pub fn take_ways(&mut self, channels: &[ChannelKind]) {
        for channel in channels {
            let open = may_go(self.message.kind, *channel);
            if open && !self.ways.iter().any(|way| way.channel == *channel) {
                self.ways.push(Way::new(*channel, self.message.queued));
            }
        }
    }

    /// Nothing is left to try.
    pub fn is_settled(&self) -> bool {
        !self.ways.is_empty() && !self.ways.iter().any(Way::is_open)
    }

    /// It reached somebody.
    pub fn went_out(&self) -> bool {
        self.ways.iter().any(|way| way.done)
    }
}

/// A code is for one person. An address that takes JSON is mostly a room that many read.
fn may_go(kind: MessageKind, channel: ChannelKind) -> bool {
    kind != MessageKind::Code || channel != ChannelKind::Webhook
}

/// A file, unless it is damaged or of a shape that this version does not know.
pub(crate) fn read(bytes: &[u8]) -> Option<Slip> {
    let slip: Slip = serde_json::from_slice(bytes).ok()?;
    (slip.format == FORMAT).then_some(slip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_in_the_format_page_is_read_and_written_byte_for_byte() {
        let page = include_str!("../../../docs/format/outbox.md");
        let (_, after) = page.split_once("```json\n").unwrap();
        let (example, _) = after.split_once("```").unwrap();
        let slip = read(example.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string_pretty(&slip).unwrap() + "\n", example);
    }

    #[test]
    fn what_a_later_version_adds_is_not_read_as_if_it_were_known() {
        let page = include_str!("../../../docs/format/outbox.md");
        let (_, after) = page.split_once("```json\n").unwrap();
        let (example, _) = after.split_once("```").unwrap();
        assert!(read(example.replace("\"told\"", "\"heard\"").as_bytes()).is_none());
        assert!(read(example.replace("outbox v1", "outbox v2").as_bytes()).is_none());
        assert!(read(&example.as_bytes()[..200]).is_none());
    }
}
