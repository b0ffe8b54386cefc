//! A living MariaDB database, captured in one moment and brought back.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::bare;
use crate::maria_server::Server;
use crate::school::{FRIDAY, School, files};
use crate::{LATER, founded, snapshots, told};

/// A MIS of a small school: pupils, marks, documents, names that need quotes, a view, a trigger, routines of two manners
/// of quoting, an event, a table that no transaction holds, an account for an application.
const MIS: &str = r#"
create table pupil (id int primary key, name text not null, twice int as (id * 2) stored);
insert into pupil (id, name) select seq, concat('O''Neil; (', seq, '), \\ "q"\n-- Dump completed\n') from seq_1_to_450;
create table mark (id bigint auto_increment primary key, pupil int, code varchar(8), foreign key (pupil) references pupil (id));
insert into mark (pupil, code) select seq % 450 + 1, substr(md5(seq), 1, 4) from seq_1_to_20000;
create table one (x int); create table two (x int);
create table `odd ``name, "x"` (a varchar(200), b mediumblob) engine = MyISAM;
insert into `odd ``name, "x"` select 'é ☃', unhex(repeat(md5(seq), 200)) from seq_1_to_200;
create table nothing (x int);
create view names as select name from pupil where name <> 'it''s';
create sequence counting;
delimiter ;;
create procedure p() begin insert into `pupil` (id, name) values (9, 'x'); select "don't"; end;;
create trigger t after insert on nothing for each row begin set @a = 'x;'; insert into one values (1); end;;
create event e on schedule every 1 day do begin delete from nothing where x = 1; end;;
set sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES';;
create function f() returns text deterministic return 'a\';;
delimiter ;
set sql_mode = '';
create user drb@localhost identified by 'it''s "this" # \\ ;';
grant select, show view, trigger, event on mis.* to drb@localhost;
grant select on mysql.proc to drb@localhost;
"#;

/// Whether tables have the same rows: one and two together too, which are written in one transaction.
const SUMS: &str = r#"checksum table pupil, `odd ``name, "x"`; select f(), count(*) from names;"#;

pub fn server() -> Server {
    let server = Server::begun();
    server.sql("", "create database mis character set utf8mb4 collate utf8mb4_unicode_ci;");
    server.sql("mis", MIS);
    server
}

/// A school whose MIS it is, read by an account that may not do more.
pub fn school(server: &Server, more: &str) -> School {
    let school = School::new();
    password(&school, "password", "it's \"this\" # \\ ;\n");
    let targets = if more.contains("[targets.second]") { r#""nas", "second""# } else { r#""nas""# };
    founded(school, &format!("kind = \"mariadb\", {}", source(server, "mis", "")), targets, more)
}

fn password(school: &School, file: &str, text: &str) {
    school.write(file, text.as_bytes());
    fs::set_permissions(school.path(file), Permissions::from_mode(0o600)).unwrap();
}

fn source(server: &Server, database: &str, more: &str) -> String {
    format!("url = \"{}\", password = \"file:password\"{more}", server.url("drb", database))
}

fn facts(school: &School, folder: &str) -> Value {
    serde_json::from_slice(&fs::read(school.path(folder).join("dr-facts.json")).unwrap()).unwrap()
}

fn wrote(school: &School, program: &str, script: &str) {
    school.write(program, format!("#!/bin/sh\n{script}\n").as_bytes());
    fs::set_permissions(school.path(program), Permissions::from_mode(0o755)).unwrap();
}

/// Fifty transactions a second, each of which writes to two tables, until this is dropped.
struct Writing {
    stop: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Writing {
    fn begun(server: &Server) -> Self {
        let mut client = server.client("mariadb");
        let mut child = client.args(["--unbuffered", "mis"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let both = b"begin; insert into one values (1); insert into two values (1); commit;\n";
                std::io::Write::write_all(&mut to, both).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(to);
            child.wait().unwrap();
        });
        std::thread::sleep(Duration::from_millis(200));
        Self { stop, writer: Some(writer) }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[test]
fn a_database_that_is_written_to_is_captured_in_one_moment_and_comes_back() {
    let server = server();
    let school = school(&server, "");
    let found = dr_source::mariadb_databases(&[server.path("")]);
    let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.source.as_str())).collect();
    assert_eq!(found, [("mis", format!("mariadb:///mis?socket={}", server.socket().display()).as_str())]);
    let writing = Writing::begun(&server);
    let said = school.dr(&["--at", FRIDAY, "run"]).ended(0);
    told(said, "1 tables of the database are not InnoDB");
    drop(writing);
    let back = school.with_key(&["restore", "mis", "--to", "back"]).ended(0);
    let facts = facts(&school, "back");
    let tables = facts["tables"].as_object().unwrap();
    assert_eq!(tables.len(), 6, "{facts}");
    assert_eq!((&tables["pupil"], &tables["mark"], &tables["nothing"]), (&450.into(), &20_000.into(), &0.into()));
    assert_eq!(tables["odd `name, \"x\""], 200);
    assert_eq!(tables["one"], tables["two"], "one moment");
    assert!(tables["one"].as_u64().unwrap() > 0);
    // A view, a trigger, an event, a procedure and a function.
    assert_eq!((&facts["definers"], &facts["outside"]), (&5.into(), &1.into()));

    // What it says is typed.
    school.write("home/.my.cnf", format!("[client]\nsocket={}\nuser=root\n", server.socket().display()).as_bytes());
    let lines: Vec<&str> = back.stdout.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        let mut sh = bare::bare("/bin/sh");
        sh.env("PATH", "/usr/bin:/bin").env("HOME", school.path("home")).env("USER", "root");
        let output = sh.current_dir(school.path("")).args(["-c", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(server.sql("mis_restored", SUMS).replace("mis_restored", "mis"), server.sql("mis", SUMS));
    assert_eq!(server.sql("mis_restored", "select count(*) from one"), tables["one"].to_string());

    // Nothing changed: hardly anything is stored.
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    let again = school.dr(&["--at", LATER, "--json", "run", "mis"]).ended(0);
    let stored = again.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let stored = stored.filter_map(|line| line.pointer("/targets/0/bytes_stored").and_then(Value::as_u64)).next_back();
    let dump = facts["dump_bytes"].as_u64().unwrap();
    assert!(stored.unwrap() < 100_000 && dump > 1_500_000, "{stored:?} of {dump}");
    let rehearsed = school.with_key(&["--json", "restore", "--rehearse", "--level", "L2"]).ended(0);
    told(rehearsed, "counted in the dump");

    // What is no whole dump, or not the one that was captured, is no proof.
    let plan = dr_plan::parse(&fs::read_to_string(school.path("dr.toml")).unwrap(), "dr.toml").unwrap();
    let wrong = || {
        let driver = dr_source::driver(&plan.systems[0].source).unwrap();
        let checks = driver.verify(&school.path("back"));
        checks
            .into_iter()
            .filter(|check| check.verdict != dr_source::Verdict::Good)
            .map(|check| check.name)
            .collect::<Vec<_>>()
    };
    let (whole, rows) = (
        "the dump ends with the line that says it is whole",
        "its tables have the rows that were counted at capture, counted in the dump",
    );
    assert_eq!(wrong(), Vec::<String>::new());
    let path = school.path("back/database/mis.sql");
    let dump = fs::read_to_string(&path).unwrap();
    let cut = dump.split_inclusive('\n').take(dump.lines().count() / 2).collect::<String>();
    fs::write(&path, cut).unwrap();
    assert_eq!(wrong(), ["the dump is as long as when it was captured", whole, rows]);
    fs::write(&path, dump.replacen("\n(1,", "\n(0,1),(1,", 1).replacen("CREATE TABLE `mark`", "CREATE TABLE `m`", 1))
        .unwrap();
    assert!(wrong().contains(&rows.to_owned()));
    fs::remove_file(&path).unwrap();
    assert_eq!(wrong(), [whole]);
}

#[test]
fn what_is_wrong_with_server_account_or_programs_is_said_and_nothing_is_kept() {
    let server = server();
    let school = school(&server, "");
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let with = |source: &str| {
        let new = plan.lines().map(|line| match line.starts_with("source") {
            true => format!("source = {{ kind = \"mysql\", {source} }}\n"),
            false => format!("{line}\n"),
        });
        school.write("dr.toml", new.collect::<String>().as_bytes());
    };
    let fails = |words: &str| {
        told(school.dr(&["--at", FRIDAY, "run", "mis"]).ended(1), words);
        let said = school.dr(&["--at", FRIDAY, "doctor"]);
        assert_eq!(snapshots(&school).len(), 0);
        said
    };

    // Rights: what an account may not see is left out of a dump without a word, so each is asked for.
    for (right, on) in [
        ("select", "mis.*"),
        ("show view", "mis.*"),
        ("trigger", "mis.*"),
        ("event", "mis.*"),
        ("select", "mysql.proc"),
    ] {
        server.sql("", &format!("revoke {right} on {on} from drb@localhost"));
        let line = match on {
            "mis.*" => format!("GRANT {} ON `mis`.* TO 'drb'@'localhost';", right.to_uppercase()),
            _ => "GRANT SELECT ON mysql.proc TO 'drb'@'localhost';".to_owned(),
        };
        told(fails(&line), &line);
        server.sql("", &format!("grant {right} on {on} to drb@localhost"));
    }
    with(&source(&server, "other", ""));
    told(fails("there is no database other on the server"), "there is no database other on the server");
    server.sql("", "create database empty; grant select, show view, trigger, event on empty.* to drb@localhost");
    with(&source(&server, "empty", ""));
    fails("there is no table in the database");
    password(&school, "wrong", "wrong\n");
    with(&source(&server, "mis", "").replace("file:password", "file:wrong"));
    told(fails("Access denied for user 'drb'@'localhost'"), "Access denied");
    with(&source(&server, "mis", "").replace("file:password", "file:not-there"));
    fails("its password is not to be had");

    // Programs: none, somebody else's, one too old, one that fails half way, one that ends well without a word, one that
    // ends well and was cut off.
    wrote(&school, "bin/mariadb", "exec /usr/bin/mariadb \"$@\"");
    with(&source(&server, "mis", ", programs = \"bin\""));
    told(fails("mariadb-dump: it is not on this machine"), "apt-get install mariadb-client");
    for (version, words) in [
        ("mysqldump  Ver 8.0.36 for Linux on x86_64", "it is not MariaDB's own"),
        (
            "mariadb-dump  Ver 10.19 Distrib 10.1.48-MariaDB, for debian-linux-gnu",
            "it is of MariaDB 10.1, and the server of",
        ),
    ] {
        wrote(&school, "bin/mariadb-dump", &format!("echo '{version}'"));
        told(fails(words), words);
    }
    let fake = |script: &str| {
        let script = script.replace("REAL", "/usr/bin/mariadb-dump");
        let root = format!("mariadb --no-defaults -uroot -S {} -N mis", server.socket().display());
        let script = script.replace("SQL", &root);
        wrote(
            &school,
            "bin/mariadb-dump",
            &format!("[ \"$1\" = --version ] && exec /usr/bin/mariadb-dump --version\n{script}"),
        );
    };
    fake("REAL \"$@\" | head -c 1000000; kill -9 $$");
    fails("signal: 9");
    fake("exit 0");
    fails("wrote nothing");
    fake("REAL \"$@\" | sed '/^UNLOCK TABLES/q'");
    fails("before the line `-- Dump completed`: it was cut off");
    fake("REAL \"$@\"; echo 'DROP TABLE pupil;'");
    fails("before the line `-- Dump completed`");
    // A connection that somebody ends, while a lock keeps the dump waiting.
    let locked = "(echo 'lock tables mark write; select sleep(20);' | SQL >/dev/null 2>&1 &) ; sleep 1;";
    let end = |what: &str| {
        format!(
            "for id in $(echo \"select id from information_schema.processlist where {what}\" | SQL); do echo \"kill connection $id\" | SQL; done;"
        )
    };
    let (killed, unlocked) = (end("user = 'drb'"), end("info like 'select sleep%'"));
    fake(&format!("{locked} REAL \"$@\" & dump=$!; sleep 3; {killed} wait $dump; code=$?; {unlocked} exit $code"));
    fails("Lost connection");
    fake("exec REAL \"$@\"");
    // A table that somebody keeps locked.
    server.sql("", "set global lock_wait_timeout = 1");
    let mut holds = server.client("mariadb");
    let mut holds = holds.args(["--unbuffered", "mis"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut to = holds.stdin.take().unwrap();
    std::io::Write::write_all(&mut to, b"lock tables mark write; select 1;\n").unwrap();
    let mut said = [0; 1];
    std::io::Read::read_exact(holds.stdout.as_mut().unwrap(), &mut said).unwrap();
    fails("somebody keeps a table of the database locked");
    drop(to);
    holds.wait().unwrap();
    server.sql("", "set global lock_wait_timeout = default");
    // The password is in a file that only dr's account reads, in no argument and no variable.
    fake(
        "printf '%s\\n' \"$@\" > seen; env >> seen; file=${1#--defaults-file=}; cat \"$file\" > file; ls -l \"$file\" > mode; exit 1",
    );
    fails("exit status: 1");
    let read = |name: &str| fs::read_to_string(school.path(name)).unwrap();
    assert!(
        read("seen").contains("--single-transaction")
            && !read("seen").contains("this")
            && !read("seen").contains("HOME=")
    );
    assert!(read("file").contains("password=\"it's \\\"this\\\" # \\\\ ;\""), "{}", read("file"));
    assert!(read("mode").starts_with("-rw-------"));
    fake("exec REAL \"$@\"");
    server.stop();
    told(fails("Can't connect"), "Can't connect");
    server.start();
    school.dr(&["--at", FRIDAY, "run", "mis"]).ended(0);
    assert_eq!(snapshots(&school).len(), 1);
    // No password stays behind, and none is told to the ledger.
    assert_eq!(fs::read_dir(school.path("cache/scratch")).map_or(0, Iterator::count), 0);
    assert!(!fs::read_to_string(school.path("state/ledger.jsonl")).unwrap().contains("denied"));
}

#[test]
fn a_database_is_loaded_on_another_server_and_in_the_place_of_one_that_lives() {
    let server = server();
    let school = school(&server, "[targets.second]\nurl = \"second\"\nclass = \"onsite\"");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let sums = server.sql("mis", SUMS);

    // Another machine: its server has neither the accounts nor the database, and is strict with who makes functions.
    let other = Server::logging();
    let url = other.url("root", "mis");
    let restore = ["restore", "mis", "--to", &url];
    told(
        told(school.with_key(&restore).ended(0), "loaded as the database mis"),
        "5 views, triggers, routines and events",
    );
    assert_eq!(other.sql("mis", SUMS), sums);
    let charset = "select default_collation_name from information_schema.schemata where schema_name = 'mis'";
    assert_eq!(other.sql("", charset), "utf8mb4_unicode_ci");
    let accounts = "select count(*) from mysql.user where user like 'dr%load%'";
    assert_eq!(other.sql("", accounts), "0", "the account that loaded it is gone");
    told(school.with_key(&restore).ended(1), "there is a database mis already");

    // The first copy is damaged, and the dump is never on disk.
    other.sql("", "drop database mis");
    let packs = files(&school.path("nas/data"));
    let largest = packs.iter().max_by_key(|pack| pack.metadata().unwrap().len()).unwrap();
    let mut bytes = fs::read(largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(largest, Permissions::from_mode(0o600)).unwrap();
    fs::write(largest, bytes).unwrap();
    let said = told(school.with_key(&restore).ended(0), "the dump did not come back whole");
    told(told(said, "removed again"), "loaded as the database mis");
    assert_eq!(other.sql("mis", SUMS), sums);

    // In place: the name is typed, what lives is backed up first, and nothing is touched until the new one is whole.
    server.sql("mis", "delete from mark; delete from pupil; insert into pupil (id, name) values (1, 'defaced')");
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write(
        "dr.toml",
        plan.replace("password = \"file:password\"", "password = \"file:password\", programs = \"bin\"").as_bytes(),
    );
    let dump = |script: &str| wrote(&school, "bin/mariadb-dump", &script.replace("REAL", "/usr/bin/mariadb-dump"));
    let client = |script: &str| {
        let script = script.replace("REAL", "/usr/bin/mariadb");
        wrote(
            &school,
            "bin/mariadb",
            &format!("case \"$*\" in *--binary-mode*) {script};; *) exec /usr/bin/mariadb \"$@\";; esac"),
        );
    };
    told(school.with_key(&["restore", "mis", "--in-place", "--yes"]).ended(64), "--replace mis");
    let in_place = ["restore", "mis", "--in-place", "--yes", "--replace", "mis", "--account", "root"];
    let untouched = || {
        assert_eq!(
            server.sql("", "select count(*) from information_schema.schemata where schema_name like 'mis%'"),
            "1"
        );
        assert_eq!(server.sql("mis", "select name from pupil"), "defaced", "the one that lives was touched");
        assert_eq!(server.sql("", accounts), "0");
    };
    client("exec REAL \"$@\"");
    dump("[ \"$1\" = --version ] && exec REAL --version; exit 7");
    let before = snapshots(&school);
    told(school.with_key(&in_place).ended(1), "what lives now could not be backed up first");
    untouched();
    assert_eq!(snapshots(&school), before);
    dump("exec REAL \"$@\"");
    let damage = before[0].as_str();
    let chosen = [&in_place[..], &["--snapshot", damage]].concat();
    // Nothing of it lies on a disk, and it begins as a dump does.
    let seen = "head -c 15 >&2; find cache . -name '*.sql' >&2; cat >/dev/null; exit 1";
    for (script, words) in [
        ("exit 0", "did not take all of the dump"),
        ("cat >/dev/null; exit 0", "doesn't exist"),
        (seen, "and said: /*M!999999"),
        ("echo no room left >&2; exit 1", "no room left"),
    ] {
        client(script);
        told(told(school.with_key(&chosen).ended(1), words), "removed again");
        untouched();
    }
    // A program from before the sandbox is given the dump without the line that it does not know.
    let old = "tee seen | /usr/bin/mariadb \"$@\"";
    wrote(
        &school,
        "bin/mariadb",
        &format!(
            "case \"$*\" in --version) echo 'mariadb  Ver 15.1 Distrib 10.11.2-MariaDB';; *--binary-mode*) {old};; *) exec /usr/bin/mariadb \"$@\";; esac"
        ),
    );
    let said = told(school.with_key(&chosen).ended(0), "what lived before was backed up first: snapshot ");
    told(told(said, "does not know the first line"), "what lived before is in the newest snapshot");
    assert!(fs::read(school.path("seen")).unwrap().starts_with(b"-- MariaDB dump"));
    assert_eq!(server.sql("mis", SUMS), sums);
    assert_eq!(server.sql("", "select count(*) from information_schema.schemata where schema_name like 'mis%'"), "1");
    // The newest is what lived before.
    client("exec REAL \"$@\"");
    school.with_key(&["restore", "mis", "--to", "back"]).ended(0);
    assert_eq!(facts(&school, "back")["tables"]["pupil"], 1);
    // The account that reads for backups may not make databases.
    told(school.with_key(&in_place[..6]).ended(1), "denied");
    assert_eq!(fs::read_dir(school.path("cache/scratch")).map_or(0, Iterator::count), 0);

    // A dump is statements. One that reaches for another database gets nowhere, and what it had loaded is removed.
    server.sql("", "create database library; create table library.book (x int); insert into library.book values (1);");
    dump(
        "[ \"$1\" = --version ] && exec REAL --version; REAL \"$@\" | sed 's/^-- Dump completed/DROP TABLE library.book;\\n&/'",
    );
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    let said = school.with_key(&["restore", "mis", "--to", &server.url("root", "mis_two")]).ended(1);
    told(told(said, "DROP command denied to user 'dr_load_"), "removed again");
    assert_eq!(server.sql("", "select count(*) from library.book"), "1");
    assert_eq!(server.sql("", accounts), "0");
}
