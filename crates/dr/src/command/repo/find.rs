//! `dr repo find`: in which snapshots something is.

use clap::Args;

use super::snapshots::log_is_damaged;
use crate::command::look::View;
use crate::command::look::query::{FindQuery, Telling};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::place::{self, Access, Place};

/// Find files in snapshots, and say in which they are
///
/// Each version of a file is a line: the newest and the oldest of the snapshots in a row that hold these contents.
#[derive(Args)]
pub struct Find {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    #[command(flatten)]
    query: FindQuery,
}

impl Find {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let repository = self.place.open(Access::Read, context)?;
        let view = View::local(&repository, context);
        let question = self.query.question(&view)?;
        let mut all = repository.snapshots();
        all.reverse();
        if !self.query.snapshots.is_empty() {
            let mut ids = Vec::new();
            for name in &self.query.snapshots {
                ids.push(repository.find(name).map_err(|e| view.told(e))?.id);
            }
            all.retain(|snapshot| ids.contains(&snapshot.id));
        }
        // Without a key that reads nothing can be searched at all.
        if let (false, Some(snapshot)) = (repository.reads(), all.first()) {
            repository.tree(snapshot.id).map_err(|e| view.told(e))?;
        }
        let mut telling = Telling::begin(&view);
        let mut trees = Vec::new();
        for snapshot in all {
            match repository.tree(snapshot.id) {
                Ok(tree) => trees.push(tree),
                Err(why) => telling.lost(&format!("not searched: snapshot {}: {why}", snapshot.id)),
            }
        }
        telling.search(&view, trees, &question)?;
        let damaged = log_is_damaged(&repository);
        if damaged {
            telling.lost("a log entry cannot be read: there may be snapshots that were not searched");
        }
        Ok(telling.end(&self.query).with(damaged, Cause::Missing))
    }
}
