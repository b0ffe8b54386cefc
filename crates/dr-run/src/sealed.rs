//! How does somebody who may not read the backups learn how a school is doing?
//!
//! The status is left on each target as a small sealed object, when its word changes and at least once a day. Whoever
//! holds the status key, which opens nothing else, reads the newest. What is old says nothing: a school that fell
//! silent must not look green for ever.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use dr_media::Register;
use dr_plan::TargetId;
use dr_repo::{BadStatus, Known, STATUS_FOLDER, STATUS_MAX, StatusKey, is_repository};
use dr_store::{Access, Address, BlockingStore, Credentials, Key, ObjectBody};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::error::RunError;
use crate::location::{Availability, TargetLocation};
use crate::places::{private_file, private_folder};
use crate::school::School;

/// After so long the same word is written again.
const AGAIN: SignedDuration = SignedDuration::from_hours(20);
/// What is older says nothing about now.
pub const STATUS_OLD: SignedDuration = SignedDuration::from_hours(36);
/// So many of the newest objects are tried: one that does not open must not hide those before it.
const TRIED: usize = 8;

/// A status that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedStatus {
    /// When it was written.
    pub at: Timestamp,
    /// What it says, as `dr status --json` does.
    pub status: Value,
    /// Newer objects that do not open with this key.
    pub closed: usize,
}

impl SealedStatus {
    /// Whether it still says something at `now`. One from the future does not.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        age <= STATUS_OLD && age >= -SignedDuration::from_hours(1)
    }
}

/// A target, and whether a status was left there now, or why not.
pub type Left = (TargetId, Result<bool, String>);

/// Where the status key of this school is kept.
#[must_use]
pub fn status_key_file(school: &School) -> PathBuf {
    school.places.state.join("keys").join("status.key")
}

/// The status key, made on first use.
///
/// # Errors
/// If its file cannot be read or made, or holds something else.
pub fn status_key(school: &School) -> Result<StatusKey, RunError> {
    let path = status_key_file(school);
    if path.symlink_metadata().is_err() {
        path.parent().map_or(Ok(()), private_folder)?;
        match private_file(&path, &StatusKey::generate().to_text()) {
            Err(why) if why.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(RunError::local("cannot write the status key", path)(why));
            }
            _ => {}
        }
    }
    read_status_key(&path)
}

/// The status key in a file.
///
/// # Errors
/// If it cannot be read, or is none.
pub fn read_status_key(path: &Path) -> Result<StatusKey, RunError> {
    let text = dr_open::text_named(path, 64 << 10).map_err(RunError::local("cannot read the status key", path))?;
    StatusKey::from_text(&zeroize::Zeroizing::new(text)).map_err(|why| bad(path.display(), why))
}

fn bad(place: impl ToString, why: BadStatus) -> RunError {
    RunError::Status { place: place.to_string(), why }
}

/// Leaves `json`, a status report, on every target with an address that can be reached and where its word is new or
/// the newest is twenty hours old. Says where it was written; a target that fails costs only itself.
///
/// # Errors
/// If there is no status key, or the ledger cannot be read.
pub fn write_status(school: &School, json: &[u8]) -> Result<Vec<Left>, RunError> {
    let key = status_key(school)?;
    let register = Register::of(&school.entries()?);
    let now = school.clock.decided();
    let spots = school.plan.targets.keys().filter_map(|target| match school.reach(&register, target) {
        Availability::Here(location) if location.medium.is_none() => Some(location),
        _ => None,
    });
    let written = |location: TargetLocation| {
        let done = write_one(school, &location, &key, now, json).map_err(|why| why.to_string());
        (location.target, done)
    };
    Ok(spots.map(written).collect())
}

fn write_one(
    school: &School,
    location: &TargetLocation,
    key: &StatusKey,
    now: Timestamp,
    json: &[u8],
) -> Result<bool, RunError> {
    let store = |source| RunError::Store { target: location.named(), source };
    let blocking = school.store(&location.address, Access::Read).map_err(store)?;
    match dr_repo::known(&blocking).map_err(|source| RunError::repository(location.named(), source))? {
        Known::Repository { id, .. } => location.holds(&id.to_string())?,
        Known::Nothing | Known::Damaged => return Ok(false),
    }
    let word = |status: &Value| status.get("overall").and_then(Value::as_str).map(str::to_owned);
    let new = serde_json::from_slice::<Value>(json).ok().as_ref().and_then(word);
    if let Some(before) = read_status(&blocking, key)?
        && word(&before.status) == new
        && before.at <= now
        && now.duration_since(before.at) < AGAIN
    {
        return Ok(false);
    }
    let name = format!("{STATUS_FOLDER}/{:020}", now.as_millisecond().max(0));
    let object = key.seal(&name, json).map_err(|why| bad(location.named(), why))?;
    let Ok(name) = Key::new(name) else { return Ok(false) };
    let blocking = school.store(&location.address, Access::Write).map_err(store)?;
    blocking.put_new(&name, ObjectBody::Bytes(Bytes::from(object))).map_err(store)?;
    Ok(true)
}

/// The newest status on a blocking that opens with this key; `None` if there is none at all.
///
/// # Errors
/// If the store says no, or there are some and not one of the newest opens.
pub fn read_status(blocking: &BlockingStore, key: &StatusKey) -> Result<Option<SealedStatus>, RunError> {
    let store = |source| RunError::Store { target: blocking.place(), source };
    let names = blocking.list(STATUS_FOLDER).map_err(store)?;
    let timed = names.iter().filter_map(|listed| Some((time_of(listed.key.as_str())?, &listed.key)));
    let timed: Vec<_> = timed.collect();
    let mut why = None;
    for (closed, (at, name)) in timed.iter().rev().take(TRIED).enumerate() {
        let opened = match blocking.get(name, STATUS_MAX) {
            Ok(object) => key.open(name.as_str(), &object),
            Err(dr_store::StoreError::TooLarge { .. }) => Err(BadStatus::NoObject),
            Err(other) => return Err(store(other)),
        };
        let status = opened.and_then(|json| serde_json::from_slice(&json).map_err(|_| BadStatus::NoObject));
        match status {
            Ok(status) => return Ok(Some(SealedStatus { at: *at, status, closed })),
            Err(bad) => why = Some(bad),
        }
    }
    why.map_or(Ok(None), |why| Err(bad(blocking.place(), why)))
}

/// The time in an object's name.
fn time_of(name: &str) -> Option<Timestamp> {
    let digits = name.strip_prefix(STATUS_FOLDER)?.strip_prefix('/')?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    Timestamp::from_millisecond(digits.parse().ok().filter(|_| plain)?).ok()
}

/// The status that is sealed in the repository at an address, and nothing else of it is opened.
///
/// # Errors
/// If nothing can be read there, or what is there does not open.
pub fn read_status_at(
    address: &Address,
    credentials: &Credentials,
    key: &StatusKey,
    runtime: &tokio::runtime::Handle,
) -> Result<Option<SealedStatus>, RunError> {
    let store = dr_store::open(address, Access::Read, credentials)
        .map_err(|source| RunError::Store { target: address.to_string(), source })?;
    let blocking = BlockingStore::new(store, runtime.clone());
    let found = read_status(&blocking, key)?;
    let none = || RunError::repository(address, dr_repo::RepoError::NoRepository(address.to_string()));
    match &found {
        None if !is_repository(&blocking).unwrap_or(false) => Err(none()),
        _ => Ok(found),
    }
}
