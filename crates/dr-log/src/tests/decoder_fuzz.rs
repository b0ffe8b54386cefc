//! Log entries that somebody made up, even well-signed ones: decoding and following them ends, quickly.

use super::mangle::try_all;
use dr_format::id::{Digest, HostId, PackId, PackKind, SessionId};
use dr_format::key::FamilyKey;
use dr_format::log_entry::{self, Body, Registered};

use crate::fold::{State, runs_of};

const ROUNDS: usize = 3_000;

#[test]
fn log_entries_even_well_signed_ones() {
    let family = FamilyKey::generate();
    let writer = family.as_writer(HostId([1; 4])).unwrap();
    let pack = PackId { session: SessionId([1; 16]), kind: PackKind::Data, no: 0 };
    let body = Body::Packs(Registered {
        session: SessionId([1; 16]),
        host: HostId([1; 4]),
        sequence: u64::MAX,
        last: true,
        snapshots: vec![],
        needs: runs_of([(pack, HostId([1; 4]))]),
        own: vec![(PackKind::Data, 0, (1 << 24) - 1)],
        indexes: vec![],
        used: vec![],
        sources: vec![],
        superseded: vec![],
        at: 0,
    });
    let bytes = log_entry::encode(1, 0, Digest([0; 32]), 0, &body, &writer);
    let entry = log_entry::decode(&bytes, family.family, &writer.maintenance).unwrap();
    let mut state = State::default();
    state.apply(&entry);
    assert!(state.packs.is_empty(), "sixteen million packs in one entry are void, not sixteen million rows");
    try_all(&bytes, ROUNDS / 3, |bytes| drop(log_entry::decode(bytes, family.family, &writer.maintenance)));
    // With the signature made right again, as somebody with a stolen key would.
    let cbor_len = u32::from_le_bytes([bytes[10], bytes[11], bytes[12], bytes[13]]) as usize;
    let cbor = bytes[14..14 + cbor_len].to_vec();
    try_all(&cbor, ROUNDS, |cbor| {
        let mut out = bytes[..10].to_vec();
        out.extend_from_slice(&(cbor.len() as u32).to_le_bytes());
        out.extend_from_slice(cbor);
        out.extend_from_slice(&writer.author().0);
        out.push(0);
        let signature = writer.sign(&[b"dr log v1".as_slice(), &out].concat());
        out.extend_from_slice(&signature);
        if let Ok(entry) = log_entry::decode(&out, family.family, &writer.maintenance) {
            State::default().apply(&entry);
        }
    });
}
