//! One moment of a database: a session that exports its snapshot, counts every table in it, and stays open until the dump
//! of that same snapshot has ended.

use std::sync::atomic::AtomicBool;

use dr_process::Stream;
use serde::Deserialize;

use super::asked;
use super::client::{Client, ended};
use super::facts::Facts;
use super::rights::{self, Rights, major};
use crate::SourceError;
use crate::driver::{QuestionAnswers, Questions};
use crate::output::{ended_well, said};

/// Tables with rows of their own that a dump holds: none of a system catalog and none that an extension brings along.
/// A table's own rows alone, as they are dumped; those of a partition stand with the partition.
const COUNTED: &str = "
select format('select json_build_array(%L, (select count(*) from only %I.%I));',
  format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1 \\gexec
";

/// A script that counts the tables of a database of which nobody else knows.
pub(super) fn counts() -> String {
    format!("set statement_timeout = 0; set row_security = off; set search_path = pg_catalog;\n{COUNTED}")
}

/// How long anything waits for a lock that somebody else holds on a table.
pub(super) const PATIENCE: &str = "60s";

/// The moment.
#[derive(Debug, Deserialize)]
struct Began {
    snapshot: String,
    server: u32,
    encoding: String,
    large_objects: u64,
    collate: String,
    ctype: String,
    owner: String,
}

/// A session that holds a moment open. It ends when this is dropped.
pub(super) struct Session {
    pub(super) snapshot: String,
    _psql: Stream,
}

impl Session {
    /// Opens one, and counts in it.
    pub(super) fn begin(
        client: &Client,
        dumped_by: u32,
        questions: &Questions<'_>,
        stop: &AtomicBool,
    ) -> Result<(Self, Facts), SourceError> {
        let mut program = client.psql();
        let script = format!(
            "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set lock_timeout = '{PATIENCE}';
             set row_security = off; set search_path = pg_catalog;
             begin isolation level repeatable read read only;
             {}
             select json_build_object('snapshot', pg_export_snapshot(), 'server', current_setting('server_version_num')::int,
               'encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype,
               'owner', pg_get_userbyid(datdba),
               'large_objects', (select count(*) from pg_largeobject_metadata))
             from pg_database where datname = current_database();
             {COUNTED}
             select '.';\n{}",
            rights::QUESTION,
            asked::script(questions)
        );
        program.stdin = Some(script.into_bytes());
        let psql = Stream::start(program).map_err(|why| ended("psql", &why))?;
        let mut lines = Lines { psql, rest: Vec::new() };
        let rights: Rights = read(lines.next(stop)?)?;
        let server = major(rights.server);
        if dumped_by < server {
            let why = format!(
                "it is of PostgreSQL {dumped_by}, and the server of {server}: install postgresql-client-{server} or a newer one, or write where it lies as `programs`"
            );
            return Err(SourceError::Program { program: "pg_dump".into(), why });
        }
        if let Some(lacking) = rights.lacking() {
            return Err(SourceError::Program { program: "psql".into(), why: lacking });
        }
        let began: Began = read(lines.next(stop)?)?;
        let mut facts = Facts {
            server: began.server,
            dumped_by,
            encoding: began.encoding,
            large_objects: began.large_objects,
            collate: began.collate,
            ctype: began.ctype,
            owner: began.owner,
            ..Facts::default()
        };
        loop {
            let line = lines.next(stop)?;
            if line == "." {
                break;
            }
            let (table, rows): (String, u64) = read(line)?;
            facts.tables.insert(table, rows);
        }
        let mut answers = Vec::new();
        for _ in questions.expect {
            let mut last = None;
            loop {
                match lines.next(stop)?.as_str() {
                    asked::NEXT => break,
                    line => last = asked::answer(line),
                }
            }
            answers.push(last);
        }
        facts.answers = QuestionAnswers::of(questions, answers);
        Ok((Self { snapshot: began.snapshot, _psql: lines.psql }, facts))
    }
}

fn read<T: serde::de::DeserializeOwned>(line: String) -> Result<T, SourceError> {
    serde_json::from_str(&line).map_err(|_| SourceError::Program {
        program: "psql".into(),
        why: "its answer is not one that dr knows".to_owned(),
    })
}

/// What psql answers, line by line.
struct Lines {
    psql: Stream,
    rest: Vec<u8>,
}

impl Lines {
    fn next(&mut self, stop: &AtomicBool) -> Result<String, SourceError> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&self.rest[..end]).into_owned();
                self.rest.drain(..=end);
                return Ok(line);
            }
            let mut buffer = [0; 16 << 10];
            let count = self.psql.read(&mut buffer, stop).map_err(|why| ended("psql", &why))?;
            if count == 0 {
                return Err(self.why_it_ended(stop));
            }
            self.rest.extend_from_slice(&buffer[..count]);
        }
    }

    fn why_it_ended(&mut self, stop: &AtomicBool) -> SourceError {
        match self.psql.end(stop) {
            Err(why) => ended("psql", &why),
            Ok(finished) => match ended_well("psql", &finished) {
                Err(why) => why,
                Ok(()) => {
                    let why = format!("it ended before it had answered{}", said(&finished.stderr.bytes));
                    SourceError::Program { program: "psql".into(), why }
                }
            },
        }
    }
}
