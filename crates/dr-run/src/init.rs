//! How a school begins on this host: its keys, and an empty repository on every target that is there.
//!
//! The order is for a cut at any moment: the recovery key is given out and safe before anything is sealed to it, then
//! this host's key, then the repositories. A second call completes what is missing and changes nothing else. Where the
//! ledger knows a repository nothing new is founded, unless somebody says so by the target's name: a NAS that is not
//! mounted would else become a folder of the server, and its copies would pass for made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dr_ledger::Event;
use dr_media::Register;
use dr_plan::{KeyMode, TargetId};
use dr_repo::{FamilyKey, Key, Known, RepoError, WriterKey, create_with_writer, is_repository, keyfile, known};
use dr_store::Access;

use crate::error::RunError;
use crate::keys::read_key;
use crate::location::{Availability, TargetLocation};
use crate::places::{private_file, private_folder};
use crate::school::School;
use crate::sight::look_again;

/// Where the recovery key goes.
pub enum GiveOut<'a> {
    /// Into a new file.
    File(&'a Path),
    /// To a person, who says whether it is written down. Shown once.
    Person(&'a mut dyn FnMut(&str) -> bool),
    /// Nobody said.
    Nowhere,
}

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Founded {
    /// It has a repository now.
    Made,
    /// It had one of this school.
    There,
    /// It has none, and why.
    Failed(String),
    /// It is a pool: `dr media init` makes the repository of each disk.
    Pool,
    /// This version cannot go there.
    Skipped(String),
}

/// What `init` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialised {
    /// Whether keys were made, and where the recovery key was put if into a file.
    pub keys: Option<Option<PathBuf>>,
    /// The school's family id.
    pub family: String,
    /// Each target.
    pub targets: Vec<(TargetId, Founded)>,
}

/// Makes what is missing. `key_file`: the recovery key of a school that has one already. `again`: targets that get a new
/// repository though the ledger knows another one there, whose copies count no more.
///
/// # Errors
/// Nothing was made that is not named in the error; a target that cannot be reached is no error but stands in the
/// report.
pub fn init(
    school: &School,
    give_out: GiveOut<'_>,
    key_file: Option<&Path>,
    again: &BTreeSet<TargetId>,
) -> Result<Initialised, RunError> {
    for name in again {
        school.target(name.as_str())?;
    }
    let no_new_key = |why| match &give_out {
        GiveOut::File(path) => Err(RunError::NoNewKey { path: path.to_path_buf(), why }),
        GiveOut::Person(_) | GiveOut::Nowhere => Ok(()),
    };
    let (key, keys) = match school.host_key() {
        Ok(key) => {
            // The same command once more, with the file that it wrote.
            let is_ours = |path: &Path| read_key(path).is_ok_and(|there| there.family() == key.family());
            if !matches!(&give_out, GiveOut::File(path) if is_ours(path)) {
                no_new_key("this school has keys already")?;
            }
            (key, None)
        }
        Err(RunError::NotInitialised { .. }) => {
            if key_file.is_some() {
                no_new_key("DR_KEY_FILE names the recovery key that there is")?;
            }
            let (key, out) = new_host_key(school, give_out, key_file)?;
            (key, Some(out))
        }
        Err(other) => return Err(other),
    };
    let writer = writer_of(&key)?;
    let register = Register::of(&school.entries()?);
    let mut targets = Vec::new();
    let mut ids: Vec<(String, String)> = Vec::new();
    for id in school.plan.targets.keys() {
        let founded = match school.reach(&register, id) {
            _ if school.plan.pool_of(id).is_some() => Founded::Pool,
            Availability::Here(mut location) => {
                location.taken.extend(ids.iter().cloned());
                let founded = found(school, &location, &key, &writer, again.contains(id));
                if let Ok(store) = school.store(&location.address, Access::Read)
                    && let Ok(Known::Repository { id: repository, .. }) = known(&store)
                {
                    ids.push((repository.to_string(), id.to_string()));
                }
                founded.unwrap_or_else(|why| Founded::Failed(why.to_string()))
            }
            Availability::CannotRun(why) => Founded::Skipped(why),
            Availability::Gone(why) | Availability::Awaited { who: why, .. } => Founded::Failed(why),
        };
        targets.push((id.clone(), founded));
    }
    let has = |founded: &Founded| matches!(founded, Founded::Made | Founded::There);
    let is_known = |id: &TargetId| register.sights().target(id).is_some_and(|sight| sight.founded);
    // What is made where one was known is the end of that one: its copies count no more.
    let is_new = |id: &TargetId, founded: &Founded| has(founded) && (!is_known(id) || *founded == Founded::Made);
    let new: Vec<_> = targets.iter().filter(|(id, founded)| is_new(id, founded)).collect();
    if !new.is_empty() {
        school.record(Event::Initialised { targets: new.iter().map(|(id, _)| id.clone()).collect() })?;
    }
    look_again(school, &targets.iter().filter(|(_, founded)| has(founded)).map(|(id, _)| id.clone()).collect())?;
    Ok(Initialised { keys, family: key.family().to_string(), targets })
}

/// The part of a key that founds repositories.
pub(crate) fn writer_of(key: &Key) -> Result<WriterKey, RunError> {
    match key {
        Key::Writer(writer) => Ok((**writer).clone()),
        Key::Family(family) => family.writer().map_err(|source| RunError::repository("the family key", source.into())),
        Key::Pruner(_) => {
            Err(RunError::repository("the host's key", RepoError::WrongKey("it prunes and writes no backups".into())))
        }
    }
}

/// Makes this host's key: of the family that `key_file` names, or of a new one whose key is given out first.
fn new_host_key(
    school: &School,
    give_out: GiveOut<'_>,
    key_file: Option<&Path>,
) -> Result<(Key, Option<PathBuf>), RunError> {
    let (family, out) = match key_file {
        Some(path) => match read_key(path)? {
            Key::Family(family) => (family, None),
            Key::Writer(_) | Key::Pruner(_) => {
                let why = RepoError::WrongKey("this is not the school's recovery key".into());
                return Err(RunError::repository(path.display(), why));
            }
        },
        None => {
            refuse_foreign(school)?;
            let family = FamilyKey::generate();
            let out = give(&family, give_out)?;
            (family, out)
        }
    };
    let key = match school.plan.keys.mode {
        KeyMode::Full => Key::Family(family),
        KeyMode::WriteOnly => Key::Writer(Box::new(
            family.writer().map_err(|source| RunError::repository("the family key", source.into()))?,
        )),
    };
    let path = school.places.host_key();
    path.parent().map_or(Ok(()), private_folder)?;
    private_file(&path, &keyfile::to_text(&key)).map_err(RunError::local("cannot write the key", path))?;
    Ok((key, out))
}

/// A new family beside somebody else's backups would be a second school in one place.
fn refuse_foreign(school: &School) -> Result<(), RunError> {
    for id in school.plan.targets.keys() {
        if let Availability::Here(location) = school.reach(&Register::default(), id)
            && let Ok(store) = school.store(&location.address, Access::Read)
            && is_repository(&store).unwrap_or(false)
        {
            return Err(RunError::ForeignRepository { place: location.address.to_string() });
        }
    }
    Ok(())
}

fn give(family: &FamilyKey, give_out: GiveOut<'_>) -> Result<Option<PathBuf>, RunError> {
    let text = keyfile::to_text(&Key::Family(family.clone()));
    match give_out {
        GiveOut::File(path) => match private_file(path, &text) {
            Ok(()) => Ok(Some(path.to_owned())),
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(RunError::RecoveryKeyThere { path: path.to_owned() })
            }
            Err(why) => Err(RunError::local("cannot write the recovery key", path)(why)),
        },
        GiveOut::Person(confirm) => {
            if confirm(&text) {
                Ok(None)
            } else {
                Err(RunError::NotConfirmed)
            }
        }
        GiveOut::Nowhere => Err(RunError::RecoveryKeyNowhere),
    }
}

/// Makes the repository at a location, or looks whether the one there is this school's. `again`: whatever the ledger knows
/// there is given up.
fn found(
    school: &School,
    location: &TargetLocation,
    key: &Key,
    writer: &WriterKey,
    again: bool,
) -> Result<Founded, RunError> {
    let location = &match again {
        true => TargetLocation { repository: None, founded: false, ..location.clone() },
        false => location.clone(),
    };
    match school.open(location, key.clone(), false) {
        Ok(_) => return Ok(Founded::There),
        Err(RunError::Repository { source: RepoError::NoRepository(_), .. }) => {}
        Err(other) => return Err(other),
    }
    make(school, location, writer)?;
    Ok(Founded::Made)
}

/// Makes a repository in a folder that is made if its parent is there.
pub(crate) fn make(
    school: &School,
    location: &TargetLocation,
    writer: &WriterKey,
) -> Result<dr_repo::RepoId, RunError> {
    let store = school.store(&location.address, Access::Create);
    let store = store.map_err(|source| RunError::Store { target: location.named(), source })?;
    let created = school.clock.decided().to_string();
    create_with_writer(&store, writer, &created).map_err(|source| RunError::repository(location.named(), source))
}
