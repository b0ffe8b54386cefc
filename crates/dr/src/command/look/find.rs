//! `dr find`: in which snapshots of a system something is.

use clap::Args;
use dr_run::{Kept, Which};

use super::sought::{Sought, Telling};
use super::{From, View};
use crate::args::World;
use crate::command::opened::{school, told};
use crate::exit::{Failure, Outcome};

/// Find files in a system's snapshots, and say in which they are
///
/// Each version of a file is a line: the newest and the oldest of the snapshots in a row that hold these contents.
#[derive(Args)]
pub struct Find {
    /// A system of the plan
    #[arg(value_name = "SYSTEM")]
    system: String,
    #[command(flatten)]
    sought: Sought,
    #[command(flatten)]
    from: From,
}

impl Find {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let school = school(world)?;
        let looked = self.from.open(&self.system, &school, world)?;
        let failed = |e| told(e, world);
        let mut kept = looked.all().map_err(failed)?;
        if !self.sought.snapshots.is_empty() {
            let mut ids = Vec::new();
            for name in &self.sought.snapshots {
                let which = if name == "latest" { Which::Latest } else { Which::Id(name.clone()) };
                ids.push(looked.one(&which).map_err(failed)?.tree.id);
            }
            kept.retain(|kept| ids.contains(&kept.id));
        }
        let zone = school.plan.school.timezone.clone();
        let views: Vec<View<'_>> =
            looked.opened.iter().map(|one| View { repository: &one.repository, world, zone: zone.clone() }).collect();
        let Some(first) = views.first() else { return Ok(Outcome::done()) };
        let question = self.sought.question(first)?;
        let mut telling = Telling::begin(first);
        for (copy, view) in views.iter().enumerate() {
            let mut trees = Vec::new();
            for Kept { id, .. } in kept.iter().filter(|kept| kept.copy == copy) {
                match view.repository.tree(*id) {
                    Ok(tree) => trees.push(tree),
                    Err(why) => telling.lost(&format!("not searched: snapshot {id}: {why}")),
                }
            }
            if !telling.search(view, trees, &question)? {
                break;
            }
        }
        Ok(telling.end())
    }
}
