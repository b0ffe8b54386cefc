//! What an address says, and how rows are counted.

use dr_plan::Server;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::address::Address;
use super::archive::{DumpEnd, PassingDump};
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

/// A dump as pg_dump writes it into a pipe: a table, nothing, a table of no rows, large objects.
fn archive(minor: u8) -> Vec<u8> {
    let number = |out: &mut Vec<u8>, value: i64| {
        out.push(u8::from(value < 0));
        out.extend_from_slice(&u32::try_from(value.unsigned_abs()).unwrap().to_le_bytes());
    };
    let text = |out: &mut Vec<u8>, text: Option<&str>| {
        number(out, text.map_or(-1, |text| text.len().try_into().unwrap()));
        out.extend_from_slice(text.unwrap_or_default().as_bytes());
    };
    let mut out = b"PGDMP".to_vec();
    out.extend([1, minor, 0, 4, 8, 1]);
    match minor >= 15 {
        true => out.push(0),
        false => number(&mut out, 0),
    }
    for part in [1, 2, 3, 4, 5, 126, 0] {
        number(&mut out, part);
    }
    for word in ["mis", "15.18", "15.18"] {
        text(&mut out, Some(word));
    }
    number(&mut out, 4);
    for (id, has_contents) in [(3401, true), (7, false), (3402, true), (9, true)] {
        number(&mut out, id);
        number(&mut out, i64::from(has_contents));
        for word in ["0", "0", "pupil", "TABLE DATA"] {
            text(&mut out, Some(word));
        }
        number(&mut out, 3);
        for word in [Some(""), None, Some("COPY public.pupil (id) FROM stdin;\n"), Some("public"), None] {
            text(&mut out, word);
        }
        if minor >= 14 {
            text(&mut out, None);
        }
        if minor >= 16 {
            number(&mut out, 114);
        }
        for word in [Some("dr"), Some("false"), Some("201"), Some("202"), None] {
            text(&mut out, word);
        }
        out.push(if has_contents { 1 } else { 3 });
        out.extend([0; 8]);
    }
    for (id, pieces) in [(3401, ["1\n", "\u{1}\u{3}\n", "\\.\n\n\n"].as_slice()), (3402, &["\\.\n\n\n"])] {
        out.push(1);
        number(&mut out, id);
        pieces.iter().for_each(|piece| text(&mut out, Some(piece)));
        number(&mut out, 0);
    }
    out.push(3);
    number(&mut out, 9);
    for object in [16_403, -5] {
        number(&mut out, object);
        text(&mut out, Some("a large object"));
        number(&mut out, 0);
    }
    number(&mut out, 0);
    out
}

#[test]
fn a_dump_is_whole_if_all_contents_in_its_list_are_there_and_cut_wherever_it_ends_before() {
    let end = |dump: &[u8], size: usize| {
        let mut passing = PassingDump::default();
        dump.chunks(size).for_each(|bytes| passing.take(bytes));
        passing.end()
    };
    for minor in 12..=16 {
        let whole = archive(minor);
        for size in [1, 2, 3, 7, 64, whole.len()] {
            assert_eq!(end(&whole, size), DumpEnd::Whole, "1.{minor} in pieces of {size}");
        }
        for cut in 0..whole.len() {
            assert_eq!(end(&whole[..cut], 16), DumpEnd::Cut, "1.{minor}, cut after {cut} of {}", whole.len());
        }
        assert_eq!(end(&[&whole[..], b"x"].concat(), 16), DumpEnd::Foreign);
        let again = [&whole[..], &whole[whole.len() - 70..]].concat();
        assert_ne!(end(&again, 16), DumpEnd::Whole);
    }
    let mut newer = archive(16);
    newer[6] = 17;
    assert_eq!(end(&newer, 16), DumpEnd::NotKnown);
    assert_eq!(end(&newer[..400], 16), DumpEnd::NotKnown);
    // A dump of another form, and one whose list has less entries than it says.
    assert_eq!(end(b"--\n-- PostgreSQL database dump\n--\n", 16), DumpEnd::Foreign);
    let mut tar = archive(15);
    tar[10] = 3;
    assert_eq!(end(&tar, 16), DumpEnd::Foreign);
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
