//! One file's contents on their way in: read, cut, named, and kept where they are new.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::{Content, Piece, Profile};
use dr_format::chunk::{Chunker, Sizes};
use dr_format::format::INLINE_MAX;
use dr_format::id::{ChunkId, ChunkKind};
use dr_format::page::{Contents, Extent};

use super::shared::Shared;
use crate::error::RepoError;
use crate::progress::Tally;

/// Regular files from this size are cut finely unless they are media: disk images, dumps, databases, mail stores
/// are edited in place, and a small chunk is what an edit costs.
const FINE_FROM: u64 = 64 << 20;
/// Media that does not compress is cut coarsely from this size.
const COARSE_FROM: u64 = 1 << 20;

/// Keeps a new chunk.
pub(crate) type KeepChunk<'a> = dyn FnMut(ChunkId, &[u8]) -> Result<(), RepoError> + 'a;

/// What became of a file.
pub(crate) enum FileOutcome {
    Whole { contents: Contents, size: u64, profile: Profile },
    Unreadable(io::Error),
}

/// A reading buffer and a chunker, reused from file to file.
pub(crate) struct Cutter<'a> {
    shared: &'a Shared<'a>,
    tally: &'a Tally,
    stop: &'a AtomicBool,
    chunker: Chunker,
    buffer: Vec<u8>,
    /// The last chunk that was nothing but zeros: images are full of them, all of one length.
    zeros: Option<(usize, ChunkId)>,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(shared: &'a Shared<'a>, tally: &'a Tally, stop: &'a AtomicBool) -> Self {
        let chunker = Chunker::new(&shared.session.naming.chunk);
        Self { shared, tally, stop, chunker, buffer: vec![0; 4 << 20], zeros: None }
    }

    pub(crate) fn take(
        &mut self,
        content: &mut dyn Content,
        expected: u64,
        wanted: Profile,
        keep: &mut KeepChunk<'_>,
    ) -> Result<FileOutcome, RepoError> {
        let Self { shared, .. } = *self;
        let mut extents: Vec<Extent> = Vec::new();
        let (mut start, mut end, mut size) = (0, 0, 0u64);
        let mut profile = wanted;
        let mut sizes = None;
        loop {
            // One read may not fill the buffer; small files take one read and one more that says "end".
            let most = sizes.map_or(1 << 20, |sizes: Sizes| sizes.max.max(1 << 20));
            let piece = match content.read(&mut self.buffer[end..(end + most).min(4 << 20)]) {
                Ok(piece) => piece,
                Err(error) => return Ok(FileOutcome::Unreadable(error)),
            };
            if let Piece::Data(n) = piece {
                end += n;
                size += n as u64;
                self.tally.bytes_read.fetch_add(n as u64, Ordering::Relaxed);
            }
            let sizes = *sizes.get_or_insert_with(|| {
                profile = choose(wanted, expected.max(size), &self.buffer[..end]);
                match profile {
                    Profile::Fine => Sizes::FINE,
                    Profile::Coarse => Sizes::COARSE,
                    _ => Sizes::STD,
                }
            });
            let is_over = !matches!(piece, Piece::Data(_));
            if piece == Piece::End && extents.is_empty() && end - start <= INLINE_MAX && size <= INLINE_MAX as u64 {
                let contents = match end - start {
                    0 => Contents::Empty,
                    _ => Contents::Inline(self.buffer[start..end].to_vec()),
                };
                return Ok(FileOutcome::Whole { contents, size, profile });
            }
            while end > start && (is_over || end - start >= sizes.max) {
                let len = self.chunker.cut(sizes, &self.buffer[start..end]);
                let bytes = &self.buffer[start..start + len];
                let is_zeros = is_zeros(bytes);
                let id = match self.zeros {
                    Some((zeros, id)) if is_zeros && zeros == len => id,
                    _ => {
                        let id = shared.namer.id(ChunkKind::Data, bytes);
                        if shared.is_new(ChunkKind::Data, id) {
                            keep(id, bytes)?;
                        }
                        id
                    }
                };
                if is_zeros {
                    self.zeros = Some((len, id));
                }
                extents.push(Extent::Chunk { id, len: len as u32 });
                start += len;
            }
            if start == end {
                (start, end) = (0, 0);
            } else if end + sizes.max.max(1 << 20) > self.buffer.len() {
                self.buffer.copy_within(start..end, 0);
                (start, end) = (0, end - start);
            }
            match piece {
                Piece::Data(_) => {}
                Piece::Hole(len) => {
                    size += len;
                    match extents.last_mut() {
                        Some(Extent::Hole { len: before }) => *before += len,
                        _ => extents.push(Extent::Hole { len }),
                    }
                }
                Piece::End => return Ok(FileOutcome::Whole { contents: Contents::Extents(extents), size, profile }),
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(FileOutcome::Unreadable(io::ErrorKind::Interrupted.into()));
            }
        }
    }
}

fn is_zeros(bytes: &[u8]) -> bool {
    // What is not is told by its front nearly always; the rest is compared with itself, shifted, as fast as memory is.
    bytes.first_chunk::<16>() == Some(&[0; 16]) && bytes[16..] == bytes[..bytes.len() - 16]
}

/// The profile for a file of this size that begins so. The choice stands with the file's entry.
fn choose(wanted: Profile, size: u64, front: &[u8]) -> Profile {
    if wanted != Profile::Auto {
        return wanted;
    }
    match (is_media(front), size) {
        (true, COARSE_FROM..) => Profile::Coarse,
        (false, FINE_FROM..) => Profile::Fine,
        _ => Profile::Std,
    }
}

/// Whether the contents are compressed already and are written once rather than edited.
fn is_media(front: &[u8]) -> bool {
    const STARTS: [&[u8]; 14] = [
        b"\xff\xd8\xff",
        b"\x89PNG",
        b"GIF8",
        b"\x1a\x45\xdf\xa3",
        b"ID3",
        b"OggS",
        b"fLaC",
        b"\x1f\x8b",
        b"\xfd7zXZ",
        b"\x28\xb5\x2f\xfd",
        b"7z\xbc\xaf",
        b"Rar!",
        b"BZh",
        b"\xff\xfb",
    ];
    STARTS.iter().any(|start| front.starts_with(start))
        || front.get(4..8) == Some(b"ftyp")
        || (front.starts_with(b"RIFF") && matches!(front.get(8..12), Some(b"AVI " | b"WEBP")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_told_from_what_is_nearly_zeros() {
        let mut bytes = vec![0; 1_000];
        assert!(is_zeros(&bytes) && is_zeros(&bytes[..16]));
        assert!(!is_zeros(&bytes[..15]), "too short to be worth it");
        for at in [0, 15, 16, 31, 500, 999] {
            bytes[at] = 1;
            assert!(!is_zeros(&bytes), "{at}");
            bytes[at] = 0;
        }
    }

    #[test]
    fn large_files_are_cut_finely_and_media_coarsely() {
        for (size, front, profile) in [
            (10, &b"text"[..], Profile::Std),
            (FINE_FROM - 1, b"QFI\xfb", Profile::Std),
            (FINE_FROM, b"QFI\xfb", Profile::Fine),
            (FINE_FROM, b"\xff\xd8\xff\xe0", Profile::Coarse),
            (COARSE_FROM - 1, b"\x89PNG", Profile::Std),
            (COARSE_FROM, b"\0\0\0\x18ftypmp42", Profile::Coarse),
        ] {
            assert_eq!(choose(Profile::Auto, size, front), profile, "{size}");
        }
        assert_eq!(choose(Profile::Fine, 1, b"\xff\xd8\xff"), Profile::Fine);
    }
}
