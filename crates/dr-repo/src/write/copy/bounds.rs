//! How much of a copy is planned at once.

/// Frames are moved once so many sealed bytes, or so many chunks, wait for it.
pub(super) const PLAN_BYTES: u64 = 128 << 20;

pub(super) const PLAN_CHUNKS: usize = 64 << 10;
