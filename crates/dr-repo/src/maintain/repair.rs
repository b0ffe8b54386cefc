//! Mending what is damaged: first is told what is lost from which files, then everything is mended that can be.
//!
//! The look at everything is a [`RepairPlan`], which changes nothing. Executed, it looks again at each thing before it
//! touches it: what others wrote meanwhile is read first, and what they mended is not mended again.
//!
//! In this order: entries of the log that cannot be read are accounted for by what lies there; packs are healed from
//! their parity, under new names; packs that nothing describes are described again; what is lost is fetched from other
//! repositories of the family; what is left of packs beyond healing moves into new ones; parity is made again. What
//! stays damaged is condemned: the next backup stores again what its source still has, and earlier snapshots become
//! whole by the equal chunk. Nothing is deleted before what replaces it was read back, so that a repair that is cut short
//! can only be run again.

mod account;
mod describe;
mod fetch;
mod lists;
mod mending;
mod packs;
mod parity;
mod rebuilt_index;

use dr_format::id::wipe_stack;
use dr_format::log_entry::{Body, object_name};
use dr_log::fold::{MENDS, SWEEPS};
use dr_log::rollback_guard::Head;

use crate::error::RepoError;
use crate::maintain::check::{Finding, with_copies};
use crate::read::copies;
use crate::read::repository::Repository;

pub use mending::{Mended, RepairOptions, RepairReport};
use mending::{Mending, look};

/// What is damaged and what it costs, before anything is done.
pub struct RepairPlan<'a> {
    options: RepairOptions<'a>,
    /// The newest entry of the log when it was looked.
    view: Head,
    /// Whether there is nothing to be done.
    is_sound: bool,
    report: RepairReport,
}

/// Reads everything, and changes nothing.
///
/// # Errors
/// With a key that maintains nothing or cannot read, and what the store says.
pub fn plan_repair<'a>(repository: &mut Repository, options: &RepairOptions<'a>) -> Result<RepairPlan<'a>, RepoError> {
    let planned = planned(repository, options);
    wipe_stack();
    planned
}

fn planned<'a>(repository: &mut Repository, options: &RepairOptions<'a>) -> Result<RepairPlan<'a>, RepoError> {
    repository.begin_to_maintain()?;
    for other in options.others {
        if other.writer.family != repository.writer.family {
            return Err(RepoError::WrongKey(format!("{} is another school's", other.store.place())));
        }
    }
    let before = look(repository, options)?;
    let is_sound = before.findings.is_empty() && before.without_parity == 0 && repository.log.unknown.is_empty();
    let report = RepairReport { before, ..RepairReport::default() };
    Ok(RepairPlan { options: *options, view: repository.log.head, is_sound, report })
}

impl RepairPlan<'_> {
    /// What is damaged.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.report.before.findings
    }

    /// What was looked at, and that nothing was mended.
    #[must_use]
    pub fn report(&self) -> &RepairReport {
        &self.report
    }

    /// Mends what can be, and reads everything again. `each` hears of everything that is mended. Where nothing is damaged,
    /// nothing is done.
    ///
    /// # Errors
    /// What the store says. What cannot be mended is no error: it is what [`RepairReport::after`] finds.
    pub fn execute(
        self,
        repository: &mut Repository,
        each: &mut dyn FnMut(&Mended),
    ) -> Result<RepairReport, RepoError> {
        if self.is_sound {
            return Ok(self.report);
        }
        repository.log.keeps_parity = true;
        let outcome = self.run(repository, each);
        repository.log.keeps_parity = false;
        wipe_stack();
        outcome
    }

    fn run(self, repository: &mut Repository, each: &mut dyn FnMut(&Mended)) -> Result<RepairReport, RepoError> {
        let (options, before) = (&self.options, self.report.before);
        let mut mending = Mending { options, done: Vec::new(), unlisted: before.short.iter().copied().collect(), each };
        let store = repository.store.clone();
        repository.log.refresh(&store)?;
        if repository.log.head != self.view {
            repository.refresh()?;
        }
        // Before anything is appended, which would stand behind it.
        let mut strays = false;
        for n in repository.log.remove_behind_gap(&store)? {
            strays = true;
            mending.mended(object_name(n), STRAY);
        }
        for feature in [SWEEPS, MENDS] {
            if !repository.log.state.features.contains(feature) {
                repository.maintain(options.now_ms, Body::Features(vec![feature.to_owned()]))?;
            }
        }
        for (name, limit, right) in with_copies(repository) {
            for mended in copies::mend(&repository.store, &name, limit, right)? {
                mending.mended(mended, "written again from its second copy");
            }
        }
        // What is healed may be what tells of a snapshot.
        let ended = account::packs(repository, strays, &mut mending)?;
        packs::heal(repository, &before, &mut mending)?;
        account::snapshots(repository, strays, &ended, &mut mending)?;
        for n in repository.log.remove_far(&store)? {
            mending.mended(object_name(n), STRAY);
        }
        checkpoints(repository, &mut mending)?;
        describe::describe(repository, &mut mending)?;
        fetch::fetch(repository, &mut mending)?;
        lists::renew(repository, &mut mending)?;
        parity::renew(repository, &mut mending)?;
        repository.refresh()?;
        let after = look(repository, options)?;
        repository.remember_damage(&after, options.journal, options.now_ms)?;
        if repository.log.unknown.is_empty() {
            repository.condemn(&after.unsound, options.now_ms)?;
        }
        Ok(RepairReport { before, mended: mending.done, after: Some(after) })
    }
}

/// How what nobody wrote into the log goes.
const STRAY: &str =
    "nobody can have written it there in turn: it is removed, and whatever it may have registered was looked for";

/// Removes checkpoints of the log that cannot be read, where nothing rests on them.
fn checkpoints(repository: &mut Repository, mending: &mut Mending<'_>) -> Result<(), RepoError> {
    if !repository.log.unknown.is_empty() {
        return Ok(());
    }
    let (store, mut gone) = (repository.store.clone(), Vec::new());
    repository.log.clear(&store, &mut |listed| gone.push(listed.key.to_string()))?;
    if !gone.is_empty() {
        repository.checkpoint(mending.options.now_ms)?;
    }
    for name in gone {
        mending.mended(name, "the log says the same without it; another is written when it is time");
    }
    Ok(())
}
