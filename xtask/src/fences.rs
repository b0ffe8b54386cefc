//! Which crate may use which: imports go only downward, from floor to floor, along the edges in this table.
//!
//! Every edge here was decided once. A new one needs a decision record in `docs/decisions/` and then a word in this
//! table; an edge that is allowed and not used yet is no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::checkout;

/// A crate, its floor, and the crates of ours that it may use. Dependencies of tests are free.
type Room = (&'static str, u8, &'static [&'static str]);

const HOUSE: &[Room] = &[
    ("dr-entry", 0, &[]),
    ("dr-plan", 0, &[]),
    // What only tests can turn on; it answers no in every other program.
    ("dr-switch", 0, &[]),
    // How a name is opened that somebody else may have laid in the way.
    ("dr-open", 0, &[]),
    // Bytes of a repository and what they mean: no store, no disk, no threads.
    ("dr-format", 1, &["dr-entry"]),
    ("dr-store", 1, &["dr-open"]),
    ("dr-ledger", 1, &["dr-open", "dr-plan"]),
    ("dr-process", 1, &[]),
    ("dr-sample", 1, &[]),
    ("dr-source", 2, &["dr-entry", "dr-open", "dr-plan", "dr-process"]),
    // What happened to a repository, and what it adds up to.
    ("dr-log", 2, &["dr-format", "dr-open", "dr-store"]),
    // Which chunk lies where, on this host.
    ("dr-index", 2, &["dr-format", "dr-open"]),
    ("dr-repo", 3, &["dr-entry", "dr-format", "dr-index", "dr-log", "dr-open", "dr-switch", "dr-store"]),
    ("dr-media", 2, &["dr-plan", "dr-ledger"]),
    ("dr-runbook", 2, &["dr-plan"]),
    ("dr-post", 2, &["dr-open", "dr-plan", "dr-ledger", "dr-process"]),
    // Shows what the engine gives it.
    ("dr-mount", 4, &["dr-entry", "dr-repo"]),
    (
        "dr-run",
        4,
        &[
            "dr-open",
            "dr-plan",
            "dr-entry",
            "dr-store",
            "dr-repo",
            "dr-source",
            "dr-ledger",
            "dr-media",
            "dr-runbook",
            "dr-process",
            "dr-switch",
        ],
    ),
    ("dr-report", 3, &["dr-entry", "dr-plan", "dr-ledger", "dr-media", "dr-runbook", "dr-switch"]),
    (
        "dr-scheduler",
        5,
        &[
            "dr-open",
            "dr-plan",
            "dr-ledger",
            "dr-repo",
            "dr-media",
            "dr-runbook",
            "dr-run",
            "dr-report",
            "dr-post",
            "dr-switch",
        ],
    ),
    (
        "dr-setup",
        5,
        &[
            "dr-open",
            "dr-plan",
            "dr-ledger",
            "dr-process",
            "dr-source",
            "dr-media",
            "dr-runbook",
            "dr-run",
            "dr-report",
        ],
    ),
    (
        "dr",
        6,
        &[
            "dr-entry",
            "dr-open",
            "dr-plan",
            "dr-store",
            "dr-ledger",
            "dr-process",
            "dr-sample",
            "dr-source",
            "dr-repo",
            "dr-media",
            "dr-mount",
            "dr-runbook",
            "dr-run",
            "dr-report",
            "dr-post",
            "dr-scheduler",
            "dr-setup",
            "dr-switch",
        ],
    ),
    // Builds, tests and measures; nothing of it is installed anywhere.
    ("xtask", 7, &["dr-sample"]),
];

/// A folder of a crate, and the folders beside it that its files may not use. Tests may.
type Storey = (&'static str, &'static [&'static str]);

/// In the engine, reading knows nothing of writing, and neither of upkeep.
const STOREYS: &[Storey] =
    &[("crates/dr-repo/src/read", &["write", "maintain"]), ("crates/dr-repo/src/write", &["maintain"])];

/// `cargo xtask fences`.
pub fn run(root: &Path, _arguments: &[String]) -> Result<(), String> {
    let edges = edges(&checkout::metadata(root)?)?;
    let mut wrong = compare(HOUSE, &edges);
    for file in checkout::files(root, &["rs"])? {
        let text = std::fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        wrong.extend(upward(STOREYS, file.strip_prefix(root).unwrap_or(&file), &text));
    }
    if !wrong.is_empty() {
        return Err(format!("the house has a hole in a floor:\n{}", wrong.join("\n")));
    }
    let count: usize = edges.values().map(BTreeSet::len).sum();
    println!("fences: {} crates, {count} edges, all of them downward", edges.len());
    Ok(())
}

/// Which of our crates uses which, as cargo sees it. Only what is built into something counts: tests may use
/// what they like.
fn edges(metadata: &Value) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let name = |package: &Value| package["name"].as_str().unwrap_or_default().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let used = |package: &Value| {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let built_in = dependencies.filter(|d| d["kind"].as_str() != Some("dev"));
        built_in.map(name).filter(|used| ours.contains(used)).collect()
    };
    Ok(packages.iter().map(|package| (name(package), used(package))).collect())
}

/// What is wrong, one sentence each; nothing if all is well.
fn compare(house: &[Room], edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let room = |name: &str| house.iter().find(|room| room.0 == name);
    let mut wrong = Vec::new();
    for (name, floor, uses) in house {
        for used in *uses {
            match room(used) {
                Some((_, below, _)) if below < floor => {}
                Some((_, other, _)) => wrong.push(format!(
                    "the table lets {name} (floor {floor}) use {used} (floor {other}): imports go only downward, so \
                     move what they share to a lower floor"
                )),
                None => wrong.push(format!("the table lets {name} use {used}, which has no line of its own")),
            }
        }
        if !edges.contains_key(*name) {
            wrong.push(format!("{name} is in the table and not in the workspace: remove its line"));
        }
    }
    for (name, used) in edges {
        let Some((_, _, allowed)) = room(name) else {
            wrong.push(format!("{name} is new: give it a floor and a line in xtask/src/fences.rs, and say why it is a crate in docs/decisions/"));
            continue;
        };
        for used in used.iter().filter(|used| !allowed.contains(&used.as_str())) {
            wrong.push(format!(
                "{name} uses {used}, which the table in xtask/src/fences.rs does not allow. Pass a value instead of \
                 importing a crate, or move the type downward; if the edge is right and goes downward, write a \
                 decision record in docs/decisions/ and add it to the table"
            ));
        }
    }
    wrong
}

/// What a file uses of folders above its own, one sentence each.
fn upward(storeys: &[Storey], path: &Path, text: &str) -> Vec<String> {
    let Some((storey, above)) = storeys.iter().find(|(storey, _)| path.starts_with(storey) || is_beside(path, storey))
    else {
        return Vec::new();
    };
    let built = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
    let used = above.iter().filter(|folder| !is_test && built.contains(&format!("crate::{folder}::")));
    used.map(|folder| {
        format!("{} uses {folder}/, which stands above {storey}: move what they share down", path.display())
    })
    .collect()
}

/// Whether a file is the folder's own: `read.rs` beside `read/`.
fn is_beside(path: &Path, storey: &str) -> bool {
    path.with_extension("") == Path::new(storey)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(metadata: &str) -> Vec<String> {
        let house: &[Room] = &[("entry", 0, &[]), ("store", 1, &[]), ("repo", 2, &["entry"])];
        compare(house, &edges(&serde_json::from_str(metadata).unwrap()).unwrap())
    }

    #[test]
    fn imports_go_only_downward() {
        run(&checkout::root(), &[]).unwrap();
    }

    #[test]
    fn edges_of_the_table_and_of_tests_are_allowed() {
        let wrong = found(
            r#"{"packages": [
                {"name": "entry", "dependencies": [{"name": "serde", "kind": null}]},
                {"name": "store", "dependencies": [{"name": "repo", "kind": "dev"}]},
                {"name": "repo", "dependencies": [{"name": "entry", "kind": null}]}]}"#,
        );
        assert_eq!(wrong, [""; 0]);
    }

    #[test]
    fn a_new_edge_is_found_even_if_it_goes_downward_or_only_builds() {
        let wrong = found(
            r#"{"packages": [
                {"name": "entry", "dependencies": [{"name": "store", "kind": "build"}]},
                {"name": "store", "dependencies": []},
                {"name": "repo", "dependencies": [{"name": "store", "kind": null}]}]}"#,
        );
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].starts_with("entry uses store, which the table"), "{}", wrong[0]);
        assert!(wrong[1].starts_with("repo uses store, which the table"), "{}", wrong[1]);
    }

    #[test]
    fn a_new_crate_and_a_lost_one_are_found() {
        let wrong = found(
            r#"{"packages": [
                {"name": "entry", "dependencies": []},
                {"name": "attic", "dependencies": []},
                {"name": "repo", "dependencies": []}]}"#,
        );
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].starts_with("store is in the table and not"), "{}", wrong[0]);
        assert!(wrong[1].starts_with("attic is new"), "{}", wrong[1]);
    }

    #[test]
    fn a_folder_that_uses_one_above_it_is_found_and_tests_may() {
        let storeys: &[Storey] = &[("a/src/read", &["write"])];
        let found = |path: &str, text: &str| upward(storeys, Path::new(path), text).len();
        assert_eq!(found("a/src/read/diff.rs", "use crate::write::cache::Cache;\n"), 1);
        assert_eq!(found("a/src/read.rs", "use crate::write::cache::Cache;\n"), 1);
        assert_eq!(found("a/src/read/diff.rs", "use crate::read::find;\n"), 0);
        assert_eq!(found("a/src/write/cache.rs", "use crate::write::claim;\n"), 0);
        assert_eq!(found("a/src/read/diff.rs", "#[cfg(test)]\nmod tests {\n    use crate::write::cache::Cache;\n"), 0);
        assert_eq!(found("a/src/read/diff/tests.rs", "use crate::write::cache::Cache;\n"), 0);
    }

    #[test]
    fn an_upward_edge_cannot_be_allowed() {
        let house: &[Room] = &[("entry", 0, &["repo"]), ("repo", 2, &[])];
        let edges = edges(&serde_json::json!({"packages": [{"name": "entry"}, {"name": "repo"}]})).unwrap();
        let wrong = compare(house, &edges);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("only downward"), "{}", wrong[0]);
    }
}
