//! What each stage of a byte's way costs: cutting, naming, compressing, sealing, packing, pages, the log, the file
//! cache and look-ups.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare what it needs should stop there")]

#[path = "text.rs"]
mod text;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dr_repo::bench::stages::{Compressing, Cutting, Leaf, Log, Looking, Packing, Remembering, Sealing};

const MIB: usize = 1 << 20;
const FRAME: usize = 256 << 10;

fn bytes(criterion: &mut Criterion) {
    let data = text::code(8 * MIB);
    let folder = tempfile::tempdir().unwrap();
    let (cutting, sealing, packing) = (Cutting::new(), Sealing::new(), Packing::new(folder.path()).unwrap());
    let mut group = criterion.benchmark_group("bytes");
    group.sample_size(10).throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("cut, standard", |b| b.iter(|| cutting.lengths(black_box(&data))));
    group.bench_function("cut, fine", |b| b.iter(|| cutting.fine_lengths(black_box(&data))));
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
        let mut compressing = Compressing::new(level).unwrap();
        let mut out = Vec::new();
        group.bench_function(format!("compress, level {level}"), |b| {
            b.iter(|| data.chunks(FRAME).map(|frame| compressing.compress(frame, &mut out).unwrap()).max());
        });
    }
    let mut compressing = Compressing::new(2).unwrap();
    let mut frames = Vec::new();
    for frame in data.chunks(FRAME) {
        let mut out = Vec::new();
        frames.push((compressing.compress(frame, &mut out).unwrap(), out, frame.len()));
    }
    group.bench_function("decompress", |b| {
        b.iter_batched(
            || frames.clone(),
            |frames| {
                frames.into_iter().map(|(codec, out, raw)| compressing.decompress(codec, out, raw).unwrap().len()).max()
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
    let folder = tempfile::tempdir().unwrap();
    let files = Remembering::of_files(10_000, folder.path());
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("write the file cache", |b| b.iter(|| files.write().unwrap()));
    group.bench_function("read the file cache beside a walk", |b| b.iter(|| files.join()));
    group.finish();
}

fn chunks(criterion: &mut Criterion) {
    let (many, folder) = (20_000, tempfile::tempdir().unwrap());
    let looking = Looking::among(many, folder.path()).unwrap();
    let (there, absent) = (looking.ids(0, many), looking.ids(many, many));
    let mut group = criterion.benchmark_group("chunks");
    group.sample_size(20).throughput(Throughput::Elements(many));
    group.bench_function("look up, there", |b| b.iter(|| looking.found(black_box(&there)).unwrap()));
    group.bench_function("look up, not there", |b| b.iter(|| looking.found(black_box(&absent)).unwrap()));
    group.finish();
}

criterion_group!(stages, bytes, entries, chunks);
criterion_main!(stages);
