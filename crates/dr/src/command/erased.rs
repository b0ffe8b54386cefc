//! What a person wants erased, and how it is told what becomes of it: with a plan and without.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use clap::Args;
use dr_entry::EntryPath;
use dr_repo::{Erased, Judged, Ruling, Shape, Tree};
use dr_source::files::glob;
use globset::{GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::look::paths::on_the_machine;
use crate::exit::{Cause, Failure, Outcome};
use crate::output::Screen;
use crate::shown;

/// What is to be erased.
#[derive(Args, Clone)]
pub struct What {
    /// This and everything below it: as it was called on the machine, or without a leading slash as the snapshot has it;
    /// may be repeated
    #[arg(long = "path", value_name = "P")]
    pub paths: Vec<String>,
    /// What this matches, and everything below it: a name anywhere (`*.eml`), a whole path (`/srv/shares/**/report.odt`)
    /// or the end of one; `*` does not cross a `/`, `**` does; may be repeated
    #[arg(long = "glob", value_name = "PATTERN")]
    pub globs: Vec<String>,
}

/// [`What`], ready to be asked of each entry.
pub struct Asked {
    paths: Vec<Vec<u8>>,
    names: GlobSet,
    wholes: GlobSet,
    bytes: Vec<u8>,
}

impl What {
    /// Reads paths and patterns.
    ///
    /// # Errors
    /// [`Cause::Usage`] says which cannot be meant.
    pub fn asked(&self) -> Result<Asked, Failure> {
        if self.paths.is_empty() && self.globs.is_empty() {
            return Err(Failure::usage("say what is to be erased: --path P, --glob PATTERN"));
        }
        for path in &self.paths {
            parts(path.as_bytes())
                .map_err(|why| Failure::usage(format!("--path {path}: {why}. Nothing was erased.")))?;
        }
        let (mut names, mut wholes) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in &self.globs {
            let glob = glob(pattern).map_err(|why| Failure::usage(format!("the pattern `{pattern}`: {why}")))?;
            if pattern.contains('/') {
                wholes.add(glob)
            } else {
                names.add(glob)
            };
        }
        let build = |set: GlobSetBuilder| set.build().map_err(|why| Failure::usage(format!("the patterns: {why}")));
        let mut words: Vec<String> = self.paths.iter().map(|path| format!("path {path}")).collect();
        words.extend(self.globs.iter().map(|pattern| format!("glob {pattern}")));
        words.sort();
        words.dedup();
        Ok(Asked {
            paths: self.paths.iter().map(|path| path.as_bytes().to_vec()).collect(),
            names: build(names)?,
            wholes: build(wholes)?,
            bytes: words.join("\0").into_bytes(),
        })
    }
}

/// A path without what means nothing in it.
fn parts(path: &[u8]) -> Result<EntryPath, String> {
    let parts: Vec<_> = path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    EntryPath::new(parts.join(&b'/')).map_err(|why| why.to_string())
}

impl Asked {
    /// The same bytes whenever the same is asked for.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entries of a tree that the paths name.
    pub fn entries(&self, tree: &Tree) -> Vec<EntryPath> {
        self.paths.iter().filter_map(|path| entry(path, tree)).collect()
    }

    /// Whether there are patterns at all.
    pub fn has_patterns(&self) -> bool {
        !self.names.is_empty() || !self.wholes.is_empty()
    }

    /// Whether a pattern matches this entry.
    pub fn matches(&self, tree: &Tree, path: &EntryPath) -> bool {
        // The root has no name of its own.
        (!self.names.is_empty() && !path.is_root() && self.names.is_match(OsStr::from_bytes(path.name())))
            || (!self.wholes.is_empty() && {
                let whole = on_the_machine(path, &tree.label.paths, tree.shape);
                self.wholes.is_match(OsStr::from_bytes(&whole))
            })
    }
}

/// The entry that a path names: with a leading slash only what was there on the machine, for nobody wants something else
/// erased that happens to be called alike.
fn entry(path: &[u8], tree: &Tree) -> Option<EntryPath> {
    match (path.starts_with(b"/"), tree.shape, tree.label.paths.first()) {
        (true, Shape::Directory, Some(root)) => below(path, root),
        _ => parts(path).ok(),
    }
}

/// What of a directory that was captured a path of the machine names.
fn below(path: &[u8], root: &[u8]) -> Option<EntryPath> {
    let (wanted, root) = (parts(path).ok()?, parts(root).ok()?);
    if root.is_within(&wanted) {
        return Some(EntryPath::root());
    }
    let below = wanted.as_bytes().strip_prefix(root.as_bytes())?;
    let below = if root.is_root() { below } else { below.strip_prefix(b"/")? };
    EntryPath::new(below).ok()
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
    if let Ruling::Anew(new) | Ruling::AnewBefore(new) = judged.ruling {
        event["written_anew"] = json!(new.to_string());
    }
    if let Some(target) = target {
        event["target"] = json!(target);
    }
    screen.event(&event);
    if judged.ruling != Ruling::Untouched || screen.is_verbose() {
        let word = if judged.ruling.stays() { "stays" } else { "erase" };
        let at = judged.started_ms.map_or_else(String::new, |at| shown::at(at, zone));
        let place = target.map(|target| format!("{target:<20} ")).unwrap_or_default();
        screen.say(&format!("{word:5}  {}  {at:16}  {place}{because}", &id[..8]));
    }
}

fn because(judged: &Judged, zone: &TimeZone) -> String {
    let much = format!("{}, {}", shown::count(judged.entries, "entry", "entries"), shown::size(judged.bytes));
    match &judged.ruling {
        Ruling::Untouched => "nothing of it is in it".to_owned(),
        Ruling::Anew(new) => format!("{much}; it is written anew without, as {}", &new.to_string()[..8]),
        Ruling::AnewBefore(new) => {
            format!("{much}; it was written anew before, as {}, and is still here", &new.to_string()[..8])
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
    erased: &Erased,
    left: Option<(u64, u64)>,
    place: &str,
    target: Option<&str>,
    dry: bool,
) -> Outcome {
    let Erased { snapshots, held, unread, entries, bytes, chunks, shared, packs, unseen, bytes_stored } = erased;
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
    fn a_path_with_a_slash_means_what_was_there_on_the_machine_and_nothing_that_is_called_alike() {
        let named = |path: &str, root: &str| {
            below(path.as_bytes(), root.as_bytes()).map(|path| String::from_utf8(path.as_bytes().to_vec()).unwrap())
        };
        assert_eq!(named("/srv/shares/a/b", "/srv/shares").as_deref(), Some("a/b"));
        assert_eq!(named("/srv/shares//a/./b/", "/srv/shares/").as_deref(), Some("a/b"));
        assert_eq!(named("/srv/shares", "/srv/shares").as_deref(), Some(""));
        assert_eq!(named("/srv", "/srv/shares").as_deref(), Some(""), "all of it lies below");
        assert_eq!(named("/srv/shares-old/a", "/srv/shares"), None);
        assert_eq!(named("/a/b", "/srv/shares"), None);
        assert_eq!(named("/a/b", "/").as_deref(), Some("a/b"));
    }

    #[test]
    fn the_same_words_are_the_same_bytes_and_none_at_all_are_refused() {
        let what = |paths: &[&str], globs: &[&str]| What {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            globs: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        };
        let bytes = |what: What| what.asked().map(|asked| asked.bytes().to_vec()).ok();
        assert_eq!(bytes(what(&["a", "b"], &["*.x"])), bytes(what(&["b", "a", "a"], &["*.x"])));
        assert_ne!(bytes(what(&["a"], &[])), bytes(what(&[], &["a"])));
        assert_eq!(bytes(what(&[], &[])), None);
        assert_eq!(bytes(what(&["../a"], &[])), None);
        assert_eq!(bytes(what(&[], &["a["])), None);
    }
}
