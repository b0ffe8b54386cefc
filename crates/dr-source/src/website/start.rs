//! Does a restored website answer? Its database is started in a closed room, its folder is served there under its own name,
//! and pages are asked for as a visitor does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_plan::{ExpectedPage, Server};
use dr_process::room::Room;
use rustix::fs::statvfs;

use super::copied::copied;
use super::judge::{Tour, UPLOAD_MAX, not_served};
use super::php::{self, Php};
use super::serve::{self, RoomDatabase, visited};
use super::wordpress::{self, SiteProgram, contents};
use super::{DATABASE, SITE};
use crate::driver::{Check, NotStarted, Questions, Scene, StartRestored, StartedSystem, Verdict};
use crate::mariadb::room::RoomServer;

/// How a website of the plan is started.
pub(super) struct SiteStart<'a>(pub(super) &'a Server);

/// What an empty database server takes of scratch.
const SERVER: u64 = 200 << 20;

impl StartRestored for SiteStart<'_> {
    fn takes(&self, captured: u64) -> u64 {
        // The folder once more; of the two parts of a capture it is the larger one by far, and the database is looked at later.
        captured.saturating_mul(2).saturating_add(2 * SERVER)
    }

    fn start(&self, root: &Path, scene: &Scene<'_>) -> Result<Box<dyn StartedSystem>, NotStarted> {
        let php = php::found().map_err(NotStarted)?;
        let room = (scene.room)().map_err(NotStarted)?;
        // Before anything runs there: what runs could lay a link in the way.
        let laid = copied(&root.join(SITE), &serve::folder(&room), scene.stop).and_then(|()| serve::prepared(&room));
        laid.map_err(|why| NotStarted(format!("scratch did not take a copy of its folder: {}", why.kind())))?;
        room_for_the_database(root, &room)?;
        let database = RoomServer::started(self.0, root, &room, scene.stop)?;
        let (root, stop) = (root.to_owned(), Arc::clone(scene.stop));
        Ok(Box::new(ServedSite { php, room, database, root, stop }))
    }
}

/// That the database can be loaded, of which one knows now how large it is.
fn room_for_the_database(root: &Path, room: &Room) -> Result<(), NotStarted> {
    let dumps = std::fs::read_dir(root.join(DATABASE)).into_iter().flatten().flatten();
    let bytes: u64 = dumps.filter_map(|dump| dump.metadata().ok()).map(|about| about.len()).sum();
    let takes = bytes.saturating_mul(4).saturating_add(SERVER);
    let free = statvfs(room.scratch()).map_or(u64::MAX, |about| about.f_bavail.saturating_mul(about.f_frsize));
    let mb = |bytes: u64| bytes.div_ceil(1_000_000);
    match free < takes {
        true => Err(NotStarted(format!(
            "scratch is too small to start it: {} MB are free, and {} MB are needed; name a folder with room, with --scratch",
            mb(free),
            mb(takes)
        ))),
        false => Ok(()),
    }
}

/// A database that runs, and a folder that is to be served.
struct ServedSite {
    php: Php,
    room: Room,
    database: RoomServer,
    root: PathBuf,
    stop: Arc<AtomicBool>,
}

impl StartedSystem for ServedSite {
    fn program(&self) -> Option<String> {
        Some(format!("PHP {} and {}, in a closed room", self.php.version, self.database.program()))
    }

    fn answers(&mut self, questions: &Questions<'_>) -> Vec<Check> {
        // Counted first: pages may write.
        let mut checks = self.database.loaded();
        if self.stop.load(Ordering::Relaxed) {
            return checks;
        }
        match checks.first().is_some_and(|check| check.verdict == Verdict::Good) {
            true => {
                checks.extend(self.database.asked(questions));
                checks.extend(self.pages(questions.pages));
            }
            false => checks.push(not_served("its database was not loaded")),
        }
        checks
    }
}

impl ServedSite {
    fn pages(&self, plan: &[ExpectedPage]) -> Vec<Check> {
        let folder = self.root.join(SITE);
        let (below, tour, is_wordpress) = match wordpress::content(&folder, self.database.tables()) {
            SiteProgram::Other => (String::new(), Tour::of(plan), false),
            SiteProgram::Lacking(why) => return vec![not_served(why)],
            SiteProgram::WordPress(wordpress) => {
                let answer = self.database.ask_restored(&wordpress.script()).ok();
                let Some(contents) = answer.and_then(|answer| contents(&answer)) else {
                    return vec![not_served("its database does not say under which address it is known")];
                };
                let below = wordpress.below(&contents).to_owned();
                let read = |name: PathBuf| dr_open::read(&folder.join(name), UPLOAD_MAX).ok();
                (below, Tour::of_wordpress(&wordpress, contents, plan, read), true)
            }
        };
        let (socket, user, name) = RoomServer::found_by();
        let database = RoomDatabase { socket, user: user.to_owned(), name: name.to_owned() };
        // The first of a room with a network of its own; the server's has none.
        let room = self.room.clone().with_loopback();
        match visited(&self.php, &room, (&below, &tour.urls()), &database, is_wordpress) {
            Ok(visit) => tour.judged(&visit, &self.php.version),
            Err(why) => vec![not_served(why)],
        }
    }
}
