//! How are PostgreSQL's own programs run? With an environment of their own, the password in a file that only we can read
//! and never in an argument, and without anybody's settings.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dr_open::Claim;
use dr_plan::{SecretRef, Server};
use dr_process::room::Room;
use dr_process::{ProcessError, Program, run};
use zeroize::Zeroizing;

use super::address::Address;
use crate::driver::Hands;
use crate::output::{ended_well, failed};
use crate::programs::found_in;
use crate::{SourceError, programs};

/// How long a question may take that is asked before or beside a dump.
const ASKED: Duration = Duration::from_secs(60);
/// How long a program may take in a closed room.
const IN_ROOM: Duration = Duration::from_secs(6 * 3_600);
/// So much of what a program says is kept.
const SAID_MAX: usize = 256 << 10;
/// How a program is got.
pub(super) const INSTALL: &str =
    "install PostgreSQL's client programs (Debian and Ubuntu: apt-get install postgresql-client)";

/// One server, and how its programs reach it.
pub(super) struct Client {
    pub(super) address: Address,
    programs: Option<PathBuf>,
    env: Vec<(OsString, OsString)>,
    /// Where its programs are closed off, if the server is.
    room: Option<Room>,
    /// The folder of the file with the password.
    _place: Option<Claim>,
}

/// What its programs are told wherever they run.
const ALWAYS: [(&str, &str); 5] = [
    ("PGAPPNAME", "dr"),
    ("PGCONNECT_TIMEOUT", "20"),
    ("LC_ALL", "C.UTF-8"),
    ("PGTZ", "UTC"),
    ("PGCLIENTENCODING", "UTF8"),
];

impl Client {
    /// Of what the plan names.
    pub(super) fn of(server: &Server, hands: &Hands<'_>) -> Result<Self, SourceError> {
        let address = Address::parse(&server.url).map_err(|why| wrong_address(&why))?;
        Self::to(address, server.programs.as_deref(), server.password.as_ref(), hands)
    }

    pub(super) fn to(
        address: Address,
        programs: Option<&Path>,
        password: Option<&SecretRef>,
        hands: &Hands<'_>,
    ) -> Result<Self, SourceError> {
        let Hands { secrets, scratch } = *hands;
        let local = |why| SourceError::open(scratch, why);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(scratch).map_err(local)?;
        let place = Claim::new(scratch, "dr-postgres-").map_err(local)?;
        // Always a file, without a password too: nobody's own ~/.pgpass is to be used.
        let file = place.path().join("pgpass");
        let mut line = Zeroizing::new(String::new());
        if let Some(password) = password {
            let found = secrets(password).map_err(|why| SourceError::Program {
                program: "psql".into(),
                why: format!("its password is not to be had: {why}"),
            })?;
            line.push_str("*:*:*:*:");
            for c in found.lines().next().unwrap_or_default().chars() {
                if matches!(c, ':' | '\\') {
                    line.push('\\');
                }
                line.push(c);
            }
            line.push('\n');
        }
        dr_open::note(&file, line.as_bytes()).map_err(local)?;
        let mut env = address.env();
        env.push(("PGPASSFILE".into(), file.into_os_string()));
        env.extend(ALWAYS.map(|(name, value)| (name.into(), value.into())));
        Ok(Self { address, programs: programs.map(Path::to_owned), env, room: None, _place: Some(place) })
    }

    /// Of a server in a closed room, which asks for no password.
    pub(super) fn in_room(address: Address, programs: &Path, room: &Room) -> Self {
        let mut env = address.env();
        env.extend(ALWAYS.map(|(name, value)| (name.into(), value.into())));
        Self { address, programs: Some(programs.to_owned()), env, room: Some(room.clone()), _place: None }
    }

    /// One of its programs, with these arguments.
    pub(super) fn program(&self, name: &str, args: &[&str]) -> Program {
        let path = found_in(self.programs.as_deref(), name);
        let mut env = self.env.clone();
        if name.starts_with("pg_dump") {
            // A dump is written in the encoding of the database.
            env.retain(|(name, _)| name != "PGCLIENTENCODING");
        }
        let args = std::iter::once(path).chain(args.iter().map(OsString::from)).collect();
        let program = |timeout| Program { args, env, stdin: None, timeout, output_max: SAID_MAX };
        match &self.room {
            // What a restored database does is nobody's promise.
            Some(room) => room.program(program(IN_ROOM)),
            None => program(Duration::MAX),
        }
    }

    /// psql, which reads a script and stops at its first error.
    pub(super) fn psql(&self) -> Program {
        self.program("psql", &["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1"])
    }

    /// What a script answers.
    pub(super) fn ask(&self, script: &str) -> Result<String, SourceError> {
        self.ask_for(script, ASKED)
    }

    /// The same, for a script that may take longer.
    pub(super) fn ask_for(&self, script: &str, longest: Duration) -> Result<String, SourceError> {
        let mut program = self.psql();
        program.stdin = Some(script.as_bytes().to_vec());
        program.timeout = longest;
        let finished = run(program).map_err(|why| not_run("psql", &why))?;
        ended_well("psql", &finished)?;
        Ok(String::from_utf8_lossy(&finished.stdout.bytes).into_owned())
    }

    /// The major version of one of its programs.
    pub(super) fn version(&self, name: &str) -> Result<u32, SourceError> {
        version(self.programs.as_deref(), name)
    }
}

pub(super) fn wrong_address(why: &str) -> SourceError {
    SourceError::Program { program: "psql".into(), why: format!("the plan's `url` is wrong: {why}") }
}

/// Why a program did not run.
pub(super) fn not_run(name: &str, why: &ProcessError) -> SourceError {
    programs::not_run(name, INSTALL, why)
}

/// The major version of a program.
pub(super) fn version(programs: Option<&Path>, name: &str) -> Result<u32, SourceError> {
    let program = Program {
        args: vec![found_in(programs, name), "--version".into()],
        env: Vec::new(),
        stdin: None,
        timeout: ASKED,
        output_max: 4 << 10,
    };
    let finished = run(program).map_err(|why| not_run(name, &why))?;
    ended_well(name, &finished)?;
    let text = String::from_utf8_lossy(&finished.stdout.bytes).into_owned();
    // `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
    let number = text.split_once(')').map_or("", |(_, rest)| rest).trim_start();
    let major: String = number.chars().take_while(char::is_ascii_digit).collect();
    major
        .parse()
        .map_err(|_| SourceError::Program { program: name.to_owned(), why: "it does not say its version".to_owned() })
}

/// Never set: for programs that nobody ends early.
pub(super) static NEVER: AtomicBool = AtomicBool::new(false);

/// Why a program that runs has nothing more to say.
pub(super) fn ended(name: &str, why: &dr_process::StreamError) -> SourceError {
    match why {
        dr_process::StreamError::Process(why) => not_run(name, why),
        other => failed(name, other),
    }
}
