//! How is a question of the plan asked of SQLite? Of the copy of one moment, and of the restored file, which is opened to be
//! read alone.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use dr_plan::Expect;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::judge::open_to_read;
use crate::driver::{QuestionAnswers, Questions};

/// How long a question may take.
const LONGEST: Duration = Duration::from_secs(60);

/// The answers of the database at `path`.
pub(super) fn answers(path: &Path, questions: &Questions<'_>) -> QuestionAnswers {
    if questions.expect.is_empty() {
        return QuestionAnswers::default();
    }
    let database = open_to_read(path).ok();
    let one = |question| database.as_ref().and_then(|database| answer(database, question));
    QuestionAnswers::of(questions, questions.expect.iter().map(one).collect())
}

fn answer(database: &Connection, question: &Expect) -> Option<String> {
    let ask = &question.ask;
    let statement = match question.is_moment() {
        // SQLite's times say nothing of a zone.
        true => format!("select cast(strftime('%s', (\n{ask}\n)) as text)"),
        false => format!("select (\n{ask}\n)"),
    };
    let interrupt = database.get_interrupt_handle();
    let (done, waits) = channel::<()>();
    let timer = std::thread::spawn(move || {
        if waits.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            interrupt.interrupt();
        }
    });
    let value = database.query_row(&statement, [], |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Integer(number) => Some(number.to_string()),
            ValueRef::Real(number) => Some(number.to_string()),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).ok(),
            ValueRef::Null | ValueRef::Blob(_) => None,
        })
    });
    drop(done);
    let _ = timer.join();
    value.ok().flatten()
}
