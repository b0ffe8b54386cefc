//! The ciphers: one-message AEAD keys, and envelopes that only a recipient opens.
//!
//! Every AEAD key here is derived for exactly one message or one numbered series of messages, so nonces are
//! counters and never random. Source: RFC 8439 (ChaCha20-Poly1305), RFC 9180 (HPKE), BLAKE3 `derive_key`.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hpke::{Deserializable, Kem as _, Serializable};
use zeroize::Zeroizing;

use crate::format::TAG;
use crate::id::{Digest, FamilyId, KeyId, Secret, SessionId};

type Kem = hpke::kem::X25519HkdfSha256;
type Aead = hpke::aead::ChaCha20Poly1305;
type Kdf = hpke::kdf::HkdfSha256;

/// The seal did not open: wrong key, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadSeal;

/// BLAKE3 `derive_key` over the parts, one after the other.
pub(crate) fn derive(context: &str, parts: &[&[u8]]) -> Secret {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    Secret(*hasher.finalize().as_bytes())
}

/// The commitment that binds an AEAD key, checked before anything is opened with it.
pub(crate) fn commitment(key: &Secret) -> [u8; 32] {
    derive("dr v1 commit", &[&key.0]).0
}

/// Equality that takes the same time wherever the bytes differ.
pub(crate) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    blake3::Hash::from_bytes(*a) == blake3::Hash::from_bytes(*b)
}

/// One AEAD key, ready for use.
pub(crate) struct Sealer(ChaCha20Poly1305);

impl Sealer {
    pub(crate) fn new(key: &Secret) -> Self {
        Self(ChaCha20Poly1305::new(&key.0.into()))
    }

    /// Seals `buffer` in place and appends the tag.
    #[expect(clippy::expect_used, reason = "fails only above 256 GiB, and chunks are 4 MiB at most")]
    pub(crate) fn seal(&self, number: u32, aad: &[u8], buffer: &mut Vec<u8>) {
        let tag = self
            .0
            .encrypt_inout_detached(&nonce(number).into(), aad, buffer.as_mut_slice().into())
            .expect("short enough");
        buffer.extend_from_slice(&tag);
    }

    /// Opens `sealed` (bytes and tag) in place and cuts the tag off.
    pub(crate) fn open(&self, number: u32, aad: &[u8], sealed: &mut Vec<u8>) -> Result<(), BadSeal> {
        let at = sealed.len().checked_sub(TAG).ok_or(BadSeal)?;
        let tag: [u8; TAG] = sealed[at..].try_into().map_err(|_| BadSeal)?;
        sealed.truncate(at);
        self.0
            .decrypt_inout_detached(&nonce(number).into(), aad, sealed.as_mut_slice().into(), &tag.into())
            .map_err(|_| BadSeal)
    }
}

fn nonce(number: u32) -> [u8; 12] {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&number.to_le_bytes());
    out
}

/// Seals one message under a key that seals nothing else.
pub(crate) fn seal_once(key: &Secret, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + TAG);
    out.extend_from_slice(plain);
    Sealer::new(key).seal(0, aad, &mut out);
    out
}

/// Opens what [`seal_once`] sealed.
pub(crate) fn open_once(key: &Secret, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
    let mut out = sealed.to_vec();
    Sealer::new(key).open(0, aad, &mut out)?;
    Ok(out)
}

/// The key id of a public key.
pub(crate) fn key_id(public: &[u8]) -> KeyId {
    let mut out = [0; 16];
    out.copy_from_slice(&Digest::of(public).0[..16]);
    KeyId(out)
}

/// The X25519 public key of a private one.
pub(crate) fn public_of(private: &Secret) -> Result<[u8; 32], BadSeal> {
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
pub(crate) fn seal_to(
    public: &[u8; 32],
    family: FamilyId,
    session: SessionId,
    plain: &[u8],
) -> Result<Vec<u8>, BadSeal> {
    let recipient = <Kem as hpke::Kem>::PublicKey::from_bytes(public).map_err(|_| BadSeal)?;
    let aad = [session.0.as_slice(), &key_id(public).0].concat();
    let (enc, sealed) =
        hpke::single_shot_seal::<Aead, Kdf, Kem>(&hpke::OpModeS::Base, &recipient, &info(family), plain, &aad)
            .map_err(|_| BadSeal)?;
    Ok([enc.to_bytes().as_slice(), &sealed].concat())
}

/// Opens what [`seal_to`] sealed.
pub(crate) fn open_from(
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
    fn numbered_messages_open_only_under_their_number_and_associated_bytes() {
        let key = Sealer::new(&Secret::random());
        let mut sealed = b"frame".to_vec();
        key.seal(5, b"aad", &mut sealed);
        for (number, aad, good) in [(5, b"aad", true), (6, b"aad", false), (5, b"add", false)] {
            assert_eq!(key.open(number, aad, &mut sealed.clone()).is_ok(), good);
        }
    }
}
