//! Is there anything to capture, and what is it called? A source that is empty or gone is a failure, never a quiet
//! small snapshot that pushes good ones out.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_entry::{Entries, Kind, Time};
use dr_plan::Source;
use dr_repo::Shape;
use dr_source::drop::{self, Given, NoExport, Rule, Spoiled};
use dr_source::files::Roots;
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
}

fn seconds(at: Timestamp) -> Time {
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

/// Begins to capture `source`.
pub(crate) fn begin(source: &Source, scratch: &Path, moment: &Moment<'_>) -> Result<Begun, NoCapture> {
    if let Source::Drop { path, name, fresh, settled, shrink, content, .. } = source {
        let (fresh, settled) = (fresh.longest().as_secs(), settled.longest().as_secs());
        let rule = Rule { path, name, fresh, settled, shrink: *shrink, content: *content };
        let given = Given { decided: seconds(moment.decided), real: seconds(moment.real), last: moment.last_size };
        let export = drop::capture(&rule, &given, moment.stop).map_err(|why| no_export(why, moment.zone))?;
        return Ok(Begun { entries: export.entries, export: Some((export.size, export.spoiled)) });
    }
    begin_own(source, scratch, seconds(moment.real)).map(|entries| Begun { entries, export: None })
}

/// Begins to capture what the school itself holds; `started` by the real clock.
fn begin_own(source: &Source, scratch: &Path, started: Time) -> Result<Entries<'static>, NoCapture> {
    let paths = source.paths();
    let first = paths.first().map(|path| (*path).clone()).unwrap_or_default();
    if !paths.is_empty() && paths.iter().all(|path| path.symlink_metadata().is_err()) {
        return Err(NoCapture::Missing { path: first });
    }
    if let Source::Sqlite { path } = source
        && path.metadata().is_ok_and(|about| about.len() == 0)
    {
        return Err(NoCapture::Empty { path: first });
    }
    let captured = capture_system(source, &[], scratch, started)?;
    something(captured.entries).ok_or(NoCapture::Empty { path: first })
}

impl NoCapture {
    /// The same for the ledger: no name of a file or a folder.
    pub(crate) fn noted(&self) -> String {
        match self {
            Self::Missing { .. } => "the source is missing".into(),
            Self::Empty { .. } => "the source is empty".into(),
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
