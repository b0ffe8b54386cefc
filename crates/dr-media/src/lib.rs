//! Custody: where each medium is, who carries it, which moves are due.
//!
//! `medium` says what a medium can be, `register` folds the ledger into one state and one holder for each, `custody`
//! says which move a person may make and who could make it instead, `rotation` says which medium should be where next.
//! All of it is pure: entries, facts from the plan and `now` go in, plain values come out.

mod custody;
mod medium;
mod plan;
mod register;
mod rotation;

pub use custody::{Presence, Refusal, Staff, check};
pub use medium::{Holder, Medium, State};
pub use register::{Gap, Register, Session, history};
pub use rotation::{Ends, Move, PoolFacts, Slot, due, hanoi, next_medium};

pub use dr_plan::Scheme;
