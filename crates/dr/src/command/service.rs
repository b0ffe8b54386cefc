//! `dr service`: the plan runs by itself, called by systemd or by cron.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use dr_process::Program;
use serde_json::json;

use super::opened::question;
use crate::args::World;
use crate::env;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;
use dr_setup::service::wanted::{Wanted, wanted};
use dr_setup::service::{Caller, files, place};

/// How long systemd may take to read units again.
const SYSTEMCTL_TIMEOUT: Duration = Duration::from_secs(60);

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
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        match &self.verb {
            Verb::Print(which) => print(world, which),
            Verb::Install(which) => install(world, which),
            Verb::Uninstall(root) => uninstall(world, &root.root),
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

fn wanted_here(world: &World<'_>) -> Result<Wanted, Failure> {
    let mut school = question(world)?;
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

fn print(world: &World<'_>, which: &Which) -> Result<Outcome, Failure> {
    let (caller, screen) = (which.caller(Caller::Timer), world.screen);
    let files = files(caller, &wanted_here(world)?);
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

fn install(world: &World<'_>, which: &Which) -> Result<Outcome, Failure> {
    let root = &which.root.root;
    let caller = which.caller(if has_systemd(root) { Caller::Timer } else { Caller::Cron });
    let wanted = wanted_here(world)?;
    if let (Some(user), true) = (&wanted.user, root == Path::new("/")) {
        return Err(Failure::usage(format!(
            "{user} may not install a service for the machine: run this as root. Nothing was written."
        )));
    }
    let failed = |why: place::PlaceError| Failure::new(Cause::Failed, why.to_string());
    let written = place::write(root, &files(caller, &wanted)).map_err(failed)?;
    let (removed, mut notes) = clear(root, |other| other != caller).map_err(failed)?;
    for name in &wanted.credentials {
        let file = Path::new(dr_setup::service::wanted::CREDENTIALS).join(name);
        if !root.join(file.strip_prefix("/").unwrap_or(&file)).exists() {
            notes.push(format!("the plan names the secret {name}: write it to {} with mode 0600", file.display()));
        }
    }
    let on = switched_on(root, caller);
    let outcome = Outcome::done().with(on == Switched::NotRunning, Cause::Missing);
    let outcome = match on {
        Switched::Yes => outcome,
        Switched::NotRunning => {
            notes.push(match caller {
                Caller::Cron => "cron is not installed here (there is no /usr/sbin/cron or crond): nothing calls dr yet".to_owned(),
                _ => "systemd is not running here: nothing calls dr until it does; `dr service install --cron` is the other way".to_owned(),
            });
            outcome
        }
        Switched::Failed(why) => {
            notes.push(format!("the files are written, but {why}: nothing calls dr yet"));
            outcome.with(true, Cause::Failed)
        }
    };
    tell(world, caller.as_str(), &written, &removed, &notes);
    Ok(outcome)
}

fn uninstall(world: &World<'_>, root: &Path) -> Result<Outcome, Failure> {
    let (removed, mut notes) = clear(root, |_| true).map_err(|why| Failure::new(Cause::Failed, why.to_string()))?;
    if removed.is_empty() {
        notes.push("there was nothing of dr's to remove".to_owned());
    } else {
        notes.push("from now on nothing runs by itself".to_owned());
    }
    tell(world, "none", &[], &removed, &notes);
    Ok(Outcome::done())
}

fn tell(world: &World<'_>, caller: &str, written: &[PathBuf], removed: &[PathBuf], notes: &[String]) {
    let shown = |paths: &[PathBuf]| paths.iter().map(|path| shown::path(path)).collect::<Vec<_>>();
    let (written, removed) = (shown(written), shown(removed));
    world.screen.document(&json!({ "caller": caller, "written": written, "removed": removed, "notes": notes }));
    written.iter().for_each(|path| world.screen.mention(&format!("written  {path}")));
    removed.iter().for_each(|path| world.screen.mention(&format!("removed  {path}")));
    notes.iter().for_each(|note| world.screen.warning(note));
}

/// Switches off and removes what is ours of the callers that are meant.
fn clear(root: &Path, meant: impl Fn(Caller) -> bool) -> Result<(Vec<PathBuf>, Vec<String>), place::PlaceError> {
    let (mut removed, mut notes) = (Vec::new(), Vec::new());
    for caller in Caller::ALL.into_iter().filter(|caller| meant(*caller)) {
        let ours = caller.paths().iter().any(|path| place::there(&root.join(path)) == place::There::Ours);
        if let (Some(unit), true) = (caller.unit(), ours) {
            // Without a running systemd there is nothing to stop, only the link to remove.
            let words: &[&str] = if runs_systemd(root) { &["disable", "--now", unit] } else { &["disable", unit] };
            if has_systemd(root)
                && let Err(why) = systemctl(root, words)
            {
                notes.push(format!("{unit} could not be switched off: {why}"));
            }
        }
        removed.append(&mut place::remove(root, caller)?);
    }
    if !removed.is_empty()
        && runs_systemd(root)
        && let Err(why) = systemctl(root, &["daemon-reload"])
    {
        notes.push(format!("systemd still knows the old units: {why}"));
    }
    Ok((removed, notes))
}

/// Whether a caller calls.
#[derive(PartialEq, Eq)]
enum Switched {
    Yes,
    NotRunning,
    Failed(String),
}

fn switched_on(root: &Path, caller: Caller) -> Switched {
    let Some(unit) = caller.unit() else {
        let there = ["usr/sbin/cron", "usr/sbin/crond"].iter().any(|program| root.join(program).exists());
        return if there { Switched::Yes } else { Switched::NotRunning };
    };
    let live = runs_systemd(root);
    if !live && root == Path::new("/") {
        return Switched::NotRunning;
    }
    let reload = if live { systemctl(root, &["daemon-reload"]) } else { Ok(()) };
    let words: &[&str] = if live { &["enable", "--now", unit] } else { &["enable", unit] };
    match reload.and_then(|()| systemctl(root, words)) {
        Ok(()) => Switched::Yes,
        Err(why) => Switched::Failed(why),
    }
}

fn has_systemd(root: &Path) -> bool {
    runs_systemd(root) || (root != Path::new("/") && root.join("lib/systemd/systemd").exists())
}

/// Whether systemd runs the machine whose root this is.
fn runs_systemd(root: &Path) -> bool {
    root == Path::new("/") && Path::new("/run/systemd/system").is_dir()
}

fn systemctl(root: &Path, words: &[&str]) -> Result<(), String> {
    let mut args: Vec<OsString> = vec!["systemctl".into(), "--quiet".into()];
    if root != Path::new("/") {
        args.push(format!("--root={}", root.display()).into());
    }
    args.extend(words.iter().map(OsString::from));
    let program = Program { args, env: Vec::new(), stdin: None, timeout: SYSTEMCTL_TIMEOUT, output_max: 4096 };
    let finished = dr_process::run(program).map_err(|why| why.to_string())?;
    if finished.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&finished.stderr.bytes).trim().replace('\n', "; ");
    Err(format!("`systemctl {}` failed: {said}", words.join(" ")))
}
