//! What an address says, and how rows are counted.

use dr_plan::Server;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::address::Address;
use super::dump_name;
use super::facts::Facts;
use super::verify::Counter;
use crate::driver::Verdict;

#[test]
fn an_address_is_read_as_the_servers_own_programs_read_it() {
    let env = |url: &str| {
        let env = Address::parse(url).unwrap().env();
        let words = env.iter().map(|(name, value)| format!("{}={}", name.display(), value.display()));
        words.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(env("postgres:mis"), "PGDATABASE=mis");
    assert_eq!(env("postgres://drb@db.example:5433/mis"), "PGHOST=db.example PGPORT=5433 PGUSER=drb PGDATABASE=mis");
    assert_eq!(
        env("postgresql://u%40x@[::1]/a%2Fb?sslmode=verify-full"),
        "PGHOST=::1 PGUSER=u@x PGSSLMODE=verify-full PGDATABASE=a/b"
    );
    assert_eq!(env("postgres:///mis?host=/run/pg&port=5499"), "PGHOST=/run/pg PGPORT=5499 PGDATABASE=mis");
    for wrong in [
        "postgres:",
        "postgres://host",
        "postgres://host/x?password=y",
        "postgres://h:port/x",
        "postgres://u:secret@h/x",
        "mysql://h/x",
        "postgres:%zz",
    ] {
        assert!(Address::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_dumps_name_is_a_files_name_and_the_databases() {
    assert_eq!(dump_name("mis"), "mis.dump");
    assert_eq!(dump_name("a/b%c\n"), "a%2Fb%25c%0A.dump");
}

#[test]
fn what_a_snapshot_lays_in_the_place_of_its_files_is_not_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("database");
    std::fs::create_dir(&folder).unwrap();
    for name in ["globals.sql", "mis.dump"] {
        let path = folder.join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }
    std::fs::write(root.path().join(crate::FACTS), serde_json::to_vec(&Facts::default()).unwrap()).unwrap();
    let server = Server { url: "postgres:mis".to_owned(), password: None, programs: None };
    let checks = super::verify::checks(&server, "mis.dump", root.path());
    let good = |name: &str| checks.iter().any(|check| check.name.contains(name) && check.verdict == Verdict::Good);
    assert!(!good("roles") && !good("read to its end"), "{checks:?}");
    assert_eq!(checks.len(), 3, "nothing was read out: {checks:?}");
}

#[test]
fn rows_are_counted_wherever_the_bytes_are_cut() {
    let text = b"--\nCOPY public.pupil (name, \"odd ) FROM stdin;\") FROM stdin;\nAsh\t\\N\n\\\\.\nCOPY x FROM stdin;\n\\.\n\nCOPY \"odd name\".\"t \"\"\" (x) FROM stdin;\n\\.\nSELECT 1;\n";
    for size in 1..text.len() {
        let mut counter = Counter::default();
        text.chunks(size).for_each(|bytes| counter.take(bytes));
        let tables: Vec<_> = counter.tables.into_iter().collect();
        assert_eq!(tables, [("\"odd name\".\"t \"\"\"".to_owned(), 0), ("public.pupil".to_owned(), 3)], "{size}");
    }
}

#[test]
fn roles_that_are_there_stay_and_the_others_are_made_with_their_memberships() {
    let globals = "\\restrict x\nSET standard_conforming_strings = on;\n-- Roles\nCREATE ROLE postgres;\nALTER ROLE postgres WITH SUPERUSER PASSWORD 'SCRAM';\nCREATE ROLE \"App \"\"one\"\"\";\nALTER ROLE \"App \"\"one\"\"\" WITH LOGIN PASSWORD 'SCRAM';\nCOMMENT ON ROLE \"App \"\"one\"\"\" IS 'two\nlines';\nCREATE TABLESPACE fast LOCATION '/x';\nGRANT pg_read_all_data TO postgres;\nGRANT \"a TO b\" TO \"App \"\"one\"\"\" GRANTED BY postgres;\n\\unrestrict x\n";
    let there = ["postgres".to_owned()].into();
    let made = super::roles::missing(globals, &there);
    assert_eq!(
        made,
        "CREATE ROLE \"App \"\"one\"\"\";\nALTER ROLE \"App \"\"one\"\"\" WITH LOGIN PASSWORD 'SCRAM';\nCOMMENT ON ROLE \"App \"\"one\"\"\" IS 'two\nlines';\nGRANT \"a TO b\" TO \"App \"\"one\"\"\" GRANTED BY postgres;\n"
    );
}
