//! A MariaDB database as a source of the plan.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dr_entry::Time;
use dr_plan::Server;
use dr_process::quoted;

use super::address::Address;
use super::ask::ask;
use super::client::MariadbClient;
use super::layout::{CLIENT, DUMP, at};
use super::load::Way;
use super::start::RestoredDatabase;
use super::{capture, verify};
use crate::SourceError;
use crate::driver::{
    Around, Begun, CaptureError, Check, Driver, Finding, Hands, InPlace, Layout, Load, Moment, Needs, Obstacle,
    StartRestored,
};

/// The database that the plan names.
pub(crate) struct Mariadb<'a>(pub(crate) &'a Server);

impl Mariadb<'_> {
    /// Where its dump is, below a folder that a capture was restored to.
    fn dump(&self, folder: &Path) -> Option<PathBuf> {
        let address = Address::parse(&self.0.url).ok()?;
        Some(folder.join(OsStr::from_bytes(at(&address.database).ok()?.as_bytes())))
    }
}

impl Driver for Mariadb<'_> {
    fn needs(&self) -> Needs {
        let socket = Address::parse(&self.0.url).ok().and_then(|address| address.socket).map(PathBuf::from);
        Needs { read: socket.into_iter().chain(self.0.programs.clone()).collect(), write: Vec::new() }
    }

    fn preflight(&self, around: &Around<'_>) -> Vec<Finding> {
        let Err(why) = Address::parse(&self.0.url) else { return Vec::new() };
        let reason = format!("the `url` of {}: {why}", around.title);
        vec![Finding { rule: "mariadb", is_error: true, reason }]
    }

    fn probe(&self, _now: Time, hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        let cannot = |next: &'static str| move |why: SourceError| Obstacle { why: why.alone(), next };
        let client = MariadbClient::of(self.0, hands).map_err(cannot("Correct the plan: the next run fails."))?;
        let run_fails = "Until that is put right its runs fail.";
        let by = client.version(DUMP).map_err(cannot(run_fails))?;
        client.version(CLIENT).map_err(cannot(run_fails))?;
        let answer = ask(&client, by).map_err(cannot(run_fails))?;
        Ok(match answer.outside {
            0 => "the server answers, its programs are here, and the account may read all of it",
            _ => {
                "the server answers, its programs are here, and the account may read all of it; tables that are not InnoDB \
                 are not of the one moment that the others are: see docs/sources.md"
            }
        })
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        capture::capture(self.0, moment)
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
        let (Ok(address), Some(dump)) = (Address::parse(&self.0.url), self.dump(folder)) else { return Vec::new() };
        let name = quoted(&format!("{}_restored", address.database));
        vec![
            format!("mariadb-admin create {name}"),
            format!("mariadb --binary-mode {name} < {}", quoted(&dump.to_string_lossy())),
        ]
    }

    fn starts(&self) -> Option<Box<dyn StartRestored + '_>> {
        Some(Box::new(RestoredDatabase(self.0)))
    }

    fn verify(&self, root: &Path) -> Vec<Check> {
        self.dump(root).map_or_else(Vec::new, |dump| verify::checks(&dump, root))
    }
}
