//! Messages out: how a letter or an alert leaves this host, and what becomes of one that could not.
//!
//! A message is written into the [`Outbox`] first and sent from there, so that a dead mail server costs time and never
//! a message. Each way out (mail, webhook, command) is tried apart, again and again, until it worked or was given up;
//! what becomes of it is told as events of the ledger. A message may arrive twice, if the power fails at the wrong
//! moment, and then has the same name; it never goes missing unseen.
//!
//! Nothing that is told, logged or shown from here holds an address, the name of a server, or a secret. Everything
//! here blocks: call it from a plain thread, never from one of the runtime's own.

mod attempt;
mod backoff;
mod code;
mod command;
mod counted;
mod error;
mod mail;
mod message;
mod outbox;
mod round;
mod slip;
mod smtp;
mod trial;
mod trouble;
mod ways;
mod web;

pub use backoff::{attempts_at_least, next_try, patience};
pub use code::{Code, codes_key, matches};
pub use error::PostError;
pub use message::{Message, Recipient};
pub use outbox::{Contents, FOLDER, Outbox, Waiting};
pub use round::{Failure, Sent};
pub use slip::Way;
pub use trial::try_out;
pub use ways::{Secrets, Ways};
pub use web::{Ping, ping};
