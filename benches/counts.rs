//! How many instructions each hot loop takes: every loop once on made data, for callgrind to count.
//!
//! `cargo xtask counts` runs this under valgrind, which collects only inside [`counted_loop`] and writes what it
//! counted each time that returns. What is printed says, in the same order, which loop that was, how many units it
//! worked on and what a unit is.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that cannot prepare what it needs stops there")]

#[path = "text.rs"]
mod text;

use std::hint::black_box;

use dr_repo::bench::stages::{Compressing, Cutting, Leaf, Log, Looking, Packing, Remembering, Sealing, zstd_version};

const MIB: usize = 1 << 20;
const FRAME: usize = 256 << 10;

/// The one place where instructions count. Neither inlined nor generic, so that it has one name.
#[inline(never)]
fn counted_loop(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

fn count(name: &str, units: usize, unit: &str, mut work: impl FnMut()) {
    println!("loop\t{name}\t{units}\t{unit}");
    counted_loop(&mut work);
}

fn main() {
    println!("zstd\t{}", zstd_version());
    #[cfg(target_arch = "x86_64")]
    for (name, there) in [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("aes", std::arch::is_x86_feature_detected!("aes")),
        ("sha", std::arch::is_x86_feature_detected!("sha")),
    ] {
        if there {
            println!("processor\t{name}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    bytes(&text::code(2 * MIB), folder.path());
    entries(folder.path());
    chunks(folder.path());
}

fn bytes(data: &[u8], folder: &std::path::Path) {
    let (cutting, sealing, packing) = (Cutting::fixed(), Sealing::new(), Packing::new(folder).unwrap());
    count("cut, standard", data.len(), "byte", || drop(black_box(cutting.lengths(data))));
    count("cut, fine", data.len(), "byte", || drop(black_box(cutting.fine_lengths(data))));
    let mut rest = data;
    let chunks: Vec<&[u8]> = cutting
        .lengths(data)
        .into_iter()
        .map(|length| {
            let (chunk, after) = rest.split_at(length);
            rest = after;
            chunk
        })
        .collect();
    count("name", data.len(), "byte", || {
        black_box(chunks.iter().map(|chunk| packing.id(chunk)[0]).max());
    });
    let (mut compressing, mut out) = (Compressing::new(1).unwrap(), Vec::new());
    // Once for nothing: what zstd sets up for its first frame is no part of the loop.
    compressing.compress(&data[..FRAME], &mut out).unwrap();
    let some = &data[..MIB];
    count("compress, level 1", some.len(), "byte", || {
        for frame in some.chunks(FRAME) {
            black_box(compressing.compress(frame, &mut out).unwrap());
        }
    });
    let mut compressed = Vec::new();
    for frame in some.chunks(FRAME) {
        let codec = compressing.compress(frame, &mut out).unwrap();
        compressed.push((codec, out.clone(), frame.len()));
    }
    count("decompress", some.len(), "byte", || {
        for (codec, bytes, length) in compressed.drain(..) {
            black_box(compressing.decompress(codec, bytes, length).unwrap());
        }
    });
    let mut sealed = data.to_vec();
    sealed.reserve(64);
    count("seal", data.len(), "byte", || sealing.seal(1, &mut sealed));
    count("open a seal", data.len(), "byte", || assert!(sealing.open(1, &mut sealed)));
    let mut left = MIB;
    let of_a_mib: Vec<&[u8]> = chunks
        .iter()
        .take_while(|chunk| {
            left = left.saturating_sub(chunk.len());
            left > 0
        })
        .copied()
        .collect();
    let length = of_a_mib.iter().map(|chunk| chunk.len()).sum();
    count("write a pack, level 1", length, "byte", || drop(black_box(packing.write(&of_a_mib, 1).unwrap())));
}

fn entries(folder: &std::path::Path) {
    let many = 1_000;
    let leaf = Leaf::of_files(many);
    let mut page = Vec::new();
    count("encode a page", many as usize, "entry", || page = leaf.encode());
    count("decode a page", many as usize, "entry", || {
        black_box(Leaf::decode(&page).unwrap());
    });
    let files = Remembering::of_files(10_000, folder);
    count("write the file cache", 10_000, "entry", || files.write().unwrap());
    count("read the file cache beside a walk", 10_000, "entry", || assert_eq!(files.join(), 10_000));
    let log = Log::of_commits(many);
    count("fold a log", many as usize, "commit", || assert_eq!(log.fold(), many as usize));
}

fn chunks(folder: &std::path::Path) {
    // The ids differ each time, for they are keyed, and with them where a search begins: so many that it evens out.
    let many = 20_000;
    let looking = Looking::among(many, folder).unwrap();
    let (there, absent) = (looking.ids(0, many), looking.ids(many, many));
    count("look up, there, table not read yet", there.len(), "chunk", || {
        assert_eq!(looking.found(&there).unwrap(), there.len());
    });
    count("look up, there", there.len(), "chunk", || assert_eq!(looking.found(&there).unwrap(), there.len()));
    count("look up, not there", absent.len(), "chunk", || assert_eq!(looking.found(&absent).unwrap(), 0));
}
