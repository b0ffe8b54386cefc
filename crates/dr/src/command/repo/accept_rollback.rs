//! `dr repo accept-rollback`: somebody says that a repository was put back on purpose.

use clap::Args;
use dr_run::clock;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};

/// Go on with a repository that was put back to an earlier state
///
/// Each host remembers how far it has seen a repository, and writes nothing to one that ends before that: whoever put it
/// back may have meant no good. This says that it was meant, in the repository's own log, for every host. What was backed
/// up since that state is not there any more. It takes the recovery key, or a password.
#[derive(Args)]
pub struct AcceptRollback {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// The newest log entry that any host has seen, as its message says; else what this one has seen, also for the plan
    #[arg(long, value_name = "N")]
    seen: Option<u64>,
}

impl AcceptRollback {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let mut repository = self.place.open(Access::Write, context)?;
        let behind = repository.behind().map(|(n, _)| n);
        let Some(seen) = self.seen.max(behind) else {
            return Err(Failure::usage(
                "this host has seen nothing that is not there, so there is nothing to accept. If another host refuses, \
                 its message names the entry for --seen. Nothing was changed.",
            ));
        };
        let (found, _) = repository.head();
        let now_ms = clock::now().as_millisecond();
        repository
            .accept_rollback(seen, now_ms)
            .map_err(|e| failure_text::repo(&e, Operation::Forgetting, &context.signals))?;
        context.screen.event(&json!({ "event": "summary", "seen": seen, "found": found }));
        context.screen.mention(&format!(
            "accepted: the log ended with entry {found}, and entry {seen} had been seen. Look what is missing: `dr repo \
             snapshots`, and back up again"
        ));
        Ok(Outcome::done())
    }
}
