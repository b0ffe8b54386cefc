//! What people do with disks: taken in, initialised, loaded, carried, put away, lost and found.
//!
//! Every act is an event that custody may refuse, with the names of who could do it instead. Only two touch a disk:
//! `init` founds a repository on an empty one, `load` looks whether it is the one that the ledger knows.

use std::path::{Path, PathBuf};

use dr_ledger::{Entry, Event, MediumKind, PlaceState};
use dr_media::{Holder, Move, PoolFacts, Refusal, Register, Staff};
use dr_plan::{MediumId, PersonId, PlaceId, PoolId, Role, TargetId};
use dr_repo::{Key, RepoError, Repository, Unlock};
use dr_store::Access;

use crate::devices::Machine;
use crate::error::RunError;
use crate::init::{make, writer_of};
use crate::marker::{self, MARKER, REPOSITORY};
use crate::named::person;
use crate::places::private_file;
use crate::school::School;
use crate::sight::see;
use crate::targets::{TargetLocation, on_medium};

/// What a file system puts on an empty disk by itself.
const OF_THE_FILE_SYSTEM: &[&str] = &["lost+found", "System Volume Information", ".Trash-0", ".fseventsd"];

/// A medium that the school takes in.
#[derive(Debug, Clone)]
pub struct NewMedium {
    /// Its label.
    pub label: MediumId,
    /// The pool that it is to rotate in; may be left out if the plan has one only.
    pub pool: Option<PoolId>,
    /// What it is.
    pub kind: MediumKind,
    /// The maker's serial number.
    pub serial: Option<String>,
    /// The school's asset number.
    pub asset: Option<String>,
}

/// Takes a medium into the register.
///
/// # Errors
/// What custody says.
pub fn register(school: &School, new: NewMedium) -> Result<Event, RunError> {
    let pool = match new.pool {
        Some(pool) if school.plan.pools.contains_key(&pool) => pool,
        Some(pool) => return Err(RunError::UnknownPool { pool }),
        None => {
            let mut pools = school.plan.pools.keys();
            match (pools.next(), pools.next()) {
                (Some(only), None) => only.clone(),
                _ => {
                    let why = "say with --pool which pool it is to rotate in".to_owned();
                    return Err(RunError::Medium { medium: new.label, why });
                }
            }
        }
    };
    let (medium, kind, serial, asset) = (new.label, new.kind, new.serial, new.asset);
    act(school, Event::MediumRegistered { medium, pool, kind, serial, asset })
}

/// Founds an empty repository on a medium in `slot` of its pool's folder (default: a folder called as the medium).
/// Anything that is there already is refused, but for the rest of an interrupted `init`.
///
/// # Errors
/// What custody, the folder or the store says. Nothing was deleted.
pub fn init(school: &School, label: &MediumId, slot: Option<&str>) -> Result<Event, RunError> {
    let entries = school.entries()?;
    let register = Register::of(&entries);
    let placeholder = Event::MediumInitialised { medium: label.clone(), repository: String::new() };
    may(school, &register, &placeholder)?;
    let wrong = |why: String| RunError::Medium { medium: label.clone(), why };
    let medium = register.medium(label).ok_or_else(|| Refusal::Unregistered { medium: label.clone() })?;
    let pool = school.plan.pools.get(&medium.pool);
    let pool = pool.ok_or_else(|| RunError::UnknownPool { pool: medium.pool.clone() })?;
    let name = slot.unwrap_or(label.as_str());
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err(wrong(format!("`{name}` is not a slot: name a folder in {}", pool.mount.display())));
    }
    let folder = pool.mount.join(name);
    let machine = Machine::of(school);
    if std::fs::symlink_metadata(&folder).is_ok_and(|about| about.is_symlink()) {
        marker::refuse_no_disk(&machine, &folder, label, medium.kind)?;
    }
    if medium.kind == MediumKind::Directory {
        crate::places::private_folder(&folder)?;
    } else if !folder.is_dir() {
        return Err(wrong(format!(
            "{} is not there: mount the disk there, or name its slot with --slot",
            folder.display()
        )));
    }
    marker::refuse_no_disk(&machine, &folder, label, medium.kind)?;
    let key = school.host_key()?;
    let target = target_of(school, label, &medium.pool)?;
    let location = school.location(&register, &target, Some(label), on_medium(&folder));
    let location = TargetLocation { repository: None, founded: false, ..location };
    let repository = match begun(school, &folder, &location, label, &key, medium.suspect)? {
        Some(repository) => repository,
        None => make(school, &location, &writer_of(&key)?)?.to_string(),
    };
    if marker::read(&folder).is_none() {
        let text = marker::text(label, &medium.pool, &school.plan.school.name, &contact(school), &repository);
        let path = folder.join(MARKER);
        private_file(&path, &text).map_err(RunError::local("cannot write", path))?;
    }
    marker::open_to_the_finder(&folder);
    let done = act(school, Event::MediumInitialised { medium: label.clone(), repository })?;
    see(school)?;
    Ok(done)
}

/// The repository that an interrupted `init` of this medium left; `None` if the folder is empty.
fn begun(
    school: &School,
    folder: &Path,
    location: &TargetLocation,
    label: &MediumId,
    key: &Key,
    suspect: bool,
) -> Result<Option<String>, RunError> {
    let read = std::fs::read_dir(folder).map_err(RunError::local("cannot look into", folder))?;
    let names = read.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names: Vec<_> = names.filter(|name| !OF_THE_FILE_SYSTEM.contains(&name.as_str())).collect();
    if names.is_empty() {
        return Ok(None);
    }
    let wrong = |why: String| RunError::Medium { medium: label.clone(), why };
    let foreign = || {
        wrong(format!(
            "{} is not empty ({}); nothing was written. Only an empty disk is initialised: look at what is there first",
            folder.display(),
            names.join(", ")
        ))
    };
    let own = names.iter().all(|name| name == MARKER || name == REPOSITORY);
    let marker = marker::read(folder);
    if suspect || !own || marker.as_ref().is_some_and(|marker| marker.label != *label) {
        return Err(foreign());
    }
    let store = school.store(&location.address, Access::Read).map_err(|_| foreign())?;
    match Repository::open(store, Unlock::Key(key.clone()), school.host_id()) {
        Ok(repository) if repository.snapshots().is_empty() => Ok(Some(repository.id().to_string())),
        Err(RepoError::NoRepository(_)) if marker.is_none() => Ok(None),
        _ => Err(foreign()),
    }
}

/// Whom to tell, on the marker of a disk that somebody finds.
fn contact(school: &School) -> String {
    let roles = [Role::BusinessManager, Role::Head, Role::ItLead];
    let mut people = roles.into_iter().flat_map(|role| school.plan.with_role(role)).map(|(_, person)| person);
    people
        .find_map(|person| person.phone.clone().or_else(|| person.email.clone()))
        .unwrap_or_else(|| "at its office".into())
}

/// The target that stands for this pool; without one nothing would ever be copied to the medium.
fn target_of(school: &School, label: &MediumId, pool: &PoolId) -> Result<TargetId, RunError> {
    let found = school.plan.targets.iter().find(|(_, target)| target.pool() == Some(pool));
    found.map(|(id, _)| id.clone()).ok_or_else(|| RunError::Medium {
        medium: label.clone(),
        why: format!("no target of the plan stands for its pool {pool}, so nothing would be copied to it"),
    })
}

/// Takes note that a medium is plugged in, if it is the one that the ledger knows.
///
/// # Errors
/// What custody says; or that the disk there is another one, and then nothing was written anywhere.
pub fn load(school: &School, label: &MediumId) -> Result<(Event, PathBuf), RunError> {
    let register = Register::of(&school.entries()?);
    let event = Event::MediumLoaded { medium: label.clone() };
    may(school, &register, &event)?;
    let medium = register.medium(label).ok_or_else(|| Refusal::Unregistered { medium: label.clone() })?;
    let pool = school.plan.pools.get(&medium.pool);
    let pool = pool.ok_or_else(|| RunError::UnknownPool { pool: medium.pool.clone() })?;
    let slot = marker::find(&Machine::of(school), pool, &register, label)?;
    let location = school.location(&register, &target_of(school, label, &medium.pool)?, Some(label), on_medium(&slot));
    school.open(&location, school.host_key()?, false)?;
    marker::open_to_the_finder(&slot);
    let done = act(school, event)?;
    see(school)?;
    Ok((done, slot))
}

/// Takes note that a medium is unplugged, and looks whether it is: what is still wrong comes with the event. Only a
/// medium that is out of sight counts as offline.
///
/// # Errors
/// What custody says.
pub fn eject(school: &School, label: &MediumId) -> Result<(Event, Option<String>), RunError> {
    let done = act(school, Event::MediumEjected { medium: label.clone() })?;
    let seen = see(school)?.into_iter().find(|seen| seen.medium.as_ref() == Some(label));
    let folder = "it is a folder of the server that stands for a disk, and its copies never count as offline";
    let trouble = seen.and_then(|seen| match seen.state {
        PlaceState::Here => seen.trouble.or_else(|| Some(format!("{label} is ejected; {folder}"))),
        _ => None,
    });
    Ok((done, trouble))
}

/// One person gives a medium to another. `from`: default who has it, else who acts.
///
/// # Errors
/// What custody says.
pub fn handover(
    school: &School,
    label: &MediumId,
    from: Option<PersonId>,
    to: PersonId,
    to_place: Option<PlaceId>,
) -> Result<Event, RunError> {
    let register = Register::of(&school.entries()?);
    let holder = match register.medium(label).map(|medium| &medium.holder) {
        Some(Holder::Person(person)) => Some(person.clone()),
        _ => None,
    };
    let from = from.or(holder).or_else(|| school.actor.by.clone());
    let from = from.ok_or(Refusal::Nobody { who: Vec::new() })?;
    person(&school.plan, from.as_str())?;
    person(&school.plan, to.as_str())?;
    act(school, Event::MediumHandedOver { medium: label.clone(), from, to, to_place })
}

/// Who carries a medium has put it where it is kept. `place`: default where it was bound for, else where the pool's
/// media rest.
///
/// # Errors
/// What custody says.
pub fn receive(school: &School, label: &MediumId, place: Option<PlaceId>) -> Result<Event, RunError> {
    let register = Register::of(&school.entries()?);
    let by = acting(school, &register, label)?;
    let medium = register.medium(label);
    let bound = medium.and_then(|medium| medium.bound_for.clone());
    let rests = || medium.and_then(|medium| school.plan.pools.get(&medium.pool)?.place.clone());
    let mut places = school.plan.places.keys();
    let only = places.next().cloned().filter(|_| places.next().is_none());
    let place = place.or(bound).or_else(rests).or(only).ok_or_else(|| RunError::Medium {
        medium: label.clone(),
        why: format!("say with --place where it is kept now: {}", list(school.plan.places.keys())),
    })?;
    act(school, Event::MediumReceived { medium: label.clone(), by, place })
}

/// Several names, for a sentence.
fn list<'a>(names: impl Iterator<Item = &'a PlaceId>) -> String {
    names.map(PlaceId::as_str).collect::<Vec<_>>().join(", ")
}

/// Nobody knows where a medium is.
///
/// # Errors
/// What custody says.
pub fn lost(school: &School, label: &MediumId) -> Result<Event, RunError> {
    let by = acting(school, &Register::of(&school.entries()?), label)?;
    act(school, Event::MediumLost { medium: label.clone(), by })
}

/// A lost medium turned up.
///
/// # Errors
/// What custody says.
pub fn found(school: &School, label: &MediumId) -> Result<Event, RunError> {
    let by = acting(school, &Register::of(&school.entries()?), label)?;
    act(school, Event::MediumFound { medium: label.clone(), by })
}

/// Who acts; custody has no act of nobody's.
fn acting(school: &School, register: &Register, label: &MediumId) -> Result<PersonId, RunError> {
    match &school.actor.by {
        Some(by) => Ok(by.clone()),
        // The refusal that names who could.
        None => {
            may(school, register, &Event::MediumEjected { medium: label.clone() })?;
            Err(Refusal::Nobody { who: Vec::new() }.into())
        }
    }
}

/// The moves that are due now, in every pool.
///
/// # Errors
/// If the ledger cannot be read.
pub fn moves(school: &School) -> Result<Vec<Move>, RunError> {
    let register = Register::of(&school.entries()?);
    let now = school.clock.decided();
    let facts = school
        .plan
        .pools
        .keys()
        .filter_map(|pool| PoolFacts::from_plan(&school.plan, &school.calendar, &register, pool, now));
    Ok(facts.flat_map(|facts| dr_media::due(&facts, &register, now)).collect())
}

/// Everything that happened to one medium.
///
/// # Errors
/// If the ledger cannot be read, or knows no such medium.
pub fn history(school: &School, label: &MediumId) -> Result<Vec<Entry>, RunError> {
    let entries = school.everything()?;
    let all: Vec<_> = dr_media::history(&entries, label).into_iter().cloned().collect();
    if all.is_empty() { Err(Refusal::Unregistered { medium: label.clone() }.into()) } else { Ok(all) }
}

fn may(school: &School, register: &Register, event: &Event) -> Result<(), RunError> {
    let staff = Staff::from_plan(&school.plan, school.today());
    Ok(dr_media::check(register, &staff, school.actor.by.as_ref(), event)?)
}

fn act(school: &School, event: Event) -> Result<Event, RunError> {
    may(school, &Register::of(&school.entries()?), &event)?;
    school.record(event.clone())?;
    Ok(event)
}
