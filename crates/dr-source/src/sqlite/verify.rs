//! Does a restored database say what it said when it was captured?

use std::path::Path;

use super::{SqliteFacts, probe, restored};
use crate::driver::Check;
use crate::recorded;

const WHOLE: &str = "the database opens and is whole";

/// What can be asked of the database that `path` names, in a capture that was restored to `root`.
pub(super) fn checks(path: &Path, root: &Path) -> Vec<Check> {
    let restored = restored(root, path);
    let facts = match probe(&restored) {
        Ok(facts) => facts,
        Err(_) => return vec![Check::new(WHOLE, false, "it opens", "it does not open as a database")],
    };
    let then = recorded::<SqliteFacts>(root).ok();
    let mut checks = vec![whole(&facts, then.as_ref())];
    let name = "its tables have the rows that were counted at capture";
    let counted =
        |facts: &SqliteFacts| format!("{} rows in {} tables", facts.tables.values().sum::<u64>(), facts.tables.len());
    let is_empty = |facts: &SqliteFacts| facts.tables.is_empty() && facts.uncounted.is_empty();
    checks.push(match then {
        // It came back as it was, and that a database without anything in it does says nothing of one with something.
        Some(then) if is_empty(&then) && is_empty(&facts) => Check::not_known(
            name,
            "at least 1 table",
            if facts.integrity_ok {
                "no tables to count, as when it was captured; the file opens and is sound"
            } else {
                "no tables to count, as when it was captured"
            },
        ),
        Some(then) if then.tables.is_empty() && facts.tables.is_empty() && then.uncounted == facts.uncounted => {
            Check::not_known(name, "tables that can be counted", "only tables that this SQLite cannot count")
        }
        Some(then) => Check::new(name, then.tables == facts.tables, counted(&then), counted(&facts)),
        None => Check::not_known(name, "counts of the capture", "none came back"),
    });
    checks
}

/// What SQLite's check says of it. Damage that was there when it was captured is not the restore's fault, and no proof.
fn whole(facts: &SqliteFacts, then: Option<&SqliteFacts>) -> Check {
    let expected = "0 problems";
    let Some(first) = facts.problems.first() else {
        let unjudged = match facts.unjudged.is_empty() {
            true => String::new(),
            false => format!("; could not be judged: {}", facts.unjudged.join(", ")),
        };
        return Check::new(WHOLE, true, expected, format!("{expected}{unjudged}"));
    };
    match then {
        Some(then) if then.problems.contains(first) => {
            Check::not_known(WHOLE, expected, format!("it was damaged already when it was captured: {first}"))
        }
        _ => Check::new(WHOLE, false, expected, first),
    }
}
