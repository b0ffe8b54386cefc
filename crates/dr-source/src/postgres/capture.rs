//! What is taken of a database: the dump of one moment, the roles, and the facts once the dump has ended.

use std::any::Any;
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use dr_entry::{Body, Content, Entries, Entry, EntryPath, Profile};
use dr_plan::Server;

use super::archive::{DumpEnd, PassingDump};
use super::client::Client;
use super::facts::Facts;
use super::session::{PATIENCE, Session};
use super::{FOLDER, GLOBALS, dump_name, ends_globals};
use crate::driver::{Begun, CaptureError, Hands, Moment};
use crate::files::Tally;
use crate::output::{self, Broken, Output, OutputWatch};
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
    let output = |program, waiting, watch| Output {
        program,
        may_be_empty: false,
        broken: broken.clone(),
        watch: Some(watch),
        waiting: Some(waiting),
        kept: Some(Arc::clone(&kept)),
    };
    let at = |name: &str| {
        super::at(name).map_err(|why| SourceError::Program { program: "pg_dump".into(), why: why.to_string() })
    };
    let real = moment.real;
    let tally = Arc::new(Tally::default());
    tally.answered(facts.answers.clone());
    let passing = Box::new(Passing { dump: PassingDump::default(), tally: Arc::clone(&tally) });
    let mut inside = [
        output::entry(
            at(&dump_name(&database))?,
            Profile::Fine,
            real,
            output(dump, dumped, passing as Box<dyn OutputWatch>),
        ),
        output::entry(at(GLOBALS)?, Profile::Auto, real, output(globals, written, Box::<PassingGlobals>::default())),
    ];
    inside.sort_by(|a, b| a.path.cmp(&b.path));
    let waiting = Waiting { facts, dump_bytes, globals_bytes, broken: broken.clone() };
    let facts = facts::held(Box::new(waiting), real).map_err(|why| SourceError::open(FACTS, io::Error::other(why)))?;
    let folder =
        EntryPath::root().join(FOLDER.as_bytes()).map_err(|why| SourceError::open(FOLDER, io::Error::other(why)))?;
    let folder = Entry { path: folder, ..facts::root(real) };
    let entries = [facts::root(real), folder].into_iter().chain(inside).chain([facts]);
    let entries: Entries<'static> = Box::new(entries.map(Ok).collect::<Vec<_>>().into_iter());
    Ok(Begun { entries, tally, export: None, broken: Some(broken) })
}

/// A dump on its way. An exit status may be that of a script in pg_dump's place.
struct Passing {
    dump: PassingDump,
    tally: Arc<Tally>,
}

impl OutputWatch for Passing {
    fn passes(&mut self, bytes: &[u8]) {
        self.dump.take(bytes);
    }

    fn has_begun(&self) -> bool {
        // Its moment is that of the session.
        true
    }

    fn ended(self: Box<Self>) -> Result<(), String> {
        match self.dump.end() {
            DumpEnd::Whole => Ok(()),
            DumpEnd::Cut => Err("it ended without an error, but before the end of its dump: it was cut off".to_owned()),
            DumpEnd::Foreign => {
                Err("it ended without an error, but what it wrote is no dump in PostgreSQL's custom format".to_owned())
            }
            DumpEnd::NotKnown => {
                self.tally.note(
                    "pg_dump writes a form that this version of dr does not know, so nobody looked whether the dump was \
                     written to its end; `dr restore --rehearse` does"
                        .to_owned(),
                );
                Ok(())
            }
        }
    }
}

/// So much of the end of the statements for the roles holds their last words.
const GLOBALS_TAIL: usize = 1 << 10;

/// The statements for the roles on their way.
#[derive(Default)]
struct PassingGlobals {
    tail: Vec<u8>,
}

impl OutputWatch for PassingGlobals {
    fn passes(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        self.tail.drain(..self.tail.len().saturating_sub(GLOBALS_TAIL));
    }

    fn has_begun(&self) -> bool {
        true
    }

    fn ended(self: Box<Self>) -> Result<(), String> {
        match ends_globals(&self.tail) {
            true => Ok(()),
            false => Err("it ended without an error, but before the end of the roles: it was cut off".to_owned()),
        }
    }
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
