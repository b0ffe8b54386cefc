//! How is a capture of a system of the plan begun, what is noticed on its way, and what is it called?

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dr_entry::{Entries, EntryPath, Kind, Time};
use dr_ledger::{Counted, Digest, Held, Noticed};
use dr_plan::{Expect, Source};
use dr_repo::Shape;
use dr_source::SourceError;
use dr_source::driver;
use dr_source::driver::{CaptureError, Layout, QuestionAnswers, Questions, Secrets, Size};
use dr_source::drop::{NoExport, Spoiled};
use dr_source::files::{Tally, resolved};
use dr_source::output::Broken;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Why nothing was captured.
#[derive(Debug, thiserror::Error)]
pub enum NoCapture {
    /// The source says so.
    #[error(transparent)]
    Source(#[from] CaptureError),
    /// Somebody else's export is not there, or not as it should be.
    #[error("{why}. Nothing was captured, earlier backups are untouched")]
    Export {
        /// What is wrong with it.
        why: NoExport,
        /// When the newest was written, at the school.
        newest: Option<Date>,
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
    pub(crate) last_size: Option<&'a Size>,
    /// Where secrets of the plan are found.
    pub(crate) secrets: Secrets<'a>,
    /// What it is asked.
    pub(crate) expect: &'a [Expect],
    /// To end the capture with, should it turn out to be worthless.
    pub(crate) stop: &'a Arc<AtomicBool>,
}

/// A capture that has begun.
pub(crate) struct Begun {
    /// The entries, read as they are asked for.
    pub(crate) entries: Entries<'static>,
    /// For an export: its size, and whether it stayed as it was.
    pub(crate) export: Option<(u64, Spoiled)>,
    /// Where a program writes it: why it ended before its time.
    pub(crate) broken: Option<Broken>,
    /// What else is known once the entries were read.
    pub(crate) watched: Watched,
}

/// What is known of a capture beside its entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    tally: Arc<Tally>,
    paths: Arc<Vec<Within>>,
}

/// What one of several paths of the plan holds.
#[derive(Debug)]
struct Within {
    path: PathBuf,
    below: EntryPath,
    entries: AtomicU64,
}

impl Watched {
    /// As the ledger has it.
    pub(crate) fn noticed(&self) -> Noticed {
        let held = |one: &Within| Held { path: known_by(&one.path), entries: one.entries.load(Ordering::Relaxed) };
        Noticed {
            excluded: self.tally.excluded(),
            mounts: 0,
            damaged: self.tally.damaged(),
            changed: 0,
            paths: self.paths.iter().map(held).collect(),
            // What they are worth is judged once all copies are made.
            answers: Vec::new(),
            counts: self.tally.counts().into_iter().map(|(of, count)| Counted { of, count }).collect(),
        }
    }

    /// What the questions of the plan were answered.
    pub(crate) fn answers(&self) -> QuestionAnswers {
        self.tally.answers()
    }

    /// Directories that were not gone into, since another file system is mounted there.
    pub(crate) fn mounts(&self) -> Vec<EntryPath> {
        self.tally.mounts()
    }

    /// What a person should know.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.tally.notes()
    }

    /// What a person can know who asks for more.
    pub(crate) fn details(&self) -> Vec<String> {
        self.tally.details()
    }

    /// The same entries, counted where the plan names several paths.
    fn count(&mut self, source: &Source, entries: Entries<'static>) -> Entries<'static> {
        let paths = source.tree().map_or(&[][..], |tree| tree.paths);
        if paths.len() < 2 {
            return entries;
        }
        let counted = |path: &PathBuf| {
            let real = resolved(path);
            let below = EntryPath::new(real.as_os_str().as_bytes().strip_prefix(b"/")?).ok()?;
            Some(Within { path: path.clone(), below, entries: AtomicU64::new(0) })
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
            let holds = |one: &&Within| path.is_within(&one.below) && !(is_nothing && *path == one.below);
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

/// A moment as entries have it.
#[must_use]
pub fn seconds(at: Timestamp) -> Time {
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
    let (decided, real) = (seconds(moment.decided), seconds(moment.real));
    let Moment { last_size, stop, zone, secrets, expect, .. } = *moment;
    let questions = Questions { expect, pages: &[], zone };
    let moment = driver::Moment { places, scratch, decided, real, last_size, secrets, questions, stop };
    let begun = driver(source).map_err(CaptureError::from).and_then(|driver| driver.capture(&moment));
    let begun = begun.map_err(|why| match why {
        CaptureError::Export(why) => no_export(why, zone),
        other => NoCapture::Source(other),
    })?;
    let mut watched = Watched { tally: begun.tally, paths: Arc::default() };
    let entries = watched.count(source, begun.entries);
    Ok(Begun { entries, export: begun.export, broken: begun.broken, watched })
}

impl NoCapture {
    /// Which kind of fault it is, for a log.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Source(CaptureError::Missing { .. }) => "source-missing",
            Self::Source(CaptureError::Empty { .. }) => "source-empty",
            Self::Source(CaptureError::LeftOut { .. }) => "source-left-out",
            Self::Source(CaptureError::Source(_)) => "source-unreadable",
            Self::Source(CaptureError::Export(_)) | Self::Export { .. } => "export",
        }
    }

    /// The same for the ledger: no name of a file or a folder.
    pub(crate) fn noted(&self) -> String {
        match self {
            Self::Source(why) => match why {
                CaptureError::Missing { .. } => "the source is missing".into(),
                CaptureError::Empty { .. } => "the source is empty".into(),
                CaptureError::LeftOut { .. } => "the source is left out by the plan's own `exclude`".into(),
                CaptureError::Source(SourceError::Pattern { .. }) => {
                    "the source has a pattern in `exclude` that means nothing".into()
                }
                CaptureError::Source(SourceError::Locked { .. }) => "another program kept the source locked".into(),
                CaptureError::Source(SourceError::Program { .. }) => {
                    "the program that was to write what is captured failed".into()
                }
                CaptureError::Source(_) => "the source could not be read".into(),
                CaptureError::Export(why) => noted_export(why, None),
            },
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
        (NoExport::Unmarked { .. }, _) => "the export is not finished: its marker is missing".into(),
        (NoExport::MarkedBefore { .. }, _) => "the export is not finished: its marker is older than it".into(),
        (NoExport::Lacking { missing, of }, _) => format!("the export lacks {} of {of} databases", missing.len()),
        (NoExport::Empty { .. }, _) => "the export is empty".into(),
        (NoExport::WrongType { .. }, _) => "the export is not of the expected type".into(),
        (NoExport::Shrunk { percent, .. }, _) => format!("the export shrank by {percent} %"),
        (NoExport::NoFacts { .. }, _) => "the export has no facts that can be used".into(),
        (NoExport::Fewer { percent, .. }, _) => format!("the export counts {percent} % less than the last"),
        (NoExport::Uncounted { gone, of }, _) => format!("the export counts {gone} of {of} things no more"),
        (NoExport::Unreadable { .. } | NoExport::Source(_), _) => "the export could not be read".into(),
    }
}

/// How the entries are named, and what lists show as captured.
pub(crate) fn shape(source: &Source) -> (Shape, Vec<Vec<u8>>) {
    let shape = if layout(source).whole_paths { Shape::Absolute } else { Shape::Directory };
    (shape, source.paths().into_iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect())
}

/// How the entries of a capture of `source` are called.
pub(crate) fn layout(source: &Source) -> Layout {
    driver(source).map(|driver| driver.layout()).unwrap_or_default()
}
