//! `dr repo take-over`: somebody says that this host replaces the one that writes to a repository.

use clap::Args;
use dr_repo::{HostId, OtherWriter};
use dr_run::clock;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::shown;

/// Write from this host where another one wrote that is gone for good
///
/// Where a file system does not refuse names that are taken (single-writer mode), one host alone may write: the one that
/// made the newest snapshot. This says, in the repository's own log, that this host writes there from now on in the place
/// of that one. It must never write there again: of two hosts that do, one loses what it wrote. Nothing that it backed up
/// changes. It takes the recovery key, or a password, and --yes.
#[derive(Args)]
pub struct TakeOver {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
}

impl TakeOver {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let mut repository = self.place.open(Access::Write, context)?;
        if let Some(other) = repository.other_writer().filter(|_| !context.global.yes) {
            return Err(Failure::usage(format!(
                "{}. Take over only if that host never writes there again: of two that do, one loses what it wrote. Say \
                 --yes if that is meant. Nothing was changed.",
                self.wrote(&other)
            )));
        }
        let now_ms = clock::now().as_millisecond();
        let other = repository
            .take_over(now_ms)
            .map_err(|e| failure_text::repo(&e, Operation::Forgetting, &context.signals))?;
        let (place, own) = (self.place.shown(), HostId::named(&place::hostname()));
        context.screen.event(&json!({
            "event": "summary", "host": own.to_string(),
            "from": other.as_ref().map(|other| other.host.to_string()),
            "from_hostname": other.as_ref().and_then(|other| other.name.as_deref()).map(|name| shown::text(name.as_bytes())),
            "from_last": other.as_ref().and_then(|other| other.last_ms).and_then(shown::rfc3339),
        }));
        context.screen.mention(&match &other {
            Some(other) => format!(
                "taken over: {}; from now on this host does, {} (host {own}). The other one must never write there again, \
                 and is refused if it tries",
                self.wrote(other),
                place::hostname()
            ),
            None => format!("this host may write to {place} already; nothing was written"),
        });
        Ok(Outcome::done())
    }

    /// Who wrote there last, and when.
    fn wrote(&self, other: &OtherWriter) -> String {
        let when = other.last_ms.map(|ms| format!(", last on {}", shown::local(ms))).unwrap_or_default();
        let who = shown::name(other.to_string().as_bytes());
        format!("{who} wrote to {}{when}", self.place.shown())
    }
}
