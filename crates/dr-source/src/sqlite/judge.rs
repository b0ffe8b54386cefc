//! What can be said of a database: is it whole, how many rows has it, and what can only its own program judge?
//!
//! A database may need a collation, a function or a module that its program brings along. SQLite's check stops at the first
//! of them, and that is no damage. So what is missing is stood in for, and the check goes on with everything that does not
//! depend on it: pages, trees and records, but not the order and contents of indexes. What that leaves unjudged is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use serde::{Deserialize, Serialize};

use super::PATIENCE;
use crate::SourceError;
use crate::driver::QuestionAnswers;

/// So many things of a program's own are stood in for.
const OWN_MAX: usize = 64;

/// So many problems are named.
const PROBLEMS_MAX: usize = 10;

/// What can be said of a database without knowing what it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqliteFacts {
    /// Whether SQLite's check found nothing in what it could judge.
    pub integrity_ok: bool,
    /// What it found, the first few.
    pub problems: Vec<String>,
    /// What only the database's own program can judge, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unjudged: Vec<String>,
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// Tables that this SQLite cannot count, such as virtual ones of a module it lacks.
    pub uncounted: Vec<String>,
    /// What the questions of the plan were answered in the same moment.
    #[serde(default, skip_serializing_if = "QuestionAnswers::is_empty")]
    pub answers: QuestionAnswers,
}

/// Checks the database at `path` as a whole and counts its rows. Nothing is written, not even a lock file,
/// unless there is a write-ahead log beside it to be read.
///
/// # Errors
/// [`SourceError::Sqlite`] if it cannot be opened as a database at all; damage is a fact, not an error.
pub fn probe(path: &Path) -> Result<SqliteFacts, SourceError> {
    super::only_a_file(path)?;
    let wrong = |why| SourceError::Sqlite { path: path.to_owned(), why };
    let database = open_to_read(path).map_err(wrong)?;
    let mut facts = SqliteFacts::default();
    // Whether it is a database is asked first, of its first page.
    let tables = match tables(&database) {
        Err(why) if is_damage(&why) => {
            facts.problems.push(said(&why));
            Vec::new()
        }
        other => other.map_err(wrong)?,
    };
    let mut judge = Judge::new(&database);
    match judge.whole() {
        Ok(problems) => facts.problems.extend(problems),
        Err(why) => facts.problems.push(said(&why)),
    }
    for table in tables {
        let quoted = table.replace('"', "\"\"");
        match database.query_row(&format!("SELECT count(*) FROM \"{quoted}\""), [], |row| row.get::<_, i64>(0)) {
            Ok(rows) => drop(facts.tables.insert(table, rows.unsigned_abs())),
            Err(why) => {
                judge.uncounted(&table, &why);
                facts.uncounted.push(table);
            }
        }
    }
    facts.unjudged = judge.unjudged;
    facts.integrity_ok = facts.problems.is_empty();
    Ok(facts)
}

/// A check that goes on where something of the program's own is missing.
struct Judge<'a> {
    database: &'a Connection,
    unjudged: Vec<String>,
    /// A collation, or a function, was stood in for.
    collation: bool,
    function: bool,
}

impl<'a> Judge<'a> {
    fn new(database: &'a Connection) -> Self {
        Self { database, unjudged: Vec::new(), collation: false, function: false }
    }

    /// The problems of the whole database.
    fn whole(&mut self) -> rusqlite::Result<Vec<String>> {
        for _ in 0..OWN_MAX {
            match self.lines(None) {
                Err(why) if !self.stand_in(&why)? => {
                    return if is_of_the_program(&why) { Ok(self.by_table(&why)) } else { Err(why) };
                }
                Err(_) => {}
                Ok(lines) => return Ok(lines),
            }
        }
        Ok(self.by_table(&rusqlite::Error::InvalidQuery))
    }

    /// Table by table, where one of them ends the check of the whole.
    fn by_table(&mut self, why: &rusqlite::Error) -> Vec<String> {
        let mut problems = Vec::new();
        let Ok(tables) = tables(self.database) else { return vec![said(why)] };
        for table in tables {
            match self.lines(Some(&table)) {
                Ok(lines) => problems.extend(lines),
                Err(why) if is_of_the_program(&why) => self.uncounted(&table, &why),
                Err(why) => problems.push(said(&why)),
            }
        }
        problems
    }

    /// What the check says, of one table or of all.
    fn lines(&self, table: Option<&str>) -> rusqlite::Result<Vec<String>> {
        let own = self.collation || self.function;
        let check = if own { "quick_check" } else { "integrity_check" };
        let of = table.map_or_else(|| "10".to_owned(), |table| format!("\"{}\"", table.replace('"', "\"\"")));
        let mut statement = self.database.prepare(&format!("PRAGMA {check}({of})"))?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        if lines == ["ok"] {
            return Ok(Vec::new());
        }
        // What depends on what was stood in for is not judged.
        let depends = |line: &String| {
            (self.collation && line.contains(" PRIMARY KEY order"))
                || (self.function && (line.contains(" value in ") || line.starts_with("CHECK constraint")))
        };
        // One answer may hold many lines, under a headline.
        let lines = lines.iter().flat_map(|answer| answer.lines()).filter(|line| !line.starts_with("***"));
        Ok(lines.map(str::to_owned).filter(|line| !depends(line)).take(PROBLEMS_MAX).collect())
    }

    /// Stands in for what `why` says is missing; whether it could.
    fn stand_in(&mut self, why: &rusqlite::Error) -> rusqlite::Result<bool> {
        let text = why.to_string();
        if let Some(name) = named(&text, "no such collation sequence: ") {
            self.database.create_collation(name, |a: &str, b: &str| a.as_bytes().cmp(b.as_bytes()))?;
            self.collation = true;
            self.own("collation", name);
            return Ok(true);
        }
        let function = named(&text, "unknown function: ").or_else(|| named(&text, "no such function: "));
        if let Some(name) = function.map(|name| name.trim_end_matches("()")) {
            let flags =
                FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
            self.database.create_scalar_function(name, -1, flags, |_| Ok(1))?;
            self.database.execute_batch("PRAGMA ignore_check_constraints = ON")?;
            self.function = true;
            self.own("function", name);
            return Ok(true);
        }
        Ok(false)
    }

    fn own(&mut self, kind: &str, name: &str) {
        self.add(format!("{kind} {name} is the program's own"));
    }

    fn uncounted(&mut self, table: &str, why: &rusqlite::Error) {
        let text = why.to_string();
        for kind in ["module", "tokenizer", "collation sequence", "function"] {
            if let Some(name) = named(&text, &format!("no such {kind}: ")) {
                return self.own(kind.split(' ').next().unwrap_or(kind), name);
            }
        }
        if is_of_the_program(why) {
            self.add(format!("table {table}: {}", said(why)));
        }
    }

    fn add(&mut self, line: String) {
        if !self.unjudged.contains(&line) {
            self.unjudged.push(line);
        }
    }
}

/// The word after `before` in a message of SQLite's.
fn named<'t>(text: &'t str, before: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(before)?;
    let end = after.find(" in ").unwrap_or(after.len());
    Some(after[..end].trim()).filter(|name| !name.is_empty())
}

/// Whether it says that a statement means nothing to this SQLite: then it is not the file that is wrong.
fn is_of_the_program(why: &rusqlite::Error) -> bool {
    matches!(why, rusqlite::Error::InvalidQuery | rusqlite::Error::SqlInputError { .. })
        || why.sqlite_error_code() == Some(ErrorCode::Unknown) && !said(why).contains("malformed")
}

/// Whether it says that the file is a database and damaged.
pub(super) fn is_damage(why: &rusqlite::Error) -> bool {
    why.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) || said(why).contains("malformed")
}

/// An error in its own words.
fn said(why: &rusqlite::Error) -> String {
    match why {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

fn tables(database: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    database.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if PathBuf::from(log).exists() {
        let database = Connection::open_with_flags(path, flags)?;
        database.busy_timeout(PATIENCE)?;
        return Ok(database);
    }
    // `immutable`: a database in WAL mode would otherwise want to make files beside itself.
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
}
