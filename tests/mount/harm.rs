//! What is lost or does not answer is an error of that file, and nothing else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::Signal;

use crate::bench::{Bench, noise, objects};
use crate::held::HeldMount;

/// The data packs of a repository.
fn packs(bench: &Bench) -> Vec<std::path::PathBuf> {
    let all = objects(&bench.path("repo")).into_iter().map(|(path, _)| path);
    all.filter(|path| path.starts_with(bench.path("repo/data"))).collect()
}

#[test]
fn a_damaged_and_a_missing_pack_are_errors_of_their_files_and_all_else_goes_on() {
    let bench = Bench::with_repository();
    fs::create_dir(bench.path("from")).unwrap();
    let (mut known, mut new) = (packs(&bench), Vec::new());
    for (seed, name) in [(1, "whole"), (2, "flipped"), (3, "gone")] {
        fs::write(bench.path("from").join(name), noise(seed, 300_000)).unwrap();
        bench.backup(&["from"], 0);
        let now = packs(&bench);
        // Of each run the pack with the contents: the largest.
        let added = now.iter().filter(|path| !known.contains(path));
        new.push(added.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap().clone());
        known = now;
    }
    fs::set_permissions(&new[1], Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(&new[1]).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&new[1], bytes).unwrap();
    fs::remove_file(&new[2]).unwrap();

    let mounted = bench.mounted(&["--snapshot", "latest"]);
    assert_eq!(mounted.names(""), ["flipped", "gone", "whole"]);
    for name in ["flipped", "gone", "flipped"] {
        let read = fs::read(mounted.dir.join(name));
        assert_eq!(read.unwrap_err().raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()), "{name}");
    }
    assert!(fs::read(mounted.dir.join("whole")).unwrap() == noise(1, 300_000));
    let said = mounted.end().with(3).stderr;
    for name in ["flipped", "gone"] {
        assert_eq!(said.matches(&format!("{name} cannot be read")).count(), 1, "{said}");
    }
}

#[test]
fn a_copy_that_does_not_answer_is_an_error_and_not_a_hang() {
    // The disk that hangs is a mounted folder whose program is stopped: a repository that lies in another one.
    let (inner, outer) = (Bench::with_repository(), Bench::with_repository());
    inner.tree("from", 2_000_000);
    fs::write(inner.path("from/other"), noise(9, 2_000_000)).unwrap();
    inner.backup(&["from"], 0);
    let (repo, from) = (outer.at("repo"), inner.at("repo"));
    outer.dr(["repo", "backup", &repo, &from]).ended(0);
    let disk = outer.mounted(&["--snapshot", "latest"]);
    let mut command = inner.command(["repo", "mount", disk.dir.to_str().unwrap(), &inner.at("look")]);
    command.args(["--snapshot", "latest"]).env("DR_TEST_SWITCHES", "any-time short-wait");
    let mounted = HeldMount::begin(command, &inner.path("look"));
    assert_eq!(fs::read(mounted.dir.join("a.txt")).unwrap().len(), 31);
    disk.signal(Signal::STOP);
    for _ in 0..6 {
        let read = fs::read(mounted.dir.join("other"));
        assert_eq!(read.unwrap_err().raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
    }
    disk.signal(Signal::CONT);
    let mut back = None;
    for _ in 0..200 {
        back = fs::read(mounted.dir.join("other")).ok();
        if back.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(back.unwrap() == noise(9, 2_000_000), "it goes on when the disk is back");
    // And it ends though the disk hangs again.
    disk.signal(Signal::STOP);
    let said = mounted.end().with(3).stderr;
    assert!(said.contains("did not answer in time"), "{said}");
}
