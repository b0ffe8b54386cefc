//! Is this folder a quickstart's school, and how far has that come?
//!
//! `state/quickstart.json` is the first file that is made and the last that is changed: while it says `living`, the
//! days are not over, and the folder is never taken for a whole one.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::years;
use crate::exit::{Cause, Failure};

const PLAN: &str = include_str!("../../../../schedules/hazel-bank.toml");
const CALENDAR: &str = include_str!("../../../../schedules/hazel-bank.calendar.toml");
const RUNBOOK: &str = include_str!("../../../../runbooks/hazel-bank.toml");

/// What a file of the sample is called, and what it says to who makes it today.
fn papers(today: Date) -> [(&'static str, String); 3] {
    [
        ("dr.toml", PLAN.to_owned()),
        ("hazel-bank.calendar.toml", years::calendar(CALENDAR, today)),
        ("runbook/hazel-bank.toml", years::runbook(RUNBOOK, today)),
    ]
}

/// The folder.
pub struct Place(PathBuf);

/// What is there.
pub enum Found {
    /// Nothing yet.
    Nothing(Place),
    /// A school that has lived.
    Lived(Place, Box<Lived>),
}

/// What became of the days: all that the last screen shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lived {
    /// The morning on which the school was made, in seconds since 1970.
    pub day0: i64,
    /// How often two days were lived.
    pub times: u64,
    /// The first of the last two days.
    pub thursday: Date,
    /// The second.
    pub friday: Date,
    /// Nights around them with nothing new.
    pub quiet_nights: u64,
    /// The last moment of it.
    pub last: Timestamp,
    /// Whether that lay ahead of this machine's clock.
    pub ahead: bool,
    /// How long all of it took.
    pub seconds: f64,
    /// The school as it was made.
    pub school: Sum,
    /// The first night's backups.
    pub first_night: Night,
    /// The file that was lost and brought back.
    pub lost: Lost,
    /// What people did on the last day.
    pub work: Work,
    /// Which disk went and which came; none if none was due.
    pub rotation: Option<Rotation>,
    /// The second night's backups.
    pub second_night: Night,
    /// The rehearsal.
    pub rehearsal: Rehearsed,
    /// The letter.
    pub letter: Letter,
    /// What `dr status` said last.
    pub status: String,
    /// Entries of the ledger.
    pub ledger_entries: u64,
}

/// Files and their bytes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Sum {
    pub files: u64,
    pub bytes: u64,
}

/// A night's backups.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Night {
    pub systems: u64,
    pub entries: u64,
    pub bytes_read: u64,
    /// New bytes on each target, or disk.
    pub stored: Vec<(String, u64)>,
    pub seconds: f64,
}

/// A file lost and brought back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lost {
    /// Relative to the quickstart's folder.
    pub path: PathBuf,
    pub bytes: u64,
    /// From which target it came.
    pub target: String,
    pub seconds: f64,
}

/// A day's work.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Work {
    pub edited: u64,
    pub new: u64,
    pub renamed: u64,
    pub deleted: u64,
    pub messages: u64,
    pub marks: u64,
}

/// A disk for another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rotation {
    pub gone: String,
    pub come: String,
}

/// What a rehearsal showed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rehearsed {
    pub verdict: String,
    pub level: String,
    pub systems: u64,
    pub files: u64,
    pub bytes: u64,
    pub checks: u64,
    /// What the restores took.
    pub seconds: f64,
    /// The page, relative to the quickstart's folder.
    pub page: PathBuf,
}

/// The weekly letter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Letter {
    pub subject: String,
    pub status: String,
    /// The page, relative to the quickstart's folder.
    pub page: PathBuf,
}

/// What the marker says.
#[derive(Serialize, Deserialize)]
struct Marker {
    quickstart: u32,
    /// `living` while days are under way, else `lived`.
    stage: String,
    lived: Option<Box<Lived>>,
}

impl Lived {
    /// The last day that was lived, quiet nights included.
    ///
    /// # Errors
    /// Never for what was kept.
    pub fn last(&self, zone: &TimeZone) -> Result<Date, Failure> {
        Ok(self.last.to_zoned(zone.clone()).date())
    }
}

impl Place {
    /// Looks at `dir` without touching it.
    ///
    /// # Errors
    /// If it holds something else, or half a quickstart.
    pub fn find(dir: &Path) -> Result<Found, Failure> {
        let whole = std::path::absolute(dir);
        let place = Self(whole.map_err(|why| Failure::usage(format!("{} is not a folder: {why}", dir.display())))?);
        let other = |why: &str| {
            Failure::usage(format!(
                "{} is there and {why}; nothing was touched. Name a folder that is absent or empty",
                dir.display()
            ))
        };
        match fs::read(place.marker()) {
            Ok(bytes) => {
                let marker: Marker =
                    serde_json::from_slice(&bytes).map_err(|_| other("its state/quickstart.json cannot be read"))?;
                return match marker.lived {
                    Some(lived) if marker.stage == "lived" && marker.quickstart == 1 => Ok(Found::Lived(place, lived)),
                    _ if marker.quickstart != 1 => Err(other("was made by another version of dr")),
                    _ => Err(Failure::new(
                        Cause::Failed,
                        format!(
                            "the quickstart in {} was ended halfway, or is still at work. If it is not: nothing in it is worth keeping, so delete that folder and begin again",
                            dir.display()
                        ),
                    )),
                };
            }
            Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(_) => return Err(other("cannot be looked into")),
        }
        match fs::read_dir(&place.0) {
            Err(why) if why.kind() == ErrorKind::NotFound && fs::symlink_metadata(&place.0).is_err() => {}
            Err(why) if why.kind() == ErrorKind::NotADirectory => return Err(other("is not a folder")),
            Err(_) => return Err(other("cannot be looked into")),
            Ok(entries) => {
                // A quickstart that was killed in its first moment leaves an empty `state`.
                let all_empty = |entry: std::io::Result<fs::DirEntry>| {
                    entry.is_ok_and(|entry| {
                        entry.file_name() == "state"
                            && fs::read_dir(entry.path()).is_ok_and(|mut within| within.next().is_none())
                    })
                };
                if !entries.into_iter().all(all_empty) {
                    return Err(other("holds something else than a quickstart's school"));
                }
                let about = fs::metadata(&place.0).map_err(|_| other("cannot be looked into"))?;
                if about.mode() & 0o022 != 0 {
                    return Err(other("can be written by others, who could then change the plan (chmod go-w)"));
                }
            }
        }
        Ok(Found::Nothing(place))
    }

    /// The school's time zone, as its plan says.
    ///
    /// # Errors
    /// If the plan in the folder, or else the one that comes with dr, cannot be read.
    pub fn zone(&self) -> Result<TimeZone, Failure> {
        let text = fs::read_to_string(self.plan()).unwrap_or_else(|_| PLAN.to_owned());
        let plan = dr_plan::parse(&text, "dr.toml").map_err(|problems| {
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Failure::usage(said.join("\n"))
        })?;
        Ok(plan.school.timezone)
    }

    /// Makes the folder, the marker and the plan with its papers, as they would be today.
    ///
    /// # Errors
    /// What the file system says.
    pub fn found(&self, today: Date) -> Result<(), Failure> {
        // Whatever the umask: a plan that others can write would be refused, and rightly.
        folder(&self.0, 0o755)?;
        folder(&self.0.join("state"), 0o700)?;
        self.mark(&Marker { quickstart: 1, stage: "living".to_owned(), lived: None })?;
        for name in ["runbook", "disks", "evidence", "report"] {
            folder(&self.0.join(name), 0o755)?;
        }
        for (name, text) in papers(today) {
            let path = self.0.join(name);
            let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path);
            file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|why| failed(&path, &why))?;
        }
        Ok(())
    }

    /// Remembers that days are under way.
    ///
    /// # Errors
    /// What the file system says.
    pub fn begin_again(&self, lived: &Lived) -> Result<(), Failure> {
        let lived = Some(Box::new(lived.clone()));
        self.mark(&Marker { quickstart: 1, stage: "living".to_owned(), lived })
    }

    /// Remembers what became of the days.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, lived: &Lived) -> Result<(), Failure> {
        self.mark(&Marker { quickstart: 1, stage: "lived".to_owned(), lived: Some(Box::new(lived.clone())) })
    }

    fn mark(&self, marker: &Marker) -> Result<(), Failure> {
        let (path, new) = (self.marker(), self.0.join("state/quickstart.json.new"));
        let text = serde_json::to_vec_pretty(marker).map_err(std::io::Error::from);
        let file = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        let written = text.and_then(|text| {
            let mut file = file()?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
        written.map_err(|why| failed(&path, &why))
    }

    fn marker(&self) -> PathBuf {
        self.0.join("state/quickstart.json")
    }

    /// Below the folder.
    pub fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    pub fn plan(&self) -> PathBuf {
        self.0.join("dr.toml")
    }

    pub fn school(&self) -> PathBuf {
        self.0.join("school")
    }

    /// In the same folder as what it opens: only because nobody here is real.
    pub fn recovery_key(&self) -> PathBuf {
        self.0.join("recovery.key")
    }

    /// So that nothing is left outside the folder.
    pub fn cache(&self) -> PathBuf {
        self.0.join("state/cache")
    }

    /// As it is called below the folder.
    pub fn relative(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        path.strip_prefix(&self.0).unwrap_or(path).to_owned()
    }
}

fn folder(path: &Path, mode: u32) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|why| failed(path, &why))
}

fn failed(path: &Path, why: &std::io::Error) -> Failure {
    Failure::new(Cause::Failed, format!("{} cannot be written: {why}", path.display()))
}
