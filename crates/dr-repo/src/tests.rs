//! What is true of the whole engine, asked from inside: where a test needs more than what anybody may see.

mod bombs;
mod format_page;
mod hostile;
mod model;
pub(crate) mod moved;
mod strays;
mod wiped;
