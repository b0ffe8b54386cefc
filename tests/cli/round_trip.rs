//! What was backed up is what comes back, and costs what it should.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Stdio;

use crate::bench::{Bench, Run, noise, objects};

#[test]
fn a_tree_of_every_oddity_comes_back_the_same() {
    let bench = Bench::with_repository();
    let tree = bench.path("from");
    dr_sample::oddities::make(&tree).unwrap();
    let summary = bench.backup(&["from"], 0);
    assert_eq!(summary["unreadable"], serde_json::json!([]));
    let restored = bench.dr(["repo", "restore", "--json", &bench.at("repo"), "latest", "--to", &bench.at("to")]);
    let restored = restored.ended(0).summary();
    assert_eq!(restored["restored"], summary["entries"]);
    bench.same_trees(&tree, &bench.path("to"), "");
    let check = bench.dr(["repo", "check", "--json", "--read-data", &bench.at("repo")]).ended(0).document();
    assert_eq!((check["verdict"].as_str(), check["findings"].as_array().map(Vec::len)), (Some("ok"), Some(0)));
}

#[test]
fn a_repository_inside_of_what_is_backed_up_does_not_back_up_itself() {
    let bench = Bench::new();
    bench.tree("e", 1 << 10);
    let repo = bench.at("e/below/repo");
    std::os::unix::fs::symlink("e", bench.path("link")).unwrap();
    bench.dr(["repo", "init", &repo]).ended(0);
    for path in ["e", "link", "link"] {
        bench.dr(["repo", "backup", &repo, &bench.at(path)]).ended(0).told("was left out of it");
        let listed = bench.dr(["repo", "ls", &repo]).ended(0).stdout;
        assert!(listed.contains("below") && !listed.contains("repo"), "{listed}");
    }
    // Whoever says so is not told.
    let said = bench.dr(["repo", "backup", &repo, &bench.at("e"), "--exclude", "/below/repo"]).ended(0);
    assert!(!said.stderr.contains("was left out"), "{}", said.stderr);
    // What would do nothing is refused, and what matches nothing now is named.
    bench.dr(["repo", "backup", &repo, &bench.at("e"), "--exclude", "!a"]).ended(64).told("there is no `!`");
    bench.dr(["repo", "backup", &repo, &bench.at("e"), "--exclude", "/none"]).ended(0).told("it matches nothing now");
    for inside in [repo.clone(), format!("{repo}/data")] {
        bench.dr(["repo", "backup", &repo, &inside]).ended(64).told("is the repository itself, or lies inside it");
    }
}

#[test]
fn an_unchanged_tree_adds_three_small_objects_at_most_and_their_parity() {
    let bench = Bench::with_repository();
    bench.tree("from", 3 << 20);
    bench.backup(&["from"], 0);
    let before = objects(&bench.path("repo"));
    let summary = bench.backup(&["from"], 0);
    let new: Vec<_> = objects(&bench.path("repo")).into_iter().filter(|object| !before.contains(object)).collect();
    let parity = bench.path("repo/ecc");
    assert!(new.iter().filter(|(path, _)| !path.starts_with(&parity)).count() <= 3, "{new:?}");
    assert!(new.len() <= 4, "{new:?}");
    assert!(new.iter().map(|(_, size)| size).sum::<u64>() <= 64 << 10, "{new:?}");
    assert_eq!(summary["objects"], new.len());
}

#[test]
fn several_paths_come_back_under_their_absolute_paths() {
    let bench = Bench::with_repository();
    bench.tree("one", 1000);
    bench.tree("two", 1000);
    bench.backup(&["one", "two/a.txt"], 0);
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("to")]).ended(0);
    let below = |path: &str| bench.path("to").join(bench.at(path).trim_start_matches('/'));
    bench.same_trees(&bench.path("one"), &below("one"), "");
    assert_eq!(fs::read(below("two/a.txt")).unwrap(), fs::read(bench.path("two/a.txt")).unwrap());
    assert!(!below("two/below").exists());
}

#[test]
fn a_path_is_found_as_the_machine_or_the_snapshot_calls_it_and_an_absent_one_is_named() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 1000);
    bench.backup(&["from"], 0);
    let restore = |to: &str, path: &str| {
        bench.dr(["repo", "restore", "--json", &bench.at("repo"), "latest", "--to", &bench.at(to), "--path", path])
    };
    for (to, path) in [("to-1", "below/deep".to_owned()), ("to-2", bench.at("from/below/deep"))] {
        restore(to, &path).ended(0);
        assert!(bench.path(to).join("below/deep/c").exists() && !bench.path(to).join("a.txt").exists());
        assert!(!bench.path(to).join("below/b.bin").exists());
    }
    let summary = restore("to-3", "below/gone").ended(1).summary();
    assert_eq!(summary["failed"][0]["path"], "below/gone");
    assert!(!bench.path("to-3").exists());
    restore("to-4", "../outside").ended(64);
    bench.same_trees(&tree, &tree, "");
}

#[test]
fn a_restore_in_place_replaces_and_removes_only_when_told_to() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 1000);
    bench.backup(&["from"], 0);
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("to")]).ended(0);
    let to = bench.path("to");
    fs::write(to.join("a.txt"), "scribbled over").unwrap();
    fs::write(to.join("own.txt"), "not in the snapshot").unwrap();
    let restore = |more: &[&str]| {
        let args = ["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("to")].map(str::to_owned);
        bench.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned())))
    };
    restore(&[]).ended(64).told("is not empty");
    assert_eq!(fs::read_to_string(to.join("a.txt")).unwrap(), "scribbled over");
    restore(&["--in-place"]).ended(0);
    assert!(to.join("own.txt").exists());
    bench.same_trees(&tree.join("below"), &to.join("below"), "");
    restore(&["--in-place", "--delete"]).ended(0);
    bench.same_trees(&tree, &to, "");
}

#[test]
fn a_restore_in_place_keeps_what_is_right_already_and_a_dry_one_says_so() {
    let bench = Bench::with_repository();
    let tree = bench.path("from");
    fs::create_dir_all(tree.join("below")).unwrap();
    fs::write(tree.join("large"), noise(3, 9 << 20)).unwrap();
    for n in 0..20 {
        fs::write(tree.join(format!("below/{n:02}")), noise(n, 3_000 + n as usize)).unwrap();
    }
    bench.backup(&["from"], 0);
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("to")]).ended(0);
    let to = bench.path("to");
    let number = |name: &str| fs::metadata(to.join(name)).unwrap().ino();
    let before: Vec<u64> = ["large", "below/00", "below/01", "below/02", "below/03"].map(number).into();
    // The same length and time, one byte in the middle; one with a second name; one with another mode; one gone.
    let mut large = fs::read(to.join("large")).unwrap();
    large[5 << 20] ^= 1;
    fs::write(to.join("large"), &large).unwrap();
    let large_time = fs::metadata(tree.join("large")).unwrap().modified().unwrap();
    fs::File::options().write(true).open(to.join("large")).unwrap().set_modified(large_time).unwrap();
    fs::hard_link(to.join("below/01"), bench.path("second-name")).unwrap();
    fs::set_permissions(to.join("below/02"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::remove_file(to.join("below/03")).unwrap();
    fs::write(to.join("own"), "not in the snapshot").unwrap();
    let restore = |more: &[&str]| {
        let args = ["repo", "restore", "--json", &bench.at("repo"), "latest", "--to", &bench.at("to"), "--in-place"]
            .map(str::to_owned);
        bench.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned()))).ended(0).summary()
    };
    let dry = restore(&["--dry-run", "--delete"]);
    let counts = |summary: &serde_json::Value| ["files", "kept", "removed"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts(&dry), [21, 18, 1], "{dry}");
    assert!(fs::read(to.join("large")).unwrap() == large && !to.join("below/03").exists() && to.join("own").exists());
    let done = restore(&["--delete"]);
    assert_eq!(counts(&done), [21, 18, 1], "{done}");
    bench.same_trees(&tree, &to, "");
    let kept: Vec<bool> = ["large", "below/00", "below/01", "below/02"]
        .iter()
        .zip(before)
        .map(|(name, was)| number(name) == was)
        .collect();
    assert_eq!(kept, [false, true, false, true], "rewritten only where it was not the same file");
    let again = restore(&["--delete"]);
    assert_eq!(counts(&again), [21, 21, 0], "{again}");

    let nowhere =
        bench.dr(["repo", "restore", "--json", &bench.at("repo"), "latest", "--to", &bench.at("no"), "--dry-run"]);
    assert_eq!(counts(&nowhere.ended(0).summary()), [21, 0, 0]);
    assert!(!bench.path("no").exists());
}

#[test]
fn what_came_in_on_standard_input_comes_back_as_a_file() {
    let bench = Bench::with_repository();
    let bytes = noise(7, 5 << 20);
    let mut child = bench
        .command(["repo", "backup", &bench.at("repo"), "--stdin", "dump.sql", "--json", "--tag", "from=a pipe"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let summary = Run::of(child.wait_with_output().unwrap()).ended(0).summary();
    assert_eq!(summary["bytes_read"], bytes.len());
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("to")]).ended(0);
    assert!(fs::read(bench.path("to/dump.sql")).unwrap() == bytes);
    let listed = bench.dr(["repo", "snapshots", "--json", &bench.at("repo")]).ended(0).document();
    assert_eq!(listed[0]["tags"]["from"], "a pipe");
}

#[test]
fn an_empty_standard_input_is_no_backup_unless_it_may_be_empty() {
    let bench = Bench::with_repository();
    let repo = bench.at("repo");
    let fed_nothing = |more: &[&str]| {
        let mut command = bench.command([&["repo", "backup", "--json", &repo, "--stdin", "mis.sql"], more].concat());
        Run::of(command.stdin(Stdio::null()).output().unwrap())
    };
    fed_nothing(&[]).ended(1).told("nothing came in").told("--allow-empty");
    assert_eq!(bench.dr(["repo", "snapshots", "--json", &repo]).ended(0).document(), serde_json::json!([]));
    assert_eq!(fed_nothing(&["--allow-empty"]).ended(0).summary()["bytes"], 0);
    // A descriptor that cannot be read is no empty one.
    let shut = std::process::Stdio::from(fs::File::create(bench.path("written only")).unwrap());
    let mut command = bench.command(["repo", "backup", &repo, "--stdin", "x", "--allow-empty"]);
    Run::of(command.stdin(shut).output().unwrap()).ended(1).told("cannot be read");
}

#[test]
fn one_file_is_dumped_to_standard_output_holes_and_all() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 3 << 20);
    let sparse = fs::File::create(tree.join("sparse")).unwrap();
    sparse.set_len(5 << 20).unwrap();
    fs::hard_link(tree.join("a.txt"), tree.join("below/same")).unwrap();
    bench.backup(&["from"], 0);
    for name in ["below/b.bin", "sparse", "below/same", "below/deep/c"] {
        let dumped = bench.command(["repo", "dump", "repo", "latest", name]).output().unwrap();
        assert_eq!(dumped.status.code(), Some(0), "{name}");
        assert!(dumped.stdout == fs::read(tree.join(name)).unwrap(), "{name}");
    }
    bench.dr(["repo", "dump", "repo", "latest", "below"]).ended(1).told("not a file");
    bench.dr(["repo", "dump", "repo", "latest", "gone"]).ended(1).told("not there");
    let mut child =
        bench.command(["repo", "dump", "repo", "latest", "below/b.bin"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_restore_fetches_hardly_more_than_is_stored_and_says_so() {
    let bench = Bench::with_repository();
    bench.tree("from", 5 << 20);
    bench.backup(&["from"], 0);
    let restored = bench.dr(["repo", "restore", "--json", &bench.at("repo"), "latest", "--to", &bench.at("to")]);
    let fetched = restored.ended(0).summary()["bytes_fetched"].as_u64().unwrap();
    let stored: u64 = objects(&bench.path("repo")).iter().map(|(_, size)| size).sum();
    assert!((5 << 20..=stored + stored / 20).contains(&fetched), "{fetched} of {stored}");
}
