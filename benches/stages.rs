//! What each stage of a byte's way costs: cutting, naming, compressing, sealing, packing, pages and the log.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare what it needs should stop there")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dr_repo::stages::{Cutting, Leaf, Log, Packing, Sealing, Squeezing};

const MIB: usize = 1 << 20;
const FRAME: usize = 256 << 10;

/// Text that shrinks about as source code does, the same every time.
fn text(length: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "return",
        "static",
        "struct",
        "page",
        "->count",
        "if (",
        ") {\n\t",
        "}\n\n",
        "buffer",
        "offset",
        " = ",
        ";\n\t",
        "length",
        "inode",
        "unsigned ",
        "/* held */",
    ];
    let (mut state, mut out) = (0x9e37_79b9_7f4a_7c15_u64, Vec::with_capacity(length + 64));
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(WORDS[(state >> 60) as usize].as_bytes());
        if state & 3 == 0 {
            out.extend_from_slice(format!("{:x}", state as u16).as_bytes());
        }
    }
    out.truncate(length);
    out
}

fn bytes(criterion: &mut Criterion) {
    let data = text(8 * MIB);
    let folder = tempfile::tempdir().unwrap();
    let (cutting, sealing, packing) = (Cutting::new(), Sealing::new(), Packing::new(folder.path()).unwrap());
    let mut group = criterion.benchmark_group("bytes");
    group.sample_size(10).throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("cut", |b| b.iter(|| cutting.lengths(black_box(&data))));
    let lengths = cutting.lengths(&data);
    let mut rest = data.as_slice();
    let mut chunks = Vec::new();
    for length in lengths {
        let (chunk, after) = rest.split_at(length);
        chunks.push(chunk);
        rest = after;
    }
    group.bench_function("name", |b| b.iter(|| chunks.iter().map(|chunk| packing.id(chunk)[0]).max()));
    for level in [1, 2, 3, 9] {
        let mut squeezing = Squeezing::new(level).unwrap();
        let mut out = Vec::new();
        group.bench_function(format!("squeeze, level {level}"), |b| {
            b.iter(|| data.chunks(FRAME).map(|frame| squeezing.squeeze(frame, &mut out).unwrap()).max());
        });
    }
    let mut squeezing = Squeezing::new(2).unwrap();
    let mut frames = Vec::new();
    for frame in data.chunks(FRAME) {
        let mut out = Vec::new();
        frames.push((squeezing.squeeze(frame, &mut out).unwrap(), out, frame.len()));
    }
    group.bench_function("unsqueeze", |b| {
        b.iter_batched(
            || frames.clone(),
            |frames| {
                frames.into_iter().map(|(codec, out, raw)| squeezing.unsqueeze(codec, out, raw).unwrap().len()).max()
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("seal", |b| {
        b.iter_batched_ref(|| data.clone(), |data| sealing.seal(1, data), BatchSize::LargeInput);
    });
    let mut sealed = data.clone();
    sealing.seal(1, &mut sealed);
    group.bench_function("open a seal", |b| {
        b.iter_batched_ref(|| sealed.clone(), |sealed| assert!(sealing.open(1, sealed)), BatchSize::LargeInput);
    });
    group.bench_function("write a pack, level 2", |b| {
        b.iter(|| {
            for pack in packing.write(&chunks, 2).unwrap() {
                std::fs::remove_file(pack).unwrap();
            }
        });
    });
    let packs = packing.write(&chunks, 2).unwrap();
    let pack = std::fs::read(&packs[0]).unwrap();
    group.throughput(Throughput::Bytes(pack.len() as u64));
    group.bench_function("check a pack and open its trailer", |b| b.iter(|| packing.open(black_box(&pack)).unwrap()));
    group.finish();
}

fn entries(criterion: &mut Criterion) {
    let count = 1_000;
    let leaf = Leaf::of_files(count);
    let page = leaf.encode();
    let mut group = criterion.benchmark_group("entries");
    group.sample_size(20).throughput(Throughput::Elements(u64::from(count)));
    group.bench_function("encode a page", |b| b.iter(|| black_box(&leaf).encode()));
    group.bench_function("decode a page", |b| b.iter(|| Leaf::decode(black_box(&page)).unwrap()));
    let log = Log::of_commits(count);
    assert_eq!(log.fold(), count as usize, "every commit counts");
    group.bench_function("fold a log", |b| b.iter(|| black_box(&log).fold()));
    group.finish();
}

criterion_group!(stages, bytes, entries);
criterion_main!(stages);
