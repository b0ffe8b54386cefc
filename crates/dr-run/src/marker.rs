//! Which medium is in this slot? Each carries a marker that says who it is, and what to do with it if found.
//!
//! A marker is believed for nothing but identity, and only where the repository beside it is the one that the ledger
//! knows. It holds no secrets and no names of pupils or files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use dr_ledger::MediumKind;
use dr_media::Register;
use dr_plan::{MediumId, Pool, PoolId};
use serde::Deserialize;

use crate::devices::Machine;
use crate::error::RunError;

/// The marker's name, at the top of a medium.
pub const MARKER: &str = "dr-medium.toml";
/// The folder beside it that holds the repository.
pub const REPOSITORY: &str = "dr";
/// No marker is longer.
const MARKER_MAX: u64 = 16 << 10;

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Marker {
    /// The label.
    pub label: MediumId,
    /// The pool.
    pub pool: PoolId,
    /// The id of the repository beside it.
    pub repository: String,
}

/// The text of a new marker.
pub(crate) fn text(label: &MediumId, pool: &PoolId, school: &str, contact: &str, repository: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "# IF FOUND: this is a backup disk of {}.\n\
         # It is encrypted: nobody else can read it, and to the school it is worth much.\n\
         # Please unplug it again, do not format it, and tell the school: {}. Thank you.\n\
         label = {}\npool = {}\nschool = {}\nrepository = {}\n",
        plain(school),
        plain(contact),
        quoted(label.as_str()),
        quoted(pool.as_str()),
        quoted(school),
        quoted(repository),
    )
}

/// Lets whoever finds the disk read its marker, where the file system knows such rights. Old markers were closed.
pub(crate) fn open_to_the_finder(slot: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let marker = dr_open::plain(&slot.join(MARKER));
    let _ = marker.and_then(|marker| marker.set_permissions(fs::Permissions::from_mode(0o644)));
}

/// On one line, whatever the plan says.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// The marker of the medium in `slot`; `None` if there is none, or none that can be read.
#[must_use]
pub fn read(slot: &Path) -> Option<Marker> {
    let path = slot.join(MARKER);
    // Whoever had the disk in hand may have laid a link or a pipe there.
    patiently(slot, move || toml::from_str(&dr_open::text(&path, MARKER_MAX).ok()?).ok())?
}

/// A disk that takes longer to answer is passed over, so that it costs no other copy.
const PATIENCE: Duration = Duration::from_secs(10);
/// Slots that did not answer; each is waited for once.
static HUNG: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// What `look` finds in a slot; `None` if that does not answer in time. The thread that asks is given up then.
fn patiently<T: Send + 'static>(slot: &Path, look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let hung = || HUNG.lock().unwrap_or_else(PoisonError::into_inner);
    if hung().contains(slot) {
        return None;
    }
    let (say, hear) = mpsc::sync_channel(1);
    std::thread::spawn(move || say.send(look()));
    let heard = hear.recv_timeout(PATIENCE).ok();
    if heard.is_none() {
        hung().insert(slot.to_owned());
    }
    heard
}

/// The slots of a pool that did not answer, for a sentence; empty if all did.
fn silent(pool: &Pool) -> String {
    let hung = HUNG.lock().unwrap_or_else(PoisonError::into_inner);
    let below = hung.iter().filter(|slot| slot.starts_with(&pool.mount));
    below.map(|slot| format!(". {} does not answer: unplug what is there", slot.display())).collect()
}

/// The folders in which media of this pool can appear.
pub(crate) fn slots(pool: &Pool) -> Vec<PathBuf> {
    let Ok(read) = fs::read_dir(&pool.mount) else { return Vec::new() };
    let is_folder = |path: &PathBuf| {
        let of = path.clone();
        patiently(path, move || of.is_dir()) == Some(true)
    };
    let mut slots: Vec<_> = read.flatten().map(|entry| entry.path()).filter(is_folder).collect();
    slots.sort();
    slots
}

/// The slots of a pool in which something says that it is this medium.
pub(crate) fn claims(pool: &Pool, id: &MediumId) -> Vec<(Marker, PathBuf)> {
    let claims = slots(pool).into_iter().filter_map(|slot| Some((read(&slot).filter(|m| m.label == *id)?, slot)));
    claims.collect()
}

/// That a slot holds a disk, and its repository lies on that: no link leads elsewhere, and unless a folder is to stand
/// for the disk something is mounted there.
///
/// # Errors
/// What is wrong, and what to do.
pub(crate) fn refuse_no_disk(machine: &Machine, slot: &Path, id: &MediumId, kind: MediumKind) -> Result<(), RunError> {
    let wrong = |why: String| Err(RunError::Medium { medium: id.clone(), why });
    for path in [slot.to_owned(), slot.join(REPOSITORY)] {
        if fs::symlink_metadata(&path).is_ok_and(|about| about.is_symlink()) {
            return wrong(format!(
                "{} is a link, and what it leads to may be on another disk; nothing was written. Mount the disk itself",
                path.display()
            ));
        }
    }
    if kind == MediumKind::Directory || machine.is_mounted(slot) {
        return Ok(());
    }
    wrong(format!(
        "{slot} is a folder of the server and no disk is mounted there; nothing was written. Mount the disk there and \
         try again. If it was initialised in that folder by mistake: move the folder away, say `dr media lost {id}` and \
         `dr media found {id}`, mount the disk, and then `dr media init {id}`. A folder that is to stand for a disk is \
         registered with --kind directory, and never counts as offline",
        slot = slot.display()
    ))
}

/// The folder of a medium that the register knows.
///
/// # Errors
/// That it is not there, there twice, or not what the ledger says.
pub(crate) fn find(machine: &Machine, pool: &Pool, register: &Register, id: &MediumId) -> Result<PathBuf, RunError> {
    let wrong = |why: String| RunError::Medium { medium: id.clone(), why };
    let medium = register.medium(id);
    let known = medium.and_then(|medium| medium.repository.clone());
    let known = known.ok_or_else(|| wrong("it has no repository; `dr media init` makes one".into()))?;
    let (mut ours, others): (Vec<_>, Vec<_>) =
        claims(pool, id).into_iter().partition(|(marker, _)| marker.repository == known);
    match (ours.pop(), ours.is_empty(), others.first()) {
        (Some((_, slot)), true, _) => {
            let kind = medium.map_or(MediumKind::Hdd, |medium| medium.kind);
            refuse_no_disk(machine, &slot, id, kind).map(|()| slot)
        }
        (Some(_), false, _) => Err(wrong(format!(
            "two folders in {} carry its marker; nothing was written. Take the copy out",
            pool.mount.display()
        ))),
        (None, _, Some((_, slot))) => Err(wrong(format!(
            "the disk in {} carries its label and not its repository; nothing was written. It is not the disk that was initialised",
            slot.display()
        ))),
        (None, _, None) => {
            let there: Vec<_> =
                slots(pool).iter().filter_map(|slot| read(slot)).map(|marker| marker.label.to_string()).collect();
            let there = if there.is_empty() { "no disk of the school".into() } else { there.join(", ") };
            Err(wrong(format!("it is not in {}; there is {there}{}", pool.mount.display(), silent(pool))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back_whatever_the_school_is_called() {
        let slot = tempfile::tempdir().unwrap();
        let (label, pool) = (MediumId::new("disk-1").unwrap(), PoolId::new("weekly").unwrap());
        let text = text(&label, &pool, "St \"A\"\nlabel = 'disk-2' \\ School", "01632 960101\n[x]", "ab12");
        fs::write(slot.path().join(MARKER), text).unwrap();
        assert_eq!(read(slot.path()), Some(Marker { label, pool, repository: "ab12".into() }));
    }

    #[test]
    fn a_marker_that_is_a_link_or_no_toml_is_none() {
        let slot = tempfile::tempdir().unwrap();
        let path = slot.path().join(MARKER);
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert_eq!(read(slot.path()), None);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "label = 'Not A Label!'").unwrap();
        assert_eq!(read(slot.path()), None);
    }

    #[test]
    fn a_pipe_in_the_place_of_a_marker_and_a_link_to_one_are_waited_for_by_nobody() {
        let mount = tempfile::tempdir().unwrap();
        for slot in ["a", "b"] {
            fs::create_dir(mount.path().join(slot)).unwrap();
        }
        let at = |name: &str| mount.path().join(name);
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, at("a").join(MARKER), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        std::os::unix::fs::symlink(at("a").join(MARKER), at("b").join(MARKER)).unwrap();
        assert_eq!((read(&at("a")), read(&at("b"))), (None, None));
        assert!(HUNG.lock().unwrap().is_empty(), "neither was opened");
    }

    #[test]
    fn a_slot_that_does_not_answer_is_passed_over_and_waited_for_once() {
        let slot = Path::new("/a/slot/that/hangs");
        HUNG.lock().unwrap().insert(slot.to_owned());
        assert_eq!(patiently(slot, || -> u8 { panic!("it was asked again") }), None);
        HUNG.lock().unwrap().remove(slot);
        assert_eq!(patiently(slot, || 7), Some(7));
    }
}
