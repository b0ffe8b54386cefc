//! The figures as a page: medians, and the medians of the ratios within a repetition.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::STEPS;
use crate::measure::Taken;
use crate::program::Program;
use crate::wanted::Wanted;

type Cell = (usize, &'static str, String);

pub struct Results<'a> {
    programs: &'a [Program],
    load: String,
    sets: Vec<(String, BTreeMap<Cell, Taken>)>,
}

/// A figure: its name, how to get it, and the steps at which it says something.
type Figure = (&'static str, fn(&Taken) -> f64, &'static [&'static str]);

const MIB: f64 = (1 << 20) as f64;

const FIGURES: [Figure; 5] = [
    ("Processor seconds", |taken| taken.cpu, &STEPS),
    ("Wall seconds", |taken| taken.wall, &STEPS),
    ("Peak memory of the largest process, MiB", |taken| taken.memory as f64 / MIB, &STEPS),
    ("Repository, MiB", |taken| taken.repository.1 as f64 / MIB, &["backup1", "backup2", "backup3"]),
    ("Objects in the repository", |taken| taken.repository.0 as f64, &["backup1", "backup2", "backup3"]),
];

impl<'a> Results<'a> {
    pub fn new(programs: &'a [Program]) -> Self {
        Self { programs, load: load(), sets: Vec::new() }
    }

    pub fn add(&mut self, set: &str, repetition: usize, program: &Program, step: &str, taken: Taken) {
        if self.sets.last().is_none_or(|(name, _)| name != set) {
            self.sets.push((set.to_owned(), BTreeMap::new()));
        }
        if let Some((_, cells)) = self.sets.last_mut() {
            cells.insert((repetition, program.name, step.to_owned()), taken);
        }
    }

    pub fn text(&self, wanted: &Wanted) -> String {
        let mut out = String::from(ABOUT);
        let (lines, n) = (&mut out, wanted.reps);
        let mut say = |line: String| lines.push_str(&(line + "\n"));
        say(format!("- {}: {}; {n} repetitions, medians; seed {}", today(), machine(), wanted.seed));
        say(format!("- load average before: {}; after: {}", self.load, load()));
        for program in self.programs {
            say(format!("- {}: {} ({})", program.name, program.version, program.about));
        }
        for (set, cells) in &self.sets {
            let _ = write!(out, "\n## {set}\n");
            for figure in FIGURES {
                self.table(&mut out, cells, figure);
            }
        }
        out
    }

    fn table(&self, out: &mut String, cells: &BTreeMap<Cell, Taken>, (title, figure, steps): Figure) {
        let peers = &self.programs[1..];
        let _ = write!(out, "\n**{title}**\n\n| step |");
        for program in self.programs {
            let _ = write!(out, " {} |", program.name);
        }
        for peer in peers {
            let _ = write!(out, " dr ÷ {} |", peer.name);
        }
        if peers.len() > 1 {
            out.push_str(" dr ÷ best |");
        }
        let _ =
            write!(out, "\n|---|{}", "--:|".repeat(self.programs.len() + peers.len() + usize::from(peers.len() > 1)));
        let all = |name: &'static str, step: &str| -> Vec<f64> {
            let of = cells.iter().filter(|((_, program, at), _)| *program == name && at == step);
            of.map(|(_, taken)| figure(taken)).collect()
        };
        let ratios = |ours: &[f64], theirs: &[f64]| {
            median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect())
        };
        for step in steps {
            let _ = write!(out, "\n| {step} |");
            for program in self.programs {
                let _ = write!(out, " {} |", shown(median(all(program.name, step))));
            }
            let ours = all("dr", step);
            for peer in peers {
                let _ = write!(out, " {} |", shown(ratios(&ours, &all(peer.name, step))));
            }
            if peers.len() > 1 {
                let theirs: Vec<Vec<f64>> = peers.iter().map(|peer| all(peer.name, step)).collect();
                let best = |n: usize| theirs.iter().filter_map(|t| t.get(n)).copied().fold(f64::INFINITY, f64::min);
                let best: Vec<f64> = (0..ours.len()).map(best).collect();
                let _ = write!(out, " {} |", shown(ratios(&ours, &best)));
            }
        }
        out.push('\n');
    }
}

const ABOUT: &str = "# dr beside other backup programs

Written by `cargo xtask bench --out docs/benchmarks.md`: all programs on the same trees on one machine, one after the
other, their order rotated by the repetition. *init* founds a repository; *backup1* fills it; *backup2* finds nothing
changed; then of each 1,000 files 10 are edited, 3 are gone, 3 are renamed and 5 are new, and *backup3* takes that;
*restore* puts it back into an empty folder; *check* reads everything. Processor seconds are user and system time of
the program and of all it started, to a hundredth. A ratio is the median of the ratios within each repetition; below 1
dr needs less. Seconds differ from machine to machine; ratios much less.

";

fn shown(value: f64) -> String {
    match value {
        value if !value.is_finite() => "–".into(),
        value if value >= 100.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(high), 0) => (values[middle - 1] + high) / 2.0,
        (Some(value), _) => *value,
        (None, _) => f64::NAN,
    }
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
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
