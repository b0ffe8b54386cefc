//! Damage, wrong keys and hostile objects: the stranger's reader and dr end alike, and say what is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::bench::{Run, objects};
use crate::reader::{Both, Key, beside, lines, python};

/// Every object but `repo.json`, by the name that the format gives it.
fn names(both: &Both) -> Vec<String> {
    let top = both.path("repo");
    let name = |path: &Path| path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
    objects(&top).iter().map(|(path, _)| name(path)).filter(|name| name != "repo.json").collect()
}

/// Writes an object as `change` makes it, runs `then`, and puts it back.
fn with(both: &Both, name: &str, change: impl Fn(&mut Vec<u8>), then: impl Fn()) {
    let path = both.path("repo").join(name);
    let sound = fs::read(&path).unwrap();
    let mut bytes = sound.clone();
    change(&mut bytes);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, bytes).unwrap();
    then();
    fs::write(&path, sound).unwrap();
}

/// Both find damage in this object, and both give 3.
fn both_name(both: &Both, name: &str, what: &str) {
    let dr = both.dr(&["repo", "check", "--read-data", "--json", "repo"]);
    let reader = both.reader(&["check"]);
    assert_eq!((dr.code, reader.code), (Some(3), Some(3)), "{name} {what}:\n{}\n{}", dr.stdout, reader.stdout);
    let theirs = dr.document()["findings"].clone();
    for findings in [theirs, lines(&reader)] {
        let named = findings.as_array().unwrap().iter().any(|finding| finding["object"] == name);
        assert!(named, "{name} {what} is not named in {findings}");
    }
}

#[test]
fn a_flipped_byte_of_any_object_is_named_by_both() {
    let both = Both::with_two_generations(Key::File);
    let names = names(&both);
    for folder in ["data/", "meta/", "idx/", "log/"] {
        assert!(names.iter().any(|name| name.starts_with(folder)), "{names:?}");
    }
    for name in &names {
        with(
            &both,
            name,
            |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x20;
            },
            || both_name(&both, name, "with a flipped byte"),
        );
    }
    both.reader(&["check"]).ended(0);
}

#[test]
fn a_truncated_or_empty_object_is_named_by_both() {
    let both = Both::with_two_generations(Key::File);
    for name in &names(&both) {
        with(&both, name, |bytes| bytes.truncate(bytes.len() / 2), || both_name(&both, name, "cut in half"));
        with(&both, name, Vec::clear, || both_name(&both, name, "empty"));
    }
    // Its second copy is as good, and says that the first is not.
    with(&both, "repo.json", Vec::clear, || {
        both.dr(&["repo", "snapshots", "repo"]).ended(0).told("repo.json");
        both.reader(&["snapshots"]).ended(0).told("repo.json");
    });
}

#[test]
fn what_a_damaged_pack_costs_is_the_same_for_both_and_the_rest_comes_back() {
    let both = Both::with_two_generations(Key::File);
    // Sessions have names by chance; the large pack is the first generation's, of below/b.bin.
    let size = |name: &String| fs::metadata(both.path("repo").join(name)).unwrap().len();
    let pack = names(&both).into_iter().filter(|name| name.starts_with("data/")).max_by_key(size).unwrap();
    with(
        &both,
        &pack,
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x20;
        },
        || {
            let by_dr = both.dr(&["repo", "restore", "--json", "repo", "latest", "--to", "by-dr"]).ended(3).summary();
            let by_reader = lines(&both.reader(&["restore", "latest", "by-reader"]).ended(3));
            let paths = |failed: &serde_json::Value| {
                failed.as_array().unwrap().iter().map(|one| one["path"].clone()).collect::<Vec<_>>()
            };
            assert_eq!(paths(&by_dr["failed"]), paths(&by_reader[0]["failed"]));
            assert_eq!(paths(&by_dr["failed"]), ["below/b.bin"]);
            assert_eq!(
                fs::read(both.path("by-reader/below/new")).unwrap(),
                fs::read(both.path("from/below/new")).unwrap()
            );
        },
    );
}

#[test]
fn an_entry_of_an_impossible_number_is_named_and_hides_nothing() {
    let both = Both::with_two_generations(Key::File);
    fs::write(both.path("repo/log/7fffffffffffffff"), "not an entry").unwrap();
    both_name(&both, "log/7fffffffffffffff", "beside the others");
    assert_eq!(lines(&both.reader(&["snapshots"]).ended(3)).as_array().unwrap().len(), 2);
}

#[test]
fn wrong_keys_are_12_no_repository_is_10_and_nonsense_is_64() {
    let both = Both::with_two_generations(Key::Password);
    let wrong = |mut command: Command| Run::of(command.env("DR_PASSWORD", "wrong").output().unwrap());
    wrong(both.bench.command(["repo", "snapshots", "repo"])).ended(12).told("password");
    wrong(both.reader_on("repo", &["snapshots"])).ended(12).told("password");
    let other = Both::new(Key::File);
    let foreign = |mut command: Command| {
        Run::of(command.env_remove("DR_PASSWORD").env("DR_KEY_FILE", other.path("key")).output().unwrap())
    };
    foreign(both.bench.command(["repo", "snapshots", "repo"])).ended(12);
    foreign(both.reader_on("repo", &["snapshots"])).ended(12).told("family");
    both.dr(&["repo", "snapshots", "nowhere"]).ended(10);
    Run::of(both.reader_on("nowhere", &["snapshots"]).output().unwrap()).ended(10);
    for words in [&["restore", "latest"][..], &["erase"], &["ls"], &["ls", "latest", "a"], &["ls", "abc"]] {
        both.reader(words).ended(64);
    }
    both.reader(&["restore", "latest", "from"]).ended(64).told("not empty");
}

/// Rewrites the only key slot with other Argon2id parameters and a checksum that fits, under the name that fits.
const REWRITE_SLOT: &str = r#"
import os, sys, blake3
folder, memory = sys.argv[1], int(sys.argv[2])
[name] = os.listdir(folder)
body = bytearray(open(f"{folder}/{name}", "rb").read()[:-32])
body[12:16] = memory.to_bytes(4, "little")
check = blake3.blake3(bytes(body)).digest()
os.unlink(f"{folder}/{name}")
open(f"{folder}/{check[:16].hex()}", "wb").write(bytes(body) + check)
"#;

#[test]
#[expect(clippy::disallowed_methods, reason = "a whole-program test starts the program")]
fn a_slot_that_asks_for_64_gib_is_refused_by_both_before_any_memory_is_taken() {
    let both = Both::new(Key::Password);
    let memory = (64 << 20).to_string();
    let rewritten = Command::new(python()).args(["-c", REWRITE_SLOT]).arg(both.path("repo/keys")).arg(memory).output();
    Run::of(rewritten.unwrap()).ended(0);
    // The slot's second copy opens as well.
    both.dr(&["repo", "snapshots", "repo"]).ended(0).told("argon2");
    fs::remove_dir_all(both.path("repo/ecc")).unwrap();
    both.dr(&["repo", "snapshots", "repo"]).ended(1).told("argon2");
    both.reader(&["snapshots"]).ended(1).told("67108864 KiB").told("outside the limits");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a whole-program test starts the program")]
fn the_reader_opens_the_vectors_of_the_page_and_refuses_hostile_pages() {
    let mut command = Command::new(python());
    command.arg("-B").arg(beside("tests/format/reader_alone.py")).arg(beside("docs/format"));
    Run::of(command.output().unwrap()).ended(0);
}

/// Whoever gets a copy of the reader asks it first what it is, on a machine where nobody has installed anything.
#[test]
#[expect(clippy::disallowed_methods, reason = "a whole-program test starts the program")]
fn the_reader_says_what_it_is_without_any_package() {
    let without = |args: &[&str]| {
        // Without the places where packages are.
        let mut command = Command::new("python3");
        command.args(["-I", "-S"]).arg(beside("docs/format/read_repository.py")).args(args);
        Run::of(command.output().unwrap())
    };
    assert!(without(&["--help"]).ended(0).stdout.contains("read_repository.py REPO snapshots"));
    without(&[]).ended(64);
    without(&["repo", "check"]).ended(1).told("pip install");
}
