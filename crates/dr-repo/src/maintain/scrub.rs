//! A check without any key, as a NAS or a helper could run it: are the objects those that the log vouches for?
//!
//! Who made the log can only be told with a key: what is compared here is what the signatures under the maintenance key
//! of `repo.json` say. Contents stay sealed, so what damage costs cannot be told.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use dr_format::format::{PACK_MAX, REPO_JSON_MAX};
use dr_format::id::{Digest, PackId};
use dr_format::index_object::{PackLine, lines};
use dr_format::log_entry::object_name;
use dr_format::wire::Bad;
use dr_log::log::Log;
use dr_log::object::key;
use dr_store::{BlockingStore, StoreError};

use crate::error::RepoError;
use crate::maintain::check::{CheckOptions, CheckReport, Finding, ReadData, waits_since};
use crate::read::repository::{REPO_JSON, fault_text, parse_described, read_vouched};

/// Compares what is there with what the log says.
///
/// # Errors
/// [`RepoError::NoRepository`], what is wrong with `repo.json`, and what the store says.
pub fn scrub(store: &BlockingStore, options: &CheckOptions<'_>) -> Result<CheckReport, RepoError> {
    let json = match store.get(&key(REPO_JSON)?, REPO_JSON_MAX) {
        Ok(json) => json,
        Err(StoreError::NotFound { .. }) => return Err(RepoError::NoRepository(store.place())),
        Err(other) => return Err(other.into()),
    };
    let described = parse_described(&json)?;
    let log = Log::open(store, described.family, described.maintenance, Digest::of(&json))?;
    let mut out = CheckReport::default();
    let mut bad: BTreeMap<String, String> =
        log.unreadable.iter().chain(&log.odd).map(|(n, what)| (object_name(*n), what.clone())).collect();
    let mut vouched: BTreeMap<PackId, PackLine> = BTreeMap::new();
    for index in log.state.indexes.iter().filter(|index| !index.superseded) {
        let name = &index.object.name;
        let read = read_vouched(store, &key(name)?, &index.object)
            .and_then(|bytes| lines(&bytes, described.family).map_err(|Bad(what)| RepoError::damaged(name, what)));
        match read {
            Ok((session, lines)) if session == index.session => {
                vouched.extend(lines.into_iter().map(|line| (line.id, line)));
            }
            Ok(_) => drop(bad.insert(name.clone(), "it is another session's".into())),
            Err(error) => drop(bad.insert(name.clone(), fault_text(&error.tolerate_damage()?))),
        }
    }
    let mut packs = Vec::new();
    for (id, state) in log.state.packs.iter().filter(|(_, state)| !state.swept) {
        let line = match &state.healed {
            Some(healed) => Some((healed.len, healed.digest)),
            None => vouched.get(id).map(|line| (line.len, line.digest)),
        };
        packs.push((waits_since(state.read_ms, options.now_ms), state.object_name(*id), (*id, state.host), line));
    }
    packs.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    out.packs = packs.len() as u64;
    let mut left = match options.read_data {
        ReadData::Oldest { bytes } => bytes,
        ReadData::None => 0,
        ReadData::All | ReadData::Part { .. } => u64::MAX,
    };
    for (since, object, pack, line) in packs {
        if options.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        let Some((len, digest)) = line else {
            bad.insert(object, "no index object that can be read vouches for it".into());
            out.unsound.push(pack);
            continue;
        };
        match store.size(&key(&object)?) {
            Ok(size) if size == len => {}
            Ok(size) => {
                bad.insert(object, format!("it is {size} bytes and should be {len}"));
                out.unsound.push(pack);
                continue;
            }
            Err(error) => {
                bad.insert(object, fault_text(&RepoError::from(error).tolerate_damage()?));
                out.unsound.push(pack);
                continue;
            }
        }
        let is_first = out.packs_read == 0 && options.read_data != ReadData::None;
        if (len > left && !is_first) || options.enough.is_some_and(|enough| enough()) {
            left = 0;
            out.unread = out.unread.with(since);
            continue;
        }
        left = left.saturating_sub(len);
        // What is wrong once may be the reader's.
        let right = |bytes: &[u8]| Digest::of(bytes) == digest;
        if !right(&store.get(&key(&object)?, PACK_MAX)?) && !right(&store.get(&key(&object)?, PACK_MAX)?) {
            bad.insert(object, "its bytes are not those that were stored".into());
            out.unsound.push(pack);
            out.rotten.push(pack);
        }
        out.packs_read += 1;
        out.bytes_read += len;
        options.tally.bytes_read.fetch_add(len, Ordering::Relaxed);
    }
    out.not_checked.push("who wrote the log, what is in the packs, and what damage costs: no key was given".into());
    match (options.read_data, out.packs - out.packs_read) {
        (ReadData::None, _) => out.not_checked.push("the contents of packs: only their presence and length".into()),
        (_, 0) => {}
        (_, left) => out.not_checked.push(format!("the contents of {left} packs")),
    }
    out.listed = log.state.live().len() as u64;
    // Without a key no label opens.
    out.touched.any = !bad.is_empty();
    out.findings = bad.into_iter().map(|(object, what)| Finding { object, what, lost: Vec::new() }).collect();
    Ok(out)
}
