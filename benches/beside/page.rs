//! The figures as a page: what is asked and whether it is met, then everything that was measured.

use std::fmt::Write as _;
use std::fs;

use super::figures::{Figure, Results, cpu, grown, size, wall};
use super::goals::{GOALS, LISTS, verdict};
pub use super::load::load;
use super::program::{DR, DR_BOUNDED, DR_LEVEL3};
pub use super::shown::shown;
use super::wanted::Wanted;

const MIB: f64 = (1 << 20) as f64;
const STEPS: [&str; 7] = ["init", "backup1", "backup2", "backup3", "list", "restore", "check"];
const BACKUPS: [&str; 3] = ["backup1", "backup2", "backup3"];

/// A table: its name, the figure, and the steps at which it says something.
type Table = (&'static str, Figure, &'static [&'static str]);

const TABLES: [Table; 6] = [
    ("Processor seconds", cpu, &STEPS),
    ("Wall seconds", wall, &STEPS),
    ("Peak memory of the largest process, MiB", |taken| taken.memory as f64 / MIB, &STEPS),
    ("Repository, MiB", |taken| size(taken) / MIB, &BACKUPS),
    ("Growth of the repository, MiB", |taken| grown(taken) / MIB, &BACKUPS),
    ("Objects in the repository", |taken| taken.repository.files as f64, &BACKUPS),
];

const ABOUT: &str = "# dr beside other backup programs

Written by `cargo xtask bench --write`: all programs on the same trees on one machine, one after the other, their order
rotated by the repetition. *init* founds a repository; *backup1* fills it; *backup2* finds nothing changed; then the
tree changes, and *backup3* takes that; *list* lists the snapshots; *restore* puts the last back into an empty folder;
*check* reads everything. Processor seconds are user and system time of the program and of all it started, to a
hundredth. Figures are medians. A ratio is the median of the ratios within each repetition; below 1 dr needs less; *best*
is the best of the others in that repetition. Seconds differ from machine to machine; ratios much less.

Sets: *source*, text files as in a source tree; *mixed*, pictures, programs, documents and text; *small*, files of 1 to
8 KiB; *image*, a disk's image; *dump*, an SQL dump. How each changes is told in `crates/dr-sample/src/sets/mod.rs`.

";

/// The whole page.
pub fn page(results: &Results<'_>, wanted: &Wanted) -> String {
    let mut out = String::from(ABOUT);
    let mut say = |line: String| out.push_str(&(line + "\n"));
    say(format!("- {}: {}", today(), machine()));
    say(format!("- {} repetitions; seed {}; sets of about {} MiB", wanted.reps, wanted.seed, wanted.mib));
    say(format!("- load average before: {}; after: {}", results.load, load()));
    for program in results.programs {
        say(format!("- {}: {} ({})", program.name, program.version, program.about));
    }
    for (set, held) in &results.raw {
        say(format!("- {set}: {} entries, {} MiB", held.entries, shown(held.bytes as f64 / MIB)));
    }
    say(format!("- to repeat it: `{}`", wanted.repeat));
    asked(&mut out, results, wanted);
    not_measured(&mut out, results);
    for data in &wanted.data {
        let _ = write!(out, "\n## {}\n", data.name);
        for figure in TABLES {
            table(&mut out, results, &data.name, figure);
        }
    }
    out
}

fn asked(out: &mut String, results: &Results<'_>, wanted: &Wanted) {
    let names: Vec<&str> = wanted.data.iter().map(|data| data.name.as_str()).collect();
    let _ = write!(out, "\n## What is asked\n\n| | wanted | {} | verdict |\n", names.join(" | "));
    let _ = writeln!(out, "|---|--:|{}---|", "--:|".repeat(names.len()));
    for goal in &GOALS {
        out.push_str(&goal.row(results, &wanted.data));
    }
    let mut row = |what: &str, program: &str| {
        let _ = write!(out, "| {what} | |");
        for data in &wanted.data {
            let peak = results.peak(&data.name, program).map_or("–".into(), |peak| shown(peak / MIB));
            let _ = write!(out, " {peak} |");
        }
        out.push_str(" |\n");
    };
    row("peak memory of any step, MiB", DR);
    row("peak memory of any step in 128 MiB, MiB", DR_BOUNDED);
    let _ = write!(out, "\n| {} snapshots | wanted | | verdict |\n|---|--:|--:|---|\n", wanted.snapshots);
    for goal in &LISTS {
        let value = results.list_cpu(goal.of);
        let judged = match (value, wanted.snapshots) {
            (None, _) => Err("the list did not run".to_owned()),
            (Some(value), 100..) => Ok(value <= goal.most),
            (Some(_), few) => Err(format!("{few} snapshots are not a hundred")),
        };
        let value = value.map_or("–".into(), |value| format!("{value:.3}"));
        let _ = writeln!(out, "| {} | ≤ {} | {value} | {} |", goal.what, goal.most, verdict(&[("list", judged)]));
    }
}

fn not_measured(out: &mut String, results: &Results<'_>) {
    out.push_str("\n## What was not measured\n\n");
    let before = out.len();
    if !results.absent.is_empty() {
        let _ = writeln!(out, "- not here, or not asked for: {}; ratios are to the others", results.absent.join(", "));
    }
    if results.programs.iter().all(|program| program.name != DR_BOUNDED) {
        out.push_str("- steps in 128 MiB: not measured: needs root\n");
    }
    for (set, program, step, why) in &results.failures {
        let first = why.lines().next().unwrap_or_default();
        let _ = writeln!(out, "- {program} failed at {step} of {set}, and took no further step: {first}");
    }
    if out.len() == before {
        out.push_str("Nothing was left out.\n");
    }
}

fn table(out: &mut String, results: &Results<'_>, set: &str, (title, figure, steps): Table) {
    let peers: Vec<&str> = results.peers().map(|peer| peer.name).collect();
    let _ = write!(out, "\n**{title}**\n\n| step | {DR} | {DR_LEVEL3} |");
    for peer in &peers {
        let _ = write!(out, " {peer} |");
    }
    for peer in &peers {
        let _ = write!(out, " dr ÷ {peer} |");
    }
    let _ = write!(out, " dr ÷ best |\n|---|{}", "--:|".repeat(3 + 2 * peers.len()));
    let cell = |value: Option<f64>| value.map_or("–".into(), shown);
    for step in steps {
        let _ = write!(out, "\n| {step} | {} |", cell(results.median(set, DR, step, figure)));
        let _ = write!(out, " {} |", cell(results.median(set, DR_LEVEL3, step, figure)));
        for peer in &peers {
            let _ = write!(out, " {} |", cell(results.median(set, peer, step, figure)));
        }
        for peer in &peers {
            let _ = write!(out, " {} |", cell(results.ratio(set, (DR, &[peer]), step, figure)));
        }
        let _ = write!(out, " {} |", cell(results.to_best(set, DR, step, figure)));
    }
    out.push('\n');
}

fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let (model, memory) = (field("/proc/cpuinfo", "model name"), field("/proc/meminfo", "MemTotal"));
    format!("{cores} cores ({model}), {memory} of memory, Linux {}", kernel.trim())
}

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}
