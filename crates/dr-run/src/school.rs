//! A school's plan, opened on this host: who acts, at what time, and where things are written down.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use dr_ledger::{Appended, Authenticated, Body, Entry, Event, History, Ledger, Now, borne_out, evidence};
use dr_plan::{Calendar, PersonId, Plan};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::error::RunError;
use crate::places::{Places, private_folder, refuse_if_others_can_write};

/// The old fault that what is noted of a time to come is evidence, planted again by a test (decision 0024).
pub(crate) const FUTURE_COUNTS: &str = "future-counts";

/// No plan, calendar or runbook is longer.
pub(crate) const PLAN_MAX: u64 = 16 << 20;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person; nobody when `dr` acts on schedule, or nobody said.
    pub by: Option<PersonId>,
    /// How we know.
    pub authenticated: Authenticated,
}

/// One school on this host.
#[derive(Clone)]
pub struct School {
    /// What people wrote, with absolute paths.
    pub plan: Plan,
    /// Its terms and holidays.
    pub calendar: Calendar,
    /// Its folders here.
    pub places: Places,
    /// What happened.
    pub ledger: Ledger,
    /// What time it is.
    pub clock: Clock,
    /// Who acts.
    pub actor: Actor,
    /// The runtime that stores live on.
    pub runtime: Handle,
    /// This host's name, as snapshots carry it.
    pub hostname: String,
    /// Finds a variable of the environment, for secrets of the plan; only the caller reads it.
    pub variable: fn(&str) -> Option<OsString>,
    /// Threads for a backup or a restore.
    pub workers: usize,
}

/// Reads the plan in `file` with its calendar, paths made absolute.
///
/// # Errors
/// [`RunError::OthersCanWrite`], or everything that is wrong with it.
pub fn read_plan(file: &Path) -> Result<(Plan, Calendar), RunError> {
    refuse_if_others_can_write(file)?;
    let read = |path: &Path| dr_open::text_named(path, PLAN_MAX).map_err(RunError::local("cannot read", path));
    let named = file.to_string_lossy();
    let plan = dr_plan::parse(&read(file)?, &named).map_err(|problems| RunError::Plan { problems })?;
    let plan = plan.resolve(&folder_of(file)?);
    let calendar = match &plan.school.calendar {
        None => Calendar::every_week(),
        Some(path) => dr_plan::parse_calendar(&read(path)?, &path.to_string_lossy())
            .map_err(|problems| RunError::Plan { problems })?,
    };
    Ok((plan, calendar))
}

/// The absolute folder that the plan's paths are relative to.
fn folder_of(file: &Path) -> Result<PathBuf, RunError> {
    let whole = std::path::absolute(file).map_err(RunError::local("cannot find", file))?;
    Ok(whole.parent().unwrap_or(Path::new("/")).to_owned())
}

impl School {
    /// Writes down that something happened, as `self.actor`.
    ///
    /// # Errors
    /// What the ledger says; then it did not happen as far as anybody will know.
    pub fn record(&self, event: Event) -> Result<Appended, RunError> {
        private_folder(&self.places.state)?;
        crate::belongs::remember(&self.places.state, &self.plan.school.name)?;
        Ok(self.ledger.append(&self.said(event))?)
    }

    /// That something happened, as `self.actor` says it now.
    pub(crate) fn said(&self, event: Event) -> Body {
        let authenticated = match self.actor.by {
            Some(_) => self.actor.authenticated,
            None => Authenticated::System,
        };
        Body {
            decided: self.clock.decided(),
            real: self.clock.at_real(),
            by: self.actor.by.clone(),
            authenticated,
            event,
        }
    }

    /// Everything that was written down and is evidence now: nothing of a time that has not come.
    ///
    /// # Errors
    /// If the ledger is there and cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, RunError> {
        let all = self.everything()?;
        Ok(self.evidence(&all).unwrap_or(all))
    }

    /// Everything that was written down, whenever that is said to have been: for numbers that are given out once, and for
    /// who reads the record itself.
    ///
    /// # Errors
    /// If the ledger is there and cannot be read.
    pub fn everything(&self) -> Result<Vec<Entry>, RunError> {
        Ok(self.ledger.read()?.entries)
    }

    /// What of these is evidence now; `None` if all of it is.
    #[must_use]
    pub fn evidence(&self, entries: &[Entry]) -> Option<Vec<Entry>> {
        if dr_switch::is_planted(FUTURE_COUNTS) { None } else { evidence(entries, self.now()) }
    }

    /// What that says about now.
    ///
    /// # Errors
    /// If the ledger is there and cannot be read.
    pub fn history(&self) -> Result<History, RunError> {
        let entries = self.everything()?;
        Ok(if dr_switch::is_planted(FUTURE_COUNTS) { History::of(&entries) } else { History::at(&entries, self.now()) })
    }

    /// The two times of now. A sample school, and tests, live at chosen times.
    #[must_use]
    pub fn now(&self) -> Now {
        let moved_counts = self.plan.school.sample || dr_switch::is_on(dr_switch::ANY_TIME);
        Now { decided: self.clock.decided(), real: self.clock.at_real(), moved_counts }
    }

    /// The time by which ages are judged where something goes for good, and whether that is not simply now: a leap of the
    /// clock that the ledger does not bear out yet ages nothing.
    ///
    /// # Errors
    /// If the ledger is there and cannot be read.
    pub fn age_time(&self) -> Result<(Timestamp, bool), RunError> {
        let (entries, now) = (self.everything()?, self.now());
        let borne_out = borne_out(&entries, now);
        Ok((borne_out, borne_out < now.decided))
    }

    /// Whether the school is open now, by its calendar and its hours: then the line and the disks are for teaching.
    #[must_use]
    pub fn is_open_now(&self) -> bool {
        let local = self.clock.decided().to_zoned(self.plan.school.timezone.clone()).datetime();
        self.calendar.is_school_day(local.date()) && self.plan.school.hours.contains(local)
    }

    /// Today at the school.
    #[must_use]
    pub fn today(&self) -> Date {
        self.clock.decided().to_zoned(self.plan.school.timezone.clone()).date()
    }
}
