//! `dr service`: the plan runs by itself, called by systemd or by cron.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::opened::question;
use crate::context::Context;
use crate::env;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;
use dr_setup::service::install::{self, Installed, Switched};
use dr_setup::service::wanted::{Wanted, wanted};
use dr_setup::service::{Caller, files};

/// Let systemd or cron run what is due
///
/// Every five minutes a timer of systemd, or a line of cron, calls `dr run --due`; with --daemon systemd keeps
/// `dr daemon` running instead. The units take away every right that the plan does not need: after a change of the
/// plan's folders or secrets, install again.
#[derive(Args)]
pub struct Service {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// The units, or the lines for cron, on standard output
    Print(Which),
    /// Write them to their places and switch them on; other files of dr's own go
    Install(Which),
    /// Switch them off and remove them; no file that dr did not write is touched
    Uninstall(Root),
}

#[derive(Args)]
struct Which {
    /// systemd; the default where it runs, and for print
    #[arg(long)]
    systemd: bool,
    /// cron
    #[arg(long, conflicts_with_all = ["systemd", "daemon"])]
    cron: bool,
    /// systemd keeps `dr daemon` running, instead of a timer
    #[arg(long)]
    daemon: bool,
    #[command(flatten)]
    root: Root,
}

#[derive(Args)]
struct Root {
    /// The root of another machine's files, such as an image
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

impl Service {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        match &self.verb {
            Verb::Print(which) => print(context, which),
            Verb::Install(which) => install(context, which),
            Verb::Uninstall(root) => uninstall(context, &root.root),
        }
    }
}

impl Which {
    fn caller(&self, default: Caller) -> Caller {
        match () {
            () if self.daemon => Caller::Daemon,
            () if self.cron => Caller::Cron,
            () if self.systemd => Caller::Timer,
            () => default,
        }
    }
}

fn wanted_here(context: &Context<'_>) -> Result<Wanted, Failure> {
    let mut school = question(context)?;
    let no_path = |what: &str, why: std::io::Error| Failure::new(Cause::Failed, format!("{what} is not known: {why}"));
    school.places.plan = std::path::absolute(&school.places.plan).map_err(|why| no_path("the plan's place", why))?;
    school.places.cache = std::path::absolute(&school.places.cache).map_err(|why| no_path("the cache's place", why))?;
    let program = env::program().map_err(|why| no_path("where dr itself is", why))?;
    let user = uzers::get_user_by_uid(uzers::get_effective_uid()).filter(|user| user.uid() != 0);
    let user = user.map(|user| user.name().to_string_lossy().into_owned());
    let wanted = wanted(&school.plan, &school.places, program, user);
    match wanted.unwritable() {
        None => Ok(wanted),
        Some(path) => Err(Failure::usage(format!(
            "{} cannot stand in a unit or a line of cron: give that folder another name. Nothing was written.",
            shown::path(path)
        ))),
    }
}

fn print(context: &Context<'_>, which: &Which) -> Result<Outcome, Failure> {
    let (caller, screen) = (which.caller(Caller::Timer), context.screen);
    let files = files(caller, &wanted_here(context)?);
    let shown: Vec<_> =
        files.iter().map(|file| json!({ "path": format!("/{}", file.path), "text": file.text })).collect();
    screen.document(&json!({ "caller": caller.as_str(), "files": shown }));
    for (nth, file) in files.iter().enumerate() {
        if files.len() > 1 {
            screen.say(&format!("{}# --- /{}", if nth > 0 { "\n" } else { "" }, file.path));
        }
        screen.say(file.text.trim_end());
    }
    Ok(Outcome::done())
}

fn install(context: &Context<'_>, which: &Which) -> Result<Outcome, Failure> {
    let root = &which.root.root;
    let caller = which.caller(install::usual(root));
    let wanted = wanted_here(context)?;
    if let (Some(user), true) = (&wanted.user, root == Path::new("/")) {
        return Err(Failure::usage(format!(
            "{user} may not install a service for the machine: run this as root. Nothing was written."
        )));
    }
    let done = install::install(root, caller, &wanted).map_err(|why| Failure::new(Cause::Failed, why.to_string()))?;
    tell(context, caller.as_str(), &done);
    Ok(Outcome::done()
        .with(done.switched == Switched::NotRunning, Cause::Missing)
        .with(matches!(done.switched, Switched::Failed(_)), Cause::Failed))
}

fn uninstall(context: &Context<'_>, root: &Path) -> Result<Outcome, Failure> {
    let done = install::uninstall(root).map_err(|why| Failure::new(Cause::Failed, why.to_string()))?;
    tell(context, "none", &done);
    Ok(Outcome::done())
}

fn tell(context: &Context<'_>, caller: &str, done: &Installed) {
    let shown = |paths: &[PathBuf]| paths.iter().map(|path| shown::path(path)).collect::<Vec<_>>();
    let (written, removed) = (shown(&done.written), shown(&done.removed));
    context.screen.document(&json!({ "caller": caller, "written": written, "removed": removed, "notes": done.notes }));
    written.iter().for_each(|path| context.screen.mention(&format!("written  {path}")));
    removed.iter().for_each(|path| context.screen.mention(&format!("removed  {path}")));
    done.notes.iter().for_each(|note| context.screen.warning(note));
}
