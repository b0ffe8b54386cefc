//! How are systems, targets, snapshots, moments and people named on the command line? The same way for every command: each
//! kind of argument stands here once, with what is made of it.

use clap::Args;
use dr_plan::{PersonId, Plan, System, SystemId};
use dr_run::{School, Which, person};

use super::opened::run_failure;
pub use crate::command::times::{day, no_time, period, time};
use crate::context::Context;
use crate::exit::Failure;
use crate::moment::{Side, Toward};
use crate::shown;

/// One system.
#[derive(Args, Clone)]
pub struct OneSystem {
    /// A system of the plan, by its id or its title
    #[arg(value_name = "SYSTEM")]
    pub system: String,
}

/// Any number of systems.
#[derive(Args, Clone)]
pub struct Systems {
    /// Systems of the plan, by id or title; without a name, all of them
    #[arg(value_name = "SYSTEM")]
    pub systems: Vec<String>,
}

impl Systems {
    /// Those that are named, each once; the state of `dr` is one as well.
    ///
    /// # Errors
    /// [`Failure`] with the names that there are.
    pub fn ids(&self, school: &School, context: &Context<'_>) -> Result<Vec<SystemId>, Failure> {
        let mut ids = Vec::new();
        for name in &self.systems {
            let id = school.system_or_state(name).map_err(|e| run_failure(e, context))?.id.clone();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Those of the plan that are named, each once, or all.
    ///
    /// # Errors
    /// As [`Systems::ids`].
    pub fn of_the_plan<'a>(&self, school: &'a School, context: &Context<'_>) -> Result<Vec<&'a System>, Failure> {
        let mut systems: Vec<&System> = Vec::new();
        for name in &self.systems {
            let system = school.system(name).map_err(|e| run_failure(e, context))?;
            if systems.iter().all(|other| other.id != system.id) {
                systems.push(system);
            }
        }
        Ok(if systems.is_empty() { school.plan.systems.iter().collect() } else { systems })
    }
}

/// Where something is done on copies.
#[derive(Args, Clone)]
pub struct OnTarget {
    /// On this target of the plan and no other
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
}

/// Where something is read of one copy.
#[derive(Args, Clone)]
pub struct FromTarget {
    /// From this target of the plan and no other; else from the freshest copy that can be read, on-site first
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
}

/// One snapshot of a system.
#[derive(Args)]
pub struct Moment {
    /// Which snapshot: its id, the first 8 digits or more of it, or the newest
    #[arg(long, value_name = "ID|latest", default_value = "latest", conflicts_with = "as_of")]
    pub snapshot: String,
    /// The newest snapshot whose capture began by then: 2026-11-20, yesterday, "friday 12:48"
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
}

impl Moment {
    /// As it is meant.
    ///
    /// # Errors
    /// [`Failure`] for a time that is none.
    pub fn which(&self, school: &School) -> Result<Which, Failure> {
        match &self.as_of {
            Some(text) => Ok(Which::AsOf(time(text, school, Side::End, Toward::Past)?)),
            None if self.snapshot != "latest" && time(&self.snapshot, school, Side::End, Toward::Past).is_ok() => {
                let text = shown::name(self.snapshot.as_bytes());
                Err(Failure::usage(format!("`{text}` is a time: --as-of \"{text}\" takes the newest snapshot of then")))
            }
            None => Ok(by_id(&self.snapshot)),
        }
    }

    /// Whether one of the snapshots is named by its id, so that it can be of one system only.
    pub fn is_an_id(&self) -> bool {
        matches!(by_id(&self.snapshot), Which::Id(_))
    }
}

/// A snapshot by its id, or the newest.
pub fn by_id(name: &str) -> Which {
    if name == "latest" { Which::Latest } else { Which::Id(name.to_owned()) }
}

/// A snapshot by its id, or by a moment up to which it was made, where there is no option for that.
pub fn snapshot(name: &str, school: &School) -> Which {
    match time(name, school, Side::End, Toward::Past) {
        Ok(at) if name != "now" => Which::AsOf(at),
        _ => by_id(name),
    }
}

/// Who else agrees.
#[derive(Args, Clone)]
pub struct ApprovedBy {
    /// Who else agrees, for a system that the plan marks as sensitive: id or name in the plan
    #[arg(long, value_name = "PERSON")]
    approved_by: Option<String>,
}

impl ApprovedBy {
    /// The person.
    ///
    /// # Errors
    /// [`Failure`] with whom the plan knows.
    pub fn person(&self, plan: &Plan, context: &Context<'_>) -> Result<Option<PersonId>, Failure> {
        self.approved_by.as_ref().map(|name| person(plan, name)).transpose().map_err(|e| run_failure(e, context))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use clap::{Command, CommandFactory as _};

    use crate::args::Dr;

    /// Options that are of several kinds, because their commands are.
    const SEVERAL: [&str; 4] = ["from", "to", "until", "out"];
    /// What is named without an option.
    const IN_PLACE: [&str; 19] = [
        "A",
        "B",
        "DIR",
        "FILE",
        "FROM",
        "GAP",
        "ID",
        "ID|SYSTEM",
        "ID|latest",
        "LABEL",
        "PATH",
        "PATTERN",
        "SHELL",
        "SYSTEM",
        "SYSTEM|DIR",
        "TARGET",
        "TO",
        "URL",
        "WHAT",
    ];

    fn each(command: &Command, see: &mut impl FnMut(&clap::Arg, &str)) {
        for argument in command.get_arguments() {
            see(argument, command.get_name());
        }
        command.get_subcommands().for_each(|below| each(below, see));
    }

    #[test]
    fn an_option_of_one_name_takes_the_same_kind_of_value_everywhere() {
        let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut places = BTreeSet::new();
        each(&Dr::command(), &mut |argument, command| {
            let value =
                argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>();
            match argument.get_long() {
                Some(long) if argument.get_action().takes_values() => {
                    kinds.entry(long.to_owned()).or_default().insert(value.join(" "));
                }
                Some(_) => {}
                None => {
                    places.insert((value.join(" "), command.to_owned()));
                }
            }
        });
        for (long, kinds) in &kinds {
            assert!(kinds.len() == 1 || SEVERAL.contains(&long.as_str()), "--{long} takes {kinds:?}");
        }
        assert_eq!(kinds["target"].first().map(String::as_str), Some("TARGET"));
        assert!(!kinds.contains_key("reason"), "a reason is --because");
        for (value, command) in &places {
            assert!(IN_PLACE.contains(&value.as_str()), "{command} takes {value}");
            assert!(value != "TARGET" || command == "check", "{command} takes a target without --target");
        }
    }
}
