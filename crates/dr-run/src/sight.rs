//! Is each copy where it is said to be? Every round looks at the places of the targets and for the disks of the pools.
//!
//! What was looked at is compared with what the ledger says, and only what is otherwise is written down: the repository
//! and its log, the devices, what else lies on them, which disks are in sight. No key is needed. A copy whose place
//! holds nothing, or something else, counts no more from that look on, until a look finds it again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dr_ledger::{Event, MediumKind, PlaceState, SOURCES, STATE, Sight, of_medium, of_target};
use dr_media::{Holder, Medium, Register};
use dr_plan::{Class, MediumId, TargetId};
use dr_repo::Known;
use dr_store::{Access, Address};
use jiff::SignedDuration;

use crate::devices::{Lies, Machine, Relation};
use crate::error::RunError;
use crate::marker;
use crate::school::School;
use crate::targets::{TargetLocation, address, on_medium};

/// Clocks that are kept right are put back by moments.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// What a look found at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which target.
    pub target: TargetId,
    /// Which medium, if the target is a pool.
    pub medium: Option<MediumId>,
    /// What was found.
    pub state: PlaceState,
    /// Whether that is news, and was written down.
    pub changed: bool,
    /// What is wrong with it, for the person at the screen.
    pub trouble: Option<String>,
}

impl Seen {
    /// Whether copies that were there are not.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        is_bad(self.state) && self.trouble.is_some()
    }
}

/// Looks at every place, and writes down what is otherwise than it was.
///
/// # Errors
/// If the ledger cannot be read or takes no entry. What cannot be looked at is what was found, and no error.
pub fn see(school: &School) -> Result<Vec<Seen>, RunError> {
    look_again(school, &BTreeSet::new())
}

/// As [`see`]; what stands at the targets in `renewed` is from now on what belongs there.
pub(crate) fn look_again(school: &School, renewed: &BTreeSet<TargetId>) -> Result<Vec<Seen>, RunError> {
    // What was seen and founded where is told by the order of entries, for whoever reads them later as well: a look that
    // were held to some of them only would take for known what they do not say.
    let entries = school.entries()?;
    let register = Register::of(&entries);
    let machine = Machine::of(school);
    let mut places = places(school, &register, &machine, renewed);
    twins(&mut places);
    beside(school, &machine, &mut places);
    let mut all = Vec::new();
    for place in places {
        all.push(place.noted(school, &register)?);
    }
    Ok(all)
}

/// What lies on the same device as something else, or under two names, whether or not it was written down: one sentence
/// each, and whether it is an error of the plan.
///
/// # Errors
/// If the ledger cannot be read.
pub fn shared(school: &School) -> Result<Vec<(TargetId, String, bool)>, RunError> {
    let register = Register::of(&school.entries()?);
    let machine = Machine::of(school);
    let mut places = places(school, &register, &machine, &BTreeSet::new());
    twins(&mut places);
    beside(school, &machine, &mut places);
    Ok(places.iter().filter_map(|place| place.shares(school)).collect())
}

/// One place while it is looked at.
struct Place {
    location: TargetLocation,
    /// What it is called beside others.
    name: String,
    before: Sight,
    state: PlaceState,
    repository: Option<String>,
    /// Whether `repo.json` itself is lost or damaged.
    by_copy: bool,
    /// The log entry that this host has seen and that is not there, if it was put back.
    seen: Option<u64>,
    /// The folder is the very one of the place of that name.
    same_folder: Option<String>,
    lies: Option<Lies>,
    /// It is plugged in and not mounted: what is known of it is from before.
    unmounted: bool,
    same_as: Vec<String>,
    not_told_from: Vec<String>,
    file_system: Option<String>,
}

impl Place {
    fn new(location: TargetLocation, before: Sight) -> Self {
        let name = location.medium.as_ref().map_or_else(|| of_target(&location.target), of_medium);
        Self {
            location,
            name,
            before,
            state: PlaceState::Gone,
            repository: None,
            by_copy: false,
            seen: None,
            same_folder: None,
            lies: None,
            unmounted: false,
            same_as: Vec::new(),
            not_told_from: Vec::new(),
            file_system: None,
        }
    }

    /// Looks which repository stands in its folder.
    fn look(&mut self, school: &School, is_new: bool) {
        let found = school.store(&self.location.address, Access::Read).map_err(dr_repo::RepoError::from);
        match found.and_then(|store| Ok((dr_repo::known(&store)?, store))) {
            Ok((Known::Repository { id, newest, by_copy }, store)) => {
                let id = id.to_string();
                let other = self.before.repository.as_ref().is_some_and(|known| *known != id) && !is_new;
                self.seen = self.missing(school, &store, &id, newest).filter(|_| !other);
                self.state = match other {
                    true => PlaceState::Other,
                    false if self.seen.is_some() => PlaceState::Older,
                    false => PlaceState::Here,
                };
                (self.repository, self.by_copy) = (Some(id), by_copy);
            }
            Ok((Known::Damaged, _)) => self.state = PlaceState::Damaged,
            Ok((Known::Nothing, _)) | Err(_) => self.state = PlaceState::Gone,
        }
    }

    /// The log entry that this host has seen and from which the log there does not go on: it ends before that, or another
    /// entry has that number, since somebody went on from an earlier state. The names of the log and that one entry are
    /// asked first, and the log itself only if they say so: somebody may have accepted that.
    fn missing(&self, school: &School, store: &dr_store::BlockingStore, id: &str, newest: u64) -> Option<u64> {
        let seen = dr_open::text(&school.places.seen(id), 4 << 10).ok()?;
        let mut words = seen.split_whitespace();
        let n = words.next()?.parse::<u64>().ok()?;
        if n <= newest && !words.next().is_some_and(|digest| dr_repo::is_exchanged(store, n, digest)) {
            return None;
        }
        let Ok(key) = school.host_key() else { return Some(n) };
        let location = TargetLocation { repository: None, taken: Vec::new(), ..self.location.clone() };
        let goes_on = school.open(&location, key, false).is_ok_and(|repository| repository.behind().is_none());
        (!goes_on).then_some(n)
    }

    /// The folder without links, and without what is not there yet.
    fn folder(&self) -> Option<PathBuf> {
        let path = self.location.address.folder()?;
        let above = path.ancestors().find(|above| !above.as_os_str().is_empty() && above.exists())?;
        Some(above.canonicalize().ok()?.join(path.strip_prefix(above).ok()?))
    }

    /// Whether its folder is there and holds a repository.
    fn is_found(&self) -> bool {
        self.repository.is_some() && self.state != PlaceState::Away
    }

    /// How it lies to what lies there. Whoever's repository is gone has not changed its device by that: what was known of
    /// a target counts until it is found again.
    fn lies_to(&self, there: &Lies) -> Option<Relation> {
        if let Some(lies) = &self.lies {
            return Some(there.to(lies));
        }
        let known = self.before.devices.as_ref().filter(|_| self.location.medium.is_none())?;
        there.names()?.iter().any(|device| known.contains(device)).then_some(Relation::Same)
    }

    /// Writes down what is otherwise than before.
    fn noted(self, school: &School, register: &Register) -> Result<Seen, RunError> {
        if !self.before.founded {
            // Nobody has made a repository there yet: that is no news.
            let (target, medium) = (self.location.target, self.location.medium);
            return Ok(Seen { target, medium, state: self.state, changed: false, trouble: None });
        }
        let trouble = self.trouble(school, register);
        let (target, medium, state) = (self.location.target, self.location.medium, self.state);
        let devices = self.lies.as_ref().and_then(Lies::names);
        // Of what is not there only that is worth writing.
        let about = |before: &Sight| {
            (before.devices.clone(), before.file_system.clone(), before.same_as.clone(), before.not_told_from.clone())
        };
        let now = match self.unmounted {
            true => about(&self.before),
            false => (devices, self.file_system, self.same_as, self.not_told_from),
        };
        let is_here = matches!(state, PlaceState::Here | PlaceState::Other | PlaceState::Older);
        let is_other = state == PlaceState::Here && self.before.repository != self.repository;
        // Noted of a time that has not come, it is noted again.
        let slack = school.clock.decided().saturating_add(CLOCK_SLACK).unwrap_or(jiff::Timestamp::MAX);
        let is_ahead = self.before.since.is_some_and(|since| since > slack);
        let changed =
            self.before.state != Some(state) || is_other || is_ahead || (is_here && about(&self.before) != now);
        if changed && !(is_bad(state) && dr_switch::is_planted("gone-untold")) {
            let (devices, file_system, same_as, not_told_from) = now;
            let (repository, medium, target) = (self.repository, medium.clone(), target.clone());
            school.record(Event::TargetSeen {
                target,
                medium,
                state,
                repository,
                devices,
                file_system,
                same_as,
                not_told_from,
            })?;
        }
        Ok(Seen { target, medium, state, changed, trouble })
    }

    /// What a person is told of it.
    fn trouble(&self, school: &School, register: &Register) -> Option<String> {
        let (named, place) = (self.location.named(), &self.location.address);
        let medium = self.location.medium.as_ref().and_then(|id| register.medium(id));
        let counts = "Its copies do not count until it is found again";
        match (self.state, medium) {
            (PlaceState::Gone, None) => Some(format!(
                "{named}: the place for it is not there: {place} holds no repository, and this school has one there. \
                 Is the NAS or the disk on, and mounted? {counts}"
            )),
            (PlaceState::Gone, Some(_)) => Some(format!(
                "{named}: the disk is in sight and the repository that was on it is gone ({place}). {counts}"
            )),
            (PlaceState::Other, _) => Some(format!(
                "{named}: {place} holds another repository than this school has there{}. {counts}",
                self.same_folder.as_ref().map(|other| format!(": it is that of {other}")).unwrap_or_default()
            )),
            (PlaceState::Older, _) => Some(format!(
                "{named}: what is stored there does not go on from what this host has seen of it: it was put back to an \
                 earlier state, or exchanged. {counts}. If that is meant, somebody with the recovery key says so: \
                 `dr repo accept-rollback {place} --seen {}`",
                self.seen.unwrap_or_default()
            )),
            (PlaceState::Damaged, _) => Some(format!(
                "{named}: {place} holds a damaged repository that does not say which it is. Try `dr repair --target {}`. {counts}",
                self.location.target
            )),
            (PlaceState::Here, Some(medium)) if !medium.state.is_connected() && is_claimed(medium) => {
                // A folder is never unplugged, and everybody knows.
                (medium.kind != MediumKind::Directory).then(|| plugged_in(school, medium, self.unmounted))
            }
            (PlaceState::Away, Some(medium)) if medium.state.is_connected() => Some(format!(
                "{named} is said to be in the server and is not in sight: plug it in again, or say `dr media eject {}`",
                medium.id
            )),
            (PlaceState::Here, _) if self.by_copy => Some(format!(
                "{named}: repo.json in {place} is missing or damaged; its second copy serves, and `dr repair --target {}` mends it",
                self.location.target
            )),
            _ => None,
        }
    }

    /// What is wrong with where it lies.
    fn shares(&self, school: &School) -> Option<(TargetId, String, bool)> {
        let named = self.location.named();
        let said = |what: String, error| Some((self.location.target.clone(), what, error));
        if let Some(other) = &self.same_folder {
            return said(
                format!("{named} and {other} are one and the same copy under two names: give each a place of its own"),
                true,
            );
        }
        if self.state == PlaceState::Away || self.lies.is_none() {
            return None;
        }
        let beside: Vec<String> = self.same_as.iter().map(|name| in_words(name)).collect();
        if !beside.is_empty() {
            let what = format!("{named} lies on the same device as {}", listed(&beside));
            let class = school.plan.targets.get(&self.location.target).map(|target| target.class);
            return match (class, &self.location.medium) {
                (Some(Class::Offsite | Class::Cloud), None) => {
                    said(format!("{what}: what takes one takes the other, so it does not count as off-site"), false)
                }
                (_, Some(_)) => said(format!("{what}, so it counts as neither offline nor off-site"), false),
                _ => said(format!("{what}: what takes one takes the other"), false),
            };
        }
        None
    }
}

fn is_bad(state: PlaceState) -> bool {
    !matches!(state, PlaceState::Here | PlaceState::Away)
}

/// Whether somebody said where this medium is: one that was made ready and never used may lie anywhere.
fn is_claimed(medium: &Medium) -> bool {
    use dr_media::State::{Registered, Scratch};
    !matches!(medium.state, Registered | Scratch)
}

/// Where a medium is said to be, and that it is not.
fn plugged_in(school: &School, medium: &Medium, is_unmounted: bool) -> String {
    let id = &medium.id;
    let said = match &medium.holder {
        _ if medium.state == dr_media::State::Lost => "is said to be lost".to_owned(),
        Holder::Server => {
            let next = if is_unmounted { "it is not mounted any more: unplug it now" } else { "unmount and unplug it" };
            return format!(
                "{id} was ejected and is still plugged into the server: {next}. Until then its copies do not count as \
                 offline"
            );
        }
        Holder::Place(place) => {
            let name = school.plan.places.get(place).map_or(place.as_str(), |place| place.name.as_str());
            format!("is said to be at {name}")
        }
        Holder::Person(person) => {
            let name = school.plan.people.get(person).map_or(person.as_str(), |person| person.name.as_str());
            format!("is said to be with {name}")
        }
    };
    format!(
        "{id} {said}, and is plugged into the server: unplug it, or say `dr media load {id}` if it is meant to be there. \
         Until then its copies do not count as offline or off-site"
    )
}

/// A name beside others, for a sentence.
fn in_words(name: &str) -> String {
    match name {
        SOURCES => "what is backed up".to_owned(),
        STATE => "this host's own state".to_owned(),
        other => other.split_once(' ').map_or(other, |(_, name)| name).to_owned(),
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Every target with an address that was founded or is to be, and every medium with a repository.
fn places(school: &School, register: &Register, machine: &Machine, renewed: &BTreeSet<TargetId>) -> Vec<Place> {
    let sights = register.sights();
    let mut places = Vec::new();
    for (id, target) in &school.plan.targets {
        let Some(address) = address(target) else { continue };
        let before = sights.target(id).cloned().unwrap_or_default();
        let mut place = Place::new(school.location(register, id, None, address), before);
        place.look(school, renewed.contains(id));
        places.push(place);
    }
    for (id, target) in &school.plan.targets {
        let Some((pool_id, pool)) = target.pool().and_then(|id| Some((id, school.plan.pools.get(id)?))) else {
            continue;
        };
        for medium in register.pool(pool_id) {
            let Some(known) = medium.repository.as_ref() else { continue };
            let before = sights.medium(&medium.id).cloned().unwrap_or_default();
            let claims = marker::claims(pool, &medium.id);
            let own = claims.iter().find(|(marker, _)| marker.repository == *known).or(claims.first());
            let address = own.map_or_else(|| Address::Folder(PathBuf::new()), |(_, slot)| on_medium(slot));
            let location = school.location(register, id, Some(&medium.id), address);
            let mut place = Place::new(location, before);
            see_medium(&mut place, school, machine, medium, own.map(|(_, slot)| slot.as_path()));
            places.push(place);
        }
    }
    places
}

/// Whether a medium is in sight, in the slot that says so, and what is on it.
fn see_medium(place: &mut Place, school: &School, machine: &Machine, medium: &Medium, slot: Option<&Path>) {
    let is_folder = medium.kind == MediumKind::Directory;
    let waved_off = dr_switch::is_planted("in-sight-offline") || (machine.stands_in() && is_folder);
    let is_unplugged = !medium.state.is_connected() && is_claimed(medium) && waved_off;
    match slot {
        Some(_) if is_unplugged => place.state = PlaceState::Away,
        Some(slot) if marker::refuse_no_disk(machine, slot, &medium.id, medium.kind).is_err() => {
            // A folder of the server says that it is the disk. Then the disk is not what was written.
            place.look(school, false);
            place.same_as.push(STATE.to_owned());
        }
        Some(_) => place.look(school, false),
        // A folder that stands for a disk is on the server, wherever it was moved to.
        None if is_folder && !machine.is_made_up() => place.state = PlaceState::Gone,
        None if machine.is_plugged_in(place.before.devices.as_deref().unwrap_or_default())
            && place.before.same_as.is_empty()
            && !medium.state.is_connected() =>
        {
            // Not mounted, and whoever is root can mount it.
            place.state = PlaceState::Here;
            place.repository.clone_from(&place.before.repository);
            place.unmounted = true;
        }
        None => place.state = PlaceState::Away,
    }
}

/// One repository, or one folder, under two names is one copy: that of the name under which the ledger knows it, or
/// else the first.
fn twins(places: &mut [Place]) {
    if dr_switch::is_planted("same-device") {
        return;
    }
    for at in 0..places.len() {
        let Some((one, others)) = split(places, at) else { continue };
        let own = one.folder();
        if let Some((_, other)) = others.iter().find(|(n, other)| *n < at && own.is_some() && own == other.folder()) {
            one.same_folder = Some(in_words(&other.name));
        }
        let Some(id) = one.repository.clone().filter(|_| one.is_found()) else { continue };
        let is_known_as_this = one.before.repository.as_ref() == Some(&id);
        for (n, other) in others {
            if other.repository.as_ref() != Some(&id) || !other.is_found() {
                continue;
            }
            one.same_as.push(other.name.clone());
            let is_known_as_other = other.before.repository.as_ref() == Some(&id);
            if !is_known_as_this && (is_known_as_other || n < at) {
                one.state = PlaceState::Other;
                one.same_folder = Some(in_words(&other.name));
            } else if is_known_as_this && is_known_as_other && n < at {
                one.same_folder = Some(in_words(&other.name));
            }
        }
    }
}

/// The place `at`, and all others with their numbers.
fn split(places: &mut [Place], at: usize) -> Option<(&mut Place, Vec<(usize, &Place)>)> {
    let (before, rest) = places.split_at_mut_checked(at)?;
    let (one, after) = rest.split_first_mut()?;
    let others = before.iter().enumerate();
    let later = after.iter().enumerate().map(|(n, place)| (at + 1 + n, place));
    Some((one, others.chain(later).collect()))
}

/// On which devices each place lies that is here, and what else does.
fn beside(school: &School, machine: &Machine, places: &mut [Place]) {
    for place in places.iter_mut().filter(|place| place.is_found() || !place.before.founded) {
        let Some(folder) = place.location.address.folder().filter(|folder| !folder.as_os_str().is_empty()) else {
            continue;
        };
        place.lies = Some(machine.lies(&place.name, folder));
        place.file_system = file_system(machine, folder);
    }
    let server = |path: &Path| machine.lies("server", path);
    let runs = school.plan.systems.iter().filter(|system| system.source.runs());
    let sources: BTreeSet<PathBuf> = runs.flat_map(|system| system.source.paths().into_iter().cloned()).collect();
    let sources: Vec<Lies> = sources.iter().map(|path| server(path)).collect();
    let state = [server(&school.places.state)];
    for at in 0..places.len() {
        let Some((one, others)) = split(places, at) else { continue };
        let Some(lies) = one.lies.clone() else { continue };
        let mut beside = vec![(SOURCES.to_owned(), worst(&lies, &sources)), (STATE.to_owned(), worst(&lies, &state))];
        beside.extend(others.iter().filter_map(|(_, other)| Some((other.name.clone(), other.lies_to(&lies)?))));
        for (name, relation) in beside {
            match relation {
                Relation::Same if !one.same_as.contains(&name) => one.same_as.push(name),
                Relation::NotKnown if !one.same_as.contains(&name) => one.not_told_from.push(name),
                _ => {}
            }
        }
        one.same_as.sort();
    }
}

/// How something lies to many: beside one of them is beside them.
fn worst(lies: &Lies, to: &[Lies]) -> Relation {
    let relations: Vec<_> = to.iter().map(|other| lies.to(other)).collect();
    [Relation::Same, Relation::NotKnown].into_iter().find(|bad| relations.contains(bad)).unwrap_or(Relation::Separate)
}

/// The kind of a file system and the mark that it bears.
fn file_system(machine: &Machine, folder: &Path) -> Option<String> {
    let mark = rustix::fs::statvfs(folder).ok()?.f_fsid;
    Some(format!("{} {mark:016x}", machine.kind_of(folder)?))
}
