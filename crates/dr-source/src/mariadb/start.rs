//! Does a MariaDB dump make a database that answers? Loaded into a new server in a closed room, counted and asked there.

use std::path::Path;

use dr_plan::Server;

use super::room::RoomServer;
use crate::driver::{Check, NotStarted, Questions, Scene, StartRestored, StartedSystem, Verdict};

/// How a database of the plan is started.
pub(super) struct RestoredDatabase<'a>(pub(super) &'a Server);

impl StartRestored for RestoredDatabase<'_> {
    fn takes(&self, captured: u64) -> u64 {
        // A database takes more than its dump, and an empty server has files of its own.
        captured.saturating_mul(4).saturating_add(200 << 20)
    }

    fn start(&self, root: &Path, scene: &Scene<'_>) -> Result<Box<dyn StartedSystem>, NotStarted> {
        let room = (scene.room)().map_err(NotStarted)?;
        Ok(Box::new(StartedDatabase(RoomServer::started(self.0, root, &room, scene.stop)?)))
    }
}

/// A server, and what is to be loaded into it.
struct StartedDatabase(RoomServer);

impl StartedSystem for StartedDatabase {
    fn program(&self) -> Option<String> {
        Some(format!("{}, in a closed room", self.0.program()))
    }

    fn answers(&mut self, questions: &Questions<'_>) -> Vec<Check> {
        let mut checks = self.0.loaded();
        if checks.first().is_some_and(|check| check.verdict == Verdict::Good) {
            checks.extend(self.0.asked(questions));
        }
        checks
    }
}
