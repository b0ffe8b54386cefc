//! The names of things inside a repository.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

macro_rules! hex_ids {
    ($($(#[$doc:meta])* $name:ident[$len:literal])*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

hex_ids! {
    /// One school: all its repositories share this, and their keys.
    FamilyId[16]
    /// One repository.
    RepoId[16]
    /// One writing session; never used again.
    SessionId[16]
    /// One snapshot; chosen at capture and the same on every target.
    SnapshotId[16]
    /// One public key: the first 16 bytes of its BLAKE3.
    KeyId[16]
    /// The writer's host, as it shows in object names.
    HostId[4]
    /// A chunk: the first 24 bytes of its keyed BLAKE3.
    ChunkId[24]
    /// A whole object's BLAKE3.
    Digest[32]
}

impl Digest {
    /// The BLAKE3 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl HostId {
    /// How a host without a key of its own shows in the names of objects.
    #[must_use]
    pub fn named(hostname: &str) -> Self {
        let Digest([a, b, c, d, ..]) = Digest::of(format!("dr host v1\0{hostname}").as_bytes());
        Self([a, b, c, d])
    }
}

/// What a chunk holds. Each kind has ids under a key of its own, so that one can never pass for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ChunkKind {
    /// Contents of files.
    Data = 1,
    /// A tree page.
    Tree = 2,
    /// An extent page.
    Extents = 3,
    /// A snapshot's document.
    Document = 4,
}

impl ChunkKind {
    #[inline]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Data,
            2 => Self::Tree,
            3 => Self::Extents,
            4 => Self::Document,
            _ => return None,
        })
    }
}

/// Data packs hold contents, meta packs everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PackKind {
    /// Contents of files.
    Data = 1,
    /// Pages and documents.
    Meta = 2,
}

impl PackKind {
    #[inline]
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Data),
            2 => Some(Self::Meta),
            _ => None,
        }
    }

    pub fn folder(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Meta => "meta",
        }
    }
}

/// A pack, by who wrote it and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId {
    /// The session that wrote it.
    pub session: SessionId,
    /// Data or meta.
    pub kind: PackKind,
    /// Counts up from 0 in its session and kind; below 2^24.
    pub no: u32,
}

impl PackId {
    /// The object's name: `data/<host>/<session>/<hi>/<lo>`.
    pub fn object_name(&self, host: HostId) -> String {
        format!("{}/{host}/{}/{:03x}/{:03x}", self.kind.folder(), self.session, self.no >> 12, self.no & 0xfff)
    }

    /// The name that it gets when it is healed the `time`-th time.
    pub fn healed_name(&self, host: HostId, time: u32) -> String {
        format!("{}.h{time}", self.object_name(host))
    }

    /// The pack that the name of an object stands for that was put there to heal one, and the how-manyeth it is.
    pub fn from_healed_name(name: &str) -> Option<(HostId, Self, u32)> {
        let (name, time) = name.rsplit_once(".h")?;
        let (host, pack) = Self::from_object_name(name)?;
        let time = time.parse().ok()?;
        (pack.healed_name(host, time) == format!("{name}.h{time}")).then_some((host, pack, time))
    }

    /// The pack and host that an object name stands for, if it is a pack's.
    pub fn from_object_name(name: &str) -> Option<(HostId, Self)> {
        let mut parts = name.split('/');
        let kind = match parts.next()? {
            "data" => PackKind::Data,
            "meta" => PackKind::Meta,
            _ => return None,
        };
        let host = HostId(unhex(parts.next()?)?);
        let session = SessionId(unhex(parts.next()?)?);
        let (hi, lo) = (parts.next()?, parts.next()?);
        if hi.len() != 3 || lo.len() != 3 || parts.next().is_some() {
            return None;
        }
        let no = u32::from_str_radix(hi, 16).ok()? << 12 | u32::from_str_radix(lo, 16).ok()?;
        Some((host, Self { session, kind, no }))
    }
}

/// The name of a session's index object: `idx/<host>/<session>/<number>`.
pub fn index_name(host: HostId, session: SessionId, number: u32) -> String {
    format!("idx/{host}/{session}/{number:04x}")
}

/// Whose index object a name stands for, if it is one's.
pub fn session_of_index(name: &str) -> Option<SessionId> {
    session_of("idx", name)
}

/// Whose object a name stands for, if it is `folder/<host>/<session>/<number>`.
pub fn session_of(folder: &str, name: &str) -> Option<SessionId> {
    let mut parts = name.strip_prefix(folder)?.strip_prefix('/')?.split('/');
    unhex::<4>(parts.next()?)?;
    let session = SessionId(unhex(parts.next()?)?);
    unhex::<2>(parts.next()?)?;
    parts.next().is_none().then_some(session)
}

/// Lower-case hexadecimal of exactly `N` bytes.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = digit(text[at * 2])? << 4 | digit(text[at * 2 + 1])?;
    }
    Some(out)
}

/// 32 secret bytes, wiped when dropped and never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(pub [u8; 32]);

impl Secret {
    /// Fresh random bytes, put where the secret already lies.
    #[expect(clippy::expect_used, reason = "without randomness nothing may be sealed at all")]
    pub fn refill(&mut self) {
        getrandom::fill(&mut self.0).expect("the operating system gives random bytes");
    }

    /// Fresh random bytes from the operating system.
    pub fn random() -> Self {
        Self(random())
    }

    /// The bytes, for a key file or a recovery sheet. Whoever calls this answers for where they go.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Random bytes from the operating system, which on Linux cannot fail after boot.
#[expect(clippy::expect_used, reason = "without randomness nothing may be sealed at all")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the operating system gives random bytes");
    out
}

/// Overwrites the stack below the caller: keys that were moved, spilled or left in a hasher there. A function that
/// touched keys returns first; its caller then calls this.
#[inline(never)]
pub fn wipe_stack() {
    let mut below = [0u8; 192 << 10];
    below.zeroize();
    std::hint::black_box(&below);
}

/// The folder of parity objects: `ecc/<host>/<session>/<number>`.
pub const PARITY_FOLDER: &str = "ecc";

/// The name of a parity object.
pub fn parity_name(host: HostId, session: SessionId, number: u32) -> String {
    format!("{PARITY_FOLDER}/{host}/{session}/{number:04x}")
}

/// Whose parity object a name stands for, if it is one's.
pub fn session_of_parity(name: &str) -> Option<SessionId> {
    session_of(PARITY_FOLDER, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_names_come_back_and_others_are_not_packs() {
        let pack = PackId { session: SessionId([7; 16]), kind: PackKind::Meta, no: 0x123_456 };
        let name = pack.object_name(HostId([1, 2, 3, 4]));
        assert_eq!(name, "meta/01020304/07070707070707070707070707070707/123/456");
        assert_eq!(PackId::from_object_name(&name), Some((HostId([1, 2, 3, 4]), pack)));
        for bad in ["meta/01020304/07/123/456", "log/01", "data/01020304/07070707070707070707070707070707/123/456/x"] {
            assert_eq!(PackId::from_object_name(bad), None);
        }
    }
}
