//! A living PostgreSQL database, captured in one moment and brought back.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::Value;

use crate::bare;
use crate::school::{FRIDAY, Said, School, files};
use crate::server::Server;
use crate::{LATER, founded, snapshots, told};

/// A MIS of a small school: pupils, marks, documents, a name that needs quotes, a large object, an account for an
/// application.
const MIS: &str = r#"
create role "App one" login password 'secret of the app';
create table pupil (id int primary key, name text not null, left_on date);
insert into pupil select i, 'Pupil ' || i || E'\n\\.', null from generate_series(1, 450) i;
create table mark (id bigserial primary key, pupil int references pupil, code text, taken timestamptz default now());
insert into mark (pupil, code) select i % 450 + 1, substr(md5(i::text), 1, 4) from generate_series(1, 60000) i;
create schema "Odd schema";
create table "Odd schema"."Table, (odd) ""x""" (a text, b bytea);
insert into "Odd schema"."Table, (odd) ""x""" select i, decode(repeat(md5(i::text), 40), 'hex') from generate_series(1, 300) i;
create table nothing (x int);
create table parted (x int) partition by range (x);
create table parted_a partition of parted for values from (0) to (100);
insert into parted select i from generate_series(0, 99) i;
select lo_from_bytea(0, 'a large object');
grant select on all tables in schema public to "App one";
create role drb login;
grant pg_read_all_data to drb;
do $$declare o oid; begin for o in select oid from pg_largeobject_metadata loop execute format('grant select on large object %s to drb', o); end loop; end$$;
"#;

/// Tables whose rows are to be the same, with a sum that does not depend on their order.
const SUMS: &str = r#"
select 'pupil', count(*), sum(('x' || substr(md5(p::text), 1, 8))::bit(32)::bigint) from pupil p
union all select 'odd', count(*), sum(('x' || substr(md5(o::text), 1, 8))::bit(32)::bigint) from "Odd schema"."Table, (odd) ""x""" o
union all select 'parted', count(*), sum(x) from parted
union all select 'large', count(*), 0 from pg_largeobject_metadata
order by 1"#;

/// A server with the MIS in it.
pub fn server() -> Server {
    let server = Server::begun();
    server.sql("postgres", "create database mis");
    server.sql("mis", MIS);
    server
}

pub fn school(source: &str, more: &str) -> School {
    planned(School::new(), source, more)
}

fn planned(school: School, source: &str, more: &str) -> School {
    // Another target stands in a table of its own.
    let targets = if more.contains("[targets.second]") { r#""nas", "second""# } else { r#""nas""# };
    founded(school, &format!(r#"kind = "postgres", {source}"#), targets, more)
}

pub fn source(server: &Server, user: &str) -> String {
    format!("url = \"{}\", programs = \"{}\"", server.url(user, "mis"), server.bin().display())
}

fn facts(school: &School, folder: &str) -> Value {
    serde_json::from_slice(&fs::read(school.path(folder).join("dr-facts.json")).unwrap()).unwrap()
}

#[test]
fn a_database_that_is_written_to_is_captured_in_one_moment_and_comes_back() {
    let server = server();
    let school = school(&source(&server, "drb"), "");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Fifty rows a second, each in a transaction of its own.
            let mut psql = server.client("psql");
            psql.args(["-X", "-q", "-d", "mis"]).stdin(Stdio::piped());
            let mut child = psql.spawn().unwrap();
            let mut to = child.stdin.take().unwrap();
            while !stop.load(Ordering::Relaxed) {
                std::io::Write::write_all(&mut to, b"insert into mark (pupil, code) values (7, 'N');\n").unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(to);
            child.wait().unwrap();
        });
        std::thread::sleep(Duration::from_millis(200));
        school.dr(&["--at", FRIDAY, "run"]).ended(0);
        stop.store(true, Ordering::Relaxed);
    });
    let back = school.with_key(&["restore", "mis", "--to", "back"]).ended(0);
    let back = told(told(back, "pg_restore --exit-on-error"), "createdb");
    let facts = facts(&school, "back");
    let tables = facts["tables"].as_object().unwrap();
    assert_eq!(tables.len(), 5, "{facts}");
    assert_eq!(tables["public.pupil"], 450);
    assert_eq!(tables["\"Odd schema\".\"Table, (odd) \"\"x\"\"\""], 300);
    assert!(tables["public.mark"].as_u64().unwrap() >= 60_000);

    // What it says is typed, with the accounts that are there already kept.
    let lines: Vec<&str> = back.stdout.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in lines {
        let mut sh = bare::bare("/bin/sh");
        sh.env("PATH", format!("{}:/usr/bin:/bin", server.bin().display()))
            .env("PGHOST", server.socket())
            .env("PGUSER", "dr");
        let output = sh.current_dir(school.path("")).args(["-c", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(server.sql("mis_restored", SUMS), server.sql("mis", SUMS));
    let marks = server.sql("mis_restored", "select count(*) from mark");
    assert_eq!(marks, tables["public.mark"].to_string());

    // Nothing changed: hardly anything is stored.
    let again = school.dr(&["--at", LATER, "--json", "run", "mis"]).ended(0);
    let stored = bytes_stored(&again);
    let dump = facts["dump_bytes"].as_u64().unwrap();
    assert!(stored < 200_000 && dump > 2_000_000, "{stored} of {dump}");

    let rehearsed = school.with_key(&["--json", "restore", "--rehearse", "--level", "L2"]).ended(0);
    told(rehearsed, "read out of the dump");
}

pub fn bytes_stored(said: &Said) -> u64 {
    said.stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line.pointer("/targets/0/bytes_stored").and_then(Value::as_u64))
        .next_back()
        .unwrap_or_else(|| panic!("{}", said.stdout))
}

#[test]
fn a_dump_that_was_cut_off_is_no_proof_though_it_lists() {
    let server = server();
    let school = school(&source(&server, "drb"), "");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    school.with_key(&["restore", "mis", "--to", "back"]).ended(0);
    let plan = dr_plan::parse(&fs::read_to_string(school.path("dr.toml")).unwrap(), "dr.toml").unwrap();
    let wrong = || {
        let driver = dr_source::driver(&plan.systems[0].source).unwrap();
        let checks = driver.verify(&school.path("back"));
        assert!(checks.len() >= 3, "{checks:?}");
        checks
            .into_iter()
            .filter(|check| check.verdict != dr_source::Verdict::Good)
            .map(|check| check.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(wrong(), Vec::<String>::new());
    let dump = school.path("back/database/mis.dump");
    let whole = fs::read(&dump).unwrap();
    fs::write(&dump, &whole[..whole.len() / 2]).unwrap();
    let listed = server.client("pg_restore").arg("-l").arg(&dump).output().unwrap();
    assert!(listed.status.success(), "a cut dump lists like a whole one");
    assert_eq!(wrong().len(), 2, "its length, and that it is read to its end");
    fs::write(&dump, &whole).unwrap();
    let facts = school.path("back/dr-facts.json");
    let text = fs::read_to_string(&facts).unwrap();
    fs::write(&facts, text.replace("\"public.pupil\": 450", "\"public.pupil\": 451")).unwrap();
    assert_eq!(wrong(), ["its tables have the rows that were counted at capture, read out of the dump"]);
}

#[test]
fn what_is_wrong_with_server_account_or_programs_is_said_and_nothing_is_kept() {
    let server = server();
    let school = school(&source(&server, "drb"), "");
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let with = |source: &str| {
        let new = plan.lines().map(|line| match line.starts_with("source") {
            true => format!("source = {{ kind = \"postgres\", {source} }}\n"),
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

    // An account that may read nothing, and then everything but what row security guards.
    server.sql("mis", "create role pw login password 'it: is\\this'");
    school.write("password", b"it: is\\this\n");
    fs::set_permissions(school.path("password"), Permissions::from_mode(0o600)).unwrap();
    let with_password = |file: &str| format!("{}, password = \"file:{file}\"", source(&server, "pw"));
    with(&with_password("password"));
    told(fails("GRANT pg_read_all_data TO pw;"), "GRANT pg_read_all_data TO pw;");
    server.sql("mis", "grant pg_read_all_data to pw; alter table pupil enable row level security");
    told(fails("ALTER ROLE pw BYPASSRLS;"), "ALTER ROLE pw BYPASSRLS;");
    server.sql("mis", "alter role pw bypassrls");
    told(fails("may not read 1 large objects"), "LARGE OBJECT");
    server.sql("mis", "select lo_unlink(oid) from pg_largeobject_metadata");
    school.write("wrong", b"wrong\n");
    with(&with_password("wrong"));
    told(fails("password authentication failed"), "password authentication failed");
    with(&with_password("not-there"));
    fails("its password is not to be had");

    // Programs: none, one too old, one that fails half way, one that ends well without a word.
    let fake = |script: &str| {
        for program in ["psql", "pg_dumpall", "pg_restore"] {
            let real = server.bin().join(program);
            school.write(&format!("bin/{program}"), format!("#!/bin/sh\nexec {} \"$@\"\n", real.display()).as_bytes());
        }
        let real = server.bin().join("pg_dump");
        let script = script.replace("REAL", &real.display().to_string());
        let script = script.replace(
            "PSQL",
            &format!("{} -X -q -h {} -U dr -d mis", server.bin().join("psql").display(), server.socket().display()),
        );
        school.write(
            "bin/pg_dump",
            format!("#!/bin/sh\n[ \"$1\" = --version ] && exec {} --version\n{script}\n", real.display()).as_bytes(),
        );
        for program in ["psql", "pg_dumpall", "pg_restore", "pg_dump"] {
            fs::set_permissions(school.path("bin").join(program), Permissions::from_mode(0o755)).unwrap();
        }
        with(&format!("url = \"{}\", programs = \"bin\"", server.url("pw2", "mis")));
    };
    server.sql("mis", "create role pw2 superuser login");
    fake("exec REAL \"$@\"");
    fs::remove_file(school.path("bin/pg_dump")).unwrap();
    told(fails("apt-get install postgresql-client"), "apt-get install postgresql-client");
    fake("x");
    school.write("bin/pg_dump", b"#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n");
    fs::set_permissions(school.path("bin/pg_dump"), Permissions::from_mode(0o755)).unwrap();
    told(fails("pg_dump: it is of PostgreSQL 9, and the server of"), "pg_dump is of PostgreSQL 9");
    fake("REAL \"$@\" | head -c 2000000; kill -9 $$");
    fails("signal: 9");
    fake("exit 0");
    fails("wrote nothing");
    // A table that somebody keeps locked, and a connection that somebody ends. The dump waits for the lock meanwhile.
    let locked =
        "PSQL -c 'begin; lock table mark in access exclusive mode; select pg_sleep(20)' >/dev/null 2>&1 & sleep 1;";
    let unlocked = "PSQL -c \"select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(20)%' and pid <> pg_backend_pid()\" >/dev/null;";
    fake(&format!("{locked} REAL \"$@\" --lock-wait-timeout=1s; code=$?; {unlocked} exit $code"));
    fails("LOCK TABLE public.mark");
    let killed = "PSQL -c \"select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_dump'\" >/dev/null;";
    fake(&format!(
        "{locked} PGAPPNAME=pg_dump REAL \"$@\" & dump=$!; sleep 3; {killed} wait $dump; code=$?; {unlocked} exit $code"
    ));
    fails("server terminated abnormally");
    // The password is in a file that only dr's account reads, in no argument and no variable.
    fake("printf '%s\\n' \"$@\" > seen; env >> seen; cat \"$PGPASSFILE\" > file; ls -l \"$PGPASSFILE\" > mode; exit 1");
    with(&format!("url = \"{}\", programs = \"bin\", password = \"file:password\"", server.url("pw", "mis")));
    fails("exit status: 1");
    let read = |name: &str| fs::read_to_string(school.path(name)).unwrap();
    assert!(read("seen").contains("--snapshot=") && !read("seen").contains("it:") && !read("seen").contains("HOME="));
    assert_eq!(read("file"), "*:*:*:*:it\\: is\\\\this\n");
    assert!(read("mode").starts_with("-rw-------"));
    fake("exec REAL \"$@\"");
    server.stop();
    told(fails("connection to server"), "connection to server");
    server.start();
    school.dr(&["--at", FRIDAY, "run", "mis"]).ended(0);
    assert_eq!(snapshots(&school).len(), 1);
    // No password stays behind, and none is told to the ledger.
    let scratch = school.path("cache/scratch");
    assert_eq!(fs::read_dir(&scratch).map_or(0, Iterator::count), 0);
}

#[test]
fn a_database_is_loaded_on_another_server_and_in_the_place_of_one_that_lives() {
    let server = server();
    let second = "[targets.second]\nurl = \"second\"\nclass = \"onsite\"";
    let school = school(&source(&server, "drb"), second);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let sums = server.sql("mis", SUMS);
    let hash = "select rolpassword from pg_authid where rolname = 'App one'";
    let password = server.sql("mis", hash);

    // Another machine: its server has neither the roles nor the database.
    let other = Server::begun();
    let url = other.url("dr", "mis");
    let loaded = told(school.with_key(&["restore", "mis", "--to", &url]).ended(0), "loaded as the database mis");
    told(loaded, "2 roles that were not there were made");
    assert_eq!(other.sql("mis", SUMS), sums);
    assert_eq!(other.sql("mis", hash), password);
    told(school.with_key(&["restore", "mis", "--to", &url]).ended(1), "there is a database mis already");

    // The first copy is damaged, and the dump is never on disk.
    other.sql("postgres", "drop database mis");
    let packs = files(&school.path("nas/data"));
    let largest = packs.iter().max_by_key(|pack| pack.metadata().unwrap().len()).unwrap();
    let mut bytes = fs::read(largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(largest, Permissions::from_mode(0o600)).unwrap();
    fs::write(largest, bytes).unwrap();
    let said = told(school.with_key(&["restore", "mis", "--to", &url]).ended(0), "the dump did not come back whole");
    told(told(said, "removed again"), "loaded as the database mis");
    assert_eq!(other.sql("mis", SUMS), sums);

    // In place: the name is typed, what lives is kept, whoever is in it is sent out.
    server.sql("mis", "truncate mark, pupil; alter role \"App one\" password 'a new one'");
    let newer = server.sql("mis", hash);
    server.sql("postgres", "revoke all on database mis from public; grant connect on database mis to \"App one\"; alter database mis set search_path to \"$user\", public, \"Odd schema\"; alter role drb in database mis set work_mem to '8MB'; alter database mis set application_name to '50% of it''s'");
    let about = "select datacl::text from pg_database where datname = 'mis' union all select r.setrole::regrole || r.setconfig::text from pg_db_role_setting r join pg_database d on d.oid = r.setdatabase where datname = 'mis' and setrole <> 0 union all select r.setconfig::text from pg_db_role_setting r join pg_database d on d.oid = r.setdatabase where datname = 'mis' and setrole = 0";
    let around = server.sql("postgres", about);
    told(school.with_key(&["restore", "mis", "--in-place", "--yes"]).ended(64), "--replace mis");
    told(
        school.with_key(&["restore", "mis", "--in-place", "--yes", "--replace", "library"]).ended(64),
        "--replace mis",
    );
    let in_place = ["restore", "mis", "--in-place", "--yes", "--replace", "mis", "--account", "dr"];
    let broken = |script: &str| {
        let path = school.path("cut/pg_restore");
        school.write(
            "cut/pg_restore",
            format!(
                "#!/bin/sh\n[ \"$1\" = --version ] && exec {0} --version\n{script}\n",
                server.bin().join("pg_restore").display()
            )
            .as_bytes(),
        );
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    };
    for program in ["psql", "pg_dump", "pg_dumpall"] {
        let _ = fs::create_dir_all(school.path("cut"));
        std::os::unix::fs::symlink(server.bin().join(program), school.path("cut").join(program)).unwrap();
    }
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("dr.toml", plan.replace(&server.bin().display().to_string(), "cut").as_bytes());
    // Nothing of it lies on a disk, and it begins as a dump does.
    let seen = "head -c 5 >&2; find cache . -name '*.dump' >&2; cat >/dev/null; exit 1";
    for (script, words) in [
        ("exit 0", "did not take all of the dump"),
        ("cat >/dev/null; exit 0", "0 tables are there, and 5 were captured"),
        (seen, "and said: PGDMP;"),
        ("echo no room left >&2; exit 1", "no room left"),
    ] {
        broken(script);
        let said = told(school.with_key(&in_place).ended(1), words);
        told(said, "removed again");
        assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname like 'mis%'"), "1");
        assert_eq!(server.sql("mis", "select count(*) from pupil"), "0", "the one that lives was touched");
    }
    school.write("dr.toml", plan.as_bytes());
    let mut session = server
        .client("psql")
        .args(["-d", "mis", "-c", "select pg_sleep(60)"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = told(school.with_key(&in_place).ended(0), "is kept as mis_before_2026");
    assert!(!session.wait().unwrap().success());
    assert_eq!(server.sql("mis", SUMS), sums);
    assert_eq!(server.sql("mis", hash), newer, "a role that was there was changed");
    assert_eq!(server.sql("postgres", about), around, "who may enter, and with which settings");
    let before = said.stdout.split("is kept as ").nth(1).unwrap().split(':').next().unwrap().to_owned();
    assert_eq!(server.sql(&before, "select count(*) from pupil"), "0");
    assert_eq!(fs::read_dir(school.path("cache/scratch")).map_or(0, Iterator::count), 0);
}

/// A small file system in the place of the target, until this is dropped.
struct Small(PathBuf);

impl Drop for Small {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn a_target_without_room_keeps_nothing_of_a_dump_and_ends_what_was_begun_for_it() {
    let server = server();
    let founded = School::new();
    let at = founded.path("nas");
    fs::create_dir(&at).unwrap();
    if let Err(why) = mount("none", &at, "tmpfs", MountFlags::empty(), c"size=24m,mode=0700") {
        panic!(
            "this test needs a small file system and could not mount one: {why}. Run the tests as root, or as anybody in a \
             namespace of their own: unshare --user --map-root-user --mount cargo xtask test"
        );
    }
    let small = Small(at.clone());
    let school = planned(founded, &source(&server, "drb"), "");
    fs::write(at.join("ballast"), vec![7; 22 << 20]).unwrap();
    server.sql("mis", "insert into \"Odd schema\".\"Table, (odd) \"\"x\"\"\" select i, (select string_agg(decode(md5(random()::text), 'hex'), '') from generate_series(1, 100) where i > 0) from generate_series(1, 3000) i");
    told(school.dr(&["--at", FRIDAY, "run"]).ended(1), "is full");
    assert_eq!(server.sql("postgres", "select count(*) from pg_stat_activity where application_name = 'dr'"), "0");
    fs::remove_file(at.join("ballast")).unwrap();
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    assert_eq!(snapshots(&school).len(), 1);
    drop(small);
}
