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
mod mount;
mod mounted;
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

use crate::context::Context;
use crate::exit::{Failure, Outcome};

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
    Mount(mount::Mount),
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
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        match self {
            Self::Quickstart(args) => args.run(context),
            Self::Init(args) => args.run(context),
            Self::Run(args) => args.run(context),
            Self::Daemon(args) => args.run(context),
            Self::Status(args) => args.run(context),
            Self::Snapshots(args) => args.run(context),
            Self::Ls(args) => args.run(context),
            Self::Find(args) => args.run(context),
            Self::Diff(args) => args.run(context),
            Self::Dump(args) => args.run(context),
            Self::Restore(args) => args.run(context),
            Self::Mount(args) => args.run(context),
            Self::Check(args) => args.run(context),
            Self::Repair(args) => args.run(context),
            Self::Copy(args) => args.run(context),
            Self::Forget(args) => args.run(context),
            Self::Prune(args) => args.run(context),
            Self::Hold(args) => args.run(context),
            Self::Erase(args) => args.run(context),
            Self::Key(args) => args.run(context),
            Self::Media(args) => args.run(context),
            Self::Plan(args) => args.run(context),
            Self::Ack(args) => args.run(context),
            Self::Approve(args) => args.run(context),
            Self::Report(args) => args.run(context),
            Self::Ledger(args) => args.run(context),
            Self::Service(args) => args.run(context),
            Self::Doctor(args) => args.run(context),
            Self::Completion(args) => args.run(context),
            Self::Manual(args) => args.run(context),
            Self::Repo(args) => args.run(context),
        }
    }
}
