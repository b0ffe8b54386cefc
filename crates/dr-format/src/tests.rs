//! What is true of all of the format at once.

mod format_page;
mod hostile;
mod mangle;
mod page_text;
