//! A website whose folder is on another machine, as a source of the plan: read there by SFTP, with a database that is asked
//! from here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dr_entry::{Entries, Time};
use dr_plan::{RemoteFolder, Server};
use dr_process::quoted;

use super::load::SiteLoad;
use super::start::SiteStart;
use super::{SITE, holds_something, moved};
use crate::driver::{
    Around, Begun, CaptureError, Check, Driver, Finding, Hands, InPlace, Layout, Load, Moment, Needs, Obstacle,
    StartRestored, something,
};
use crate::facts;
use crate::files::exclude::Exclude;
use crate::files::{Captured, refused};
use crate::mariadb::capture::{Dumping, begin};
use crate::mariadb::driver::Mariadb;
use crate::mariadb::load::Way;
use crate::sftp::{RemotePlace, RemoteWalk, SftpError, SftpSession};

/// How long a look may take that only tries the connection.
const TRIED: Duration = Duration::from_secs(60);

/// The folder of another machine and the database that the plan names.
pub(crate) struct SiteThere<'a> {
    pub(crate) folder: &'a RemoteFolder,
    pub(crate) exclude: &'a [String],
    pub(crate) database: &'a Server,
}

impl SiteThere<'_> {
    fn database(&self) -> Mariadb<'_> {
        Mariadb(self.database)
    }

    fn place(&self) -> Result<RemotePlace, SftpError> {
        RemotePlace::parse(self.folder).map_err(|why| SftpError::Lost(format!("the plan's `url`: {why}")))
    }

    /// A connection, and the folder without links in its path.
    fn connected(&self, longest: Duration, stop: &Arc<AtomicBool>) -> Result<(SftpSession, Vec<u8>), SftpError> {
        let place = self.place()?;
        if let Some(why) = place.wrong_key() {
            return Err(SftpError::Lost(why));
        }
        let session = SftpSession::begun(place, longest, stop)?;
        let root = session.root().map_err(|why| self.of_the_folder(&why))?;
        Ok((session, root))
    }

    fn of_the_folder(&self, why: &SftpError) -> SftpError {
        match why {
            SftpError::Refused { .. } => SftpError::Lost(format!("the folder {}: {why}", self.folder.url)),
            other => other.clone(),
        }
    }
}

impl Driver for SiteThere<'_> {
    fn needs(&self) -> Needs {
        let mut needs = self.database().needs();
        needs.read.extend([&self.folder.key, &self.folder.known_hosts].into_iter().flatten().cloned());
        if self.folder.key.is_none() || self.folder.known_hosts.is_none() {
            // What the plan does not name is the account's own.
            let account = uzers::get_user_by_uid(rustix::process::geteuid().as_raw());
            needs.read.extend(account.map(|account| uzers::os::unix::UserExt::home_dir(&account).join(".ssh")));
        }
        needs
    }

    fn preflight(&self, around: &Around<'_>) -> Vec<Finding> {
        let mut found = self.database().preflight(around);
        let mut add = |rule, reason| found.push(Finding { rule, is_error: true, reason });
        if let Err(why) = RemotePlace::parse(self.folder) {
            add("sftp", format!("the `url` of {}: {why}", around.title));
        }
        for (pattern, why) in self.exclude.iter().filter_map(|pattern| Some((pattern, refused(pattern)?))) {
            add("exclude", format!("the pattern `{pattern}` of `exclude`: {why}"));
        }
        found
    }

    fn probe(&self, now: Time, hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        let tried = self
            .connected(TRIED, &Arc::default())
            .and_then(|(session, root)| session.holds_something(&root).map_err(|why| self.of_the_folder(&why)));
        let next = "Until that is put right its runs fail.";
        match tried {
            Ok(true) => self.database().probe(now, hands),
            Ok(false) => Err(Obstacle { why: format!("the folder {} is empty", self.folder.url), next }),
            Err(why) => Err(Obstacle { why: why.to_string(), next }),
        }
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        let lost = |why: SftpError| CaptureError::Source(why.of_source());
        // What is wrong with the connection is found before the database is asked for anything.
        let (session, root) = self.connected(Duration::MAX, moment.stop).map_err(lost)?;
        let real = PathBuf::from(String::from_utf8_lossy(&root).into_owned());
        let typed = PathBuf::from(self.place().map_err(lost)?.path);
        let exclude = Exclude::elsewhere(self.exclude, &typed, &real)?;
        // In this order: the database's moment is fixed before the first name of the folder is looked at.
        let Dumping { entries, broken, note, answers } = begin(self.database, moment)?;
        let which = (root, self.folder.url.as_str());
        let walk = RemoteWalk::begun(session, which, exclude, moment.real, broken.clone())
            .map_err(|why| lost(self.of_the_folder(&why)))?;
        let (tally, url) = (walk.tally(), [PathBuf::from(&self.folder.url)]);
        let site = something(Captured { entries: Box::new(walk), tally }, &url);
        // A connection that was lost leaves nothing too.
        let site = site.map_err(|why| broken.take().map_or(why, CaptureError::Source))?;
        note.into_iter().for_each(|note| site.tally.note(note));
        site.tally.answered(answers);
        let dumped: Vec<_> = std::iter::once(facts::root(moment.real)).chain(entries).map(Ok).collect();
        let entries: Entries<'static> = Box::new(dumped.into_iter().chain(site.entries.map(moved)));
        Ok(Begun { entries, tally: site.tally, export: None, broken: Some(broken) })
    }

    fn layout(&self) -> Layout {
        Layout::default()
    }

    fn in_place(&self) -> InPlace<'_> {
        InPlace::Refused("the website's folder is on another machine, and dr writes nothing there")
    }

    fn loads(&self) -> Option<Box<dyn Load + '_>> {
        Some(Box::new(SiteLoad(Box::new(Way(self.database)))))
    }

    fn next_steps(&self, folder: &Path) -> Vec<String> {
        let mut steps = self.database().next_steps(folder);
        if let Ok(place) = self.place() {
            steps.push(put_back(&place, &folder.join(SITE)));
        }
        steps
    }

    fn starts(&self) -> Option<Box<dyn StartRestored + '_>> {
        Some(Box::new(SiteStart(self.database)))
    }

    fn verify(&self, root: &Path) -> Vec<Check> {
        let mut checks = self.database().verify(root);
        checks.push(holds_something(root));
        checks
    }
}

/// The line that puts a restored folder to where it was.
fn put_back(place: &RemotePlace, site: &Path) -> String {
    let inner = |path: &str| format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""));
    let put = format!("put -pR {} {}", inner(&format!("{}/.", site.display())), inner(&place.path));
    let mut line = format!("echo {} | sftp -b -", quoted(&put));
    if let Some(known) = &place.known_hosts {
        line.push_str(&format!(" -o {}", quoted(&format!("UserKnownHostsFile={}", known.display()))));
    }
    if let Some(key) = &place.key {
        line.push_str(&format!(" -i {}", quoted(&key.display().to_string())));
    }
    if let Some(port) = place.port {
        line.push_str(&format!(" -P {port}"));
    }
    format!("{line} {}    # the website's folder", quoted(&place.named()))
}
