//! `dr repo copy`: snapshots into another repository of the family.

use clap::Args;
use dr_repo::{CopyOptions, RepoError, Repository, SnapshotId, Tally};
use dr_run::clock;

use super::snapshots::log_is_damaged;
use crate::cache::Cache;
use crate::command::look::View;
use crate::command::moved::Told;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::{env, observe};

/// Copy snapshots into another repository of the same family
///
/// Oldest first; what TO has is not moved again, and nothing is compressed or encrypted again. With a snapshot of which
/// something is damaged, the damage is named, that snapshot is left out, and the exit code is 3. `dr repo init TO
/// --family-of FROM` makes a repository that can take copies.
#[derive(Args)]
pub struct Copy {
    /// Where the snapshots are
    #[arg(value_name = "FROM", value_parser = place::parse)]
    from: Place,
    /// Where they are to be as well
    #[arg(value_name = "TO", value_parser = place::parse)]
    to: Place,
    /// Only these snapshots: an id, the first 8 digits or more of it, or the newest
    #[arg(value_name = "ID|latest", conflicts_with = "all")]
    ids: Vec<String>,
    /// All that FROM has, which is also what is done when nothing is said
    #[arg(long)]
    all: bool,
}

impl Copy {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let from = self.from.open(Access::Read, context)?;
        let told = |error: RepoError| failure_text::repo(&error, Operation::Copying, &context.signals);
        if !from.reads() {
            return Err(told(RepoError::CannotRead));
        }
        let ids = self.chosen(&from, context)?;
        let mut to = self.open_to(&from, context)?;
        if from.id() == to.id() {
            return Err(Failure::usage("FROM and TO are the same repository. Nothing was copied."));
        }
        let cache = Cache::of(to.id(), context.screen);
        let (scratch, tally) = (env::scratch_folder(), Tally::default());
        let options = CopyOptions {
            snapshots: &ids,
            journal: cache.journal(),
            scratch: &scratch,
            clock: &|| clock::now().as_millisecond(),
            stop: context.signals.stop(),
            tally: &tally,
        };
        let telling = Told::new(context.screen, &from);
        let copied = observe::while_shown(context.screen, &tally, observe::copying, || {
            dr_repo::copy(&from, &mut to, &options, &mut |id, fate| telling.fate(id, fate))
        })
        .map_err(told)?;
        let uncertain = log_is_damaged(&from);
        if uncertain {
            context.screen.warning("a log entry of FROM cannot be read: there may be snapshots that were not copied");
        }
        let outcome = telling.end(&copied, &to, !self.ids.is_empty());
        Ok(outcome.with(uncertain, Cause::Missing))
    }

    /// Which are asked for, oldest first.
    fn chosen(&self, from: &Repository, context: &Context<'_>) -> Result<Vec<SnapshotId>, Failure> {
        let view = View::local(from, context);
        let find = |name: &str| from.find(name).map(|snapshot| snapshot.id).map_err(|e| view.told(e));
        let wanted = self.ids.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
        let all = from.snapshots().into_iter().map(|snapshot| snapshot.id);
        Ok(all.filter(|id| wanted.is_empty() || wanted.contains(id)).collect())
    }

    fn open_to(&self, from: &Repository, context: &Context<'_>) -> Result<Repository, Failure> {
        let failed = |error: RepoError| match error {
            RepoError::WrongKey(_) => Failure::new(
                Cause::WrongKey,
                format!(
                    "{to} belongs to another family than {from}, and sealed bytes cannot move between families. Nothing \
                     was copied, both are as they were. `dr repo init DIR --family-of {from}` makes a repository that \
                     can take copies; to move data between families, restore it and back it up there.",
                    to = self.to.shown(),
                    from = self.from.shown(),
                ),
            ),
            other => failure_text::repo(&other, Operation::Opening, &context.signals),
        };
        // Only read before it is known that this is a repository: an empty mount point stays empty.
        let store = |access| self.to.store(access, context).map_err(|e| failed(e.into()));
        if !dr_repo::is_repository(&store(Access::Read)?).map_err(|e| failed(e.into()))? {
            return Err(failed(RepoError::NoRepository(self.to.shown())));
        }
        from.sibling(store(Access::Write)?).map_err(failed)
    }
}
