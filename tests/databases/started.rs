//! A rehearsal at L3: a database that came back is started in a closed room, whatever stands in it, and asked.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dr_process::room::{Room, Way};
use dr_source::driver::{Questions, Scene};
use dr_source::{Check, Verdict};
use rustix::process::{Pid, Signal, kill_process};

use crate::bare;
use crate::postgres::{school, server, source};
use crate::school::{FRIDAY, Said, School};
use crate::{LATER, told};

pub const REHEARSE: [&str; 4] = ["restore", "--rehearse", "--level", "L3"];
const LOADS: &str = "a new server loads the dump to its end and stops at the first error";
const ROWS: &str = "its tables have the rows that were counted at capture, counted by the server";

pub fn rehearsed(school: &School) -> Said {
    school.with_key(&[&["--json"][..], &REHEARSE].concat())
}

/// The same program, by a shell in namespaces of its own that `script` has changed before.
pub fn changed(command: &Command, namespaces: &[&str], script: &str) -> Command {
    let mut inside = bare::bare("unshare");
    inside.args(namespaces).args(["/bin/sh", "-c", &format!("{script} && exec \"$@\""), "sh"]);
    inside.arg(command.get_program()).args(command.get_args());
    inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    inside.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    if let Some(folder) = command.get_current_dir() {
        inside.current_dir(folder);
    }
    inside
}

pub fn with_key(school: &School, args: &[&str]) -> Command {
    let mut command = school.command(args);
    command.env("DR_KEY_FILE", school.path("recovery.key"));
    command
}

/// That nothing of a rehearsal is left: no file, no mount.
#[track_caller]
pub fn nothing_is_left(school: &School) {
    let scratch = school.path("cache/scratch");
    let left: Vec<_> = fs::read_dir(&scratch).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(scratch.to_str().unwrap()), "{mounts}");
}

#[test]
fn a_database_is_started_in_a_closed_room_and_counted_there_or_nobody_says_so() {
    let server = server();
    let school = school(&source(&server, "drb"), "");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let done = told(told(rehearsed(&school).ended(0), LOADS), ROWS).json();
    assert_eq!((&done["verdict"], &done["level"]), (&"verified".into(), &"L3".into()), "{done}");
    let rows = done["systems"][0]["checks"].as_array().unwrap().iter().find(|check| check["name"] == ROWS).unwrap();
    assert_eq!(rows["expected"], rows["actual"]);
    assert!(rows["actual"].as_str().unwrap().ends_with("rows in 5 tables"), "{rows}");
    assert!(!done["not_tested"].to_string().contains("No application was started"), "{done}");
    nothing_is_left(&school);
    told(school.dr(&["doctor"]), "rehearsals at L3 can start what they bring back");

    // Where the server is not installed.
    let no_engine = "mount -t tmpfs none /usr/lib/postgresql";
    let words = with_key(&school, &REHEARSE);
    let absent = Said::of(changed(&words, &["--mount"], no_engine)).ended(2);
    told(told(absent, "no PostgreSQL server is on this machine"), "apt-get install postgresql-15");
    // Where no room can be made.
    let no_room = "echo 0 > /proc/sys/user/max_user_namespaces";
    let namespaces = ["--user", "--map-root-user"];
    let forbidden = Said::of(changed(&words, &namespaces, no_room)).ended(2);
    told(told(forbidden, "lets dr make no closed room"), "`dr doctor` says what to do");
    let doctor = Said::of(changed(&school.command(&["doctor"]), &namespaces, no_room));
    told(told(doctor, "rehearsals end at L2"), "sysctl -w user.max_user_namespaces=10000");
    // Where scratch is too small.
    let scratch = school.path("small");
    fs::create_dir(&scratch).unwrap();
    let small = format!("mount -t tmpfs -o size=150m,mode=0700 none '{}'", scratch.display());
    let words = with_key(&school, &[&REHEARSE[..], &["--scratch", "small"]].concat());
    told(Said::of(changed(&words, &["--mount"], &small)).ended(2), "scratch is too small to start it: ");
    nothing_is_left(&school);
    // What was restored before is judged by what runs on it.
    let key = ["restore", "mis", "--to", "back"];
    school.with_key(&key).ended(0);
    what_came_back_wrong_is_wrong(&school);
}

/// What a server says of what was restored to `back`.
pub fn answers(school: &School) -> Result<Vec<Check>, String> {
    let plan = dr_plan::parse(&fs::read_to_string(school.path("dr.toml")).unwrap(), "dr.toml").unwrap();
    let driver = dr_source::driver(&plan.systems[0].source).unwrap();
    let folder = school.path("room");
    let room = || Room::made_by(Path::new(env!("CARGO_BIN_EXE_dr")), &folder, &Way::ALL).map_err(|why| why.to_string());
    let stop = Arc::new(AtomicBool::new(false));
    let started = driver.starts().unwrap().start(&school.path("back"), &Scene { room: &room, stop: &stop });
    let questions = Questions { expect: &[], pages: &[], zone: &jiff::tz::TimeZone::UTC };
    let checks = started.map(|mut running| running.answers(&questions)).map_err(|why| why.to_string());
    dr_process::room::close(&folder).unwrap();
    let _ = fs::remove_dir_all(&folder);
    checks
}

fn what_came_back_wrong_is_wrong(school: &School) {
    let wrong = || {
        let all = answers(school).unwrap();
        all.into_iter().filter(|check| check.verdict == Verdict::Wrong).map(|check| check.name).collect::<Vec<_>>()
    };
    let facts = school.path("back/dr-facts.json");
    let text = fs::read_to_string(&facts).unwrap();
    fs::write(&facts, text.replace("\"public.pupil\": 450", "\"public.pupil\": 451")).unwrap();
    assert_eq!(wrong(), [ROWS]);
    let dump = school.path("back/database/mis.dump");
    let whole = fs::read(&dump).unwrap();
    fs::write(&dump, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(wrong(), [LOADS]);
    fs::write(&facts, text.replace("\"dumped_by\": 15", "\"dumped_by\": 99")).unwrap();
    let why = answers(school).unwrap_err();
    assert!(why.contains("99 or newer is needed") && why.contains("apt-get install postgresql-99"), "{why}");
}

/// A function of the database that runs a command whenever the database is loaded.
fn runs(command: &str) -> String {
    format!(
        "drop materialized view if exists v; create or replace function f() returns int language plpgsql as $f$ begin
           copy (select 1) to program 'cat >/dev/null; {command}'; return 1; end $f$;
         create materialized view v as select f();"
    )
}

#[test]
fn what_a_dump_runs_when_it_is_loaded_reaches_nothing_of_the_machine() {
    let server = server();
    let school = school(&source(&server, "drb"), "");
    let loopback = TcpListener::bind("127.0.0.1:0").unwrap();
    school.write("pupils", b"names");
    let secret = school.path("pupils").display().to_string();
    let state = school.path("state").display().to_string();
    let (socket, port) = (server.socket().display().to_string(), loopback.local_addr().unwrap().port());
    // Outside it does nothing; inside it fails if any of it can be done.
    let reaches = |more: &str| {
        format!(
            "test ! -d /scratch || ! {{ cat {secret} || ls {state} || ls {socket} || bash -c \"echo > /dev/tcp/127.0.0.1/{port}\" || echo x > /usr/bin/x || ls /proc/1 || id -u | grep -qx 0 {more}; }}"
        )
    };
    server.sql("mis", &runs(&reaches("")));
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    told(rehearsed(&school).ended(0), ROWS);
    // It was tried: what can be done there is done.
    server.sql("mis", &runs(&reaches("|| cat /usr/bin/env")));
    school.dr(&["--at", LATER, "run"]).ended(0);
    let failed = told(rehearsed(&school).ended(1), "pg_restore ended with an error").json();
    assert_eq!(failed["verdict"], "failed", "{failed}");
    nothing_is_left(&school);
}

#[test]
fn a_dump_that_forks_and_hangs_ends_with_the_rehearsal_or_with_whoever_kills_it() {
    let server = server();
    let school = school(&source(&server, "drb"), "");
    let mark = format!("9{}817263", std::process::id());
    let hangs = format!("test ! -d /scratch || {{ (setsid sleep {mark} >/dev/null 2>&1 &); sleep {mark}; }}");
    server.sql("mis", &runs(&hangs));
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    for signal in [Signal::INT, Signal::KILL] {
        let mut command = with_key(&school, &REHEARSE);
        let mut child = command.spawn().unwrap();
        until(|| processes(&mark) >= 2);
        kill_process(Pid::from_child(&child), signal).unwrap();
        child.wait().unwrap();
        until(|| processes(&mark) == 0);
    }
    // What was in the clear when it was killed goes with the next round.
    school.dr(&["--at", LATER, "run", "--due"]).ended(0);
    nothing_is_left(&school);
}

fn processes(mark: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let words = all.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    words.filter(|words| words.starts_with(b"sleep\0") && String::from_utf8_lossy(words).contains(mark)).count()
}

#[track_caller]
fn until(so: impl Fn() -> bool) {
    for _ in 0..600 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it did not come to that in a minute");
}

#[test]
fn files_mail_and_a_register_are_opened_at_l3_and_what_was_scrambled_is_told() {
    let school = School::new();
    let pdf = |n: usize| format!("%PDF-1.4\n{n}\n%%EOF\n");
    for n in 0..20 {
        school.write(&format!("school/office/letter {n}.pdf"), pdf(n).as_bytes());
    }
    school.write("school/office/cut.pdf", &pdf(0).as_bytes()[..12]);
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let done = rehearsed(&school).ended(0);
    let done = told(told(done, "20 of 21"), "messages read as mail").json();
    assert_eq!(done["verdict"], "verified", "{done}");
    assert!(done["not_tested"].to_string().contains("No application was started on the restored data"), "{done}");
    nothing_is_left(&school);
    // Somebody scrambles them before the night: the copies are what was captured, and worth nothing.
    for n in 0..20 {
        let scrambled: Vec<u8> = pdf(n).bytes().map(|byte| byte ^ 0x5a).collect();
        school.write(&format!("school/office/letter {n}.pdf"), &scrambled);
    }
    school.dr(&["--at", LATER, "run", "admin"]).ended(0);
    let failed = school.with_key(&["--json", "restore", "admin", "--rehearse", "--level", "L3"]).ended(1);
    told(failed, "documents, archives and pictures open as what their names say");
}
