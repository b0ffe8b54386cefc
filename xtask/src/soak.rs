//! The whole counts that do not fit into CI: hundreds of kills, every byte of every object flipped, a million files,
//! an image of 300 GiB.
//!
//! Each is the test that CI runs with a small count, here with the whole one and a `dr` built for release. What a
//! soak prints is what goes into a release's notes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::checkout::{cargo, must};
use crate::{dates, fresh};

/// A soak, and how often it does its thing.
struct Soak {
    name: &'static str,
    about: &'static str,
    count: u64,
}

const SOAKS: &[Soak] = &[
    Soak { name: "kills", about: "backups killed at random moments", count: 300 },
    Soak { name: "crowd", about: "seconds of CPU: eight writers, two prunes, stops, kills, faults", count: 1_800 },
    Soak { name: "rounds", about: "prunes beside three backups, some of them killed, and what is left", count: 200 },
    Soak { name: "shorten", about: "prunes killed while they shorten a long log", count: 300 },
    Soak { name: "day-one", about: "the first version, built from its commit, on what today's wrote", count: 0 },
    Soak { name: "daemon", about: "a daemon of six systems killed at random moments", count: 200 },
    Soak { name: "flips", about: "every byte of a small repository flipped in process", count: 0 },
    Soak { name: "flips-binary", about: "flips per kind of object through the binary", count: 10 },
    Soak { name: "trees", about: "the oddities, /usr and each --tree DIR there and back", count: 0 },
    Soak { name: "places", about: "the oddities on ext4, xfs, btrfs, tmpfs, exFAT and NTFS; needs root", count: 0 },
    Soak { name: "generations", about: "pupils of a MIS, captured on ten days under 50 writes a second", count: 450 },
    Soak { name: "rooms", about: "rehearsals that start a server, killed at random moments", count: 30 },
    Soak { name: "many", about: "systems in one plan, idle, in 100 MiB; needs root", count: 10_000 },
    Soak {
        name: "mount",
        about: "random reads of a GiB, and a listing of ten times as many names, in 256 MiB",
        count: 10_000,
    },
    Soak { name: "accidents", about: "terms of a school to which something happens every day", count: 200 },
    Soak {
        name: "source",
        about: "backups of a source that changes and fails, on six file systems; needs root, stress-ng, bindfs",
        count: 200,
    },
    Soak { name: "year", about: "weeks that two schools live, slot by slot", count: 53 },
    Soak {
        name: "systemd",
        about: "a real systemd and cron in a booted Debian; needs root, debootstrap, nspawn",
        count: 0,
    },
    Soak { name: "model", about: "more writers and prunes than CI lets the model check", count: 0 },
    Soak {
        name: "shapes",
        about: "files of 4 KiB, files in one directory, GiB of holes, levels, each in 128 MiB; needs root",
        count: 1_000_000,
    },
    Soak {
        name: "dates", about: "schools and letters on odd days: 29 February, both changes of clocks, …", count: 0
    },
    Soak { name: "fresh", about: "the README's two commands in a fresh Debian; needs root, debootstrap", count: 0 },
];

/// Those that are more than one test with a large count.
type Other = fn(&Path) -> Result<(), String>;
const OTHERS: [(&str, Other); 2] = [("dates", dates::soak), ("fresh", fresh::soak)];

/// The `dr` that soaks start: as for a release, and with the switches that only tests have. Apart from what is built to
/// be installed, so that nobody takes it for that.
const BUILD: [&str; 8] =
    ["build", "--release", "--package", "dr", "--features", "dr-switch/test-switches", "--target-dir", "target/soak"];

/// `cargo xtask soak NAME…|all [--seed S] [--count N] [--tree DIR]… [--dr PATH]`.
pub fn run(root: &Path, arguments: &[String]) -> Result<(), String> {
    let (mut names, mut trees) = (Vec::new(), vec!["/usr".to_owned()]);
    let (mut seed, mut count, mut dr) = (1, None, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: &String| text.parse::<u64>().map_err(|_| format!("{text} is not a number"));
        match word.as_str() {
            "--seed" => seed = number(value()?)?,
            "--count" => count = Some(number(value()?)?),
            "--tree" => trees.push(value()?.clone()),
            // The soaks run elsewhere.
            "--dr" => dr = Some(std::path::absolute(value()?).map_err(|e| e.to_string())?),
            "all" => names.extend(SOAKS.iter().map(|soak| soak.name)),
            name => names.push(name),
        }
    }
    let known = |name: &&str| SOAKS.iter().find(|soak| soak.name == *name);
    let soaks: Option<Vec<&Soak>> = names.iter().map(known).collect();
    let soaks = soaks.filter(|soaks| !soaks.is_empty()).ok_or_else(usage)?;
    let other = |soak: &Soak| OTHERS.iter().find(|(name, _)| *name == soak.name).map(|(_, run)| run);
    let dr = match dr {
        Some(dr) => dr,
        None => {
            if soaks.iter().any(|soak| other(soak).is_none()) {
                must(Command::new(cargo()).args(BUILD).current_dir(root))?;
            }
            root.join("target/soak/release/dr")
        }
    };
    let mut failed = Vec::new();
    for soak in soaks {
        println!("== soak {} (seed {seed})", soak.name);
        if let Some(run) = other(soak) {
            if let Err(why) = run(root) {
                println!("{why}");
                failed.push(soak.name);
            }
            continue;
        }
        let mut test = Command::new(cargo());
        test.current_dir(root).arg("test").env("DR_SOAK_DR", &dr);
        if soak.name == "flips" {
            test.args(["--release", "--package", "dr-repo", "--test", "engine", "--"]);
            test.args(["--ignored", "--nocapture", "every_flipped_byte_is_noticed_and_never_passes_for_right"]);
        } else if soak.name == "model" {
            test.args(["--release", "--package", "dr-log", "--lib", "--"]);
            test.args(["--ignored", "--nocapture", "--test-threads=1", "model::"]);
        } else {
            let module = format!("heavy::{}::", soak.name.replace('-', "_"));
            test.args(["--package", "dr", "--test", "soak", "--"]);
            test.args(["--include-ignored", "--nocapture", "--test-threads=1", &module]);
            test.env("DR_SOAK_COUNT", count.unwrap_or(soak.count).to_string());
            test.env("DR_SOAK_SEED", seed.to_string()).env("DR_SOAK_TREES", trees.join(":"));
        }
        if soak.name == "day-one" {
            test.env("DR_SOAK_OLD", first_version(root)?);
        }
        if let Err(why) = must(&mut test) {
            println!("{why}");
            failed.push(soak.name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// The last commit of the first version that backed up and restored.
const FIRST: &str = "2fcefd8";

/// Builds the first version aside.
fn first_version(root: &Path) -> Result<PathBuf, String> {
    let (checkout, target) = (root.join("target/day-one"), root.join("target/day-one-build"));
    if !checkout.exists() {
        // A clone, for a worktree of this one would show in it.
        let mut clone = Command::new("git");
        must(clone.args(["clone", "--quiet", "--no-checkout"]).arg(root).arg(&checkout))?;
    }
    must(Command::new("git").args(["checkout", "--quiet", "--detach", FIRST]).current_dir(&checkout))?;
    let mut build = Command::new(cargo());
    build.args(["build", "--locked", "--package", "dr"]).current_dir(&checkout).env("CARGO_TARGET_DIR", &target);
    must(&mut build)?;
    Ok(target.join("debug/dr"))
}

fn usage() -> String {
    let line = |soak: &Soak| format!("\n  {:13} {}", soak.name, soak.about);
    let lines: String = SOAKS.iter().map(line).collect();
    format!("usage: cargo xtask soak NAME…|all [--seed S] [--count N] [--tree DIR]… [--dr PATH]{lines}")
}
