//! A school's MIS is captured on ten days under fifty writes a second; the day in the middle comes back on another server
//! with what it had in its own moment, and a day costs little more than what changed.
//!
//! Each write also adds itself to a running sum in the same transaction. So whatever moment a dump is of, the sum that is in
//! it must be that of its rows; nobody has to know the moment. What the writer leaves alone is hashed on that day.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::ground::{Ground, count, objects};
use crate::{maria_server, server};

mod mariadb;
mod postgresql;

/// Pupils of the school whose figures count; a fifteenth of them where tests run.
const PUPILS: u64 = 450;
const FEW: u64 = 30;
const DAYS: u64 = 10;
const FEW_DAYS: u64 = 4;
const TABLES: [&str; 6] = ["pupil", "mark", "assessment", "dinner", "audit", "document"];
/// What the writer leaves alone; each begins with the name of its table.
const STILL: [&str; 6] = ["pupil", "mark", "dinner", "audit", "document", "assessment where subject <> 'live'"];

/// A server that holds the MIS as its database `mis`.
trait Living: Sized + Sync {
    const KIND: &str;
    /// What its dump is called.
    const DUMP: &str;
    /// One write of a user, with the running sum.
    const WRITE: &str;
    /// So many hundredths of a dump a day may cost.
    const LIMIT: f64;

    /// One without the MIS.
    fn fresh() -> Self;
    /// Four years: marks twice each school day, a meal for nearly half of the pupils, an assessment a term in each of three
    /// subjects, what the staff did, a photo of each pupil. 450 pupils have 1.1 million rows.
    fn fill(&self, pupils: u64);
    /// How the plan names it.
    fn source(&self) -> String;
    /// The address of a database.
    fn at(&self, database: &str) -> String;
    /// What a school day does to it.
    fn day(&self, number: u64, pupils: u64);
    /// A program that carries out what it reads.
    fn writer(&self) -> Command;
    /// How many writes there were, and `|t` if the running sum is that of their rows.
    fn agrees(&self, database: &str) -> String;
    /// A number of rows and a hash of them, in whatever order they stand.
    fn hash(&self, database: &str, rows: &str) -> String;
    fn rows(&self, database: &str, table: &str) -> u64;
    /// What the facts call a table.
    fn fact(table: &str) -> String;
}

/// The largest size of what lies below these folders while something runs, and of files without a name that it holds.
fn watched<T>(folders: &[std::path::PathBuf], work: impl FnOnce() -> T) -> (T, u64) {
    let (over, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let now = folders
                    .iter()
                    .filter(|folder| folder.is_dir())
                    .flat_map(|folder| objects(folder))
                    .map(|(_, size)| size)
                    .sum();
                most.fetch_max(now, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    });
    (done, most.into_inner())
}

/// Fifty writes a second, for as long as something runs.
fn under_writes<T>(server: &impl Living, write: &str, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = server.writer();
            let mut child = writer.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let mut to = child.stdin.take().unwrap();
            while !over.load(Ordering::Relaxed) {
                to.write_all(write.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(to);
            assert!(child.wait().unwrap().success());
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}

fn facts(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("dr-facts.json")).unwrap()).unwrap()
}

#[test]
fn ten_days_of_a_mis_in_postgresql() {
    ten_days::<server::Server>();
}

#[test]
fn ten_days_of_a_mis_in_mariadb() {
    ten_days::<maria_server::Server>();
}

fn ten_days<S: Living>() {
    let (pupils, days) = if count(FEW) >= PUPILS { (PUPILS, DAYS) } else { (FEW, FEW_DAYS) };
    let (server, ground) = (S::fresh(), Ground::new());
    server.fill(pupils);
    let plan = format!(
        "state = \"state\"\nschool = \"Hazel Bank\"\n\
         people = {{ head = \"A. Ash <head@hazelbank.example>\", it = \"J. Oak <oak@provider.example>\" }}\n\
         [targets.nas]\nurl = \"nas\"\n\
         [systems.mis]\nsource = {{ {} }}\nschedule = \"daily at 19:00\"\n",
        server.source()
    );
    fs::write(ground.path("dr.toml"), plan).unwrap();
    let at = |day: u64| format!("2026-09-{:02}T20:00:00Z", day + 1);
    ground.dr(["--at", &at(0), "init", "--recovery-key-out", "recovery.key"]).ended(0);
    let beside: Vec<_> = ["state", "home", "cache"].map(|name| ground.path(name)).to_vec();

    let hashes = |server: &S, database: &str| STILL.map(|rows| server.hash(database, rows));
    let (mut stored, mut seconds, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let mut still = None;
    let mut most_beside = 0;
    for number in 0..days {
        if number > 0 {
            server.day(number, pupils);
        }
        let started = std::time::Instant::now();
        let (run, beside) = watched(&beside, || {
            under_writes(&server, S::WRITE, || ground.dr(["--at", &at(number), "--json", "run", "mis"]))
        });
        let run = run.ended(0);
        most_beside = most_beside.max(beside);
        let line = |line: &str| serde_json::from_str::<Value>(line).ok()?.pointer("/targets/0").cloned();
        let copy = run.stdout.lines().filter_map(line).next_back().unwrap();
        stored.push(copy["bytes_stored"].as_u64().unwrap());
        seconds.push(started.elapsed().as_secs_f64());
        let listed = ground.dr(["--at", &at(number), "--json", "snapshots", "mis"]).ended(0).summary();
        let newest = listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        if number == days / 2 {
            still = Some(hashes(&server, "mis"));
        }
        ids.push(newest.filter(|id| !ids.contains(id)).collect::<Vec<_>>().pop().unwrap());
    }

    let middle = &ids[ids.len() / 2];
    let restored = |id: &str, to: &str| {
        let mut command = ground.command(["--at", &at(days), "restore", "mis", "--snapshot", id, "--to", to]);
        command.env("DR_KEY_FILE", ground.path("recovery.key"));
        crate::ground::Run::of(command.output().unwrap()).ended(0)
    };
    restored(middle, &ground.at("back"));
    let dump = fs::metadata(ground.path("back/database").join(S::DUMP)).unwrap().len();
    let facts = facts(&ground.path("back"));
    let other = S::fresh();
    restored(middle, &other.at("mis_back"));
    for table in TABLES {
        assert_eq!(facts["tables"][S::fact(table)], other.rows("mis_back", table), "{table}");
    }
    let agrees = other.agrees("mis_back");
    assert!(agrees.ends_with("|t") && !agrees.starts_with("0|"), "the running sum is not that of its rows: {agrees}");
    assert_eq!(Some(hashes(&other, "mis_back")), still, "what nobody wrote to while it was captured");
    let later = &stored[1..];
    let mean = later.iter().sum::<u64>() / later.len() as u64;
    let part = mean as f64 / dump as f64 * 100.0;
    println!(
        "generations: {}, {pupils} pupils: dump {dump} bytes; first {} stored; a day {mean} ({part:.2} % of a dump); \
         {:.1} s a run; beside the target at most {most_beside} bytes; middle: {agrees}",
        S::KIND,
        stored[0],
        seconds.iter().sum::<f64>() / seconds.len() as f64
    );
    // A small database is mostly what a snapshot costs by itself.
    let limit = if pupils >= PUPILS { S::LIMIT } else { 8.0 };
    assert!(part <= limit, "a day costs {part:.2} % of a dump: {later:?} of {dump}");
    assert!(most_beside < 2 << 20, "{most_beside} bytes lay beside the target while {dump} were dumped");
}
