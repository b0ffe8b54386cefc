//! What is true of every kind of source, whatever it is: unchanged it costs next to nothing; it is whole or failed, or what
//! is missing is named; killed in the middle it leaves the last snapshot the newest; and what lies at a place that cannot
//! take it stays.

use std::fs;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::faulty::Faulty;
use crate::school::{FRIDAY, Said, School, contents};
use crate::server::Server;
use crate::{LATER, founded, snapshots};

/// What is done to a system, or to the programs that read it.
type Act = Box<dyn Fn(&School)>;
/// The same, each number otherwise.
type Change = Box<dyn Fn(&School, u32)>;

/// One kind of source, with a small system of that kind.
struct Kind {
    /// Its table in the plan.
    source: String,
    /// Changes some of the system, so that something new has to be stored.
    change: Change,
    /// Where it is programs that read it, which no library of ours can stop at a given request: makes the one that writes
    /// the contents say in a file `begun` that it has begun, and wait.
    slow: Option<Act>,
    /// What makes a capture fail in the middle: a disk that fails now and then below this folder, or what was done to it.
    breaks: Breaks,
    /// What a run that cannot read all of it ends with: 1, and nothing is kept, or 3, and what is missing is named.
    cut: i32,
}

enum Breaks {
    Disk(&'static str),
    By(Act),
}

/// What a run stored, by its line.
fn stored(said: &Said) -> u64 {
    crate::postgres::bytes_stored(said)
}

/// A small or closed file system, for as long as it lives.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn at(path: &Path, flags: MountFlags, options: &std::ffi::CStr) -> Self {
        fs::create_dir_all(path).unwrap();
        if let Err(why) = mount("none", path, "tmpfs", flags, options) {
            panic!(
                "this test needs a small file system and could not mount one: {why}. Run the tests as root, or as anybody in \
                 a namespace of their own: unshare --user --map-root-user --mount cargo xtask test"
            );
        }
        Self(path.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

fn conforms(make: impl FnOnce(&School) -> Kind) {
    let school = School::new();
    let kind = make(&school);
    (kind.change)(&school, 9);
    let school = founded(school, &kind.source, "\"nas\"", "");
    let first = school.dr(&["--at", FRIDAY, "--json", "run", "mis"]).ended(0);
    let again = school.dr(&["--at", LATER, "--json", "run", "mis"]).ended(0);
    assert_eq!(snapshots(&school).len(), 2);
    let (first, again) = (stored(&first), stored(&again));
    assert!(first > 400_000 && again <= first / 50 + 60_000, "unchanged, {again} bytes were stored after {first}");

    killed(&school, &kind);
    put_back(&school);
    cut(&school, &kind);
}

/// However far it had come: the newest snapshot is one that comes back whole.
fn killed(school: &School, kind: &Kind) {
    if let Some(slow) = &kind.slow {
        return killed_while_it_waits(school, kind, slow);
    }
    let faulty = Faulty::in_folder(&school.path("home"));
    let nas = school.path("nas").canonicalize().unwrap();
    let run = |number: u32, moment: u64| {
        (kind.change)(school, number);
        let mut command = school.command(&["--at", LATER, "run", "mis"]);
        faulty.kill(&mut command, &nas, moment, 7);
        let code = Said::of(command).code;
        (code, faulty.count())
    };
    let (code, requests) = run(0, u64::MAX >> 1);
    assert_eq!(code, Some(0));
    let mut left_alone = 0;
    for (number, moment) in [(1, requests / 5), (2, requests / 2), (3, requests - 1)] {
        let before = snapshots(school);
        assert_eq!(run(number, moment.max(1)).0, None, "it was killed");
        let after = snapshots(school);
        left_alone += u32::from(after == before);
        let is_one_more = after.len() == before.len() + 1 && before.iter().all(|id| after.contains(id));
        assert!(after == before || is_one_more, "{before:?}, then {after:?}");
        school.with_key(&["restore", "mis", "--to", &format!("killed-{number}")]).ended(0);
    }
    assert!(left_alone > 0, "none of the kills was in the middle");
    (kind.change)(school, 4);
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
}

fn killed_while_it_waits(school: &School, kind: &Kind, slow: &dyn Fn(&School)) {
    let before = snapshots(school);
    slow(school);
    let mut child = school.start(&["--at", LATER, "run", "mis"]);
    while !school.path("begun").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it had begun");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(snapshots(school), before);
    (kind.change)(school, 4);
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    assert_eq!(snapshots(school).len(), before.len() + 1);
}

/// What could not be read is a failure without a snapshot, or is named and makes the run incomplete.
fn cut(school: &School, kind: &Kind) {
    let before = snapshots(school);
    let command = ["--at", LATER, "run", "mis"];
    let said = match &kind.breaks {
        Breaks::By(breaks) => {
            breaks(school);
            school.dr(&command)
        }
        Breaks::Disk(below) => {
            (kind.change)(school, 5);
            school.refusing(below, "pread64", &command)
        }
    };
    let said = said.ended(kind.cut);
    let after = snapshots(school);
    match kind.cut {
        1 => assert_eq!(after, before, "{}", said.stderr),
        _ => assert!(after.len() == before.len() + 1 && !said.stderr.is_empty(), "{}", said.stdout),
    }
}

/// Nothing is written over, and a place that cannot take it is no restore.
fn put_back(school: &School) {
    let restore = |to: &str| school.with_key(&["restore", "mis", "--to", to]);
    restore("back").ended(0);
    let back = contents(&school.path("back"));
    let said = restore("back");
    assert_ne!(said.code, Some(0), "{}", said.stdout);
    assert_eq!(contents(&school.path("back")), back, "nothing of it was touched");

    let closed = Mounted::at(&school.path("closed"), MountFlags::RDONLY, c"mode=0700");
    let said = restore("closed/in");
    assert!(said.code == Some(1) && said.stderr.contains("ead-only"), "{:?}: {}", said.code, said.stderr);
    drop(closed);

    let full = Mounted::at(&school.path("full"), MountFlags::empty(), c"size=16k,mode=0700");
    let said = restore("full/in");
    assert!(matches!(said.code, Some(1 | 3)), "{:?}: {}", said.code, said.stdout);
    assert!(said.stderr.contains("room") || said.stderr.contains("space"), "{}", said.stderr);
    drop(full);
}

fn bytes(number: u32, len: u32) -> Vec<u8> {
    // Unlike any other, so that it has to be stored.
    (0..len).flat_map(|i| (i + 1).wrapping_mul(2_654_435_761).rotate_left(number % 31 + 1).to_le_bytes()).collect()
}

#[test]
fn files_conform() {
    conforms(|_| Kind {
        source: r#"kind = "files", paths = ["school/office"]"#.to_owned(),
        change: Box::new(|school, n| school.write(&format!("school/office/new-{n}.bin"), &bytes(n, 110_000))),
        slow: None,
        breaks: Breaks::Disk("school/office/new-5.bin"),
        cut: 3,
    });
}

#[test]
fn a_maildir_conforms() {
    conforms(|_| Kind {
        source: r#"kind = "maildir", path = "school/mail""#.to_owned(),
        change: Box::new(|school, n| {
            let text = bytes(n, 110_000).iter().map(|byte| format!("{byte:x}\r\n")).collect::<String>();
            let mail = format!("From: a@b.example\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\n{text}");
            school.write(&format!("school/mail/cur/177000000{n}.M9.host:2,S"), mail.as_bytes());
        }),
        slow: None,
        breaks: Breaks::Disk("school/mail/cur/1770000005.M9.host:2,S"),
        cut: 3,
    });
}

#[test]
fn an_sqlite_database_conforms() {
    conforms(|_| Kind {
        source: r#"kind = "sqlite", path = "school/mis.db""#.to_owned(),
        change: Box::new(|school, n| {
            let database = rusqlite::Connection::open(school.path("school/mis.db")).unwrap();
            database.execute("INSERT INTO mark VALUES (?1, ?2)", (n, bytes(n, 110_000))).unwrap();
        }),
        slow: None,
        breaks: Breaks::Disk("school/mis.db"),
        cut: 1,
    });
}

#[test]
fn an_export_conforms() {
    let put = |school: &School, n: u32| {
        let name = "school/drop/pupils.csv";
        let rows: String = bytes(n, 110_000).iter().map(|byte| format!("{byte},x\n")).collect();
        school.write(name, rows.as_bytes());
        let at: jiff::Timestamp = FRIDAY.parse().unwrap();
        let at = std::time::SystemTime::from(at - jiff::SignedDuration::from_hours(1));
        fs::File::options().append(true).open(school.path(name)).unwrap().set_modified(at).unwrap();
    };
    conforms(|_| Kind {
        source: r#"kind = "drop", path = "school/drop", name = "*.csv", fresh = "26h""#.to_owned(),
        change: Box::new(put),
        slow: None,
        breaks: Breaks::Disk("school/drop"),
        cut: 1,
    });
}

#[test]
fn a_programs_output_conforms() {
    let write = |school: &School, n: u32| {
        school.write("dump.bin", &bytes(n, 110_000));
        school.write("dump.sh", b"cat dump.bin");
    };
    conforms(|_| Kind {
        source: r#"kind = "command", run = ["sh", "dump.sh"], name = "dump.bin""#.to_owned(),
        change: Box::new(write),
        slow: Some(Box::new(|school| {
            school.write("dump.sh", b"head -c 30000 dump.bin; echo > begun; sleep 2; cat dump.bin");
        })),
        breaks: Breaks::By(Box::new(|school| school.write("dump.sh", b"head -c 30000 dump.bin; exit 3"))),
        cut: 1,
    });
}

#[test]
fn a_postgresql_database_conforms() {
    let server = std::rc::Rc::new(Server::begun());
    server.sql("postgres", "create database mis");
    server.sql("mis", "create table mark (n int, b bytea)");
    let insert = |n: u32| {
        format!("insert into mark select {n}, decode(md5((i * {n})::text), 'hex') from generate_series(1, 16000) i")
    };
    server.sql("mis", &insert(9));
    let source = format!("kind = \"postgres\", url = \"{}\", programs = \"programs\"", server.url("dr", "mis"));
    let changed = std::rc::Rc::clone(&server);
    let bin = server.bin().to_owned();
    conforms(move |school| {
        fs::create_dir(school.path("programs")).unwrap();
        for program in ["psql", "pg_dump", "pg_dumpall", "pg_restore"] {
            std::os::unix::fs::symlink(bin.join(program), school.path("programs").join(program)).unwrap();
        }
        let dump = bin.join("pg_dump").display().to_string();
        let stands_for = |school: &School, script: &str| {
            let _ = fs::remove_file(school.path("programs/pg_dump"));
            school.write("programs/pg_dump", script.as_bytes());
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(school.path("programs/pg_dump"), mode).unwrap();
        };
        let (plain, slow) = (dump.clone(), dump.clone());
        Kind {
            source,
            change: Box::new(move |school, n| {
                stands_for(school, &format!("#!/bin/sh\nexec {plain} \"$@\"\n"));
                changed.sql("mis", &insert(n + 10));
            }),
            slow: Some(Box::new(move |school| {
                let begun = school.path("begun").display().to_string();
                let script = format!(
                    "#!/bin/sh\ncase $1 in --version) exec {slow} $1;; esac\necho > {begun}; sleep 2\nexec {slow} \"$@\"\n"
                );
                stands_for(school, &script);
            })),
            breaks: Breaks::By(Box::new(move |school| {
                let script = format!(
                    "#!/bin/sh\ncase $1 in --version) exec {dump} $1;; esac\n{dump} \"$@\" | head -c 30000\nexit 1\n"
                );
                stands_for(school, &script);
            })),
            cut: 1,
        }
    });
}

/// A server with a table that grows, and how it is captured: `source` makes the plan's table of the database's address.
fn a_mariadb_conforms(source: impl Fn(&str) -> String) {
    let server = std::rc::Rc::new(crate::maria_server::Server::begun());
    server.sql("", "create database mis");
    server.sql("mis", "create table mark (n int, b blob)");
    let source = source(&server.url("root", "mis"));
    let changed = std::rc::Rc::clone(&server);
    conforms(move |school| {
        school.write("site/index.php", b"<?php // the front page");
        school.write("programs/mariadb", b"#!/bin/sh\nexec /usr/bin/mariadb \"$@\"\n");
        let mode = || std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(school.path("programs/mariadb"), mode()).unwrap();
        let stands_for = move |school: &School, script: &str| {
            let dump = "/usr/bin/mariadb-dump";
            let script =
                format!("#!/bin/sh\n[ \"$1\" = --version ] && exec {dump} $1\n{}\n", script.replace("REAL", dump));
            school.write("programs/mariadb-dump", script.as_bytes());
            fs::set_permissions(school.path("programs/mariadb-dump"), mode()).unwrap();
        };
        Kind {
            source,
            change: Box::new(move |school, n| {
                stands_for(school, "exec REAL \"$@\"");
                let rows = format!("insert into mark select {n}, unhex(md5(seq * {})) from seq_1_to_30000", n + 10);
                changed.sql("mis", &rows);
            }),
            slow: Some(Box::new(move |school| {
                let begun = school.path("begun").display().to_string();
                stands_for(school, &format!("echo > {begun}; sleep 2\nexec REAL \"$@\""));
            })),
            breaks: Breaks::By(Box::new(move |school| stands_for(school, "REAL \"$@\" | head -c 30000\nexit 1"))),
            cut: 1,
        }
    });
}

#[test]
fn a_mariadb_database_conforms() {
    a_mariadb_conforms(|url| format!("kind = \"mariadb\", url = \"{url}\", programs = \"programs\""));
}

#[test]
fn a_website_conforms() {
    a_mariadb_conforms(|url| {
        format!("kind = \"website\", path = \"site\", database = \"{url}\", programs = \"programs\"")
    });
}
