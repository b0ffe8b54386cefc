//! Compression of frames and records: zstd, one frame, its content size stated, nothing after it.
//!
//! Reading is bounded by the size that a sealed record stated, so a frame that inflates cannot take memory.

use zstd::bulk;
use zstd::zstd_safe;

use crate::error::FormatError;
use crate::format::{CODEC_STORE, CODEC_ZSTD};
use crate::wire::Bad;

/// A reusable compressor of one level.
pub struct Compressor {
    zstd: bulk::Compressor<'static>,
    level: i32,
}

impl Compressor {
    pub fn new(level: i32) -> Result<Self, FormatError> {
        Ok(Self { zstd: bulk::Compressor::new(level).map_err(FormatError::local("zstd cannot start"))?, level })
    }

    /// Another level from here on.
    pub fn set_level(&mut self, level: i32) -> Result<(), FormatError> {
        if self.level != level {
            self.zstd.set_compression_level(level).map_err(FormatError::local("zstd cannot change its level"))?;
            self.level = level;
        }
        Ok(())
    }

    /// Compresses into `out` (emptied first) and says which codec was worth it.
    pub fn compress(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<u8, FormatError> {
        out.clear();
        out.reserve(zstd_safe::compress_bound(raw.len()));
        let len = self.zstd.compress_to_buffer(raw, out).map_err(FormatError::local("zstd failed"))?;
        // Less than one part in 64 saved is not worth the time of every later reader.
        if len + raw.len() / 64 >= raw.len() {
            out.clear();
            out.extend_from_slice(raw);
            return Ok(CODEC_STORE);
        }
        Ok(CODEC_ZSTD)
    }
}

/// A reusable decompressor.
pub struct Decompressor {
    zstd: bulk::Decompressor<'static>,
}

impl Decompressor {
    pub fn new() -> Result<Self, FormatError> {
        let mut zstd = bulk::Decompressor::new().map_err(FormatError::local("zstd cannot start"))?;
        zstd.window_log_max(crate::format::ZSTD_WINDOW_LOG_MAX).map_err(FormatError::local("zstd cannot start"))?;
        Ok(Self { zstd })
    }

    /// Exactly `raw_len` bytes, or the reason why not. The caller has bounded `raw_len`.
    pub fn decompress(&mut self, codec: u8, packed: Vec<u8>, raw_len: usize) -> Result<Vec<u8>, Bad> {
        match codec {
            CODEC_STORE if packed.len() == raw_len => Ok(packed),
            CODEC_STORE => Err(Bad("a stored frame has the wrong length")),
            CODEC_ZSTD => {
                if !matches!(zstd_safe::get_frame_content_size(&packed), Ok(Some(size)) if size == raw_len as u64) {
                    return Err(Bad("a zstd frame does not state the size it should"));
                }
                if !matches!(zstd_safe::find_frame_compressed_size(&packed), Ok(len) if len == packed.len()) {
                    return Err(Bad("bytes follow a zstd frame"));
                }
                let raw = self.zstd.decompress(&packed, raw_len).map_err(|_| Bad("a zstd frame does not open"))?;
                if raw.len() == raw_len { Ok(raw) } else { Err(Bad("a zstd frame opens to the wrong length")) }
            }
            _ => Err(Bad("a codec that this program does not know")),
        }
    }
}

/// Which zstd is linked in.
#[must_use]
pub fn version() -> &'static str {
    zstd::zstd_safe::version_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_ones_that_inflate_are_refused() {
        let mut out = Vec::new();
        let raw = vec![7u8; 100_000];
        let codec = Compressor::new(1).unwrap().compress(&raw, &mut out).unwrap();
        assert_eq!(codec, CODEC_ZSTD);
        let mut opener = Decompressor::new().unwrap();
        assert_eq!(opener.decompress(codec, out.clone(), raw.len()), Ok(raw));
        assert!(opener.decompress(codec, out.clone(), 99_999).is_err());
        let twice = [out.clone(), out].concat();
        assert!(opener.decompress(codec, twice, 100_000).is_err());
        assert!(opener.decompress(9, vec![1], 1).is_err());
    }
}
