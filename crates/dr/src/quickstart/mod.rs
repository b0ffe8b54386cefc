//! How does `dr quickstart` live two days of an invented school?
//!
//! It types the same commands that a person would, one after the other, through the same front door, at moments that
//! it chooses with `--at`. What it shows at the end are figures out of their answers and nothing else.

pub mod days;
pub mod life;
pub mod place;
pub mod screen;
pub mod typed;
pub mod years;
