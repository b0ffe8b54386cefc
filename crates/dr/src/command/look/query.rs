//! What a person looks for over many snapshots, and how what was found is told.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dr_entry::{EntryPath, Kind, Meta};
use dr_repo::{FindOptions, Found, RepoError, Shape, Tree, Version, find};
use dr_run::Naming;
use dr_source::files::{glob, glob_of_any_case};
use globset::{GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{View, listed, paths};
use crate::command::named::no_time;
use crate::exit::{Cause, Failure, Outcome};
use crate::moment::{Side, Toward, moment};
use crate::shown;

/// What is looked for.
#[derive(Args, Clone)]
pub struct FindQuery {
    /// A name anywhere (`*.odt`), a whole path (`/srv/shares/**/plan.odt`) or the end of one (`form-3/plan.odt`); `*`
    /// does not cross a `/`, `**` does; without any, everything
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    /// Capital letters are as good as small ones
    #[arg(short = 'i', long)]
    ignore_case: bool,
    /// Only in this snapshot: its id, the first 8 digits or more of it, or latest; may be repeated
    #[arg(long = "snapshot", value_name = "ID|latest")]
    pub snapshots: Vec<String>,
    /// Only this and what is below it; may be repeated
    #[arg(long = "path", value_name = "P", allow_hyphen_values = true)]
    paths: Vec<PathBuf>,
    /// Only entries of this kind; may be repeated
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<What>,
    /// Only files of this size or more
    #[arg(long, value_name = "SIZE", value_parser = shown::read_size)]
    larger: Option<u64>,
    /// Only files of this size or less
    #[arg(long, value_name = "SIZE", value_parser = shown::read_size)]
    smaller: Option<u64>,
    /// Only what was changed at this time or later
    #[arg(long, value_name = "TIME")]
    newer: Option<String>,
    /// Only what was changed before this time
    #[arg(long, value_name = "TIME")]
    older: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Device,
}

impl What {
    fn is(self, kind: &Kind) -> bool {
        match kind {
            Kind::File => self == Self::File,
            Kind::Directory => self == Self::Directory,
            Kind::Symlink(_) => self == Self::Symlink,
            Kind::Fifo => self == Self::Fifo,
            Kind::Socket => self == Self::Socket,
            Kind::CharDevice { .. } | Kind::BlockDevice { .. } => self == Self::Device,
        }
    }
}

/// [`FindQuery`], ready to be asked of each entry.
pub struct Question<'a> {
    query: &'a FindQuery,
    names: GlobSet,
    wholes: GlobSet,
    /// Milliseconds since 1970.
    newer: Option<i64>,
    older: Option<i64>,
}

impl FindQuery {
    /// A word that was taken for something else is a pattern, the first.
    pub fn also(&mut self, pattern: String) {
        self.patterns.insert(0, pattern);
    }

    /// Whether something more than a word is looked for.
    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Why nothing may have been found, if the patterns show it.
    fn hint(&self) -> Option<String> {
        let plain = |pattern: &&String| !pattern.contains(['*', '?', '[', '{', '/']);
        let whole = self.patterns.iter().find(plain);
        let within = whole.map(|word| format!("`{word}` is a whole name: `*{word}*` finds it within one"));
        let cased = !self.ignore_case && self.patterns.iter().any(|pattern| pattern.chars().any(char::is_alphabetic));
        let cased = cased.then(|| "-i finds capital letters and small ones".to_owned());
        let hints: Vec<String> = within.into_iter().chain(cased).collect();
        (!hints.is_empty()).then(|| hints.join("; "))
    }

    /// Reads the patterns and times.
    ///
    /// # Errors
    /// [`Cause::Usage`] says which cannot be meant.
    pub fn question(&self, view: &View<'_>) -> Result<Question<'_>, Failure> {
        let (mut names, mut wholes) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in &self.patterns {
            let read = if self.ignore_case { glob_of_any_case } else { glob };
            let glob = read(pattern).map_err(|why| Failure::usage(format!("the pattern `{pattern}`: {why}")))?;
            if pattern.contains('/') {
                wholes.add(glob)
            } else {
                names.add(glob)
            };
        }
        let build = |set: GlobSetBuilder| set.build().map_err(|why| Failure::usage(format!("the patterns: {why}")));
        let when = |text: &Option<String>| -> Result<Option<i64>, Failure> {
            text.as_ref()
                .map(|text| {
                    let at = moment(text, &view.zone, view.now, Side::Begin, Toward::Past);
                    at.map(Timestamp::as_millisecond).ok_or_else(|| no_time(text))
                })
                .transpose()
        };
        Ok(Question {
            query: self,
            names: build(names)?,
            wholes: build(wholes)?,
            newer: when(&self.newer)?,
            older: when(&self.older)?,
        })
    }
}

impl Question<'_> {
    fn wants(&self, path: &EntryPath, meta: &Meta, naming: &Naming) -> bool {
        let FindQuery { patterns, kinds, larger, smaller, .. } = self.query;
        let named = || {
            patterns.is_empty()
                || (!self.names.is_empty() && self.names.is_match(OsStr::from_bytes(path.name())))
                || (!self.wholes.is_empty() && {
                    let whole = naming.on_the_machine(path);
                    self.wholes.is_match(OsStr::from_bytes(&whole))
                })
        };
        let sized = larger.is_some() || smaller.is_some();
        let ms = meta.mtime.seconds.saturating_mul(1000).saturating_add(i64::from(meta.mtime.nanos / 1_000_000));
        (kinds.is_empty() || kinds.iter().any(|kind| kind.is(&meta.kind)))
            && (!sized || meta.kind == Kind::File)
            && larger.is_none_or(|least| meta.size >= least)
            && smaller.is_none_or(|most| meta.size <= most)
            && self.newer.is_none_or(|newer| ms >= newer)
            && self.older.is_none_or(|older| ms < older)
            && named()
    }

    /// The paths outside of which nothing can be found; `None`: nothing can be found at all.
    fn below(&self, tree: &Tree, naming: &Naming) -> Result<Option<Vec<EntryPath>>, Failure> {
        if !self.query.paths.is_empty() {
            // Whichever it is that this or an older snapshot has.
            let mut below = Vec::new();
            for path in &self.query.paths {
                below.extend(naming.meant(path).map_err(|why| paths::unfit(path, why))?);
            }
            return Ok(Some(below));
        }
        if self.query.ignore_case || !naming.is_plain() {
            return Ok(Some(Vec::new()));
        }
        let mut below = Vec::new();
        for pattern in &self.query.patterns {
            let Some(start) = pattern.strip_prefix('/') else { return Ok(Some(Vec::new())) };
            let plain = |part: &&str| !part.contains(['*', '?', '[', '{', '\\']);
            let start: Vec<&str> = start.split('/').take_while(plain).filter(|part| !part.is_empty()).collect();
            match inside(start.join("/").as_bytes(), tree) {
                Inside::All => return Ok(Some(Vec::new())),
                Inside::Nothing => {}
                Inside::Path(path) => below.push(path),
            }
        }
        Ok(if below.is_empty() && !self.query.patterns.is_empty() { None } else { Some(below) })
    }
}

/// What of a tree lies below a path of the machine (without its leading slash).
enum Inside {
    All,
    Nothing,
    Path(EntryPath),
}

fn inside(start: &[u8], tree: &Tree) -> Inside {
    let path = |bytes: &[u8]| EntryPath::new(bytes).map_or(Inside::Nothing, Inside::Path);
    let (Shape::Directory, Some(root)) = (tree.shape, tree.label.paths.first()) else { return path(start) };
    let root: Vec<&[u8]> = root.split(|b| *b == b'/').filter(|part| !part.is_empty()).collect();
    let start: Vec<&[u8]> = start.split(|b| *b == b'/').filter(|part| !part.is_empty()).collect();
    match (start.strip_prefix(root.as_slice()), root.starts_with(&start)) {
        (Some(rest), _) => path(&rest.join(&b'/')),
        (None, true) => Inside::All,
        (None, false) => Inside::Nothing,
    }
}

/// Tells what is found as it is found.
pub struct Telling<'a> {
    view: &'a View<'a>,
    /// What stands before each line, where several systems are searched.
    whose: String,
    found: u64,
    first: bool,
    not_whole: bool,
}

impl<'a> Telling<'a> {
    pub fn begin(view: &'a View<'a>) -> Self {
        if view.context.screen.is_json() {
            view.context.screen.print(b"[");
        }
        Self { view, whose: String::new(), found: 0, first: true, not_whole: false }
    }

    /// From here on it is this system that is searched, one of several.
    pub fn of(&mut self, system: &str) {
        self.whose = format!("{system:<16} ");
    }

    /// Looks through snapshots of one repository, newest first. `false`: nobody listens any more.
    ///
    /// # Errors
    /// [`Failure`], for a person to read.
    pub fn search(&mut self, view: &View<'_>, trees: Vec<Tree>, question: &Question<'_>) -> Result<bool, Failure> {
        for series in series(trees) {
            let Some(one) = series.first() else { continue };
            let naming = paths::naming(view.repository, one);
            let Some(below) = question.below(one, &naming)? else { continue };
            let search = FindOptions {
                trees: &series,
                paths: &below,
                wanted: &|path, meta| question.wants(path, meta, &naming),
                stop: view.context.signals.stop(),
            };
            let searched = find(view.repository, &search, &mut |found| {
                if view.context.screen.is_closed() {
                    return Err(RepoError::Interrupted);
                }
                self.tell(&found, &series, &naming);
                Ok(())
            });
            match searched {
                Err(RepoError::Interrupted) if !view.context.signals.stopped() => return Ok(false),
                Err(error) => return Err(view.told(error)),
                Ok(searched) => {
                    for (places, why) in &searched.lost {
                        let ids: Vec<_> = places.iter().map(|at| series[*at].id.to_string()[..8].to_owned()).collect();
                        self.lost(&format!("not searched whole: snapshot {}: {why}", ids.join(", ")));
                    }
                }
            }
        }
        Ok(true)
    }

    /// Something that could not be searched.
    pub fn lost(&mut self, line: &str) {
        self.not_whole = true;
        self.view.context.screen.warning(line);
    }

    pub fn end(self, query: &FindQuery) -> Outcome {
        let screen = self.view.context.screen;
        if screen.is_json() {
            screen.print(b"\n]\n");
        } else if self.found == 0 {
            let hint = query.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
            screen.note(&format!("nothing was found{hint}"));
        }
        // Where something was not searched, nobody knows.
        Outcome::done().with(self.not_whole, Cause::Missing).with(self.found == 0 && !self.not_whole, Cause::Failed)
    }

    fn tell(&mut self, found: &Found, series: &[Tree], naming: &Naming) {
        self.found += 1;
        let screen = self.view.context.screen;
        let Some(one) = series.first() else { return };
        if screen.is_json() {
            screen.print(if std::mem::take(&mut self.first) { b"\n" } else { b",\n" });
            screen.print(as_json(found, series, one, naming).to_string().as_bytes());
        } else {
            let name = shown::name(&naming.on_the_machine(&found.path));
            let line = |version| format!("{}{}", self.whose, self.as_line(&name, version, series));
            found.versions.iter().for_each(|version| screen.say(&line(version)));
        }
    }

    fn as_line(&self, name: &str, version: &Version, series: &[Tree]) -> String {
        let at = |tree: &Tree| shown::at(tree.label.started_ms, &self.view.zone);
        let named = |tree: &Tree| format!("{} of {}", &tree.id.to_string()[..8], at(tree));
        let (newest, oldest) = (&series[version.newest], &series[version.oldest]);
        let held = match version.oldest - version.newest + 1 {
            1 => format!("in {}", named(newest)),
            count => format!("in {count} snapshots, {} back to {}", named(newest), named(oldest)),
        };
        let size = match version.meta.kind {
            Kind::File => shown::size(version.meta.size),
            _ => listed::word(&version.meta.kind).to_owned(),
        };
        let changed = shown::at(version.meta.mtime.seconds.saturating_mul(1000), &self.view.zone);
        format!("{size:>10}  {changed}  {name}  {held}")
    }
}

fn as_json(found: &Found, series: &[Tree], one: &Tree, naming: &Naming) -> Value {
    let mut out = Map::new();
    shown::put_name(&mut out, "path", found.path.as_bytes());
    shown::put_name(&mut out, "on_the_machine", &naming.on_the_machine(&found.path));
    out.insert("hostname".into(), json!(one.label.hostname));
    out.insert("system".into(), json!(one.label.system));
    let named = |tree: &Tree| json!({ "id": tree.id.to_string(), "time": shown::rfc3339(tree.label.started_ms) });
    let version = |version: &Version| {
        let mut out = listed::meta_json(&version.meta);
        out.insert("snapshots".into(), json!(version.oldest - version.newest + 1));
        out.insert("newest".into(), named(&series[version.newest]));
        out.insert("oldest".into(), named(&series[version.oldest]));
        Value::Object(out)
    };
    out.insert("versions".into(), Value::Array(found.versions.iter().map(version).collect()));
    Value::Object(out)
}

/// Snapshots of one source together, in the order in which they came.
fn series(trees: Vec<Tree>) -> Vec<Vec<Tree>> {
    let mut out: Vec<Vec<Tree>> = Vec::new();
    for tree in trees {
        let of = |other: &Tree| {
            let (a, b) = (&tree.label, &other.label);
            tree.shape == other.shape && a.system == b.system && a.hostname == b.hostname && a.paths == b.paths
        };
        match out.iter_mut().find(|series| series.first().is_some_and(of)) {
            Some(series) => series.push(tree),
            None => out.push(vec![tree]),
        }
    }
    out
}
