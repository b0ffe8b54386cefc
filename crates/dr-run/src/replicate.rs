//! How is a target brought level with another? What it lacks is copied there, sealed as it is.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use dr_ledger::Event;
use dr_media::Register;
use dr_repo::{CopyOptions, CopyReport, Fate, Repository, SnapshotId, Tally};

use crate::erasures::unnamed;
use crate::error::RunError;
use crate::folders::workplace;
use crate::keys::KeyEnv;
use crate::location::{Availability, TargetLocation};
use crate::school::School;

/// Two targets, opened: the one is to get what the other has.
pub struct Replication {
    /// From where.
    pub from: (TargetLocation, Repository),
    /// To where.
    pub to: (TargetLocation, Repository),
    /// The snapshots, oldest first.
    pub snapshots: Vec<SnapshotId>,
    /// Systems that are left out: something of them is to be erased where they would come from, and is not yet.
    pub waiting: BTreeSet<String>,
}

/// Opens both targets with a key that reads. `systems`: only theirs; empty for everything.
///
/// # Errors
/// If one of them cannot be reached or opened, or there is no such system or key.
pub fn replicate(
    school: &School,
    (from, to): (&str, &str),
    systems: &[String],
    around: &KeyEnv<'_>,
) -> Result<Replication, RunError> {
    let key = school.reading_key(around)?;
    let register = Register::of(&school.entries()?);
    let location = |name: &str| -> Result<TargetLocation, RunError> {
        match school.reach(&register, &school.target(name)?) {
            Availability::Here(location) => Ok(location),
            Availability::Awaited { who: why, .. } | Availability::CannotRun(why) | Availability::Gone(why) => {
                Err(RunError::NotHere { target: name.to_owned(), why })
            }
        }
    };
    let names: BTreeSet<String> = systems
        .iter()
        .map(|name| school.system_or_state(name).map(|system| system.id.to_string()))
        .collect::<Result<_, _>>()?;
    let (from, to) = (location(from)?, location(to)?);
    let source = school.open(&from, key.clone(), false)?;
    let there = school.open(&to, key, true)?;
    let erasures = school.waiting_erasures()?;
    let unnamed = unnamed(school, &school.entries()?)?.into_iter();
    let unnamed = unnamed.filter(|one| one.waits_for(&from.target, from.medium.as_ref()));
    let waiting: BTreeSet<String> = erasures
        .iter()
        .filter(|erasure| erasure.waits_for(&from))
        .map(|erasure| erasure.system.to_string())
        .chain(unnamed.map(|one| one.system.to_string()))
        .filter(|system| names.is_empty() || names.contains(system))
        .collect();
    let wanted = |system: &str| (names.is_empty() || names.contains(system)) && !waiting.contains(system);
    let snapshots = source
        .snapshots()
        .into_iter()
        .filter(|snapshot| snapshot.label.as_ref().is_none_or(|label| wanted(&label.system)))
        .map(|snapshot| snapshot.id)
        .collect();
    Ok(Replication { from: (from, source), to: (to, there), snapshots, waiting })
}

impl Replication {
    /// Copies what is lacking, and writes into the ledger that it was done.
    ///
    /// # Errors
    /// If the target cannot be written. What is whole stays there, and running again goes on from there.
    pub fn copy(
        &mut self,
        school: &School,
        stop: &AtomicBool,
        tally: &Tally,
        each: &mut dyn FnMut(SnapshotId, &Fate),
    ) -> Result<CopyReport, RunError> {
        let (scratch, journal) = workplace(school, &self.to.1)?;
        let options = CopyOptions {
            snapshots: &self.snapshots,
            journal: Some(&journal),
            scratch: &scratch,
            clock: &|| school.clock.decided().as_millisecond(),
            stop,
            tally,
        };
        let copied = dr_repo::copy(&self.from.1, &mut self.to.1, &options, each).map_err(|source| {
            RunError::repository(format!("{} to {}", self.from.0.named(), self.to.0.named()), source)
        })?;
        let new = copied.snapshots.iter().filter(|(_, fate)| *fate == Fate::Copied).count();
        let refused = copied.snapshots.iter().filter(|(_, fate)| matches!(fate, Fate::Refused(_))).count();
        if new + refused > 0 {
            let (from, to) = (self.from.0.named(), self.to.0.named());
            let mut text = format!("{new} snapshots were copied from {from} to {to}");
            if refused > 0 {
                text += &format!("; {refused} were not: something of them is damaged on {from}");
            }
            school.record(Event::Note { text })?;
        }
        Ok(copied)
    }
}
