//! A repository as folders: what was captured, read-only, until somebody wants an end.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use crate::bench::{Bench, noise};
use crate::held::{HeldMount, is_mounted};

impl Bench {
    #[track_caller]
    pub fn mounted(&self, more: &[&str]) -> HeldMount {
        let dir = self.path("look");
        let words = ["repo", "mount", &self.at("repo"), &self.at("look")];
        HeldMount::begin(self.command([&words[..], more].concat()), &dir)
    }
}

/// A tree with what most trees do not have.
fn odd_tree(bench: &Bench) -> std::path::PathBuf {
    let from = bench.tree("from", 3_000_000);
    symlink("below/b.bin", from.join("link")).unwrap();
    symlink("/nowhere/at all", from.join("dangling")).unwrap();
    fs::write(from.join(OsStr::from_bytes(b"not text \xff\n")), "x").unwrap();
    fs::write(from.join("n".repeat(255)), "the longest name").unwrap();
    fs::create_dir(from.join("empty folder")).unwrap();
    mknodat(CWD, from.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    fs::write(from.join("setuid"), "#!/bin/sh\necho it ran\n").unwrap();
    fs::set_permissions(from.join("setuid"), Permissions::from_mode(0o4755)).unwrap();
    let holes = File::create(from.join("holes")).unwrap();
    holes.set_len(9 << 20).unwrap();
    holes.write_all_at(&noise(3, 70_000), 5 << 20).unwrap();
    rustix::fs::setxattr(from.join("a.txt"), "user.note", b"kept", rustix::fs::XattrFlags::empty()).unwrap();
    if rustix::process::geteuid().is_root() {
        let device = rustix::fs::makedev(7, 300);
        mknodat(CWD, from.join("device"), FileType::CharacterDevice, Mode::from_raw_mode(0o666), device).unwrap();
        std::os::unix::fs::chown(from.join("below/deep/c"), Some(4321), Some(5432)).unwrap();
    }
    from
}

#[test]
fn each_snapshot_is_a_folder_that_is_the_tree_that_was_captured() {
    let bench = Bench::with_repository();
    let from = odd_tree(&bench);
    bench.backup(&["from"], 0);
    fs::write(from.join("a.txt"), "another register\n").unwrap();
    fs::write(from.join("new"), noise(5, 400_000)).unwrap();
    bench.backup(&["from"], 0);
    let mounted = bench.mounted(&[]);
    let names = mounted.names("");
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names[0].starts_with("20") && names[0].as_bytes()[10] == b'T' && names[2] == "latest", "{names:?}");
    let latest = fs::read_link(mounted.dir.join("latest")).unwrap();
    assert_eq!(latest.to_str(), Some(names[1].as_str()), "the oldest of one second has the shorter name");
    // A file with holes shows them as zeros, and one of several names as a file of its own.
    bench.same_trees(&from, &mounted.dir.join(&latest), "holes");
    let first = fs::read_to_string(mounted.dir.join(&names[0]).join("a.txt")).unwrap();
    assert_eq!(first, "the register of the first form\n");
    assert!(!mounted.dir.join(&names[0]).join("new").exists());
    assert_eq!(mounted.end().with(0).stderr, "");
}

#[test]
fn nothing_in_it_can_be_changed_or_run() {
    let bench = Bench::with_repository();
    odd_tree(&bench);
    bench.backup(&["from"], 0);
    let mounted = bench.mounted(&["--snapshot", "latest"]);
    let refused = [
        fs::write(mounted.dir.join("a.txt"), "x"),
        fs::write(mounted.dir.join("other"), "x"),
        fs::remove_file(mounted.dir.join("a.txt")),
        fs::rename(mounted.dir.join("a.txt"), mounted.dir.join("b.txt")),
        fs::create_dir(mounted.dir.join("folder")),
        fs::set_permissions(mounted.dir.join("a.txt"), Permissions::from_mode(0o777)),
    ];
    for one in refused {
        assert_eq!(one.unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts.lines().find(|line| line.split(' ').nth(4) == mounted.dir.to_str()).unwrap();
    let options: Vec<_> = line.split(' ').nth(5).unwrap().split(',').collect();
    assert!(["ro", "nosuid", "nodev", "noexec"].iter().all(|option| options.contains(option)), "{line}");
    assert_eq!(fs::metadata(mounted.dir.join("setuid")).unwrap().mode() & 0o7777, 0o4755);
    let ran = program(&mounted.dir.join("setuid")).spawn();
    assert_eq!(ran.unwrap_err().kind(), ErrorKind::PermissionDenied);
    if rustix::process::geteuid().is_root() {
        assert_eq!(File::open(mounted.dir.join("device")).unwrap_err().kind(), ErrorKind::PermissionDenied);
        // Nobody else sees anything.
        let mut other = program(Path::new("/bin/sh"));
        other.args(["-c", "exec setpriv --reuid=65534 --regid=65534 --clear-groups ls \"$0\""]).arg(&mounted.dir);
        let other = other.output().unwrap();
        assert!(!other.status.success() && other.stdout.is_empty(), "{other:?}");
    }
    mounted.end().with(0);
}

#[expect(clippy::disallowed_methods, reason = "a whole-program test starts programs")]
fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn it_ends_whoever_asks_for_that_and_whoever_is_still_in_it() {
    let bench = Bench::with_repository();
    bench.tree("from", 1_000);
    bench.backup(&["from"], 0);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mounted = bench.mounted(&[]);
        mounted.signal(signal);
        mounted.ended().with(0);
    }
    let unmounts: &[&str] = if rustix::process::geteuid().is_root() { &["umount"] } else { &["fusermount3", "-u"] };
    let mounted = bench.mounted(&[]);
    let unmounted = program(Path::new(unmounts[0])).args(&unmounts[1..]).arg(&mounted.dir).status().unwrap();
    assert!(unmounted.success());
    mounted.ended().with(0);

    let mounted = bench.mounted(&["--snapshot", "latest"]);
    let mut inside = program(Path::new("sleep"));
    let mut inside = inside.arg("600").current_dir(mounted.dir.join("below")).spawn().unwrap();
    let open = File::open(mounted.dir.join("a.txt")).unwrap();
    let dir = mounted.dir.clone();
    let said = mounted.end().with(0);
    inside.kill().unwrap();
    inside.wait().unwrap();
    drop(open);
    assert!(said.stderr.contains("somebody is still in"), "{}", said.stderr);
    assert!(!is_mounted(&dir) && fs::read_dir(dir).unwrap().next().is_none());
}

#[test]
fn where_it_cannot_be_mounted_one_sentence_says_so() {
    let bench = Bench::with_repository();
    fs::create_dir_all(bench.path("full/of")).unwrap();
    fs::create_dir(bench.path("empty")).unwrap();
    fs::write(bench.path("file"), "").unwrap();
    let mount = |dir: &str, more: &[&str]| {
        let (repo, dir) = (bench.at("repo"), bench.at(dir));
        bench.dr([&["repo", "mount", &repo, &dir], more].concat())
    };
    mount("empty", &[]).ended(1).told("there is no snapshot here yet");
    bench.tree("from", 1_000);
    bench.backup(&["from"], 0);
    for (dir, words) in [
        ("none", "make it first (mkdir)"),
        ("full", "is not empty: what is in it would be hidden"),
        ("file", "is not a folder"),
    ] {
        let said = mount(dir, &[]).ended(64).told(words).told("Nothing is mounted.");
        assert_eq!(said.stderr.trim().lines().count(), 1, "{}", said.stderr);
    }
    mount("empty", &["--snapshot", "ffffffff"]).ended(1).told("there is no snapshot `ffffffff` here");
    mount("empty", &["--snapshot", "ff"]).ended(1).told("give at least 8 digits");
    // What a program left that was killed.
    let mut mounted = bench.mounted(&[]);
    mounted.kill();
    mount("look", &[]).ended(64).told("is a mount whose program has ended");
}
