//! What is true of the log whoever writes to it: the model of its rules, the page's checkpoint, entries that are made up.

mod decoder_fuzz;
#[path = "../../dr-format/src/tests/mangle.rs"]
mod mangle;
mod model;
mod page;
#[path = "../../dr-format/src/tests/page_text.rs"]
mod page_text;
