//! Does a dump make a database that answers? It is loaded into a new server in a closed room, which counts its rows then.
//!
//! A dump runs whatever stands in it while it is loaded: that is why everything, server and clients, is closed off. Nothing of
//! the server is kept.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dr_plan::Server;
use dr_process::room::{Room, SCRATCH};
use dr_process::{Program, Stream, run};

use super::address::Address;
use super::asked;
use super::facts::Facts;
use super::layout::{CLIENT, at};
use super::sandbox;
use super::sql::identifier;
use super::version::{ServerVersion, Vendor, version};
use crate::driver::{Check, Feed, NotStarted, Questions};
use crate::output::{ended_well, failed};
use crate::programs::{found_in, not_run};
use crate::{SourceError, recorded};

/// What the database is called there.
const DATABASE: &str = "restored";
/// The account that may do everything, which has no password in a room.
const ACCOUNT: &str = "root";
const INSTALL: &str = "mariadb-install-db";
const SERVERS: [&str; 3] = ["/usr/sbin/mariadbd", "/usr/libexec/mariadbd", "/usr/bin/mariadbd"];
const HOW: &str = "install it (Debian and Ubuntu: apt-get install mariadb-server)";
/// How long making an empty server may take, and one question.
const MADE: Duration = Duration::from_secs(300);
const ASKED: Duration = Duration::from_secs(3_600);
/// How long the whole may take.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);
/// How often one looks whether a server is ready, and after which pause.
const LOOKS: (u32, Duration) = (1_200, Duration::from_millis(50));
/// So much of what a program says is kept.
const SAID_MAX: usize = 4 << 20;

/// Nothing of a server that is thrown away need survive a power cut; nobody reaches it but by its socket in scratch.
const SETTINGS: &[&str] = &[
    "--skip-networking",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--event-scheduler=OFF",
    "--innodb-doublewrite=0",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-use-native-aio=0",
    "--innodb-log-file-size=48M",
    "--max-allowed-packet=1G",
];

const LOADS: &str = "a new server loads the dump to its end and stops at the first error";
const ROWS: &str = "its tables have the rows that were counted at capture, counted by the server";

/// A server that runs in a room, and what is to be loaded into it.
pub(crate) struct RoomServer {
    facts: Facts,
    version: ServerVersion,
    room: Room,
    programs: Option<PathBuf>,
    dump: PathBuf,
    stop: Arc<AtomicBool>,
    _running: Stream,
}

fn in_scratch(name: &str) -> String {
    format!("{SCRATCH}/{name}")
}

fn not(why: &SourceError) -> NotStarted {
    NotStarted(format!("an empty database server could not be started: {}", why.alone()))
}

impl RoomServer {
    /// Starts an empty one for a dump below `root`.
    ///
    /// # Errors
    /// Why it could not be started, which is no fault of the copy.
    pub(crate) fn started(plan: &Server, root: &Path, room: &Room, stop: &Arc<AtomicBool>) -> Result<Self, NotStarted> {
        let facts = recorded::<Facts>(root)
            .map_err(|_| NotStarted("the capture says nothing of the server that it came from".to_owned()))?;
        let address = Address::parse(&plan.url).map_err(NotStarted)?;
        let dump = at(&address.database).map_err(|why| NotStarted(why.to_string()))?;
        let dump = root.join(OsStr::from_bytes(dump.as_bytes()));
        let (server, version) = engine(&facts)?;
        let data = format!("--datadir={}", in_scratch("data"));
        let temporary = format!("--tmpdir={}", in_scratch("tmp"));
        let of = |name: OsString, args: &[&str], timeout| {
            let args = std::iter::once(name).chain(args.iter().map(OsString::from)).collect();
            let env = vec![("LC_ALL".into(), "C.UTF-8".into())];
            room.program(Program { args, env, stdin: None, timeout, output_max: 64 << 10 })
        };
        let words = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &data, &temporary];
        let made = run(of(INSTALL.into(), &words, MADE)).map_err(|why| not_run(INSTALL, HOW, &why));
        made.and_then(|made| ended_well(INSTALL, &made)).map_err(|why| not(&why))?;
        let pid = format!("--pid-file={}", in_scratch("mariadb.pid"));
        let socket = format!("--socket={}", in_scratch("mariadb.sock"));
        let mut words = vec!["--no-defaults", &data, &temporary, &pid, &socket];
        words.extend(SETTINGS);
        let mut running =
            Stream::start(of(server.into(), &words, LONGEST)).map_err(|why| NotStarted(why.to_string()))?;
        // It writes that when it is ready; nothing of the dump has run yet.
        let ready = room.scratch().join("mariadb.pid");
        for _ in 0..LOOKS.0 {
            if dr_open::read(&ready, 64).is_ok_and(|number| !number.is_empty()) {
                let programs = plan.programs.clone();
                let (room, stop) = (room.clone(), Arc::clone(stop));
                return Ok(Self { facts, version, room, programs, dump, stop, _running: running });
            }
            if running.has_ended() || stop.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(LOOKS.1);
        }
        if !running.has_ended() {
            return Err(NotStarted("the database server did not become ready".to_owned()));
        }
        let said = running.finish(stop).map_err(|why| NotStarted(why.to_string()))?;
        Err(match ended_well("mariadbd", &said) {
            Err(why) => not(&why),
            Ok(()) => NotStarted("the database server ended at once".to_owned()),
        })
    }

    /// What it is, for people.
    pub(crate) fn program(&self) -> String {
        format!("MariaDB {}", self.version)
    }

    /// Its socket, its account and its database, as whatever runs in the room finds them.
    pub(crate) fn found_by() -> (String, &'static str, &'static str) {
        (in_scratch("mariadb.sock"), ACCOUNT, DATABASE)
    }

    /// The tables that were captured.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.facts.tables.keys().map(String::as_str)
    }

    /// Loads the dump and counts. The first says whether it was loaded.
    pub(crate) fn loaded(&self) -> Vec<Check> {
        let made = self.ask(None, &format!("create database {DATABASE}{};", self.written()));
        if made.is_err() {
            return vec![Check::not_known(LOADS, "no error", "an empty database could not be made")];
        }
        if self.load().is_err() {
            // What the program says may hold rows, and this stands in evidence.
            return vec![Check::new(LOADS, false, "no error", format!("{CLIENT} ended with an error"))];
        }
        let expected = format!("{} rows in {} tables", self.facts.rows(), self.facts.tables.len());
        let count = |table: &String| format!("select count(*) from {};\n", identifier(table));
        let script: String = self.facts.tables.keys().map(count).collect();
        let counts: Vec<u64> = self
            .ask(Some(DATABASE), &script)
            .map(|answer| answer.lines().filter_map(|line| line.trim().parse().ok()).collect())
            .unwrap_or_default();
        let same = counts.len() == self.facts.tables.len() && self.facts.tables.values().eq(counts.iter());
        let actual = format!("{} rows in {} tables", counts.iter().sum::<u64>(), counts.len());
        vec![Check::new(LOADS, true, "no error", "no error"), Check::new(ROWS, same, expected, actual)]
    }

    /// How the database writes and sorts text.
    fn written(&self) -> String {
        let Facts { charset, collation, .. } = &self.facts;
        let is_word = |text: &&String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let part =
            |key: &str, value| Some(value).filter(is_word).map(|word| format!(" {key} {word}")).unwrap_or_default();
        part("character set", charset) + &part("collate", collation)
    }

    fn client(&self, more: &[&str], database: Option<&str>) -> Program {
        let words = ["--no-defaults".to_owned(), format!("--socket={}", in_scratch("mariadb.sock"))];
        let mut args = vec![found_in(self.programs.as_deref(), CLIENT)];
        args.extend(words.iter().map(OsString::from));
        args.extend(
            ["--user", ACCOUNT, "--default-character-set=utf8mb4", "--max-allowed-packet=1G"].map(OsString::from),
        );
        args.extend(more.iter().map(OsString::from));
        args.extend(database.map(OsString::from));
        let env = vec![("LC_ALL".into(), "C.UTF-8".into())];
        Program { args, env, stdin: None, timeout: ASKED, output_max: SAID_MAX }
    }

    /// What statements answer, a line a row.
    pub(crate) fn ask(&self, database: Option<&str>, script: &str) -> Result<String, SourceError> {
        let mut program = self.client(&["--batch", "--raw", "--skip-column-names"], database);
        program.stdin = Some(script.as_bytes().to_vec());
        let finished = run(self.room.program(program)).map_err(|why| not_run(CLIENT, HOW, &why))?;
        ended_well(CLIENT, &finished)?;
        Ok(String::from_utf8_lossy(&finished.stdout.bytes).into_owned())
    }

    /// The same of the database that was loaded.
    pub(crate) fn ask_restored(&self, script: &str) -> Result<String, SourceError> {
        self.ask(Some(DATABASE), script)
    }

    /// What the plan asks of it, held to what was answered around the capture.
    pub(crate) fn asked(&self, questions: &Questions<'_>) -> Vec<Check> {
        if questions.expect.is_empty() {
            return Vec::new();
        }
        let mut program = self.client(&["--batch", "--raw", "--skip-column-names", "--force"], Some(DATABASE));
        program.stdin = Some(asked::script(questions, DATABASE).into_bytes());
        let said = run(self.room.program(program)).map(|said| said.stdout.bytes).unwrap_or_default();
        let now = asked::answers(questions, &String::from_utf8_lossy(&said));
        self.facts.answers.held_between(&self.facts.answers_after, questions, &now)
    }

    fn load(&self) -> Result<(), SourceError> {
        let wrong = |why| failed(CLIENT, &why);
        let knows = client_version(self.programs.as_deref()).is_some_and(sandbox::knows);
        let mut more = vec!["--binary-mode"];
        more.extend(knows.then_some("--sandbox"));
        let mut program = self.client(&more, Some(DATABASE));
        (program.stdin, program.timeout) = (Some(Vec::new()), LONGEST);
        let mut running = Stream::start(self.room.program(program)).map_err(wrong)?;
        let input = running.input(&self.stop).map_err(wrong)?;
        let mut input: Feed = if knows { Box::new(input) } else { Box::new(sandbox::Without::new(Box::new(input))) };
        let mut from = dr_open::plain(&self.dump).map_err(|why| SourceError::open(&self.dump, why))?;
        let fed = io::copy(&mut from, &mut input);
        drop(input);
        let mut buffer = [0; 4 << 10];
        while running.read(&mut buffer, &self.stop).map_err(wrong)? > 0 {}
        ended_well(CLIENT, &running.finish(&self.stop).map_err(wrong)?)?;
        fed.map(|_| ()).map_err(|why| SourceError::Program { program: CLIENT.to_owned(), why: why.to_string() })
    }
}

fn client_version(programs: Option<&Path>) -> Option<ServerVersion> {
    said_version(found_in(programs, CLIENT))
}

fn said_version(program: OsString) -> Option<ServerVersion> {
    let args = vec![program, "--version".into()];
    let asked = Program { args, env: Vec::new(), stdin: None, timeout: MADE, output_max: 4 << 10 };
    match version(&String::from_utf8_lossy(&run(asked).ok()?.stdout.bytes))? {
        Vendor::MariaDb(version) => Some(version),
        Vendor::Other(_) => None,
    }
}

/// The server of this machine, if it is not older than that of the dump.
fn engine(facts: &Facts) -> Result<(PathBuf, ServerVersion), NotStarted> {
    let Some(Vendor::MariaDb(needed)) = version(&facts.server) else {
        return Err(NotStarted("the capture does not say which server it came from".to_owned()));
    };
    let there = SERVERS.iter().map(PathBuf::from).find(|path| path.is_file());
    let found = there.and_then(|path| said_version(path.clone().into()).map(|version| (path, version)));
    match found {
        Some((path, version)) if version.knows(needed) => Ok((path, version)),
        Some((_, version)) => Err(NotStarted(format!(
            "the database server on this machine is MariaDB {version}, and {needed} or newer is needed: {HOW}"
        ))),
        None => {
            Err(NotStarted(format!("no MariaDB server is on this machine, and {needed} or newer is needed: {HOW}")))
        }
    }
}
