//! How is a school's status left beside its backups so that a trust can read it, and nothing else?
//!
//! A status object is sealed with a key of its own that opens no backup. Its name holds its time and is sealed in with
//! it, so an old one cannot be put forward as a new one. Its length is a multiple of four kibibytes, which tells little
//! about what it says. The bytes stand in `docs/format/repository.md`.

use std::fmt;

use zeroize::Zeroizing;

use crate::id::{Secret, random};
use crate::seal::{derive, open_once, seal_once};

/// The folder of the objects in a repository.
pub const STATUS_FOLDER: &str = "status";
/// No status object is larger.
pub const STATUS_MAX: u64 = 1 << 20;

const MAGIC: [u8; 16] = *b"dr status v1\n\0\0\0";
const SALT: usize = 32;
const TAG: usize = 16;
const STEP: usize = 4 << 10;
const CONTEXT: &str = "dr 2026 status object v1";
const FIRST_LINE: &str = "dr status key 1";

/// Opens and seals status objects; opens no backup.
#[derive(Clone)]
pub struct StatusKey(Secret);

/// Why there is no status in an object, or no key in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadStatus {
    /// The text is no key.
    #[error("not a status key")]
    NoKey,
    /// The bytes are no status object.
    #[error("not a status object")]
    NoObject,
    /// Another key, another name, or changed bytes.
    #[error("it does not open with this status key, or was changed")]
    Sealed,
    /// Too long to be one.
    #[error("a status of this length cannot be sealed")]
    TooLong,
}

impl StatusKey {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret(random()))
    }

    /// As it stands in its file.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{FIRST_LINE}\n"));
        self.0.0.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
        text.push('\n');
        text
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// [`BadStatus::NoKey`] for anything else.
    pub fn from_text(text: &str) -> Result<Self, BadStatus> {
        let digits = text.trim().strip_prefix(FIRST_LINE).map(str::trim).ok_or(BadStatus::NoKey)?;
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(BadStatus::NoKey);
        }
        let mut key = Secret([0; 32]);
        for (at, byte) in key.0.iter_mut().enumerate() {
            let pair = digits.get(at * 2..at * 2 + 2).ok_or(BadStatus::NoKey)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| BadStatus::NoKey)?;
        }
        Ok(Self(key))
    }

    /// The object of this name that says `status`.
    ///
    /// # Errors
    /// [`BadStatus::TooLong`] above [`STATUS_MAX`].
    pub fn seal(&self, name: &str, status: &[u8]) -> Result<Vec<u8>, BadStatus> {
        self.seal_salted(random(), name, status)
    }

    fn seal_salted(&self, salt: [u8; SALT], name: &str, status: &[u8]) -> Result<Vec<u8>, BadStatus> {
        let length = u32::try_from(status.len()).map_err(|_| BadStatus::TooLong)?;
        let whole = (MAGIC.len() + SALT + 4 + status.len() + TAG).next_multiple_of(STEP);
        if whole as u64 > STATUS_MAX {
            return Err(BadStatus::TooLong);
        }
        let mut plain = Vec::with_capacity(whole);
        plain.extend_from_slice(&length.to_le_bytes());
        plain.extend_from_slice(status);
        plain.resize(whole - MAGIC.len() - SALT - TAG, 0);
        let sealed = seal_once(&self.of(&salt, name), &MAGIC, &plain);
        Ok([&MAGIC[..], &salt, &sealed].concat())
    }

    /// What the object of this name says.
    ///
    /// # Errors
    /// [`BadStatus`].
    pub fn open(&self, name: &str, object: &[u8]) -> Result<Vec<u8>, BadStatus> {
        let rest = object.strip_prefix(&MAGIC[..]).ok_or(BadStatus::NoObject)?;
        let (salt, sealed) = rest.split_first_chunk::<SALT>().ok_or(BadStatus::NoObject)?;
        let mut plain = open_once(&self.of(salt, name), &MAGIC, sealed).map_err(|_| BadStatus::Sealed)?;
        let (length, _) = plain.split_first_chunk::<4>().ok_or(BadStatus::NoObject)?;
        let end = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX).saturating_add(4);
        if end > plain.len() {
            return Err(BadStatus::NoObject);
        }
        plain.truncate(end);
        plain.drain(..4);
        Ok(plain)
    }

    /// The key of one object, which seals nothing else.
    fn of(&self, salt: &[u8; SALT], name: &str) -> Secret {
        derive(CONTEXT, &[&self.0.0, salt, name.as_bytes()])
    }
}

impl fmt::Debug for StatusKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StatusKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_opens_with_its_key_under_its_name_and_in_no_other_way() {
        let key = StatusKey::from_text(&StatusKey::generate().to_text()).unwrap();
        let said = br#"{"overall":"green"}"#;
        let object = key.seal("status/1", said).unwrap();
        assert_eq!(object.len(), 4096);
        assert_eq!(key.open("status/1", &object).unwrap(), said);
        assert_eq!(key.open("status/2", &object), Err(BadStatus::Sealed), "an old one under a new name");
        assert_eq!(StatusKey::generate().open("status/1", &object), Err(BadStatus::Sealed));
        for at in (0..object.len()).step_by(97) {
            let mut changed = object.clone();
            changed[at] ^= 1;
            assert!(key.open("status/1", &changed).is_err(), "byte {at}");
        }
        assert!(key.open("status/1", &object[..40]).is_err());
        assert!(StatusKey::from_text("dr status key 1\n+1").is_err());
    }

    #[test]
    fn the_page_has_the_bytes() {
        let page = include_str!("../../../docs/format/status.md");
        let mut bytes = [0; 32];
        (1..).zip(&mut bytes).for_each(|(n, byte)| *byte = n);
        let key = StatusKey(Secret(bytes));
        let object = key.seal_salted([0xa0; SALT], "status/00000001700000000000", br#"{"overall":"green"}"#).unwrap();
        let vector = blake3::hash(&object).to_hex();
        assert!(page.contains(vector.as_str()), "{vector}");
        assert!(page.contains(CONTEXT) && page.contains(FIRST_LINE) && page.contains("dr status v1"));
    }

    #[test]
    fn the_length_tells_only_how_many_steps_of_four_kibibytes() {
        let key = StatusKey::generate();
        for (length, whole) in [(0, 4096), (4028, 4096), (4029, 8192), (9_000, 12_288)] {
            let object = key.seal("status/1", &vec![b'x'; length]).unwrap();
            assert_eq!(object.len(), whole);
            assert_eq!(key.open("status/1", &object).unwrap().len(), length);
        }
        assert_eq!(key.seal("status/1", &vec![0; 1 << 20]), Err(BadStatus::TooLong));
    }
}
