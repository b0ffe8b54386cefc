//! What is true of the whole engine, asked from inside: where a test needs more than what anybody may see.

mod bombs;
mod key_erasure;
pub(crate) mod relocation;
mod strays;
