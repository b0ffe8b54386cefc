//! One round of everything that is due: what cron, the timer and the daemon call, and what tests live a year with.
//!
//! `round` does it. `words` says what is to be said, `letters` when and how a letter is written, `rehearsal` and `looks`
//! prove what is kept, `papers` holds evidence and letters to the ledger, `decide`, `record` and `codes` take a person's decision, `planned` notes when the plan is another.

mod codes;
mod decide;
mod done;
mod error;
mod gathered;
mod heartbeat;
mod letters;
mod lock;
mod looks;
mod notified;
mod notify;
mod papers;
mod planned;
mod record;
mod rehearsal;
mod round;
mod spans;
mod trouble;

pub use codes::{Decided, redeem};
pub use decide::{Gap, accept, acknowledge, ask, open};
pub use error::RoundError;
pub use gathered::Gathered;
pub use letters::{letter_due, write as write_letter};
pub use looks::Looked;
pub use notify::{Notified, notify};
pub use papers::{Paper, Standing, papers};
pub use planned::changed as plan_changed;
pub use record::accept_record;
pub use rehearsal::{Due, Proved, order, prove, rehearsal_due};
pub use round::{Done, Round, SAMPLE, due_rehearsal, round};
