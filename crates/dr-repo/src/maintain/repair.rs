//! Mending what is damaged: first is told what is lost from which files, then everything is mended that can be.
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
mod packs;
mod parity;
mod rebuilt_index;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_format::id::{HostId, SessionId, wipe_stack};
use dr_format::log_entry::{Body, object_name};
use dr_log::fold::{MENDS, SWEEPS};

use crate::error::RepoError;
use crate::maintain::check::{Check, Checked, Finding, ReadData, check, with_copies};
use crate::progress::Tally;
use crate::read::copies;
use crate::read::repository::Repository;

/// How a repair is to run.
pub struct Repair<'a> {
    /// Now, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Only say what is lost.
    pub dry: bool,
    /// Repositories of the same family, from which lost chunks are fetched.
    pub others: &'a [Repository],
    /// Where packs are written before they have a name, if the store has no place for that.
    pub scratch: &'a Path,
    /// The folder of this host's notes about this repository, as a backup has it.
    pub journal: Option<&'a Path>,
    /// Tells the time, in milliseconds since 1970 UTC.
    pub clock: &'a (dyn Fn() -> i64 + Sync),
    /// Set from outside to end early. What was mended counts.
    pub stop: &'a AtomicBool,
    /// Progress: bytes read and stored.
    pub tally: &'a Tally,
}

/// Something that was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Name of the object.
    pub object: String,
    /// How, in words.
    pub how: String,
}

/// What a repair tells while it runs.
pub enum Told<'a> {
    /// This is damaged, and what it costs as long as it is.
    Damaged(&'a Finding),
    /// This is mended.
    Mended(&'a Mended),
}

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// What was damaged before.
    pub before: Checked,
    /// What was mended.
    pub mended: Vec<Mended>,
    /// What a check found afterwards; none if nothing was to be done.
    pub after: Option<Checked>,
}

/// Mends a repository. `each` hears of everything that is damaged, then of everything that is mended.
///
/// # Errors
/// With a key that maintains nothing or cannot read, and what the store says. What cannot be mended is no error: it is
/// what [`Repaired::after`] finds.
pub fn repair(
    repository: &mut Repository,
    options: &Repair<'_>,
    each: &mut dyn FnMut(Told<'_>),
) -> Result<Repaired, RepoError> {
    repository.log.keeps_parity = true;
    let outcome = run(repository, options, each);
    repository.log.keeps_parity = false;
    wipe_stack();
    outcome
}

/// What the steps share.
struct Mending<'a> {
    options: &'a Repair<'a>,
    done: Vec<Mended>,
    /// Sessions whose snapshots need lists of what they use again, as their index objects were rewritten or said too little.
    unlisted: BTreeSet<(HostId, SessionId)>,
    each: &'a mut dyn FnMut(Told<'_>),
}

impl Mending<'_> {
    fn mended(&mut self, object: impl Into<String>, how: impl Into<String>) {
        let mended = Mended { object: object.into(), how: how.into() };
        (self.each)(Told::Mended(&mended));
        self.done.push(mended);
    }

    fn may_go_on(&self) -> Result<(), RepoError> {
        if self.options.stop.load(Ordering::Relaxed) { Err(RepoError::Interrupted) } else { Ok(()) }
    }

    fn look(&self, repository: &Repository) -> Result<Checked, RepoError> {
        let Repair { now_ms, stop, tally, .. } = *self.options;
        check(repository, &Check { read_data: ReadData::All, now_ms, enough: None, stop, tally })
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

fn run(
    repository: &mut Repository,
    options: &Repair<'_>,
    each: &mut dyn FnMut(Told<'_>),
) -> Result<Repaired, RepoError> {
    repository.begin_to_maintain()?;
    for other in options.others {
        if other.writer.family != repository.writer.family {
            return Err(RepoError::WrongKey(format!("{} is another school's", other.store.place())));
        }
    }
    let mut mending = Mending { options, done: Vec::new(), unlisted: BTreeSet::new(), each };
    let before = mending.look(repository)?;
    mending.unlisted.extend(&before.short);
    before.findings.iter().for_each(|finding| (mending.each)(Told::Damaged(finding)));
    let is_sound = before.findings.is_empty() && before.without_parity == 0 && repository.log.unknown.is_empty();
    if options.dry || is_sound {
        return Ok(Repaired { before, ..Repaired::default() });
    }
    // Before anything is appended, which would stand behind it.
    let (store, mut strays) = (repository.store.clone(), false);
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
    let store = repository.store.clone();
    for n in repository.log.remove_far(&store)? {
        mending.mended(object_name(n), STRAY);
    }
    checkpoints(repository, &mut mending)?;
    describe::describe(repository, &mut mending)?;
    fetch::fetch(repository, &mut mending)?;
    lists::renew(repository, &mut mending)?;
    parity::renew(repository, &mut mending)?;
    repository.refresh()?;
    let after = mending.look(repository)?;
    repository.remember_damage(&after, options.journal, options.now_ms)?;
    if repository.log.unknown.is_empty() {
        repository.condemn(&after.unsound, options.now_ms)?;
    }
    Ok(Repaired { before, mended: mending.done, after: Some(after) })
}
