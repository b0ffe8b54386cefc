//! What is taken of a database: the dump of one moment, and the facts once the dump has ended.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use dr_entry::{Body, Content, Entries, Entry, EntryPath, Profile};
use dr_plan::Server;

use super::ask::{ask, outside, unlocked};
use super::asked;
use super::client::MariadbClient;
use super::counter::{Counted, RowCounter};
use super::facts::Facts;
use super::layout::{DUMP, FOLDER, at};
use crate::driver::{Begun, CaptureError, Hands, Moment, QuestionAnswers};
use crate::files::Tally;
use crate::output::{self, Broken, Output, OutputWatch};
use crate::{FACTS, SourceError, facts};

/// How it is dumped, in one transaction: rows as they come, binary values in digits, no date, so that an unchanged
/// database writes the same bytes.
const OPTIONS: [&str; 9] = [
    "--single-transaction",
    "--quick",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
    "--skip-dump-date",
    "--default-character-set=utf8mb4",
    // The largest that there can be; the program's own limit is lower than what a server takes.
    "--max-allowed-packet=1G",
];

/// How long all questions of the plan may take, each time.
const ANSWERED: Duration = Duration::from_secs(3_600);

/// A capture that has begun.
pub(crate) struct Dumping {
    /// The folder of the dump, the dump and the facts, in the order of their paths.
    pub(crate) entries: Vec<Entry>,
    pub(crate) broken: Broken,
    /// What a person should know though it is as good as it says.
    pub(crate) note: Option<String>,
    /// What the questions of the plan were answered.
    pub(crate) answers: QuestionAnswers,
}

/// Begins a capture. Everything that can be wrong with the server, its programs and the account is found here.
pub(crate) fn begin(server: &Server, moment: &Moment<'_>) -> Result<Dumping, SourceError> {
    let hands = Hands { secrets: moment.secrets, scratch: moment.scratch };
    let client = MariadbClient::of(server, &hands)?;
    let by = client.version(DUMP)?;
    let answer = ask(&client, by)?;
    unlocked(&client)?;
    let note = outside(answer.outside);
    let mut facts = Facts {
        server: answer.server,
        dumped_by: [by.major, by.minor, by.patch],
        charset: answer.charset,
        collation: answer.collation,
        outside: answer.outside,
        ..Facts::default()
    };
    let broken = Broken::new(moment.stop);
    let database = client.address.database.clone();
    let questions = moment.questions;
    let script = asked::script(&questions, &database);
    let client = Arc::new(client);
    let answered = || match questions.expect.is_empty() {
        true => QuestionAnswers::default(),
        false => asked::answers(&questions, &client.try_each(&script, ANSWERED)),
    };
    facts.answers = answered();
    let mut program = client.program(DUMP, &OPTIONS);
    program.args.extend(["--".into(), database.clone().into()]);
    let (counted, counts) = channel();
    let output = Output {
        program,
        may_be_empty: false,
        broken: broken.clone(),
        watch: Some(Box::new(Counting { counter: RowCounter::default(), bytes: 0, counted })),
        waiting: None,
        // The file with the password stays until everything was read.
        kept: Some(Arc::clone(&client) as Arc<dyn Any + Send + Sync>),
    };
    let wrong = |why: dr_entry::BadPath| SourceError::Program { program: DUMP.into(), why: why.to_string() };
    // Its moment is fixed here, so that whatever is read afterwards is not older than the database.
    let dump = output::begun(at(&database).map_err(wrong)?, Profile::Fine, moment.real, output)?;
    facts.answers_after = answered();
    let answers = facts.answers_after.clone();
    let waiting = Waiting { facts, counts, broken: broken.clone() };
    let held = facts::held(Box::new(waiting), moment.real);
    let held = held.map_err(|why| SourceError::open(FACTS, io::Error::other(why)))?;
    let folder = EntryPath::root().join(FOLDER.as_bytes()).map_err(wrong)?;
    let folder = Entry { path: folder, ..facts::root(moment.real) };
    Ok(Dumping { entries: vec![folder, dump, held], broken, note, answers })
}

/// A capture of a database that is a system by itself.
pub(super) fn capture(server: &Server, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
    let Dumping { entries, broken, note, answers } = begin(server, moment)?;
    let tally = Arc::new(Tally::default());
    note.into_iter().for_each(|note| tally.note(note));
    tally.answered(answers);
    let entries = std::iter::once(facts::root(moment.real)).chain(entries);
    let entries: Entries<'static> = Box::new(entries.map(Ok).collect::<Vec<_>>().into_iter());
    Ok(Begun { entries, tally, export: None, broken: Some(broken) })
}

/// Counts what passes, and tells whoever writes the facts.
struct Counting {
    counter: RowCounter,
    bytes: u64,
    counted: Sender<(u64, Counted)>,
}

impl OutputWatch for Counting {
    fn passes(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.counter.take(bytes);
    }

    fn has_begun(&self) -> bool {
        // The transaction begins before the first table is looked at.
        self.counter.has_begun()
    }

    fn ended(self: Box<Self>) -> Result<(), String> {
        let counted = self.counter.end();
        if !counted.complete {
            return Err("it ended without an error, but before the line `-- Dump completed`: it was cut off".to_owned());
        }
        if counted.tables.is_empty() {
            return Err(
                "there is no table in the database, so nothing would be kept; check that the plan names the right one"
                    .to_owned(),
            );
        }
        // Nobody waits any more where the capture was given up.
        let _ = self.counted.send((self.bytes, counted));
        Ok(())
    }
}

/// Facts that are known when the dump has ended. Its path comes after the dump's, so whoever reads it has read that, or
/// somebody else does.
struct Waiting {
    facts: Facts,
    counts: Receiver<(u64, Counted)>,
    broken: Broken,
}

impl Body for Waiting {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        let Self { mut facts, counts, broken } = *self;
        // Whoever gives up the dump lets go of the other end.
        let (bytes, counted) = counts.recv().map_err(|_| {
            // An erasure may have left it out, and what is left is no database.
            broken.missing(DUMP, "what it was to write was left out, so the database is not whole");
            io::Error::other("the dump was given up")
        })?;
        facts.dump_bytes = bytes;
        facts.tables = counted.tables;
        facts.definers = counted.definers;
        let bytes = serde_json::to_vec_pretty(&facts).map_err(io::Error::other)?;
        Ok(Box::new(crate::facts::Made::new(bytes)))
    }
}
