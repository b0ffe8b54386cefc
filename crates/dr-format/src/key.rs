//! Who may do what: the family's secret, and the writing key that a backup host holds.
//!
//! Everything secret is derived from the family secret one way. A host in `write-only` mode holds a
//! [`WriterKey`]: it can name chunks, find duplicates and seal new sessions, and it can open nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::error::FormatError;
use crate::id::{ChunkKind, FamilyId, HostId, KeyId, Secret, random};
use crate::seal::{derive, key_id, public_of};

/// The secret of one school, from which everything else comes. Whoever holds it may read and maintain.
#[derive(Clone, Debug)]
pub struct FamilyKey {
    /// Which school.
    pub family: FamilyId,
    /// The secret itself.
    pub secret: Secret,
}

/// The keys by which chunks are cut, named and indexed. They open no contents.
#[derive(Clone, Debug)]
pub struct Naming {
    pub id_root: Secret,
    pub chunk: Secret,
    pub page: Secret,
    pub index: Secret,
    pub list: Secret,
}

impl Naming {
    pub fn id_key(&self, kind: ChunkKind) -> [u8; 32] {
        derive("dr v1 id", &[&self.id_root.0, &[kind as u8]]).0
    }
}

/// What a backup host holds: enough to add, too little to read back.
#[derive(Clone, Debug)]
pub struct WriterKey {
    pub family: FamilyId,
    pub host: HostId,
    pub naming: Naming,
    /// X25519 public keys that every session is sealed to.
    pub recipients: Vec<[u8; 32]>,
    /// X25519 public key that used-sets are sealed to.
    pub gc: [u8; 32],
    /// Ed25519 public key that maintenance entries and host certificates are signed with.
    pub maintenance: [u8; 32],
    pub signing: Secret,
    pub certificate: Option<Certificate>,
}

/// The maintenance key's word that a public key may write for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub public: [u8; 32],
    pub host: HostId,
    pub signature: [u8; 64],
}

impl Certificate {
    fn message(family: FamilyId, public: &[u8; 32], host: HostId) -> Vec<u8> {
        [b"dr cert v1".as_slice(), &family.0, public, &host.0].concat()
    }

    pub fn holds(&self, family: FamilyId, maintenance: &[u8; 32]) -> bool {
        verify(maintenance, &Self::message(family, &self.public, self.host), &self.signature)
    }
}

/// Ed25519 as RFC 8032 has it, refusing small-order keys and non-canonical signatures.
///
/// What held once in this process is not reckoned again: each log entry brings one of a few certificates, and a round
/// opens the same log many times.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let mut asked = blake3::Hasher::new();
    asked.update(public).update(signature).update(message);
    let asked = asked.finalize().into();
    let held = || HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if held().contains(&asked) {
        return true;
    }
    let holds = VerifyingKey::from_bytes(public)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok());
    if holds {
        let mut held = held();
        if held.len() >= HELD_MAX {
            held.clear();
        }
        held.insert(asked);
    }
    holds
}

/// Signatures that held, each with its key and message, as BLAKE3: at most half a mebibyte.
static HELD: Mutex<BTreeSet<[u8; 32]>> = Mutex::new(BTreeSet::new());
const HELD_MAX: usize = 10_000;

/// Who signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    Maintenance,
    Host(HostId, KeyId),
}

/// Either key; what a repository is opened with.
#[derive(Clone, Debug)]
pub enum Key {
    /// May read, write and maintain.
    Family(FamilyKey),
    /// May write only.
    Writer(Box<WriterKey>),
    /// May let go of what nothing needs, and neither read nor write backups.
    Pruner(Box<PrunerKey>),
}

/// What a box holds that prunes: it maintains, sees which chunks there are and which of them each snapshot uses, and
/// opens none. It knows no name, so that it cannot even tell whether a file that it has is among them.
#[derive(Clone, Debug)]
pub struct PrunerKey {
    /// Signs as the maintenance key. What would name chunks is drawn by chance.
    pub writer: WriterKey,
    /// The X25519 private key that opens lists of what snapshots use.
    pub gc: Secret,
}

impl FamilyKey {
    /// A new school.
    #[must_use]
    pub fn generate() -> Self {
        Self { family: FamilyId(random()), secret: Secret::random() }
    }

    pub fn naming(&self) -> Naming {
        let from = |purpose: &str| derive(purpose, &[&self.secret.0]);
        Naming {
            id_root: from("dr v1 id root"),
            chunk: from("dr v1 chunk"),
            page: from("dr v1 page"),
            index: from("dr v1 idx"),
            list: from("dr v1 list"),
        }
    }

    /// The X25519 private key that opens sessions.
    pub fn reading(&self) -> Secret {
        derive("dr v1 read x25519", &[&self.secret.0])
    }

    fn maintenance(&self) -> Secret {
        derive("dr v1 maintenance ed25519", &[&self.secret.0])
    }

    fn gc(&self) -> Secret {
        derive("dr v1 gc x25519", &[&self.secret.0])
    }

    /// A key that prunes and opens nothing.
    ///
    /// # Errors
    /// [`FormatError::WrongKey`] if the secret is unusable.
    pub fn pruner(&self) -> Result<PrunerKey, FormatError> {
        let WriterKey { naming, signing, .. } = self.as_writer(HostId([0; 4]))?;
        PrunerKey::of(self.family, HostId(random()), naming.index, naming.list, signing, self.gc())
    }

    fn public(private: &Secret) -> Result<[u8; 32], FormatError> {
        public_of(private).map_err(|_| FormatError::WrongKey("the key is not a usable X25519 key".into()))
    }

    /// This key as a writer: signs as the maintenance key, for the given host name in object names.
    pub fn as_writer(&self, host: HostId) -> Result<WriterKey, FormatError> {
        let signing = self.maintenance();
        Ok(WriterKey {
            family: self.family,
            host,
            naming: self.naming(),
            recipients: vec![Self::public(&self.reading())?],
            gc: Self::public(&self.gc())?,
            maintenance: SigningKey::from_bytes(&signing.0).verifying_key().to_bytes(),
            signing,
            certificate: None,
        })
    }

    /// A writing key for a host: a signing key of its own, certified, and nothing that reads.
    ///
    /// # Errors
    /// [`FormatError::WrongKey`] if the secret is unusable.
    pub fn writer(&self) -> Result<WriterKey, FormatError> {
        let mut writer = self.as_writer(HostId(random()))?;
        let maintenance = SigningKey::from_bytes(&writer.signing.0);
        writer.signing = Secret::random();
        let public = SigningKey::from_bytes(&writer.signing.0).verifying_key().to_bytes();
        let message = Certificate::message(self.family, &public, writer.host);
        let signature = maintenance.sign(&message).to_bytes();
        writer.certificate = Some(Certificate { public, host: writer.host, signature });
        Ok(writer)
    }
}

impl PrunerKey {
    pub fn of(
        family: FamilyId,
        host: HostId,
        index: Secret,
        list: Secret,
        signing: Secret,
        gc: Secret,
    ) -> Result<Self, FormatError> {
        let [id_root, chunk, page] = [(); 3].map(|()| Secret::random());
        let writer = WriterKey {
            family,
            host,
            naming: Naming { id_root, chunk, page, index, list },
            recipients: Vec::new(),
            gc: FamilyKey::public(&gc)?,
            maintenance: SigningKey::from_bytes(&signing.0).verifying_key().to_bytes(),
            signing,
            certificate: None,
        };
        Ok(Self { writer, gc })
    }
}

impl WriterKey {
    /// Which school.
    #[must_use]
    pub fn family(&self) -> FamilyId {
        self.family
    }

    /// How this host shows in object names.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.host
    }

    pub fn author(&self) -> KeyId {
        key_id(self.certificate.as_ref().map_or(&self.maintenance, |certificate| &certificate.public))
    }

    /// How the log names this key's holder.
    pub fn as_author(&self) -> Author {
        match &self.certificate {
            None => Author::Maintenance,
            Some(certificate) => Author::Host(certificate.host, self.author()),
        }
    }

    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        SigningKey::from_bytes(&self.signing.0).sign(message).to_bytes()
    }
}

impl Key {
    /// Which school this key belongs to.
    #[must_use]
    pub fn family(&self) -> FamilyId {
        match self {
            Self::Family(key) => key.family,
            Self::Writer(key) => key.family,
            Self::Pruner(key) => key.writer.family,
        }
    }

    /// Whether it writes backups.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(self, Self::Pruner(_))
    }

    /// Whether it lets go of what nothing needs.
    #[must_use]
    pub fn maintains(&self) -> bool {
        !matches!(self, Self::Writer(_))
    }

    /// Whether it opens what was stored.
    #[must_use]
    pub fn reads(&self) -> bool {
        matches!(self, Self::Family(_))
    }

    /// The X25519 private key that opens lists of what snapshots use.
    pub fn gc(&self) -> Option<Secret> {
        match self {
            Self::Family(key) => Some(key.gc()),
            Self::Writer(_) => None,
            Self::Pruner(key) => Some(key.gc.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_certificate_holds_only_for_its_key_host_and_family() {
        let family = FamilyKey::generate();
        let writer = family.writer().unwrap();
        let certificate = writer.certificate.clone().unwrap();
        assert!(certificate.holds(family.family, &writer.maintenance));
        let mut other = certificate.clone();
        other.host.0[0] ^= 1;
        assert!(!other.holds(family.family, &writer.maintenance));
        assert!(!certificate.holds(FamilyId([0; 16]), &writer.maintenance));
        assert_eq!(key_id(&certificate.public), writer.author());
    }
}
