//! A plan is executed later than it was made: what others wrote in between, it loses nothing of and overrides nothing of.

use std::sync::Arc;

use dr_repo::{ForgetPlan, ForgetVerdict, RepoError, Repository, SnapshotId};
use dr_store::Shelf;
use dr_store::memory::MemoryStore;

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;

struct Scene {
    school: School,
    shelf: Shelf,
    trees: Vec<Tree>,
    ids: Vec<SnapshotId>,
}

impl Scene {
    /// Three snapshots.
    fn new() -> Self {
        let school = School::new();
        let shelf = school.shelf(Arc::new(MemoryStore::new()));
        school.create(&shelf);
        let mut scene = Self { school, shelf, trees: (0..3).map(generation).collect(), ids: Vec::new() };
        scene.ids = scene.trees.iter().map(|tree| scene.keep(tree)).collect();
        scene
    }

    fn open(&self) -> Repository {
        self.school.open(&self.shelf).unwrap()
    }

    fn keep(&self, tree: &Tree) -> SnapshotId {
        self.school.backup(&mut self.open(), tree, None).unwrap().snapshot
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
    assert_eq!(plan.execute(&mut other, NOW).unwrap().forgotten, 0);
    assert_eq!(scene.open().head(), head, "nothing is said a second time");
    assert_eq!(scene.listed(), scene.ids[2..]);
}
