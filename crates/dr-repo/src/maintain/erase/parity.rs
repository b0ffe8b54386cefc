//! Parity holds the bytes of packs again, of small ones all of them. What was erased goes from it before its packs go.

use std::collections::BTreeSet;

use dr_format::id::{HostId, PARITY_FOLDER, PackId, SessionId, session_of_parity, unhex};
use dr_format::parity::{FRONT, Spare, decode, table_len};
use dr_log::fold::PackState;
use dr_log::log::erased;
use dr_log::object::key;
use dr_log::reclaim;
use dr_store::StoreError;

use crate::error::RepoError;
use crate::progress::Tally;
use crate::read::repository::Repository;
use crate::write::parity_writer::ParityWriter;

/// The names under which a pack's object may lie.
pub(super) fn names(pack: &PackId, state: &PackState) -> Vec<String> {
    let healed = state.healed.as_ref().map(|object| object.name.clone());
    std::iter::once(pack.object_name(state.host)).chain(healed).collect()
}

/// The size of a pack that is still in the store, swept or not.
pub(super) fn size_of(repository: &Repository, pack: &PackId) -> Result<Option<u64>, RepoError> {
    let Some(state) = repository.log.state.packs.get(pack) else { return Ok(None) };
    for name in names(pack, state) {
        match repository.store.size(&key(&name)?) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(None)
}

/// Takes packs that are about to be deleted, and that hold something which was erased, out of parity: what else is in
/// such an object is written rewritten, then it is deleted. Whoever comes after a kill does it again, since the packs are
/// still there. Returns the objects that were deleted, and their bytes.
pub(crate) fn forget_parity(
    repository: &Repository,
    going: &BTreeSet<PackId>,
    tally: &Tally,
) -> Result<(u64, u64), RepoError> {
    let mut gone = BTreeSet::new();
    for pack in erased(&repository.log).intersection(going) {
        if size_of(repository, pack)?.is_some() {
            gone.insert(*pack);
        }
    }
    let sessions: BTreeSet<SessionId> = gone.iter().map(|pack| pack.session).collect();
    let mut out = (0, 0);
    if sessions.is_empty() {
        return Ok(out);
    }
    for listed in repository.store.list(PARITY_FOLDER)? {
        let name = listed.key.as_str();
        let Some(session) = session_of_parity(name).filter(|session| sessions.contains(session)) else { continue };
        let object = repository.store.get(&listed.key, listed.size)?;
        // What cannot be read may hold it as well.
        if let Some(rest) = rest(&object, repository, &gone, going) {
            let Some(rest) = rest else { continue };
            let host = name.split('/').nth(1).and_then(unhex).map(HostId);
            let host = host.ok_or_else(|| RepoError::damaged(name, "it is not the name of a parity object"))?;
            ParityWriter::of(rest).put(&repository.store, (repository.writer.family, host, session), 0, tally)?;
        }
        reclaim::delete(&repository.store, &listed.key)?;
        out = (out.0 + 1, out.1 + listed.size);
    }
    Ok(out)
}

/// What of a parity object is of packs that stay. Inner `None`: nothing of what was erased is in it; outer: it cannot be
/// read.
fn rest(
    object: &[u8],
    repository: &Repository,
    gone: &BTreeSet<PackId>,
    going: &BTreeSet<PackId>,
) -> Option<Option<Vec<Spare>>> {
    let table = table_len(object.get(..FRONT as usize)?).ok()?;
    let rows = decode(object.get(..table as usize)?, object.len() as u64, repository.writer.family).ok()?;
    if !rows.iter().any(|row| gone.contains(&row.line.id)) {
        return Some(None);
    }
    let stays = rows.iter().filter(|row| !going.contains(&row.line.id));
    Some(Some(stays.filter_map(|row| row.again(object.get(row.at as usize..(row.at + row.len) as usize)?)).collect()))
}
