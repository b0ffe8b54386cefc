//! What is true of the whole engine, asked from inside: where a test needs more than what anybody may see.

mod bombs;
pub(crate) mod moved;
mod strays;
mod wiped;
