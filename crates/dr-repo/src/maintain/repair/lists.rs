//! Making lists of what snapshots use again, where the index objects that held them are gone, or they say too little.

use dr_format::id::{HostId, SessionId};
use dr_format::index_object::Record;
use dr_format::log_entry::Body;
use dr_format::used_set::UsedSet;

use super::rebuilt_index::RebuiltIndex;
use super::{Mending, describe};
use crate::error::RepoError;
use crate::maintain::prune::mark;
use crate::read::repository::Repository;
use crate::write::marked::list_marked;

/// Follows each snapshot of the sessions whose lists are to be made. One that cannot be followed has no list, and whoever
/// prunes by lists keeps the more for it.
pub(super) fn renew(repository: &mut Repository, mending: &mut Mending<'_>) -> Result<(), RepoError> {
    if mending.unlisted.is_empty() {
        return Ok(());
    }
    repository.refresh()?;
    for (host, session) in std::mem::take(&mut mending.unlisted) {
        let ours = repository.log.state.snapshots.iter().filter(|(_, one)| one.session == session && !one.lost);
        let mut records = Vec::new();
        for (id, document) in ours.map(|(id, one)| (*id, one.document)) {
            mending.may_go_on()?;
            let live = match mark(repository, &[(id, document)], Some(mending.options.scratch), mending.options.stop) {
                Ok(live) => live,
                Err(error) => {
                    error.tolerate_damage()?;
                    continue;
                }
            };
            let (mut list, writer) = (UsedSet::new(), &repository.writer);
            let index = repository.index()?;
            list_marked(&mut list, index, live.bits())?;
            records.push(Record::Used(list.seal(&writer.gc, writer.family, session, id)?));
        }
        if records.is_empty() {
            continue;
        }
        let name = register(repository, (host, session), &records, mending.options.now_ms)?;
        mending.mended(name, "lists what snapshots of its session use");
    }
    Ok(())
}

/// Stores what a session's snapshots use; it counts in place of what was said before.
fn register(
    repository: &mut Repository,
    (host, session): (HostId, SessionId),
    records: &[Record],
    now_ms: i64,
) -> Result<String, RepoError> {
    let object = describe::store(repository, host, session, (&[], records))?;
    let name = object.name.clone();
    let rebuilt = RebuiltIndex { session, host, own: Vec::new(), indexes: vec![object], superseded: Vec::new() };
    let registered = rebuilt.into_registered(repository, false);
    repository.maintain(now_ms, Body::IndexMerge(registered))?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use dr_format::key::Key;
    use dr_store::BlockingStore;

    use super::*;
    use crate::maintain::check::{CheckOptions, CheckReport, ReadData, check};
    use crate::maintain::prune::PruneOptions;
    use crate::maintain::repair::RepairOptions;
    use crate::progress::Tally;
    use crate::read::repository::Unlock;
    use crate::tests::relocation::Scene;
    use crate::tests::{prune, repair};

    const NOW: i64 = 1_800_000_000_000;

    fn checked(repository: &Repository) -> CheckReport {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = CheckOptions { read_data: ReadData::All, now_ms: NOW, enough: None, stop: &stop, tally: &tally };
        check(repository, &options).unwrap()
    }

    fn prune_keyless(scene: &Scene, blocking: BlockingStore) -> u64 {
        let pruner = Key::Pruner(Box::new(scene.family.pruner().unwrap()));
        let mut repository = Repository::open(blocking, Unlock::Key(pruner), HostId([1; 4])).unwrap();
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options =
            PruneOptions { undo_ms: 0, ..PruneOptions::usual(NOW, true, scene.folder.path(), &|| NOW, &stop, &tally) };
        prune(&mut repository, &options).unwrap().removable
    }

    #[test]
    fn a_list_that_says_too_little_is_found_before_anything_is_lost_by_it_and_is_made_again() {
        let scene = Scene::new();
        let files = |seed: u8| (0..9u8).map(move |n| (format!("{n}"), vec![seed ^ n; 70_000]));
        let kept = scene.keep(&mut scene.open(), files(16)).unwrap().snapshot;
        scene.keep(&mut scene.open(), files(32)).unwrap();
        assert_eq!(checked(&scene.open()).findings, []);

        let mut repository = scene.open();
        let session = repository.log.state.snapshots[&kept].session;
        let host = repository.log.state.sessions[&session].host.unwrap();
        let writer = repository.writer.clone();
        let nothing = UsedSet::new().seal(&writer.gc, writer.family, session, kept).unwrap();
        let name = register(&mut repository, (host, session), &[Record::Used(nothing)], NOW).unwrap();
        let found = checked(&scene.open());
        let [finding] = found.findings.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.object, name);
        assert!(finding.what.contains(&kept.to_string()) && finding.lost.is_empty(), "{finding:?}");

        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = RepairOptions {
            now_ms: NOW,
            others: &[],
            scratch: scene.folder.path(),
            journal: None,
            clock: &|| NOW,
            stop: &stop,
            tally: &tally,
        };
        let repaired = repair(&mut scene.open(), &options).unwrap();
        assert!(repaired.mended.iter().any(|mended| mended.object.starts_with("idx/")), "{:?}", repaired.mended);
        assert_eq!(repaired.after.unwrap().findings, []);
        assert_eq!(prune_keyless(&scene, scene.store.clone()), 0);
        assert_eq!(checked(&scene.open()).findings, []);
    }
}
