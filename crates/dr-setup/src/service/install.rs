//! How is a caller installed on a machine, so that it calls from now on, and how does it go again?
//!
//! Files first, then systemd is told. Of two callers one alone may call, so the others go.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_process::Program;

use super::place::{self, PlaceError, There};
use super::wanted::{CREDENTIALS, Wanted};
use super::{Caller, files};

/// How long systemd may take to read units again.
const SYSTEMCTL_TIMEOUT: Duration = Duration::from_secs(60);

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Files that are there now.
    pub written: Vec<PathBuf>,
    /// Files of ours that went.
    pub removed: Vec<PathBuf>,
    /// What a person should know or still has to do, a sentence each.
    pub notes: Vec<String>,
    /// Whether it calls.
    pub switched: Switched,
}

/// Whether a caller calls.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Switched {
    /// It does, or was not to.
    #[default]
    Yes,
    /// What would start it does not run here.
    NotRunning,
    /// systemd refused, and why.
    Failed(String),
}

/// Who calls if nobody says: systemd where it runs.
pub fn usual(root: &Path) -> Caller {
    if has_systemd(root) { Caller::Timer } else { Caller::Cron }
}

/// Writes the files of `caller` below `root` and switches it on; other callers of ours go.
///
/// # Errors
/// [`PlaceError`].
pub fn install(root: &Path, caller: Caller, wanted: &Wanted) -> Result<Installed, PlaceError> {
    let written = place::write(root, &files(caller, wanted))?;
    let beside = caller.beside(wanted);
    let (removed, mut notes) = clear(root, |other| other != caller && Some(other) != beside)?;
    for name in &wanted.credentials {
        let file = Path::new(CREDENTIALS).join(name);
        if !root.join(file.strip_prefix("/").unwrap_or(&file)).exists() {
            notes.push(format!("the plan names the secret {name}: write it to {} with mode 0600", file.display()));
        }
    }
    let switched = match (switch_on(root, caller), beside) {
        (Switched::Yes, Some(beside)) => switch_on(root, beside),
        (other, _) => other,
    };
    match &switched {
        Switched::Yes => {}
        Switched::NotRunning => notes.push(match caller {
            Caller::Cron => "cron is not installed here (there is no /usr/sbin/cron or crond): nothing calls dr yet".to_owned(),
            _ => "systemd is not running here: nothing calls dr until it does; `dr service install --cron` is the other way".to_owned(),
        }),
        Switched::Failed(why) => notes.push(format!("the files are written, but {why}: nothing calls dr yet")),
    }
    Ok(Installed { written, removed, notes, switched })
}

/// Switches off and removes whatever is ours below `root`.
///
/// # Errors
/// [`PlaceError`].
pub fn uninstall(root: &Path) -> Result<Installed, PlaceError> {
    let (removed, mut notes) = clear(root, |_| true)?;
    notes.push(match removed.is_empty() {
        true => "there was nothing of dr's to remove".to_owned(),
        false => "from now on nothing runs by itself".to_owned(),
    });
    Ok(Installed { removed, notes, ..Installed::default() })
}

/// Switches off and removes what is ours of the callers that are meant.
fn clear(root: &Path, meant: impl Fn(Caller) -> bool) -> Result<(Vec<PathBuf>, Vec<String>), PlaceError> {
    let (mut removed, mut notes) = (Vec::new(), Vec::new());
    for caller in Caller::ALL.into_iter().filter(|caller| meant(*caller)) {
        let ours = caller.paths().iter().any(|path| place::there(&root.join(path)) == There::Ours);
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

fn switch_on(root: &Path, caller: Caller) -> Switched {
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
