//! Which copies can be looked into for a system, and which snapshot on them is meant: chosen as a restore chooses.
//!
//! A look shows names and contents, so a system that is marked sensitive needs a second person here too.

use std::borrow::Cow;

use dr_plan::{PersonId, System};
use dr_repo::{SnapshotId, Tree};

use crate::error::RunError;
use crate::kept::{Closed, Kept, Opened, kept, open_all};
use crate::keys::KeyEnv;
use crate::restore::{Which, choose, second_person};
use crate::school::School;

/// The copies of one system that can be read now.
pub struct Looked<'a> {
    system: Cow<'a, System>,
    /// On-site first.
    pub opened: Vec<Opened>,
    closed: Vec<Closed>,
    /// Copies that should be here and were not asked, in words.
    pub notes: Vec<String>,
}

/// A snapshot, and the copy it is looked at on.
pub struct Chosen<'a> {
    /// Where.
    pub from: &'a Opened,
    /// Which.
    pub tree: Tree,
    /// Copies on which it could not be read, in words.
    pub notes: Vec<String>,
}

/// Opens the copies of a system with a key that reads; `target`: no other.
///
/// # Errors
/// If there is no such system or key, or a second person must agree.
pub fn look<'a>(
    school: &'a School,
    system: &str,
    target: Option<&str>,
    approved_by: Option<&PersonId>,
    around: &KeyEnv<'_>,
) -> Result<Looked<'a>, RunError> {
    let system = school.system_or_state(system)?;
    // As in a restore: whoever has the key and a second person is not kept from the data by a disk that is full.
    let unrecorded = match second_person(school, &system, approved_by, "look into") {
        Err(why @ (RunError::Ledger(_) | RunError::Local { .. })) => Some(why),
        other => other.map(|()| None)?,
    };
    let key = school.reading_key(around)?;
    let (opened, closed) = open_all(school, &key, target)?;
    let of_system = |closed: &&Closed| system.copies.iter().any(|copy| copy.target == closed.target);
    let away = closed.iter().filter(|closed| closed.error.is_some()).filter(of_system);
    let mut notes: Vec<String> =
        away.map(|closed| format!("{} was not asked: {}", closed.target, closed.why)).collect();
    notes.extend(unrecorded.map(|why| format!("that it was looked into could not be written down: {why}")));
    Ok(Looked { system, opened, closed, notes })
}

impl Looked<'_> {
    /// All snapshots of the system, newest first; one that several copies hold once, on the first of them.
    ///
    /// # Errors
    /// If there is none that can be read.
    pub fn all(&self) -> Result<Vec<Kept>, RunError> {
        choose(&self.system, &Which::Latest, &self.opened, &self.closed)?;
        let mut all: Vec<Kept> = Vec::new();
        for one in kept(&self.opened, Some(&self.system.id)) {
            if all.iter().all(|known| known.id != one.id) {
                all.push(one);
            }
        }
        Ok(all)
    }

    /// The snapshot that is meant, on the first copy that lets it be read.
    ///
    /// # Errors
    /// If no copy has it whole enough to be looked at.
    pub fn one(&self, which: &Which) -> Result<Chosen<'_>, RunError> {
        let choices = choose(&self.system, which, &self.opened, &self.closed)?;
        self.first(choices, |_| true)
    }

    /// Two snapshots on the first copy that has both.
    ///
    /// # Errors
    /// If no copy has both whole enough to be looked at.
    pub fn two(&self, earlier: &Which, later: &Which) -> Result<(Chosen<'_>, Tree), RunError> {
        let ids = |which| -> Result<SnapshotId, RunError> {
            let choices = choose(&self.system, which, &self.opened, &self.closed)?;
            choices.first().map(|kept| kept.id).ok_or_else(|| self.none("there is none of it"))
        };
        let (earlier, later) = (ids(earlier)?, ids(later)?);
        let all = kept(&self.opened, Some(&self.system.id));
        let has = |copy: usize, id: SnapshotId| all.iter().any(|kept| kept.copy == copy && kept.id == id);
        let choices: Vec<_> = all.iter().filter(|kept| kept.id == earlier).cloned().collect();
        let first = self.first(choices, |copy| has(copy, later))?;
        match first.from.repository.tree(later) {
            Ok(tree) => Ok((first, tree)),
            Err(why) => Err(RunError::repository(first.from.location.named(), why)),
        }
    }

    fn none(&self, why: &str) -> RunError {
        RunError::NoSnapshot { system: self.system.id.clone(), why: why.to_owned() }
    }

    fn first(&self, choices: Vec<Kept>, fits: impl Fn(usize) -> bool) -> Result<Chosen<'_>, RunError> {
        let mut notes = Vec::new();
        for choice in choices.into_iter().filter(|choice| fits(choice.copy)) {
            let from = &self.opened[choice.copy];
            match from.repository.tree(choice.id) {
                Ok(tree) => return Ok(Chosen { from, tree, notes }),
                Err(why) => {
                    notes.push(format!("{}: snapshot {} cannot be read: {why}", from.location.named(), choice.id))
                }
            }
        }
        match notes.is_empty() {
            true => Err(self.none("no copy that can be read now has both of these snapshots")),
            false => Err(RunError::NoCopy {
                system: self.system.id.clone(),
                why: notes.join("; "),
                wrong_key: false,
                no_repository: false,
            }),
        }
    }
}
