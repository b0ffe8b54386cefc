//! `dr repo stats`: how much there is.

use clap::Args;
use dr_run::clock;
use serde_json::json;

use crate::cache::Cache;
use crate::command::unfinished;
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::shown;

/// Count what is there
#[derive(Args)]
pub struct Stats {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
}

impl Stats {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let repository = self.place.open(Access::Read, context)?;
        let stats = repository.stats().map_err(|e| failure_text::repo(&e, Operation::Reading, &context.signals))?;
        let now_ms = clock::now().as_millisecond();
        let cache = Cache::of(repository.id(), context.screen);
        let left = repository
            .unfinished(cache.journal(), now_ms)
            .map_err(|e| failure_text::repo(&e, Operation::Reading, &context.signals))?;
        context.screen.document(&json!({
            "snapshots": stats.snapshots, "chunks": stats.chunks, "packs": stats.packs, "bytes": stats.bytes,
            "objects": stats.objects, "logical_bytes": stats.logical_bytes, "single_writer": repository.single_writer(),
            "unfinished": unfinished::as_json(&left),
        }));
        failure_text::single_writer(repository.store(), context.screen);
        let say = |line: String| context.screen.say(&line);
        say(shown::count(stats.snapshots, "snapshot", "snapshots"));
        say(format!("{} of contents in all snapshots together", shown::size(stats.logical_bytes)));
        say(format!("{} in {}", shown::size(stats.bytes), shown::count(stats.objects, "object", "objects")));
        say(format!(
            "{} in {}",
            shown::count(stats.chunks, "chunk", "chunks"),
            shown::count(stats.packs, "pack", "packs")
        ));
        let place = self.place.shown();
        unfinished::tell(context.screen, &left, None, &format!("dr repo prune {place}"));
        Ok(Outcome::done())
    }
}
