//! What dr is to reach on each set, and whether it did.
//!
//! A ratio is to the best of the encrypting, deduplicating programs that are here, in that step, unless one is named.
//! What could not be measured is never met.

use dr_sample::sets::Set;

use super::figures::{Figure, Results, cpu, grown, size, wall};
use super::many::Lists;
use super::measure::Taken;
use super::program::{DR, DR_BOUNDED, DR_FINE, DR_LEVEL3, DR_STD};
use super::shown::shown;
use super::wanted::Data;

/// A figure, or why there is none.
type Measured = Result<f64, String>;

pub struct Goal {
    /// What is asked.
    pub what: &'static str,
    /// The most it may be, by set; none where nothing is asked.
    most: fn(Set) -> Option<f64>,
    value: fn(&Results<'_>, &Data) -> Measured,
}

const GIB: f64 = (1u64 << 30) as f64;
/// Of fewer, the clock's hundredths are most of what an entry seems to cost.
const ENTRIES_LEAST: f64 = 1_000.0;
const BYTES_LEAST: f64 = GIB / 8.0;

fn is_one_file(set: Set) -> bool {
    matches!(set, Set::Image | Set::Dump)
}

/// In the order in which they are asked.
pub const GOALS: [Goal; 19] = [
    Goal {
        what: "first backup: CPU ÷ best",
        most: |_| Some(0.65),
        value: |results, data| to_best(results, data, DR, "backup1", cpu),
    },
    Goal {
        what: "first backup: CPU ÷ restic",
        most: |_| Some(0.3),
        value: |results, data| to_restic(results, data, "backup1", cpu),
    },
    Goal {
        what: "first backup: wall ÷ best",
        most: |_| Some(0.5),
        value: |results, data| to_best(results, data, DR, "backup1", wall),
    },
    Goal {
        what: "first backup: repository ÷ smallest",
        most: |set| Some(if set == Set::Dump { 1.16 } else { 1.12 }),
        value: |results, data| to_best(results, data, DR, "backup1", size),
    },
    Goal {
        what: "`--compression 3`: CPU ÷ best",
        most: |_| Some(1.05),
        value: |results, data| level_3(results, data, cpu),
    },
    Goal {
        what: "`--compression 3`: wall ÷ best",
        most: |_| Some(0.6),
        value: |results, data| level_3(results, data, wall),
    },
    Goal {
        what: "`--compression 3`: repository ÷ smallest",
        most: |_| Some(1.02),
        value: |results, data| level_3(results, data, size),
    },
    Goal {
        what: "no change, key file: µs of CPU an entry, after 60 ms",
        // Of one entry there is nothing to divide by.
        most: |set| (!is_one_file(set)).then_some(8.0),
        value: |results, data| {
            let entries = raw(results, data)?.0;
            if entries < ENTRIES_LEAST {
                return Err(format!("less than {ENTRIES_LEAST} entries"));
            }
            let taken = ours(results, data, "backup2", cpu)?;
            Ok((taken - 0.06).max(0.0) * 1e6 / entries)
        },
    },
    Goal {
        what: "second generation: CPU ÷ best",
        most: |_| Some(0.6),
        value: |results, data| to_best(results, data, DR, "backup3", cpu),
    },
    Goal {
        what: "second generation: growth ÷ restic's",
        most: |set| (!is_one_file(set)).then_some(0.8),
        value: |results, data| to_restic(results, data, "backup3", grown),
    },
    Goal {
        what: "second generation: growth ÷ best",
        most: |set| is_one_file(set).then_some(0.2),
        value: |results, data| to_best(results, data, DR, "backup3", grown),
    },
    Goal {
        what: "restore: CPU ÷ best",
        most: |_| Some(0.8),
        value: |results, data| to_best(results, data, DR, "restore", cpu),
    },
    Goal {
        what: "restore: wall ÷ best",
        most: |_| Some(0.6),
        value: |results, data| to_best(results, data, DR, "restore", wall),
    },
    Goal {
        what: "restore of generation 1: bytes fetched ÷ repository",
        most: |_| Some(1.05),
        value: |results, data| {
            ours(results, data, "restore1", |taken| {
                taken.fetched.map_or(f64::NAN, |fetched| fetched as f64 / taken.repository.bytes as f64)
            })
        },
    },
    Goal {
        what: "check of all data: CPU ÷ restic",
        most: |_| Some(0.4),
        value: |results, data| to_restic(results, data, "check", cpu),
    },
    Goal {
        what: "every step in 128 MiB: steps that failed",
        most: |_| Some(0.0),
        value: |results, data| {
            if results.programs.iter().all(|program| program.name != DR_BOUNDED) {
                return Err("needs root".into());
            }
            let failed = results.failures.iter().filter(|(set, who, _, _)| *set == data.name && *who == DR_BOUNDED);
            Ok(failed.count() as f64)
        },
    },
    Goal {
        what: "objects per GiB of data",
        most: |_| Some(40.0),
        value: |results, data| {
            let objects = ours(results, data, "backup1", |taken| taken.repository.files as f64)?;
            Ok(objects / (enough(results, data)? / GIB))
        },
    },
    Goal {
        what: "metadata, % of data, cut at 64 KiB",
        most: |set| is_one_file(set).then_some(0.15),
        value: |results, data| metadata(results, data, DR_STD),
    },
    Goal {
        what: "metadata, % of data, cut at 16 KiB",
        most: |set| is_one_file(set).then_some(0.55),
        value: |results, data| metadata(results, data, DR_FINE),
    },
];

/// What is asked of a list: CPU seconds.
pub struct ListGoal {
    pub what: &'static str,
    pub most: f64,
    pub of: fn(&Lists) -> &Taken,
}

pub const LISTS: [ListGoal; 2] = [
    ListGoal { what: "unlock with a key file and list: CPU s", most: 0.15, of: |lists| &lists.key_file },
    ListGoal { what: "unlock with a password and list: CPU s", most: 0.5, of: |lists| &lists.password },
];

fn found(value: Option<f64>) -> Measured {
    value.ok_or_else(|| "the step did not run to its end".into())
}

fn ours(results: &Results<'_>, data: &Data, step: &str, figure: Figure) -> Measured {
    found(results.median(&data.name, DR, step, figure))
}

fn to_best(results: &Results<'_>, data: &Data, who: &str, step: &str, figure: Figure) -> Measured {
    if results.peers().next().is_none() {
        return Err("no other program is here".into());
    }
    found(results.to_best(&data.name, who, step, figure))
}

fn level_3(results: &Results<'_>, data: &Data, figure: Figure) -> Measured {
    to_best(results, data, DR_LEVEL3, "backup1", figure)
}

fn to_restic(results: &Results<'_>, data: &Data, step: &str, figure: Figure) -> Measured {
    if results.absent.contains(&"restic") {
        return Err("restic is not here".into());
    }
    found(results.ratio(&data.name, (DR, &["restic"]), step, figure))
}

/// Entries and bytes of a set.
fn raw(results: &Results<'_>, data: &Data) -> Result<(f64, f64), String> {
    let held = results.raw.get(&data.name).ok_or("the set was not made")?;
    Ok((held.entries.max(1) as f64, held.bytes.max(1) as f64))
}

/// The bytes of a set that is so large that what every repository holds does not matter.
fn enough(results: &Results<'_>, data: &Data) -> Measured {
    match raw(results, data)?.1 {
        bytes if bytes >= BYTES_LEAST => Ok(bytes),
        _ => Err("less than 128 MiB of data".into()),
    }
}

fn metadata(results: &Results<'_>, data: &Data, who: &str) -> Measured {
    let bytes = |taken: &Taken| taken.metadata.map_or(f64::NAN, |bytes| bytes as f64);
    let bytes = found(results.median(&data.name, who, "backup1", bytes))?;
    Ok(bytes / enough(results, data)? * 100.0)
}

impl Goal {
    /// Its row: what is asked, the figure of each set, the verdict.
    pub fn row(&self, results: &Results<'_>, sets: &[Data]) -> String {
        let asked: Vec<(&Data, f64)> = sets.iter().filter_map(|data| Some((data, (self.most)(data.set)?))).collect();
        let mut bounds: Vec<String> = asked.iter().map(|(_, most)| shown(*most)).collect();
        bounds.dedup();
        let mut row =
            format!("| {} | ≤ {} |", self.what, if bounds.is_empty() { "–".into() } else { bounds.join(" or ") });
        let mut judged = Vec::new();
        for data in sets {
            match (self.most)(data.set) {
                None => row += "  |",
                Some(most) => {
                    let value = (self.value)(results, data);
                    row += &format!(" {} |", value.as_ref().map_or("–".into(), |value| shown(*value)));
                    judged.push((data.name.as_str(), value.map(|value| value <= most)));
                }
            }
        }
        row + &format!(" {} |\n", verdict(&judged))
    }
}

/// Met, missed or not measured. Sets that nothing is asked of are not in it.
pub fn verdict(judged: &[(&str, Result<bool, String>)]) -> String {
    let missed: Vec<&str> = judged.iter().filter(|(_, met)| *met == Ok(false)).map(|(set, _)| *set).collect();
    let mut whys: Vec<&str> = judged.iter().filter_map(|(_, met)| met.as_ref().err().map(String::as_str)).collect();
    whys.dedup();
    let mut words = Vec::new();
    if !missed.is_empty() {
        words.push(format!("**missed**: {}", missed.join(", ")));
    }
    if !whys.is_empty() {
        words.push(format!("not measured: {}", whys.join("; ")));
    }
    match (words.is_empty(), judged.is_empty()) {
        (true, false) => "met".into(),
        (true, true) => "not measured: no such set was asked for".into(),
        _ => words.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_not_met() {
        let no = || Err("restic is not here".to_owned());
        assert_eq!(verdict(&[("source", Ok(true)), ("mixed", Ok(true))]), "met");
        assert_eq!(verdict(&[("source", Ok(true)), ("mixed", Ok(false))]), "**missed**: mixed");
        assert_eq!(verdict(&[("source", no()), ("mixed", no())]), "not measured: restic is not here");
        assert_eq!(verdict(&[("a", Ok(false)), ("b", no())]), "**missed**: a; not measured: restic is not here");
        assert_eq!(verdict(&[]), "not measured: no such set was asked for");
    }
}
