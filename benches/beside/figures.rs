//! What was measured, and how it is summed up: medians, and medians of the ratios within a repetition.

use std::collections::BTreeMap;

use super::load::load;
use super::many::Lists;
use super::measure::{Held, Taken};
use super::program::{DR, Program, Variant};

/// Set, program and step.
type Row = (String, &'static str, &'static str);

pub struct Results<'a> {
    pub programs: &'a [Program],
    /// Peers that are not here.
    pub absent: Vec<&'static str>,
    /// The load when it began.
    pub load: String,
    /// What each set holds before anything changed.
    pub raw: BTreeMap<String, Held>,
    pub lists: Vec<Lists>,
    /// What failed: set, program, step, why.
    pub failures: Vec<(String, &'static str, &'static str, String)>,
    out: Vec<(String, usize, &'static str)>,
    taken: BTreeMap<Row, BTreeMap<usize, Taken>>,
}

/// One number of a step.
pub type Figure = fn(&Taken) -> f64;

pub fn cpu(taken: &Taken) -> f64 {
    taken.cpu
}

pub fn wall(taken: &Taken) -> f64 {
    taken.wall
}

pub fn size(taken: &Taken) -> f64 {
    taken.repository.bytes as f64
}

pub fn grown(taken: &Taken) -> f64 {
    taken.grown
}

impl<'a> Results<'a> {
    pub fn new(programs: &'a [Program], absent: Vec<&'static str>) -> Self {
        Self {
            programs,
            absent,
            load: load(),
            raw: BTreeMap::new(),
            lists: Vec::new(),
            failures: Vec::new(),
            out: Vec::new(),
            taken: BTreeMap::new(),
        }
    }

    pub fn raw(&mut self, set: &str, held: Held) {
        self.raw.entry(set.to_owned()).or_insert(held);
    }

    pub fn list(&mut self, lists: Lists) {
        self.lists.push(lists);
    }

    pub fn add(&mut self, set: &str, repetition: usize, program: &Program, step: &'static str, taken: Taken) {
        self.taken.entry((set.to_owned(), program.name, step)).or_default().insert(repetition, taken);
    }

    pub fn fail(&mut self, set: &str, repetition: usize, program: &Program, step: &'static str, why: &str) {
        self.failures.push((set.to_owned(), program.name, step, why.to_owned()));
        self.out.push((set.to_owned(), repetition, program.name));
    }

    /// Whether an earlier step of that repetition failed.
    pub fn is_out(&self, set: &str, repetition: usize, program: &str) -> bool {
        self.out.iter().any(|(at, rep, out)| at == set && *rep == repetition && *out == program)
    }

    pub fn peers(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().filter(|program| program.variant == Variant::Peer)
    }

    /// A figure by repetition.
    fn each(&self, set: &str, program: &str, step: &str, figure: Figure) -> BTreeMap<usize, f64> {
        let row = self.taken.iter().find(|((at, who, what), _)| at == set && *who == program && *what == step);
        let figures = row.into_iter().flat_map(|(_, taken)| taken);
        figures.map(|(repetition, taken)| (*repetition, figure(taken))).collect()
    }

    /// The median of a figure; none if it was not measured.
    pub fn median(&self, set: &str, program: &str, step: &str, figure: Figure) -> Option<f64> {
        median(self.each(set, program, step, figure).into_values().collect())
    }

    /// The median of the ratios to the best of `others` in each repetition.
    pub fn ratio(&self, set: &str, (ours, others): (&str, &[&str]), step: &str, figure: Figure) -> Option<f64> {
        let all: Vec<_> = others.iter().map(|other| self.each(set, other, step, figure)).collect();
        let ratios = self.each(set, ours, step, figure).into_iter().filter_map(|(repetition, ours)| {
            let best = all.iter().filter_map(|other| other.get(&repetition)).copied().reduce(f64::min)?;
            Some(ours / best)
        });
        median(ratios.collect())
    }

    /// The median of the ratios of dr to the best of all peers.
    pub fn to_best(&self, set: &str, ours: &str, step: &str, figure: Figure) -> Option<f64> {
        let peers: Vec<&str> = self.peers().map(|peer| peer.name).collect();
        self.ratio(set, (ours, &peers), step, figure)
    }

    /// The highest peak of a program on a set, in bytes.
    pub fn peak(&self, set: &str, program: &str) -> Option<f64> {
        let rows = self.taken.iter().filter(|((at, who, _), _)| at == set && *who == program);
        rows.flat_map(|(_, taken)| taken.values()).map(|taken| taken.memory as f64).reduce(f64::max)
    }

    /// The median of what dr's lists cost.
    pub fn list_cpu(&self, of: fn(&Lists) -> &Taken) -> Option<f64> {
        median(self.lists.iter().map(|lists| of(lists).cpu).collect())
    }

    /// Whether dr itself failed anywhere.
    pub fn dr_failed(&self) -> bool {
        self.failures.iter().any(|(_, program, _, _)| *program == DR)
    }
}

/// The middle of what are numbers; none if nothing is.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(high), 0) => Some((values[middle - 1] + high) / 2.0),
        (value, _) => value.copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_numbers_only() {
        assert_eq!(median(vec![3.0, f64::NAN, 1.0, 2.0, f64::INFINITY]), Some(2.0));
        assert_eq!(median(vec![1.0, 2.0]), Some(1.5));
        assert_eq!(median(vec![f64::NAN]), None);
    }
}
