//! Does a real systemd start what is due, and a real cron too? A whole Debian boots in a folder for that.
//!
//! Needs root, debootstrap and systemd-nspawn, and the network once: the tree is kept in `target/soak-os`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::ground::{Ground, program};

const PLAN: &str = r#"
school = "Beech Lane Infant School"
people = { head = "A. Ash <head@beechlane.example>", it = "J. Oak <oak@provider.example>" }
copies = { onsite = "/mnt/nas/dr" }
[systems]
choir = { tier = 2, schedule = "cron * * * * *", source = "/srv/choir" }
rota = { tier = 2, schedule = "cron * * * * *", source = "sqlite:/srv/rota/rota.db" }
[alerts]
smtp = { url = "smtps://127.0.0.1:9", from = "backups@beechlane.example", user = "dr", password = "credential:smtp" }
"#;

/// How long anything may take to happen.
const PATIENCE: Duration = Duration::from_secs(180);

/// A Debian that runs.
struct Machine {
    nspawn: Child,
    root: PathBuf,
    _ground: Ground,
}

impl Machine {
    fn boot() -> Self {
        let ground = Ground::new();
        let root = ground.path("os");
        must(Command::new("cp").args(["-a", "--reflink=auto"]).arg(tree()).arg(&root));
        for folder in ["etc/dr", "srv/choir", "srv/rota", "mnt/nas"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("etc/dr/dr.toml"), PLAN).unwrap();
        fs::write(root.join("srv/choir/songs.txt"), "Silent Night\n").unwrap();
        // Written with a log ahead and closed: reading it takes a file beside it.
        let rota = rusqlite::Connection::open(root.join("srv/rota/rota.db")).unwrap();
        rota.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE rota (day TEXT); INSERT INTO rota VALUES ('Mon')")
            .unwrap();
        drop(rota);
        fs::copy(program(), root.join("usr/local/bin/dr")).unwrap();
        let mut nspawn = Command::new("systemd-nspawn");
        nspawn.args([
            "-q",
            "-b",
            "--private-network",
            "--register=no",
            "--keep-unit",
            "--link-journal=no",
            "-M",
            "dr-soak",
        ]);
        nspawn.arg("-D").arg(&root).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let nspawn = nspawn.spawn().expect("systemd-nspawn is missing: apt-get install systemd-container");
        let machine = Self { nspawn, root, _ground: ground };
        machine.until("systemd runs", || {
            let state = machine.inside(&["systemctl", "is-system-running"]);
            ["running", "degraded"].contains(&state.trim()).then_some(())
        });
        machine
    }

    /// What a program in there says.
    fn inside(&self, words: &[&str]) -> String {
        let me = self.nspawn.id();
        let children = fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap_or_default();
        let Some(init) = children.split_whitespace().next() else { return String::new() };
        let output = Command::new("nsenter").args(["-t", init, "-a"]).args(words).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// Asks again until it is so; each question takes a program's time.
    fn until<T>(&self, what: &str, mut question: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(answer) = question() {
                println!("{what}: after {:.1} s", began.elapsed().as_secs_f32());
                return answer;
            }
            let journal = || self.inside(&["journalctl", "--no-pager", "-n", "30"]);
            assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", journal());
        }
    }

    /// How often each system was backed up well.
    fn done(&self) -> (usize, usize) {
        let ledger = self.inside(&["dr", "--json", "ledger"]);
        let entries: serde_json::Value = serde_json::from_str(&ledger).unwrap_or_default();
        let of = |system: &str| {
            let finished = |entry: &&serde_json::Value| {
                let event = &entry["event"];
                event["type"] == "run-finished" && event["system"] == system && event["outcome"] == "done"
            };
            entries.as_array().map_or(0, |entries| entries.iter().filter(finished).count())
        };
        (of("choir"), of("rota"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
    }
}

fn tree() -> PathBuf {
    let tree = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("soak-os");
    if !tree.join("usr/lib/systemd/systemd").exists() {
        let mut make = Command::new("debootstrap");
        make.args(["--variant=minbase", "--include=systemd-sysv,udev,cron", "bookworm"]).arg(&tree);
        must(&mut make);
    }
    tree
}

#[track_caller]
fn must(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().unwrap_or_else(|why| panic!("{program}: {why}. On Debian: apt-get install {program}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "boots a whole Debian; needs root and, once, the network"]
fn a_real_systemd_and_a_real_cron_run_what_is_due() {
    let machine = Machine::boot();
    let made = machine.inside(&["dr", "init", "--recovery-key-out", "/var/dr-recovery.key"]);
    assert!(made.contains("made"), "{made}");

    // The secret is not there, and nothing stands still for that.
    println!("{}", machine.inside(&["dr", "service", "install"]));
    let timers = machine.inside(&["systemctl", "list-timers", "--no-pager", "dr.timer"]);
    assert!(timers.contains("dr.service"), "{timers}");
    println!("{timers}");
    // As installed, only more often than every five minutes.
    let often = machine.root.join("etc/systemd/system/dr.timer.d");
    fs::create_dir_all(&often).unwrap();
    fs::write(
        often.join("often.conf"),
        "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/5\nRandomizedDelaySec=0\nAccuracySec=1s\n",
    )
    .unwrap();
    machine.inside(&["systemctl", "daemon-reload"]);
    machine.inside(&["systemctl", "restart", "dr.timer"]);
    machine.until("the timer backed both systems up", || {
        let (choir, rota) = machine.done();
        (choir > 0 && rota > 0).then_some(())
    });
    let result = machine.inside(&["systemctl", "show", "dr.service", "-p", "Result", "-p", "MemoryMax"]);
    assert!(result.contains("Result=success"), "{result}");

    println!("{}", machine.inside(&["dr", "service", "install", "--cron"]));
    assert!(!machine.root.join("etc/systemd/system/dr.timer").exists());
    fs::remove_dir_all(often).unwrap();
    let before = machine.done();
    let table = machine.root.join("etc/cron.d/dr");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("*/5 * * * *", "* * * * *")).unwrap();
    machine.until("cron backed both systems up again", || {
        let (choir, rota) = machine.done();
        (choir > before.0 && rota > before.1).then_some(())
    });
    let verdict = machine.inside(&["dr", "ledger", "--verify"]);
    println!("{}", verdict.trim());

    println!("{}", machine.inside(&["dr", "service", "uninstall"]));
    assert!(!table.exists());
}
