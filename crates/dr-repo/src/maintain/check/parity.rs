//! Is there parity for every pack, and is it whole?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use dr_format::id::{PARITY_FOLDER, PackId, session_of_parity};
use dr_format::parity::{FRONT, Row, decode, table_len};
use dr_format::wire::Bad;
use dr_store::Key;

use super::{CheckOptions, ReadData};
use crate::error::RepoError;
use crate::read::repository::{Repository, fault_text};

/// The table of a parity object.
pub(crate) fn table(repository: &Repository, name: &Key, size: u64) -> Result<Vec<Row>, RepoError> {
    let bad = |Bad(what): Bad| RepoError::damaged(name.as_str(), what);
    let front = repository.store.get_range(name, 0, FRONT)?;
    let table = repository.store.get_range(name, 0, table_len(&front).map_err(bad)?)?;
    decode(&table, size, repository.writer.family).map_err(bad)
}

/// Looks at every parity object, and counts the packs that have none.
pub(super) fn check(
    repository: &Repository,
    options: &CheckOptions<'_>,
    bad_objects: &mut BTreeMap<String, String>,
) -> Result<u64, RepoError> {
    let mut missing: BTreeSet<PackId> = match repository.keeps_parity() {
        true => repository.log.state.packs.iter().filter(|(_, at)| !at.swept).map(|(id, _)| *id).collect(),
        false => BTreeSet::new(),
    };
    for listed in repository.store.list(PARITY_FOLDER)? {
        let (name, Some(session)) = (&listed.key, session_of_parity(listed.key.as_str())) else { continue };
        let rows = match table(repository, name, listed.size) {
            Ok(rows) => rows,
            Err(error) => {
                bad_objects.insert(name.to_string(), fault_text(&error.tolerate_damage()?));
                continue;
            }
        };
        for row in rows {
            if options.stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            if row.line.id.session != session {
                bad_objects.insert(name.to_string(), "it is another session's".into());
            } else if options.read_data == ReadData::All && !is_whole(repository, name, &row)? {
                bad_objects.insert(name.to_string(), "its bytes are not those that were stored".into());
            }
            missing.remove(&row.line.id);
        }
    }
    Ok(missing.len() as u64)
}

pub(crate) fn is_whole(repository: &Repository, name: &Key, row: &Row) -> Result<bool, RepoError> {
    // What is wrong once may be the reader's.
    for _ in 0..2 {
        if row.is_whole(&repository.store.get_range(name, row.at, row.len)?) {
            return Ok(true);
        }
    }
    Ok(false)
}
