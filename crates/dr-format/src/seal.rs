//! The ciphers: one-message AEAD keys, and envelopes that only a recipient opens.
//!
//! Every AEAD key here is derived for exactly one message or one numbered series of messages, so nonces are
//! counters and never random. Source: RFC 8439 (ChaCha20-Poly1305), RFC 9180 (HPKE), BLAKE3 `derive_key`.

use aws_lc_rs::aead::{Aad as Associated, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use hpke::{Deserializable, Kem as _, Serializable};
use zeroize::Zeroizing;

use crate::format::TAG;
use crate::id::{Digest, FamilyId, KeyId, Secret, SessionId};

type Kem = hpke::kem::X25519HkdfSha256;
type Aead = hpke::aead::ChaCha20Poly1305;
type Kdf = hpke::kdf::HkdfSha256;

/// The seal did not open: wrong key, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSeal;

/// BLAKE3 `derive_key` over the parts, one after the other.
pub fn derive(context: &str, parts: &[&[u8]]) -> Secret {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    Secret(*hasher.finalize().as_bytes())
}

/// The commitment that binds an AEAD key, checked before anything is opened with it.
pub fn commitment(key: &Secret) -> [u8; 32] {
    derive("dr v1 commit", &[&key.0]).0
}

/// Equality that takes the same time wherever the bytes differ.
pub fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    blake3::Hash::from_bytes(*a) == blake3::Hash::from_bytes(*b)
}

/// One AEAD key, ready for use.
pub struct Sealer(LessSafeKey);

impl Sealer {
    #[expect(clippy::expect_used, reason = "fails only for a key of another length")]
    pub fn new(key: &Secret) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key.0).expect("32 bytes")))
    }

    /// Seals `buffer` in place and appends the tag.
    #[inline]
    #[expect(clippy::expect_used, reason = "fails only above 256 GiB, and chunks are 4 MiB at most")]
    pub fn seal(&self, number: u32, aad: &[u8], buffer: &mut Vec<u8>) {
        let tag =
            self.0.seal_in_place_separate_tag(nonce(number), Associated::from(aad), buffer).expect("short enough");
        buffer.extend_from_slice(tag.as_ref());
    }

    /// Opens `sealed` (bytes and tag) in place and cuts the tag off.
    #[inline]
    pub fn open(&self, number: u32, aad: &[u8], sealed: &mut Vec<u8>) -> Result<(), BadSeal> {
        let len = self.0.open_in_place(nonce(number), Associated::from(aad), sealed).map_err(|_| BadSeal)?.len();
        sealed.truncate(len);
        Ok(())
    }
}

fn nonce(number: u32) -> Nonce {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(out)
}

/// Seals one message under a key that seals nothing else.
pub fn seal_once(key: &Secret, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + TAG);
    out.extend_from_slice(plain);
    Sealer::new(key).seal(0, aad, &mut out);
    out
}

/// Opens what [`seal_once`] sealed.
pub fn open_once(key: &Secret, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
    let mut out = sealed.to_vec();
    Sealer::new(key).open(0, aad, &mut out)?;
    Ok(out)
}

/// The key id of a public key.
pub fn key_id(public: &[u8]) -> KeyId {
    let mut out = [0; 16];
    out.copy_from_slice(&Digest::of(public).0[..16]);
    KeyId(out)
}

/// The X25519 public key of a private one.
pub fn public_of(private: &Secret) -> Result<[u8; 32], BadSeal> {
    let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(&private.0).map_err(|_| BadSeal)?;
    let public = Kem::sk_to_pk(&private).to_bytes();
    let mut out = [0; 32];
    out.copy_from_slice(&public);
    Ok(out)
}

fn info(family: FamilyId) -> Vec<u8> {
    [b"dr env v1".as_slice(), &family.0].concat()
}

/// Seals `plain` to a recipient: 32 bytes of encapsulated key, then ciphertext and tag.
pub fn seal_to(public: &[u8; 32], family: FamilyId, session: SessionId, plain: &[u8]) -> Result<Vec<u8>, BadSeal> {
    let recipient = <Kem as hpke::Kem>::PublicKey::from_bytes(public).map_err(|_| BadSeal)?;
    let aad = [session.0.as_slice(), &key_id(public).0].concat();
    let (enc, sealed) =
        hpke::single_shot_seal::<Aead, Kdf, Kem>(&hpke::OpModeS::Base, &recipient, &info(family), plain, &aad)
            .map_err(|_| BadSeal)?;
    Ok([enc.to_bytes().as_slice(), &sealed].concat())
}

/// Opens what [`seal_to`] sealed.
pub fn open_from(
    private: &Secret,
    public: &[u8; 32],
    family: FamilyId,
    session: SessionId,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, BadSeal> {
    if sealed.len() < 32 + TAG {
        return Err(BadSeal);
    }
    let own = <Kem as hpke::Kem>::PrivateKey::from_bytes(&private.0).map_err(|_| BadSeal)?;
    let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(&sealed[..32]).map_err(|_| BadSeal)?;
    let aad = [session.0.as_slice(), &key_id(public).0].concat();
    hpke::single_shot_open::<Aead, Kdf, Kem>(&hpke::OpModeR::Base, &own, &enc, &info(family), &sealed[32..], &aad)
        .map(Zeroizing::new)
        .map_err(|_| BadSeal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recipient_opens_an_envelope() {
        let (own, other) = (Secret::random(), Secret::random());
        let public = public_of(&own).unwrap();
        let (family, session) = (FamilyId([1; 16]), SessionId([2; 16]));
        let sealed = seal_to(&public, family, session, b"tonight").unwrap();
        assert_eq!(sealed.len(), 32 + 7 + TAG);
        assert_eq!(open_from(&own, &public, family, session, &sealed).unwrap().as_slice(), b"tonight");
        assert!(open_from(&other, &public_of(&other).unwrap(), family, session, &sealed).is_err());
        assert!(open_from(&own, &public, family, SessionId([3; 16]), &sealed).is_err());
    }

    #[test]
    fn the_fast_cipher_and_the_plain_one_agree() {
        use chacha20poly1305::aead::AeadInOut;
        use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
        let key = Secret::random();
        let plain = ChaCha20Poly1305::new(&key.0.into());
        for len in [0, 1, 15, 16, 17, 63, 64, 65, 255, 4096, 70_001] {
            let message: Vec<u8> = (0..len).map(|n| (n * 7) as u8).collect();
            let mut number = [0; 12];
            number[..4].copy_from_slice(&(len as u32).to_le_bytes());
            let mut theirs = message.clone();
            let tag = plain.encrypt_inout_detached(&number.into(), b"aad", theirs.as_mut_slice().into()).unwrap();
            theirs.extend_from_slice(&tag);
            let mut ours = message.clone();
            Sealer::new(&key).seal(len as u32, b"aad", &mut ours);
            assert_eq!(ours, theirs, "{len}");
            Sealer::new(&key).open(len as u32, b"aad", &mut ours).unwrap();
            assert_eq!(ours, message);
        }
    }

    #[test]
    fn numbered_messages_open_only_under_their_number_and_associated_bytes() {
        let key = Sealer::new(&Secret::random());
        let mut sealed = b"frame".to_vec();
        key.seal(5, b"aad", &mut sealed);
        for (number, aad, good) in [(5, b"aad", true), (6, b"aad", false), (5, b"add", false)] {
            assert_eq!(key.open(number, aad, &mut sealed.clone()).is_ok(), good);
        }
    }
}
