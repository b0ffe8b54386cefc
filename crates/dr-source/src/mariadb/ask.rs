//! What does a server say of a database before it is dumped: which server it is, whether the database is there, what the
//! account may, and which tables lie outside of the one moment?

use std::time::Duration;

use super::client::MariadbClient;
use super::grants::lacking;
use super::layout::{CLIENT, DUMP};
use super::sql::{identifier, literal};
use super::version::{ServerVersion, Vendor, version};
use crate::SourceError;

/// How long all looks for locked tables may take.
const LOOKED: Duration = Duration::from_secs(120);

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its version, in its own words.
    pub(super) server: String,
    pub(super) version: ServerVersion,
    /// How the database writes text if nobody says otherwise, and how it sorts.
    pub(super) charset: String,
    pub(super) collation: String,
    /// Tables that no transaction holds.
    pub(super) outside: u64,
}

fn not(why: impl Into<String>) -> SourceError {
    SourceError::Program { program: CLIENT.to_owned(), why: why.into() }
}

/// Asks, and says what is in the way of a dump by programs of the version `dumped_by`.
pub(super) fn ask(client: &MariadbClient, dumped_by: ServerVersion) -> Result<Answer, SourceError> {
    let database = &client.address.database;
    let name = literal(database);
    let answer = client.ask(&format!(
        "select 'server', version();
         select 'account', current_user();
         select 'database', default_character_set_name, default_collation_name from information_schema.schemata
           where schema_name = {name};
         select 'outside', count(*) from information_schema.tables where table_schema = {name}
           and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and coalesce(engine, '') <> 'InnoDB';
         show grants;\n"
    ))?;
    read(&answer, database, dumped_by).map_err(|why| match why {
        Wrong::Programs(why) => SourceError::Program { program: DUMP.to_owned(), why },
        Wrong::Server(why) => not(why),
    })
}

/// How many seconds one waits for a table that somebody keeps locked, if the server does not wait less.
const PATIENCE: u32 = 50;

/// Finds out whether somebody keeps a table of the database locked: the program that dumps would wait for a day.
pub(super) fn unlocked(client: &MariadbClient) -> Result<(), SourceError> {
    let database = &client.address.database;
    let patient = format!("set lock_wait_timeout = least(@@lock_wait_timeout, {PATIENCE});\n");
    let tables = client.ask(&format!(
        "{patient}select json_array(table_name) from information_schema.tables where table_schema = {}
           and table_type in ('BASE TABLE', 'SYSTEM VERSIONED');\n",
        literal(database)
    ));
    let looks = tables.and_then(|tables| {
        let names = tables.lines().filter_map(|line| serde_json::from_str::<[String; 1]>(line).ok());
        let look =
            |[name]: [String; 1]| format!("select 1 from {}.{} limit 0;\n", identifier(database), identifier(&name));
        client.ask_for(&(patient + &names.map(look).collect::<String>()), LOOKED)
    });
    match looks {
        Err(SourceError::Program { why, .. }) if why.contains("Lock wait timeout") => Err(not(
            "somebody keeps a table of the database locked, so it cannot be dumped in one moment: see to it (SHOW \
                     PROCESSLIST on the server says who), or choose another time",
        )),
        other => other.map(|_| ()),
    }
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Programs(String),
    Server(String),
}

pub(super) fn read(answer: &str, database: &str, dumped_by: ServerVersion) -> Result<Answer, Wrong> {
    let after = |word: &str| answer.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix('\t'));
    let unknown = || Wrong::Server("the server's answer is not one that dr knows".to_owned());
    let server = after("server").ok_or_else(unknown)?;
    let version = match version(server).ok_or_else(unknown)? {
        Vendor::MariaDb(version) => version,
        Vendor::Other(version) => {
            return Err(Wrong::Server(format!(
                "the server is MySQL {version} and not MariaDB, which this version of dr cannot capture: let a source of \
                 kind `command` run mysqldump"
            )));
        }
    };
    if !dumped_by.knows(version) {
        return Err(Wrong::Programs(format!(
            "it is of MariaDB {dumped_by}, and the server of {version}: install the client programs of MariaDB {version} or \
             newer, or write where they lie as `programs`"
        )));
    }
    let account = after("account").ok_or_else(unknown)?;
    let account = account.rsplit_once('@').map_or_else(
        || format!("'{account}'"),
        |(user, host)| format!("'{}'@'{}'", user.replace('\'', "''"), host.replace('\'', "''")),
    );
    let Some((charset, collation)) = after("database").and_then(|rest| rest.split_once('\t')) else {
        return Err(Wrong::Server(format!(
            "there is no database {database} on the server, or the account {account} has no right in it"
        )));
    };
    let grants: Vec<&str> = answer.lines().filter(|line| line.starts_with("GRANT ")).collect();
    if let Some(lacking) = lacking(&grants, &account, database) {
        return Err(Wrong::Server(lacking));
    }
    Ok(Answer {
        server: server.to_owned(),
        version,
        charset: charset.to_owned(),
        collation: collation.to_owned(),
        outside: after("outside").and_then(|count| count.parse().ok()).ok_or_else(unknown)?,
    })
}

/// What a person should know of tables that no transaction holds.
pub(super) fn outside(count: u64) -> Option<String> {
    (count > 0).then(|| {
        format!(
            "{count} tables of the database are not InnoDB, so they are not of the one moment that the others are: what was \
             written to them while they were read may be half there (ALTER TABLE … ENGINE=InnoDB changes that)"
        )
    })
}
