//! What dr and the stranger's reader say and restore of a sound repository is the same.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};

use serde_json::Value;

use crate::bench::{Run, noise};
use crate::reader::{Both, Key, lines};

/// Every oddity that this machine lets us make, and what needs pages of extents.
fn make_tree(both: &Both) {
    let tree = both.path("from");
    dr_sample::oddities::make(&tree).unwrap();
    fs::write(tree.join("large.bin"), noise(3, 20 << 20)).unwrap();
    let mut sparse = fs::File::create(tree.join("sparse.img")).unwrap();
    for at in [0u64, 40 << 20, 90 << 20] {
        sparse.seek(SeekFrom::Start(at)).unwrap();
        sparse.write_all(&noise(at + 1, 1 << 20)).unwrap();
    }
    sparse.set_len(100 << 20).unwrap();
    for folder in 0..30 {
        let folder = tree.join(format!("many-{folder}"));
        fs::create_dir(&folder).unwrap();
        for file in 0..100 {
            fs::write(folder.join(format!("{file}.txt")), format!("file {file}\n")).unwrap();
        }
    }
}

fn everything_is_the_same(key: Key) {
    let both = Both::new(key);
    make_tree(&both);
    both.backup();
    let tree = both.path("from");
    fs::write(tree.join("many-7/50.txt"), "changed in the second generation\n").unwrap();
    fs::rename(tree.join("many-8"), tree.join("moved")).unwrap();
    fs::remove_dir_all(tree.join("many-9")).unwrap();
    both.backup();

    let listed = both.dr(&["repo", "snapshots", "--json", "repo"]).ended(0).document();
    assert_eq!(lines(&both.reader(&["snapshots"]).ended(0)), listed);
    let ids = both.ids();
    assert_eq!(ids.len(), 2);
    for id in &ids {
        let listed = in_the_snapshot(both.dr(&["repo", "ls", "--json", "repo", id]).ended(0).document());
        assert!(listed.as_array().unwrap().len() > 3000);
        assert_eq!(lines(&both.reader(&["ls", &id[..8]]).ended(0)), listed);
    }
    both.dr(&["repo", "restore", "repo", &ids[0], "--to", "first-by-dr"]).ended(0);
    both.reader(&["restore", &ids[0], "first-by-reader"]).ended(0);
    both.bench.same_trees(&both.path("first-by-dr"), &both.path("first-by-reader"), "");
    both.reader(&["restore", "latest", "latest-by-reader"]).ended(0);
    both.bench.same_trees(&tree, &both.path("latest-by-reader"), "");
    assert_eq!(both.reader(&["check"]).ended(0).stdout, "");
}

/// What the repository itself says: where an entry was on the machine is put together from that.
fn in_the_snapshot(mut listed: Value) -> Value {
    for entry in listed.as_array_mut().unwrap() {
        let entry = entry.as_object_mut().unwrap();
        let there = ["on_the_machine", "on_the_machine_b64"].map(|name| entry.remove(name).is_some());
        assert!(there.contains(&true), "{entry:?}");
    }
    listed
}

#[test]
fn with_a_password_a_stranger_lists_and_restores_what_dr_does() {
    everything_is_the_same(Key::Password);
}

#[test]
fn with_a_key_file_a_stranger_lists_and_restores_what_dr_does() {
    everything_is_the_same(Key::File);
}

#[test]
fn several_absolute_paths_with_tags_read_the_same() {
    let both = Both::new(Key::File);
    both.bench.tree("one", 1000);
    both.bench.tree("two", 1000);
    let tags = ["--tag", "term=autumn", "--tag", "from=two places"];
    both.dr(&[&["repo", "backup", "repo", "one", "two/below"][..], &tags].concat()).ended(0);
    let listed = both.dr(&["repo", "snapshots", "--json", "repo"]).ended(0).document();
    assert_eq!(lines(&both.reader(&["snapshots"]).ended(0)), listed);
    let listed = in_the_snapshot(both.dr(&["repo", "ls", "--json", "repo"]).ended(0).document());
    assert_eq!(lines(&both.reader(&["ls", "latest"]).ended(0)), listed);
    both.dr(&["repo", "restore", "repo", "latest", "--to", "by-dr"]).ended(0);
    both.reader(&["restore", "latest", "by-reader"]).ended(0);
    both.bench.same_trees(&both.path("by-dr"), &both.path("by-reader"), "root,mtime");
}

#[test]
fn a_copy_reads_the_same_to_a_stranger() {
    let both = Both::with_two_generations(Key::Password);
    both.dr(&["repo", "init", "copy", "--family-of", "repo"]).ended(0);
    both.dr(&["repo", "copy", "repo", "copy"]).ended(0);
    let reader = |args: &[&str]| Run::of(both.reader_on("copy", args).output().unwrap());
    let listed = both.dr(&["repo", "snapshots", "--json", "copy"]).ended(0).document();
    assert_eq!(lines(&reader(&["snapshots"]).ended(0)), listed);
    assert_eq!(reader(&["check"]).ended(0).stdout, "");
    for id in both.ids() {
        both.dr(&["repo", "restore", "repo", &id, "--to", &format!("{id}-by-dr")]).ended(0);
        reader(&["restore", &id, &format!("{id}-by-reader")]).ended(0);
        both.bench.same_trees(&both.path(&format!("{id}-by-dr")), &both.path(&format!("{id}-by-reader")), "");
    }
}

#[test]
fn what_was_rewritten_without_something_reads_the_same_and_stands_where_the_old_one_stood() {
    let both = Both::with_two_generations(Key::Password);
    fs::remove_file(both.path("from/below/new")).unwrap();
    both.backup();
    let before = both.ids();
    // Of three the second alone, which has a file that the others do not have; then all of them.
    for (round, file) in ["below/new", "a.txt"].into_iter().enumerate() {
        both.dr(&["repo", "erase", "repo", "--path", file, "--now"]).ended(0);
        let listed = both.dr(&["repo", "snapshots", "--json", "repo"]).ended(0).document();
        assert_eq!(lines(&both.reader(&["snapshots"]).ended(0)), listed);
        let after = both.ids();
        let same: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before == after).collect();
        assert_eq!(same, if round == 0 { [true, false, true] } else { [false; 3] });
        assert_eq!(both.reader(&["check"]).ended(0).stdout, "");
        for id in after.iter().map(String::as_str).chain(["latest"]) {
            let (by_dr, by_reader) = (format!("{id}-{round}-by-dr"), format!("{id}-{round}-by-reader"));
            both.dr(&["repo", "restore", "repo", id, "--to", &by_dr]).ended(0);
            both.reader(&["restore", id, &by_reader]).ended(0);
            assert!(!both.path(&by_dr).join(file).exists());
            both.bench.same_trees(&both.path(&by_dr), &both.path(&by_reader), "");
        }
    }
}
