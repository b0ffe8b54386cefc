//! Which contents are awkward: sizes on the edges where readers split, and files that are mostly holes.

use crate::random::Random;
use crate::{Result, at, put};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Empty, one byte, and one byte less, exactly and one byte more than what buffers and chunks are.
pub(super) fn make_sizes(dir: &Path) -> Result<()> {
    put::directory(&dir.join("empty directory"))?;
    put::file(&dir.join("empty"), b"", 1_000_000_000)?;
    put::file(&dir.join("one byte"), b"1", 1_000_000_000)?;
    let mut random = Random::of(1, "sizes", 0);
    for (name, size) in [("4k", 4 * KIB), ("64k", 64 * KIB), ("1m", MIB), ("4m", 4 * MIB)] {
        for (suffix, size) in [("-1", size - 1), ("", size), ("+1", size + 1)] {
            if size > MIB && suffix.is_empty() {
                // Equal runs, where a cutter that looks for edges finds none.
                put::file(&dir.join("4m of zeros"), &vec![0; size as usize], 1_000_000_000)?;
            }
            let mut bytes = vec![0; size as usize];
            random.fill(&mut bytes);
            put::file(&dir.join(format!("{name}{suffix}")), &bytes, 1_000_000_000)?;
        }
    }
    Ok(())
}

/// Holes at the start, middle and end, nothing but a hole, and a gigabyte with three islands.
pub(super) fn make_sparse(dir: &Path) -> Result<()> {
    put::directory(dir)?;
    let files: [(&str, u64, &[u64]); 6] = [
        ("hole at start", 2 * MIB, &[MIB]),
        ("hole in middle", 2 * MIB, &[0, 2 * MIB - 64 * KIB]),
        ("hole at end", 2 * MIB, &[0]),
        ("all hole", 3 * MIB, &[]),
        ("all hole, odd length", 64 * KIB + 1, &[]),
        ("gigabyte of three islands", KIB * MIB, &[5 * MIB, 512 * MIB, KIB * MIB - 64 * KIB]),
    ];
    let mut random = Random::of(1, "sparse", 0);
    let mut island = vec![0; 64 * KIB as usize];
    for (name, size, islands) in files {
        let path = dir.join(name);
        let mut write = || {
            let file = File::create(&path)?;
            file.set_len(size)?;
            for offset in islands {
                random.fill(&mut island);
                file.write_all_at(&island, *offset)?;
            }
            file.set_modified(put::system_time(1_000_000_000))
        };
        write().map_err(at(&path))?;
    }
    Ok(())
}
