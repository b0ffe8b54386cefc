//! What a backup makes of a source of which not everything can be asked, or that changes while it is read.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::bench::{Bench, Run};
use crate::faulty::Faulty;

/// A bench whose disk refuses some questions about `from`.
struct Refusing {
    bench: Bench,
    faulty: Faulty,
}

impl Refusing {
    fn new() -> Self {
        let bench = Bench::with_repository();
        bench.tree("from", 5_000);
        symlink("a.txt", bench.path("from/link")).unwrap();
        set_attribute(&bench.path("from/a.txt"));
        set_attribute(&bench.path("from/below"));
        let faulty = Faulty::in_folder(&bench.path(""));
        Self { bench, faulty }
    }

    fn backup(&self, call: &str) -> Run {
        let mut command =
            self.bench.command(["repo", "backup", "--json", &self.bench.at("repo"), &self.bench.at("from")]);
        self.faulty.refuse(&mut command, &self.bench.path("from").canonicalize().unwrap(), call);
        Run::of(command.output().unwrap())
    }

    /// Every file of the newest snapshot has its contents.
    fn contents_are_there(&self) {
        let (repo, to) = (self.bench.at("repo"), self.bench.at("to"));
        let restored = self.bench.dr(["repo", "restore", &repo, "latest", "--to", &to, "--no-owner"]);
        assert!(matches!(restored.code, Some(0 | 3)), "{}", restored.stderr);
        for name in ["a.txt", "below/b.bin", "below/deep/c"] {
            let read = |top: &str| fs::read(self.bench.path(top).join(name)).unwrap();
            assert!(read("from") == read("to"), "{name}");
        }
        fs::remove_dir_all(self.bench.path("to")).unwrap();
    }
}

fn set_attribute(path: &Path) {
    let run = crate::bare::bare("/usr/bin/setfattr").args(["-n", "user.note", "-v", "1"]).arg(path).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn an_attribute_that_cannot_be_read_is_named_and_costs_nothing_else() {
    let refusing = Refusing::new();
    let run = refusing.backup("fgetxattr").ended(3).told("from/a.txt: attribute user.note: ");
    let run = run.told("from/below: attribute user.note: ");
    assert_eq!(run.summary()["unreadable"], serde_json::json!([]));
    assert_eq!(run.summary()["partial"].as_array().unwrap().len(), 2);
    refusing.contents_are_there();
    // Nobody takes the file for unchanged and forgets what it lacks.
    refusing.backup("fgetxattr").ended(3).told("from/a.txt: attribute user.note: ");
    let whole = refusing.bench.dr(["repo", "backup", "--json", &refusing.bench.at("repo"), &refusing.bench.at("from")]);
    assert_eq!(whole.ended(0).summary()["partial"], serde_json::json!([]));
}

#[test]
fn other_questions_that_fail_cost_their_answer_and_never_the_contents() {
    let refusing = Refusing::new();
    // Not even the names of attributes are told.
    refusing.backup("flistxattr").ended(3).told("from/a.txt: its attributes: ").told("from/below: its attributes: ");
    refusing.contents_are_there();
    // Not what anything is, to whom it belongs, from when.
    refusing.backup("statx").ended(3).told("from/a.txt: its owner, rights and times could not be read");
    refusing.contents_are_there();
    // A link is nothing but where it leads; everything else is kept.
    let run = refusing.backup("readlinkat").ended(3).told("from/link");
    assert_eq!(run.summary()["unreadable"].as_array().unwrap().len(), 1);
    refusing.contents_are_there();
}

#[test]
fn where_nothing_at_all_can_be_read_no_snapshot_is_made_and_the_last_stays_the_newest() {
    let refusing = Refusing::new();
    let bench = &refusing.bench;
    bench.backup(&["from"], 0);
    let snapshots = || bench.dr(["repo", "snapshots", "--json", &bench.at("repo")]).ended(0).document();
    let before = snapshots();
    // Names cannot be listed; and files that are not known from before can be opened, and not read. The link that is
    // there as well is nothing that would be wanted back alone.
    refusing.backup("getdents64").ended(1).told("from").told("Earlier snapshots are untouched");
    fs::remove_dir_all(bench.path("cache")).unwrap();
    for name in ["a.txt", "below/b.bin", "below/deep/c"] {
        fs::write(bench.path("from").join(name), "other contents").unwrap();
    }
    refusing.backup("pread64").ended(1).told("from/below/b.bin: ").told("No snapshot was made");
    assert_eq!(snapshots(), before);
    refusing.backup("openat").ended(1);
    assert_eq!(snapshots(), before);
}

#[test]
fn a_directory_that_cannot_be_opened_costs_what_is_in_it_and_is_there() {
    let bench = Bench::with_repository();
    bench.tree("from", 1_000);
    fs::set_permissions(bench.path("from/below/deep"), fs::Permissions::from_mode(0o000)).unwrap();
    let run = bench.dr(["repo", "backup", &bench.at("repo"), &bench.at("from")]);
    if rustix::process::geteuid().is_root() {
        return drop(run.ended(0));
    }
    run.ended(3).told("from/below/deep: what is in it: ");
    fs::set_permissions(bench.path("from/below/deep"), fs::Permissions::from_mode(0o700)).unwrap();
    let listed = bench.dr(["repo", "ls", &bench.at("repo")]).ended(0);
    assert!(listed.stdout.contains("below/deep"), "{}", listed.stdout);
}

#[test]
fn few_descriptors_cost_no_name() {
    let bench = Bench::with_repository();
    for number in 0..120 {
        fs::create_dir_all(bench.path(&format!("from/w{number}/x/y/z"))).unwrap();
        fs::write(bench.path(&format!("from/w{number}/x/y/z/f")), number.to_string()).unwrap();
    }
    let deep = (0..60).fold("from/w0".to_owned(), |path, _| path + "/d");
    fs::create_dir_all(bench.path(&deep)).unwrap();
    fs::write(bench.path(&deep).join("f"), "deep").unwrap();
    let mut command = crate::bare::bare("/bin/sh");
    let dr = bench.command(["repo", "backup", "--json", &bench.at("repo"), &bench.at("from")]);
    command.args(["-c", "ulimit -n 40 && exec \"$@\"", "sh"]).arg(dr.get_program()).args(dr.get_args());
    command.envs(dr.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = Run::of(command.output().unwrap()).ended(0);
    assert_eq!(run.summary()["files"], 121);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

/// Looks into everything that dr asks of names below a folder.
fn asked_of(bench: &Bench, name: &str, patterns: &[&str]) -> Run {
    let faulty = Faulty::in_folder(&bench.path(""));
    let mut args = vec!["repo".to_owned(), "backup".into(), "--json".into(), bench.at("repo"), bench.at("from")];
    for pattern in patterns {
        args.extend(["--exclude".to_owned(), (*pattern).to_owned()]);
    }
    let mut command: Command = bench.command(args);
    // Whatever is asked of it fails: as of a mount whose server died.
    faulty.befall_source(&mut command, &bench.path(name).canonicalize().unwrap(), 1, 1);
    Run::of(command.output().unwrap())
}

#[test]
fn what_is_left_out_by_name_or_path_is_never_asked_anything() {
    let bench = Bench::with_repository();
    fs::create_dir_all(bench.path("from/mnt/deep")).unwrap();
    fs::write(bench.path("from/keep"), "keep").unwrap();
    let (whole, below) = (bench.at("from/mnt"), "/mnt".to_owned());
    for patterns in [&["mnt"][..], &["mnt/"], &[&whole], &[&below], &["m*"]] {
        let run = asked_of(&bench, "from/mnt", patterns).ended(0);
        assert!(run.stderr.is_empty(), "{patterns:?}: {}", run.stderr);
        assert_eq!((&run.summary()["entries"], &run.summary()["excluded"]), (&2.into(), &1.into()), "{patterns:?}");
    }
    // Where it is not left out it is named, and the rest is kept.
    let run = asked_of(&bench, "from/mnt", &[]).ended(3).told("from/mnt");
    assert_eq!(run.summary()["files"], 1);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_named_in_text_and_json() {
    let bench = Bench::with_repository();
    fs::create_dir(bench.path("from")).unwrap();
    let growing = bench.path("from/growing");
    fs::write(&growing, vec![7; 30_000_000]).unwrap();
    let until = std::sync::atomic::AtomicBool::new(false);
    let summary = std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write as _;
            let mut file = fs::File::options().append(true).open(&growing).unwrap();
            while !until.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(b"x").unwrap();
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        });
        let run = bench.dr(["repo", "backup", "--json", "-v", &bench.at("repo"), &bench.at("from")]);
        until.store(true, std::sync::atomic::Ordering::Relaxed);
        run.ended(0).told("changed while it was read: ").summary()
    });
    assert_eq!(
        (&summary["changed_while_read"], &summary["changed"]),
        (&1.into(), &serde_json::json!([bench.at("from/growing")]))
    );
}

#[test]
fn what_is_named_is_said_in_whole_sentences() {
    let bench = Bench::with_repository();
    bench.tree("from", 100);
    let (repo, from) = (bench.at("repo"), bench.at("from"));
    let one = bench.dr(["repo", "backup", &repo, &from, &bench.at("never")]).ended(3);
    let one = one.told("never: it is not there");
    assert!(one.stdout.contains("1 entry could not be read and is not in it"), "{}", one.stdout);
    let two = bench.dr(["repo", "backup", &repo, &from, &bench.at("never"), &bench.at("from/not")]).ended(3);
    let two = two.told("from/not: it is not there");
    assert!(two.stdout.contains("2 entries could not be read and are not in it"), "{}", two.stdout);
}
