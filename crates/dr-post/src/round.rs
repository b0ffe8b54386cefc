//! What is sent now, what becomes of it, and what does the ledger hear about that?
//!
//! One process at a time sends. A way that failed as a whole is not tried for the next message in the same round. A
//! success is noted in the file, then told, then the file goes: whoever is killed between sends it once more or tells
//! it once more, and never forgets it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dr_ledger::{ChannelKind, Event};
use dr_plan::PersonId;
use jiff::Timestamp;

use crate::attempt::{Outcome, attempt, named};
use crate::backoff::{SHOWN_AFTER, is_due, is_over, later, next_try, patience};
use crate::error::PostError;
use crate::outbox::Outbox;
use crate::slip::Slip;
use crate::ways::Ways;

/// One way of one message that failed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which message.
    pub message: String,
    /// Which way.
    pub channel: ChannelKind,
    /// Why, in words without addresses and secrets.
    pub error: String,
    /// Whether it is not tried any more, or not for the people that the words name.
    pub given_up: bool,
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// What went out, and by which way.
    pub sent: Vec<(String, ChannelKind)>,
    /// What did not.
    pub failed: Vec<Failure>,
    /// How many messages are still in the outbox, those that were given up included.
    pub left: usize,
    /// When the next one is due.
    pub next: Option<Timestamp>,
    /// Files that cannot be read, and so were not sent.
    pub unreadable: Vec<PathBuf>,
    /// Another process is sending, so this one did nothing.
    pub busy: bool,
}

impl Outbox {
    /// Sends what is due at `now`. What could not be sent stays, and is tried again after a while.
    ///
    /// # Errors
    /// What went wrong on this host, after everything that can be sent was: then a message may go out once more.
    pub fn send(&self, ways: &Ways<'_>, now: Timestamp, told: &mut dyn FnMut(Event)) -> Result<Sent, PostError> {
        let mut round = Round { outbox: self, ways, now, told, sent: Sent::default(), down: BTreeMap::new() };
        if !self.exists() {
            return Ok(round.sent);
        }
        let Some(_alone) = self.lock()? else {
            round.sent.busy = true;
            return Ok(round.sent);
        };
        self.sweep();
        let (slips, unreadable) = self.slips()?;
        round.sent.unreadable = unreadable;
        let mut wrong = None;
        for slip in slips {
            if let Err(why) = round.message(slip) {
                wrong.get_or_insert(why);
            }
        }
        match wrong {
            Some(why) => Err(why),
            None => Ok(round.sent),
        }
    }
}

struct Round<'a, 'b> {
    outbox: &'a Outbox,
    ways: &'a Ways<'b>,
    now: Timestamp,
    told: &'a mut dyn FnMut(Event),
    sent: Sent,
    /// Ways that failed as a whole, and why.
    down: BTreeMap<ChannelKind, String>,
}

impl Round<'_, '_> {
    fn message(&mut self, mut slip: Slip) -> Result<(), PostError> {
        let before = slip.clone();
        if slip.ways.is_empty() {
            slip.take_ways(&self.ways.channels());
        }
        let mut noted = Ok(());
        for at in 0..slip.ways.len() {
            let way = &slip.ways[at];
            if way.is_open() && is_due(way.next, self.now) {
                self.way(&mut slip, at);
            }
            if slip.ways[at].done && !slip.ways[at].told {
                // On a full disk this fails. The other ways are tried all the same, and if all work, the file goes.
                noted = self.outbox.note(&slip);
                self.tell_sent(&mut slip, at);
            }
        }
        self.put_away(&slip, &before, noted)
    }

    /// Tries one way and writes into the slip what came of it.
    fn way(&mut self, slip: &mut Slip, at: usize) {
        let channel = slip.ways[at].channel;
        if let Some(why) = self.down.get(&channel) {
            slip.ways[at].last_error = Some(why.clone());
            return;
        }
        let result = attempt(self.ways, &slip.message, &slip.ways[at]);
        slip.ways[at].attempts = slip.ways[at].attempts.saturating_add(1);
        match result {
            Ok(outcome) => self.went_out(slip, at, outcome),
            Err(trouble) => {
                if trouble.whole_way {
                    self.down.insert(channel, trouble.words.clone());
                }
                self.failed(slip, at, trouble.words);
            }
        }
    }

    fn went_out(&mut self, slip: &mut Slip, at: usize, outcome: Outcome) {
        if !outcome.refused.is_empty() {
            let persons = outcome.refused.iter().map(|(person, _)| person.clone()).collect();
            self.tell_failed(slip, at, named(&outcome.refused), true, persons);
        }
        let way = &mut slip.ways[at];
        way.reached.extend(outcome.reached);
        way.refused.extend(outcome.refused.into_iter().map(|(person, _)| person));
        match outcome.later {
            Some(why) => self.failed(slip, at, why),
            None => {
                way.done = true;
                way.last_error = None;
            }
        }
    }

    fn failed(&mut self, slip: &mut Slip, at: usize, why: String) {
        let way = &mut slip.ways[at];
        way.next = next_try(&slip.message.id, way.channel, way.attempts, self.now);
        way.last_error = Some(why.clone());
        if is_over(slip.message.kind, slip.message.queued, way.attempts, self.now) {
            // What reached some people was not in vain.
            way.done = !way.reached.is_empty();
            way.given_up = !way.done;
            self.tell_failed(slip, at, why, true, Vec::new());
        } else if way.attempts == 1 {
            self.tell_failed(slip, at, why, false, Vec::new());
        } else {
            self.sent.failed.push(failure(slip, at, why, false));
        }
    }

    fn tell_failed(&mut self, slip: &Slip, at: usize, error: String, given_up: bool, persons: Vec<PersonId>) {
        (self.told)(Event::MessageFailed {
            message: slip.message.id.clone(),
            channel: slip.ways[at].channel,
            error: error.clone(),
            attempts: slip.ways[at].attempts,
            given_up,
            persons,
        });
        self.sent.failed.push(failure(slip, at, error, given_up));
    }

    fn tell_sent(&mut self, slip: &mut Slip, at: usize) {
        let way = &mut slip.ways[at];
        (self.told)(Event::MessageSent {
            message: slip.message.id.clone(),
            channel: way.channel,
            attempts: way.attempts,
        });
        way.told = true;
        self.sent.sent.push((slip.message.id.clone(), way.channel));
    }

    /// Takes out what is done, or was given up long ago; notes how far the rest has come.
    fn put_away(&mut self, slip: &Slip, before: &Slip, noted: Result<(), PostError>) -> Result<(), PostError> {
        let message = &slip.message;
        let out_of_sight = later(later(message.queued, patience(message.kind)), SHOWN_AFTER) < self.now;
        if slip.is_settled() && (slip.went_out() || out_of_sight) {
            return self.outbox.take_out(slip, self.now);
        }
        if slip.ways.is_empty() && out_of_sight {
            let text = format!("message {} was never sent: the plan had no way out for messages", message.id);
            (self.told)(Event::Note { text });
            return self.outbox.take_out(slip, self.now);
        }
        self.sent.left += 1;
        let open = slip.ways.iter().filter(|way| way.is_open()).map(|way| way.next);
        self.sent.next = self.sent.next.into_iter().chain(open).min();
        if slip != before { self.outbox.note(slip) } else { noted }
    }
}

fn failure(slip: &Slip, at: usize, error: String, given_up: bool) -> Failure {
    Failure { message: slip.message.id.clone(), channel: slip.ways[at].channel, error, given_up }
}
