//! How does a person without a shell decide something once, by a code that came in the mail?
//!
//! Ten characters that are hard to misread, 49 bits of chance. The ledger keeps only what a code is checked with: a
//! keyed BLAKE3 over the code, the person, the decision and what it is about, under a key that stays on this host. Who
//! has the ledger and not the key learns nothing; a code for one thing is none for another, nor anybody else's.
//! Whoever asks for a code counts wrong ones and stops asking; a code goes to one person, by mail only, and runs out.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

use dr_ledger::{Decision, Digest};
use dr_plan::PersonId;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::PostError;
use crate::outbox::{flush_folder, private_folder};

/// No 0, O, 1, I or L.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const LENGTH: usize = 10;
const CONTEXT: &[u8] = b"dr one-time code v1";

/// A code. It is shown once, in the mail that carries it; [`fmt::Debug`] does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<String>);

impl Code {
    /// A new one, from the operating system's randomness.
    ///
    /// # Errors
    /// [`PostError::NoRandomness`]
    pub fn new() -> Result<Self, PostError> {
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        let mut some = Zeroizing::new([0_u8; 32]);
        while code.len() < LENGTH {
            getrandom::fill(&mut *some).map_err(|_| PostError::NoRandomness)?;
            extend(&mut code, &*some);
        }
        Ok(Self(code))
    }

    /// What somebody typed: in either case, with or without blanks and hyphens. `None` if it cannot be a code.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        for c in text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}')) {
            let c = c.to_ascii_uppercase();
            if !c.is_ascii() || !ALPHABET.contains(&(c as u8)) || code.len() == LENGTH {
                return None;
            }
            code.push(c);
        }
        (code.len() == LENGTH).then_some(Self(code))
    }

    /// As people read it: two groups of five with a hyphen between them.
    #[must_use]
    pub fn shown(&self) -> Zeroizing<String> {
        let (left, right) = self.0.split_at(LENGTH / 2);
        Zeroizing::new(format!("{left}-{right}"))
    }

    /// What the ledger keeps: by this, and the key, the code is known again.
    #[must_use]
    pub fn check(&self, key: &[u8; 32], person: &PersonId, decision: Decision, about: &str) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(key);
        for part in [CONTEXT, self.0.as_bytes(), person.as_str().as_bytes(), decision.as_str().as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        // Last, so its length needs no saying.
        hasher.update(about.as_bytes());
        let digest = Digest(*hasher.finalize().as_bytes());
        hasher.zeroize();
        digest
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// Adds characters from random bytes, each equally likely: bytes that would favour the first ones are left out.
fn extend(code: &mut String, random: &[u8]) {
    let fair = 256 / ALPHABET.len() * ALPHABET.len();
    for byte in random.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair) {
        if code.len() < LENGTH {
            code.push(char::from(ALPHABET[byte % ALPHABET.len()]));
        }
    }
}

/// Whether what somebody typed is the code that `check` was made from, for this person, decision and matter. Takes the
/// same time however much of it is right.
#[must_use]
pub fn matches(
    typed: &str,
    check: &Digest,
    key: &[u8; 32],
    person: &PersonId,
    decision: Decision,
    about: &str,
) -> bool {
    Code::typed(typed).is_some_and(|code| {
        blake3::Hash::from(code.check(key, person, decision, about).0) == blake3::Hash::from(check.0)
    })
}

/// The key that codes of this host are checked with, `keys/codes.key` in the state, made if there is none.
///
/// # Errors
/// That it cannot be read or made.
pub fn codes_key(state: &Path) -> Result<Zeroizing<[u8; 32]>, PostError> {
    let folder = state.join("keys");
    let path = folder.join("codes.key");
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    private_folder(&folder)?;
    let mut key = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *key).map_err(|_| PostError::NoRandomness)?;
    let failed = || PostError::local("write", &path);
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&folder).map_err(failed())?;
    file.write_all(&*key).and_then(|()| file.as_file().sync_all()).map_err(failed())?;
    match file.persist_noclobber(&path) {
        Ok(_) => flush_folder(&folder)?,
        // Another process was first, and its key is the one.
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(refused) => return Err(failed()(refused.error)),
    }
    read_key(&path)?.ok_or_else(|| failed()(io::ErrorKind::NotFound.into()))
}

fn read_key(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, PostError> {
    let bytes = match dr_open::read(path, 4 << 10) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(PostError::local("read", path)(why)),
    };
    let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| PostError::BadKey { path: path.to_owned() })?;
    Ok(Some(Zeroizing::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn person(id: &str) -> PersonId {
        PersonId::new(id).unwrap()
    }

    #[test]
    fn a_code_has_ten_characters_none_of_which_is_misread() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let shown = Code::new().unwrap().shown();
            assert_eq!(shown.len(), 11);
            assert_eq!(shown.as_bytes()[5], b'-');
            assert!(!shown.chars().any(|c| "01OIL".contains(c)), "{}", *shown);
            seen.insert(shown.to_string());
        }
        assert_eq!(seen.len(), 200);
    }

    #[test]
    fn every_character_is_as_likely_as_any_other() {
        let mut counts = std::collections::BTreeMap::new();
        for byte in 0..=u8::MAX {
            let mut one = String::new();
            extend(&mut one, &[byte]);
            *counts.entry(one).or_insert(0) += 1;
        }
        assert_eq!(counts.remove(""), Some(8));
        assert_eq!(counts.len(), 31);
        assert!(counts.values().all(|count| *count == 8));
    }

    #[test]
    fn a_code_is_known_again_however_it_is_typed_and_for_nothing_else() {
        let (key, other) = ([7; 32], [8; 32]);
        let code = Code::new().unwrap();
        let check = code.check(&key, &person("ash"), Decision::Approved, "exception mis");
        let good = |typed: &str| matches(typed, &check, &key, &person("ash"), Decision::Approved, "exception mis");
        let shown = code.shown();
        assert!(good(&shown));
        assert!(good(&shown.to_lowercase()));
        assert!(good(&format!("  {} ", shown.replace('-', " "))));
        assert!(good(&shown.replace('-', "")));
        assert!(good(&shown.replace('-', "\u{2013}")));
        assert!(!good(&shown[..10]));
        assert!(!good(&format!("{}2", *shown)));
        assert!(!good(""));
        assert!(!good(&Code::new().unwrap().shown()));
        let wrong = |key, who, decision, about| matches(&shown, &check, key, &person(who), decision, about);
        assert!(!wrong(&other, "ash", Decision::Approved, "exception mis"));
        assert!(!wrong(&key, "oak", Decision::Approved, "exception mis"));
        assert!(!wrong(&key, "ash", Decision::Acknowledged, "exception mis"));
        assert!(!wrong(&key, "ash", Decision::Approved, "exception web"));
        assert_eq!(format!("{code:?}"), "Code(…)");
    }

    #[test]
    fn what_the_ledger_keeps_of_a_code_never_changes() {
        let code = Code::typed("23456-789AB").unwrap();
        let check = code.check(&[7; 32], &person("ash"), Decision::Approved, "exception mis");
        assert_eq!(check.to_string(), GOLDEN);
    }

    /// Computed by another BLAKE3, in Python.
    const GOLDEN: &str = "631d6a436b97bc889619d6ace6acc2452ea359122acd872fb8d0f77ad4b5fd36";

    #[test]
    fn the_key_is_made_once_and_closed_to_others() {
        let state = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let made: Vec<_> = (0..8).map(|_| scope.spawn(|| codes_key(state.path()).unwrap())).collect();
            made.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| **key == *keys[0] && **key != [0; 32]));
        let path = state.path().join("keys/codes.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(state.path().join("keys")).unwrap().count(), 1);
        fs::write(&path, "short").unwrap();
        assert!(matches!(codes_key(state.path()), Err(PostError::BadKey { .. })));
    }
}
