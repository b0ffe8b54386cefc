//! Making parity again that is damaged or missing.

use std::collections::{BTreeMap, BTreeSet};

use dr_format::format::PACK_MAX;
use dr_format::id::{Digest, HostId, PARITY_FOLDER, PackId, SessionId, session_of_parity};
use dr_format::index_object::PackLine;
use dr_log::object::key;
use dr_log::reclaim;
use dr_store::Key;

use super::Mending;
use super::packs::{object_of, vouched};
use crate::error::RepoError;
use crate::maintain::check::{is_whole, table};
use crate::read::repository::Repository;
use crate::write::parity_writer::ParityWriter;

/// A parity object holds that of so many packs: a megabyte for each is in memory.
const AT_ONCE: usize = 32;

/// Removes parity that is damaged, after the packs have other.
pub(super) fn renew(repository: &mut Repository, mending: &mut Mending<'_>) -> Result<(), RepoError> {
    repository.reread_index();
    let mut missing: BTreeMap<SessionId, BTreeSet<PackId>> = BTreeMap::new();
    for (id, _) in repository.log.state.packs.iter().filter(|(_, pack)| !pack.swept) {
        missing.entry(id.session).or_default().insert(*id);
    }
    let mut bad: Vec<Key> = Vec::new();
    for listed in repository.store.list(PARITY_FOLDER)? {
        mending.may_go_on()?;
        let Some(session) = session_of_parity(listed.key.as_str()) else { continue };
        let (mut is_bad, mut good) = (false, Vec::new());
        match table(repository, &listed.key, listed.size) {
            Ok(rows) => {
                for row in rows {
                    // Parity of a pack that was since written otherwise, or that lies under another's name, heals nothing.
                    let is_good = row.line.id.session == session && is_whole(repository, &listed.key, &row)?;
                    if is_good
                        && vouched(repository, row.line.id)?
                            .is_none_or(|whole| whole == (row.line.len, row.line.digest))
                    {
                        good.push(row.line.id);
                    } else {
                        is_bad = true;
                    }
                }
            }
            Err(error) => {
                error.tolerate_damage()?;
                is_bad = true;
            }
        }
        if is_bad {
            bad.push(listed.key);
        } else {
            let missing = missing.entry(session).or_default();
            missing.retain(|id| !good.contains(id));
        }
    }
    if repository.keeps_parity() {
        for (session, packs) in missing {
            make(repository, session, &packs, mending)?;
        }
    }
    for name in bad {
        reclaim::delete(&repository.store, &name)?;
        mending.mended(name.as_str(), "parity was made again from the packs themselves");
    }
    Ok(())
}

fn make(
    repository: &Repository,
    session: SessionId,
    packs: &BTreeSet<PackId>,
    mending: &mut Mending<'_>,
) -> Result<(), RepoError> {
    let options = mending.options;
    let (mut parity_writer, mut held, mut made, mut of) = (ParityWriter::new(true), 0, 0, HostId([0; 4]));
    for id in packs {
        mending.may_go_on()?;
        let Some(state) = repository.log.state.packs.get(id) else { continue };
        let Some((len, digest)) = vouched(repository, *id)? else { continue };
        of = state.host;
        let object = object_of(repository, *id, state.host);
        let bytes = match repository.store.get(&key(&object)?, PACK_MAX) {
            Ok(bytes) => bytes,
            Err(error) => {
                RepoError::from(error).tolerate_damage()?;
                continue;
            }
        };
        // Parity of damage would keep the damage.
        if Digest::of(&bytes) != digest {
            continue;
        }
        parity_writer.take_bytes(PackLine { id: *id, len, digest }, &bytes)?;
        held += 1;
        made += 1;
        if held == AT_ONCE {
            parity_writer.put(&repository.store, (repository.writer.family, of, session), 0, options.tally)?;
            held = 0;
        }
    }
    parity_writer.put(&repository.store, (repository.writer.family, of, session), 0, options.tally)?;
    if made > 0 {
        mending.mended(format!("{PARITY_FOLDER}/{of}/{session}"), format!("parity was made for {made} packs"));
    }
    Ok(())
}
