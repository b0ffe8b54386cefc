//! Which key slot does a password open?

use dr_store::{Shelf, StoreError};

use super::Fault;
use crate::copies;
use crate::error::RepoError;
use crate::format::SLOT_MAX;
use crate::id::Digest;
use crate::key::FamilyKey;
use crate::slot::{self, NotOpened};

/// Opens the first slot that the password fits, of a `repo.json` that `fits`, and what that slot vouches for. One that
/// opens and vouches for another is passed over: an `init` that was cut off may have left it.
///
/// # Errors
/// [`RepoError::WrongKey`], or what is damaged so that nothing opens.
pub(super) fn open_slots(
    shelf: &Shelf,
    password: &str,
    fits: &dyn Fn(&Digest) -> bool,
    faults: &mut Vec<Fault>,
) -> Result<(FamilyKey, Digest), RepoError> {
    let (mut tried, mut damaged, mut readable, mut other) = (0, Vec::new(), Vec::new(), None);
    // A hostile store could list slots for ever; each costs a quarter of a second.
    let copies = shelf.list(&format!("{}/keys", copies::FOLDER))?;
    for listed in shelf.list("keys")?.into_iter().take(32).chain(copies.into_iter().take(32)) {
        let name = listed.key.as_str().trim_start_matches(copies::FOLDER).trim_start_matches('/').to_owned();
        if readable.contains(&name) {
            continue;
        }
        let bytes = match shelf.get(&listed.key, SLOT_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. } | StoreError::TooLarge { .. }) => {
                damaged.push(Fault { object: listed.key.to_string(), what: "it is too large or gone".into() });
                continue;
            }
            Err(other) => return Err(other.into()),
        };
        match slot::open(&bytes, password) {
            Ok(opened) if fits(&opened.1) => {
                faults.append(&mut damaged);
                return Ok(opened);
            }
            Ok(opened) => {
                readable.push(name);
                other.get_or_insert(opened);
            }
            Err(NotOpened::WrongPassword) => {
                tried += 1;
                readable.push(name);
            }
            Err(NotOpened::Damaged(what)) => damaged.push(Fault { object: listed.key.to_string(), what }),
        }
    }
    if let Some(opened) = other {
        // Whoever reads `repo.json` says what is wrong with it.
        faults.append(&mut damaged);
        return Ok(opened);
    }
    match (tried, damaged.into_iter().next()) {
        (0, Some(Fault { object, what })) => Err(RepoError::Damaged { object, what }),
        (0, None) => Err(RepoError::WrongKey("this repository has no password; it opens with its key file".into())),
        (_, Some(Fault { object, .. })) => {
            Err(RepoError::WrongKey(format!("the password fits no key slot that can be read ({object} is damaged)")))
        }
        (_, None) => Err(RepoError::WrongKey("wrong password".into())),
    }
}
