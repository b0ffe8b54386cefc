//! Repetition by repetition, set by set, every program does every step on the same tree.
//!
//! The programs' order is rotated by the repetition, so that what else the machine does falls on all alike. Each has a
//! repository of its own, new in each repetition. They all back the first generation up, then the tree changes and they
//! go on. What counts are the ratios within a repetition; of those the median is shown. Everything lies below one
//! folder, which is gone at the end.

mod bounded;
mod figures;
mod goals;
mod load;
mod made;
mod many;
mod measure;
mod page;
mod place;
mod program;
mod shown;
mod wanted;

use std::fs;
use std::path::Path;

use bounded::Bounded;
use dr_sample::sets;
use figures::Results;
#[cfg(test)]
pub use goals::GOALS;
use measure::{Taken, holds, measure, metadata};
pub use place::Place;
use program::{Program, Variant};
use wanted::Wanted;

/// What dr is given, and no more, where it has to do with little.
const BOUND: u64 = 128 << 20;

/// Measures what the words of the command line ask for; the page.
/// # Errors
/// If that cannot be, or dr itself failed at a step.
pub fn main(words: impl Iterator<Item = String>) -> Result<String, String> {
    run(&Wanted::parse(words)?)
}

/// Measures, and writes the page where it is wanted.
fn run(wanted: &Wanted) -> Result<String, String> {
    let work = tempfile::Builder::new().prefix("bench-").tempdir_in(&wanted.work).map_err(|e| e.to_string())?;
    let bounded = Bounded::make(BOUND);
    let (programs, absent) = Program::found(wanted, bounded.is_some())?;
    let named: Vec<&str> = programs.iter().map(|program| program.name).collect();
    println!("bench: {}; {} repetitions; seed {}", named.join(", "), wanted.reps, wanted.seed);
    let mut results = Results::new(&programs, absent);
    let tree = |number: usize| work.path().join(format!("data-{number}"));
    for (number, data) in wanted.data.iter().enumerate() {
        println!("bench: making {}", data.name);
        made::make(data, &tree(number), wanted)?;
    }
    let bench = Bench { work: work.path(), bounded: bounded.as_ref() };
    for repetition in 0..wanted.reps {
        for (number, data) in wanted.data.iter().enumerate() {
            let mut order: Vec<&Program> =
                programs.iter().filter(|program| program.takes_part(data, repetition)).collect();
            let all = order.len().max(1);
            order.rotate_left(repetition % all);
            println!("bench: {}, repetition {}", data.name, repetition + 1);
            let tree = tree(number);
            let first = holds(&tree)?;
            results.raw(&data.name, first);
            bench.generation(&order, &tree, |program| program.first_steps(), (&data.name, repetition), &mut results)?;
            sets::next_generation(data.set, &tree, wanted.seed, repetition as u32 + 2).map_err(|e| e.to_string())?;
            bench.generation(
                &order,
                &tree,
                |program| program.second_steps(),
                (&data.name, repetition),
                &mut results,
            )?;
            for program in &order {
                Place::new(work.path(), program.name).remove()?;
            }
        }
        results.list(many::list(&programs[0], work.path(), wanted.snapshots)?);
    }
    let text = page::page(&results, wanted);
    if let Some(out) = &wanted.out {
        fs::write(out, &text).map_err(|e| format!("cannot write {}: {e}", out.display()))?;
    }
    match results.dr_failed() {
        true => Err(format!("dr itself failed, as the page says\n{text}")),
        false => Ok(text),
    }
}

struct Bench<'a> {
    work: &'a Path,
    bounded: Option<&'a Bounded>,
}

impl Bench<'_> {
    /// All programs on one generation of a tree. Whoever fails is out for this repetition, and that is noted.
    fn generation(
        &self,
        order: &[&Program],
        tree: &Path,
        steps: fn(&Program) -> &'static [&'static str],
        (set, repetition): (&str, usize),
        results: &mut Results<'_>,
    ) -> Result<(), String> {
        for program in order {
            let place = Place::new(self.work, program.name);
            for step in steps(program) {
                if results.is_out(set, repetition, program.name) {
                    break;
                }
                match self.one(program, &place, tree, step) {
                    Ok(taken) => results.add(set, repetition, program, step, taken),
                    Err(why) => {
                        println!("  {:9} {step:9} FAILED: {why}", program.name);
                        results.fail(set, repetition, program, step, &why);
                    }
                }
            }
        }
        Ok(())
    }

    fn one(&self, program: &Program, place: &Place, tree: &Path, step: &str) -> Result<Taken, String> {
        for folder in [&place.cache, &place.restored] {
            fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        }
        let before = holds(&place.repository).unwrap_or_default();
        let mut taken = Taken::default();
        for command in program.commands(step, place, tree) {
            let command = match (program.variant, self.bounded) {
                (Variant::Bounded, Some(bounded)) => bounded.of(&command),
                _ => command,
            };
            taken = taken.and(measure(command, program.is_dr())?);
        }
        taken.repository = holds(&place.repository)?;
        taken.grown = taken.repository.bytes as f64 - before.bytes as f64;
        if matches!(program.variant, Variant::Cut(_)) && step == "backup1" {
            taken.metadata = Some(metadata(&place.repository)?);
        }
        if step.starts_with("restore") {
            let (whole, back) = (holds(tree)?, holds(&place.restored)?);
            // So that no step has the other programs' restored trees in its memory.
            fs::remove_dir_all(&place.restored).map_err(|e| e.to_string())?;
            if (whole.files, whole.bytes) != (back.files, back.bytes) {
                return Err(format!("it restored {back:?} of {whole:?}"));
            }
        }
        println!("  {:9} {step:9} {taken}", program.name);
        Ok(taken)
    }
}
