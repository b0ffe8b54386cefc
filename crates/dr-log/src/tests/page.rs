//! Holds the checkpoint of `docs/format/repository.md` to what its log entries add up to.

use super::page_text::{hex, vectors};
use dr_format::id::{ChunkId, Digest, FamilyId, HostId, PackKind, Secret, SessionId, SnapshotId, index_name};
use dr_format::key::{FamilyKey, WriterKey};
use dr_format::log_entry::{self, Body, Named, ObjectRef, Registered, Runs};

use crate::checkpoint::Checkpoint;
use crate::fold::State;

const SESSION: SessionId = SessionId([0x51; 16]);
const SNAPSHOT: SnapshotId = SnapshotId([0x71; 16]);

fn run<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|at| first + at as u8)
}

/// The invented family of the page.
fn family() -> FamilyKey {
    FamilyKey { family: FamilyId(run(0xa0)), secret: Secret(run(0x01)) }
}

/// The log of the page's entry and a commit after it.
fn checkpoint() -> (Checkpoint, WriterKey) {
    let key = family();
    let writer = key.as_writer(HostId([0x41; 4])).unwrap();
    let genesis = Digest([0x31; 32]);
    let note = vectors()["log entry"].clone();
    let digest = Digest::of(&note);
    let body = Body::Commit(Registered {
        session: SESSION,
        host: HostId([0x41; 4]),
        sequence: 1,
        last: true,
        snapshots: vec![Named { id: SNAPSHOT, document: ChunkId([0x42; 24]), label: b"label".to_vec() }],
        needs: vec![Runs {
            session: SessionId([0x52; 16]),
            host: HostId([0x43; 4]),
            runs: vec![(PackKind::Meta, 0, 1)],
        }],
        own: vec![(PackKind::Data, 5, 6)],
        indexes: vec![ObjectRef {
            name: index_name(HostId([0x41; 4]), SESSION, 0),
            len: 99,
            digest: Digest([0x44; 32]),
        }],
        used: vec![],
        sources: vec![],
        superseded: vec![],
        at: 0,
    });
    let commit = log_entry::encode(2, 1, digest, 1_700_000_000_000, &body, &writer);
    let mut state = State::default();
    for bytes in [&note, &commit] {
        state.apply(&log_entry::decode(bytes, key.family, &writer.maintenance).unwrap());
    }
    (Checkpoint { n: 2, genesis, trail: vec![digest, Digest::of(&commit)], accepted: 0, state }, writer)
}

#[test]
fn the_pages_checkpoint_says_what_its_entries_say() {
    let (expected, writer) = checkpoint();
    let found = Checkpoint::decode(&vectors()["checkpoint"], 2, Digest([0x31; 32]), &writer.maintenance).unwrap();
    assert_eq!(found, expected);
}

/// Prints the checkpoint that the page should hold: run with `--run-ignored only --no-capture`.
#[test]
#[ignore = "prints a fresh vector"]
fn print_the_checkpoint() {
    let (sum, writer) = checkpoint();
    println!("checkpoint = {}", hex(&sum.encode(&writer).unwrap()));
}
