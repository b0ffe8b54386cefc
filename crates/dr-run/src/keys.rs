//! Which key opens this school's repositories here: the host's own, or one that reads?
//!
//! A write-only host keeps a writing key and nothing else, so whoever takes the host over cannot read old backups.
//! Reading takes the recovery key, from a file that somebody names or from where `[keys] unlock` points.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_plan::{Role, SecretRef};
use dr_process::Program;
use dr_repo::{HostId, Key, RepoError, keyfile};
use zeroize::Zeroizing;

use crate::error::RunError;
use crate::school::School;

/// No key file is longer, and no secret that a program gives.
const KEY_MAX: usize = 64 << 10;

/// A variable of the environment, by its name.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What the caller's environment says about keys; only the caller reads the environment.
#[derive(Default)]
pub struct KeyEnv<'a> {
    /// `DR_KEY_FILE`
    pub key_file: Option<PathBuf>,
    /// Any variable by its name, for `env:` and `credential:`.
    pub variable: Option<Variable<'a>>,
}

impl KeyEnv<'_> {
    fn get(&self, name: &str) -> Option<OsString> {
        self.variable.and_then(|variable| variable(name))
    }
}

impl School {
    /// How this host shows in the names of what it writes, where its key does not say.
    #[must_use]
    pub fn host_id(&self) -> HostId {
        HostId::named(&self.hostname)
    }

    /// The key that this host writes with.
    ///
    /// # Errors
    /// [`RunError::NotInitialised`] before `dr init`.
    pub fn host_key(&self) -> Result<Key, RunError> {
        let path = self.places.host_key();
        match dr_open::text(&path, KEY_MAX as u64) {
            Ok(text) => parse(Zeroizing::new(text), &path),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Err(RunError::NotInitialised { path }),
            Err(why) => Err(RunError::local("cannot read the key", path)(why)),
        }
    }

    /// A key that reads: the file that was named, what the plan's `unlock` gives, or this host's own in full mode.
    ///
    /// # Errors
    /// [`RunError::NoReadingKey`] says where the recovery key should be.
    pub fn reading_key(&self, around: &KeyEnv<'_>) -> Result<Key, RunError> {
        self.key_for(around, Key::reads)
    }

    /// A key that lets backups go: one that reads, or one to prune.
    ///
    /// # Errors
    /// [`RunError::NoReadingKey`] says where the recovery key should be.
    pub fn maintaining_key(&self, around: &KeyEnv<'_>) -> Result<Key, RunError> {
        self.key_for(around, Key::maintains)
    }

    /// A key that opens lists: the one that was named, as on a new server, or else this host's own.
    ///
    /// # Errors
    /// [`RunError::NoReadingKey`] says where the recovery key should be.
    pub fn listing_key(&self, around: &KeyEnv<'_>) -> Result<Key, RunError> {
        if around.key_file.is_some() {
            return self.key_for(around, |_| true);
        }
        match self.host_key() {
            Err(RunError::NotInitialised { .. }) => self.key_for(around, |_| true),
            other => other,
        }
    }

    fn key_for(&self, around: &KeyEnv<'_>, serves: fn(&Key) -> bool) -> Result<Key, RunError> {
        let must = |key: Key, why| if serves(&key) { Ok(key) } else { Err(self.no_reading_key(why)) };
        if let Some(path) = &around.key_file {
            return must(read_key(path)?, "the key named in DR_KEY_FILE does not read");
        }
        if let Some(from) = &self.plan.keys.unlock {
            let text = secret(from, around).map_err(|why| self.no_reading_key(&format!("[keys] unlock = {why}")))?;
            let key = parse(text, Path::new(&place(from)))?;
            return must(key, "the key that [keys] unlock gives does not read");
        }
        match self.host_key() {
            Ok(key) if serves(&key) => Ok(key),
            Ok(_) => Err(self.no_reading_key("mode = \"write-only\", no DR_KEY_FILE and no [keys] unlock")),
            Err(RunError::NotInitialised { .. }) => {
                Err(self.no_reading_key("it has no key at all, no DR_KEY_FILE and no [keys] unlock"))
            }
            Err(other) => Err(other),
        }
    }

    /// What a secret of the plan stands for.
    ///
    /// # Errors
    /// Where it was looked for and why it is not there, in words that hold nothing of the secret.
    pub fn secret(&self, reference: &SecretRef) -> Result<Zeroizing<String>, String> {
        secret(reference, &KeyEnv { key_file: None, variable: Some(&self.variable) })
    }

    fn no_reading_key(&self, why: &str) -> RunError {
        let holders: Vec<_> = self.plan.with_role(Role::KeyHolder).map(|(_, person)| person.name.as_str()).collect();
        let holders = if holders.is_empty() { "whoever ran `dr init`".to_owned() } else { holders.join(" and ") };
        RunError::NoReadingKey { why: why.to_owned(), holders }
    }
}

/// What a secret reference of the plan points to.
///
/// # Errors
/// Where it was looked for and why it is not there, in words that hold nothing of the secret.
pub fn secret(secret: &SecretRef, around: &KeyEnv<'_>) -> Result<Zeroizing<String>, String> {
    let none = |why: &str| format!("{}: {why}", place(secret));
    match secret {
        SecretRef::File(path) => text_of(path).map_err(|why| none(&why.to_string())),
        SecretRef::Env(name) => {
            let text = around.get(name).and_then(|text| text.into_string().ok());
            text.map(Zeroizing::new).ok_or_else(|| none("the variable is not set"))
        }
        SecretRef::Credential(name) => {
            let folder = around.get("CREDENTIALS_DIRECTORY");
            let folder = PathBuf::from(folder.ok_or_else(|| none("no service supervisor gave credentials"))?);
            text_of(&folder.join(name)).map_err(|why| none(&why.to_string()))
        }
        SecretRef::Command(args) => {
            let finished = dr_process::run(Program {
                args: args.iter().map(OsString::from).collect(),
                env: Vec::new(),
                stdin: None,
                timeout: Duration::from_secs(60),
                output_max: KEY_MAX,
            })
            .map_err(|why| none(&why.to_string()))?;
            let output = Zeroizing::new(finished.stdout.bytes);
            if !finished.status.success() {
                return Err(none("the program failed"));
            }
            let text = std::str::from_utf8(&output).map_err(|_| none("it gave no text"))?;
            Ok(Zeroizing::new(text.to_owned()))
        }
    }
}

/// How the place of a secret is called. Of a program only the name: an argument may be a secret itself.
fn place(secret: &SecretRef) -> String {
    match secret {
        SecretRef::File(path) => format!("file:{}", path.display()),
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::Credential(name) => format!("credential:{name}"),
        SecretRef::Command(args) => format!("command:{}", args.first().map_or("", String::as_str)),
    }
}

/// A whole file that fits; bytes that are no text are wiped as well.
fn text_of(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(of_a_person(path)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| std::io::Error::other("it is not text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// What is in a file that a person named. What a shell hands over as `<(…)` is a pipe, and meant; any other pipe would be
/// waited for, for ever.
fn of_a_person(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stdin") {
        return std::fs::read(path);
    }
    dr_open::read_named(path, KEY_MAX as u64)
}

/// The key in a file.
///
/// # Errors
/// That it cannot be read, or is no key.
pub fn read_key(path: &Path) -> Result<Key, RunError> {
    let text = text_of(path).map_err(RunError::local("cannot read the key", path))?;
    parse(text, path)
}

fn parse(text: Zeroizing<String>, from: &Path) -> Result<Key, RunError> {
    keyfile::from_text(&text).map_err(|source: RepoError| RunError::repository(from.display(), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "kestrel-9-pepper";

    fn variable(name: &str) -> Option<OsString> {
        match name {
            "DR_SMTP" => Some(SECRET.into()),
            "CREDENTIALS_DIRECTORY" => Some("/nonexistent".into()),
            _ => None,
        }
    }

    #[test]
    fn a_secret_is_found_in_a_file_a_variable_a_credential_and_a_programs_output() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("smtp"), SECRET).unwrap();
        let credentials = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| folder.path().into());
        let with = |variable| KeyEnv { key_file: None, variable: Some(variable) };
        let file = SecretRef::File(folder.path().join("smtp"));
        assert_eq!(*secret(&file, &KeyEnv::default()).unwrap(), SECRET);
        assert_eq!(*secret(&SecretRef::Env("DR_SMTP".into()), &with(&variable)).unwrap(), SECRET);
        assert_eq!(*secret(&SecretRef::Credential("smtp".into()), &with(&credentials)).unwrap(), SECRET);
        let program = SecretRef::Command(["printf", "%s", SECRET].map(str::to_owned).to_vec());
        assert_eq!(*secret(&program, &KeyEnv::default()).unwrap(), SECRET);
    }

    #[test]
    fn a_secret_that_is_not_there_is_named_by_its_place_and_nothing_of_it_is_told() {
        let around = KeyEnv { key_file: None, variable: Some(&variable) };
        let words = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect();
        let program = |args: &[&str]| SecretRef::Command(words(args));
        for (from, told) in [
            (SecretRef::Env("OTHER".into()), "env:OTHER: the variable is not set"),
            (SecretRef::Credential("smtp".into()), "credential:smtp: No such file or directory (os error 2)"),
            (SecretRef::File("/nonexistent/s".into()), "file:/nonexistent/s: No such file or directory (os error 2)"),
            (program(&["false", SECRET]), "command:false: the program failed"),
            (program(&["printf", r"\377"]), "command:printf: it gave no text"),
        ] {
            assert_eq!(secret(&from, &around).unwrap_err(), told);
        }
    }
}
