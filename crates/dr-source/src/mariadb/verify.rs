//! Does a restored dump hold the rows that were counted when it was captured, and end where the program said that it was
//! done? Read to its end; no server is started.

use std::io::Read as _;
use std::path::Path;

use super::counter::{Counted, RowCounter};
use super::facts::Facts;
use crate::driver::Check;
use crate::recorded;

const WHOLE: &str = "the dump ends with the line that says it is whole";
const ROWS: &str = "its tables have the rows that were counted at capture, counted in the dump";

/// What can be asked of a capture that was restored to `root`, with the dump at `dump`.
pub(super) fn checks(dump: &Path, root: &Path) -> Vec<Check> {
    let facts = match recorded::<Facts>(root) {
        Ok(facts) => facts,
        Err(_) => return vec![Check::not_known(ROWS, "counts of the capture", "none came back")],
    };
    let (bytes, counted) = match counted(dump) {
        Ok(found) => found,
        Err(why) => return vec![Check::new(WHOLE, false, "to its end", why)],
    };
    let length =
        Check::new("the dump is as long as when it was captured", bytes == facts.dump_bytes, facts.dump_bytes, bytes);
    let told = |rows: u64, tables: usize| format!("{rows} rows in {tables} tables");
    let whole = counted.complete;
    vec![
        length,
        Check::new(WHOLE, whole, "to its end", if whole { "to its end" } else { "cut off" }),
        Check::new(
            ROWS,
            counted.tables == facts.tables && !facts.tables.is_empty(),
            told(facts.rows(), facts.tables.len()),
            told(counted.tables.values().sum(), counted.tables.len()),
        ),
    ]
}

fn counted(dump: &Path) -> std::io::Result<(u64, Counted)> {
    let mut file = dr_open::plain(dump)?;
    let (mut counter, mut buffer, mut bytes) = (RowCounter::default(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, counter.end())),
            count => {
                bytes += count as u64;
                counter.take(&buffer[..count]);
            }
        }
    }
}
