//! A rehearsal that starts a server is killed at any moment: no process, network, mount or file of it stays, and the next
//! one proves what it would have proved.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::ground::{Ground, Luck, Run, count, seed};
use crate::server::Server;

const EVENING: &str = "2026-09-01T20:00:00Z";
/// How long what was started for it may outlive a rehearsal.
const GONE: Duration = Duration::from_secs(20);

/// A process that runs in a room, or makes one.
struct Inside {
    words: String,
    /// Its network, by the number of its namespace.
    network: PathBuf,
}

/// Those that know of a folder by their words or by what is mounted for them.
fn inside(folder: &Path) -> Vec<Inside> {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let of_it = |process: PathBuf| {
        process.file_name()?.to_str()?.parse::<u32>().ok()?;
        let text = |file: &str| fs::read(process.join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let words = text("cmdline").ok()?;
        let knows = words.contains(name) || text("mountinfo").is_ok_and(|mounts| mounts.contains(name));
        knows.then(|| Inside { words, network: fs::read_link(process.join("ns/net")).unwrap_or_default() })
    };
    all.filter_map(of_it).collect()
}

fn networks() -> BTreeSet<PathBuf> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|process| fs::read_link(process.path().join("ns/net")).ok()).collect()
}

fn begun(ground: &Ground) -> Child {
    let mut command = ground.command(["--at", EVENING, "--json", "restore", "--rehearse", "--level", "L3"]);
    command.env("DR_KEY_FILE", ground.path("recovery.key"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn proves(ground: &Ground) -> Duration {
    let start = Instant::now();
    let done = Run::of(begun(ground).wait_with_output().unwrap()).ended(0).summary();
    assert_eq!((&done["verdict"], &done["level"]), (&"verified".into(), &"L3".into()), "{done}");
    nothing_is_left(ground);
    start.elapsed()
}

/// No file in scratch nor in the folder for what is there for a moment, and no mount.
#[track_caller]
fn nothing_is_left(ground: &Ground) {
    for folder in ["cache/scratch", "home"] {
        let left: Vec<_> =
            fs::read_dir(ground.path(folder)).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let name = ground.path("").file_name().unwrap().to_str().unwrap().to_owned();
    assert!(!mounts.contains(&name), "{mounts}");
}

#[test]
fn a_rehearsal_killed_at_random_moments_leaves_nothing() {
    let (kills, mut luck, ground, server) = (count(4), Luck::new(seed()), Ground::new(), Server::begun());
    server.sql("postgres", "create database mis");
    server.sql(
        "mis",
        "create table pupil (id int primary key, name text);
         insert into pupil select i, 'Pupil ' || i from generate_series(1, 450) i;
         create table mark (id bigserial primary key, pupil int references pupil, code text);
         insert into mark (pupil, code) select i % 450 + 1, md5(i::text) from generate_series(1, 200000) i;",
    );
    let plan = format!(
        "state = \"state\"\nschool = \"Hazel Bank\"\n\
         people = {{ head = \"A. Ash <head@hazelbank.example>\", it = \"J. Oak <oak@provider.example>\" }}\n\
         [targets.nas]\nurl = \"nas\"\n\
         [systems.mis]\nsource = {{ kind = \"postgres\", url = \"{}\", programs = \"{}\" }}\nschedule = \"daily at 19:00\"\n",
        server.url("dr", "mis"),
        server.bin().display()
    );
    fs::write(ground.path("dr.toml"), plan).unwrap();
    ground.dr(["--at", EVENING, "init", "--recovery-key-out", "recovery.key"]).ended(0);
    ground.dr(["--at", EVENING, "run"]).ended(0);
    let whole = proves(&ground);

    let (mut in_a_room, mut most_files, mut slowest) = (0, 0, Duration::ZERO);
    for number in 0..kills {
        let mut child = begun(&ground);
        // Not waiting for anything: the moment is what luck chooses.
        std::thread::sleep(whole.mul_f64(0.95 * luck.part()));
        let room = inside(&ground.path(""));
        child.kill().unwrap();
        let ended = child.wait_with_output().unwrap();
        let own: BTreeSet<PathBuf> = room.into_iter().map(|process| process.network).collect();
        let own: BTreeSet<_> =
            own.difference(&BTreeSet::from([fs::read_link("/proc/self/ns/net").unwrap()])).cloned().collect();
        in_a_room += u64::from(!own.is_empty());
        let killed = Instant::now();
        loop {
            let (left, others) = (inside(&ground.path("")), networks());
            if left.is_empty() && own.is_disjoint(&others) {
                break;
            }
            let words: Vec<_> = left.iter().map(|process| process.words.replace('\0', " ")).collect();
            assert!(killed.elapsed() < GONE, "kill {number}: still there: {words:?}, networks {own:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        slowest = slowest.max(killed.elapsed());
        let scratch = ground.path("cache/scratch");
        most_files = most_files.max(fs::read_dir(&scratch).map_or(0, Iterator::count));
        // What was in the clear goes with the next round.
        ground.dr(["--at", EVENING, "run", "--due"]).ended(0);
        nothing_is_left(&ground);
        assert!(ended.status.code().is_none() || ended.status.success(), "kill {number}: {:?}", ended.status);
    }
    // If none of them came to a room, nobody looked for what is left of one.
    assert!(in_a_room > 0 && most_files > 0, "{in_a_room} of {kills} kills in a room, {most_files} folders left");
    ground.dr(["--at", EVENING, "ledger", "--verify"]).ended(0);
    let again = proves(&ground);
    println!(
        "rooms: {kills} rehearsals killed, {in_a_room} of them in a room; nothing was left; the last process was gone after {} ms at \
         most; a whole one takes {:.1} s, and afterwards {:.1} s",
        slowest.as_millis(),
        whole.as_secs_f64(),
        again.as_secs_f64()
    );
}
