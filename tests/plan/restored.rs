//! Getting things back as people do: a file, an earlier version, a mail, a folder, on the day on which nothing else works.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use school::{FRIDAY, School, contents, files};
use serde_json::Value;

use crate::school;

const SATURDAY: &str = "2026-11-21T21:30:00Z";

fn names(school: &School, folder: &str) -> Vec<String> {
    let of = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    files(&school.path(folder)).iter().map(of).collect()
}

#[test]
fn a_path_that_is_not_there_is_said_to_be_not_there_and_leaves_no_folder() {
    let school = School::backed_up();
    let said = school.with_key(&["restore", "admin", "--path", "year 1/leter-1.txt", "--to", "out"]).ended(1).stderr;
    assert!(said.contains("no such path in snapshot") && said.contains("year 1/letter-1.txt"), "{said}");
    assert!(!said.contains("damaged") && !said.contains("offsite"), "{said}");
    assert!(!school.path("out").exists());
    // Some of what was asked for: that comes back, the rest is named.
    let some = ["--json", "restore", "admin", "--path", "year 1/letter-1.txt", "--path", "nothere", "--to", "out"];
    let some = school.with_key(&some).ended(3).json();
    assert_eq!((some["files"].as_u64(), some["not_there"].as_array().map(Vec::len)), (Some(1), Some(1)), "{some}");
    // The same of one repository, of lists and of one file.
    let repo = ["repo", "restore", "nas", "latest", "--path", "nothere", "--to", "none"];
    let said = school.with_key(&repo).ended(1).stderr;
    assert!(said.contains("no such path") && !school.path("none").exists(), "{said}");
    school.with_key(&["ls", "admin", "nothere"]).ended(1);
    school.with_key(&["ls", "admin", "nothere", "year 1"]).ended(3);
    school.with_key(&["dump", "admin", "nothere"]).ended(1);
}

#[test]
fn the_data_come_back_though_the_ledger_cannot_be_written() {
    let school = School::new();
    fs::create_dir(school.path("state")).unwrap();
    let state = Mounted::tmpfs(&school, "state");
    school.dr(&["--at", school::FOUNDED, "init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.plan_with("Admin files", "sensitive = true");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    mount_remount(&state.0, MountFlags::RDONLY, "").unwrap();
    let two = ["--by", "oak", "restore", "admin", "--approved-by", "ash", "--to"];
    for words in [&["restore", "email", "--to", "mail"][..], &[&two[..], &["office"]].concat()] {
        let said = school.with_key(words).ended(3).stderr;
        assert!(said.contains("could not be written down"), "{said}");
    }
    assert!(contents(&school.path("school/office")) == contents(&school.path("office")));
    school.with_key(&["--by", "oak", "ls", "admin", "--approved-by", "ash"]).ended(0);
    // In place as well.
    fs::remove_file(school.path("school/mail/cur/1763550001.M1.host:2,S")).unwrap();
    school.with_key(&["--yes", "restore", "email", "--in-place"]).ended(3);
    assert_eq!(files(&school.path("school/mail/cur")).len(), 40);
    drop(state);
    // And where the ledger is no ledger at all.
    let other = School::backed_up();
    fs::remove_file(other.path("state/ledger.jsonl")).unwrap();
    fs::create_dir(other.path("state/ledger.jsonl")).unwrap();
    other.with_key(&["restore", "admin", "--to", "out"]).ended(3);
    assert!(contents(&other.path("school/office")) == contents(&other.path("out")));
}

/// A file system of its own, until this is dropped.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn tmpfs(school: &School, at: &str) -> Self {
        let at = school.path(at);
        mount("none", &at, "tmpfs", MountFlags::empty(), c"mode=0700").unwrap();
        Self(at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn on_a_new_server_the_recovery_key_alone_lists_looks_and_restores() {
    let school = School::backed_up();
    for folder in ["state", "cache"] {
        fs::remove_dir_all(school.path(folder)).unwrap();
    }
    let kept = school.with_key(&["--json", "snapshots", "admin"]).ended(0).json();
    assert_eq!(kept.as_array().unwrap().len(), 2);
    school.with_key(&["ls", "admin"]).ended(0);
    school.with_key(&["find", "admin", "letter-1.txt"]).ended(0);
    school.with_key(&["dump", "mis", "dr-facts.json"]).ended(0);
    school.with_key(&["check"]).ended(0);
    school.with_key(&["restore", "admin", "--to", "out"]).ended(0);
    assert!(contents(&school.path("school/office")) == contents(&school.path("out")));
}

/// The plan with other paths for the office.
fn paths(school: &School, paths: &str) {
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let start = plan.find("source = { kind = \"files\", paths = ").unwrap();
    let end = start + plan[start..].find('\n').unwrap();
    let source = format!("source = {{ kind = \"files\", paths = {paths} }}");
    school.write("dr.toml", [&plan[..start], &source, &plan[end..]].concat().as_bytes());
}

#[test]
fn in_place_nothing_outside_the_plans_paths_is_touched_and_it_is_named() {
    let school = School::begun();
    school.write("cron/evil", b"the attacker's");
    paths(&school, r#"["school/office", "cron"]"#);
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    paths(&school, r#"["school/office"]"#);
    school.write("cron/evil", b"ours");
    school.write("school/office/year 1/letter-1.txt", b"changed");
    let said = school.with_key(&["--yes", "restore", "admin", "--in-place"]).ended(3).stderr;
    assert!(said.contains("left out:") && said.contains("/cron is not below"), "{said}");
    assert_eq!(fs::read(school.path("cron/evil")).unwrap(), b"ours");
    assert_ne!(fs::read(school.path("school/office/year 1/letter-1.txt")).unwrap(), b"changed");
    // Whoever names it gets it, and is asked about it.
    let cron = school.path("cron").to_str().unwrap().to_owned();
    let asked = school.with_key(&["restore", "admin", "--in-place", "--path", &cron]).ended(64).stderr;
    assert!(asked.contains("/cron is not below what the plan names"), "{asked}");
    school.with_key(&["--yes", "restore", "admin", "--in-place", "--path", &cron]).ended(0);
    assert_eq!(fs::read(school.path("cron/evil")).unwrap(), b"the attacker's");
}

#[test]
fn in_place_nothing_goes_through_a_link_in_the_place_of_the_plans_folder() {
    let school = School::backed_up();
    for folder in ["office", "mail"] {
        fs::rename(school.path("school").join(folder), school.path(&format!("{folder}-moved"))).unwrap();
        fs::create_dir(school.path(&format!("{folder}-other"))).unwrap();
        std::os::unix::fs::symlink(school.path(&format!("{folder}-other")), school.path("school").join(folder))
            .unwrap();
    }
    for system in ["admin", "email"] {
        let said = school.with_key(&["--yes", "restore", system, "--in-place"]).ended(1).stderr;
        assert!(said.contains("through a link"), "{said}");
    }
    assert!(files(&school.path("office-other")).is_empty() && files(&school.path("mail-other")).is_empty());
    // A folder that is gone altogether is made again.
    fs::remove_file(school.path("school/office")).unwrap();
    school.with_key(&["--yes", "restore", "admin", "--in-place"]).ended(0);
    assert!(contents(&school.path("school/office")) == contents(&school.path("office-moved")));
}

#[test]
fn delete_removes_what_the_snapshot_does_not_have_and_spares_what_is_left_out_of_backups() {
    let school = School::begun();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let plan =
        plan.replace(r#"paths = ["school/office"]"#, r#"paths = ["school/office"], exclude = ["*.tmp", "scan/"]"#);
    school.write("dr.toml", plan.as_bytes());
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    for name in
        ["year 1/new.txt", "year 1/draft.tmp", "scan/page.png", "made later/a.txt", "made later/b.tmp", "gone/x"]
    {
        school.write(&format!("school/office/{name}"), b"today");
    }
    let words = ["--json", "restore", "admin", "--in-place", "--delete"];
    school.with_key(&words).ended(64);
    let dry = school.with_key(&[&words[..], &["--dry-run"]].concat()).ended(0).json();
    assert_eq!((dry["removed"].as_u64(), dry["removed_names"].as_array().map(Vec::len)), (Some(3), Some(3)), "{dry}");
    let said = school.with_key(&[&["--yes"], &words[..]].concat()).ended(0).json();
    let spared: Vec<&str> = said["spared"].as_array().unwrap().iter().filter_map(|one| one["path"].as_str()).collect();
    assert_eq!(spared, ["made later", "made later/b.tmp", "scan", "year 1/draft.tmp"], "{said}");
    let left: Vec<_> = names(&school, "school/office").into_iter().filter(|name| !name.starts_with("letter")).collect();
    assert_eq!(left, ["b.tmp", "page.png", "draft.tmp"]);
    // Mail that came since is nobody's to remove.
    let mail = ["--yes", "restore", "email", "--in-place", "--delete"];
    school.dr(&["--at", FRIDAY, "run", "email"]).ended(0);
    assert!(school.with_key(&mail).ended(64).stderr.contains("mail that came since"));
}

#[test]
fn several_systems_come_back_in_one_command_by_id_or_by_title() {
    let school = School::backed_up();
    let said = school.with_key(&["--json", "restore", "mis", "admin FILES", "Email", "--to", "back"]).ended(0);
    assert_eq!(said.stdout.lines().count(), 4, "{}", said.stdout);
    assert_eq!(said.json()["brought_back"], 3);
    assert!(contents(&school.path("school/office")) == contents(&school.path("back/admin")));
    assert!(school.path("back/mis/mis.db").exists() && school.path("back/email/Maildir/cur").exists());
    let said = school.with_key(&["restore", "adimn", "--to", "x"]).ended(64).stderr;
    assert!(said.contains("did you mean `admin`?"), "{said}");
    // One that fails costs the others nothing.
    school.write("again/admin/x", b"in the way");
    school.with_key(&["restore", "mis", "admin", "--to", "again"]).ended(64);
    assert!(school.path("again/mis/mis.db").exists());
}

#[test]
fn one_lost_mail_comes_back_to_where_it_was_and_nobody_gets_one_twice() {
    let school = School::backed_up();
    let lost = "school/mail/cur/1763550007.M7.host:2,S";
    fs::remove_file(school.path(lost)).unwrap();
    // What find prints is what --path takes, and is where the mail was.
    let found: Value =
        serde_json::from_str(&school.with_key(&["--json", "find", "email", "*.M7.*"]).ended(0).stdout).unwrap();
    let path = found[0]["on_the_machine"].as_str().unwrap().to_owned();
    assert!(path.ends_with(lost), "{path}");
    let said = school.with_key(&["find", "email", "*.M7.*"]).ended(0).stdout;
    assert!(said.contains(&path), "{said}");
    let listed = school.with_key(&["ls", "email", "cur"]).ended(0).stdout;
    assert!(listed.lines().any(|line| line.ends_with("  cur/1763550007.M7.host:2,S")), "{listed}");
    school.with_key(&["--yes", "restore", "email", "--in-place", "--path", &path]).ended(0);
    assert!(school.path(lost).exists());
    // One that was read or flagged since is there.
    fs::rename(school.path(lost), school.path("school/mail/cur/1763550007.M7.host:2,RS")).unwrap();
    fs::rename(
        school.path("school/mail/cur/1763550008.M8.host:2,S"),
        school.path("school/mail/new/1763550008.M8.host"),
    )
    .unwrap();
    for more in [&["--path", "cur"][..], &[]] {
        let words = [&["--json", "--yes", "restore", "email", "--in-place"], more].concat();
        let back = school.with_key(&words).ended(0).json();
        assert_eq!((back["files"].as_u64(), back["kept"].as_u64()), (Some(40), Some(40)), "{back}");
    }
    assert_eq!(files(&school.path("school/mail")).len(), 40);
}

#[test]
fn what_is_shown_of_odd_names_can_be_typed_back() {
    let school = School::begun();
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9\nmenu.txt");
    fs::write(school.path("school/office").join(odd), "bytes").unwrap();
    fs::write(school.path("school/office/caf\\xe9\\x0amenu.txt"), "letters").unwrap();
    school.dr(&["--at", FRIDAY, "run", "admin", "mis"]).ended(0);
    let listed = school.with_key(&["find", "admin", "*menu.txt"]).ended(0).stdout;
    let mut shown: Vec<String> = Vec::new();
    for line in listed.lines() {
        let start = line.find(school.path("school").to_str().unwrap()).unwrap();
        shown.push(line[start..].split("  in ").next().unwrap().to_owned());
    }
    assert_eq!(shown.len(), 2, "{listed}");
    let dumped: Vec<String> =
        shown.iter().map(|path| school.with_key(&["dump", "admin", path]).ended(0).stdout).collect();
    let mut sorted = dumped.clone();
    sorted.sort();
    assert_eq!(sorted, ["bytes", "letters"], "{shown:?}");
    // A database is called what it is called on the machine.
    let found: Value =
        serde_json::from_str(&school.with_key(&["--json", "find", "mis", "mis.db"]).ended(0).stdout).unwrap();
    let path = found[0]["on_the_machine"].as_str().unwrap();
    assert_eq!(path, school.path("school/mis.db").to_str().unwrap());
    school.with_key(&["restore", "mis", "--path", path, "--to", "out"]).ended(0);
    assert_eq!(names(&school, "out"), ["mis.db"]);
}

#[test]
fn an_open_database_is_told_before_it_is_replaced_and_one_that_is_not_whole_is_not_put_back() {
    let school = School::backed_up();
    let said = school.with_key(&["restore", "mis", "--in-place", "--dry-run"]).ended(0).stderr;
    assert!(!said.contains("is open in"), "{said}");
    let open = rusqlite::Connection::open(school.path("school/mis.db")).unwrap();
    open.query_row("SELECT count(*) FROM pupil", [], |_| Ok(())).unwrap();
    for words in [&["restore", "mis", "--in-place", "--dry-run"][..], &["--yes", "restore", "mis", "--in-place"]] {
        let said = school.with_key(words).ended(0).stderr;
        assert!(said.contains("mis.db is open in") && said.contains("stop that first"), "{said}");
    }
    drop(open);
    // Nothing was put back: that is a failure, in the ledger too.
    let before = fs::read(school.path("school/mis.db")).unwrap();
    for target in ["nas", "offsite"] {
        files(&school.path(target).join("data")).iter().for_each(|pack| fs::remove_file(pack).unwrap());
    }
    let said = school.with_key(&["--json", "--yes", "restore", "mis", "--in-place"]).ended(1);
    assert!(said.stderr.contains("was not touched"), "{}", said.stderr);
    assert_eq!((said.json()["restored"].as_u64(), said.json()["files"].as_u64()), (Some(0), Some(0)));
    assert_eq!(fs::read(school.path("school/mis.db")).unwrap(), before);
    assert_eq!(school.ledger().last().map(String::as_str), Some("restored mis nas failed"));
}

#[test]
fn a_restore_that_brought_nothing_back_is_no_restore_in_the_status() {
    let school = School::backed_up();
    let restored = |school: &School| {
        let said = school.dr(&["--json", "--at", SATURDAY, "status"]).json();
        let row = said["systems"].as_array().unwrap().iter().find(|row| row["id"] == "admin").unwrap().clone();
        row["last_restored"].clone()
    };
    // An empty folder of it.
    fs::create_dir(school.path("school/office/empty")).unwrap();
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    school.with_key(&["restore", "admin", "--path", "empty", "--to", "nothing"]).ended(0);
    assert!(restored(&school).is_null());
    school.with_key(&["restore", "admin", "--to", "out"]).ended(0);
    assert!(!restored(&school).is_null());
}

#[test]
fn a_tree_deeper_than_a_path_can_be_is_rehearsed_and_wiped() {
    let school = School::begun();
    let mut here =
        rustix::fs::open(school.path("school/office"), rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty())
            .unwrap();
    for _ in 0..40 {
        let name = "d".repeat(200);
        rustix::fs::mkdirat(&here, &name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY;
        here = rustix::fs::openat(&here, &name, flags, rustix::fs::Mode::empty()).unwrap();
    }
    let made = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    let deepest = rustix::fs::openat(&here, "deepest", made, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    rustix::io::write(&deepest, b"far down").unwrap();
    // And a message that anybody could send.
    school.write("school/mail/new/1763999999.X.host", b"\0\0no headers at all");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let said = school.with_key(&["--json", "--at", FRIDAY, "restore", "--rehearse", "admin", "email"]).ended(0).json();
    assert_eq!(said["verdict"], "verified", "{said}");
}

#[test]
fn an_earlier_version_is_asked_for_in_words() {
    let school = School::backed_up();
    school.write("school/office/year 1/letter-1.txt", b"of Saturday");
    school.dr(&["--at", SATURDAY, "run", "admin"]).ended(0);
    for (when, to, changed) in [
        ("yesterday", "a", false),
        ("friday", "b", false),
        ("today", "c", true),
        ("2026-11-20", "d", false),
        ("yesterday 21:29", "", false),
    ] {
        let words = ["--at", "2026-11-21T22:00:00Z", "restore", "admin", "--as-of", when, "--to", to];
        if to.is_empty() {
            school.with_key(&[&words[..6], &["--to", "e"]].concat()).ended(1);
            continue;
        }
        school.with_key(&words).ended(0);
        let back = fs::read(school.path(to).join("year 1/letter-1.txt")).unwrap();
        assert_eq!(back == b"of Saturday", changed, "{when}");
    }
    let said = school.with_key(&["restore", "admin", "--as-of", "soonish", "--to", "x"]).ended(64).stderr;
    assert!(said.contains("yesterday"), "{said}");
}
