//! Which erasures wait, and what were they to take out? The ledger knows that one waits, the state folder what it was.
//!
//! A ledger that came back alone, on a new server, knows of erasures that have no words. They are found again in the
//! copies of the state, where the register lies sealed, by whoever holds the recovery key.

use std::collections::BTreeSet;
use std::fs;

use dr_entry::EntryPath;
use dr_ledger::{Entry, Wanted, wanted};
use dr_plan::SystemId;
use dr_repo::{RestoreOptions, Tally};
use dr_source::files::{FsRestorer, Owners, RestoreMode};
use std::sync::atomic::AtomicBool;

use crate::erasure::{ERASURE_MAX, Erasure};
use crate::error::RunError;
use crate::kept::{Opened, kept};
use crate::own_names::STATE;
use crate::places::private_folder;
use crate::school::School;

/// The folder of the register: in the state, and in each sealed copy of it.
pub(crate) const REGISTER: &str = "erasures";
/// So many of the newest copies of the state are looked through.
const LOOKED_THROUGH: usize = 90;

/// The register as it stands in the state folder: each file's name, and what is in it.
pub(crate) fn register(school: &School) -> Result<Vec<(String, Vec<u8>)>, RunError> {
    let waiting = school.waiting_erasures()?;
    let named = |erasure: &Erasure| {
        let path = school.erasure_file(&erasure.id);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = serde_json::to_vec_pretty(erasure).map_err(std::io::Error::from);
        Ok((name, text.map_err(RunError::local("cannot write", path))?))
    };
    waiting.iter().map(named).collect()
}

/// Erasures that wait by the ledger, and of which nobody knows here what they were to take out.
///
/// # Errors
/// If the register cannot be read.
pub fn unnamed(school: &School, entries: &[Entry]) -> Result<Vec<Wanted>, RunError> {
    let known: BTreeSet<String> = school.waiting_erasures()?.into_iter().map(|erasure| erasure.id).collect();
    let all = wanted(entries);
    Ok(all.into_iter().filter(|one| one.waits() && !known.contains(&one.erasure)).collect())
}

/// Looks in the sealed copies of the state for the words of erasures that have none here, and takes them up again; how
/// many. Takes a key that reads.
///
/// # Errors
/// If the register cannot be read or written. A copy that cannot be read is passed over.
pub fn recall(school: &School, opened: &[Opened], stop: &AtomicBool, tally: &Tally) -> Result<usize, RunError> {
    let mut wanted = unnamed(school, &school.entries()?)?;
    if wanted.is_empty() {
        return Ok(0);
    }
    let (Ok(state), Ok(register)) = (SystemId::new(STATE), EntryPath::new(REGISTER)) else { return Ok(0) };
    let mut found = 0;
    for one in kept(opened, Some(&state)).into_iter().take(LOOKED_THROUGH) {
        let Some(from) = opened.get(one.copy).filter(|_| !wanted.is_empty()) else { break };
        private_folder(&school.places.scratch())?;
        let place = dr_open::Claim::new(&school.places.scratch(), "erasures-")
            .map_err(RunError::local("cannot make a folder in", school.places.scratch()))?;
        let to = FsRestorer::new(&place.path().join("to"), RestoreMode { in_place: None, owners: Owners::NotSet })?;
        let paths = [register.clone()];
        let options = RestoreOptions { paths: &paths, workers: 1, stop, tally };
        let planned = dr_repo::plan_restore(&from.repository, one.id, &options);
        if planned.and_then(|plan| plan.execute(&to)).is_err() {
            continue;
        }
        let Ok(read) = fs::read_dir(place.path().join("to").join(REGISTER)) else { continue };
        for file in read.flatten() {
            let erasure = dr_open::read(&file.path(), ERASURE_MAX)
                .ok()
                .and_then(|text| serde_json::from_slice::<Erasure>(&text).ok());
            let Some(erasure) = erasure else { continue };
            let Some(at) = wanted.iter().position(|one| one.erasure == erasure.id && one.system == erasure.system)
            else {
                continue;
            };
            // How it stands, the ledger knows better than a copy of some day.
            let known = wanted.swap_remove(at);
            school.remember(&Erasure { copies: known.copies, ..erasure })?;
            found += 1;
        }
    }
    Ok(found)
}
