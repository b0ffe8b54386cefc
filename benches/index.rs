//! What an index of so many chunks costs: made, opened, and asked.
//!
//! `cargo bench -p dr-repo --features bench --bench index -- 100000000 [FOLDER]`; without a number a million. A
//! hundred million take about 12 GiB of disk while they are made and 5 GiB afterwards. Each line is one stage: CPU
//! and clock, each per chunk or question too, and the most memory so far. FOLDER stays, so that a second call opens
//! what the first one made.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare what it needs should stop there")]

use std::path::Path;
use std::time::Instant;

use dr_repo::bench::synthetic::Synthetic;

/// Of the figures of a process: its CPU time in seconds, and the most memory it ever had, in MiB.
fn spent() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    (ticks / 100.0, peak.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0)
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn stage<T>(name: &str, times: u64, work: impl FnOnce() -> T) -> T {
    let (before, started) = (spent().0, Instant::now());
    let out = work();
    let (wall, (after, peak)) = (started.elapsed().as_secs_f64(), spent());
    let each = |seconds: f64| seconds * 1e6 / times as f64;
    println!(
        "{name:<34} {times:>11} times  CPU {:>8.2} s {:>8.3} us  clock {wall:>8.2} s {:>8.3} us  peak {peak:>6.1} MiB",
        after - before,
        each(after - before),
        each(wall)
    );
    out
}

fn bytes_in(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let chunks: u64 = words.first().map_or(1_000_000, |word| word.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let folder = words.get(1).map_or(temporary.path(), Path::new);

    let made = stage("made (or opened)", chunks, || Synthetic::open(folder, chunks).unwrap());
    println!("{} index objects read; {} MiB of tables", made.read, bytes_in(folder) >> 20);
    drop(made);
    let opened = stage("opened", chunks, || Synthetic::open(folder, chunks).unwrap());
    assert_eq!(opened.read, 0, "what was made is found");
    let index = opened.index;
    println!("{} packs", index.packs());

    let asked = chunks.min(1_000_000);
    // Far from each other, in no order.
    let scattered = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % chunks;
    let held =
        stage("duplicates, in order of packing", asked, || (0..asked).filter(|n| index.is_duplicate(*n)).count());
    assert_eq!(held as u64, asked);
    let few = asked / 5;
    let held = stage("duplicates, in no order", few, || (0..few).filter(|n| index.is_duplicate(scattered(*n))).count());
    assert_eq!(held as u64, few);
    let new = stage("new chunks", asked, || (0..asked).filter(|n| index.is_duplicate(chunks + n)).count());
    assert_eq!(new, 0);
    let places =
        stage("places, in no order", few, || (0..few).filter(|n| index.is_in_place(scattered(*n)).unwrap()).count());
    assert_eq!(places as u64, few);
}
