//! Whatever is done to a ledger by hand shows, and our code and an auditor's agree about it.

mod school;

use std::fs;
use std::path::{Path, PathBuf};

use dr_ledger::{Break, Event, Head, LedgerError, Verdict};
use school::{damages, ledger_of, note, said, verdict};

#[test]
fn every_edit_removal_reordering_and_cut_is_found_at_its_line() {
    for damage in damages() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("ledger.jsonl");
        fs::write(&path, damage.lines.concat()).unwrap();
        let line = match verdict(&path, damage.anchor) {
            Verdict::Ok { .. } => None,
            Verdict::Broken { line, .. } => Some(line),
        };
        assert_eq!(line, damage.line, "{}", damage.name);
    }
}

#[test]
fn no_byte_of_a_ledger_can_be_changed_unseen() {
    let (_state, ledger) = ledger_of(3);
    let head = ledger.head().unwrap();
    let good = fs::read(ledger.path()).unwrap();
    for place in 0..good.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[place] ^= flip;
            fs::write(ledger.path(), &bad).unwrap();
            assert!(!verdict(ledger.path(), Some(head)).is_ok(), "byte {place} xor {flip:#x}");
        }
    }
}

#[test]
fn a_purged_body_is_gone_and_the_chain_and_old_anchors_still_hold() {
    let (_state, ledger) = ledger_of(5);
    let anchor = ledger.head().unwrap();
    let because = "six months are over".to_owned();
    ledger.purge(&said(9, Event::BodiesPurged { entries: vec![2, 4], because })).unwrap();
    let text = fs::read_to_string(ledger.path()).unwrap();
    assert!(!text.contains("note 2") && !text.contains("note 4") && text.contains("note 3"), "{text}");
    assert!(verdict(ledger.path(), Some(anchor)).is_ok());
    ledger.append(&note("after")).unwrap();
    let contents = ledger.read().unwrap();
    assert!(contents.verdict.is_ok());
    assert_eq!(contents.purged.into_iter().collect::<Vec<_>>(), [2, 4]);
    assert_eq!(contents.entries.iter().map(|e| e.n).collect::<Vec<_>>(), [1, 3, 5, 6, 7]);
}

#[test]
fn what_announces_a_purge_cannot_be_purged() {
    let (_state, ledger) = ledger_of(3);
    let purge = |n| ledger.purge(&said(9, Event::BodiesPurged { entries: vec![n], because: String::new() }));
    purge(1).unwrap();
    assert!(matches!(purge(4), Err(LedgerError::NotPurgeable { n: 4 })));
    assert!(matches!(purge(9), Err(LedgerError::NotPurgeable { n: 9 })));
    assert!(matches!(ledger.purge(&note("no purge")), Err(LedgerError::NotPurgeable { n: 0 })));
    assert!(ledger.read().unwrap().verdict.is_ok());
}

#[test]
fn a_broken_ledger_is_not_purged_and_its_entries_can_still_be_read() {
    let (_state, ledger) = ledger_of(5);
    let text = fs::read_to_string(ledger.path()).unwrap().replace("note 2", "note 8");
    fs::write(ledger.path(), text).unwrap();
    let purge = ledger.purge(&said(9, Event::BodiesPurged { entries: vec![2], because: String::new() }));
    assert!(matches!(purge, Err(LedgerError::Broken { .. })));
    let contents = ledger.read().unwrap();
    assert!(matches!(contents.verdict, Verdict::Broken { line: 2, entries: 1, why: Break::BodyEdited, .. }));
    assert_eq!(contents.entries.len(), 5);
}

fn reader() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format/read_ledger.py")
}

/// A Python that has what the auditor's reader needs.
#[allow(clippy::disallowed_methods, reason = "the auditor's reader is somebody else's program, run by a test")]
fn python() -> PathBuf {
    let named = std::env::var_os("DR_TEST_PYTHON").map(PathBuf::from);
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/py/bin/python");
    let tried: Vec<_> = named.into_iter().chain([ours, "python3".into()]).collect();
    let works = |python: &&PathBuf| {
        std::process::Command::new(python).args(["-c", "import blake3"]).output().is_ok_and(|out| out.status.success())
    };
    tried.iter().find(works).cloned().unwrap_or_else(|| {
        panic!(
            "no Python with the auditor's package: `cargo xtask test` makes one, or set DR_TEST_PYTHON to one after \
             `pip install blake3`; tried {tried:?}"
        )
    })
}

/// Whoever gets a copy of the reader asks it first what it is, on a machine where nobody has installed anything.
#[test]
#[allow(clippy::disallowed_methods, reason = "the auditor's reader is somebody else's program, run by a test")]
fn the_auditors_reader_says_what_it_is_without_any_package_and_never_judges_without_one() {
    let reader = reader();
    let without = |arguments: &[&str]| {
        // Without the places where packages are.
        let mut python = std::process::Command::new("python3");
        python.args(["-I", "-S"]).arg(&reader).args(arguments).output().unwrap()
    };
    let help = without(&["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("read_ledger.py [--json]"));
    assert_eq!(without(&[]).status.code(), Some(64));
    let (_state, ledger) = ledger_of(3);
    let asked = without(&["--json", ledger.path().to_str().unwrap()]);
    assert_eq!((asked.status.code(), asked.stdout.as_slice()), (Some(2), &b""[..]), "neither whole nor broken");
    assert!(String::from_utf8_lossy(&asked.stderr).contains("pip install blake3"));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the auditor's reader is somebody else's program, run by a test")]
fn the_auditors_reader_comes_to_the_same_verdict() {
    let (with_blake3, reader) = (python(), reader());
    let python = |arguments: &[&str]| std::process::Command::new(&with_blake3).args(arguments).output().unwrap();
    let reader = reader.to_str().unwrap();
    for damage in damages() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("ledger.jsonl");
        fs::write(&path, damage.lines.concat()).unwrap();
        let ours = verdict(&path, damage.anchor);
        let anchor = damage.anchor.as_ref().map(Head::to_string);
        let mut arguments = vec![reader, "--json"];
        arguments.extend(anchor.iter().flat_map(|anchor| ["--anchor", anchor]));
        arguments.push(path.to_str().unwrap());
        let out = python(&arguments);
        let theirs: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(theirs, serde_json::to_value(&ours).unwrap(), "{}", damage.name);
        assert_eq!(out.status.code(), Some(i32::from(!ours.is_ok())), "{}", damage.name);
    }
    assert_eq!(python(&[reader]).status.code(), Some(64));
    assert_eq!(python(&[reader, "--anchor", "x", "y"]).status.code(), Some(64));
    assert_eq!(python(&[reader, "absent/ledger.jsonl"]).status.code(), Some(2));
    let (_state, ledger) = ledger_of(3);
    ledger.purge(&said(9, Event::BodiesPurged { entries: vec![2], because: "time is up".to_owned() })).unwrap();
    let out = python(&[reader, ledger.path().to_str().unwrap()]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("(purged)") && text.contains("time is up") && text.contains("ok: 4 entries"), "{text}");
}
