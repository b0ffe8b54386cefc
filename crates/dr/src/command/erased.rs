//! What a person wants erased, and how it is told what becomes of it: with a plan and without.

use clap::Args;
use dr_entry::EntryPath;
use dr_repo::{EraseReport, Judged, Ruling, Tree};
use dr_run::Meant;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::exit::{Cause, Failure, Outcome};
use crate::output::Screen;
use crate::shown;

/// What is to be erased.
#[derive(Args, Clone)]
pub struct What {
    /// This and everything below it: as it was called on the machine, or without a leading slash as the snapshot has it;
    /// may be repeated
    #[arg(long = "path", value_name = "P", allow_hyphen_values = true)]
    pub paths: Vec<String>,
    /// What this matches, and everything below it: a name anywhere (`*.eml`), a whole path (`/srv/shares/**/report.odt`)
    /// or the end of one; `*` does not cross a `/`, `**` does; may be repeated
    #[arg(long = "glob", value_name = "PATTERN")]
    pub globs: Vec<String>,
}

/// [`What`], ready to be asked of each entry.
pub struct Asked(Meant);

impl What {
    /// Reads paths and patterns.
    ///
    /// # Errors
    /// [`Cause::Usage`] says which cannot be meant.
    pub fn asked(&self) -> Result<Asked, Failure> {
        if self.paths.is_empty() && self.globs.is_empty() {
            return Err(Failure::usage("say what is to be erased: --path P, --glob PATTERN"));
        }
        Meant::new(&self.paths, &self.globs).map(Asked).map_err(Failure::usage)
    }
}

impl Asked {
    /// The same bytes whenever the same is asked for.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The entries of a tree that the paths name.
    pub fn entries(&self, tree: &Tree) -> Vec<EntryPath> {
        self.0.entries(&tree.label.paths, tree.shape)
    }

    /// Whether there are patterns at all.
    pub fn has_patterns(&self) -> bool {
        self.0.has_patterns()
    }

    /// Whether a pattern matches this entry.
    pub fn matches(&self, tree: &Tree, path: &EntryPath) -> bool {
        self.0.matches(path, &tree.label.paths, tree.shape)
    }
}

/// What becomes of one snapshot. `target`: on which copy, where there are several.
pub fn verdict(screen: &Screen, judged: &Judged, zone: &TimeZone, target: Option<&str>) {
    let id = judged.snapshot.to_string();
    let because = because(judged, zone);
    let mut event = json!({
        "event": "verdict", "snapshot": id, "keep": judged.ruling.stays(), "because": because,
        "entries": judged.entries, "bytes": judged.bytes, "system": judged.system,
        "time": judged.started_ms.and_then(shown::rfc3339),
    });
    if let Ruling::Rewrite(new) | Ruling::RewrittenBefore(new) = judged.ruling {
        event["rewritten_same"] = json!(new.to_string());
    }
    if let Some(target) = target {
        event["target"] = json!(target);
    }
    screen.event(&event);
    if judged.ruling != Ruling::Untouched || screen.is_verbose() {
        let word = if judged.ruling.stays() { "stays" } else { "erase" };
        let at = judged.started_ms.map_or_else(String::new, |at| shown::at(at, zone));
        let place = target.map(|target| format!("{target:<20} ")).unwrap_or_default();
        screen.mention(&format!("{word:5}  {}  {at:16}  {place}{because}", &id[..8]));
    }
}

fn because(judged: &Judged, zone: &TimeZone) -> String {
    let much = format!("{}, {}", shown::count(judged.entries, "entry", "entries"), shown::size(judged.bytes));
    match &judged.ruling {
        Ruling::Untouched => "nothing of it is in it".to_owned(),
        Ruling::Rewrite(new) => format!("{much}; it is rewritten without, as {}", &new.to_string()[..8]),
        Ruling::RewrittenBefore(new) => {
            format!("{much}; it was rewritten before, as {}, and is still here", &new.to_string()[..8])
        }
        Ruling::Whole => format!("{much}; nothing else is in it, so it goes as a whole"),
        Ruling::Forgotten => format!("{much}; it was forgotten, and can no longer be put back"),
        Ruling::Held(until) => {
            let until = Timestamp::from_millisecond(*until).unwrap_or(Timestamp::MAX).to_zoned(zone.clone());
            format!("{much}; it is held until {}, and a hold outranks an erasure", until.strftime("%Y-%m-%d"))
        }
        Ruling::Unread(why) => format!("it cannot be looked through: {why}"),
    }
}

/// What all of it came to on one repository. `left`: packs that hold something of it still, and their bytes.
pub fn end(
    screen: &Screen,
    erased: &EraseReport,
    left: Option<(u64, u64)>,
    place: &str,
    target: Option<&str>,
    dry: bool,
) -> Outcome {
    let EraseReport { snapshots, held, unread, entries, bytes, chunks, shared, packs, unseen, bytes_stored } = erased;
    let mut event = json!({
        "event": "summary", "snapshots": snapshots, "held": held, "unread": unread, "entries": entries,
        "bytes": bytes, "chunks": chunks, "shared": shared, "packs": packs, "unseen": unseen,
        "bytes_stored": bytes_stored, "left": left.map(|left| left.0), "dry_run": dry,
    });
    if let Some(target) = target {
        event["target"] = json!(target);
    }
    screen.event(&event);
    let would = if dry { "would be " } else { "" };
    let much = format!("{}, {}", shown::count(*entries, "entry", "entries"), shown::size(*bytes));
    screen.mention(&match (snapshots, left) {
        (0, Some((0, _)) | None) => format!("{place}: nothing of it is here"),
        (0, Some(_)) => format!("{place}: in no snapshot any more"),
        _ => format!("{place}: {much} {would}erased from {}", shown::count(*snapshots, "snapshot", "snapshots")),
    });
    if *shared > 0 {
        let (what, they) = (shown::count(*shared, "chunk", "chunks"), if *shared == 1 { "stays" } else { "stay" });
        screen.mention(&format!("{place}: {what} of it {they}: other files hold the same bytes"));
    }
    if *unseen > 0 {
        screen.warning(&format!("{place}: part of what stays cannot be read, so what it shares is not known"));
    }
    if let Some((packs @ 1.., bytes)) = left {
        let what = shown::count(packs, "pack", "packs");
        screen.mention(&format!(
            "{place}: its bytes lie in {what} of {} until those are deleted: prune again tomorrow and the day after",
            shown::size(bytes)
        ));
    }
    if *held > 0 {
        let (what, they) = (shown::count(*held, "snapshot", "snapshots"), if *held == 1 { "is" } else { "are" });
        screen.warning(&format!("{place}: it stays in {what} that {they} held"));
    }
    if *unread > 0 {
        let what = shown::count(*unread, "snapshot", "snapshots");
        screen.warning(&format!("{place}: {what} could not be looked through, and may hold some of it"));
    }
    Outcome::done().with(*held + *unread > 0, Cause::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_erased_is_said() {
        let what =
            |paths: &[&str]| What { paths: paths.iter().map(|path| (*path).to_owned()).collect(), globs: vec![] };
        assert!(what(&[]).asked().is_err() && what(&["../a"]).asked().is_err() && what(&["a"]).asked().is_ok());
    }
}
