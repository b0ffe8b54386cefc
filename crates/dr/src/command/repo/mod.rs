//! `dr repo`: one repository by its address, without a plan.

mod accept_rollback;
mod backup;
mod check;
mod copy;
mod diff;
mod dump;
mod erase;
mod find;
mod forget;
mod init;
mod ls;
mod mount;
mod prune;
mod repair;
mod restore;
mod snapshots;
mod stats;
mod stdin;
mod take_over;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::exit::{Failure, Outcome};

/// One repository by its address, without a plan
///
/// URL is a path or file:// and a path. The password comes from DR_PASSWORD, DR_PASSWORD_FILE,
/// DR_PASSWORD_COMMAND (a program and its arguments, no shell) or a prompt; DR_KEY_FILE names a key file instead.
#[derive(Args)]
pub struct Repo {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Init(init::Init),
    Backup(backup::Backup),
    Snapshots(snapshots::Snapshots),
    Ls(ls::Ls),
    Find(find::Find),
    Diff(diff::Diff),
    Dump(dump::Dump),
    Restore(restore::Restore),
    Mount(mount::Mount),
    Copy(copy::Copy),
    Check(check::Check),
    Repair(repair::Repair),
    Forget(forget::Forget),
    Prune(prune::Prune),
    Erase(erase::Erase),
    Stats(stats::Stats),
    AcceptRollback(accept_rollback::AcceptRollback),
    TakeOver(take_over::TakeOver),
}

impl Repo {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        match &self.verb {
            Verb::Init(args) => args.run(context),
            Verb::Backup(args) => args.run(context),
            Verb::Snapshots(args) => args.run(context),
            Verb::Ls(args) => args.run(context),
            Verb::Find(args) => args.run(context),
            Verb::Diff(args) => args.run(context),
            Verb::Dump(args) => args.run(context),
            Verb::Restore(args) => args.run(context),
            Verb::Mount(args) => args.run(context),
            Verb::Copy(args) => args.run(context),
            Verb::Check(args) => args.run(context),
            Verb::Repair(args) => args.run(context),
            Verb::Forget(args) => args.run(context),
            Verb::Prune(args) => args.run(context),
            Verb::Erase(args) => args.run(context),
            Verb::Stats(args) => args.run(context),
            Verb::AcceptRollback(args) => args.run(context),
            Verb::TakeOver(args) => args.run(context),
        }
    }
}
