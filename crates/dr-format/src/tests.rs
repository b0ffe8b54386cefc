//! What is true of all of the format at once.

mod decoder_fuzz;
mod format_page;
mod mangle;
mod page_text;
