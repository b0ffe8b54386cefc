//! How the differences between two snapshots are told.

use std::path::PathBuf;

use clap::Args;
use dr_entry::{EntryPath, Kind, Meta};
use dr_repo::{Amount, Aspect, Change, Compared, Diff, Difference, RepoError, Tree, diff};
use serde_json::{Map, Value, json};

use super::{View, listed, paths};
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Of what, and how much is told.
#[derive(Args)]
pub struct Manner {
    /// Only these and what is below them
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also directories whose only change is their mtime: something was made or removed in them
    #[arg(long)]
    times: bool,
}

impl Manner {
    /// What is compared: one of the two may lack it.
    fn wanted(&self, view: &View<'_>, from: &Tree, to: &Tree) -> Result<Vec<EntryPath>, Failure> {
        let mut wanted: Vec<EntryPath> = Vec::new();
        for path in &self.paths {
            let one = std::slice::from_ref(path);
            let in_to = paths::wanted(one, view.repository, to);
            let found = in_to.or_else(|missing| paths::wanted(one, view.repository, from).map_err(|_| missing))?;
            wanted.extend(found.there);
        }
        Ok(wanted)
    }

    /// Compares two snapshots.
    ///
    /// # Errors
    /// [`Failure`], for a person to read.
    pub fn compare(&self, view: &View<'_>, from: &Tree, to: &Tree) -> Result<Outcome, Failure> {
        let screen = view.context.screen;
        let wanted = self.wanted(view, from, to)?;
        if screen.is_json() {
            let named =
                |tree: &Tree| json!({ "id": tree.id.to_string(), "time": shown::rfc3339(tree.label.started_ms) });
            screen.print(format!("{{\"from\":{},\"to\":{},\"changes\":[", named(from), named(to)).as_bytes());
        }
        let (mut first, mut only_times) = (true, 0u64);
        let what = Diff { from, to, paths: &wanted, stop: view.context.signals.stop() };
        let compared = diff(view.repository, &what, &mut |difference| {
            if screen.is_closed() {
                return Err(RepoError::Interrupted);
            }
            if !self.times && is_time_of_directory(&difference) {
                only_times += 1;
            } else if screen.is_json() {
                screen.print(if std::mem::take(&mut first) { b"\n" } else { b",\n" });
                screen.print(as_json(&difference).to_string().as_bytes());
            } else {
                screen.say(&as_line(&difference));
            }
            Ok(())
        });
        let compared = match compared {
            Err(RepoError::Interrupted) if !view.context.signals.stopped() => return Ok(Outcome::done()),
            Err(error) => return Err(view.told(error)),
            Ok(compared) => compared,
        };
        if screen.is_json() {
            let summary = summary(&compared, only_times);
            screen.print(format!("\n],\"summary\":{summary}}}\n").as_bytes());
        }
        screen.mention(&last_line(&compared, only_times));
        for why in &compared.lost {
            screen.warning(&format!("not compared whole: {why}"));
        }
        if compared.unknown > 0 {
            let entries = shown::count(compared.unknown, "entry", "entries");
            screen.warning(&format!("{entries} could not be compared: the other side is damaged there"));
        }
        Ok(Outcome::done().with(!compared.lost.is_empty(), Cause::Missing))
    }
}

fn is_time_of_directory(difference: &Difference) -> bool {
    difference.change == Change::Changed(vec![Aspect::Time])
        && difference.after.as_ref().is_some_and(|meta| meta.kind == Kind::Directory)
}

fn aspect(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Type => "type",
        Aspect::Content => "content",
        Aspect::Mode => "mode",
        Aspect::User => "user",
        Aspect::Group => "group",
        Aspect::Time => "time",
        Aspect::Xattrs => "xattrs",
        Aspect::Links => "links",
    }
}

fn as_json(difference: &Difference) -> Value {
    let mut out = Map::new();
    shown::put_name(&mut out, "path", difference.path.as_bytes());
    let (word, aspects) = match &difference.change {
        Change::Added => ("added", None),
        Change::Removed => ("removed", None),
        Change::Renamed { .. } => ("renamed", None),
        Change::Changed(aspects) => ("changed", Some(aspects)),
    };
    out.insert("change".into(), json!(word));
    if let Some(aspects) = aspects {
        out.insert("what".into(), json!(aspects.iter().map(|a| aspect(*a)).collect::<Vec<_>>()));
    }
    if let Change::Renamed { from } = &difference.change {
        shown::put_name(&mut out, "from", from.as_bytes());
    }
    for (key, meta) in [("before", &difference.before), ("after", &difference.after)] {
        if let Some(meta) = meta {
            out.insert(key.into(), Value::Object(listed::meta_json(meta)));
        }
    }
    Value::Object(out)
}

fn size(meta: &Meta) -> Option<String> {
    (meta.kind == Kind::File).then(|| shown::size(meta.size))
}

fn as_line(difference: &Difference) -> String {
    let name = if difference.path.is_root() { ".".to_owned() } else { difference.path.to_string() };
    let of = |meta: &Option<Meta>| meta.as_ref().and_then(size).map(|size| format!("  ({size})")).unwrap_or_default();
    match &difference.change {
        Change::Added => format!("+  {name}{}", of(&difference.after)),
        Change::Removed => format!("-  {name}{}", of(&difference.before)),
        Change::Renamed { from } => format!("R  {from} -> {name}{}", of(&difference.after)),
        Change::Changed(aspects) => {
            let letter = match aspects.first() {
                Some(Aspect::Type) => 'T',
                Some(Aspect::Content) => 'M',
                _ => 'm',
            };
            let said = said(difference.before.as_ref(), difference.after.as_ref(), aspects);
            format!("{letter}  {name}  ({said})")
        }
    }
}

/// Each part that is another, with what it was and is where that is short.
fn said(before: Option<&Meta>, after: Option<&Meta>, aspects: &[Aspect]) -> String {
    let (Some(a), Some(b)) = (before, after) else { return String::new() };
    let owner =
        |owner: &dr_entry::Owner| owner.name.as_ref().map_or_else(|| owner.id.to_string(), |name| shown::name(name));
    let one = |what: &Aspect| match what {
        Aspect::Type => format!("{} -> {}", listed::word(&a.kind), listed::word(&b.kind)),
        Aspect::Content => match (size(a), size(b)) {
            (Some(was), Some(is)) if a.size != b.size => format!("{was} -> {is}"),
            _ => "content".to_owned(),
        },
        Aspect::Mode => format!("mode {:04o} -> {:04o}", a.mode, b.mode),
        Aspect::User => format!("user {} -> {}", owner(&a.user), owner(&b.user)),
        Aspect::Group => format!("group {} -> {}", owner(&a.group), owner(&b.group)),
        other => aspect(*other).to_owned(),
    };
    aspects.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn summary(compared: &Compared, only_times: u64) -> Value {
    let amount = |amount: &Amount| json!({ "entries": amount.entries, "bytes": amount.bytes });
    json!({
        "added": amount(&compared.added), "removed": amount(&compared.removed), "changed": amount(&compared.changed),
        "renamed": amount(&compared.renamed), "metadata": compared.metadata, "directory_times_only": only_times,
        "renames_looked_for": compared.renames_looked_for, "unknown": compared.unknown, "lost": compared.lost,
        "pages_read": compared.pages,
    })
}

fn last_line(compared: &Compared, only_times: u64) -> String {
    let amount = |amount: &Amount, word: &str| {
        (amount.entries > 0).then(|| format!("{} {word} ({})", amount.entries, shown::size(amount.bytes)))
    };
    let metadata = compared.metadata.saturating_sub(only_times);
    let parts: Vec<String> = [
        amount(&compared.added, "added"),
        amount(&compared.removed, "removed"),
        amount(&compared.changed, "changed"),
        amount(&compared.renamed, "renamed"),
        (metadata > 0).then(|| format!("{metadata} with other metadata only")),
        (!compared.renames_looked_for).then(|| "too many differences to look for renames".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { "no difference".to_owned() } else { parts.join("; ") }
}
