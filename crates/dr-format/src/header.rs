//! The plain front of a pack: whose it is, the envelopes of its session's key, and where its frames come from.
//!
//! With the recovery key alone a pack opens from its own bytes: the envelope holds the session's key and the
//! keys of trailers and ids.

use crate::format::{HEADER_MAX, ORIGINS_MAX, PACK_MAGIC, PACK_NO_MAX, RECIPIENTS_MAX, SUITE_CHACHA, VERSION};
use crate::id::{FamilyId, KeyId, PackId, PackKind, Secret, SessionId};
use crate::seal::derive;
use crate::wire::{Bad, Cursor};

/// A session's key, sealed to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub kem: u8,
    pub to: KeyId,
    pub sealed: Vec<u8>,
}

/// A session and its envelopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub session: SessionId,
    pub envelopes: Vec<Envelope>,
}

/// The pack in which a frame was first sealed: key, nonce and associated data come from there for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub pack: PackId,
    pub salt: [u8; 16],
    pub commit: [u8; 32],
}

/// The front of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub family: FamilyId,
    pub sessions: Vec<Sealed>,
    /// Origin 0 is this pack itself.
    pub origins: Vec<Origin>,
}

/// Where in a header its own length stands.
const LEN_AT: usize = 12;
/// No header is shorter: the fixed front, one session without envelopes, one origin, the checksum.
const LEN_MIN: usize = 16 + 16 + 1 + 17 + 1 + 54 + 8;

impl Header {
    pub fn own(&self) -> PackId {
        self.origins[0].pack
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(PACK_MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[self.own().kind as u8, SUITE_CHACHA]);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.family.0);
        out.push(self.sessions.len() as u8);
        for sealed in &self.sessions {
            out.extend_from_slice(&sealed.session.0);
            out.push(sealed.envelopes.len() as u8);
            for envelope in &sealed.envelopes {
                out.push(envelope.kem);
                out.extend_from_slice(&envelope.to.0);
                out.extend_from_slice(&(envelope.sealed.len() as u16).to_le_bytes());
                out.extend_from_slice(&envelope.sealed);
            }
        }
        out.push(self.origins.len() as u8);
        for origin in &self.origins {
            let at = self.sessions.iter().position(|s| s.session == origin.pack.session).unwrap_or(0);
            out.push(at as u8);
            out.extend_from_slice(&origin.pack.no.to_le_bytes());
            out.push(origin.pack.kind as u8);
            out.extend_from_slice(&origin.salt);
            out.extend_from_slice(&origin.commit);
        }
        let len = (out.len() + 8) as u32;
        out[LEN_AT..LEN_AT + 4].copy_from_slice(&len.to_le_bytes());
        let check = blake3::hash(&out);
        out.extend_from_slice(&check.as_bytes()[..8]);
        out
    }

    /// How long the header is, from its first 16 bytes.
    pub fn length(front: &[u8]) -> Result<usize, Bad> {
        let mut cursor = Cursor::new(front);
        if cursor.take(8)? != PACK_MAGIC {
            return Err(Bad("it is not a pack"));
        }
        if cursor.u16()? != VERSION {
            return Err(Bad("it is of a version this program does not know"));
        }
        cursor.take(2)?;
        let len = cursor.u32()? as usize;
        if (LEN_MIN..=HEADER_MAX).contains(&len) { Ok(len) } else { Err(Bad("its header has an impossible length")) }
    }

    /// Reads a whole header, exactly.
    pub fn parse(bytes: &[u8]) -> Result<Self, Bad> {
        if Self::length(bytes)? != bytes.len() {
            return Err(Bad("its header has the wrong length"));
        }
        let (body, check) = bytes.split_at(bytes.len() - 8);
        if blake3::hash(body).as_bytes()[..8] != *check {
            return Err(Bad("its header was changed"));
        }
        let mut cursor = Cursor::new(&body[10..]);
        let kind = PackKind::from_byte(cursor.u8()?).ok_or(Bad("it is a pack of an unknown kind"))?;
        if cursor.u8()? != SUITE_CHACHA {
            return Err(Bad("it is sealed with a suite this program does not know"));
        }
        cursor.take(4)?;
        let family = FamilyId(cursor.array()?);
        let mut sessions = Vec::new();
        for _ in 0..cursor.u8()? {
            let session = SessionId(cursor.array()?);
            let n = usize::from(cursor.u8()?);
            if n > RECIPIENTS_MAX {
                return Err(Bad("it is sealed to too many recipients"));
            }
            let mut envelopes = Vec::with_capacity(n);
            for _ in 0..n {
                let (kem, to) = (cursor.u8()?, KeyId(cursor.array()?));
                let len = usize::from(cursor.u16()?);
                envelopes.push(Envelope { kem, to, sealed: cursor.take(len)?.to_vec() });
            }
            sessions.push(Sealed { session, envelopes });
        }
        let n = usize::from(cursor.u8()?);
        if n == 0 || n > ORIGINS_MAX {
            return Err(Bad("it has no origins, or too many"));
        }
        let mut origins = Vec::with_capacity(n);
        for _ in 0..n {
            let at = usize::from(cursor.u8()?);
            let session = sessions.get(at).ok_or(Bad("an origin names no session"))?.session;
            let no = cursor.u32()?;
            let kind = PackKind::from_byte(cursor.u8()?).ok_or(Bad("an origin is of an unknown kind"))?;
            if no >= PACK_NO_MAX {
                return Err(Bad("an origin's number is too large"));
            }
            origins.push(Origin { pack: PackId { session, kind, no }, salt: cursor.array()?, commit: cursor.array()? });
        }
        cursor.end()?;
        if origins[0].pack.kind != kind {
            return Err(Bad("its kind and its own origin differ"));
        }
        Ok(Self { family, sessions, origins })
    }
}

/// The key that seals the frames of a pack.
pub fn pack_key(session_key: &Secret, family: FamilyId, pack: PackId, salt: &[u8; 16]) -> Secret {
    let (no, kind) = (pack.no.to_le_bytes(), [pack.kind as u8]);
    derive("dr v1 pack", &[&session_key.0, &family.0, &pack.session.0, &no, &kind, salt])
}

/// The key that seals the trailer of a pack.
pub fn trailer_key(index: &Secret, family: FamilyId, pack: PackId, salt: &[u8; 16]) -> Secret {
    let (no, kind) = (pack.no.to_le_bytes(), [pack.kind as u8]);
    derive("dr v1 trailer", &[&index.0, &family.0, &pack.session.0, &no, &kind, salt])
}

/// The associated data of one frame.
pub fn frame_aad(family: FamilyId, pack: PackId, frame: u32, raw_len: u32, codec: u8) -> [u8; 50] {
    let mut out = [0; 50];
    out[..4].copy_from_slice(b"DRF1");
    out[4..20].copy_from_slice(&family.0);
    out[20..36].copy_from_slice(&pack.session.0);
    out[36..40].copy_from_slice(&pack.no.to_le_bytes());
    out[40] = pack.kind as u8;
    out[41..45].copy_from_slice(&frame.to_le_bytes());
    out[45..49].copy_from_slice(&raw_len.to_le_bytes());
    out[49] = codec;
    out
}
