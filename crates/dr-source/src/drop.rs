//! Has somebody else's export appeared, and is it a whole one?
//!
//! Many schools cannot read their MIS: its supplier, or a person, puts an export into a folder. What goes wrong there
//! makes no noise: it stops coming, it is half written, it is a page that says "please log in", it is a tenth of what
//! it was, or
//! the job that makes it died. Each of these is a [`NoExport`], and then nothing is kept that would look like a good copy.
//!
//! All files that the plan's pattern names are captured; the *newest export* is judged: the newest file, and those
//! before it with no gap of more than an hour. Judged are its age, whether it stood still, what it is inside and its size
//! against the last. While it is read every file must stay as it was, or the capture is told to end.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_entry::{Attributes, Body, Content, Entries, Fresh, Piece, Settled, Time};
use dr_plan::FileType;
use globset::GlobBuilder;
use jiff::tz::TimeZone;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::SourceError;
use crate::driver::shown;
use crate::files::Tally;
use crate::files::exclude::Exclude;
use crate::files::names::{Buffer, Names};
use crate::files::walk::{Opened, Rules, Special, Start, Walker};

mod beside;
mod content;
mod counts;
mod databases;
pub(crate) mod driver;
mod facts;
mod marker;
mod no_export;
mod rule;
mod tape;

pub use beside::Beside;
pub use content::{fits, of_name};
pub use facts::ExportFacts;
pub use no_export::{NoExport, Spoiled};
use rule::front;
pub use rule::{Found, Given, Rule};
pub use tape::Header;

/// A pause of more than this, in seconds, begins another export.
const PAUSE: i64 = 3_600;
/// Endings of files that a program is still bringing.
pub const UNFINISHED: [&str; 5] = [".part", ".partial", ".tmp", ".filepart", ".crdownload"];
/// So much of a file's front says of what type it is.
const LOOKED_AT: usize = 4 << 10;
/// A clock somewhere in the world may be so many seconds before the one in Greenwich.
const CLOCKS: i64 = 14 * 3_600;

/// An export that is being captured.
pub struct Export {
    /// Its files, read as they are asked for.
    pub entries: Entries<'static>,
    /// The newest export's size.
    pub size: u64,
    /// What else is known of it.
    pub tally: Arc<Tally>,
    /// Set with the reason if a file did not stay as it was.
    pub spoiled: Spoiled,
}

/// Judges the newest export and begins to capture the folder's files. `stop` is set if one of them changes meanwhile;
/// it must end the capture before anything counts as kept.
///
/// # Errors
/// [`NoExport`] says what is wrong with it.
pub fn capture(rule: &Rule<'_>, given: &Given<'_>, stop: &Arc<AtomicBool>) -> Result<Export, NoExport> {
    let Examined { found, size, facts } = examined(rule, given)?;
    let tally = Arc::<Tally>::default();
    tell(&facts, rule, given, &tally);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, rule.path, flags, Mode::empty()).map_err(|why| SourceError::open(rule.path, why))?;
    let rules = Rules {
        named: std::collections::HashSet::new(),
        exclude: Exclude::default(),
        prefix: Vec::new(),
        one_file_system: true,
        started: given.real,
        tally: Arc::clone(&tally),
        special: Box::new(Only(found.into_iter().map(|file| file.name).collect())),
    };
    let spoiled = Spoiled { why: Arc::default(), stop: Arc::clone(stop) };
    let (folder, watch) = (rule.path.to_owned(), spoiled.clone());
    let entries = Walker::new(root, Start::Whole, rules).map(move |item| {
        let mut entry = item.inspect_err(|unread| {
            let file = folder.join(OsStr::from_bytes(unread.path.as_bytes()));
            watch.set(NoExport::Unreadable { file, why: unread.why.clone() });
        })?;
        let file = folder.join(OsStr::from_bytes(entry.path.as_bytes()));
        let watch = watch.clone();
        entry.body = entry.body.take().map(|inner| Box::new(Steady { inner, file, watch }) as Box<dyn Body>);
        Ok(entry)
    });
    let entries = facts
        .among(Box::new(entries), given.real)
        .map_err(|unread| NoExport::Unreadable { file: rule.path.to_owned(), why: unread.why })?;
    Ok(Export { entries, size, tally, spoiled })
}

/// What a person is told of the export: what its headers say, and a set that is older than the plan allows though its file
/// is not.
fn tell(facts: &ExportFacts, rule: &Rule<'_>, given: &Given<'_>, tally: &Tally) {
    for (what, count) in &facts.counts {
        tally.detail(format!("{what}: {count}"));
        tally.count(counts::known_by(what), *count);
    }
    for (name, header) in &facts.backups {
        let name = shown(Path::new(name));
        tally.detail(format!("{name}: {header}"));
        let Some(written) = header.written else { continue };
        // It is not said whose clock that was.
        let Ok(at) = written.to_zoned(TimeZone::UTC) else { continue };
        if given.decided.seconds.saturating_sub(at.timestamp().as_second()) > rule.fresh.saturating_add(CLOCKS) {
            tally.note(format!(
                "{name}: the file is new, and by its header the backup in it was written on {}, which is older than the plan \
                 allows. It may have been copied there again, or its job may append to it: a new file each time takes `WITH INIT`",
                written.strftime("%-d %b %Y %H:%M")
            ));
        }
    }
}

/// An export that may be captured.
struct Examined {
    /// Every file that the pattern names, by name.
    found: Vec<Found>,
    /// The newest export's size.
    size: u64,
    /// What is written down of it.
    facts: ExportFacts,
}

/// Judges the newest export by all that can be known before it is read.
fn examined(rule: &Rule<'_>, given: &Given<'_>) -> Result<Examined, NoExport> {
    let Folder { found, all } = look(rule)?;
    let mut newest = judge(&found, rule, given)?;
    let files = databases::each(&found, rule)?;
    let names = files.iter().map(|at| found[*at].name.clone());
    let databases: HashMap<Vec<u8>, &str> = names.zip(rule.databases.iter().map(String::as_str)).collect();
    for at in files {
        // One that was finished early in the night is of the same export.
        let file = &found[at];
        if file.size == 0 {
            return Err(NoExport::Empty { file: rule.path.join(OsStr::from_bytes(&file.name)) });
        }
        if !newest.contains(file) {
            newest.push(file.clone());
        }
    }
    marker::marked(&newest, &all, rule)?;
    let mut facts = ExportFacts::default();
    for file in &newest {
        if let Some(header) = is_what_it_says(rule, file)? {
            facts.backups.insert(facts::name(file), header);
        }
    }
    // Last, since a page that says "log in" is small too.
    let size = plausible(&newest, rule, given)?;
    facts.counts = counts::of(&newest, &all, &databases, rule)?;
    if let Some(last) = given.last {
        counts::plausible(&facts.counts, &last.counts, rule.shrink)?;
    }
    Ok(Examined { found, size, facts })
}

/// What a folder holds.
struct Folder {
    /// Every file that the pattern names, by name.
    found: Vec<Found>,
    /// When each file of it was last written, in seconds.
    all: HashMap<Vec<u8>, i64>,
}

/// What the folder holds, if there is an export in it.
fn look(rule: &Rule<'_>) -> Result<Folder, NoExport> {
    let missing = || NoExport::Missing { path: rule.path.to_owned(), name: rule.name.to_owned() };
    let pattern = GlobBuilder::new(rule.name).literal_separator(true).backslash_escape(true).build();
    let pattern =
        pattern.map_err(|why| SourceError::Pattern { pattern: rule.name.to_owned(), why: why.to_string() })?;
    let pattern = pattern.compile_matcher();
    let read = match std::fs::read_dir(rule.path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Err(missing()),
        other => other.map_err(|why| SourceError::open(rule.path, why))?,
    };
    let (mut found, mut all) = (Vec::new(), HashMap::new());
    for entry in read {
        let entry = entry.map_err(|why| SourceError::open(rule.path, why))?;
        let name = entry.file_name().as_bytes().to_vec();
        let hidden = name.starts_with(b".") && !rule.name.starts_with('.');
        let unfinished = UNFINISHED.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending.as_bytes()));
        // One that is gone by now was none.
        let Some(about) = entry.metadata().ok().filter(std::fs::Metadata::is_file) else { continue };
        all.insert(name.clone(), about.mtime());
        // Ours, where a capture was restored to that folder.
        let is_ours = name == crate::FACTS.as_bytes();
        let marks = is_ours || [rule.marker, rule.facts].into_iter().flatten().any(|beside| beside.may_be(&name));
        if !hidden && !unfinished && !marks && pattern.is_match(OsStr::from_bytes(&name)) {
            found.push(Found { name, size: about.size(), mtime: about.mtime() });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if found.is_empty() { Err(missing()) } else { Ok(Folder { found, all }) }
}

/// The newest export among `found`, if it is fresh, stood still and has something in it.
///
/// # Errors
/// What is wrong with it.
pub fn judge(found: &[Found], rule: &Rule<'_>, given: &Given<'_>) -> Result<Vec<Found>, NoExport> {
    let file = |found: &Found| rule.path.join(OsStr::from_bytes(&found.name));
    let mut by_age: Vec<_> = found.to_vec();
    by_age.sort_by_key(|found| std::cmp::Reverse(found.mtime));
    let Some(first) = by_age.first() else {
        return Err(NoExport::Missing { path: rule.path.to_owned(), name: rule.name.to_owned() });
    };
    let age = given.decided.seconds.saturating_sub(first.mtime);
    if age > rule.fresh {
        return Err(NoExport::Stale { newest: file(first), at: Time { seconds: first.mtime, nanos: 0 }, age });
    }
    if given.real.seconds.saturating_sub(first.mtime) < rule.settled {
        return Err(NoExport::Writing { file: file(first) });
    }
    let pause = by_age.windows(2).position(|two| two[0].mtime - two[1].mtime > PAUSE);
    by_age.truncate(pause.map_or(by_age.len(), |last| last + 1));
    if let Some(empty) = by_age.iter().find(|found| found.size == 0) {
        return Err(NoExport::Empty { file: file(empty) });
    }
    Ok(by_age)
}

/// Whether the newest export is not much smaller than the last, and its size.
///
/// # Errors
/// [`NoExport::Shrunk`].
pub fn plausible(newest: &[Found], rule: &Rule<'_>, given: &Given<'_>) -> Result<u64, NoExport> {
    let now: u64 = newest.iter().map(|found| found.size).sum();
    match given.last.map(|last| last.bytes) {
        Some(last) if u128::from(now) * 100 < u128::from(last) * u128::from(100_u8.saturating_sub(rule.shrink)) => {
            let percent = 100 - now.saturating_mul(100) / last.max(1);
            Err(NoExport::Shrunk { percent, last, now })
        }
        _ => Ok(now),
    }
}

/// That the file is of the type that is expected, and what its header says if it is a backup of SQL Server.
fn is_what_it_says(rule: &Rule<'_>, found: &Found) -> Result<Option<Header>, NoExport> {
    let expected = rule.content.unwrap_or_else(|| of_name(&found.name));
    let file = rule.path.join(OsStr::from_bytes(&found.name));
    let front = match front(&file) {
        Ok(front) => front,
        Err(why) => return Err(NoExport::Unreadable { file, why: why.to_string() }),
    };
    if fits(expected, front.get(..LOOKED_AT).unwrap_or(&front)) {
        return Ok(Header::of(&front).filter(|_| expected == FileType::SqlServer));
    }
    Err(NoExport::WrongType { file, expected: expected.word() })
}

/// Only these names of the folder, and nothing below it.
struct Only(Vec<Vec<u8>>);

impl Special for Only {
    fn names(&mut self, at: &Opened<'_>, _: &mut Buffer) -> (Names, Option<Errno>) {
        let mut names = Names::default();
        let mut failed = None;
        if at.path.is_root() {
            for name in &self.0 {
                let name = std::ffi::CString::new(name.as_slice()).map_err(|_| Errno::INVAL);
                failed = name.and_then(|name| names.add(&name)).err().or(failed);
            }
            names.sort();
        }
        (names, failed)
    }
}

/// Contents that must not change while they are read.
struct Steady<T: ?Sized> {
    file: PathBuf,
    watch: Spoiled,
    inner: Box<T>,
}

impl<T: ?Sized> Steady<T> {
    fn spoil<V>(file: &Path, watch: &Spoiled, read: io::Result<V>) -> io::Result<V> {
        read.inspect_err(|why| {
            watch.set(NoExport::Unreadable { file: file.to_owned(), why: why.to_string() });
        })
    }
}

impl Body for Steady<dyn Body> {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        let Self { file, watch, inner } = *self;
        let inner = Self::spoil(&file, &watch, inner.open())?;
        Ok(Box::new(Steady { file, watch, inner }))
    }
}

impl Content for Steady<dyn Content> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        Self::spoil(&self.file, &self.watch, self.inner.read(buffer))
    }

    fn attributes(&mut self) -> io::Result<Option<Attributes>> {
        Self::spoil(&self.file, &self.watch, self.inner.attributes())
    }

    fn fresh(&mut self) -> Option<Fresh> {
        // Not the one that was judged.
        self.inner.fresh().inspect(|_| self.watch.set(NoExport::Writing { file: self.file.clone() }))
    }

    fn lacking(&mut self) -> Vec<String> {
        self.inner.lacking()
    }

    fn settle(&mut self) -> io::Result<Settled> {
        let settled = Self::spoil(&self.file, &self.watch, self.inner.settle())?;
        if settled == Settled::Changed {
            self.watch.set(NoExport::Writing { file: self.file.clone() });
        }
        Ok(settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_or_a_link_that_takes_an_exports_name_after_the_look_is_named_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let rule = Rule {
            path: folder.path(),
            name: "*.csv",
            fresh: 3_600,
            settled: 0,
            shrink: 50,
            content: Some(FileType::Any),
            marker: None,
            facts: None,
            databases: &[],
        };
        let found = |name: &str| Found { name: name.into(), size: 4, mtime: 0 };
        rustix::fs::mknodat(CWD, folder.path().join("a.csv"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("b.csv")).unwrap();
        for name in ["a.csv", "b.csv"] {
            let why = is_what_it_says(&rule, &found(name)).unwrap_err();
            assert!(matches!(why, NoExport::Unreadable { .. }), "{why}");
        }
    }
}
