//! Which key slot does a password open?

use std::collections::BTreeSet;

use dr_format::format::SLOT_MAX;
use dr_format::id::Digest;
use dr_format::key::FamilyKey;
use dr_format::slot::{self, NotOpened};
use dr_store::{BlockingStore, StoreError};

use super::Fault;
use crate::error::RepoError;
use crate::read::copies;

/// So many of what lies in a folder of slots are looked at, copies apart: each is small.
const LISTED_MAX: usize = 256;
/// What trying a password may cost in all: two slots as dear as any may be, or a hundred that are made as ours are. It is a
/// minute on a slow server.
const COST_MAX: u64 = 2 * slot::DEAREST;

/// One slot that can be read.
struct Slot {
    object: String,
    /// Two of the same bytes are one, whatever they are called.
    own: Digest,
    bytes: Vec<u8>,
    cost: u64,
}

/// Opens the first slot that the password fits, of a `repo.json` that `fits`, and what that slot vouches for. One that
/// opens and vouches for another is passed over: an `init` that was cut off may have left it. Whoever can write there can
/// lay down slots that take long to try, so the cheap ones come first, and all together cost no more than so much.
///
/// # Errors
/// [`RepoError::WrongKey`], or what is damaged so that nothing opens.
pub(super) fn open_slots(
    store: &BlockingStore,
    password: &str,
    fits: &dyn Fn(&Digest) -> bool,
    faults: &mut Vec<Fault>,
) -> Result<(FamilyKey, Digest), RepoError> {
    let (mut slots, mut damaged) = found(store)?;
    let (mut tried, mut readable, mut other, mut spent) = (0, Vec::new(), None, 0_u64);
    // A second copy is tried where the first is damaged, and costs nothing then.
    slots.sort_by_key(|slot| slot.cost);
    let (mut untried, all) = (0, slots.iter().map(|slot| slot.own).collect::<BTreeSet<_>>().len());
    for slot in slots {
        if readable.contains(&slot.own) {
            continue;
        }
        if !is_affordable(&mut spent, slot.cost) {
            readable.push(slot.own);
            untried += 1;
            continue;
        }
        match slot::open(&slot.bytes, password) {
            Ok(opened) if fits(&opened.1) => {
                told(faults, damaged);
                return Ok(opened);
            }
            Ok(opened) => {
                readable.push(slot.own);
                other.get_or_insert(opened);
            }
            Err(NotOpened::WrongPassword) => {
                tried += 1;
                readable.push(slot.own);
            }
            Err(NotOpened::Damaged(what)) => damaged.push(Fault { object: slot.object, what }),
        }
    }
    if let Some(opened) = other {
        // Whoever reads `repo.json` says what is wrong with it.
        told(faults, damaged);
        return Ok(opened);
    }
    if untried > 0 {
        return Err(RepoError::WrongKey(format!(
            "the password fits none of the key slots that were tried; {untried} of {all} were not, because together they \
             take longer than any that dr makes. Somebody may have laid them there: open it with the key file, and look at \
             the folder `keys`"
        )));
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

/// What opened it stands in `keys`: that a second copy is damaged, which is tried first where its cost cannot be read, is
/// for a check to say.
fn told(faults: &mut Vec<Fault>, damaged: Vec<Fault>) {
    let second = format!("{}/", copies::FOLDER);
    faults.extend(damaged.into_iter().filter(|fault| !fault.object.starts_with(&second)));
}

/// Whether one more slot of this cost may be tried; then it is spent.
fn is_affordable(spent: &mut u64, cost: u64) -> bool {
    let after = spent.saturating_add(cost);
    if after <= COST_MAX {
        *spent = after;
    }
    after <= COST_MAX
}

/// The slots and their second copies, and what cannot be had of them.
fn found(store: &BlockingStore) -> Result<(Vec<Slot>, Vec<Fault>), RepoError> {
    let (mut slots, mut damaged) = (Vec::new(), Vec::new());
    let copies = store.list(&format!("{}/keys", copies::FOLDER))?;
    for listed in store.list("keys")?.into_iter().take(LISTED_MAX).chain(copies.into_iter().take(LISTED_MAX)) {
        let object = listed.key.to_string();
        match store.get(&listed.key, SLOT_MAX) {
            Ok(bytes) => {
                slots.push(Slot { own: Digest::of(&bytes), object, cost: slot::cost(&bytes), bytes: bytes.to_vec() })
            }
            Err(StoreError::NotFound { .. } | StoreError::TooLarge { .. }) => {
                damaged.push(Fault { object, what: "it is too large or gone".into() });
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok((slots, damaged))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dr_format::slot::laid;
    use dr_store::{Key, ObjectBody};

    use super::*;

    #[test]
    fn ten_slots_as_dear_as_any_may_be_keep_nobody_from_a_cheap_one() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let store = BlockingStore::new(Arc::new(dr_store::memory::MemoryStore::default()), runtime.handle().clone());
        let put = |folder: &str, name: &str, bytes: Vec<u8>| {
            let key = Key::new(format!("{folder}keys/{name}")).unwrap();
            store.put_new(&key, ObjectBody::Bytes(bytes.into())).unwrap();
        };
        let (key, digest) = (FamilyKey::generate(), Digest([9; 32]));
        let (own, bytes) = slot::make(&key, digest, "the right one").unwrap();
        put("", &own, bytes);
        for n in 0..40 {
            put("", &format!("{n:032x}"), laid(&key, n, 1 << 20, 10));
        }
        // One that is cheap and wrong, under the right one's name.
        put("ecc/copy/", &own, laid(&key, 99, 19 << 10, 1));
        let opened = open_slots(&store, "the right one", &|vouched| *vouched == digest, &mut Vec::new());
        assert_eq!(opened.unwrap().0.secret.0, key.secret.0);
    }

    #[test]
    fn a_hundred_slots_as_ours_are_tried_and_two_of_the_dearest() {
        let count = |cost: u64| {
            let mut spent = 0;
            (0..1_000).filter(|_| is_affordable(&mut spent, cost)).count()
        };
        assert_eq!((count(3 * (64 << 10)), count(slot::DEAREST)), (106, 2));
    }
}
