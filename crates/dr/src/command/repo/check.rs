//! `dr repo check`: whether everything is there and whole.

use clap::Args;
use dr_repo::{Check as Options, Checked, Finding, ReadData, RepoError, Repository, Tally, check};
use dr_run::clock;
use serde_json::{Map, Value, json};

use crate::args::World;
use crate::exit::{Cause, Failure, Outcome};
use crate::place::{self, Access, Place};
use crate::told::{self, Doing};
use crate::{observe, shown};

/// Check that everything is there and whole
///
/// Without --read-data: the log, the keys, the index, every tree, and that every pack is there with the right
/// length. What is damaged is named with the files that it costs (exit code 3); a check that could not run is 2.
#[derive(Args)]
pub struct Check {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// Also read every byte and open every chunk
    #[arg(long)]
    read_data: bool,
    /// Also read a part of the contents, another one each time: `10%` or `20GiB`
    #[arg(long, value_name = "PERCENT|SIZE", conflicts_with = "read_data", value_parser = part)]
    read_data_subset: Option<Part>,
}

/// How much of the contents to read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Of(f64),
    Bytes(u64),
}

fn part(text: &str) -> Result<Part, String> {
    let wrong = || "it is a part from 0 to 100 such as `10%`, or a size such as `500M` or `20GiB`".to_owned();
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
        return if (0.0..=100.0).contains(&percent) { Ok(Part::Of(percent / 100.0)) } else { Err(wrong()) };
    }
    shown::read_size(text).map(Part::Bytes).map_err(|_| wrong())
}

impl Check {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        match self.look(world) {
            Ok(checked) => Ok(tell(&checked, world)),
            Err(failure) => {
                world.screen.document(&json!({
                    "verdict": "could-not-verify", "findings": [], "why": failure.message,
                }));
                world.screen.error(&failure.message);
                Ok(Outcome::done().with(true, failure.cause))
            }
        }
    }

    fn look(&self, world: &World<'_>) -> Result<Checked, Failure> {
        let repository = match self.place.try_open(Access::Read, world)? {
            Ok(repository) => repository,
            // Not to be opened for damage is a finding like any other, and the worst.
            Err(RepoError::Damaged { object, what }) => {
                let what = format!("{what}; without it the repository does not open");
                return Ok(Checked {
                    findings: vec![Finding { object, what, lost: Vec::new() }],
                    ..Checked::default()
                });
            }
            Err(error) => return Err(told::repo(&error, Doing::Opening, &world.signals)),
        };
        let not_run = |error: RepoError| {
            let Failure { cause, message } = told::repo(&error, Doing::Reading, &world.signals);
            // The check did not run to its end, for whatever reason: nothing is known.
            let cause = if cause == Cause::Failed { Cause::Unverified } else { cause };
            Failure::new(cause, format!("the check of {} did not end: {message}", self.place.shown()))
        };
        let read_data = self.how_much(&repository).map_err(not_run)?;
        let tally = Tally::default();
        let options = Options { read_data, stop: world.signals.stop(), tally: &tally };
        observe::while_shown(world.screen, &tally, observe::checking, || check(&repository, &options)).map_err(not_run)
    }

    fn how_much(&self, repository: &Repository) -> Result<ReadData, RepoError> {
        let part = match self.read_data_subset {
            _ if self.read_data => return Ok(ReadData::All),
            None => return Ok(ReadData::None),
            Some(Part::Of(part)) => part,
            Some(Part::Bytes(bytes)) => (bytes as f64 / repository.stats()?.bytes.max(1) as f64).min(1.0),
        };
        Ok(ReadData::Part { part, seed: clock::now().as_millisecond().unsigned_abs() })
    }
}

fn tell(checked: &Checked, world: &World<'_>) -> Outcome {
    let screen = world.screen;
    let damaged = !checked.findings.is_empty();
    // Nothing was looked at when the repository did not even open.
    let closed = damaged && checked.packs == 0 && checked.snapshots == 0 && checked.not_checked.is_empty();
    screen.document(&json!({
        "verdict": if damaged { "damaged" } else { "ok" },
        "findings": checked.findings.iter().map(as_json).collect::<Vec<_>>(),
        "packs": checked.packs,
        "packs_read": checked.packs_read,
        "bytes_read": checked.bytes_read,
        "snapshots": checked.snapshots,
        "not_checked": checked.not_checked,
    }));
    for finding in &checked.findings {
        screen.say(&format!("{}: {}", finding.object, finding.what));
        for (snapshot, path) in &finding.lost {
            screen.say(&format!("  lost in {}: {path}", &snapshot.to_string()[..8]));
        }
    }
    for what in &checked.not_checked {
        screen.mention(&format!("not looked at: {what}"));
    }
    screen.mention(&format!(
        "{}: {}, {}, {} read",
        if damaged {
            shown::count(checked.findings.len() as u64, "thing is damaged", "things are damaged")
        } else {
            "ok".to_owned()
        },
        shown::count(checked.snapshots, "snapshot", "snapshots"),
        shown::count(checked.packs, "pack", "packs"),
        shown::size(checked.bytes_read)
    ));
    Outcome::done().with(damaged, Cause::Missing).with(closed, Cause::Failed)
}

fn as_json(finding: &Finding) -> Value {
    let lost = finding.lost.iter().map(|(snapshot, path)| {
        let mut object = Map::new();
        object.insert("snapshot".into(), json!(snapshot.to_string()));
        shown::put_name(&mut object, "path", path.as_bytes());
        Value::Object(object)
    });
    json!({ "object": finding.object, "what": finding.what, "lost": lost.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_percents_or_sizes() {
        assert_eq!(part("10%"), Ok(Part::Of(0.1)));
        assert_eq!(part("100 %"), Ok(Part::Of(1.0)));
        assert_eq!(part("500M"), Ok(Part::Bytes(500 << 20)));
        assert_eq!(part("20GiB"), Ok(Part::Bytes(20 << 30)));
        for wrong in ["", "%", "-1%", "101%", "x", "5 parsecs", "99999999999T"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }
}
