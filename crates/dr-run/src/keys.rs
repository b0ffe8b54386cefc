//! Which key opens this school's repositories here: the host's own, or one that reads?
//!
//! A write-only host keeps a writing key and nothing else, so whoever takes the host over cannot read old backups.
//! Reading takes the recovery key, from a file that somebody names or from where `[keys] unlock` points.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_plan::{Role, SecretRef};
use dr_process::Program;
use dr_repo::{Digest, HostId, Key, RepoError, keyfile};
use zeroize::Zeroizing;

use crate::error::RunError;
use crate::school::School;

/// No key file is longer, and no secret that a program gives.
const KEY_MAX: usize = 64 << 10;

/// A variable of the environment, by its name.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What the caller's surroundings say about keys; only the caller reads the environment.
#[derive(Default)]
pub struct Surroundings<'a> {
    /// `DR_KEY_FILE`
    pub key_file: Option<PathBuf>,
    /// Any variable by its name, for `env:` and `credential:`.
    pub variable: Option<Variable<'a>>,
}

impl Surroundings<'_> {
    fn get(&self, name: &str) -> Option<OsString> {
        self.variable.and_then(|variable| variable(name))
    }
}

impl School {
    /// How this host shows in the names of what it writes, where its key does not say.
    #[must_use]
    pub fn host_id(&self) -> HostId {
        let Digest([a, b, c, d, ..]) = Digest::of(format!("dr host v1\0{}", self.hostname).as_bytes());
        HostId([a, b, c, d])
    }

    /// The key that this host writes with.
    ///
    /// # Errors
    /// [`RunError::NotInitialised`] before `dr init`.
    pub fn host_key(&self) -> Result<Key, RunError> {
        let path = self.places.host_key();
        match std::fs::read_to_string(&path) {
            Ok(text) => parse(Zeroizing::new(text), &path),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Err(RunError::NotInitialised { path }),
            Err(why) => Err(RunError::local("cannot read the key", path)(why)),
        }
    }

    /// A key that reads: the file that was named, what the plan's `unlock` gives, or this host's own in full mode.
    ///
    /// # Errors
    /// [`RunError::NoReadingKey`] says where the recovery key should be.
    pub fn reading_key(&self, around: &Surroundings<'_>) -> Result<Key, RunError> {
        if let Some(path) = &around.key_file {
            return self.must_read(read_key(path)?, "the key named in DR_KEY_FILE only writes");
        }
        if let Some(secret) = &self.plan.keys.unlock {
            let (text, from) = self.secret(secret, around)?;
            return self.must_read(parse(text, Path::new(&from))?, "the key that [keys] unlock gives only writes");
        }
        match self.host_key() {
            Ok(key) if key.reads() => Ok(key),
            Ok(_) => Err(self.no_reading_key("mode = \"write-only\", no DR_KEY_FILE and no [keys] unlock")),
            Err(RunError::NotInitialised { .. }) => {
                Err(self.no_reading_key("it has no key at all, no DR_KEY_FILE and no [keys] unlock"))
            }
            Err(other) => Err(other),
        }
    }

    fn must_read(&self, key: Key, why: &str) -> Result<Key, RunError> {
        if key.reads() { Ok(key) } else { Err(self.no_reading_key(why)) }
    }

    fn no_reading_key(&self, why: &str) -> RunError {
        let holders: Vec<_> = self.plan.with_role(Role::KeyHolder).map(|(_, person)| person.name.as_str()).collect();
        let holders = if holders.is_empty() { "whoever ran `dr init`".to_owned() } else { holders.join(" and ") };
        RunError::NoReadingKey { why: why.to_owned(), holders }
    }

    /// What a secret reference of the plan points to, and how to call that place.
    fn secret(&self, secret: &SecretRef, around: &Surroundings<'_>) -> Result<(Zeroizing<String>, String), RunError> {
        let none = |from: &str, why: &str| self.no_reading_key(&format!("[keys] unlock = \"{from}\": {why}"));
        match secret {
            SecretRef::File(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|e| none("file:…", &format!("{}: {e}", path.display())))?;
                Ok((Zeroizing::new(text), path.display().to_string()))
            }
            SecretRef::Env(name) => {
                let from = format!("env:{name}");
                let text = around.get(name).and_then(|text| text.into_string().ok());
                Ok((Zeroizing::new(text.ok_or_else(|| none(&from, "the variable is not set"))?), from))
            }
            SecretRef::Credential(name) => {
                let from = format!("credential:{name}");
                let folder = around.get("CREDENTIALS_DIRECTORY");
                let path = PathBuf::from(folder.ok_or_else(|| none(&from, "no service supervisor gave credentials"))?);
                let text = std::fs::read_to_string(path.join(name)).map_err(|e| none(&from, &e.to_string()))?;
                Ok((Zeroizing::new(text), from))
            }
            SecretRef::Command(args) => {
                let from = format!("command:{}", args.first().map_or("", String::as_str));
                let finished = dr_process::run(Program {
                    args: args.iter().map(OsString::from).collect(),
                    env: Vec::new(),
                    stdin: None,
                    timeout: Duration::from_secs(60),
                    output_max: KEY_MAX,
                })
                .map_err(|e| none(&from, &e.to_string()))?;
                if !finished.status.success() {
                    return Err(none(&from, "the program failed"));
                }
                let text = String::from_utf8(finished.stdout.bytes).map_err(|_| none(&from, "it gave no text"))?;
                Ok((Zeroizing::new(text), from))
            }
        }
    }
}

/// The key in a file.
///
/// # Errors
/// That it cannot be read, or is no key.
pub fn read_key(path: &Path) -> Result<Key, RunError> {
    let text = std::fs::read_to_string(path).map_err(RunError::local("cannot read the key", path))?;
    parse(Zeroizing::new(text), path)
}

fn parse(text: Zeroizing<String>, from: &Path) -> Result<Key, RunError> {
    keyfile::from_text(&text).map_err(|source: RepoError| RunError::repository(from.display(), source))
}
