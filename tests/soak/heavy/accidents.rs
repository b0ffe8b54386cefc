//! A small school with two servers lives with accidents drawn each day, and an oracle beside it says what is really so.
//!
//! Two short lives here, two hundred of a term by `cargo xtask soak accidents`; and old faults, planted again, must each
//! be found. What the oracle shares with dr and what not stands in decision 0033.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::ground::{count, seed};
use accident::{KINDS, Kind};
use life::{Lived, Way, live};

mod accident;
mod letter;
mod life;
mod oracle;
mod school;

/// Days of a life here, and of a term when somebody asks for more lives.
fn days() -> i64 {
    let term = if is_whole() { 91 } else { 30 };
    std::env::var("DR_SOAK_DAYS").map_or(term, |days| days.parse().unwrap())
}

/// Whether this is the soak.
fn is_whole() -> bool {
    std::env::var_os("DR_SOAK_COUNT").is_some()
}

/// All accidents, or those that whoever narrows a trouble down names in `DR_SOAK_ONLY`, as the diary's end counts them.
fn only() -> &'static [Kind] {
    let Ok(words) = std::env::var("DR_SOAK_ONLY") else { return &KINDS };
    let named = |kind: &Kind| words.split(',').any(|word| word == format!("{kind:?}"));
    Vec::leak(KINDS.into_iter().filter(named).collect())
}

/// CPU seconds of the programs that this one started and waited for.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // After the name come state, parent, …; cutime and cstime are the 14th and 15th, in hundredths.
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}

/// Every seed lives, on as many threads as there are cores; what failed is shown with its diary.
fn lives(ways: Vec<Way>) {
    let (next, begun, before) = (AtomicU64::new(0), Instant::now(), cpu());
    let results: Mutex<Vec<(Way, Result<Lived, String>)>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(ways.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(way) = ways.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let lived = live(*way).map_err(|broken| broken.shown(way.seed));
                    match &lived {
                        Err(why) => println!("accidents: BROKEN: {why}"),
                        Ok(lived) => {
                            println!("accidents: seed {}: {} days, {} alerts", way.seed, lived.days, lived.alerts)
                        }
                    }
                    results.lock().unwrap().push((*way, lived));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let (mut all, mut broken) = (Lived::default(), 0);
    for (_, lived) in &results {
        match lived {
            Ok(lived) => all.add(lived),
            Err(_) => broken += 1,
        }
    }
    println!(
        "accidents: {} seeds, {broken} broken; {} days lived, {} restores by the oracle, {} alerts, {} green, {:.2} s of \
         CPU a day, {:.0} s; {:?}",
        results.len(),
        all.days,
        all.restores,
        all.alerts,
        all.green,
        (cpu() - before) / (all.days.max(1) as f64),
        begun.elapsed().as_secs_f64(),
        all.accidents,
    );
    let why: Vec<&String> = results.iter().filter_map(|(_, lived)| lived.as_ref().err()).collect();
    assert!(why.is_empty(), "{broken} of {} seeds: {}", results.len(), why[0]);
}

#[test]
fn a_school_with_accidents_is_told_of_each_and_of_nothing_that_is_not_so() {
    let (first, count) = (seed(), count(2));
    println!("accidents: seeds {first} to {}, {} days each", first + count - 1, days());
    let way = |seed| Way { seed, days: days(), kinds: only(), planted: None };
    lives((first..first + count).map(way).collect());
}

#[test]
fn calm_days_bring_no_alarm() {
    lives(vec![Way {
        seed: seed(),
        days: std::env::var("CALM").map_or(10, |d| d.parse().unwrap()),
        kinds: &[],
        planted: None,
    }]);
}

/// Old faults of dr that a switch plants again, with the accidents among which each hides.
const PLANTED: [(&str, &[Kind]); 6] = [
    ("future-counts", &[Kind::ClockAhead]),
    ("same-device", &[Kind::Moved]),
    ("in-sight-offline", &[Kind::LeftIn]),
    ("gone-untold", &[Kind::Deleted, Kind::Emptied]),
    ("packs-believed", &[Kind::PacksDeleted]),
    ("ledger-unheld", &[Kind::StateCut]),
];

#[test]
fn each_old_fault_that_is_planted_again_is_found() {
    let whole = is_whole();
    let wanted = std::env::var("DR_SOAK_FAULT").ok();
    for (fault, among) in PLANTED {
        if wanted.as_ref().is_some_and(|wanted| wanted != fault) {
            continue;
        }
        // Among its own accidents here, so that days are enough; among all of them by the soak.
        let (kinds, most): (&'static [Kind], u64) = if whole { (&KINDS, 20) } else { (among, 3) };
        let way = |seed| Way { seed, days: days(), kinds, planted: Some(fault) };
        let found = (seed()..seed() + most).find_map(|seed| Some((seed, live(way(seed)).err()?)));
        let (seed, broken) = found.unwrap_or_else(|| panic!("{fault} was planted, and {most} lives did not find it"));
        println!("accidents: {fault} is found by seed {seed} on day {}: {}", broken.day, broken.what);
        // It was this fault and nothing else: without it the same days pass.
        let without = live(Way { days: broken.day + 1, planted: None, ..way(seed) });
        let without = without.map_err(|broken| broken.shown(seed));
        assert!(without.is_ok(), "without {fault} it is so too: {}", without.unwrap_err());
    }
}
