//! How it is told what a repair found and mended.

use dr_repo::{Finding, Mended, RepairReport};
use serde_json::json;

use super::checked::{finding_json, finding_line};
use crate::exit::{Cause, Outcome};
use crate::output::Screen;
use crate::shown;

/// That something is damaged. `target`: on which copy, where there are several.
pub fn damaged(finding: &Finding, target: Option<&str>, screen: &Screen) {
    let mut event = finding_json(finding);
    event["event"] = json!("damaged");
    event["target"] = json!(target);
    screen.event(&event);
    finding_line(finding, target, screen);
}

/// That something is mended.
pub fn mended(mended: &Mended, target: Option<&str>, screen: &Screen) {
    screen.event(&json!({
        "event": "mended", "object": mended.object, "how": mended.how, "target": target,
    }));
    screen.mention(&format!("mended  {}: {}", mended.object, mended.how));
}

/// What all of it came to.
pub fn end(repaired: &RepairReport, place: &str, target: Option<&str>, dry: bool, screen: &Screen) -> Outcome {
    let before = repaired.before.findings.len() as u64;
    let (left, costs) = match &repaired.after {
        Some(after) => (after.findings.len() as u64, after.findings.iter().map(|one| one.lost.len() as u64).sum()),
        None => (before, repaired.before.findings.iter().map(|one| one.lost.len() as u64).sum::<u64>()),
    };
    let after = repaired.after.as_ref().map(|after| after.findings.iter().map(finding_json).collect::<Vec<_>>());
    screen.event(&json!({
        "event": "summary", "damaged": before, "mended": repaired.mended.len(), "left": left, "lost": costs,
        "findings": after.unwrap_or_default(), "target": target, "dry_run": dry,
    }));
    for finding in repaired.after.iter().flat_map(|after| &after.findings) {
        finding_line(finding, target, screen);
    }
    let things = |count| shown::count(count, "thing", "things");
    let line = match (before, left) {
        (0, 0) if repaired.mended.is_empty() => format!("{place}: nothing is damaged"),
        _ if dry => format!("{place}: {} damaged; nothing was changed", things(before)),
        (_, 0) => format!("{place}: everything is mended, and was read again"),
        _ => format!(
            "{place}: {} of {} damaged still; `--from` another copy may have what is missing",
            things(left),
            before.max(left)
        ),
    };
    screen.mention(&line);
    Outcome::done().with(left > 0, Cause::Missing)
}
