//! Is there anything to capture, and what is it called? A source that is empty or gone is a failure, never a quiet
//! small snapshot that pushes good ones out.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dr_entry::{Entries, EntryPath, Kind, Time};
use dr_ledger::{Digest, Held, Noticed};
use dr_plan::Source;
use dr_repo::Shape;
use dr_source::drop::{self, Given, NoExport, Rule, Spoiled};
use dr_source::files::{Roots, Tally, resolved};
use dr_source::{FACTS, SourceError, capture_system};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Why nothing was captured.
#[derive(Debug, thiserror::Error)]
pub enum NoCapture {
    /// The source says so.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Not one of its paths is there.
    #[error("the source is missing: {} is not there. Earlier backups are untouched; check that it is mounted", path.display())]
    Missing {
        /// The first of them.
        path: PathBuf,
    },
    /// Somebody else's export is not there, or not as it should be.
    #[error("{why}. Nothing was captured, earlier backups are untouched")]
    Export {
        /// What is wrong with it.
        why: NoExport,
        /// When the newest was written, at the school.
        newest: Option<Date>,
    },
    /// The plan's own patterns leave nothing of it.
    #[error("the source is left out: `exclude` leaves out everything in {}, so nothing was captured, and earlier backups are untouched. Look which of its patterns is too wide", path.display())]
    LeftOut {
        /// The first path.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("the source is empty: nothing was captured, and earlier backups are untouched. Check that {} is what it should be", path.display())]
    Empty {
        /// The first path.
        path: PathBuf,
    },
}

/// What a capture has to go by beside its source.
pub(crate) struct Moment<'a> {
    /// The time that decisions are made with.
    pub(crate) decided: Timestamp,
    /// The time on the clock.
    pub(crate) real: Timestamp,
    /// The school's.
    pub(crate) zone: &'a TimeZone,
    /// How big the system was when it was last captured.
    pub(crate) last_size: Option<u64>,
    /// To end the capture with, should it turn out to be worthless.
    pub(crate) stop: &'a Arc<AtomicBool>,
}

/// A capture that has begun.
pub(crate) struct Begun {
    /// The entries, read as they are asked for.
    pub(crate) entries: Entries<'static>,
    /// For an export: its size, and whether it stayed as it was.
    pub(crate) export: Option<(u64, Spoiled)>,
    /// What else is known once the entries were read.
    pub(crate) watched: Watched,
}

/// What is known of a capture beside its entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    tally: Arc<Tally>,
    paths: Arc<Vec<Counted>>,
}

/// What one of several paths of the plan holds.
#[derive(Debug)]
struct Counted {
    path: PathBuf,
    below: EntryPath,
    entries: AtomicU64,
}

impl Watched {
    /// As the ledger has it.
    pub(crate) fn noticed(&self) -> Noticed {
        let held = |one: &Counted| Held { path: known_by(&one.path), entries: one.entries.load(Ordering::Relaxed) };
        Noticed {
            excluded: self.tally.excluded(),
            mounts: 0,
            damaged: self.tally.damaged(),
            changed: 0,
            paths: self.paths.iter().map(held).collect(),
        }
    }

    /// Directories that were not gone into, since another file system is mounted there.
    pub(crate) fn mounts(&self) -> Vec<EntryPath> {
        self.tally.mounts()
    }

    /// What a person should know.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.tally.notes()
    }

    /// The same entries, counted where the plan names several paths.
    fn count(&mut self, source: &Source, entries: Entries<'static>) -> Entries<'static> {
        let Source::Files { paths, .. } = source else { return entries };
        if paths.len() < 2 {
            return entries;
        }
        let counted = |path: &PathBuf| {
            let real = resolved(path);
            let below = EntryPath::new(real.as_os_str().as_bytes().strip_prefix(b"/")?).ok()?;
            Some(Counted { path: path.clone(), below, entries: AtomicU64::new(0) })
        };
        self.paths = Arc::new(paths.iter().filter_map(counted).collect());
        let counts = Arc::clone(&self.paths);
        Box::new(entries.inspect(move |item| {
            let path = match item {
                Ok(entry) if entry.meta.kind == Kind::Directory => return,
                Ok(entry) => &entry.path,
                Err(unread) => &unread.path,
            };
            // A link in the place of a path is nothing that the path holds, and neither is a file without a byte.
            let is_nothing = matches!(item, Ok(entry) if match entry.meta.kind {
                Kind::Symlink(_) => true,
                Kind::File => entry.meta.size == 0,
                _ => false,
            });
            let holds = |one: &&Counted| path.is_within(&one.below) && !(is_nothing && *path == one.below);
            for one in counts.iter().filter(holds) {
                one.entries.fetch_add(1, Ordering::Relaxed);
            }
        }))
    }
}

/// By what a path of the plan is known again in the ledger, which names no folder.
pub(crate) fn known_by(path: &Path) -> String {
    Digest::of(path.as_os_str().as_bytes()).to_string()[..16].to_owned()
}

pub(crate) fn seconds(at: Timestamp) -> Time {
    let since = at.as_duration();
    Time { seconds: since.as_secs(), nanos: u32::try_from(since.subsec_nanos()).unwrap_or(0) }
}

/// What is wrong with an export, with the day on which the newest was written.
pub(crate) fn no_export(why: NoExport, zone: &TimeZone) -> NoCapture {
    let newest = match &why {
        NoExport::Stale { at, .. } => {
            Timestamp::from_second(at.seconds).ok().map(|at| at.to_zoned(zone.clone()).date())
        }
        _ => None,
    };
    NoCapture::Export { why, newest }
}

/// Begins to capture `source`, without what is at `places`.
pub(crate) fn begin(
    source: &Source,
    places: &[PathBuf],
    scratch: &Path,
    moment: &Moment<'_>,
) -> Result<Begun, NoCapture> {
    if let Source::Drop { path, name, fresh, settled, shrink, content, .. } = source {
        let (fresh, settled) = (fresh.longest().as_secs(), settled.longest().as_secs());
        let rule = Rule { path, name, fresh, settled, shrink: *shrink, content: *content };
        let given = Given { decided: seconds(moment.decided), real: seconds(moment.real), last: moment.last_size };
        let export = drop::capture(&rule, &given, moment.stop).map_err(|why| no_export(why, moment.zone))?;
        let watched = Watched::default();
        return Ok(Begun { entries: export.entries, export: Some((export.size, export.spoiled)), watched });
    }
    begin_own(source, places, scratch, seconds(moment.real))
}

/// Begins to capture what the school itself holds; `started` by the real clock.
fn begin_own(source: &Source, places: &[PathBuf], scratch: &Path, started: Time) -> Result<Begun, NoCapture> {
    let paths = source.paths();
    let first = paths.first().map(|path| (*path).clone()).unwrap_or_default();
    if !paths.is_empty() && paths.iter().all(|path| is_missing(path)) {
        return Err(NoCapture::Missing { path: first });
    }
    // A file without a byte: what a program leaves that failed. No folder is one.
    let is_empty = |path: &&PathBuf| path.metadata().is_ok_and(|about| about.is_file() && about.len() == 0);
    if !paths.is_empty() && paths.iter().all(is_empty) {
        return Err(NoCapture::Empty { path: first });
    }
    let captured = capture_system(source, places, scratch, started)?;
    let mut watched = Watched { tally: captured.tally, paths: Arc::default() };
    let entries = watched.count(source, captured.entries);
    match something(entries) {
        Some(entries) => Ok(Begun { entries, export: None, watched }),
        None if watched.tally.excluded() > 0 => Err(NoCapture::LeftOut { path: first }),
        None => Err(NoCapture::Empty { path: first }),
    }
}

/// Whether nothing is there, or a link that leads nowhere, which stands for what is not mounted and is no source by itself;
/// not where only nobody can tell.
fn is_missing(path: &Path) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    path.metadata().is_err_and(|why| matches!(why.kind(), NotFound | NotADirectory))
}

impl NoCapture {
    /// The same for the ledger: no name of a file or a folder.
    pub(crate) fn noted(&self) -> String {
        match self {
            Self::Missing { .. } => "the source is missing".into(),
            Self::Empty { .. } => "the source is empty".into(),
            Self::LeftOut { .. } => "the source is left out by the plan's own `exclude`".into(),
            Self::Source(SourceError::Pattern { .. }) => {
                "the source has a pattern in `exclude` that means nothing".into()
            }
            Self::Source(SourceError::Locked { .. }) => "another program kept the source locked".into(),
            Self::Source(_) => "the source could not be read".into(),
            Self::Export { why, newest } => noted_export(why, *newest),
        }
    }
}

fn noted_export(why: &NoExport, newest: Option<Date>) -> String {
    match (why, newest) {
        (NoExport::Missing { .. }, _) => "the export is missing".into(),
        (NoExport::Stale { .. }, Some(day)) => {
            format!("the export is stale: newest of {}", day.strftime("%-d %b %Y"))
        }
        (NoExport::Stale { .. }, None) => "the export is stale".into(),
        (NoExport::Writing { .. }, _) => "the export is still being written".into(),
        (NoExport::Empty { .. }, _) => "the export is empty".into(),
        (NoExport::WrongType { .. }, _) => "the export is not of the expected type".into(),
        (NoExport::Shrunk { percent, .. }, _) => format!("the export shrank by {percent} %"),
        (NoExport::Unreadable { .. } | NoExport::Source(_), _) => "the export could not be read".into(),
    }
}

/// The same entries, if there is anything but directories and our own facts among them. Only the directories before
/// the first such entry are held in memory.
fn something(mut entries: Entries<'static>) -> Option<Entries<'static>> {
    let mut before = Vec::new();
    loop {
        let item = entries.next()?;
        let counts = match &item {
            Ok(entry) => entry.meta.kind != Kind::Directory && entry.path.as_bytes() != FACTS.as_bytes(),
            // What is there and cannot be read is no empty source.
            Err(_) => true,
        };
        before.push(item);
        if counts {
            return Some(Box::new(before.into_iter().chain(entries)));
        }
    }
}

/// How the entries are named, and what lists show as captured.
pub(crate) fn shape(source: &Source) -> (Shape, Vec<Vec<u8>>) {
    let paths: Vec<PathBuf> = source.paths().into_iter().cloned().collect();
    let shape = match source {
        Source::Files { .. } => match Roots::of(&paths) {
            Roots::Directory(_) => Shape::Directory,
            Roots::Paths(_) => Shape::Absolute,
        },
        _ => Shape::Directory,
    };
    (shape, paths.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect())
}
