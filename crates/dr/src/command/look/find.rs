//! `dr find`: in which snapshots of a system something is, or in which of all systems.

use clap::Args;
use dr_plan::System;
use dr_repo::SnapshotId;
use dr_run::{Kept, Looked, RunError, School, kept};

use super::query::{FindQuery, Question, Telling};
use super::{From, View};
use crate::command::named::by_id;
use crate::command::opened::{question, run_failure};
use crate::context::Context;
use crate::exit::{Failure, Outcome};

/// Find files in a system's snapshots, or in all systems', and say in which they are
///
/// Each version of a file is a line: the newest and the oldest of the snapshots in a row that hold these contents.
/// Without a system all of them are searched: `dr find '*.docx'`. A name is a whole one: `*zoo*` finds what has zoo
/// in it, and -i finds Zoo too. Ends with 1 if nothing was found, and with 3 if something could not be searched.
#[derive(Args, Clone)]
pub struct Find {
    /// A system of the plan, by its id or its title; without one, all of them
    #[arg(value_name = "SYSTEM")]
    system: Option<String>,
    #[command(flatten)]
    query: FindQuery,
    #[command(flatten)]
    from: From,
}

impl Find {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let school = question(context)?;
        match &self.system {
            Some(word) if self.is_system(&school, word) => self.in_one(word, &school, context),
            Some(word) => {
                let mut all = self.clone();
                all.query.also(word.clone());
                all.in_all(&school, context)
            }
            None => self.in_all(&school, context),
        }
    }

    /// Whether the first word is meant as a system. A pattern shows that it is one; a word by itself that is no system
    /// is a name to look for.
    fn is_system(&self, school: &School, word: &str) -> bool {
        school.system_or_state(word).is_ok()
            || (self.query.has_patterns() && !word.contains(['*', '?', '[', '{', '/', '.']))
    }

    fn in_one(&self, system: &str, school: &School, context: &Context<'_>) -> Result<Outcome, Failure> {
        let looked = self.from.open(system, school, context)?;
        let kept = looked.all().map_err(|e| run_failure(e, context))?;
        let kept = self.chosen(&looked, kept, context)?;
        let views = views(&looked, school, context);
        let Some(first) = views.first() else { return Ok(Outcome::done()) };
        let question = self.query.question(first)?;
        let mut telling = Telling::begin(first);
        search(&mut telling, &views, &kept, &question)?;
        Ok(telling.end(&self.query))
    }

    /// Each system that can be searched; one that needs a second person, and has none, is named.
    fn in_all(&self, school: &School, context: &Context<'_>) -> Result<Outcome, Failure> {
        let second = self.from.second(school, context)?;
        let (mut all, mut refused): (Vec<(&System, Looked<'_>)>, Vec<String>) = (Vec::new(), Vec::new());
        let searched = school.plan.systems.iter().filter(|system| system.source.supplier().is_none());
        for system in searched.filter(|system| system.source.runs()) {
            // Copies are opened once; whether somebody else agrees is asked for each system that needs it.
            if !system.sensitive && all.iter().any(|(other, _)| !other.sensitive) {
                continue;
            }
            match self.from.ask(system.id.as_str(), second.as_ref(), school) {
                Ok(looked) => all.push((system, looked)),
                Err(why @ RunError::SecondPerson { .. }) => {
                    refused.push(format!("{} was not searched: {why}", system.id));
                }
                Err(why) => return Err(run_failure(why, context)),
            }
        }
        let opened: Vec<Vec<View<'_>>> = all.iter().map(|(_, looked)| views(looked, school, context)).collect();
        let Some(first) = opened.iter().flatten().next() else {
            return Err(Failure::usage(match refused.is_empty() {
                true => "no copy of any system can be read now".to_owned(),
                false => refused.join("; "),
            }));
        };
        let question = self.query.question(first)?;
        let mut telling = Telling::begin(first);
        refused.iter().for_each(|why| telling.lost(why));
        for note in all.iter().flat_map(|(_, looked)| &looked.notes) {
            telling.lost(note);
        }
        for system in &school.plan.systems {
            let own = |(of, _): &(&System, Looked<'_>)| {
                if system.sensitive { of.id == system.id } else { !of.sensitive }
            };
            let Some(place) = all.iter().position(own) else { continue };
            let (looked, views) = (&all[place].1, &opened[place]);
            let mut snapshots: Vec<Kept> = Vec::new();
            for one in kept(&looked.opened, Some(&system.id)) {
                if snapshots.iter().all(|known| known.id != one.id) && self.names(one.id, &snapshots) {
                    snapshots.push(one);
                }
            }
            telling.of(system.id.as_str());
            if !search(&mut telling, views, &snapshots, &question)? {
                break;
            }
        }
        Ok(telling.end(&self.query))
    }

    /// Whether `--snapshot` names this one of a system's, newest first; `before` are those that were taken already.
    fn names(&self, id: SnapshotId, before: &[Kept]) -> bool {
        let id = id.to_string();
        let fits = |name: &String| if name == "latest" { before.is_empty() } else { id.starts_with(name.as_str()) };
        self.query.snapshots.is_empty() || self.query.snapshots.iter().any(fits)
    }

    /// Only the snapshots that were asked for.
    fn chosen(&self, looked: &Looked<'_>, mut kept: Vec<Kept>, context: &Context<'_>) -> Result<Vec<Kept>, Failure> {
        if self.query.snapshots.is_empty() {
            return Ok(kept);
        }
        let mut ids = Vec::new();
        for name in &self.query.snapshots {
            ids.push(looked.one(&by_id(name)).map_err(|e| run_failure(e, context))?.tree.id);
        }
        kept.retain(|kept| ids.contains(&kept.id));
        Ok(kept)
    }
}

fn views<'a>(looked: &'a Looked<'_>, school: &School, context: &'a Context<'a>) -> Vec<View<'a>> {
    let (zone, now) = (|| school.plan.school.timezone.clone(), school.clock.decided());
    looked.opened.iter().map(|one| View { repository: &one.repository, context, zone: zone(), now }).collect()
}

/// Looks through snapshots on the copies that have them. `false`: nobody listens any more.
fn search(
    telling: &mut Telling<'_>,
    views: &[View<'_>],
    kept: &[Kept],
    question: &Question<'_>,
) -> Result<bool, Failure> {
    for (copy, view) in views.iter().enumerate() {
        let mut trees = Vec::new();
        for Kept { id, .. } in kept.iter().filter(|kept| kept.copy == copy) {
            match view.repository.tree(*id) {
                Ok(tree) => trees.push(tree),
                Err(why) => telling.lost(&format!("not searched: snapshot {id}: {why}")),
            }
        }
        if !telling.search(view, trees, question)? {
            return Ok(false);
        }
    }
    Ok(true)
}
