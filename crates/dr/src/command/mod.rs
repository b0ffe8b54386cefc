//! What dr can be asked for: one file per verb, holding what is typed, its help, and what is done.

mod ack;
mod approve;
mod check;
mod checked;
mod completion;
mod copy;
mod daemon;
mod doctor;
mod due;
mod erase;
mod erased;
pub mod examples;
mod failure;
mod forget;
mod hold;
mod init;
mod key;
mod ledger;
mod look;
mod manual;
pub mod meant;
mod media;
mod moved;
pub mod named;
pub mod opened;
mod plan;
mod prune;
mod pruned;
mod put_back;
mod quickstart;
mod rehearse;
mod repair;
mod repaired;
mod repo;
mod report;
mod restore;
mod run;
mod sealed;
mod service;
mod snapshots;
mod status;
mod times;
mod unfinished;
mod watching;

use clap::Subcommand;

use crate::exit::{Failure, Outcome};
use crate::world::World;

/// The verbs.
#[derive(Subcommand)]
pub enum Command {
    Quickstart(quickstart::Quickstart),
    Init(init::Init),
    Run(run::Run),
    Daemon(daemon::Daemon),
    Status(status::Status),
    Snapshots(snapshots::Snapshots),
    Ls(look::Ls),
    Find(look::Find),
    Diff(look::Diff),
    Dump(look::Dump),
    Restore(restore::Restore),
    Check(check::Check),
    Repair(repair::Repair),
    Copy(copy::Copy),
    Forget(forget::Forget),
    Prune(prune::Prune),
    Hold(hold::Hold),
    Erase(erase::Erase),
    Key(key::Keys),
    Media(media::Media),
    Plan(plan::Plan),
    Ack(ack::Ack),
    Approve(approve::Approve),
    Report(report::Report),
    Ledger(ledger::Ledger),
    Service(service::Service),
    Doctor(doctor::Doctor),
    Completion(completion::Completion),
    Manual(manual::Manual),
    Repo(repo::Repo),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`], for a person to read.
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        match self {
            Self::Quickstart(args) => args.run(world),
            Self::Init(args) => args.run(world),
            Self::Run(args) => args.run(world),
            Self::Daemon(args) => args.run(world),
            Self::Status(args) => args.run(world),
            Self::Snapshots(args) => args.run(world),
            Self::Ls(args) => args.run(world),
            Self::Find(args) => args.run(world),
            Self::Diff(args) => args.run(world),
            Self::Dump(args) => args.run(world),
            Self::Restore(args) => args.run(world),
            Self::Check(args) => args.run(world),
            Self::Repair(args) => args.run(world),
            Self::Copy(args) => args.run(world),
            Self::Forget(args) => args.run(world),
            Self::Prune(args) => args.run(world),
            Self::Hold(args) => args.run(world),
            Self::Erase(args) => args.run(world),
            Self::Key(args) => args.run(world),
            Self::Media(args) => args.run(world),
            Self::Plan(args) => args.run(world),
            Self::Ack(args) => args.run(world),
            Self::Approve(args) => args.run(world),
            Self::Report(args) => args.run(world),
            Self::Ledger(args) => args.run(world),
            Self::Service(args) => args.run(world),
            Self::Doctor(args) => args.run(world),
            Self::Completion(args) => args.run(world),
            Self::Manual(args) => args.run(world),
            Self::Repo(args) => args.run(world),
        }
    }
}
