//! Looking into what is kept: find and diff say what is there, and where.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::bench::{Bench, noise};

/// Three snapshots of a tree that changes; their ids.
fn three_days(bench: &Bench) -> Vec<String> {
    let tree = bench.tree("from", 9_000);
    fs::write(tree.join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt")), "not UTF-8").unwrap();
    fs::write(tree.join("essay.odt"), noise(5, 5_000)).unwrap();
    bench.backup(&["from"], 0);
    fs::write(tree.join("a.txt"), "the register of the second form\n").unwrap();
    fs::rename(tree.join("essay.odt"), tree.join("below/essay.odt")).unwrap();
    bench.backup(&["from"], 0);
    fs::remove_file(tree.join("below/deep/c")).unwrap();
    fs::write(tree.join("new"), "n").unwrap();
    fs::set_permissions(tree.join("below/b.bin"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(tree.join("a.txt")).unwrap();
    std::os::unix::fs::symlink("nowhere", tree.join("a.txt")).unwrap();
    bench.backup(&["from"], 0);
    let listed = bench.dr(["repo", "snapshots", "--json", &bench.at("repo")]).ended(0).document();
    listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn changes(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    document["changes"].as_array().unwrap().iter().map(|c| (text(&c["change"]), text(&c["path"]))).collect()
}

#[test]
fn a_diff_names_what_came_went_changed_and_has_another_name() {
    let bench = Bench::with_repository();
    let ids = three_days(&bench);
    let diff = |a: &str, b: &str| bench.dr(["repo", "diff", "--json", &bench.at("repo"), a, b]).ended(0).document();
    let first = diff(&ids[0], &ids[1]);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(changes(&first), [pair("changed", "a.txt"), pair("renamed", "below/essay.odt")]);
    assert_eq!(
        (&first["changes"][0]["what"][0], &first["changes"][1]["from"]),
        (&json!("content"), &json!("essay.odt"))
    );
    assert_eq!(first["summary"]["renamed"], json!({ "entries": 1, "bytes": 5_000 }));
    assert_eq!(first["summary"]["directory_times_only"], 2);
    let second = diff(&ids[1], "latest");
    let expected = [("changed", "a.txt"), ("changed", "below/b.bin"), ("removed", "below/deep/c"), ("added", "new")];
    assert_eq!(changes(&second), expected.map(|(change, path)| pair(change, path)));
    assert_eq!((&second["changes"][0]["what"][0], &second["changes"][1]["what"]), (&json!("type"), &json!(["mode"])));
    assert_eq!((&second["from"]["id"], &second["to"]["id"]), (&json!(ids[1]), &json!(ids[2])));
    // The same for people.
    let told = bench.dr(["repo", "diff", &bench.at("repo"), &ids[1], &ids[2]]).ended(0).stdout;
    for line in
        ["T  a.txt  (file -> symlink", "m  below/b.bin  (mode 0644 -> 0600)", "-  below/deep/c  (0 B)", "+  new  (1 B)"]
    {
        assert!(told.lines().any(|told| told.starts_with(line)), "{line}\n{told}");
    }
    // Only below a path, as the machine called it; and nothing where nothing is.
    let below = bench.dr(["repo", "diff", "--json", &bench.at("repo"), &ids[0], &ids[2], &bench.at("from/below")]);
    let below = changes(&below.ended(0).document());
    assert!(below.iter().all(|(_, path)| path.starts_with("below/")) && below.len() == 3, "{below:?}");
    assert_eq!(changes(&diff(&ids[1], &ids[1])), []);
    let same = bench.dr(["repo", "diff", &bench.at("repo"), &ids[2], &ids[2]]).ended(0).stdout;
    assert_eq!(same, "no difference\n");
}

#[test]
fn what_is_found_is_told_once_for_snapshots_in_a_row_with_the_same_contents() {
    let bench = Bench::with_repository();
    let ids = three_days(&bench);
    let find = |more: &[&str]| {
        let args = ["repo", "find", "--json", &bench.at("repo")].map(str::to_owned);
        let said = bench.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned())));
        let found = said.document();
        said.ended(i32::from(found == json!([])));
        found
    };
    let found = find(&["b.bin"]);
    let version = &found[0]["versions"][0];
    assert_eq!((&found[0]["path"], &version["snapshots"]), (&json!("below/b.bin"), &json!(3)), "{found}");
    assert_eq!((&version["newest"]["id"], &version["oldest"]["id"]), (&json!(ids[2]), &json!(ids[0])));
    assert_eq!(found[0]["on_the_machine"], json!(bench.at("from/below/b.bin")));

    let found = find(&["a.txt"]);
    let kinds: Vec<_> = found[0]["versions"].as_array().unwrap().iter().map(|v| v["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["symlink", "file", "file"]);

    let odd = find(&["caf*"]);
    assert_eq!((&odd[0]["path"], &odd[0]["path_b64"]), (&json!("caf\\xe9.txt"), &json!("Y2Fm6S50eHQ=")));

    let names = |found: &Value| -> Vec<String> {
        found.as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&find(&["*.odt"])), ["below/essay.odt", "essay.odt"]);
    assert_eq!(names(&find(&["*.odt", "--snapshot", "latest"])), ["below/essay.odt"]);
    assert_eq!(names(&find(&["*.odt", "--snapshot", &ids[0]])), ["essay.odt"]);
    assert_eq!(names(&find(&["--kind", "file", "--larger", "5k"])), ["below/b.bin"]);
    assert_eq!(names(&find(&["--kind", "symlink"])), ["a.txt"]);
    assert_eq!(names(&find(&[&bench.at("from/below/*.odt")])), ["below/essay.odt"]);
    assert_eq!(names(&find(&["below/*.odt"])), ["below/essay.odt"]);
    assert_eq!(names(&find(&["--path", "below/deep", "c"])), ["below/deep/c"]);
    assert_eq!(names(&find(&["--newer", "2999-01-01T00:00:00Z"])), [""; 0]);
    assert_eq!(find(&["/elsewhere/**"]), json!([]));

    let told = bench.dr(["repo", "find", &bench.at("repo"), "b.bin"]).ended(0).stdout;
    assert!(told.contains("in 3 snapshots") && told.contains(&ids[2][..8]) && told.lines().count() == 1, "{told}");
    let told = bench.dr(["repo", "find", &bench.at("repo"), "nothing-of-that-name"]).ended(1).told("nothing was found");
    assert_eq!(told.stdout, "");
}

#[test]
fn what_cannot_be_meant_is_not_there_or_does_not_open_is_said_by_its_code() {
    let bench = Bench::with_repository();
    let ids = three_days(&bench);
    bench.dr(["repo", "find", &bench.at("repo"), "[a"]).ended(64).told("[a");
    bench.dr(["repo", "find", &bench.at("repo"), "--larger", "much"]).ended(64);
    bench.dr(["repo", "find", &bench.at("repo"), "--newer", "once"]).ended(64).told("once");
    bench.dr(["repo", "find", &bench.at("repo"), "--snapshot", "ffffffffff"]).ended(1).told("no snapshot");
    bench.dr(["repo", "diff", &bench.at("repo"), "ffffffffff", &ids[0]]).ended(1).told("no snapshot");
    for verb in ["find", "diff"] {
        let more = if verb == "diff" { vec![ids[0].as_str(), ids[1].as_str()] } else { vec!["a.txt"] };
        let args = |place: &str| {
            [vec!["repo".to_owned(), verb.to_owned(), bench.at(place)], more.iter().map(|w| (*w).to_owned()).collect()]
                .concat()
        };
        bench.dr(args("nowhere")).ended(10);
        let wrong = bench.command(args("repo")).env("DR_PASSWORD", "wrong").output().unwrap();
        assert_eq!(wrong.status.code(), Some(12));
    }
}

#[test]
fn ls_and_dump_still_say_what_they_said() {
    let bench = Bench::with_repository();
    let ids = three_days(&bench);
    let listed = bench.dr(["repo", "ls", "--json", &bench.at("repo"), &ids[0], "below/deep"]).ended(0).document();
    let paths: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["below/deep", "below/deep/c"]);
    bench.dr(["repo", "ls", &bench.at("repo"), &ids[2], "below/deep/c"]).ended(1).told("no such path in snapshot");
    bench.dr(["repo", "dump", &bench.at("repo"), &ids[2], "below"]).ended(1).told("only files");
    let dumped = bench.dr(["repo", "dump", &bench.at("repo"), &ids[0], &bench.at("from/a.txt")]).ended(0);
    assert_eq!(dumped.stdout, "the register of the first form\n");
}
