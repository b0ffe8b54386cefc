//! How a log entry becomes bytes.

use crate::cbor::Writer;
use crate::format::{LOG_MAGIC, VERSION};
use crate::id::Digest;
use crate::key::WriterKey;
use crate::log_entry::{Body, ObjectRef, Registered, Run, Runs};

pub fn write_runs(out: &mut Writer, all: &[Runs]) {
    out.array(all.len());
    for runs in all {
        out.array(3).bytes(&runs.session.0).bytes(&runs.host.0);
        write_own(out, &runs.runs);
    }
}

pub(super) fn write_own(out: &mut Writer, runs: &[Run]) {
    out.array(runs.len() * 3);
    for (kind, first, last) in runs {
        out.number(*kind as u64).number(u64::from(*first)).number(u64::from(*last));
    }
}

pub fn write_objects(out: &mut Writer, objects: &[ObjectRef]) {
    out.array(objects.len());
    for object in objects {
        out.array(3).text(&object.name).number(object.len).bytes(&object.digest.0);
    }
}

pub(super) fn write_registered(body: &Registered) -> Vec<u8> {
    let mut out = Writer::new();
    out.map(10 + u64::from(!body.superseded.is_empty()) + u64::from(body.at > 0));
    out.number(1).bytes(&body.session.0).number(2).bytes(&body.host.0).number(3).number(body.sequence);
    out.number(4).boolean(body.last).number(5).array(body.snapshots.len());
    for snapshot in &body.snapshots {
        out.array(3).bytes(&snapshot.id.0).bytes(&snapshot.document.0).bytes(&snapshot.label);
    }
    out.number(6);
    write_runs(&mut out, &body.needs);
    out.number(7);
    write_own(&mut out, &body.own);
    out.number(8);
    write_objects(&mut out, &body.indexes);
    out.number(9);
    write_objects(&mut out, &body.used);
    out.number(10);
    write_runs(&mut out, &body.sources);
    if !body.superseded.is_empty() {
        out.number(11).array(body.superseded.len());
        for name in &body.superseded {
            out.text(name);
        }
    }
    if body.at > 0 {
        out.number(12).number(body.at);
    }
    out.done()
}

pub(super) fn write_ids<'a>(out: &mut Writer, ids: impl ExactSizeIterator<Item = &'a [u8; 16]>) {
    out.number(1).array(ids.len());
    for id in ids {
        out.bytes(id);
    }
}

pub(super) fn write_packs(out: &mut Writer, packs: &[Runs]) {
    out.number(1);
    write_runs(out, packs);
}

/// Type number and payload.
pub(super) fn write_body(body: &Body) -> (u64, Vec<u8>) {
    let mut out = Writer::new();
    let number = match body {
        Body::Commit(registered) => return (1, write_registered(registered)),
        Body::Packs(registered) => return (2, write_registered(registered)),
        Body::Repack(registered) => return (7, write_registered(registered)),
        Body::Reframe(registered) => return (8, write_registered(registered)),
        Body::IndexMerge(registered) => return (9, write_registered(registered)),
        Body::Forget(ids) | Body::Unforget(ids) => {
            write_ids(out.map(1), ids.iter().map(|id| &id.0));
            if matches!(body, Body::Forget(_)) { 3 } else { 15 }
        }
        Body::Hold { snapshots, until_ms } => {
            write_ids(out.map(2), snapshots.iter().map(|id| &id.0));
            out.number(2).signed(*until_ms);
            12
        }
        Body::Condemn(packs) => {
            write_packs(out.map(1), packs);
            4
        }
        Body::Sweep { packs, view, undoable, keyless } => {
            write_packs(out.map(3 + u64::from(*keyless)), packs);
            out.number(2).number(*view).number(3).array(undoable.len());
            for id in undoable {
                out.bytes(&id.0);
            }
            if *keyless {
                out.number(4).boolean(true);
            }
            5
        }
        Body::Verify { packs, level } => {
            write_packs(out.map(2), packs);
            out.number(2).number(*level);
            10
        }
        Body::Fence(sessions) => {
            write_ids(out.map(1), sessions.iter().map(|id| &id.0));
            6
        }
        Body::Heal { pack, host, object } => {
            let runs = Runs { session: pack.session, host: *host, runs: vec![(pack.kind, pack.no, pack.no)] };
            write_packs(out.map(2), &[runs]);
            out.number(2);
            write_objects(&mut out, std::slice::from_ref(object));
            11
        }
        Body::SlotAdded { name, digest } => {
            out.map(3).number(1).number(3).number(2).text(name).number(3).bytes(&digest.0);
            13
        }
        Body::SlotRemoved { name } => {
            out.map(2).number(1).number(4).number(2).text(name);
            13
        }
        Body::Revoked(kid) => {
            out.map(2).number(1).number(2).number(3).bytes(&kid.0);
            13
        }
        Body::Note(text) => {
            out.map(1).number(1).text(text);
            14
        }
        Body::Features(features) => {
            out.map(1).number(1).array(features.len());
            for feature in features {
                out.text(feature);
            }
            16
        }
        Body::Unknown { number } => {
            out.map(0);
            *number
        }
    };
    (number, out.done())
}

/// The bytes of a new entry, signed.
pub fn encode(n: u64, before: u64, before_digest: Digest, time_ms: i64, body: &Body, writer: &WriterKey) -> Vec<u8> {
    let (number, payload) = write_body(body);
    let critical = number != 14;
    let mut cbor = Writer::new();
    cbor.map(7);
    cbor.number(1).number(n).number(2).bytes(&before_digest.0).number(3).number(before);
    cbor.number(4).number(number).number(5).boolean(critical).number(6).signed(time_ms).number(7).raw(&payload);
    let cbor = cbor.done();
    let mut out = Vec::with_capacity(cbor.len() + 256);
    out.extend_from_slice(LOG_MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(cbor.len() as u32).to_le_bytes());
    out.extend_from_slice(&cbor);
    out.extend_from_slice(&writer.author().0);
    match &writer.certificate {
        None => out.push(0),
        Some(certificate) => {
            out.push(1);
            out.extend_from_slice(&certificate.public);
            out.extend_from_slice(&certificate.host.0);
            out.extend_from_slice(&certificate.signature);
        }
    }
    let signature = writer.sign(&[b"dr log v1".as_slice(), &out].concat());
    out.extend_from_slice(&signature);
    out
}
