//! A PostgreSQL database as a source of the plan.

use std::path::{Path, PathBuf};

use dr_entry::Time;
use dr_plan::Server;
use dr_process::quoted;

use super::address::Address;
use super::client::Client;
use super::load::Way;
use super::rights::{self, Rights, major};
use super::start::Rehearsed;
use super::{FOLDER, GLOBALS, dump_name, verify};
use crate::SourceError;
use crate::driver::{
    Around, Begun, CaptureError, Check, Driver, Finding, Hands, InPlace, Layout, Load, Moment, Needs, Obstacle,
    StartRestored,
};

/// The database that the plan names.
pub(crate) struct Postgres<'a>(pub(crate) &'a Server);

impl Driver for Postgres<'_> {
    fn needs(&self) -> Needs {
        let address = Address::parse(&self.0.url).ok();
        let socket = address.as_ref().and_then(Address::socket).map(PathBuf::from);
        Needs { read: socket.into_iter().chain(self.0.programs.clone()).collect(), write: Vec::new() }
    }

    fn preflight(&self, around: &Around<'_>) -> Vec<Finding> {
        let Err(why) = Address::parse(&self.0.url) else { return Vec::new() };
        let reason = format!("the `url` of {}: {why}", around.title);
        vec![Finding { rule: "postgres", is_error: true, reason }]
    }

    fn probe(&self, _now: Time, hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        tried(self.0, hands).map(|()| "the server answers, its programs are here, and the account may read all of it")
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        super::capture::capture(self.0, moment)
    }

    fn layout(&self) -> Layout {
        Layout::default()
    }

    fn in_place(&self) -> InPlace<'_> {
        InPlace::Refused("a database is loaded, not put back as files")
    }

    fn loads(&self) -> Option<Box<dyn Load + '_>> {
        Some(Box::new(Way(self.0)))
    }

    fn next_steps(&self, folder: &Path) -> Vec<String> {
        let Ok(address) = Address::parse(&self.0.url) else { return Vec::new() };
        let within = |name: &str| quoted(&folder.join(FOLDER).join(name).to_string_lossy());
        let name = quoted(&format!("{}_restored", address.database));
        vec![
            format!(
                "psql -X -d postgres -f {}    # the roles; those that are there already are named as errors and kept",
                within(GLOBALS)
            ),
            format!("createdb -T template0 {name}"),
            format!("pg_restore --exit-on-error -d {name} {}", within(&dump_name(&address.database))),
        ]
    }

    fn verify(&self, root: &Path) -> Vec<Check> {
        let database = Address::parse(&self.0.url).map(|address| address.database).unwrap_or_default();
        verify::checks(self.0, &dump_name(&database), root)
    }

    fn starts(&self) -> Option<Box<dyn StartRestored + '_>> {
        Some(Box::new(Rehearsed(self.0)))
    }
}

/// Programs, server and rights, looked at before a run.
fn tried(server: &Server, hands: &Hands<'_>) -> Result<(), Obstacle> {
    let cannot = |next: &'static str| move |why: SourceError| Obstacle { why: why.alone(), next };
    let run_fails = "Until that is put right its runs fail.";
    let client = Client::of(server, hands).map_err(cannot("Correct the plan: the next run fails."))?;
    let dumps = client.version("pg_dump").map_err(cannot(run_fails))?;
    for program in ["psql", "pg_dumpall", "pg_restore"] {
        client.version(program).map_err(cannot(run_fails))?;
    }
    let answer = client.ask(rights::QUESTION).map_err(cannot(run_fails))?;
    let rights: Rights = serde_json::from_str(answer.trim())
        .map_err(|_| Obstacle { why: "the server's answer is not one that dr knows".to_owned(), next: run_fails })?;
    let major = major(rights.server);
    if dumps < major {
        let why = format!(
            "pg_dump is of PostgreSQL {dumps}, and the server of {major}: install postgresql-client-{major} or newer"
        );
        return Err(Obstacle { why, next: run_fails });
    }
    match rights.lacking() {
        None => Ok(()),
        Some(why) => Err(Obstacle { why, next: "Have these lines run on the server, then ask again." }),
    }
}
