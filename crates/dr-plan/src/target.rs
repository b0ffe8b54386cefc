//! Where backups go: a store with an address, or a pool of disks that people carry.

use std::path::PathBuf;

use crate::period::Period;
use crate::schedule::Schedule;
use crate::{PersonId, PlaceId, PoolId};

/// A place for backups as the plan names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What stands behind it.
    pub kind: TargetKind,
    /// Where it is, seen from the school.
    pub class: Class,
    /// How long the store itself refuses to delete.
    pub lock: Option<Period>,
    /// How much of the line it may take.
    pub bandwidth: Bandwidth,
}

/// What stands behind a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A store with an address: a path, `file://`, `s3://` …
    Url(String),
    /// Whichever medium of a pool is loaded.
    Pool(PoolId),
}

/// Where a copy is, seen from the school. Not declared for a pool: a medium is off-site only
/// while its place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// In the school.
    Onsite,
    /// In another building.
    Offsite,
    /// With a cloud supplier.
    Cloud,
    /// On media that people carry.
    Disk,
}

impl Class {
    /// Its word in reports, and for all but a disk in a plan.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Onsite => "onsite",
            Self::Offsite => "offsite",
            Self::Cloud => "cloud",
            Self::Disk => "disk",
        }
    }
}

/// How much of the line a target may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bandwidth {
    /// All of it.
    Unlimited,
    /// Half of what is measured during school hours, all of it otherwise.
    HalfInHours,
    /// So many bytes a second, always.
    BytesPerSecond(u64),
}

/// What is known of an address in a plan by its scheme alone.
#[derive(Debug, Clone, Copy)]
pub struct StoreScheme {
    /// What stands before `://`; `""`: a plain path.
    pub word: &'static str,
    /// Whether this version has a store for it, to which a test of `dr-run` holds this.
    pub runs: bool,
    /// Where the copies are, unless the plan says.
    pub class: Class,
    /// Whether what stands behind it is a folder or a file of this host.
    pub is_path: bool,
    /// Whether the store can refuse to delete for a time.
    pub can_lock: bool,
}

const ON_PATH: StoreScheme = StoreScheme { word: "", runs: true, class: Class::Onsite, is_path: true, can_lock: false };
const OBJECTS: StoreScheme = StoreScheme { word: "", runs: false, class: Class::Cloud, is_path: false, can_lock: true };
const REMOTE: StoreScheme =
    StoreScheme { word: "", runs: false, class: Class::Offsite, is_path: false, can_lock: false };

/// Every scheme of address that may stand in a plan.
pub const SCHEMES: &[StoreScheme] = &[
    ON_PATH,
    StoreScheme { word: "file", ..ON_PATH },
    StoreScheme { word: "s3", ..OBJECTS },
    StoreScheme { word: "az", ..OBJECTS },
    StoreScheme { word: "gs", ..OBJECTS },
    StoreScheme { word: "sftp", ..REMOTE },
    StoreScheme { word: "webdav", ..REMOTE },
    StoreScheme { word: "webdavs", ..REMOTE },
];

impl StoreScheme {
    /// That of an address; `None` where none that may stand in a plan is.
    #[must_use]
    pub fn of(url: &str) -> Option<&'static Self> {
        let word = scheme_of(url);
        SCHEMES.iter().find(|scheme| scheme.word == word)
    }
}

/// The scheme of an address, `""` for a plain path.
///
/// ```
/// assert_eq!(dr_plan::scheme_of("s3://hazel-bank-dr/backups"), "s3");
/// assert_eq!(dr_plan::scheme_of("/mnt/nas/dr"), "");
/// ```
#[must_use]
pub fn scheme_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((scheme, _)) => scheme,
        None if url.starts_with("file:") => "file",
        None => "",
    }
}

impl Target {
    /// The address, unless a pool stands behind it.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match &self.kind {
            TargetKind::Url(url) => Some(url),
            TargetKind::Pool(_) => None,
        }
    }

    /// The pool behind it, if there is one.
    #[must_use]
    pub fn pool(&self) -> Option<&PoolId> {
        match &self.kind {
            TargetKind::Url(_) => None,
            TargetKind::Pool(pool) => Some(pool),
        }
    }

    /// Whether this version can keep copies there.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.url().is_none_or(|url| StoreScheme::of(url).is_some_and(|scheme| scheme.runs))
    }

    /// The folder or file behind it, if it is one of this host's. The rest of a `file:` address is taken
    /// as it stands: no percent signs are decoded.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        let url = self.url()?;
        let scheme = StoreScheme::of(url).filter(|scheme| scheme.is_path)?;
        match scheme.word.is_empty() {
            true => Some(PathBuf::from(url)),
            false => {
                let rest = url.strip_prefix(scheme.word)?.strip_prefix(':')?;
                Some(PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)))
            }
        }
    }
}

/// Removable media that rotate together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// In which order the media take their turns.
    pub scheme: Scheme,
    /// How many media it has.
    pub media: u32,
    /// When one medium makes room for the next.
    pub rotate: Schedule,
    /// What happens when that is no school day.
    pub shift: Shift,
    /// Who carries the media: the first does, the rest stand in, in this order.
    pub custodians: Vec<PersonId>,
    /// The folder under which media appear, each in a folder of its own. A medium is known by the
    /// marker file it carries, wherever under this folder it is.
    pub mount: PathBuf,
    /// Where a medium rests when its turn is over.
    pub place: Option<PlaceId>,
}

/// In which order media take their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// One after the other.
    RoundRobin,
    /// Weekly and monthly media.
    Gfs,
    /// Weekly and termly media.
    GfsTermly,
    /// Tower of Hanoi over completed sessions.
    Hanoi,
}

impl Scheme {
    /// Every scheme with its word in a plan.
    pub const ALL: &'static [(&'static str, Scheme)] = &[
        ("round-robin", Scheme::RoundRobin),
        ("gfs", Scheme::Gfs),
        ("gfs-termly", Scheme::GfsTermly),
        ("hanoi", Scheme::Hanoi),
    ];
}

/// What happens to a rotation that falls on no school day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// It moves to the last operating day before.
    Previous,
    /// It moves to the first operating day after.
    Next,
    /// It is left out.
    Skip,
}

impl Shift {
    /// Every shift with its word in a plan.
    pub const ALL: &'static [(&'static str, Shift)] =
        &[("previous", Shift::Previous), ("next", Shift::Next), ("skip", Shift::Skip)];
}
