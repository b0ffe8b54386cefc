//! What cannot be read, is gone, or is damaged is named; everything else is done.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::bench::{Bench, objects};

#[test]
fn what_is_gone_or_cannot_be_read_is_named_and_the_rest_is_kept() {
    let bench = Bench::with_repository();
    bench.tree("from", 1000);
    // Reading our own memory at address 0 fails for everybody, also for root.
    let run = bench.dr([
        "repo",
        "backup",
        "--json",
        &bench.at("repo"),
        &bench.at("from"),
        &bench.at("vanished"),
        "/proc/self/mem",
    ]);
    let run = run.ended(3).told("vanished").told("/mem");
    let unreadable = run.summary()["unreadable"].clone();
    let names: Vec<_> = unreadable.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.contains(&bench.at("vanished").as_str()), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("/proc/") && name.ends_with("/mem")), "{names:?}");
    // What is not in the snapshot is named by a restore of it.
    let back = bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("to")]).ended(3);
    back.told("2 entries could not be read when this snapshot was made and are not in it, or not wholly")
        .told("vanished")
        .told("/mem");
    let below = bench.path("to").join(bench.at("from").trim_start_matches('/'));
    bench.same_trees(&bench.path("from"), &below, "");
}

#[test]
fn where_nothing_is_there_at_all_nothing_is_kept() {
    let bench = Bench::with_repository();
    bench.dr(["repo", "backup", &bench.at("repo"), &bench.at("vanished")]).ended(1).told("vanished");
    let listed = bench.dr(["repo", "snapshots", "--json", &bench.at("repo")]).ended(0).document();
    assert_eq!(listed, serde_json::json!([]));
}

/// Changes the byte in the middle of an object.
fn damage(object: &Path) {
    let mut bytes = fs::read(object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    fs::set_permissions(object, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(object, bytes).unwrap();
}

fn object_of(bench: &Bench, folder: &str) -> std::path::PathBuf {
    let start = bench.path("repo").join(folder);
    objects(&bench.path("repo")).into_iter().map(|(path, _)| path).rfind(|path| path.starts_with(&start)).unwrap()
}

#[test]
fn a_damaged_pack_is_named_with_the_files_it_costs_and_the_others_come_back() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 100_000);
    bench.backup(&["from"], 0);
    let pack = object_of(&bench, "data");
    damage(&pack);
    let object = pack.strip_prefix(bench.path("repo")).unwrap().to_str().unwrap().to_owned();
    let check = bench.dr(["repo", "check", "--json", "--read-data", &bench.at("repo")]).ended(3).document();
    assert_eq!(check["verdict"], "damaged");
    let finding = &check["findings"][0];
    assert_eq!((finding["object"].as_str(), &finding["lost"][0]["path"]), (Some(&*object), &"below/b.bin".into()));
    let restored = bench.dr(["repo", "restore", "--json", &bench.at("repo"), "latest", "--to", &bench.at("to")]);
    let restored = restored.ended(3).told("below/b.bin").summary();
    assert_eq!(restored["failed"][0]["path"], "below/b.bin");
    assert_eq!(fs::read(bench.path("to/a.txt")).unwrap(), fs::read(tree.join("a.txt")).unwrap());
    assert!(!bench.path("to/below/b.bin").exists());
    // The next backup does not rely on it, once a check has been here or not: what it stores comes back whole.
    bench.dr(["repo", "check", "--json", "--read-data-subset", "100%", &bench.at("repo")]).ended(3).document();
}

#[test]
fn with_the_newest_log_entry_damaged_latest_is_done_and_said_to_be_uncertain() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 1000);
    bench.backup(&["from"], 0);
    let before = bench.dr(["repo", "snapshots", "--json", &bench.at("repo")]).ended(0).document();
    fs::write(tree.join("later"), "later").unwrap();
    bench.backup(&["from"], 0);
    damage(&object_of(&bench, "log"));
    let restored = bench.dr(["repo", "restore", "--json", &bench.at("repo"), "latest", "--to", &bench.at("to")]);
    let restored = restored.ended(3).told("newest log entry").summary();
    assert_eq!(restored["snapshot"], before[0]["id"]);
    assert_eq!(restored["failed"], serde_json::json!([]));
    assert!(bench.path("to/a.txt").exists() && !bench.path("to/later").exists());
    // By its id there is nothing uncertain about it.
    let id = before[0]["id"].as_str().unwrap();
    bench.dr(["repo", "restore", &bench.at("repo"), id, "--to", &bench.at("to-2")]).ended(0);
    let check = bench.dr(["repo", "check", "--json", &bench.at("repo")]).ended(3).document();
    assert!(check["findings"][0]["object"].as_str().unwrap().starts_with("log/"), "{check}");
}

#[test]
fn a_damaged_key_slot_is_told_from_a_wrong_password() {
    let bench = Bench::with_repository();
    damage(&object_of(&bench, "keys"));
    // Its second copy opens as well.
    bench.dr(["repo", "snapshots", &bench.at("repo")]).ended(0).told("its own checksum");
    fs::remove_dir_all(bench.path("repo/ecc")).unwrap();
    bench.dr(["repo", "snapshots", &bench.at("repo")]).ended(1).told("damaged");
    let check = bench.dr(["repo", "check", "--json", &bench.at("repo")]).ended(1).document();
    assert_eq!(check["verdict"], "damaged");
    assert!(check["findings"][0]["object"].as_str().unwrap().starts_with("keys/"));
}

#[test]
fn a_check_that_could_not_run_says_so() {
    let bench = Bench::with_repository();
    let check = bench.dr(["repo", "check", "--json", &bench.at("nowhere")]).ended(10).document();
    assert_eq!((&check["verdict"], &check["findings"]), (&"could-not-verify".into(), &serde_json::json!([])));
}

#[test]
fn a_repository_that_was_put_back_is_read_and_not_written_until_somebody_accepts_that() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 1000);
    bench.backup(&["from"], 0);
    let copy = |from: &str, to: &str| {
        let (from, to) = (bench.path(from), bench.path(to));
        let _ = fs::remove_dir_all(&to);
        for (path, _) in objects(&from) {
            let place = to.join(path.strip_prefix(&from).unwrap());
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::copy(path, place).unwrap();
        }
    };
    copy("repo", "image");
    fs::write(tree.join("later"), "later").unwrap();
    bench.backup(&["from"], 0);
    copy("image", "repo");
    let repo = bench.at("repo");
    let refused = bench.dr(["repo", "backup", &repo, &bench.at("from")]).ended(1).told("put back");
    assert!(refused.stderr.contains("entry 2") && refused.stderr.contains("entry 3"), "{}", refused.stderr);
    bench.dr(["repo", "forget", &repo, "--keep-last", "1"]).ended(0);
    bench.dr(["repo", "prune", &repo]).ended(1).told("put back");
    // On the bad day what there is can be had.
    bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at("back")]).told("put back");
    assert!(bench.path("back/below").exists());
    // Not by writing on under the same number, either.
    bench
        .command(["repo", "backup", &repo, &bench.at("from")])
        .env("DR_CACHE", bench.path("elsewhere"))
        .output()
        .unwrap();
    bench.dr(["repo", "backup", &repo, &bench.at("from")]).ended(1).told("put back");
    let accepted = bench.dr(["repo", "accept-rollback", &repo]).ended(0);
    assert!(accepted.stdout.contains("entry 3 had been seen"), "{}", accepted.stdout);
    bench.backup(&["from"], 0);
    bench.dr(["repo", "check", "--read-data", &repo]).ended(0);
    bench.dr(["repo", "accept-rollback", &repo]).ended(64).told("nothing to accept");
}
