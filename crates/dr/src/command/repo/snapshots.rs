//! `dr repo snapshots`: what is kept.

use clap::Args;
use dr_repo::{Label, Repository, Snapshot};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::place::{self, Place};
use crate::shown;

/// List what is kept, oldest first
#[derive(Args)]
pub struct Snapshots {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
}

impl Snapshots {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let repository = self.place.open_for_list(context)?;
        let snapshots = repository.snapshots();
        context.screen.document(&snapshots.iter().map(as_json).collect::<Vec<_>>());
        for snapshot in &snapshots {
            context.screen.say(&as_line(snapshot));
        }
        if snapshots.is_empty() {
            context.screen.mention(&format!("there is no snapshot at {} yet", self.place.shown()));
        }
        let incomplete = log_is_damaged(&repository);
        if incomplete {
            context.screen.warning("a log entry cannot be read: there may be snapshots that this list does not know");
        }
        let closed = snapshots.iter().any(|snapshot| snapshot.label.is_none());
        Ok(Outcome::done().with(incomplete || closed, Cause::Missing))
    }
}

/// Whether part of the log cannot be read, so that snapshots may be unknown.
pub fn log_is_damaged(repository: &Repository) -> bool {
    repository.latest_is_uncertain() || repository.faults().iter().any(|fault| fault.object.starts_with("log/"))
}

fn as_json(snapshot: &Snapshot) -> Value {
    let mut out = Map::new();
    out.insert("id".into(), json!(snapshot.id.to_string()));
    let unknown = Label::default();
    let label = snapshot.label.as_ref().unwrap_or(&unknown);
    out.insert("time".into(), json!(snapshot.label.as_ref().and_then(|label| shown::rfc3339(label.started_ms))));
    out.insert("hostname".into(), json!(label.hostname));
    out.insert("paths".into(), json!(label.paths.iter().map(|path| shown::text(path)).collect::<Vec<_>>()));
    out.insert("tags".into(), json!(label.tags));
    out.insert("system".into(), json!(label.system));
    out.insert("number".into(), json!(snapshot.number));
    out.insert("held_until".into(), json!(snapshot.held_until_ms.and_then(shown::rfc3339)));
    if let Some(replaces) = snapshot.replaces {
        out.insert("replaces".into(), json!(replaces.to_string()));
    }
    if snapshot.label.is_none() {
        out.insert("damaged".into(), json!("its label does not open"));
    }
    out.insert(
        "summary".into(),
        json!({
            "entries": label.entries, "files": label.files, "bytes": label.bytes, "unreadable": label.unreadable,
            "ended": snapshot.label.as_ref().and_then(|label| shown::rfc3339(label.ended_ms)),
        }),
    );
    Value::Object(out)
}

fn as_line(snapshot: &Snapshot) -> String {
    let id = &snapshot.id.to_string()[..8];
    let Some(label) = &snapshot.label else { return format!("{id}  (its label does not open)") };
    let paths: Vec<_> = label.paths.iter().map(|path| shown::name(path)).collect();
    let tags: String = label
        .tags
        .iter()
        .map(|(name, value)| format!("  {}={}", shown::name(name.as_bytes()), shown::name(value.as_bytes())))
        .collect();
    let unread = if label.unreadable > 0 { format!(", {} unreadable", label.unreadable) } else { String::new() };
    format!(
        "{id}  {}  {}  {}, {}{unread}  {}{tags}",
        shown::local(label.started_ms),
        shown::name(label.hostname.as_bytes()),
        shown::count(label.files, "file", "files"),
        shown::size(label.bytes),
        paths.join(" ")
    )
}
