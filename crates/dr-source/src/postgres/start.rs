//! Does a dump make a database that answers? It is loaded into a new server in a closed room, which is asked then.
//!
//! A dump runs what is written in it while it is loaded, as the server's first account: that is why everything, server and
//! clients, is closed off. Nothing of the server is kept.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dr_plan::Server;
use dr_process::room::{Room, SCRATCH};
use dr_process::{Program, Stream, run};

use super::address::Address;
use super::asked;
use super::client::{Client, not_run};
use super::engine;
use super::facts::Facts;
use super::load::Work;
use super::{FOLDER, dump_name};
use crate::driver::{Check, NotFed, NotStarted, QuestionAnswers, Questions, Scene, StartRestored, StartedSystem};
use crate::output::ended_well;
use crate::{SourceError, recorded};

/// How a database of the plan is started.
pub(super) struct Rehearsed<'a>(pub(super) &'a Server);

/// Its first account, whose name is nobody's in a school.
const ACCOUNT: &str = "dr_rehearsal";
/// What the database is called there.
const DATABASE: &str = "restored";
/// How long making an empty server may take.
const MADE: Duration = Duration::from_secs(300);
/// How often one looks whether a server is ready, and after which pause.
const LOOKS: (u32, Duration) = (1_200, Duration::from_millis(50));
/// How long all questions of the plan may take.
const ASKED: Duration = Duration::from_secs(3_600);
/// How long the whole may take.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);

/// Nothing of a server that is thrown away need survive a power cut; it listens to nobody but in scratch.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "unix_socket_directories=/scratch",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=20",
    "jit=off",
];

const LOADS: &str = "a new server loads the dump to its end and stops at the first error";
const ROWS: &str = "its tables have the rows that were counted at capture, counted by the server";
const OBJECTS: &str = "it has the large objects that it had at capture";

impl StartRestored for Rehearsed<'_> {
    fn takes(&self, captured: u64) -> u64 {
        // A database takes more than its dump, and the log of what is loaded as much again.
        captured.saturating_mul(4).saturating_add(200 << 20)
    }

    fn start(&self, root: &Path, scene: &Scene<'_>) -> Result<Box<dyn StartedSystem>, NotStarted> {
        let facts = recorded::<Facts>(root)
            .map_err(|_| NotStarted("the capture says nothing of the server that it came from".to_owned()))?;
        let database = Address::parse(&self.0.url).map_err(NotStarted)?.database;
        let engine = engine::found(&facts, self.0.programs.as_deref()).map_err(NotStarted)?;
        let room = (scene.room)().map_err(NotStarted)?;
        let room = match room.shows(&engine.bin) {
            true => room,
            false => room.with(engine.bin.parent().unwrap_or(&engine.bin)),
        };
        let server = Up::started(&engine.bin, &room, scene.stop)?;
        let dump = root.join(FOLDER).join(dump_name(&database));
        let (root, stop) = (root.to_owned(), Arc::clone(scene.stop));
        Ok(Box::new(LoadedDump {
            facts,
            major: engine.major,
            bin: engine.bin,
            room,
            _server: server,
            dump,
            root,
            stop,
        }))
    }
}

/// A server that runs in a room.
struct Up(#[expect(dead_code, reason = "it ends when this is dropped")] Stream);

impl Up {
    fn started(bin: &Path, room: &Room, stop: &AtomicBool) -> Result<Self, NotStarted> {
        let data = format!("{SCRATCH}/data");
        let of = |name: &str, args: &[&str], timeout| {
            let args =
                std::iter::once(bin.join(name).into_os_string()).chain(args.iter().map(OsString::from)).collect();
            let env = vec![("LC_ALL".into(), "C".into())];
            room.program(Program { args, env, stdin: None, timeout, output_max: 16 << 10 })
        };
        let words = ["-D", &data, "-U", ACCOUNT, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        let made = run(of("initdb", &words, MADE)).map_err(|why| not_run("initdb", &why));
        made.and_then(|made| ended_well("initdb", &made)).map_err(|why| not(&why))?;
        let mut words = vec!["-D", data.as_str()];
        words.extend(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let mut running = Stream::start(of("postgres", &words, LONGEST)).map_err(|why| NotStarted(why.to_string()))?;
        let ready = room.scratch().join("data/postmaster.pid");
        for _ in 0..LOOKS.0 {
            // Its own file says so in its last line; nothing of the dump has run yet.
            let note = dr_open::read(&ready, 4 << 10).unwrap_or_default();
            if String::from_utf8_lossy(&note).lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(Self(running));
            }
            if running.has_ended() || stop.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(LOOKS.1);
        }
        if !running.has_ended() {
            return Err(NotStarted("the server did not become ready".to_owned()));
        }
        let said = running.finish(stop).map_err(|why| NotStarted(why.to_string()))?;
        Err(match ended_well("postgres", &said) {
            Err(why) => not(&why),
            Ok(()) => NotStarted("the server ended at once".to_owned()),
        })
    }
}

fn not(why: &SourceError) -> NotStarted {
    NotStarted(format!("an empty server could not be started: {}", why.alone()))
}

/// A server, and what is to be loaded into it.
struct LoadedDump {
    facts: Facts,
    major: u32,
    bin: PathBuf,
    room: Room,
    _server: Up,
    root: PathBuf,
    dump: PathBuf,
    stop: Arc<AtomicBool>,
}

impl StartedSystem for LoadedDump {
    fn program(&self) -> Option<String> {
        Some(format!("PostgreSQL {}, in a closed room", self.major))
    }

    fn answers(&mut self, questions: &Questions<'_>) -> Vec<Check> {
        let facts = &self.facts;
        let expected = format!("{} rows in {} tables", facts.rows(), facts.tables.len());
        let (server, target) = (self.client("postgres"), self.client(DATABASE));
        let work = Work { server: &server, facts, stop: &self.stop };
        // That the server takes the roles and the database's languages is not yet about the copy: a locale may be missing.
        if let Err(why) = work.roles(&self.root).and_then(|_| work.create(DATABASE)) {
            return vec![Check::not_known(LOADS, "no error", not_made(&why))];
        }
        let feed = |mut to: crate::driver::Feed| {
            let mut from: File = dr_open::plain(&self.dump).map_err(|why| NotFed::Lost(why.to_string()))?;
            io::copy(&mut from, &mut to).map(|_| ()).map_err(NotFed::Refused)
        };
        if let Err(why) = work.loaded(&target, &feed) {
            return vec![judged(&why)];
        }
        let mut checks = vec![Check::new(LOADS, true, "no error", "no error")];
        let (tables, objects) = match work.counted(&target).and_then(|found| Ok((found, work.large_objects(&target)?)))
        {
            Ok(found) => found,
            Err(_) => {
                checks.push(Check::new(ROWS, false, expected, "the server did not answer"));
                return checks;
            }
        };
        let same = facts.tables.iter().all(|(table, rows)| tables.get(table) == Some(rows));
        let ours: BTreeMap<_, _> = tables.iter().filter(|(table, _)| facts.tables.contains_key(*table)).collect();
        let rows: u64 = ours.values().copied().sum();
        checks.push(Check::new(ROWS, same, expected, format!("{rows} rows in {} tables", ours.len())));
        if facts.large_objects > 0 || objects > 0 {
            checks.push(Check::new(OBJECTS, objects == facts.large_objects, facts.large_objects, objects));
        }
        if !questions.expect.is_empty() {
            let script = format!("begin read only;\n{}rollback;\n", asked::script(questions));
            let said = target.ask_for(&script, ASKED).unwrap_or_default();
            let answers = QuestionAnswers::of(questions, asked::answers(&said, questions.expect.len()));
            checks.extend(facts.answers.held_to(questions, &answers));
        }
        checks
    }
}

impl LoadedDump {
    fn client(&self, database: &str) -> Client {
        let address = Address::within(SCRATCH, ACCOUNT, database);
        Client::in_room(address, &self.bin, &self.room)
    }
}

/// Why there is no place to load it to. What the server says of it may name a role.
fn not_made(why: &SourceError) -> String {
    let said = why.alone();
    match said.contains("locale") {
        true => {
            "a language of the database is not installed on this machine: make it there with `locale-gen`".to_owned()
        }
        false => "the roles and an empty database could not be made".to_owned(),
    }
}

/// What it means that a dump does not load. An extension that is not here is no fault of the copy; what else the program
/// says may hold rows, and this stands in evidence.
fn judged(why: &SourceError) -> Check {
    let said = why.alone();
    if let Some(name) = lacking(&said) {
        let install = format!(
            "not loaded: the extension {name} is not on this machine; install its package for this version of PostgreSQL (many are in postgresql-contrib)"
        );
        return Check::not_known(LOADS, "no error", install);
    }
    Check::new(LOADS, false, "no error", "pg_restore ended with an error")
}

/// The extension of which a server says that it has it not.
fn lacking(said: &str) -> Option<&str> {
    let at = said.find("is not available").or_else(|| said.find("could not open extension control file"))?;
    let (before, after) = said.split_at(at);
    let quoted = before.rsplit('"').nth(1).or_else(|| after.split('"').nth(1))?;
    let name = quoted.rsplit('/').next()?.trim_end_matches(".control");
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::lacking;

    #[test]
    fn an_extension_that_is_not_here_is_named_and_nothing_else_is() {
        let said =
            "pg_restore: error: could not execute query: ERROR:  extension \"postgis\" is not available; DETAIL: x";
        assert_eq!(lacking(said), Some("postgis"));
        let file = "ERROR:  could not open extension control file \"/usr/share/postgresql/15/extension/uuid-ossp.control\": No such file";
        assert_eq!(lacking(file), Some("uuid-ossp"));
        assert_eq!(lacking("ERROR:  relation \"pupil\" does not exist"), None);
        assert_eq!(lacking("ERROR:  \"a b\" is not available"), None);
    }
}
