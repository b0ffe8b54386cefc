//! Does a restored database answer? Every row of every table is read, and what the plan asks is asked. SQLite is part of dr, so
//! nothing is started: the file is opened to be read alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::judge::open_to_read;
use super::{SqliteFacts, asked, restored};
use crate::driver::{Check, NotStarted, Questions, Scene, StartRestored, StartedSystem};
use crate::recorded;

/// How the database at this path is opened.
pub(super) struct Opened<'a>(pub(super) &'a PathBuf);

const ROWS: &str = "every row of its tables can be read";

impl StartRestored for Opened<'_> {
    fn takes(&self, captured: u64) -> u64 {
        captured.saturating_add(64 << 20)
    }

    fn start(&self, root: &Path, scene: &Scene<'_>) -> Result<Box<dyn StartedSystem>, NotStarted> {
        let path = restored(root, self.0);
        let database = open_to_read(&path).map_err(|_| NotStarted("what came back does not open".to_owned()))?;
        let then = recorded::<SqliteFacts>(root).unwrap_or_default();
        Ok(Box::new(Reading { path, database, then, stop: Arc::clone(scene.stop) }))
    }
}

struct Reading {
    path: PathBuf,
    database: Connection,
    then: SqliteFacts,
    stop: Arc<AtomicBool>,
}

impl StartedSystem for Reading {
    fn answers(&mut self, questions: &Questions<'_>) -> Vec<Check> {
        let then: u64 = self.then.tables.values().sum();
        let mut read = 0;
        let mut broken = 0_usize;
        for table in self.then.tables.keys() {
            match self.rows(table) {
                Ok(rows) => read += rows,
                Err(_) => broken += 1,
            }
        }
        let mut checks = vec![match then {
            0 => Check::not_known(ROWS, "at least 1 row", "no rows, as when it was captured"),
            _ if broken > 0 => {
                Check::new(ROWS, false, format!("{then} rows"), format!("{read} rows; {broken} tables end in an error"))
            }
            _ => Check::new(ROWS, read == then, format!("{then} rows"), format!("{read} rows")),
        }];
        if !questions.expect.is_empty() {
            checks.extend(self.then.answers.held_to(questions, &asked::answers(&self.path, questions)));
        }
        checks
    }
}

impl Reading {
    /// Reads all of a table, every column of it; how many rows there are.
    fn rows(&self, table: &str) -> rusqlite::Result<u64> {
        let mut statement = self.database.prepare(&format!("select * from \"{}\"", table.replace('"', "\"\"")))?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            for column in 0..columns {
                row.get_ref(column)?;
            }
            count += 1;
        }
        Ok(count)
    }
}
