//! How dr stands beside other backup programs on the same data, on this machine, in one run.
//!
//! `cargo xtask bench` runs this. Repetition by repetition, every program backs the same tree up into a repository of
//! its own, their order rotated, so that what else the machine does falls on all alike; then the tree changes and they
//! go on. What counts are the ratios within a repetition; of those the median is shown. Data, repositories and
//! restored trees lie below one folder and are removed at the end.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "this starts programs, times them and prints")]

mod measure;
mod program;
mod tables;
mod wanted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use dr_sample::sets::{self, Set};
use measure::{Taken, holds, measure};
use program::Program;
use tables::Results;
use wanted::{Data, Wanted};

/// What is done to each program in a repetition, in this order; the tree changes before `backup3`.
const STEPS: [&str; 7] = ["init", "backup1", "backup2", "backup3", "list", "restore", "check"];

fn main() -> ExitCode {
    let said = Wanted::parse(std::env::args().skip(1)).and_then(|wanted| run(&wanted));
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            println!("bench: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &Wanted) -> Result<(), String> {
    let work = tempfile::Builder::new().prefix("bench-").tempdir_in(&wanted.work).map_err(|e| e.to_string())?;
    let programs = Program::found(&wanted.dr)?;
    let named: Vec<&str> = programs.iter().map(|program| program.name).collect();
    println!("bench: {}; {} repetitions; seed {}", named.join(", "), wanted.reps, wanted.seed);
    let mut results = Results::new(&programs);
    for data in &wanted.data {
        let tree = work.path().join("data");
        let set = make(data, &tree, wanted)?;
        for repetition in 0..wanted.reps {
            let mut order: Vec<&Program> = programs.iter().collect();
            order.rotate_left(repetition % programs.len());
            let places: Vec<Place> = order.iter().map(|program| Place::new(work.path(), program)).collect();
            for (program, place) in order.iter().zip(&places) {
                for step in &STEPS[..3] {
                    results.add(&data.name, repetition, program, step, one(program, place, &tree, step)?);
                }
            }
            sets::next_generation(set, &tree, wanted.seed, repetition as u32 + 2).map_err(|e| e.to_string())?;
            for (program, place) in order.iter().zip(&places) {
                for step in &STEPS[3..] {
                    results.add(&data.name, repetition, program, step, one(program, place, &tree, step)?);
                }
            }
            for place in &places {
                place.remove()?;
            }
        }
        fs::remove_dir_all(&tree).map_err(|e| e.to_string())?;
    }
    let text = results.text(wanted);
    println!("{text}");
    match &wanted.out {
        Some(out) => fs::write(out, text).map_err(|e| format!("cannot write {}: {e}", out.display())),
        None => Ok(()),
    }
}

/// Makes the first generation of a tree, and says how it is to change.
fn make(data: &Data, tree: &Path, wanted: &Wanted) -> Result<Set, String> {
    println!("bench: making {}", data.name);
    if let Some(from) = &data.from {
        let copied = Command::new("cp").arg("-a").arg(from).arg(tree).status();
        return match copied {
            Ok(status) if status.success() => Ok(Set::SourceTree),
            Ok(status) => Err(format!("cp ended with {status}")),
            Err(e) => Err(format!("cp: {e}")),
        };
    }
    let made = match data.set {
        Set::SourceTree => sets::source_tree(tree, wanted.mib, wanted.seed),
        Set::Mixed => sets::mixed(tree, wanted.mib, wanted.seed),
        Set::Dump => sets::dump(tree, wanted.mib, wanted.seed),
        Set::Image => sets::image(tree, wanted.mib, wanted.seed),
        // At 4.5 KiB a file.
        Set::ManySmall => sets::many_small(tree, wanted.mib * 227, wanted.seed),
        Set::ManyEmpty => sets::many_empty(tree, wanted.mib * 227, wanted.seed),
    };
    made.map(|_| data.set).map_err(|e| e.to_string())
}

/// Where one program keeps its things in one repetition.
struct Place {
    top: PathBuf,
    repository: PathBuf,
    cache: PathBuf,
    restored: PathBuf,
}

impl Place {
    fn new(work: &Path, program: &Program) -> Self {
        let top = work.join(program.name);
        let below = |name: &str| top.join(name);
        Self { repository: below("repository"), cache: below("cache"), restored: below("restored"), top }
    }

    fn remove(&self) -> Result<(), String> {
        fs::remove_dir_all(&self.top).map_err(|e| format!("cannot remove {}: {e}", self.top.display()))
    }
}

fn one(program: &Program, place: &Place, tree: &Path, step: &str) -> Result<Taken, String> {
    for folder in [&place.cache, &place.restored] {
        fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    }
    let mut taken = Taken::default();
    for command in program.commands(step, place, tree) {
        taken = taken.and(measure(command)?);
    }
    taken.repository = holds(&place.repository)?;
    if step == "restore" {
        let (whole, back) = (holds(tree)?, holds(&place.restored)?);
        if whole != back {
            return Err(format!("{} restored {back:?} (files, bytes) of {whole:?}", program.name));
        }
        // So that no step has the other programs' restored trees in its memory.
        fs::remove_dir_all(&place.restored).map_err(|e| e.to_string())?;
    }
    println!("  {:9} {step:8} {taken}", program.name);
    Ok(taken)
}
