//! Does the marker beside an export say that it is whole?

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::drop::{Found, NoExport, Rule};

/// That each file of the newest export has its marker, written when or after the file last changed. `all` are the files of
/// the folder and when each was written.
pub(super) fn marked(newest: &[Found], all: &HashMap<Vec<u8>, i64>, rule: &Rule<'_>) -> Result<(), NoExport> {
    let Some(marker) = rule.marker else { return Ok(()) };
    for found in newest {
        let name = marker.of(&found.name);
        let file = rule.path.join(OsStr::from_bytes(&found.name));
        let shown = || String::from_utf8_lossy(&name).into_owned();
        match all.get(&name) {
            None => return Err(NoExport::Unmarked { file, marker: shown() }),
            Some(at) if *at < found.mtime => return Err(NoExport::MarkedBefore { file, marker: shown() }),
            Some(_) => {}
        }
    }
    Ok(())
}
