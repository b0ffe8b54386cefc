//! What is true of the whole engine, asked from inside: where a test needs more than what anybody may see.

mod bombs;
mod log_hostile;
mod log_page;
#[path = "../../dr-format/src/tests/mangle.rs"]
mod mangle;
mod model;
pub(crate) mod moved;
#[path = "../../dr-format/src/tests/page_text.rs"]
mod page_text;
mod strays;
mod wiped;
