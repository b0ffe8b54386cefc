//! Programs that end well and wrote something else than all of it, programs that are not there, and targets that become
//! full: what came before stays the newest, and one sentence says why.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::postgres::{server, source};
use crate::school::{FRIDAY, School};
use crate::server::Server;
use crate::{LATER, founded, snapshots, told};

/// A school with the MIS, whose programs are in a folder of its own.
fn with_programs(server: &Server) -> School {
    let school = School::new();
    fs::create_dir(school.path("bin")).unwrap();
    for program in ["psql", "pg_dump", "pg_dumpall", "pg_restore"] {
        stands_for(&school, server, program, "exec REAL \"$@\"");
    }
    let source = source(server, "dr").replace(&server.bin().display().to_string(), "bin");
    founded(school, &format!(r#"kind = "postgres", {source}"#), r#""nas""#, "")
}

/// What a script does in the place of a program; it says the version of the program itself.
fn stands_for(school: &School, server: &Server, program: &str, script: &str) {
    let real = server.bin().join(program).display().to_string();
    let script = script.replace("REAL", &real);
    let script = format!("#!/bin/sh\n[ \"$1\" = --version ] && exec {real} --version\n{script}\n");
    school.write(&format!("bin/{program}"), script.as_bytes());
    fs::set_permissions(school.path("bin").join(program), Permissions::from_mode(0o755)).unwrap();
}

fn end_of(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap() + part.len()
}

#[test]
fn a_dump_that_was_cut_anywhere_is_not_kept_though_its_program_ended_well() {
    let server = server();
    let school = with_programs(&server);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let before = snapshots(&school);
    let whole = server.client("pg_dump").args(["-Fc", "-Z0", "-d", "mis"]).output().unwrap().stdout;
    // The contents of a table end with these bytes, and then comes a piece of no length.
    let between = end_of(&whole, b"\\.\n\n\n\0\0\0\0\0");
    let front = end_of(&whole, b"TABLE DATA");
    let kept_nothing = |words: &str| {
        told(school.dr(&["--at", LATER, "run", "mis"]).ended(1), words);
        assert_eq!(snapshots(&school), before, "{words}");
    };
    for (place, bytes) in [
        ("in its first bytes", 7),
        ("in its list", front),
        ("in a table", whole.len() / 2),
        ("between two tables", between),
        ("before its last byte", whole.len() - 1),
    ] {
        assert!(bytes < whole.len(), "{place}");
        stands_for(&school, &server, "pg_dump", &format!("REAL \"$@\" | head -c {bytes}; exit 0"));
        kept_nothing("pg_dump: it ended without an error, but before the end of its dump: it was cut off");
    }
    for script in ["REAL \"$@\"; echo done", "exec REAL \"$@\" -Fp", "echo 'connection pool: 3 of 5'"] {
        stands_for(&school, &server, "pg_dump", script);
        kept_nothing("pg_dump: it ended without an error, but what it wrote is no dump in PostgreSQL's custom format");
    }
    stands_for(&school, &server, "pg_dump", "exec REAL \"$@\"");
    stands_for(&school, &server, "pg_dumpall", "REAL \"$@\" | head -n 8; exit 0");
    kept_nothing("pg_dumpall: it ended without an error, but before the end of the roles: it was cut off");
    // The ledger says of it what anybody may know.
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.contains("the program that was to write what is captured failed") && !ledger.contains("pg_dump"));

    // A dump that no rehearsal can read out is not known to be whole, and never green.
    stands_for(&school, &server, "pg_dumpall", "exec REAL \"$@\"");
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    let rehearse = ["restore", "--rehearse", "--level", "L2"];
    school.write("bin/pg_restore", b"#!/bin/sh\necho 'pg_restore (PostgreSQL) 9.6.24'\n");
    fs::set_permissions(school.path("bin/pg_restore"), Permissions::from_mode(0o755)).unwrap();
    told(school.with_key(&rehearse).ended(2), "not looked at: pg_restore here is of PostgreSQL 9");
    fs::remove_file(school.path("bin/pg_restore")).unwrap();
    told(school.with_key(&rehearse).ended(2), "apt-get install postgresql-client");
    let status = school.dr(&["--at", LATER, "status"]);
    told(told(status, "NOT KNOWN not proved"), "could not be judged; whether it would come back is not known");
}

#[test]
fn a_program_that_is_not_there_and_a_target_that_is_full_keep_what_came_before() {
    let school = School::new();
    school.write("dump.sh", b"echo 'create table pupil (name text);'; cat more");
    school.write("more", b"");
    let nas = school.path("nas");
    fs::create_dir(&nas).unwrap();
    if let Err(why) = mount("none", &nas, "tmpfs", MountFlags::empty(), c"size=24m,mode=0700") {
        panic!(
            "this test needs a small file system and could not mount one: {why}. Run the tests as root, or as anybody in a \
             namespace of their own: unshare --user --map-root-user --mount cargo xtask test"
        );
    }
    struct Unmounted(std::path::PathBuf);
    impl Drop for Unmounted {
        fn drop(&mut self) {
            let _ = unmount(&self.0, UnmountFlags::DETACH);
        }
    }
    let _small = Unmounted(nas.clone());
    let school = founded(school, r#"kind = "command", run = ["bin/dump", "mis"], name = "mis.sql""#, r#""nas""#, "");
    let run = || school.dr(&["--at", FRIDAY, "run", "mis"]);
    told(run().ended(1), "could not be started");
    assert_eq!(snapshots(&school).len(), 0);
    school.write("bin/dump", b"#!/bin/sh\nexec sh dump.sh\n");
    fs::set_permissions(school.path("bin/dump"), Permissions::from_mode(0o755)).unwrap();
    run().ended(0);
    let before = snapshots(&school);
    let noise: Vec<u8> =
        (0..6_u32 << 20).flat_map(|i| i.wrapping_mul(2_654_435_761).rotate_left(i % 31).to_le_bytes()).collect();
    school.write("more", &noise);
    fs::write(nas.join("ballast"), vec![7; 18 << 20]).unwrap();
    told(run().ended(1), "is full");
    assert_eq!(snapshots(&school), before);
    fs::remove_file(nas.join("ballast")).unwrap();
    school.write("more", b"insert into pupil values ('Ash');\n");
    run().ended(0);
    assert_eq!(snapshots(&school).len(), before.len() + 1);
}
