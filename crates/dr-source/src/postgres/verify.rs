//! Does a restored dump hold the rows that were counted when it was captured? Read out of the dump to its end by
//! PostgreSQL's own program; no server is started. That it lists what is in it says nothing: the list stands at its front,
//! and a dump that was cut off lists like a whole one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use dr_plan::Server;
use dr_process::{Program, Stream, StreamError};

use super::client::{INSTALL, NEVER, version};
use super::facts::Facts;
use super::{FOLDER, blanks, ends_globals, globals};
use crate::driver::Check;
use crate::output::ended_well;
use crate::programs::found_in;
use crate::recorded;

/// How long reading one dump out may take.
const READ_OUT: Duration = Duration::from_secs(6 * 3_600);
/// No line outside of a table's rows is longer that says something to us.
const LINE_MAX: usize = 1 << 20;

const WHOLE: &str = "the dump opens and is read to its end";
const ROWS: &str = "its tables have the rows that were counted at capture, read out of the dump";
const ROLES: &str = "the roles and their passwords are whole";

/// What can be asked of a capture of `database` that was restored to `root`.
pub(super) fn checks(server: &Server, dump: &str, root: &Path) -> Vec<Check> {
    let folder = root.join(FOLDER);
    let globals = globals(root).unwrap_or_default();
    let whole = ends_globals(&globals);
    let mut checks = vec![Check::new(
        ROLES,
        whole,
        "written to the end",
        if whole { "written to the end" } else { "cut off, or not there" },
    )];
    let facts = match recorded::<Facts>(root) {
        Ok(facts) => facts,
        Err(_) => {
            checks.push(Check::not_known(ROWS, "counts of the capture", "none came back"));
            return checks;
        }
    };
    let dump = folder.join(dump);
    // A snapshot may hold a FIFO under that name, on which its program would wait.
    let plain = dr_open::plain(&dump).and_then(|file| file.metadata());
    let size = plain.as_ref().map_or(0, |about| about.len());
    checks.push(Check::new(
        "the dump is as long as when it was captured",
        size == facts.dump_bytes,
        facts.dump_bytes,
        size,
    ));
    if let Err(why) = plain {
        checks.push(Check::new(WHOLE, false, "to its end", why));
        return checks;
    }
    let expected = format!("{} rows in {} tables", facts.rows(), facts.tables.len());
    let programs = server.programs.as_deref();
    match version(programs, "pg_restore") {
        Ok(major) if major >= facts.dumped_by => {}
        Ok(major) => {
            let said =
                format!("not looked at: pg_restore here is of PostgreSQL {major}, and the dump of {}", facts.dumped_by);
            checks.push(Check::not_known(ROWS, expected, said));
            return checks;
        }
        Err(_) => {
            checks.push(Check::not_known(ROWS, expected, format!("not looked at: pg_restore is not here: {INSTALL}")));
            return checks;
        }
    }
    match rows(found_in(programs, "pg_restore"), &dump) {
        Err(why) => checks.push(Check::new(WHOLE, false, "to its end", why)),
        Ok(found) => {
            checks.push(Check::new(WHOLE, true, "to its end", "to its end"));
            let same = facts.tables.iter().all(|(table, rows)| found.get(table) == Some(rows));
            let of_ours = found.iter().filter(|(table, _)| facts.tables.contains_key(*table));
            let (rows, tables) = of_ours.fold((0, 0_u64), |(rows, tables), (_, more)| (rows + more, tables + 1));
            checks.push(Check::new(ROWS, same, expected, format!("{rows} rows in {tables} tables")));
        }
    }
    checks
}

/// The rows of each table in a dump.
fn rows(program: OsString, dump: &Path) -> Result<BTreeMap<String, u64>, String> {
    let program = Program {
        args: vec![program, "--data-only".into(), "-f".into(), "-".into(), dump.as_os_str().to_owned()],
        env: vec![("LC_ALL".into(), "C.UTF-8".into())],
        stdin: None,
        timeout: READ_OUT,
        output_max: 64 << 10,
    };
    let told = |why: StreamError| why.to_string();
    let mut running = Stream::start(program).map_err(told)?;
    let mut counter = Counter::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match running.read(&mut buffer, &NEVER).map_err(told)? {
            0 => break,
            count => counter.take(&buffer[..count]),
        }
    }
    let finished = running.finish(&NEVER).map_err(told)?;
    // What it says may name a table, and this stands in evidence.
    ended_well("pg_restore", &finished).map_err(|_| format!("pg_restore could not read it ({})", finished.status))?;
    match counter.table {
        None => Ok(counter.tables),
        Some(_) => Err("it ends within the rows of a table".to_owned()),
    }
}

/// Counts rows in what is read out of a dump: lines between `COPY … FROM stdin;` and `\.`. A line break in a value is
/// written `\n`, so each line is a row.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) tables: BTreeMap<String, u64>,
    table: Option<String>,
    line: Vec<u8>,
}

impl Counter {
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            self.line_ends();
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    fn keep(&mut self, more: &[u8]) {
        // Of a row only whether it is the end is of interest.
        let most = if self.table.is_some() { 3 } else { LINE_MAX };
        let room = most.saturating_sub(self.line.len()).min(more.len());
        self.line.extend_from_slice(&more[..room]);
    }

    fn line_ends(&mut self) {
        match &self.table {
            Some(_) if self.line == b"\\." => self.table = None,
            Some(table) => *self.tables.entry(table.clone()).or_default() += 1,
            None => {
                let line = String::from_utf8_lossy(&self.line);
                let copied = line.strip_prefix("COPY ").and_then(|line| line.strip_suffix(" FROM stdin;"));
                if let Some(copied) = copied {
                    let table = name_of(copied);
                    self.tables.entry(table.clone()).or_default();
                    self.table = Some(table);
                }
            }
        }
        self.line.clear();
    }
}

/// The name of a table before its list of columns; both may hold anything within quotes.
fn name_of(copied: &str) -> String {
    copied[..blanks(copied).next().unwrap_or(copied.len())].to_owned()
}
