//! What is taken of a database: the dump of one moment, the roles, and the facts once the dump has ended.

use std::any::Any;
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use dr_entry::{Body, Content, Entries, Entry, EntryPath, Profile};
use dr_plan::Server;

use super::client::Client;
use super::facts::Facts;
use super::session::{PATIENCE, Session};
use super::{FOLDER, GLOBALS, dump_name};
use crate::driver::{Begun, CaptureError, Hands, Moment};
use crate::files::Tally;
use crate::output::{self, Broken, Output};
use crate::{FACTS, SourceError, facts};

/// Begins a capture. Everything that can be wrong with the server, its programs and the account is found here.
pub(super) fn capture(server: &Server, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
    let hands = Hands { secrets: moment.secrets, scratch: moment.scratch };
    let client = Client::of(server, &hands)?;
    let dumped_by = client.version("pg_dump")?;
    client.version("pg_dumpall")?;
    let (session, facts) = Session::begin(&client, dumped_by, &moment.questions, moment.stop)?;
    if facts.tables.is_empty() && facts.large_objects == 0 {
        let why =
            "there is no table in the database, so nothing would be kept; check that the plan names the right one";
        return Err(SourceError::Program { program: "psql".into(), why: why.to_owned() }.into());
    }
    let broken = Broken::new(moment.stop);
    let snapshot = format!("--snapshot={}", session.snapshot);
    let patience = format!("--lock-wait-timeout={PATIENCE}");
    let dump = client.program("pg_dump", &["-w", "-Fc", "-Z0", &snapshot, &patience]);
    let database = client.address.database.clone();
    let globals = client.program("pg_dumpall", &["-w", "--globals-only", "-l", &database, &patience]);
    // The session and the file with the password stay until everything was read.
    let kept: Arc<dyn Any + Send + Sync> = Arc::new((client, Mutex::new(session)));
    let (dumped, dump_bytes) = channel();
    let (written, globals_bytes) = channel();
    let output = |program, waiting| Output {
        program,
        may_be_empty: false,
        broken: broken.clone(),
        watch: None,
        waiting: Some(waiting),
        kept: Some(Arc::clone(&kept)),
    };
    let at = |name: &str| {
        super::at(name).map_err(|why| SourceError::Program { program: "pg_dump".into(), why: why.to_string() })
    };
    let real = moment.real;
    let mut inside = [
        output::entry(at(&dump_name(&database))?, Profile::Fine, real, output(dump, dumped)),
        output::entry(at(GLOBALS)?, Profile::Auto, real, output(globals, written)),
    ];
    inside.sort_by(|a, b| a.path.cmp(&b.path));
    let tally = Arc::new(Tally::default());
    tally.answered(facts.answers.clone());
    let waiting = Waiting { facts, dump_bytes, globals_bytes, broken: broken.clone() };
    let facts = facts::held(Box::new(waiting), real).map_err(|why| SourceError::open(FACTS, io::Error::other(why)))?;
    let folder =
        EntryPath::root().join(FOLDER.as_bytes()).map_err(|why| SourceError::open(FOLDER, io::Error::other(why)))?;
    let folder = Entry { path: folder, ..facts::root(real) };
    let entries = [facts::root(real), folder].into_iter().chain(inside).chain([facts]);
    let entries: Entries<'static> = Box::new(entries.map(Ok).collect::<Vec<_>>().into_iter());
    Ok(Begun { entries, tally, export: None, broken: Some(broken) })
}

/// Facts that are known when the dump has ended. Its path comes after the dump's, so whoever reads it has read that, or
/// somebody else does.
struct Waiting {
    facts: Facts,
    dump_bytes: Receiver<u64>,
    globals_bytes: Receiver<u64>,
    broken: Broken,
}

impl Body for Waiting {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        let Self { mut facts, dump_bytes, globals_bytes, broken } = *self;
        // Whoever gives up a dump lets go of the other end.
        let given_up = |_| {
            // An erasure may have left it out, and what is left is no database.
            broken.missing("pg_dump", "what it was to write was left out, so the database is not whole");
            io::Error::other("the dump was given up")
        };
        facts.dump_bytes = dump_bytes.recv().map_err(given_up)?;
        facts.globals_bytes = globals_bytes.recv().map_err(given_up)?;
        let bytes = serde_json::to_vec_pretty(&facts).map_err(io::Error::other)?;
        Ok(Box::new(crate::facts::Made::new(bytes)))
    }
}
