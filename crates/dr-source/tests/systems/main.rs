//! Databases and mailboxes are captured whole while they are in use, with the facts a rehearsal needs.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its tree should stop there")]

#[path = "../files/memory.rs"]
#[allow(dead_code)]
mod memory;

mod exports;
mod judged;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::{Profile, Time};
use dr_plan::Source;
use dr_source::driver::{Begun, Moment, Questions};
use dr_source::files::{FsRestorer, Owners, RestoreMode};
use dr_source::maildir::{self, MailFacts};
use dr_source::sqlite::{self, SqliteFacts};
use dr_source::{FACTS, SourceError, driver, recorded};
use memory::Capture;
use rusqlite::Connection;

const LATER: Time = Time { seconds: 10_000_000_000, nanos: 0 };

fn restored(capture: &Capture, to: &Path) {
    let destination = FsRestorer::new(to, RestoreMode { in_place: None, owners: Owners::ByName }).unwrap();
    assert_eq!(capture.put_back(&destination), []);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

fn register(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE pupil (name TEXT);
             CREATE TABLE \"odd \"\"name\" (x);
             CREATE TABLE mark (pupil, mark, PRIMARY KEY (pupil)) WITHOUT ROWID;
             INSERT INTO pupil VALUES ('A. Ash'), ('J. Oak'), ('R. Elm');
             INSERT INTO mark VALUES (1, 5);",
        )
        .unwrap();
    database
}

/// A capture of `source` that has begun.
fn begun(source: &Source, scratch: &Path) -> Begun {
    let stop = Arc::default();
    let moment = Moment {
        places: &[],
        scratch,
        decided: LATER,
        real: LATER,
        last_size: None,
        secrets: &|_| Err("none".to_owned()),
        questions: Questions { expect: &[], pages: &[], zone: &jiff::tz::TimeZone::UTC },
        stop: &stop,
    };
    driver(source).unwrap().capture(&moment).unwrap()
}

#[test]
fn a_database_with_rows_still_in_its_log_comes_back_with_all_of_them() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("register ?%.db");
    let scratch = place.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    // Open until the end: what was written is in the log only.
    let _in_use = register(&path);
    let captured = begun(&Source::Sqlite { path: path.clone() }, &scratch);
    let capture = Capture::read(captured.entries);
    assert_eq!(capture.unread, []);
    assert_eq!(capture.names(), ["", FACTS, "register ?%.db"]);
    assert_eq!(capture.get("register ?%.db").profile, Profile::Fine);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "the copy stays behind");

    let to = place.path().join("to");
    restored(&capture, &to);
    let expected = SqliteFacts {
        integrity_ok: true,
        problems: vec![],
        unjudged: vec![],
        tables: [("mark", 1), ("odd \"name", 0), ("pupil", 3)].map(|(name, rows)| (name.to_owned(), rows)).into(),
        uncounted: vec![],
        ..SqliteFacts::default()
    };
    assert_eq!(recorded::<SqliteFacts>(&to).unwrap(), expected);
    assert_eq!(sqlite::probe(&to.join("register ?%.db")).unwrap(), expected);
    assert_eq!(fs::read_dir(&to).unwrap().count(), 2, "looking left something behind");
}

#[test]
fn a_database_is_one_state_however_busily_it_is_written() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("busy.db");
    drop(register(&path));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let writer = Connection::open(&path).unwrap();
            while !stop.load(Ordering::Relaxed) {
                // Always as many marks as pupils.
                writer
                    .execute_batch(
                        "BEGIN; INSERT INTO pupil VALUES (hex(randomblob(500)));
                         INSERT INTO mark SELECT max(pupil) + 1, 1 FROM mark; COMMIT",
                    )
                    .unwrap();
            }
        });
        for round in 0..5 {
            let to = place.path().join(format!("to {round}"));
            let capture = Capture::read(sqlite::capture(&path, place.path(), LATER).unwrap().entries);
            restored(&capture, &to);
            let facts = sqlite::probe(&to.join("busy.db")).unwrap();
            assert!(facts.integrity_ok);
            assert_eq!(facts.tables["pupil"], facts.tables["mark"] + 2);
            assert_eq!(facts, recorded(&to).unwrap());
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_is_no_database_is_named_and_damage_is_a_fact() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::write(at("text"), "this is not a database, but long enough to be looked at as one".repeat(20)).unwrap();
    let error = sqlite::capture(&at("text"), place.path(), LATER).err().unwrap();
    assert!(matches!(error, SourceError::Sqlite { .. }) && error.to_string().contains("text"), "{error}");
    assert!(sqlite::capture(&at("none"), place.path(), LATER).is_err());

    let database = register(&at("d"));
    database.execute_batch("PRAGMA journal_mode = DELETE; CREATE INDEX i ON pupil (name)").unwrap();
    database.execute_batch(&"INSERT INTO pupil VALUES (hex(randomblob(2000)));".repeat(100)).unwrap();
    drop(database);
    let mut bytes = fs::read(at("d")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0x5a);
    fs::write(at("d"), bytes).unwrap();
    let facts = sqlite::probe(&at("d")).unwrap();
    assert!(!facts.integrity_ok && !facts.problems.is_empty());
}

fn deliver(mailbox: &Path, directory: &str, name: &str, text: &str) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(mailbox.join(part)).unwrap();
    }
    fs::write(mailbox.join(directory).join(name), text).unwrap();
}

const MAIL: &str = "From: A. Ash <head@hazelbank.example>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\nHello\r\n";

#[test]
fn mail_is_counted_and_comes_back_with_its_mailboxes() {
    let place = tempfile::tempdir().unwrap();
    let mail = place.path().join("mail");
    deliver(&mail, "cur", "1.host:2,S", MAIL);
    deliver(&mail, "new", "2.host", MAIL);
    deliver(&mail, "tmp", "3.host", "half a mess");
    deliver(&mail.join(".Sent"), "cur", "4.host:2,", MAIL);
    fs::write(mail.join("dovecot-uidlist"), "3 V1 N2").unwrap();
    let captured = begun(&Source::Maildir { path: mail.clone() }, place.path());
    let capture = Capture::read(captured.entries);
    assert_eq!(capture.unread, []);
    let expected = [
        "",
        "Maildir",
        "Maildir/.Sent",
        "Maildir/.Sent/cur",
        "Maildir/.Sent/cur/4.host:2,",
        "Maildir/.Sent/new",
        "Maildir/.Sent/tmp",
        "Maildir/cur",
        "Maildir/cur/1.host:2,S",
        "Maildir/dovecot-uidlist",
        "Maildir/new",
        "Maildir/new/2.host",
        "Maildir/tmp",
        FACTS,
    ];
    assert_eq!(capture.names(), expected);
    assert_eq!(capture.get("Maildir/new/2.host").profile, Profile::Fine);
    assert_eq!(capture.get("Maildir/dovecot-uidlist").profile, Profile::Auto);
    let to = place.path().join("to");
    restored(&capture, &to);
    let facts = MailFacts { mailboxes: 2, messages: 3, newest_parses: Some(true), asked: 3, parse: 3 };
    assert_eq!(recorded::<MailFacts>(&to).unwrap(), facts);
    assert_eq!(maildir::probe(&to).unwrap(), facts);
    fs::write(to.join("Maildir/new/2.host"), [0; 1000]).unwrap();
    assert_eq!(maildir::probe(&to).unwrap().newest_parses, Some(false));
}

#[test]
fn a_message_read_during_the_capture_is_captured_once() {
    let place = tempfile::tempdir().unwrap();
    deliver(place.path(), "cur", "1.host:2,", MAIL);
    for number in 2..200 {
        deliver(place.path(), "new", &format!("{number}.host"), &format!("{MAIL}{number}"));
    }
    let mut entries = maildir::capture(place.path(), LATER).unwrap().entries;
    // The walk has listed the mailbox and stands at its first message.
    let first: Vec<_> = entries.by_ref().take(4).collect();
    assert!(first.iter().all(Result::is_ok));
    for number in 2..200 {
        let at = |name: String| place.path().join(name);
        fs::rename(at(format!("new/{number}.host")), at(format!("cur/{number}.host:2,S"))).unwrap();
    }
    let capture = Capture::read(Box::new(first.into_iter().chain(entries)));
    assert_eq!(capture.unread, []);
    assert_eq!(capture.names().iter().filter(|name| name.contains(".host")).count(), 199);
    let to = place.path().join("to");
    restored(&capture, &to);
    assert_eq!(fs::read_to_string(to.join("Maildir/new/77.host")).unwrap(), format!("{MAIL}77"));
    assert_eq!(recorded::<MailFacts>(&to).unwrap().messages, 199);
}

#[test]
fn two_messages_of_one_name_are_both_captured() {
    let place = tempfile::tempdir().unwrap();
    let mail = place.path().join("mail");
    deliver(&mail, "cur", "1.M1.host:2,S", MAIL);
    deliver(&mail, "new", "1.M1.host", &format!("{MAIL}another"));
    // One message under two names, as some programs leave it for a moment.
    deliver(&mail, "cur", "2.M2.host:2,", MAIL);
    fs::hard_link(mail.join("cur/2.M2.host:2,"), mail.join("new/2.M2.host")).unwrap();
    deliver(&mail, "cur", "3.host:143:2,S", "From: a\r\n\r\n3");
    deliver(&mail, "new", "3.host:993", "From: a\r\n\r\n4");
    let capture = Capture::read(maildir::capture(&mail, LATER).unwrap().entries);
    let names: Vec<_> =
        capture.names().into_iter().filter(|name| name.contains(".host") || name.contains(".M")).collect();
    let expected = ["cur/1.M1.host:2,S", "cur/2.M2.host:2,", "cur/3.host:143:2,S", "new/1.M1.host", "new/3.host:993"];
    assert_eq!(names, expected.map(|name| format!("Maildir/{name}")));
}

#[test]
fn where_there_is_no_maildir_the_files_are_kept_and_it_is_said() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("dbox/mailboxes")).unwrap();
    fs::write(place.path().join("dbox/mailboxes/u.1"), MAIL).unwrap();
    let captured = maildir::capture(place.path(), LATER).unwrap();
    let capture = Capture::read(captured.entries);
    assert!(capture.names().contains(&"Maildir/dbox/mailboxes/u.1".to_owned()), "{:?}", capture.names());
    let notes = captured.tally.notes();
    assert!(notes.len() == 1 && notes[0].contains("there is no Maildir in "), "{notes:?}");
}

#[test]
fn a_kind_that_is_not_captured_is_an_error_that_names_it() {
    let imap = Source::Imap(dr_plan::Server { url: "imaps://mail".into(), password: None, programs: None });
    let error = driver(&imap).err().unwrap();
    assert!(error.to_string().contains("`imap`"), "{error}");
}

#[test]
fn what_the_plan_itself_has_wrong_about_a_program_or_a_server_is_said_before_a_run() {
    let around = dr_source::driver::Around { title: "MIS", places: &[], is_inner: &|_| false, mounts: &[] };
    let said = |source: &Source| {
        let found = driver(source).unwrap().preflight(&around);
        found.into_iter().map(|finding| (finding.is_error, finding.reason)).collect::<Vec<_>>()
    };
    let command = |name: &str| Source::Command { run: vec!["true".into()], name: name.into() };
    assert_eq!(said(&command("mis.sql")), []);
    assert!(matches!(&said(&command("a/b"))[..], [(true, why)] if why.contains("`a/b`")));
    let postgres = |url: &str| Source::Postgres(dr_plan::Server { url: url.into(), password: None, programs: None });
    assert_eq!(said(&postgres("postgres:mis")), []);
    assert!(
        matches!(&said(&postgres("postgres://db.example"))[..], [(true, why)] if why.contains("names no database"))
    );
    let mariadb = |url: &str| Source::Mariadb(dr_plan::Server { url: url.into(), password: None, programs: None });
    assert_eq!(said(&mariadb("mysql:shop")), []);
    for (url, words) in [
        ("mariadb://db.example", "names no database"),
        ("mariadb://db/x?password=y", "nothing that dr passes on"),
        ("mariadb://db/x?socket=/run/s", "a socket is of this machine"),
        ("mariadb://db:x/y", "port is no number"),
    ] {
        assert!(matches!(&said(&mariadb(url))[..], [(true, why)] if why.contains(words)), "{url}");
    }
}
