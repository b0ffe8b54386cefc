//! What opens a repository: a password or a key file, from where people keep them.
//!
//! `DR_KEY_FILE` names a key file. A password comes from `DR_PASSWORD`, `DR_PASSWORD_FILE`, what
//! `DR_PASSWORD_COMMAND` prints, or a prompt on the terminal. Secrets never stand on the command line.

mod prompt;
mod words;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_repo::{FamilyKey, Key, Unlock, keyfile};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::env;
use crate::exit::{Cause, Failure};
use crate::shown;

/// How long a password command may take; somebody may have to type or touch something.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
/// Key files are a few lines.
const KEY_FILE_MAX: u64 = 64 << 10;

/// What to open a repository with.
///
/// # Errors
/// [`Cause::WrongKey`] if there is nothing to open it with.
pub fn key(context: &Context<'_>) -> Result<Unlock, Failure> {
    if let Some(path) = env::path("DR_KEY_FILE") {
        return read_key_file(&path).map(Unlock::Key);
    }
    let password = match given()? {
        Some(password) => password,
        None => prompt::ask("password of the repository: ", &context.signals)?.ok_or_else(none_given)?,
    };
    if password.is_empty() {
        return Err(refused("the password is empty, and no repository has an empty one"));
    }
    Ok(Unlock::Password(password))
}

/// The keys of a new repository: the family's, a password for a slot, and the file that the key must be written to
/// because it is a new one that people want to have as a file.
pub struct NewKeys {
    pub family: FamilyKey,
    pub password: Option<Zeroizing<String>>,
    pub to_write: Option<PathBuf>,
}

/// What a new repository is made with: the family of the key file if there is one, else a new family.
///
/// # Errors
/// [`Cause::WrongKey`], or [`Cause::Usage`] for a password that cannot be one.
pub fn new_keys(context: &Context<'_>) -> Result<NewKeys, Failure> {
    let file = env::path("DR_KEY_FILE");
    let mut password = given()?;
    if password.is_none() && file.is_none() {
        let first = prompt::ask("password for the new repository: ", &context.signals)?.ok_or_else(none_given)?;
        let second = prompt::ask("the same once more: ", &context.signals)?.ok_or_else(none_given)?;
        if *first != *second {
            return Err(Failure::usage("the two passwords are not the same. No repository was made."));
        }
        password = Some(first);
    }
    if password.as_ref().is_some_and(|password| password.is_empty()) {
        return Err(Failure::usage("the password is empty. No repository was made."));
    }
    let (family, to_write) = match file {
        None => (FamilyKey::generate(), None),
        Some(path) if !path.exists() => (FamilyKey::generate(), Some(path)),
        Some(path) => match read_key_file(&path)? {
            Key::Family(family) => (family, None),
            Key::Writer(_) | Key::Pruner(_) => {
                return Err(refused(&format!(
                    "the key in {} is good for one thing; a repository is made with the family's own key",
                    shown::path(&path)
                )));
            }
        },
    };
    Ok(NewKeys { family, password, to_write })
}

/// Writes a new key file, which nobody else may read, and makes sure that it survives a power cut. `otherwise`: what was
/// not done if it cannot.
///
/// # Errors
/// If it is there already or cannot be written.
pub fn write_key_file(path: &Path, key: &Key, otherwise: &str) -> Result<(), Failure> {
    let write = || {
        let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(keyfile::to_text(key).as_bytes())?;
        file.sync_all()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|why| {
        Failure::new(
            Cause::Failed,
            format!("the new key cannot be written to {}: {why}. {otherwise}", shown::path(path)),
        )
    })
}

/// Reads a key file.
///
/// # Errors
/// [`Cause::WrongKey`] says what is wrong with it.
pub fn read_key_file(path: &Path) -> Result<Key, Failure> {
    let wrong = |why: String| refused(&format!("the key file {}: {why}", shown::path(path)));
    let text = read_secret(path, KEY_FILE_MAX).map_err(wrong)?;
    keyfile::from_text(&text).map_err(|why| wrong(why.to_string()))
}

/// A password that needs nobody to type it.
///
/// # Errors
/// [`Cause::WrongKey`] if it cannot be had from where it should be.
pub fn given() -> Result<Option<Zeroizing<String>>, Failure> {
    if let Some(password) = env::var("DR_PASSWORD") {
        let password = password.into_string().map_err(|_| refused("the password in DR_PASSWORD is not UTF-8"))?;
        return Ok(Some(Zeroizing::new(password)));
    }
    if let Some(path) = env::path("DR_PASSWORD_FILE") {
        let text = read_secret(&path, 64 << 10)
            .map_err(|why| refused(&format!("DR_PASSWORD_FILE {}: {why}", shown::path(&path))))?;
        return Ok(Some(first_line(&text)));
    }
    match env::var("DR_PASSWORD_COMMAND") {
        Some(command) => from_command(command).map(Some),
        None => Ok(None),
    }
}

fn from_command(command: std::ffi::OsString) -> Result<Zeroizing<String>, Failure> {
    let failed = |why: &str| refused(&format!("DR_PASSWORD_COMMAND {why}"));
    let command = command.into_string().map_err(|_| failed("is not UTF-8"))?;
    let args = words::split(&command).map_err(failed)?;
    let finished = dr_process::run(dr_process::Program {
        args: args.into_iter().map(Into::into).collect(),
        env: env::to_pass_on(),
        stdin: None,
        timeout: COMMAND_TIMEOUT,
        output_max: 64 << 10,
    })
    .map_err(|why| failed(&format!("did not work: {why}")))?;
    // What it printed is never shown, on either output: it may be the password.
    let printed = Zeroizing::new(finished.stdout.bytes);
    if !finished.status.success() {
        return Err(failed(&format!("did not work: it ended with {}", finished.status)));
    }
    let text = std::str::from_utf8(&printed).map_err(|_| failed("printed something that is not UTF-8"))?;
    Ok(first_line(text))
}

fn first_line(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
}

fn read_secret(path: &Path, max: u64) -> Result<Zeroizing<String>, String> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(|why| format!("it cannot be opened: {why}"))?;
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(max).read_to_string(&mut text).map_err(|why| format!("it cannot be read: {why}"))?;
    Ok(text)
}

fn refused(why: &str) -> Failure {
    Failure::new(Cause::WrongKey, format!("{why}. Nothing was changed."))
}

fn none_given() -> Failure {
    refused(
        "there is no password: set DR_PASSWORD, DR_PASSWORD_FILE or DR_PASSWORD_COMMAND, name a key file with \
         DR_KEY_FILE, or run dr on a terminal",
    )
}
