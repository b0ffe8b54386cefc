//! The evidence as canonical JSON: the same rehearsal always gives the same bytes.

use dr_ledger::Digest;
use serde_json::{Map, Value, json};

use super::{EvidenceError, Rehearsal, Rehearsed};
use crate::words;

/// `html` and `text` are what people read of it: their hashes stand in it, so that whoever knows its own hash can tell
/// whether those were changed.
pub(super) fn value(rehearsal: &Rehearsal, html: &str, text: &str) -> Result<Value, EvidenceError> {
    let zone = &rehearsal.zone;
    let systems: Result<Vec<Value>, EvidenceError> =
        rehearsal.systems.iter().map(|system| part(rehearsal, system)).collect();
    let mut document = json!({
        "format": "dr-evidence-1",
        "number": rehearsal.number,
        "school": rehearsal.school,
        "verdict": rehearsal.verdict().as_str(),
        "level": rehearsal.level,
        "mode": rehearsal.mode,
        "tool_version": rehearsal.tool_version,
        "plan_blake3": rehearsal.plan_hash,
        "ran_by": rehearsal.ran_by,
        "authenticated": rehearsal.authenticated,
        "began": words::machine(rehearsal.began, zone),
        "ended": words::machine(rehearsal.ended, zone),
        "clock_moved": rehearsal.clock_moved,
        "systems": systems?,
        "scratch_wiped": { "done": rehearsal.wipe.done, "how": rehearsal.wipe.how },
        "not_tested": rehearsal.not_tested,
        "html_blake3": Digest::of(html.as_bytes()).to_string(),
        "text_blake3": Digest::of(text.as_bytes()).to_string(),
        "ledger_head": { "n": rehearsal.ledger_head.n, "hash": rehearsal.ledger_head.hash.to_string() },
    });
    if let Value::Object(document) = &mut document {
        put(document, "runbook_blake3", rehearsal.runbook_hash.as_ref());
        if let Some(sample) = &rehearsal.sample {
            let value = json!({
                "seed": sample.seed, "picked": sample.picked, "of": sample.of, "wrong": sample.wrong, "claim": sample.claim(),
            });
            document.insert("sample".to_owned(), value);
        }
    }
    Ok(document)
}

fn part(rehearsal: &Rehearsal, system: &Rehearsed) -> Result<Value, EvidenceError> {
    // Thousandths are enough, and more would differ from machine to machine.
    let seconds = (system.restore_seconds * 1000.0).round() / 1000.0;
    let seconds = serde_json::to_value(seconds).map_err(EvidenceError::NoNumber)?;
    let checks = serde_json::to_value(&system.checks).map_err(EvidenceError::NoNumber)?;
    let mut part = json!({
        "id": system.id.as_str(),
        "title": system.title,
        "verdict": system.worst().as_str(),
        "level": system.level,
        "restore_seconds": seconds,
        "files": system.files,
        "bytes": system.bytes,
        "checks": checks,
    });
    if let Value::Object(part) = &mut part {
        put(part, "target", system.target.as_ref());
        put(part, "copy_class", system.copy_class.as_ref());
        put(part, "medium", system.medium.as_ref());
        put(part, "snapshot", system.snapshot.as_ref());
        put(part, "recovery_point", system.recovery_point.map(|at| words::machine(at, &rehearsal.zone)));
        put(part, "because", system.because.as_ref());
    }
    Ok(part)
}

fn put(object: &mut Map<String, Value>, key: &str, text: Option<impl ToString>) {
    if let Some(text) = text {
        object.insert(key.to_owned(), Value::String(text.to_string()));
    }
}

/// Keys in the order of their bytes, no blanks.
pub(super) fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (place, key) in keys.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (place, item) in list.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        // The rest has one way to be written.
        other => out.push_str(&other.to_string()),
    }
}
