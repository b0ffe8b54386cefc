//! What was erased and still lies where it is backed up from: left out of every later run, and named, until it is gone
//! from there or somebody says that it may be backed up again.
//!
//! An erasure would else be undone by the next night's run. What it was called must be remembered for that, in a file of
//! the state folder that nobody else reads; it goes once a whole run has met nothing of it. The ledger never says it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{Entries, EntryPath, Kind};
use dr_ledger::{Decision, Event};
use dr_plan::{PersonId, SecretRef, Source, System, SystemId};
use dr_repo::Shape;
use dr_source::driver::{Correction, Moment, Questions};
use dr_source::{FACTS, driver};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::capture::{layout, seconds, shape};
use crate::erasure::{ERASURE_MAX, Erasure};
use crate::error::RunError;
use crate::meant::{Meant, on_the_machine};
use crate::places::{private_folder, replaced_file};
use crate::school::School;
use crate::sources::places;

/// The folder in the state.
const FOLDER: &str = "left-out";
/// How the ledger names what may be backed up again.
const ABOUT: &str = "erasure/";
/// So many names are shown of what was left out.
const NAMED: usize = 5;

/// What one erasure leaves out of later runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The erasure's name in the ledger.
    pub id: String,
    /// Whose data.
    pub system: SystemId,
    /// Paths, as they were typed.
    pub paths: Vec<String>,
    /// Patterns, as they were typed.
    pub globs: Vec<String>,
    /// Why it was erased.
    pub because: String,
    /// Who asked.
    pub by: PersonId,
    /// When.
    pub asked: Timestamp,
}

impl LeftOut {
    fn of(erasure: &Erasure) -> Self {
        Self {
            id: erasure.id.clone(),
            system: erasure.system.clone(),
            paths: erasure.paths.clone(),
            globs: erasure.globs.clone(),
            because: erasure.because.clone(),
            by: erasure.by.clone(),
            asked: erasure.asked,
        }
    }
}

/// What a run met of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// How many entries.
    pub(crate) count: u64,
    /// How the first of them are called on the machine.
    pub(crate) names: Vec<String>,
}

/// By erasure, what a capture met.
pub(crate) type AllMet = Arc<Mutex<BTreeMap<String, Met>>>;

impl School {
    fn left_out_file(&self, id: &str) -> PathBuf {
        let name: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        self.places.state.join(FOLDER).join(format!("{name}.json"))
    }

    /// What later runs leave out, the oldest erasure first.
    ///
    /// # Errors
    /// If a file cannot be read: then nobody knows what must not be backed up again.
    pub fn left_out(&self) -> Result<Vec<LeftOut>, RunError> {
        let folder = self.places.state.join(FOLDER);
        let read = match fs::read_dir(&folder) {
            Ok(read) => read,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(RunError::local("cannot read", folder)(why)),
        };
        let mut all: Vec<LeftOut> = Vec::new();
        for entry in read {
            let path = entry.map_err(RunError::local("cannot read", &folder))?.path();
            if path.extension().is_some_and(|end| end == "json") {
                let text = dr_open::read(&path, ERASURE_MAX).map_err(RunError::local("cannot read", &path))?;
                let read = serde_json::from_slice(&text).map_err(std::io::Error::from);
                all.push(read.map_err(RunError::local("cannot understand", &path))?);
            }
        }
        all.sort_by(|a, b| (a.asked, &a.id).cmp(&(b.asked, &b.id)));
        Ok(all)
    }
}

/// Remembers what an erasure leaves out from now on.
pub(crate) fn remember(school: &School, erasure: &Erasure) -> Result<(), RunError> {
    let path = school.left_out_file(&erasure.id);
    let folder = school.places.state.join(FOLDER);
    private_folder(&folder)?;
    let left = LeftOut::of(erasure);
    let failed = |why| RunError::local("cannot write", &path)(why);
    let text = serde_json::to_vec_pretty(&left).map_err(|why| failed(why.into()))?;
    replaced_file(&path, &text).map_err(failed)
}

fn forget(school: &School, id: &str) -> Result<(), RunError> {
    let path = school.left_out_file(id);
    match fs::remove_file(&path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(RunError::local("cannot remove", path)(why)),
        _ => Ok(()),
    }
}

/// Somebody says that what an erasure took out may be backed up again.
///
/// # Errors
/// [`RunError::NotLeftOut`] with what is, if nothing of that name is left out; that nobody says it, or does not say why.
pub fn back_up_again(school: &School, id: &str, because: &str) -> Result<LeftOut, RunError> {
    let all = school.left_out()?;
    let known = || all.iter().map(|one| one.id.clone()).collect();
    let found = all.iter().find(|one| one.id == id).cloned();
    let found = found.ok_or_else(|| RunError::NotLeftOut { id: id.to_owned(), known: known() })?;
    let about = format!("{ABOUT}{id}");
    let reason = Some(because.to_owned());
    school.record(Event::Accepted { decision: Decision::Approved, about, reason, until: None })?;
    forget(school, id)?;
    Ok(found)
}

/// What is left out of one system, ready to be asked.
pub(crate) struct Filter {
    all: Vec<(String, Meant, Vec<EntryPath>)>,
    roots: Vec<Vec<u8>>,
    shape: Shape,
    correction: Option<Correction>,
}

impl Filter {
    /// What the captures of a system leave out; `None` if that is nothing.
    pub(crate) fn of(school: &School, system: &System) -> Result<Option<Self>, RunError> {
        let all: Vec<LeftOut> = school.left_out()?.into_iter().filter(|left| left.system == system.id).collect();
        Ok(Self::new(&all, &system.source))
    }

    fn new(all: &[LeftOut], source: &Source) -> Option<Self> {
        if all.is_empty() {
            return None;
        }
        let (shape, roots) = shape(source);
        let top = layout(source).top;
        let ready = |left: &LeftOut| {
            // What could not be meant was refused when it was asked for.
            let meant = Meant::new(&left.paths, &left.globs).ok()?;
            let mut entries = meant.entries(&roots, shape);
            if let Some(top) = &top {
                // A capture has mailboxes in a folder of its own.
                let below = |path: &EntryPath| EntryPath::new([top.as_bytes(), b"/", path.as_bytes()].concat()).ok();
                let within: Vec<_> = entries.iter().filter_map(below).collect();
                entries.extend(within);
            }
            Some((left.id.clone(), meant, entries))
        };
        let correction = driver(source).ok().and_then(|driver| driver.correction());
        Some(Self { all: all.iter().filter_map(ready).collect(), roots, shape, correction })
    }

    /// The erasure that takes this entry out, by itself or with what lies above it. What is captured as a whole, its root,
    /// is never taken out: then there is nothing in it.
    fn by(&self, path: &EntryPath) -> Option<&str> {
        if path.is_root() {
            return None;
        }
        let fits = |(_, meant, entries): &&(String, Meant, Vec<EntryPath>)| {
            entries.iter().any(|entry| path.is_within(entry))
                || (meant.has_patterns() && ancestors(path).any(|above| meant.matches(&above, &self.roots, self.shape)))
        };
        self.all.iter().find(fits).map(|(id, ..)| id.as_str())
    }
}

/// A path and what lies above it, without the root.
fn ancestors(path: &EntryPath) -> impl Iterator<Item = EntryPath> + '_ {
    let bytes = path.as_bytes();
    let ends = (1..=bytes.len()).rev().filter(move |end| *end == bytes.len() || bytes[*end] == b'/');
    ends.filter_map(move |end| EntryPath::new(&bytes[..end]).ok())
}

/// The entries without what is left out, and what was met of that so far.
pub(crate) fn without(entries: Entries<'static>, filter: Filter) -> (Entries<'static>, AllMet) {
    let met: AllMet = Arc::new(Mutex::new(filter.all.iter().map(|(id, ..)| (id.clone(), Met::default())).collect()));
    let (noted, mut counted) = (Arc::clone(&met), 0_u64);
    let kept = entries.filter_map(move |item| {
        let (path, is_file) = match &item {
            Ok(entry) => (&entry.path, entry.meta.kind == Kind::File),
            Err(unread) => (&unread.path, false),
        };
        if let Some(correction) = filter.correction.filter(|_| path.as_bytes() == FACTS.as_bytes() && counted > 0) {
            return Some(item.and_then(|entry| (correction.fewer)(entry, counted)));
        }
        let Some(id) = filter.by(path) else { return Some(item) };
        let mut all = noted.lock().unwrap_or_else(PoisonError::into_inner);
        let one = all.entry(id.to_owned()).or_default();
        one.count += 1;
        if one.names.len() < NAMED {
            let whole = on_the_machine(path, &filter.roots, filter.shape);
            one.names.push(String::from_utf8_lossy(&whole).into_owned());
        }
        counted += u64::from(is_file && filter.correction.is_some_and(|correction| (correction.counts)(path)));
        None
    });
    (Box::new(kept), met)
}

/// After a run that met everything: what is to be said, and what need not be remembered any more.
pub(crate) fn settle(
    school: &School,
    system: &SystemId,
    met: &BTreeMap<String, Met>,
    is_whole: bool,
) -> Result<Vec<String>, RunError> {
    let mut told = Vec::new();
    let waiting: Vec<String> = school.waiting_erasures()?.into_iter().map(|erasure| erasure.id).collect();
    for left in school.left_out()?.into_iter().filter(|left| left.system == *system) {
        match met.get(&left.id) {
            Some(met) if met.count > 0 => told.push(sentence(&left, met, school)),
            Some(_) if is_whole && !waiting.contains(&left.id) => forget(school, &left.id)?,
            _ => {}
        }
    }
    Ok(told)
}

fn sentence(left: &LeftOut, met: &Met, school: &School) -> String {
    let day = left.asked.to_zoned(school.plan.school.timezone.clone()).strftime("%-d %b %Y");
    let more = met.count - met.names.len() as u64;
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!(
        "what was erased on {day} still lies where it is backed up from, and was left out: {}{more}. Remove it there. If it \
         may be backed up again: `dr erase --back-up-again {} --by PERSON --because TEXT`",
        met.names.join(", "),
        left.id
    )
}

/// What of an erasure still lies where it is backed up from; `None` where that cannot be looked up without a capture.
///
/// # Errors
/// If the source cannot be read.
pub fn still_there(school: &School, erasure: &Erasure) -> Result<Option<(u64, Vec<String>)>, RunError> {
    let system = school.system(erasure.system.as_str())?;
    let Some(filter) = Filter::new(&[LeftOut::of(erasure)], &system.source) else { return Ok(None) };
    // Names only: no contents are read.
    let (places, scratch, real) = (places(school, system), school.places.scratch(), seconds(school.clock.at_real()));
    let stop = Arc::default();
    let secrets = |reference: &SecretRef| school.secret(reference);
    let (places, scratch) = (&places, &scratch);
    let questions = Questions { expect: &[], pages: &[], zone: &school.plan.school.timezone };
    let moment =
        Moment { places, scratch, decided: real, real, last_size: None, secrets: &secrets, questions, stop: &stop };
    let Some(captured) = driver(&system.source).ok().map(|driver| driver.names(&moment)).transpose()?.flatten() else {
        return Ok(None);
    };
    let (entries, met) = without(captured.entries, filter);
    entries.for_each(drop);
    let met = met.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(met.values().next().map(|met| (met.count, met.names.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(paths: &[&str], globs: &[&str]) -> LeftOut {
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
        LeftOut {
            id: "2026-11-23T09:00:00Z/admin".into(),
            system: SystemId::new("admin").unwrap(),
            paths: words(paths),
            globs: words(globs),
            because: "request".into(),
            by: PersonId::new("oak").unwrap(),
            asked: "2026-11-23T09:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn what_was_erased_is_taken_out_with_what_lies_below_it_and_nothing_that_is_called_alike() {
        // The folders are there, since one that is not is captured as nothing.
        let place = tempfile::tempdir().unwrap();
        for folder in ["office", "shares", "mail"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        let at = |path: &str| path.replace("/srv", place.path().to_str().unwrap());
        let source = |text: &str| {
            let plan = format!(
                "school = \"S\"\npeople = {{ head = \"A\" }}\ncopies = {{ onsite = \"/n\" }}\n[systems]\nx = \"{}\"\n",
                at(text)
            );
            dr_plan::parse(&plan, "dr.toml").unwrap().systems[0].source.clone()
        };
        let by = |mut left: LeftOut, of: &str, path: &str| {
            left.paths = left.paths.iter().map(|path| at(path)).collect();
            let filter = Filter::new(&[left], &source(of)).unwrap();
            filter.by(&EntryPath::new(path).unwrap()).is_some()
        };
        let folder = || left(&["/srv/office/Pupils/X"], &[]);
        assert!(by(folder(), "/srv/office", "Pupils/X") && by(folder(), "/srv/office", "Pupils/X/a/b"));
        assert!(!by(folder(), "/srv/office", "Pupils/X2") && !by(folder(), "/srv/office", "Pupils"));
        assert!(!by(folder(), "/srv/shares", "Pupils/X"));
        let pattern = || left(&[], &["*secret*"]);
        assert!(by(pattern(), "/srv/office", "a/my-secrets/b.txt") && !by(pattern(), "/srv/office", "a/b.txt"));
        let mail = || left(&["/srv/mail/ash/cur/1.M1.host:2,S"], &[]);
        assert!(by(mail(), "maildir:/srv/mail", "Maildir/ash/cur/1.M1.host:2,S"));
        // All of it: the root stays, and nothing in it.
        assert!(by(left(&["/srv"], &[]), "/srv/office", "a") && !by(left(&["/srv"], &[]), "/srv/office", ""));
    }
}
