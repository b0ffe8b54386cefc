//! `dr repo check`: whether everything is there and whole.

use clap::Args;
use dr_repo::{CheckReport, Finding, RepoError, Tally};
use serde_json::json;

use crate::cache::Cache;
use crate::command::checked::{self, Budget, Much, budget};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::{observe, shown};

/// Check that everything is there and whole
///
/// Without --read-data: the log, the keys, the index, every tree, and that every pack is there with the right
/// length. What is damaged is named with the files that it costs (exit code 3); a check that could not run is 2. The
/// repository remembers what was read.
#[derive(Args)]
pub struct Check {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// Also read every byte, open every chunk, and compare what each backup uses with its own list
    #[arg(long)]
    read_data: bool,
    /// Also read a part of the contents: `10%`, another part each time, or `20GiB`, what nobody has read for longest
    #[arg(long, value_name = "PERCENT|SIZE", conflicts_with = "read_data", value_parser = part)]
    read_data_subset: Option<Part>,
    /// Also read what nobody has read for longest, for so long or so much: `30m`, `2h` or `10GiB`
    #[arg(long, value_name = "PERIOD|SIZE", conflicts_with_all = ["read_data", "read_data_subset"], value_parser = budget)]
    budget: Option<Budget>,
    /// Without any key: only whether the objects are what the log says. Damage is found, what it costs is not
    #[arg(long)]
    no_key: bool,
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
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        match self.look(context) {
            Ok(checked) => {
                context.screen.document(&checked::as_json(&checked));
                Ok(checked::tell(&checked, None, &format!("dr repo prune {}", self.place.shown()), context.screen))
            }
            Err(failure) => {
                context.screen.document(&json!({
                    "verdict": "could-not-verify", "findings": [], "why": failure.message,
                }));
                context.screen.error(&failure.message);
                Ok(Outcome::done().with(true, failure.cause))
            }
        }
    }

    fn look(&self, context: &Context<'_>) -> Result<CheckReport, Failure> {
        if self.no_key {
            return self.scrub(context);
        }
        let repository = match self.place.try_open(Access::Read, context)? {
            Ok(repository) => repository,
            // Not to be opened for damage is a finding like any other, and the worst.
            Err(RepoError::Damaged { object, what }) => {
                let what = format!("{what}; without it the repository does not open");
                let mut checked = CheckReport::default();
                checked.findings.push(Finding { object, what, lost: Vec::new() });
                return Ok(checked);
            }
            Err(error) => return Err(failure_text::repo(&error, Operation::Opening, &context.signals)),
        };
        failure_text::single_writer(repository.store(), context.screen);
        let not_run = |error| self.not_run(&error, context);
        let much = self.how_much();
        let tally = Tally::default();
        let checked = observe::while_shown(context.screen, &tally, observe::checking, || {
            checked::run(&repository, much, context.signals.stop(), &tally)
        })
        .map_err(not_run)?;
        let store = || self.place.store(Access::Write, context).map_err(RepoError::from);
        let cache = Cache::of(repository.id(), context.screen);
        checked::remember(&repository, &checked, store, cache.journal(), context.screen);
        Ok(checked)
    }

    /// The check did not run to its end, for whatever reason: nothing is known.
    fn not_run(&self, error: &RepoError, context: &Context<'_>) -> Failure {
        let Failure { cause, message } = failure_text::repo(error, Operation::Reading, &context.signals);
        let cause = if cause == Cause::Failed { Cause::Unverified } else { cause };
        Failure::new(cause, format!("the check of {} did not end: {message}", self.place.shown()))
    }

    fn scrub(&self, context: &Context<'_>) -> Result<CheckReport, Failure> {
        let tally = Tally::default();
        let much = self.how_much();
        let not_run = |error| self.not_run(&error, context);
        let store = self.place.store(Access::Read, context).map_err(|error| not_run(error.into()))?;
        observe::while_shown(context.screen, &tally, observe::checking, || {
            checked::scrub(&store, much, context.signals.stop(), &tally)
        })
        .map_err(not_run)
    }

    fn how_much(&self) -> Much {
        match (self.read_data, self.budget, self.read_data_subset) {
            (true, ..) => Much::Everything,
            (_, Some(budget), _) => Much::Within(budget),
            (.., Some(Part::Of(part))) => Much::Part(part),
            (.., Some(Part::Bytes(bytes))) => Much::Within(Budget::Bytes(bytes)),
            _ => Much::Nothing,
        }
    }
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
