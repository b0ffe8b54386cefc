//! How are MariaDB's own programs run? With an empty environment, all that they are told in a file that only we can read,
//! so that the password is in no argument, and without anybody's settings.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_open::Claim;
use dr_plan::{SecretRef, Server};
use dr_process::{Program, run};
use zeroize::Zeroizing;

use super::address::Address;
use super::layout::CLIENT;
use super::version::{ServerVersion, Vendor, version};
use crate::driver::Hands;
use crate::output::ended_well;
use crate::programs::found_in;
use crate::{SourceError, programs};

/// How long a question may take that is asked before a dump.
const ASKED: Duration = Duration::from_secs(60);
/// So much of what a program says is kept.
const SAID_MAX: usize = 256 << 10;
/// How a program is got.
pub(super) const INSTALL: &str =
    "install MariaDB's client programs (Debian and Ubuntu: apt-get install mariadb-client)";

/// One server, and how its programs reach it.
pub(super) struct MariadbClient {
    pub(super) address: Address,
    programs: Option<PathBuf>,
    options: PathBuf,
    /// The folder of the file with the password.
    _place: Claim,
}

/// Whom a client is.
pub(super) enum Password<'a> {
    /// What stands there.
    Found(&'a SecretRef),
    /// These words.
    Is(&'a str),
    None,
}

impl MariadbClient {
    /// Of what the plan names.
    pub(super) fn of(server: &Server, hands: &Hands<'_>) -> Result<Self, SourceError> {
        let address = Address::parse(&server.url).map_err(|why| wrong_address(&why))?;
        let password = server.password.as_ref().map_or(Password::None, Password::Found);
        Self::to(address, server.programs.as_deref(), &password, hands)
    }

    pub(super) fn to(
        address: Address,
        programs: Option<&Path>,
        password: &Password<'_>,
        hands: &Hands<'_>,
    ) -> Result<Self, SourceError> {
        let Hands { secrets, scratch } = *hands;
        let found = match password {
            Password::Found(reference) => Some(secrets(reference).map_err(|why| SourceError::Program {
                program: CLIENT.into(),
                why: format!("its password is not to be had: {why}"),
            })?),
            Password::Is(text) => Some(Zeroizing::new((*text).to_owned())),
            Password::None => None,
        };
        let password = found.as_ref().map(|found| found.lines().next().unwrap_or_default());
        let text = Zeroizing::new(address.options(password));
        let local = |why| SourceError::open(scratch, why);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(scratch).map_err(local)?;
        let place = Claim::new(scratch, "dr-mariadb-").map_err(local)?;
        let options = place.path().join("client.cnf");
        dr_open::note(&options, text.as_bytes()).map_err(local)?;
        Ok(Self { address, programs: programs.map(Path::to_owned), options, _place: place })
    }

    /// One of its programs, with these arguments.
    pub(super) fn program(&self, name: &str, args: &[&str]) -> Program {
        let mut options = OsString::from("--defaults-file=");
        options.push(&self.options);
        let mut all = vec![found_in(self.programs.as_deref(), name), options];
        all.extend(args.iter().map(OsString::from));
        let env = vec![("LC_ALL".into(), "C.UTF-8".into())];
        Program { args: all, env, stdin: None, timeout: Duration::MAX, output_max: SAID_MAX }
    }

    /// What a script answers: a line a row, tabs between columns.
    pub(super) fn ask(&self, script: &str) -> Result<String, SourceError> {
        self.ask_for(script, ASKED)
    }

    /// The same, for a script that may take longer.
    pub(super) fn ask_for(&self, script: &str, longest: Duration) -> Result<String, SourceError> {
        let mut program = self.program(CLIENT, &["--batch", "--raw", "--skip-column-names", "--unbuffered"]);
        program.stdin = Some(script.as_bytes().to_vec());
        program.timeout = longest;
        let finished = run(program).map_err(|why| programs::not_run(CLIENT, INSTALL, &why))?;
        ended_well(CLIENT, &finished)?;
        Ok(String::from_utf8_lossy(&finished.stdout.bytes).into_owned())
    }

    /// What a script answers whose statements may each go wrong; nothing where the server is not reached.
    pub(super) fn try_each(&self, script: &str, longest: Duration) -> String {
        let mut program = self.program(CLIENT, &["--batch", "--raw", "--skip-column-names", "--unbuffered", "--force"]);
        program.stdin = Some(script.as_bytes().to_vec());
        program.timeout = longest;
        run(program).map_or_else(|_| String::new(), |said| String::from_utf8_lossy(&said.stdout.bytes).into_owned())
    }

    /// The version of one of its programs.
    pub(super) fn version(&self, name: &str) -> Result<ServerVersion, SourceError> {
        let program = Program {
            args: vec![found_in(self.programs.as_deref(), name), "--version".into()],
            env: Vec::new(),
            stdin: None,
            timeout: ASKED,
            output_max: 4 << 10,
        };
        let finished = run(program).map_err(|why| programs::not_run(name, INSTALL, &why))?;
        ended_well(name, &finished)?;
        let why = match version(&String::from_utf8_lossy(&finished.stdout.bytes)) {
            Some(Vendor::MariaDb(version)) => return Ok(version),
            Some(Vendor::Other(_)) => format!("it is not MariaDB's own: {INSTALL}"),
            None => "it does not say its version".to_owned(),
        };
        Err(SourceError::Program { program: name.to_owned(), why })
    }
}

fn wrong_address(why: &str) -> SourceError {
    SourceError::Program { program: CLIENT.into(), why: format!("the plan's `url` is wrong: {why}") }
}
