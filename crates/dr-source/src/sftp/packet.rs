//! What is written to an SFTP server, and what comes back? Version 3, as draft-ietf-secsh-filexfer-02 has it.
//!
//! Every length that the server names is held to what is there.

use dr_entry::{Kind, Meta, Owner, Time};

/// A packet is no longer: what OpenSSH allows.
pub(super) const PACKET_MAX: usize = 256 << 10;
/// A handle is no longer.
const HANDLE_MAX: usize = 256;
/// So much of what the server says about itself is shown.
const SAID_MAX: usize = 200;

/// What we ask. Nothing that writes is among it.
#[derive(Debug, Clone, Copy)]
pub(super) enum SftpRequest<'a> {
    Open(&'a [u8]),
    Close(&'a [u8]),
    Read { handle: &'a [u8], offset: u64, length: u32 },
    Lstat(&'a [u8]),
    Fstat(&'a [u8]),
    Opendir(&'a [u8]),
    Readdir(&'a [u8]),
    Realpath(&'a [u8]),
    Readlink(&'a [u8]),
}

/// What comes back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SftpAnswer {
    Status { code: u32, said: String },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Vec<u8>>),
    Attrs(RemoteAttrs),
}

/// What the server says of a name, as far as it does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RemoteAttrs {
    pub(super) size: Option<u64>,
    owner: Option<(u32, u32)>,
    mode: Option<u32>,
    mtime: Option<u32>,
}

impl RemoteAttrs {
    /// What it is; a link's text is asked for apart. `None`: it does not say, or it is of a kind that cannot be kept.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self.mode? & 0o170_000 {
            0o100_000 => Some(Kind::File),
            0o040_000 => Some(Kind::Directory),
            0o120_000 => Some(Kind::Symlink(Vec::new())),
            0o010_000 => Some(Kind::Fifo),
            0o140_000 => Some(Kind::Socket),
            // Of a device it does not say which.
            _ => None,
        }
    }

    /// Whole seconds are all that this version of the protocol has.
    pub(super) fn mtime(&self) -> Option<Time> {
        self.mtime.map(|seconds| Time { seconds: seconds.into(), nanos: 0 })
    }

    pub(super) fn meta(&self, kind: Kind) -> Meta {
        let (user, group) = self.owner.unwrap_or_default();
        let size = if kind == Kind::File { self.size.unwrap_or(0) } else { 0 };
        let mut meta = Meta::plain(kind, self.mode.unwrap_or(0o600) & 0o7777);
        // Numbers alone: the names are those of another machine.
        (meta.user, meta.group) = (Owner { id: user, name: None }, Owner { id: group, name: None });
        (meta.mtime, meta.size) = (self.mtime().unwrap_or_default(), size);
        meta
    }

    /// Whether it is the same state of a file, as far as this protocol can tell.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.size, self.mtime) == (other.size, other.mtime)
    }
}

/// The first that is sent: which version we speak.
pub(super) const HELLO: [u8; 9] = [0, 0, 0, 5, 1, 0, 0, 0, 3];

/// Whether this is a server's word that it speaks it too.
pub(super) fn is_hello(packet: &[u8]) -> bool {
    matches!(packet, [2, 0, 0, 0, 3, ..])
}

impl SftpRequest<'_> {
    pub(super) fn put(self, id: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let (kind, name) = match self {
            Self::Open(path) => (3, path),
            Self::Close(handle) => (4, handle),
            Self::Read { handle, .. } => (5, handle),
            Self::Lstat(path) => (7, path),
            Self::Fstat(handle) => (8, handle),
            Self::Opendir(path) => (11, path),
            Self::Readdir(handle) => (12, handle),
            Self::Realpath(path) => (16, path),
            Self::Readlink(path) => (19, path),
        };
        out.push(kind);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&length(name.len()));
        out.extend_from_slice(name);
        match self {
            // To read, and nothing said of what it should be.
            Self::Open(_) => out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0]),
            Self::Read { offset, length, .. } => {
                out.extend_from_slice(&offset.to_be_bytes());
                out.extend_from_slice(&length.to_be_bytes());
            }
            _ => {}
        }
        let whole = length(out.len() - start - 4);
        out[start..start + 4].copy_from_slice(&whole);
    }
}

fn length(bytes: usize) -> [u8; 4] {
    // Paths are at most a mebibyte, handles less.
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

/// An answer with the number of what it answers; `None`: it is none.
pub(super) fn answer(packet: &[u8]) -> Option<(u32, SftpAnswer)> {
    let mut rest = Rest(packet);
    let (kind, id) = (rest.byte()?, rest.number()?);
    let answer = match kind {
        101 => {
            let code = rest.number()?;
            // Old servers say no more.
            let said = rest.text().unwrap_or_default();
            let said =
                dr_entry::shown_without(&said[..said.len().min(SAID_MAX)], |c| c.is_control() || dr_plan::is_hidden(c));
            SftpAnswer::Status { code, said }
        }
        102 => SftpAnswer::Handle(rest.text().filter(|handle| handle.len() <= HANDLE_MAX)?.to_vec()),
        103 => SftpAnswer::Data(rest.text()?.to_vec()),
        104 => {
            let mut names = Vec::new();
            for _ in 0..rest.number()? {
                let name = rest.text()?.to_vec();
                // What `ls` would print, and attributes that may be those of what a link leads to: asked for apart.
                rest.text()?;
                rest.attrs()?;
                names.push(name);
            }
            SftpAnswer::Names(names)
        }
        105 => SftpAnswer::Attrs(rest.attrs()?),
        _ => return None,
    };
    Some((id, answer))
}

/// What is left of a packet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        self.take(count)
    }

    fn attrs(&mut self) -> Option<RemoteAttrs> {
        let says = self.number()?;
        let mut attrs = RemoteAttrs::default();
        if says & 1 != 0 {
            attrs.size = Some(self.long()?);
        }
        if says & 2 != 0 {
            attrs.owner = Some((self.number()?, self.number()?));
        }
        if says & 4 != 0 {
            attrs.mode = Some(self.number()?);
        }
        if says & 8 != 0 {
            self.number()?;
            attrs.mtime = Some(self.number()?);
        }
        if says & 0x8000_0000 != 0 {
            for _ in 0..self.number()? {
                self.text()?;
                self.text()?;
            }
        }
        Some(attrs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Vec<u8> {
        [&length(bytes.len())[..], bytes].concat()
    }

    #[test]
    fn what_is_asked_is_as_the_protocol_has_it() {
        let mut out = Vec::new();
        SftpRequest::Read { handle: b"h1", offset: 5, length: 9 }.put(7, &mut out);
        assert_eq!(out, [0, 0, 0, 23, 5, 0, 0, 0, 7, 0, 0, 0, 2, b'h', b'1', 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 9]);
        let mut out = Vec::new();
        SftpRequest::Open(b"/a").put(1, &mut out);
        assert_eq!(out, [0, 0, 0, 19, 3, 0, 0, 0, 1, 0, 0, 0, 2, b'/', b'a', 0, 0, 0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn answers_are_read_and_no_length_is_believed() {
        let attrs: Vec<u8> = [
            &[0x80, 0, 0, 15][..],
            &[0, 0, 0, 0, 0, 0, 1, 0],
            &[0, 0, 0, 33, 0, 0, 0, 34],
            &[0, 0, 0o201, 0o244],
            &[0, 0, 0, 1, 0, 0, 0, 2],
            &[0, 0, 0, 1],
            &text(b"x"),
            &text(b"y"),
        ]
        .concat();
        let packet = [&[105, 0, 0, 0, 9][..], &attrs].concat();
        let (id, SftpAnswer::Attrs(found)) = answer(&packet).unwrap() else { panic!() };
        let meta = found.meta(found.kind().unwrap());
        assert_eq!((id, meta.kind, meta.mode, meta.size), (9, Kind::File, 0o644, 256));
        assert_eq!((meta.user.id, meta.group.id, meta.mtime.seconds), (33, 34, 2));
        let names = [&[104, 0, 0, 0, 9, 0, 0, 0, 1][..], &text(b"a"), &text(b"-rw a"), &attrs].concat();
        assert_eq!(answer(&names), Some((9, SftpAnswer::Names(vec![b"a".to_vec()]))));
        for whole in [&packet, &names] {
            for end in 0..whole.len() {
                assert_eq!(answer(&whole[..end]), None);
            }
        }
        // More names, or more of a name, than there are.
        assert_eq!(answer(&[104, 0, 0, 0, 9, 255, 255, 255, 255]), None);
        assert_eq!(answer(&[103, 0, 0, 0, 9, 255, 255, 255, 255, 1]), None);
        assert_eq!(
            answer(&[101, 0, 0, 0, 9, 0, 0, 0, 1]),
            Some((9, SftpAnswer::Status { code: 1, said: String::new() }))
        );
        assert!(is_hello(&[2, 0, 0, 0, 3, 0, 0, 0, 0]) && !is_hello(b"Welcome"));
    }
}
