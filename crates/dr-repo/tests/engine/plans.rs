//! A plan is executed later than it was made: what others wrote in between, it loses nothing of and overrides nothing of.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_repo::{
    EraseOptions, ErasePlan, ForgetPlan, ForgetVerdict, PruneOptions, PrunePlan, RepairOptions, RepoError, Repository,
    SnapshotId, Tally, plan_erase, plan_prune, plan_repair,
};
use dr_store::BlockingStore;
use dr_store::memory::MemoryStore;

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;

/// What the options of a plan point at.
#[derive(Default)]
struct Watch {
    stop: AtomicBool,
    tally: Tally,
}

struct Scene {
    school: School,
    blocking: BlockingStore,
    trees: Vec<Tree>,
    ids: Vec<SnapshotId>,
}

impl Scene {
    /// Three snapshots.
    fn new() -> Self {
        let school = School::new();
        let blocking = school.blocking(Arc::new(MemoryStore::new()));
        school.create(&blocking);
        let mut scene = Self { school, blocking, trees: (0..3).map(generation).collect(), ids: Vec::new() };
        scene.ids = scene.trees.iter().map(|tree| scene.keep(tree)).collect();
        scene
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn keep(&self, tree: &Tree) -> SnapshotId {
        self.school.backup(&mut self.open(), tree, None).unwrap().snapshot
    }

    fn prune<'a>(&'a self, repository: &mut Repository, watch: &'a Watch) -> PrunePlan<'a> {
        let usual = PruneOptions::usual(NOW, true, self.school.folder.path(), &|| NOW, &watch.stop, &watch.tally);
        plan_prune(repository, &usual).unwrap()
    }

    /// Of a file that is in every snapshot.
    fn erase<'a>(&'a self, repository: &mut Repository, watch: &'a Watch) -> ErasePlan<'a> {
        let options = EraseOptions {
            now_ms: NOW,
            system: None,
            paths: &|_| vec![path("file-01")],
            also: None,
            asked: b"file-01",
            scratch: self.school.folder.path(),
            journal: None,
            clock: &|| NOW,
            stop: &watch.stop,
            tally: &watch.tally,
        };
        plan_erase(repository, &options).unwrap()
    }

    /// These are on the list, in this order, and whole; nothing is damaged.
    #[track_caller]
    fn is_sound(&self, trees: &[&Tree]) {
        let repository = self.open();
        assert_eq!(self.school.findings(&repository), []);
        let listed = repository.snapshots();
        assert_eq!(listed.len(), trees.len());
        for (one, tree) in listed.iter().zip(trees) {
            let (back, restored) = self.school.restore(&repository, one.id).unwrap();
            assert_eq!(restored.failed, []);
            assert!(back == **tree, "snapshot {} comes back otherwise", one.id);
        }
    }

    fn listed(&self) -> Vec<SnapshotId> {
        self.open().snapshots().iter().map(|one| one.id).collect()
    }
}

/// A tree of many files, of which every third is another one in each generation.
fn generation(number: u64) -> Tree {
    let mut tree = Tree::new();
    other(&mut tree, "", dr_entry::Kind::Directory);
    for n in 0..30u64 {
        let seed = if n % 3 == 0 { number * 1_000 + n } else { n };
        file(&mut tree, &format!("file-{n:02}"), noise(40_000 + (n as usize) * 1_500, seed));
    }
    tree
}

#[test]
fn a_hold_that_another_writer_laid_after_the_plan_is_not_overridden() {
    let scene = Scene::new();
    let (mut repository, plan) = (scene.open(), ForgetPlan::named(&scene.ids[..2]));
    scene.open().hold(&scene.ids[1..2], NOW + 1, NOW).unwrap();
    let held = plan.clone().execute(&mut repository, NOW);
    assert!(matches!(held, Err(RepoError::Held(id)) if id == scene.ids[1]), "{held:?}");
    assert_eq!(scene.listed(), scene.ids, "nothing was forgotten");
    assert_eq!(plan.execute(&mut repository, NOW + 1).unwrap().forgotten, 2, "the hold is over");
}

#[test]
fn a_plan_to_forget_is_made_again_if_another_writer_forgot_what_it_keeps() {
    let scene = Scene::new();
    let because = "the newest".to_owned();
    let verdicts =
        scene.ids.iter().map(|id| ForgetVerdict { id: *id, keep: *id == scene.ids[2], because: because.clone() });
    let (mut repository, plan) = (scene.open(), ForgetPlan::new(verdicts.collect()));
    forget(&mut scene.open(), &scene.ids[2..], NOW).unwrap();
    let outrun = plan.execute(&mut repository, NOW);
    assert!(matches!(outrun, Err(RepoError::Outrun(_))), "{outrun:?}");
    assert_eq!(scene.listed(), scene.ids[..2], "nothing else was forgotten");
}

#[test]
fn a_plan_to_forget_that_is_executed_twice_forgets_once() {
    let scene = Scene::new();
    let (mut one, mut other, plan) = (scene.open(), scene.open(), ForgetPlan::named(&scene.ids[..2]));
    assert_eq!(plan.clone().execute(&mut one, NOW).unwrap().forgotten, 2);
    let head = scene.open().head();
    assert_eq!(plan.execute(&mut other, NOW + 1).unwrap().forgotten, 0);
    assert_eq!(scene.open().head(), head, "nothing is said a second time");
    assert_eq!(scene.listed(), scene.ids[2..]);
}

#[test]
fn a_backup_that_began_after_a_prune_was_planned_loses_no_chunk_by_it() {
    let scene = Scene::new();
    let trees = &scene.trees;
    forget(&mut scene.open(), &scene.ids[..2], NOW).unwrap();
    let (mut repository, watch) = (scene.open(), Watch::default());
    let plan = scene.prune(&mut repository, &watch);
    assert!(plan.report().removable > 0 && plan.verdicts().iter().any(|verdict| !verdict.keep));
    // It finds its duplicates in what the plan lets go.
    let again = scene.school.backup(&mut scene.open(), &trees[0], None).unwrap();
    assert!(again.bytes_stored < 20_000, "{again:?}");
    plan.execute(&mut repository).unwrap();
    scene.is_sound(&[&trees[2], &trees[0]]);
    scene.prune(&mut repository, &watch).execute(&mut repository).unwrap();
    scene.is_sound(&[&trees[2], &trees[0]]);
}

#[test]
fn a_backup_that_is_at_work_while_an_older_plan_is_executed_is_whole_or_runs_again() {
    let scene = Scene::new();
    let trees = &scene.trees;
    forget(&mut scene.open(), &scene.ids[..2], NOW).unwrap();
    let (mut repository, watch) = (scene.open(), Watch::default());
    let mut plan = Some(scene.prune(&mut repository, &watch));
    let last = trees[0].keys().next_back().unwrap();
    let meanwhile = entries(&trees[0]).inspect(|entry| {
        if entry.as_ref().is_ok_and(|entry| entry.path == *last) {
            plan.take().unwrap().execute(&mut repository).unwrap();
        }
    });
    let outrun = scene.school.backup_entries(&mut scene.open(), Box::new(meanwhile), None, false);
    assert!(matches!(outrun, Err(RepoError::Outrun(_))), "{outrun:?}");
    scene.is_sound(&[&trees[2]]);
    scene.keep(&trees[0]);
    scene.is_sound(&[&trees[2], &trees[0]]);
}

#[test]
fn of_one_prune_that_two_writers_planned_the_second_deletes_nothing_that_is_needed() {
    let scene = Scene::new();
    let trees = &scene.trees;
    forget(&mut scene.open(), &scene.ids[..2], NOW).unwrap();
    let (mut one, mut other, watch) = (scene.open(), scene.open(), Watch::default());
    let (first, second) = (scene.prune(&mut one, &watch), scene.prune(&mut other, &watch));
    assert_eq!(first.verdicts(), second.verdicts());
    let did = first.execute(&mut one).unwrap();
    assert!(did.deleted > 0 && did.rewritten > 0, "{did:?}");
    scene.is_sound(&[&trees[2]]);
    // Each step of it is said of what the log says by now.
    let late = second.execute(&mut other).unwrap();
    assert_eq!((late.rewritten, late.damaged.len()), (0, 0), "{late:?}");
    scene.is_sound(&[&trees[2]]);
    let left = scene.prune(&mut one, &watch).execute(&mut one).unwrap();
    assert_eq!((left.removable, left.waiting), (0, 0), "{left:?}");
    scene.is_sound(&[&trees[2]]);
}

#[test]
fn a_plan_is_refused_once_the_repository_was_read_again() {
    let scene = Scene::new();
    forget(&mut scene.open(), &scene.ids[..2], NOW).unwrap();
    let (mut repository, watch, before) = (scene.open(), Watch::default(), scene.blocking.list("").unwrap());
    let plan = scene.prune(&mut repository, &watch);
    repository.refresh().unwrap();
    let outrun = plan.execute(&mut repository);
    assert!(matches!(outrun, Err(RepoError::Outrun(_))), "{outrun:?}");
    assert!(outrun.unwrap_err().to_string().ends_with("; run again"));
    let plan = scene.prune(&mut repository, &watch);
    let outrun = plan.execute(&mut scene.open());
    assert!(matches!(outrun, Err(RepoError::Outrun(_))), "another one's numbers are not its: {outrun:?}");
    assert_eq!(scene.blocking.list("").unwrap(), before);
}

#[test]
fn an_erasure_is_planned_again_if_a_snapshot_was_forgotten_put_back_or_held_meanwhile() {
    let scene = Scene::new();
    forget(&mut scene.open(), &scene.ids[..1], NOW).unwrap();
    let changes: [fn(&Scene); 3] = [
        |scene| assert_eq!(forget(&mut scene.open(), &scene.ids[1..2], NOW).unwrap().forgotten, 1),
        |scene| scene.open().unforget(&scene.ids[..1], NOW).unwrap(),
        |scene| scene.open().hold(&scene.ids[2..], NOW + 1, NOW).unwrap(),
    ];
    for change in changes {
        let (mut repository, watch) = (scene.open(), Watch::default());
        let plan = scene.erase(&mut repository, &watch);
        assert!(plan.report().snapshots > 0);
        change(&scene);
        let before = scene.blocking.list("").unwrap();
        let outrun = plan.execute(&mut repository);
        assert!(matches!(outrun, Err(RepoError::Outrun(_))), "{outrun:?}");
        assert_eq!(scene.blocking.list("").unwrap(), before, "nothing was written");
    }
    scene.is_sound(&[&scene.trees[0], &scene.trees[2]]);
}

#[test]
fn of_one_erasure_that_two_writers_planned_the_second_is_refused_and_a_backup_in_between_is_whole() {
    let scene = Scene::new();
    let (mut one, mut other, watch) = (scene.open(), scene.open(), Watch::default());
    let (first, second) = (scene.erase(&mut one, &watch), scene.erase(&mut other, &watch));
    assert_eq!(first.verdicts(), second.verdicts());
    // It still has what is erased, and relies on what the plan has looked at.
    scene.keep(&scene.trees[0]);
    assert_eq!(first.execute(&mut one).unwrap().snapshots, 3);
    let outrun = second.execute(&mut other);
    assert!(matches!(outrun, Err(RepoError::Outrun(_))), "{outrun:?}");
    let mut without = scene.trees.clone();
    without.iter_mut().for_each(|tree| drop(tree.remove(&path("file-01"))));
    scene.is_sound(&[&without[0], &without[1], &without[2], &scene.trees[0]]);
    assert_eq!(scene.erase(&mut one, &watch).execute(&mut one).unwrap().snapshots, 1);
    scene.is_sound(&[&without[0], &without[1], &without[2], &without[0]]);
}

#[test]
fn a_repair_mends_what_its_plan_found_also_if_others_wrote_or_mended_meanwhile() {
    let scene = Scene::new();
    let trees = &scene.trees;
    let pack = scene.blocking.list("data").unwrap().remove(0).key;
    let mut bytes = scene.blocking.get(&pack, u64::MAX).unwrap().to_vec();
    bytes[99] ^= 1;
    scene.blocking.delete(&pack).unwrap();
    scene.blocking.put_new(&pack, dr_store::ObjectBody::Bytes(bytes.into())).unwrap();
    let watch = Watch::default();
    let options = RepairOptions {
        now_ms: NOW,
        others: &[],
        scratch: scene.school.folder.path(),
        journal: None,
        clock: &|| NOW,
        stop: &watch.stop,
        tally: &watch.tally,
    };
    let (mut one, mut other) = (scene.open(), scene.open());
    let (first, second) = (plan_repair(&mut one, &options).unwrap(), plan_repair(&mut other, &options).unwrap());
    assert_eq!((first.findings().len(), first.findings()), (1, second.findings()));
    // It stores what it cannot rely on again.
    scene.keep(&trees[0]);
    let did = first.execute(&mut one, &mut |_| {}).unwrap();
    assert_eq!(did.after.map(|after| after.findings), Some(vec![]), "{:?}", did.mended);
    scene.is_sound(&[&trees[0], &trees[1], &trees[2], &trees[0]]);
    let late = second.execute(&mut other, &mut |_| {}).unwrap();
    assert_eq!((late.mended, late.after.map(|after| after.findings)), (vec![], Some(vec![])));
    scene.is_sound(&[&trees[0], &trees[1], &trees[2], &trees[0]]);
}
