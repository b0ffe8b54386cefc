//! What the most awkward tree looks like that Linux allows: every kind of name, file, attribute and time in one place.
//!
//! Each part stands in its own directory. What this machine or this user may not make (device nodes without root,
//! attributes the file system does not know) is left out and named, never silently missing.

mod attributes;
mod contents;
mod kinds;
mod left_out;
mod names;

pub use names::past_path_max;

use crate::{Result, put};
use std::path::Path;

use left_out::LeftOut;

/// Makes the tree below `dir`, which should be empty, and says what could not be made, one line each.
///
/// Takes 1 GiB of apparent size but about 40 MB of disk. The path longer than any call takes is apart, in
/// [`past_path_max`], because most programs cannot even remove it.
pub fn make(dir: &Path) -> Result<Vec<String>> {
    put::directory(dir)?;
    let mut left_out = LeftOut(Vec::new());
    names::make(&dir.join("names"), &mut left_out)?;
    names::make_crowd(&dir.join("crowd"))?;
    names::make_sorting(&dir.join("sorting"))?;
    contents::make_sizes(&dir.join("sizes"))?;
    contents::make_sparse(&dir.join("sparse"))?;
    kinds::make(&dir.join("kinds"), &mut left_out)?;
    kinds::make_links(&dir.join("links"))?;
    attributes::make(&dir.join("attributes"), &mut left_out)?;
    // Last: anything made inside a directory would move its time.
    attributes::make_times(&dir.join("times"))?;
    Ok(left_out.0)
}
