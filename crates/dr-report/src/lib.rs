//! What a school may believe about its backups, and how that is written down: the status, the letter, the evidence.
//!
//! Pure: [`Given`] goes in, with `now` as a value, and documents come out. `facts` puts what happened beside what was
//! promised, `findings` says what is wrong with it and whose turn it is, `status` turns findings into one word for each
//! system, `table` and `letter` write that for people, `alerts` says what cannot wait for the letter, and
//! `reminders` whose turn it is this morning; `export` is the policy's own table. `evidence` writes down one rehearsal.
//!
//! A check that did not run is never green, and no document names a file, a host, a bucket or a path.

mod alerts;
mod evidence;
mod export;
mod facts;
mod findings;
mod judgement;
mod letter;
mod reminders;
mod schools;
pub mod shown;
mod status;
mod table;
mod words;

pub use alerts::{ALL_RED, Alert, Alerts, Answer, Words, alert_words, alerts};
pub use evidence::{CheckDone, Evidence, EvidenceError, Rehearsal, Rehearsed, Sample, Wipe, evidence};
pub use export::{Export, ExportCopy, ExportError, ExportRow, Labelled, export};
pub use facts::{CopyFacts, DiskFacts, Facts, Given, Proof, Standing, Stored, SystemFacts};
pub use findings::{Cause, Finding, causes, findings};
pub use letter::{Letter, LetterError, eml, letter, wants_answer};
pub use reminders::{Reminder, reminders};
pub use schools::{SchoolRow, schools_text};
pub use status::{CopyStatus, Counted, Status, StatusReport, SystemStatus, status, status_text};
pub use table::{TableRow, table, table_text};
