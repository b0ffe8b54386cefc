//! The walk of one byte: in which order a backup writes, and what an unchanged one asks for.

use std::sync::Arc;

use dr_store::memory::MemoryStore;
use dr_store::wrap::recording::Recording;

use crate::support::*;

/// Verb and kind of object, in order; equal neighbours once.
fn steps(recording: &Recording) -> Vec<String> {
    let mut out: Vec<String> = recording
        .take()
        .iter()
        .map(|asked| {
            let kind = asked.name.split('/').next().unwrap_or_default();
            format!("{:?} {kind}", asked.verb).to_lowercase()
        })
        .collect();
    out.dedup();
    out
}

#[test]
fn data_is_written_before_the_index_and_the_index_before_the_snapshot() {
    let school = School::new();
    let recording = Arc::new(Recording::new(Arc::new(MemoryStore::new())));
    let blocking = school.blocking(recording.clone());
    school.create(&blocking);
    let tree = small_tree();
    let mut repository = school.open(&blocking).unwrap();
    drop(recording.take());
    school.backup(&mut repository, &tree, Some("files")).unwrap();
    let steps_of_first = steps(&recording);
    let written: Vec<&str> = steps_of_first
        .iter()
        .filter(|step| step.starts_with("put"))
        .map(|step| step.rsplit(' ').next().unwrap())
        .collect();
    let place = |kind: &str| written.iter().position(|k| *k == kind).unwrap();
    assert!(place("data") < place("idx") && place("meta") < place("idx") && place("idx") < place("log"), "{written:?}");
    assert_eq!(written.last(), Some(&"log"));

    let mut repository = school.open(&blocking).unwrap();
    repository.ready().unwrap();
    drop(recording.take());
    school.backup(&mut repository, &tree, Some("files")).unwrap();
    let asked = steps(&recording);
    let puts: Vec<&String> = asked.iter().filter(|step| step.starts_with("put")).collect();
    assert_eq!(puts.len(), 3, "{asked:?}");
    assert!(asked.iter().all(|step| !step.starts_with("get")), "an unchanged backup reads nothing back: {asked:?}");
    assert!(asked.iter().all(|step| !step.starts_with("delete")), "a backup deletes nothing: {asked:?}");
}
