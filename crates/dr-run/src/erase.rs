//! What somebody had taken out of every snapshot of a system, on every copy: done where a copy can be reached, waiting
//! where it cannot, and written down.
//!
//! What was asked for must be remembered until the last disk is back, and stands in a file of the state folder that
//! nobody else reads, and sealed beside the ledger on the copies. It goes once no copy has anything of it. The ledger
//! never says what it was called.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use dr_entry::EntryPath;
use dr_ledger::{CopyOutcome, ErasedCopy, ErasureState, Event, wanted};
use dr_media::Register;
use dr_plan::{MediumId, PersonId, SystemId, TargetId};
use dr_repo::{EraseReport, IsMeant, Judged, PruneOptions, Tally, Tree};
use jiff::{SignedDuration, Timestamp};

pub(crate) use crate::erasure::ERASURE_MAX;
pub use crate::erasure::Erasure;
use crate::erasures::REGISTER;
use crate::error::RunError;
use crate::kept::Opened;
use crate::location::{Availability, TargetLocation};
use crate::places::{private_folder, replaced_file};
use crate::retain::deleted;
use crate::school::School;
use crate::workplace::Workplace;

/// How it is to be done.
#[derive(Clone, Copy)]
pub struct EraseOptions<'a> {
    /// The entries that are meant in a tree.
    pub paths: &'a dyn Fn(&Tree) -> Vec<EntryPath>,
    /// Others that are meant, if there are patterns.
    pub also: Option<&'a IsMeant<'a>>,
    /// What was asked for, always the same bytes for the same.
    pub asked: &'a [u8],
    /// Delete its bytes at once; a restore that is under way may lose what it still wants to read.
    pub at_once: bool,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Progress.
    pub tally: &'a Tally,
}

/// What was done on one copy.
#[derive(Debug)]
pub struct Carried {
    /// In its snapshots.
    pub erased: EraseReport,
    /// How it stands there now.
    pub copy: ErasedCopy,
    /// Why its bytes could not be deleted, in full.
    pub error: Option<RunError>,
}

/// Packs go in two steps so far apart.
const SETTLE: SignedDuration = SignedDuration::from_hours(24);

impl School {
    fn erasures(&self) -> PathBuf {
        self.places.state.join(REGISTER)
    }

    pub(crate) fn erasure_file(&self, id: &str) -> PathBuf {
        let name: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        self.erasures().join(format!("{name}.json"))
    }

    /// Erasures that wait for something, oldest first.
    ///
    /// # Errors
    /// If one of their files cannot be read: then nobody knows what still has to be erased.
    pub fn waiting_erasures(&self) -> Result<Vec<Erasure>, RunError> {
        let folder = self.erasures();
        let read = match fs::read_dir(&folder) {
            Ok(read) => read,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(RunError::local("cannot read", folder)(why)),
        };
        let mut all: Vec<Erasure> = Vec::new();
        for entry in read {
            let path = entry.map_err(RunError::local("cannot read", &folder))?.path();
            if path.extension().is_some_and(|end| end == "json") {
                let text = dr_open::read(&path, ERASURE_MAX).map_err(RunError::local("cannot read", &path))?;
                let read = serde_json::from_slice(&text).map_err(std::io::Error::from);
                all.push(read.map_err(RunError::local("cannot understand", &path))?);
            }
        }
        // A register that came back from a copy is of some day; how it stands now, the ledger knows.
        for now in wanted(&self.entries()?) {
            let old = all.iter_mut().find(|erasure| erasure.id == now.erasure && erasure.system == now.system);
            if let Some(old) = old {
                old.copies = now.copies;
            }
        }
        all.retain(|erasure| !erasure.is_over());
        all.sort_by(|a, b| (a.asked, &a.id).cmp(&(b.asked, &b.id)));
        Ok(all)
    }

    /// Writes down how it stands, so that a power cut leaves the old word or the new one; nothing is left to remember
    /// once no copy has anything of it.
    pub(crate) fn remember(&self, erasure: &Erasure) -> Result<(), RunError> {
        let (folder, path) = (self.erasures(), self.erasure_file(&erasure.id));
        private_folder(&folder)?;
        let failed = |why| RunError::local("cannot write", &path)(why);
        if erasure.is_over() {
            match fs::remove_file(&path) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(failed(why)),
                _ => {}
            }
        } else {
            let text = serde_json::to_vec_pretty(erasure).map_err(|why| failed(why.into()))?;
            return replaced_file(&path, &text).map_err(failed);
        }
        fs::File::open(&folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

/// Writes down what somebody asks for, before anything is done about it: in the state folder with all its words, in the
/// ledger without them.
///
/// # Errors
/// If the state folder or the ledger cannot be read or written; then nothing was begun.
pub fn begin(
    school: &School,
    system: &SystemId,
    (paths, globs): (&[String], &[String]),
    because: &str,
    by: &PersonId,
) -> Result<Erasure, RunError> {
    let asked = school.clock.decided();
    let moment = Timestamp::from_second(asked.as_second()).unwrap_or(asked);
    let mut id = format!("{moment}/{system}");
    for again in 2.. {
        if !school.erasure_file(&id).exists() {
            break;
        }
        id = format!("{moment}/{system}-{again}");
    }
    let erasure = Erasure {
        id,
        system: system.clone(),
        paths: paths.to_vec(),
        globs: globs.to_vec(),
        because: because.to_owned(),
        by: by.clone(),
        asked,
        copies: copies(school, system)?,
    };
    school.remember(&erasure)?;
    crate::left_out::remember(school, &erasure)?;
    school.record(erasure.event(erasure.copies.clone(), None))?;
    Ok(erasure)
}

/// Every copy that may hold something of a system: each target, and each disk that was ever made ready.
fn copies(school: &School, system: &SystemId) -> Result<Vec<ErasedCopy>, RunError> {
    let entries = school.everything()?;
    let register = Register::of(&entries);
    let was_copied = |target: &TargetId| {
        entries.iter().any(|entry| match &entry.event {
            Event::RunFinished { system: of, copies, .. } if of == system => {
                copies.iter().any(|copy| copy.target == *target && copy.outcome == CopyOutcome::Done)
            }
            _ => false,
        })
    };
    let pending = |target: &TargetId, medium: Option<&MediumId>| ErasedCopy {
        target: target.clone(),
        medium: medium.cloned(),
        state: ErasureState::Pending,
        until: None,
        error: None,
    };
    let mut out = Vec::new();
    for target in school.plan.targets.keys() {
        match school.plan.pool_of(target) {
            Some((pool, _)) => {
                let media = register.pool(pool).into_iter().filter(|medium| medium.repository.is_some());
                out.extend(media.map(|medium| pending(target, Some(&medium.id))));
            }
            None => {
                let never =
                    matches!(school.reach(&register, target), Availability::CannotRun(_)) && !was_copied(target);
                out.extend((!never).then(|| pending(target, None)));
            }
        }
    }
    Ok(out)
}

/// What an erasure comes to on one copy, before anything is done.
pub struct ErasePlan<'a> {
    plan: dr_repo::ErasePlan<'a>,
    work: &'a Workplace<'a>,
    how: EraseOptions<'a>,
    now: Timestamp,
}

/// Looks for what is to be erased in the snapshots of a system on one copy.
///
/// # Errors
/// What the repository says.
pub fn plan_erase<'a>(
    school: &School,
    work: &'a Workplace<'a>,
    system: &'a SystemId,
    one: &mut Opened,
    how: &EraseOptions<'a>,
) -> Result<ErasePlan<'a>, RunError> {
    let now = school.clock.decided();
    let options = dr_repo::EraseOptions {
        now_ms: now.as_millisecond(),
        system: Some(system.as_str()),
        paths: how.paths,
        also: how.also,
        asked: how.asked,
        scratch: &work.scratch,
        journal: Some(&work.journal),
        clock: &work.clock,
        stop: how.stop,
        tally: how.tally,
    };
    let plan = dr_repo::plan_erase(&mut one.repository, &options)
        .map_err(|source| RunError::repository(one.location.named(), source))?;
    Ok(ErasePlan { plan, work, how: *how, now })
}

impl ErasePlan<'_> {
    /// What becomes of each snapshot.
    #[must_use]
    pub fn verdicts(&self) -> &[Judged] {
        self.plan.verdicts()
    }

    /// What it would come to.
    #[must_use]
    pub fn report(&self) -> &EraseReport {
        self.plan.report()
    }

    /// Erases, begins to delete its bytes, and writes that down. `one`: the copy of which it was made.
    ///
    /// # Errors
    /// What the repository says. What was done counts, and running again goes on from there.
    pub fn execute(self, school: &School, erasure: &mut Erasure, one: &mut Opened) -> Result<Carried, RunError> {
        match self.on_one(school, one) {
            Ok(carried) => {
                note(school, erasure, carried.copy.clone(), Some(&carried.erased))?;
                Ok(carried)
            }
            Err(error) => {
                not_erased(school, erasure, &one.location)?;
                Err(error)
            }
        }
    }

    fn on_one(self, school: &School, one: &mut Opened) -> Result<Carried, RunError> {
        let Self { plan, work: Workplace { scratch, journal, clock }, how, now } = self;
        let failed = |source| RunError::repository(one.location.named(), source);
        let erased = plan.execute(&mut one.repository).map_err(failed)?;
        // Nothing but what was erased goes before its time: what was forgotten otherwise can be put back for a week.
        let usual = PruneOptions::usual(now.as_millisecond(), false, scratch, clock, how.stop, how.tally);
        let settle_ms = if how.at_once { 0 } else { usual.settle_ms };
        let options = PruneOptions { journal: Some(journal), settle_ms, ..usual };
        let mut error = None;
        if one.repository.left_of_erased().map_err(failed)?.0 > 0 {
            let planned = dr_repo::plan_prune(&mut one.repository, &options);
            match planned.and_then(|plan| plan.execute(&mut one.repository)) {
                Ok(pruned) => deleted(school, &one.location, &pruned)?,
                Err(why) => error = Some(failed(why)),
            }
        }
        let left = one.repository.left_of_erased().map_err(failed)?.0;
        let count = |n: u64| if n == 1 { "1 snapshot".to_owned() } else { format!("{n} snapshots") };
        let (state, why) = match (erased.unread, erased.held, left, &error) {
            (unread @ 1.., ..) => (ErasureState::Failed, Some(format!("{} cannot be looked through", count(unread)))),
            (0, held @ 1.., ..) => {
                (ErasureState::Held, Some(format!("{} of it may not be touched: held", count(held))))
            }
            (0, 0, 1.., Some(_)) => {
                (ErasureState::Failed, Some("in no snapshot; its bytes could not be deleted".into()))
            }
            (0, 0, 1.., None) => (ErasureState::Unlisted, None),
            (0, 0, 0, _) => (ErasureState::Gone, None),
        };
        let until = (state == ErasureState::Unlisted).then(|| lingers(school, &one.location, now));
        Ok(Carried { erased, copy: standing(&one.location, state, until, why), error })
    }
}

/// Writes down that it could not be done on a copy, and waits.
///
/// # Errors
/// If the ledger or the register cannot be written.
pub fn not_erased(school: &School, erasure: &mut Erasure, location: &TargetLocation) -> Result<(), RunError> {
    let why = "it could not be done; the host's own messages say why".to_owned();
    note(school, erasure, standing(location, ErasureState::Failed, None, Some(why)), None)
}

fn note(
    school: &School,
    erasure: &mut Erasure,
    copy: ErasedCopy,
    erased: Option<&EraseReport>,
) -> Result<(), RunError> {
    let event = erasure.event(vec![copy.clone()], erased);
    match erasure.copies.iter_mut().find(|known| known.target == copy.target && known.medium == copy.medium) {
        // Nothing new, and so nothing to be written down again.
        Some(known) if known.state == copy.state && erased.is_none_or(|erased| erased.snapshots == 0) => return Ok(()),
        Some(known) => *known = copy,
        None => erasure.copies.push(copy),
    }
    // The ledger first: it says at worst twice that it was done.
    school.record(event)?;
    school.remember(erasure)
}

fn standing(
    location: &TargetLocation,
    state: ErasureState,
    until: Option<Timestamp>,
    error: Option<String>,
) -> ErasedCopy {
    ErasedCopy { target: location.target.clone(), medium: location.medium.clone(), state, until, error }
}

/// Until when its bytes may lie on a copy at least: the steps in which packs go, and the store's lock.
fn lingers(school: &School, location: &TargetLocation, now: Timestamp) -> Timestamp {
    let steps = now.saturating_add(SETTLE + SETTLE).unwrap_or(now);
    let lock = school.plan.targets.get(&location.target).and_then(|target| target.lock);
    lock.map_or(steps, |lock| steps.max(now.saturating_add(lock.longest()).unwrap_or(steps)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_told_how_it_stands_and_never_what_it_was_called() {
        let target = TargetId::new("nas").unwrap();
        let copy = ErasedCopy { target, medium: None, state: ErasureState::Gone, until: None, error: None };
        let erasure = Erasure {
            id: "2026-11-23T09:00:00Z/email".into(),
            system: SystemId::new("email").unwrap(),
            paths: vec!["/srv/mail/canary-name".into()],
            globs: vec!["*canary-pattern*".into()],
            because: "request 2026-14".into(),
            by: PersonId::new("oak").unwrap(),
            asked: "2026-11-23T09:00:00Z".parse().unwrap(),
            copies: vec![copy.clone()],
        };
        let told = serde_json::to_string(&erasure.event(vec![copy], None)).unwrap();
        assert!(told.contains("request 2026-14") && !told.contains("canary"), "{told}");
        assert!(erasure.is_over());
        let back: Erasure = serde_json::from_slice(&serde_json::to_vec(&erasure).unwrap()).unwrap();
        assert_eq!(back, erasure);
    }
}
