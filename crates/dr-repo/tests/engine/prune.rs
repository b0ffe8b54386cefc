//! What nothing needs goes, and nothing else, whenever it is cut off and whoever writes meanwhile.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_repo::{
    CheckOptions, PruneOptions, PrunePlan, PruneReport, ReadData, RepoError, Repository, Tally, Verdict, plan_prune,
};
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::{BlockingStore, Key, Store};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

struct Scene {
    school: School,
    store: Arc<dyn Store>,
    blocking: BlockingStore,
}

impl Scene {
    fn new() -> Self {
        let school = School::new();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let blocking = school.blocking(Arc::clone(&store));
        school.create(&blocking);
        Self { school, store, blocking }
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn keep(&self, tree: &Tree) -> dr_repo::SnapshotId {
        self.school.backup(&mut self.open(), tree, None).unwrap().snapshot
    }

    fn prune(&self, now_ms: i64, hours: i64, dry: bool) -> Result<(PruneReport, Vec<Verdict>), RepoError> {
        let mut verdicts = Vec::new();
        let hours = (hours, hours);
        let pruned = self.prune_of(&mut self.open(), now_ms, hours, &mut |plan| {
            verdicts = plan.verdicts().to_vec();
            !dry
        })?;
        Ok((pruned, verdicts))
    }

    /// `hours`: in which what was forgotten can be put back, and from one step to the next.
    fn prune_of(
        &self,
        repository: &mut Repository,
        now_ms: i64,
        hours: (i64, i64),
        goes_on: &mut dyn FnMut(&PrunePlan<'_>) -> bool,
    ) -> Result<PruneReport, RepoError> {
        let options = PruneOptions {
            now_ms,
            undo_ms: hours.0 * HOUR,
            settle_ms: hours.1 * HOUR,
            waste: 0.05,
            unfinished: false,
            scratch: self.school.folder.path(),
            journal: None,
            clock: &|| now_ms,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        let plan = plan_prune(repository, &options)?;
        if goes_on(&plan) { plan.execute(repository) } else { Ok(plan.report().clone()) }
    }

    fn bytes(&self) -> u64 {
        self.blocking.list("").unwrap().iter().map(|object| object.size).sum()
    }

    /// Everything that is on the list is whole.
    #[track_caller]
    fn is_sound(&self, trees: &[(dr_repo::SnapshotId, &Tree)]) {
        let repository = self.open();
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let checked = dr_repo::check(
            &repository,
            &CheckOptions { read_data: ReadData::All, now_ms: 0, enough: None, stop: &stop, tally: &tally },
        )
        .unwrap();
        assert_eq!(checked.findings, []);
        assert_eq!(repository.snapshots().len(), trees.len());
        for (id, tree) in trees {
            let (back, restored) = self.school.restore(&repository, *id).unwrap();
            assert_eq!(restored.failed, []);
            assert!(back == **tree, "snapshot {id} comes back otherwise");
        }
    }
}

/// A tree of many files, of which every third is another one in each generation.
fn generation(number: u64) -> Tree {
    let mut tree = Tree::new();
    other(&mut tree, "", dr_entry::Kind::Directory);
    for n in 0..60u64 {
        let seed = if n % 3 == 0 { number * 1_000 + n } else { n };
        file(&mut tree, &format!("file-{n:02}"), noise(40_000 + (n as usize) * 1_500, seed));
    }
    tree
}

#[test]
fn what_was_forgotten_is_gone_and_the_rest_restores() {
    let scene = Scene::new();
    let trees: Vec<Tree> = (0..5).map(generation).collect();
    let ids: Vec<_> = trees.iter().map(|tree| scene.keep(tree)).collect();
    let before = scene.bytes();
    forget(&mut scene.open(), &ids[..4], NOW).unwrap();
    let (would, planned) = scene.prune(NOW, 0, true).unwrap();
    assert_eq!(
        scene.bytes(),
        before + scene.blocking.list("log").unwrap().last().unwrap().size,
        "a dry run changes nothing"
    );
    let (did, done) = scene.prune(NOW, 0, false).unwrap();
    assert_eq!((would.removable, would.rewritten, planned), (did.removable, did.rewritten, done));
    assert!(did.deleted > 0 && did.bytes_deleted > 0, "{did:?}");
    scene.is_sound(&[(ids[4], &trees[4])]);
    let alone = Scene::new();
    alone.keep(&trees[4]);
    assert!(scene.bytes() < alone.bytes() * 12 / 10, "{} where {} would do", scene.bytes(), alone.bytes());
    // Duplicates are found in what was rewritten.
    let again = scene.school.backup(&mut scene.open(), &trees[4], None).unwrap();
    assert!(again.bytes_stored < 20_000, "{again:?}");
    let (second, _) = scene.prune(NOW, 0, false).unwrap();
    assert_eq!((second.removable, second.deleted), (0, 0), "nothing is left to do: {second:?}");
}

#[test]
fn nothing_goes_before_its_time_and_what_was_forgotten_can_be_put_back_until_then() {
    let scene = Scene::new();
    let trees: Vec<Tree> = (0..2).map(generation).collect();
    let ids: Vec<_> = trees.iter().map(|tree| scene.keep(tree)).collect();
    forget(&mut scene.open(), &ids[..1], NOW).unwrap();
    let (pruned, _) = scene.prune(NOW + HOUR, 24, false).unwrap();
    assert_eq!((pruned.removable, pruned.deleted), (0, 0));
    scene.open().unforget(&ids[..1], NOW + 2 * HOUR).unwrap();
    scene.is_sound(&[(ids[0], &trees[0]), (ids[1], &trees[1])]);
    forget(&mut scene.open(), &ids[..1], NOW + 3 * HOUR).unwrap();
    let mut deleted = Vec::new();
    for day in 1..6 {
        deleted.push(scene.prune(NOW + day * 25 * HOUR, 24, false).unwrap().0.deleted > 0);
        scene.is_sound(&[(ids[1], &trees[1])]);
    }
    assert_eq!(deleted, [false, false, false, true, false], "still to be brought back, condemned, swept, deleted");
    assert!(matches!(scene.open().unforget(&ids[..1], NOW + 200 * HOUR), Err(RepoError::ForgottenForGood(_))));
}

#[test]
fn a_backup_that_relied_on_what_was_swept_meanwhile_says_so_and_goes_through_again() {
    let scene = Scene::new();
    let (old, new) = (generation(0), generation(1));
    let first = scene.keep(&old);
    let second = scene.keep(&new);
    let last = old.keys().next_back().unwrap();
    // It has looked, and found everything of the first generation there.
    let meanwhile = entries(&old).inspect(|entry| {
        if entry.as_ref().is_ok_and(|entry| entry.path == *last) {
            forget(&mut scene.open(), &[first], NOW).unwrap();
            scene.prune(NOW, 0, false).unwrap();
        }
    });
    let outrun = scene.school.backup_entries(&mut scene.open(), Box::new(meanwhile), None, false);
    assert!(matches!(outrun, Err(RepoError::Outrun(_))), "{outrun:?}");
    scene.is_sound(&[(second, &new)]);
    let third = scene.keep(&old);
    scene.is_sound(&[(second, &new), (third, &old)]);
}

#[test]
fn a_backup_that_begins_after_packs_were_swept_stores_what_they_held_however_long_ago_it_was_opened() {
    let scene = Scene::new();
    let (old, new) = (generation(0), generation(1));
    let first = scene.keep(&old);
    let second = scene.keep(&new);
    let mut writer = scene.open();
    writer.ready().unwrap();
    forget(&mut scene.open(), &[first], NOW).unwrap();
    scene.prune(NOW, 0, false).unwrap();
    let third = scene.school.backup(&mut writer, &old, None).unwrap();
    assert_eq!(third.lacking, [], "what was swept is not lacking");
    scene.is_sound(&[(second, &new), (third.snapshot, &old)]);
}

#[test]
fn a_write_only_key_removes_nothing() {
    let scene = Scene::new();
    let id = scene.keep(&generation(0));
    let mut keyless = scene.school.open_keyless(&scene.blocking).unwrap();
    assert!(matches!(forget(&mut keyless, &[id], NOW), Err(RepoError::KeyMayNot(_))));
}

#[test]
fn what_was_forgotten_lately_can_be_put_back_although_its_packs_were_rewritten_and_swept() {
    let scene = Scene::new();
    let trees: Vec<Tree> = (0..3).map(generation).collect();
    let ids: Vec<_> = trees.iter().map(|tree| scene.keep(tree)).collect();
    forget(&mut scene.open(), &ids[..1], NOW).unwrap();
    let later = NOW + 48 * HOUR;
    forget(&mut scene.open(), &ids[1..2], later).unwrap();
    let pruned = scene.prune_of(&mut scene.open(), later, (24, 0), &mut |_| true).unwrap();
    assert!(pruned.rewritten > 0 && pruned.deleted > 0, "{pruned:?}");
    assert!(matches!(scene.open().unforget(&ids[..1], later), Err(RepoError::ForgottenForGood(_))));
    scene.open().unforget(&ids[1..2], later).unwrap();
    scene.is_sound(&[(ids[1], &trees[1]), (ids[2], &trees[2])]);
}

#[test]
fn two_prunes_at_once_and_a_backup_between_them_lose_nothing() {
    let scene = Scene::new();
    let (old, new) = (generation(0), generation(1));
    let first = scene.keep(&old);
    // Each has found nothing of the other: all of it is there twice.
    let (mut one, mut other) = (scene.open(), scene.open());
    one.ready().unwrap();
    other.ready().unwrap();
    let ids = [&mut one, &mut other].map(|writer| scene.school.backup(writer, &new, None).unwrap().snapshot);
    forget(&mut scene.open(), &[first], NOW).unwrap();
    let (mut between, mut again) = (None, None);
    let pruned = scene
        .prune_of(&mut scene.open(), NOW, (0, 0), &mut |_| {
            // What the first has seen by now is about to be put aside by the second.
            again = Some(scene.keep(&old));
            between = Some(scene.prune(NOW, 0, false).unwrap());
            true
        })
        .unwrap();
    let (second, _) = between.unwrap();
    assert!(second.deleted > 0, "the second was free to sweep: {second:?}");
    assert_eq!(pruned.deleted, 0, "the first knew too little: {pruned:?}");
    let all = [(ids[0], &new), (ids[1], &new), (again.unwrap(), &old)];
    scene.is_sound(&all);
    scene.prune(NOW, 0, false).unwrap();
    scene.is_sound(&all);
}

#[test]
fn of_two_copies_the_one_that_can_be_read_is_kept() {
    for spoiled in 0..2 {
        let scene = Scene::new();
        let tree = generation(1);
        let (mut one, mut other) = (scene.open(), scene.open());
        one.ready().unwrap();
        other.ready().unwrap();
        let first = scene.school.backup(&mut one, &tree, None).unwrap().snapshot;
        let before = scene.blocking.list("data").unwrap();
        let second = scene.school.backup(&mut other, &tree, None).unwrap().snapshot;
        let all = scene.blocking.list("data").unwrap();
        let (old, new): (Vec<_>, Vec<_>) = all.into_iter().partition(|pack| before.contains(pack));
        for pack in if spoiled == 0 { old } else { new } {
            let mut bytes = scene.blocking.get(&pack.key, pack.size).unwrap().to_vec();
            let (from, to) = (bytes.len() / 8, bytes.len() * 7 / 8);
            bytes[from..to].iter_mut().for_each(|byte| *byte ^= 1);
            scene.blocking.delete(&pack.key).unwrap();
            scene.blocking.put_new(&pack.key, dr_store::ObjectBody::Bytes(bytes.into())).unwrap();
        }
        scene.prune(NOW, 0, false).unwrap();
        for id in [first, second] {
            let (back, restored) = scene.school.restore(&scene.open(), id).unwrap();
            assert_eq!(restored.failed, [], "with {spoiled} spoiled");
            assert!(back == tree);
        }
    }
}

#[test]
fn what_a_run_that_is_not_over_needs_stays_until_it_is_over_or_was_silent_for_seven_weeks() {
    let scene = Scene::new();
    let (old, new) = (generation(0), generation(1));
    let first = scene.keep(&old);
    let second = scene.keep(&new);
    let before = scene.bytes();
    // Cut off after it registered what it stored: its session stays open.
    let mut tree = old.clone();
    file(&mut tree, "large", noise(300 << 20, 9));
    let run = |scene: &Scene, full_from: Option<u64>| {
        let faulty = Arc::new(Faulty::new(Arc::clone(&scene.store)));
        if let Some(number) = full_from {
            faulty.fail_from(number, Fault::Full);
        }
        let mut repository = scene.school.open(&scene.school.blocking(faulty.clone())).unwrap();
        (scene.school.backup(&mut repository, &tree, None).is_ok(), faulty.count())
    };
    let other = Scene::new();
    for tree in [&old, &new] {
        other.keep(tree);
    }
    let (_, requests) = run(&other, None);
    let (done, _) = run(&scene, Some(requests - 3));
    assert!(!done);
    assert!(scene.bytes() > before + (200 << 20), "something of it was registered");
    forget(&mut scene.open(), &[first], NOW).unwrap();
    let (data, soon) = (scene.blocking.list("data").unwrap(), 1_700_000_000_000 + HOUR);
    for now in [soon, soon + 49 * 24 * HOUR] {
        scene.prune(now, 0, false).unwrap();
        assert_eq!(scene.blocking.list("data").unwrap(), data);
    }
    scene.prune(NOW, 0, false).unwrap();
    let (pruned, _) = scene.prune(NOW, 0, false).unwrap();
    assert_eq!(pruned.waiting, 0);
    assert!(scene.bytes() < before, "{} of {before}", scene.bytes());
    scene.is_sound(&[(second, &new)]);
}

#[test]
fn a_damaged_chunk_keeps_its_pack_and_no_other() {
    let scene = Scene::new();
    let (old, new) = (generation(0), generation(1));
    let first = scene.keep(&old);
    let second = scene.keep(&new);
    forget(&mut scene.open(), &[first], NOW).unwrap();
    // The first pack is half needed. Its middle is spoiled.
    let pack = scene.blocking.list("data").unwrap().into_iter().max_by_key(|pack| pack.size).unwrap();
    let mut bytes = scene.blocking.get(&pack.key, pack.size).unwrap().to_vec();
    let (from, to) = (bytes.len() / 4, bytes.len() * 3 / 4);
    bytes[from..to].iter_mut().for_each(|byte| *byte ^= 1);
    scene.blocking.delete(&pack.key).unwrap();
    scene.blocking.put_new(&pack.key, dr_store::ObjectBody::Bytes(bytes.into())).unwrap();
    let (pruned, _) = scene.prune(NOW, 0, false).unwrap();
    assert_eq!(pruned.damaged.len(), 1, "{pruned:?}");
    assert!(scene.blocking.size(&pack.key).is_ok(), "what of it can still be read is still there");
    assert_eq!(scene.open().snapshots().len(), 1);
    let (back, restored) = scene.school.restore(&scene.open(), second).unwrap();
    let whole = back.iter().filter(|(path, node)| new.get(*path) == Some(*node)).count();
    assert_eq!(whole + restored.failed.len(), new.len());
}

#[test]
fn nothing_goes_while_a_log_entry_cannot_be_read() {
    let scene = Scene::new();
    let ids: Vec<_> = (0..2).map(|n| scene.keep(&generation(n))).collect();
    forget(&mut scene.open(), &ids[..1], NOW).unwrap();
    let before = scene.blocking.list("").unwrap();
    let spoiled = Key::new("log/0000000000000002").unwrap();
    let bytes = scene.blocking.get(&spoiled, 1 << 20).unwrap();
    scene.blocking.delete(&spoiled).unwrap();
    assert!(matches!(scene.prune(NOW, 0, false), Err(RepoError::NotUnderstood { .. } | RepoError::Damaged { .. })));
    // Also when somebody who can read has written on since.
    let mut writer = scene.open();
    let third = scene.school.backup(&mut writer, &generation(3), None).unwrap().snapshot;
    assert!(matches!(scene.prune(NOW, 0, false), Err(RepoError::NotUnderstood { .. })));
    assert!(matches!(forget(&mut scene.open(), &[third], NOW), Err(RepoError::NotUnderstood { .. })));
    scene.blocking.put_new(&spoiled, dr_store::ObjectBody::Bytes(bytes)).unwrap();
    let after = scene.blocking.list("").unwrap();
    assert!(before.iter().all(|object| after.iter().any(|other| other.key == object.key)));
}

#[test]
fn whichever_operation_fails_a_prune_can_be_run_again_and_loses_nothing() {
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        for k in 1.. {
            let scene = Scene::new();
            let trees: Vec<Tree> = (0..3).map(generation).collect();
            let ids: Vec<_> = trees.iter().map(|tree| scene.keep(tree)).collect();
            forget(&mut scene.open(), &ids[..2], NOW).unwrap();
            let faulty = Arc::new(Faulty::new(Arc::clone(&scene.store)));
            faulty.fail_once(k, fault);
            let blocking = scene.school.blocking(faulty.clone());
            let outcome = scene
                .school
                .open(&blocking)
                .and_then(|mut repository| scene.prune_of(&mut repository, NOW, (0, 0), &mut |_| true));
            scene.is_sound(&[(ids[2], &trees[2])]);
            scene.prune(NOW, 0, false).unwrap();
            let (last, _) = scene.prune(NOW, 0, false).unwrap();
            scene.is_sound(&[(ids[2], &trees[2])]);
            assert_eq!((last.removable, last.waiting), (0, 0), "operation {k}, {fault:?}: {last:?}");
            assert!(scene.bytes() < last.live * 12 / 10 + 60_000, "operation {k}: {} for {last:?}", scene.bytes());
            if !faulty.is_spent() {
                assert!(outcome.is_ok() && k > 10);
                break;
            }
        }
    }
}

#[test]
fn what_a_file_cache_remembers_is_stored_again_if_it_went() {
    let scene = Scene::new();
    let (old, new) = (generation(0), generation(1));
    let small = Tree::from_iter([new.clone().pop_first().unwrap()]);
    let keep = |tree: &Tree| scene.school.backup(&mut scene.open(), tree, Some("files")).unwrap().snapshot;
    let first = keep(&old);
    let second = keep(&new);
    forget(&mut scene.open(), &[first, second], NOW).unwrap();
    let third = keep(&small);
    scene.prune(NOW, 0, false).unwrap();
    // The cache of the second run is still there for a host that was away.
    let fourth = keep(&old);
    let fifth = keep(&old);
    scene.is_sound(&[(third, &small), (fourth, &old), (fifth, &old)]);
}
