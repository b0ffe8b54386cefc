//! Key slots: the family secret behind a password, lying beside the data.
//!
//! Argon2id (RFC 9106, version 1.3) makes the slot's key; its parameters are bounded before any memory is
//! taken, since the slot may be hostile. The slot also holds the BLAKE3 of `repo.json`, which is otherwise
//! nobody's word.

use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::error::FormatError;
use crate::format::{ARGON2_M, ARGON2_P, ARGON2_T, SLOT_MAGIC, TAG, VERSION};
use crate::id::{Digest, FamilyId, Secret, random};
use crate::key::FamilyKey;
use crate::seal::{commitment, open_once, same, seal_once};
use crate::wire::{Bad, Cursor};

/// 64 MiB and three passes: a quarter of a second on a school's server, and what OWASP asks for several times.
const M_KIB: u32 = 64 << 10;
const T: u32 = 3;
const P: u32 = 4;
const PLAIN: usize = 32 + 32 + 16;
const KIND_PASSWORD: u8 = 1;

/// How opening a slot ended, apart from success.
pub enum NotOpened {
    /// The password does not fit this slot.
    WrongPassword,
    /// The slot is not what it says.
    Damaged(String),
}

fn slot_key(password: &str, salt: &[u8], m: u32, t: u32, p: u32) -> Result<Secret, String> {
    let normal: Zeroizing<String> = Zeroizing::new(password.strip_suffix('\n').unwrap_or(password).nfc().collect());
    let params = Params::new(m, t, p, Some(32)).map_err(|e| format!("argon2 parameters: {e}"))?;
    let mut out = Secret([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(normal.as_bytes(), salt, &mut out.0)
        .map_err(|e| format!("argon2: {e}"))?;
    Ok(out)
}

/// The bytes of a new slot, and the name part that it is stored under.
pub fn make(key: &FamilyKey, repo_json: Digest, password: &str) -> Result<(String, Vec<u8>), FormatError> {
    let salt: [u8; 16] = random();
    let slot = slot_key(password, &salt, M_KIB, T, P).map_err(FormatError::TooMuch)?;
    Ok(made(key, repo_json, &slot, salt, (M_KIB, T, P)))
}

fn made(
    key: &FamilyKey,
    repo_json: Digest,
    slot: &Secret,
    salt: [u8; 16],
    (m, t, p): (u32, u32, u32),
) -> (String, Vec<u8>) {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(SLOT_MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[KIND_PASSWORD, 0]);
    for number in [m, t, p] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&salt);
    out.extend_from_slice(&commitment(slot));
    let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN));
    plain.extend_from_slice(&key.secret.0);
    plain.extend_from_slice(&repo_json.0);
    plain.extend_from_slice(&key.family.0);
    let sealed = seal_once(slot, &out, &plain);
    out.extend_from_slice(&(sealed.len() as u16).to_le_bytes());
    out.extend_from_slice(&sealed);
    let own = Digest::of(&out);
    out.extend_from_slice(&own.0);
    (Digest(own.0).to_string()[..32].to_owned(), out)
}

/// Opens a slot with a password: the family key, and the BLAKE3 that `repo.json` must have.
pub fn open(bytes: &[u8], password: &str) -> Result<(FamilyKey, Digest), NotOpened> {
    let parsed = parse(bytes).map_err(|Bad(what)| NotOpened::Damaged(what.to_owned()))?;
    let slot = slot_key(password, &parsed.salt, parsed.m, parsed.t, parsed.p).map_err(NotOpened::Damaged)?;
    if !same(&commitment(&slot), &parsed.commit) {
        return Err(NotOpened::WrongPassword);
    }
    let damaged = || NotOpened::Damaged("its sealed part does not open".to_owned());
    let plain = Zeroizing::new(open_once(&slot, parsed.aad, parsed.sealed).map_err(|_| damaged())?);
    let mut cursor = Cursor::new(&plain);
    let read = |cursor: &mut Cursor<'_>| -> Result<_, Bad> {
        let secret = Secret(cursor.array()?);
        let repo_json = Digest(cursor.array()?);
        Ok((FamilyKey { secret, family: FamilyId(cursor.array()?) }, repo_json))
    };
    read(&mut cursor).map_err(|_| damaged())
}

/// What it takes to try a password on a slot, in KiB that are gone through; nothing if it is damaged, for then none is
/// tried.
pub fn cost(bytes: &[u8]) -> u64 {
    parse(bytes).map_or(0, |slot| u64::from(slot.m) * u64::from(slot.t))
}

/// What a slot costs that nobody can make dearer.
pub const DEAREST: u64 = *ARGON2_M.end() as u64 * *ARGON2_T.end() as u64;

/// Whether the bytes are a slot that nobody changed.
pub fn intact(bytes: &[u8]) -> Result<(), Bad> {
    parse(bytes).map(|_| ())
}

struct Parsed<'a> {
    m: u32,
    t: u32,
    p: u32,
    salt: [u8; 16],
    commit: [u8; 32],
    aad: &'a [u8],
    sealed: &'a [u8],
}

fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Bad> {
    let body_len = bytes.len().checked_sub(32).ok_or(Bad("it is too short"))?;
    let (body, own) = bytes.split_at(body_len);
    if Digest::of(body).0 != *own {
        return Err(Bad("its own checksum does not match"));
    }
    let mut cursor = Cursor::new(body);
    if cursor.take(8)? != SLOT_MAGIC {
        return Err(Bad("it is not a key slot"));
    }
    if cursor.u16()? != VERSION {
        return Err(Bad("it is of a version this program does not know"));
    }
    if cursor.u8()? != KIND_PASSWORD {
        return Err(Bad("it is of a kind this program does not know"));
    }
    cursor.u8()?;
    let (m, t, p) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    if !ARGON2_M.contains(&m) || !ARGON2_T.contains(&t) || !ARGON2_P.contains(&p) {
        return Err(Bad(
            "its argon2 parameters are outside what is accepted (19 MiB to 1 GiB, at most 10 passes and 16 lanes)",
        ));
    }
    let (salt, commit) = (cursor.array()?, cursor.array()?);
    let aad = &body[..body.len() - cursor.left()];
    let len = usize::from(cursor.u16()?);
    if len != PLAIN + TAG {
        return Err(Bad("its sealed part has the wrong length"));
    }
    let sealed = cursor.take(len)?;
    cursor.end()?;
    Ok(Parsed { m, t, p, salt, commit, aad, sealed })
}

/// A slot that nobody's password opens, of `m` KiB and `t` passes: for tests of whoever chooses among many.
#[doc(hidden)]
#[must_use]
pub fn laid(key: &FamilyKey, n: u8, m: u32, t: u32) -> Vec<u8> {
    made(key, Digest([9; 32]), &Secret([n; 32]), [n; 16], (m, t, 1)).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_opens_with_its_password_in_any_unicode_spelling_and_with_no_other() {
        let key = FamilyKey::generate();
        let (_, slot) = make(&key, Digest([9; 32]), "caf\u{e9}\n").unwrap();
        let Ok((back, repo_json)) = open(&slot, "cafe\u{301}") else { panic!("opens") };
        assert_eq!((back.family, back.secret.0, repo_json), (key.family, key.secret.0, Digest([9; 32])));
        assert!(matches!(open(&slot, "cafe"), Err(NotOpened::WrongPassword)));
    }

    #[test]
    fn every_flipped_byte_of_a_slot_is_damage_and_not_a_wrong_password() {
        let (_, slot) = make(&FamilyKey::generate(), Digest([9; 32]), "x").unwrap();
        for at in 0..slot.len() {
            let mut flipped = slot.clone();
            flipped[at] ^= 0x10;
            assert!(matches!(open(&flipped, "x"), Err(NotOpened::Damaged(_))), "byte {at}");
        }
    }

    #[test]
    fn hostile_argon2_parameters_are_refused_before_any_memory_is_taken() {
        let (_, mut slot) = make(&FamilyKey::generate(), Digest([9; 32]), "x").unwrap();
        slot[12..16].copy_from_slice(&(64u32 << 20).to_le_bytes());
        let at = slot.len() - 32;
        let own = Digest::of(&slot[..at]);
        slot[at..].copy_from_slice(&own.0);
        assert!(matches!(open(&slot, "x"), Err(NotOpened::Damaged(what)) if what.contains("argon2")));
    }
}
