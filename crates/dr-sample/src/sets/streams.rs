//! What one large file holds: an SQL dump of rows, or the image of a disk; and which parts of it change.

use super::text::Code;
use crate::put::Size;
use crate::random::Random;
use crate::words::{Words, person, phone};
use crate::{Result, at};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

const MIB: u64 = 1 << 20;
const BLOCK: u64 = 4_096;
/// Rows change in at most so many places.
const CLUSTERS: u64 = 1_000;
const DUMP: &str = "dump.sql";
const IMAGE: &str = "disk.img";

/// `dump.sql` of about `mib` MiB: one `INSERT` a line.
pub fn dump(dir: &Path, mib: u64, seed: u64) -> Result<Size> {
    fs::create_dir_all(dir).map_err(at(dir))?;
    let path = dir.join(DUMP);
    let words = Words::new();
    let write = || {
        let mut out = BufWriter::with_capacity(1 << 16, File::create(&path)?);
        let mut written = put(&mut out, "-- a dump of the records\nBEGIN;\n")?;
        let mut id = 0;
        while written < mib * MIB {
            id += 1;
            written += put(&mut out, &row(id, seed, 1, &words))?;
        }
        out.flush()?;
        Ok(written)
    };
    let bytes = write().map_err(at(&path))?;
    Ok(Size { files: 1, bytes })
}

fn put(out: &mut impl Write, text: &str) -> io::Result<u64> {
    out.write_all(text.as_bytes())?;
    Ok(text.len() as u64)
}

/// The row of this id as of a generation.
fn row(id: u64, seed: u64, generation: u64, words: &Words) -> String {
    let mut random = Random::of(seed, "row", generation << 48 | id);
    let (given, family) = person(&mut random);
    format!(
        "INSERT INTO contacts VALUES ({id},'{given}','{family}','{}',{},{},'{}');\n",
        phone(&mut random),
        random.below(100_000),
        1_700_000_000 + id * 37 + random.below(37),
        words.sentence(&mut random).replace('\'', "''")
    )
}

pub(super) fn advance_dump(dir: &Path, seed: u64, generation: u64) -> Result<Size> {
    let (path, beside) = (dir.join(DUMP), dir.join("dump.sql.new"));
    let words = Words::new();
    let mut random = Random::of(seed, "dump", generation);
    let mut advance = || {
        let rows = BufReader::new(File::open(&path)?).lines().count() as u64 - 2;
        let rewritten = (rows / 200).max(1);
        let clusters = rewritten.min(CLUSTERS);
        let mut starts = random.some_of(rows as usize, clusters as usize).into_iter().peekable();
        let (length, mut until) = (rewritten / clusters, 0);
        let mut out = BufWriter::with_capacity(1 << 16, File::create(&beside)?);
        let (mut written, mut id) = (0, 0);
        for line in BufReader::new(File::open(&path)?).lines() {
            let line = line?;
            if !line.starts_with("INSERT") {
                written += put(&mut out, &format!("{line}\n"))?;
                continue;
            }
            if starts.next_if_eq(&(id as usize)).is_some() {
                until = id + length;
            }
            id += 1;
            let line = if id <= until { row(id, seed, generation, &words) } else { line + "\n" };
            written += put(&mut out, &line)?;
        }
        for more in 1..=rows.div_ceil(100) {
            written += put(&mut out, &row(rows + more, seed, generation, &words))?;
        }
        out.flush()?;
        fs::rename(&beside, &path)?;
        Ok(written)
    };
    let bytes = advance().map_err(at(&path))?;
    Ok(Size { files: 1, bytes })
}

/// `disk.img` of `mib` MiB: extents of 64 KiB to 1 MiB, a quarter of them zeros, a fifth random, the rest text and
/// programs. The zeros are written, not holes, so that every program reads the same.
pub fn image(dir: &Path, mib: u64, seed: u64) -> Result<Size> {
    fs::create_dir_all(dir).map_err(at(dir))?;
    let path = dir.join(IMAGE);
    let code = Code::new(seed);
    let mut random = Random::of(seed, "image", 1);
    let mut write = || {
        let mut out = File::create(&path)?;
        let mut left = mib * MIB;
        while left > 0 {
            let length = (random.between(16, 256) * BLOCK).min(left);
            left -= length;
            out.write_all(&extent(length as usize, &code, &mut random))?;
        }
        Ok(())
    };
    write().map_err(at(&path))?;
    Ok(Size { files: 1, bytes: mib * MIB })
}

fn extent(length: usize, code: &Code, random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0..=4 => vec![0; length],
        5..=8 => {
            let mut bytes = vec![0; length];
            random.fill(&mut bytes);
            bytes
        }
        9..=14 => code.source(length, random),
        _ => code.machine(length, random),
    }
}

pub(super) fn advance_image(dir: &Path, seed: u64, generation: u64) -> Result<Size> {
    let (path, beside) = (dir.join(IMAGE), dir.join("disk.img.new"));
    let code = Code::new(seed);
    let mut random = Random::of(seed, "image", generation);
    let mut advance = || {
        let mut image = File::open(&path)?;
        let mut out = File::create(&beside)?;
        let mut front = vec![0; MIB as usize];
        random.fill(&mut front);
        out.write_all(&front)?;
        let length = io::copy(&mut image, &mut out)?;
        let blocks = length / BLOCK;
        let mut block = vec![0; BLOCK as usize];
        let rewritten = random.some_of(blocks as usize, blocks.div_ceil(100) as usize);
        for number in &rewritten {
            match random.chance(50) {
                true => random.fill(&mut block),
                false => block.copy_from_slice(&code.source(BLOCK as usize, &mut random)),
            }
            out.write_all_at(&block, MIB + *number as u64 * BLOCK)?;
        }
        fs::rename(&beside, &path)?;
        Ok(MIB + rewritten.len() as u64 * BLOCK)
    };
    let bytes = advance().map_err(at(&path))?;
    Ok(Size { files: 1, bytes })
}
