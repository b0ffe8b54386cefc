//! What a database says of itself, what only its own program can judge, and databases that a crash left behind.

use std::fs;
use std::path::Path;

use dr_source::sqlite::{self, SqliteFacts};
use dr_source::{FACTS, recorded};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::memory::Capture;
use super::{LATER, restored};

const MANY: &str = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 500)";

/// A database with `sql` in it, made by a program that has a collation and a function of its own.
fn made(path: &Path, sql: &str) {
    let database = Connection::open(path).unwrap();
    database.create_collation("SCHOOL", |a: &str, b: &str| b.cmp(a)).unwrap();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    database.create_scalar_function("norm", 1, flags, |given| Ok(given.get::<String>(0)?.to_lowercase())).unwrap();
    database.execute_batch(sql).unwrap();
}

fn rows(table: &str) -> String {
    format!("{MANY} INSERT INTO {table} SELECT 'P' || v FROM n;")
}

#[test]
fn what_only_its_own_program_can_judge_is_no_damage() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("d.db");
    let p = rows("p(n)");
    for (sql, unjudged) in [
        (format!("CREATE TABLE p(n TEXT COLLATE SCHOOL); CREATE INDEX i ON p(n); {p}"), "collation SCHOOL"),
        (format!("CREATE TABLE p(n TEXT COLLATE SCHOOL PRIMARY KEY) WITHOUT ROWID; {p}"), "collation SCHOOL"),
        (format!("CREATE TABLE p(n TEXT); CREATE INDEX i ON p(norm(n)); {p}"), "function norm"),
        (format!("CREATE TABLE p(n TEXT); CREATE INDEX i ON p(n) WHERE norm(n) > 'p3'; {p}"), "function norm"),
        (format!("CREATE TABLE p(n TEXT CHECK (norm(n) LIKE 'p%')); {p}"), ""),
        (
            format!("CREATE TABLE p(n TEXT, m TEXT AS (norm(n)) STORED NOT NULL, k TEXT AS (norm(n))) STRICT; {p}"),
            "function norm",
        ),
        (
            format!(
                "CREATE TABLE p(n TEXT); {p} CREATE VIRTUAL TABLE f USING fts5(n); PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE f USING spell(n)' WHERE name = 'f'"
            ),
            "module spell",
        ),
        (
            format!(
                "CREATE TABLE p(n TEXT); {p} CREATE VIRTUAL TABLE f USING fts5(n); INSERT INTO f SELECT n FROM p;
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE f USING fts5(n, tokenize=school)' WHERE name = 'f'"
            ),
            "table f: ",
        ),
        (
            format!(
                "CREATE TABLE p(n TEXT); {p} CREATE VIRTUAL TABLE f USING fts4(n); INSERT INTO f SELECT n FROM p;
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE f USING fts4(n, tokenize=school)' WHERE name = 'f'"
            ),
            "table f: ",
        ),
        (
            format!(
                "CREATE TABLE p(n TEXT); {p} CREATE VIRTUAL TABLE f USING rtree(id, a, b); INSERT INTO f VALUES (1, 2, 3)"
            ),
            "",
        ),
        (
            format!(
                "CREATE TABLE p(n TEXT); {p} CREATE VIEW v AS SELECT norm(n), other(n) FROM p;
                 CREATE TRIGGER t AFTER INSERT ON p BEGIN SELECT other(new.n); END"
            ),
            "",
        ),
    ] {
        drop(fs::remove_file(&path));
        made(&path, &sql);
        let captured = sqlite::capture(&path, place.path(), LATER).unwrap();
        let capture = Capture::read(captured.entries);
        assert_eq!((capture.unread.len(), captured.tally.damaged()), (0, 0), "{sql}: {:?}", capture.unread);
        let to = tempfile::tempdir().unwrap();
        restored(&capture, &to.path().join("d"));
        let facts = recorded::<SqliteFacts>(&to.path().join("d")).unwrap();
        assert!(facts.integrity_ok && facts.tables["p"] == 500, "{sql}: {facts:?}");
        assert!(facts.unjudged.join(" ").contains(unjudged), "{sql}: {facts:?}");
        assert_eq!(facts.unjudged.is_empty(), unjudged.is_empty(), "{sql}: {facts:?}");
        assert_eq!(sqlite::probe(&to.path().join("d/d.db")).unwrap(), facts);
    }
}

#[test]
fn damage_is_named_and_what_is_left_is_kept_also_beside_what_cannot_be_judged() {
    let place = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("plain.db", "CREATE TABLE p(n TEXT); CREATE INDEX i ON p(n);"),
        ("a.db", "CREATE TABLE p(n TEXT COLLATE SCHOOL); CREATE INDEX i ON p(n); CREATE INDEX j ON p(norm(n));"),
    ] {
        let path = place.path().join(name);
        made(&path, &format!("{sql} {} {}", rows("p(n)"), rows("p(n)")));
        let mut bytes = fs::read(&path).unwrap();
        bytes[4096 * 2..4096 * 2 + 200].fill(0xff);
        fs::write(&path, bytes).unwrap();
        let captured = sqlite::capture(&path, place.path(), LATER).unwrap();
        let capture = Capture::read(captured.entries);
        assert_eq!(capture.names().len(), 3, "the database itself is kept: {:?}", capture.names());
        assert_eq!((capture.unread.len(), captured.tally.damaged()), (1, 1));
        let unread = &capture.unread[0];
        assert_eq!(unread.path.to_string(), name);
        assert!(unread.why.contains("is damaged") && unread.why.contains("SQLite says: "), "{}", unread.why);
        assert!(!unread.why.contains('\n') && !unread.why.contains("***") && unread.why.len() < 250, "{}", unread.why);
    }
}

#[test]
fn a_database_that_is_a_link_is_captured_under_the_name_that_the_plan_has_for_it() {
    let place = tempfile::tempdir().unwrap();
    made(&place.path().join("mis-2026.db"), &format!("CREATE TABLE p(n); {}", rows("p(n)")));
    std::os::unix::fs::symlink("mis-2026.db", place.path().join("mis.db")).unwrap();
    let path = place.path().join("mis.db");
    let capture = Capture::read(sqlite::capture(&path, place.path(), LATER).unwrap().entries);
    assert_eq!(capture.names(), ["", FACTS, "mis.db"]);
    let to = place.path().join("to");
    restored(&capture, &to);
    assert_eq!(sqlite::restored(&to, &path), to.join("mis.db"));
    // As older captures have it.
    fs::rename(to.join("mis.db"), to.join("mis-2026.db")).unwrap();
    assert_eq!(sqlite::restored(&to, &path), to.join("mis-2026.db"));
}

/// A database as a crash leaves it: half a transaction in the file, and the journal that undoes it.
fn crashed(from: &Path, to: &Path) {
    made(from, &format!("CREATE TABLE p(id INTEGER PRIMARY KEY, n TEXT); {}", rows("p(n)")));
    let writer = Connection::open(from).unwrap();
    writer
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN; UPDATE p SET n = 'a much longer text than there was before' || id",
        )
        .unwrap();
    let beside = |path: &Path| path.with_extension("db-journal");
    assert!(fs::metadata(beside(from)).unwrap().len() > 512);
    fs::copy(from, to).unwrap();
    fs::copy(beside(from), beside(to)).unwrap();
}

#[test]
fn a_database_whose_program_died_is_captured_as_it_was_before_its_last_transaction() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir(at("srv")).unwrap();
    crashed(&at("live.db"), &at("srv/mis.db"));
    let before = (fs::read(at("srv/mis.db")).unwrap(), fs::read(at("srv/mis.db-journal")).unwrap());
    let captured = sqlite::capture(&at("srv/mis.db"), place.path(), LATER).unwrap();
    let notes = captured.tally.notes();
    let capture = Capture::read(captured.entries);
    assert_eq!(capture.unread, []);
    assert!(notes.len() == 1 && notes[0].contains("died while it was writing"), "{notes:?}");
    restored(&capture, &at("to"));
    let back = Connection::open(at("to/mis.db")).unwrap();
    let long: i64 = back.query_row("SELECT count(*) FROM p WHERE n LIKE 'a much%'", [], |row| row.get(0)).unwrap();
    assert_eq!((long, recorded::<SqliteFacts>(&at("to")).unwrap().tables["p"]), (0, 500));
    // Nothing of the school's was touched, and nothing is left behind.
    assert_eq!((fs::read(at("srv/mis.db")).unwrap(), fs::read(at("srv/mis.db-journal")).unwrap()), before);
    let left =
        fs::read_dir(place.path()).unwrap().flatten().filter(|one| one.file_name().to_string_lossy().contains("dr-"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_log_that_was_left_behind_is_read_also_where_nothing_can_be_written() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir(at("srv")).unwrap();
    let writer = Connection::open(at("live.db")).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE p(n)").unwrap();
    writer.execute_batch(&rows("p(n)")).unwrap();
    fs::copy(at("live.db"), at("srv/mis.db")).unwrap();
    fs::copy(at("live.db-wal"), at("srv/mis.db-wal")).unwrap();
    super::set_mode(&at("srv"), 0o555);
    let captured = sqlite::capture(&at("srv/mis.db"), place.path(), LATER).unwrap();
    let capture = Capture::read(captured.entries);
    super::set_mode(&at("srv"), 0o755);
    restored(&capture, &at("to"));
    assert_eq!(recorded::<SqliteFacts>(&at("to")).unwrap().tables["p"], 500);
}
