//! Which files stand in the sets that are trees, and how a tree changes from one generation to the next.

use super::Set;
use super::text::Code;
use crate::document::{Text, docx};
use crate::picture::Camera;
use crate::put::{self, Size};
use crate::random::Random;
use crate::words::Words;
use crate::{Error, Result, at, pdf};
use std::fs;
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;
const SAVED: i64 = 1_760_000_000;

/// About `mib` MiB of code-like text in files of 14 KB on average, most below 8 KB and a few of 200.
pub fn source_tree(dir: &Path, mib: u64, seed: u64) -> Result<Size> {
    fill(Set::SourceTree, dir, mib, seed)
}

/// About `mib` MiB: by bytes about a third photographs, a quarter programs, a fifth documents, a fifth text.
pub fn mixed(dir: &Path, mib: u64, seed: u64) -> Result<Size> {
    fill(Set::Mixed, dir, mib, seed)
}

/// `files` files of 1 to 8 KiB that do not repeat each other, 500 to a directory.
pub fn many_small(dir: &Path, files: u64, seed: u64) -> Result<Size> {
    let mut maker = Maker::new(Set::ManySmall, seed);
    for number in 0..files {
        let path = dir.join(maker.place(number));
        maker.put(&path, number)?;
    }
    Ok(maker.size)
}

/// `files` empty files in `dir` itself.
pub fn many_empty(dir: &Path, files: u64, _seed: u64) -> Result<Size> {
    put::directory(dir)?;
    for number in 0..files {
        let path = dir.join(format!("{number:07}"));
        fs::File::create(&path).map_err(at(&path))?;
    }
    Ok(Size { files, bytes: 0 })
}

fn fill(set: Set, dir: &Path, mib: u64, seed: u64) -> Result<Size> {
    let mut maker = Maker::new(set, seed);
    let mut number = 0;
    while maker.size.bytes < mib * MIB {
        let path = dir.join(maker.place(number));
        maker.put(&path, number)?;
        number += 1;
    }
    Ok(maker.size)
}

struct Maker {
    set: Set,
    seed: u64,
    code: Code,
    words: Words,
    camera: Camera,
    size: Size,
}

impl Maker {
    fn new(set: Set, seed: u64) -> Self {
        let (code, words, camera) = (Code::new(seed), Words::new(), Camera::new());
        Maker { set, seed, code, words, camera, size: Size::default() }
    }

    /// Where the file of this number stands: by folders of folders, the name telling its kind.
    fn place(&self, number: u64) -> PathBuf {
        let per_folder = if self.set == Set::ManySmall { 500 } else { 16 };
        let folder = number / per_folder;
        let extension = match self.set {
            Set::Mixed => ["jpg", "bin", "docx", "txt", "txt", "pdf", "txt", "bin"][(number % 8) as usize],
            Set::SourceTree => ["c", "c", "h", "c", "rst", "c", "h", "c"][(number % 8) as usize],
            _ => "small",
        };
        PathBuf::from(format!("{:03}/{:03}/{number:07}.{extension}", folder / 40, folder % 40))
    }

    fn put(&mut self, path: &Path, number: u64) -> Result<()> {
        if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
            put::directory(parent)?;
        }
        let mut random = Random::of(self.seed, "file", 1 << 40 | number);
        let bytes = self.content(path, &mut random)?;
        self.size.count(bytes.len() as u64);
        let time = self.time(1, &mut random);
        put::file(path, &bytes, time)
    }

    fn content(&self, path: &Path, random: &mut Random) -> Result<Vec<u8>> {
        Ok(match put::extension(path) {
            "jpg" => {
                let width = random.between(40, 160) as u16 * 8;
                self.camera.photo(width, width / 4 * 3, random)
            }
            "bin" => self.code.machine(random.between(10_000, 160_000) as usize, random),
            "docx" => {
                let paragraphs = (0..random.between(10, 120)).map(|_| self.words.paragraph(random)).collect();
                let picture = self.camera.photo(960, 720, random);
                docx(&Text { title: "Mixed", author: "J. Oak", paragraphs, pictures: vec![&picture], saved: SAVED })?
            }
            "pdf" => pdf::text("Mixed", random.between(1, 20), &self.words, random),
            "txt" => {
                let length = random.between(2_000, 120_000) as usize;
                let mut text = String::with_capacity(length + 600);
                while text.len() < length {
                    text.push_str(&self.words.paragraph(random));
                    text.push('\n');
                }
                text.into_bytes()
            }
            "small" => {
                let mut bytes = vec![0; random.between(1_024, 8_192) as usize];
                let (noise, rest) = bytes.split_at_mut(256);
                random.fill(noise);
                rest.copy_from_slice(&self.code.source(rest.len(), random));
                bytes
            }
            _ => {
                let length = match random.below(100) {
                    0..=54 => random.between(400, 8_000),
                    55..=89 => random.between(8_000, 30_000),
                    90..=98 => random.between(30_000, 80_000),
                    _ => random.between(80_000, 200_000),
                };
                self.code.source(length as usize, random)
            }
        })
    }

    /// A file after an edit: something is inserted in its middle half.
    fn edit(&mut self, path: &Path, random: &mut Random, generation: u64) -> Result<()> {
        let before = put::read(path)?;
        let (least, most) = self.changes().inserted;
        let quarter = before.len() / 4;
        let at = quarter + random.below((before.len() - 2 * quarter) as u64 + 1) as usize;
        let stretch = self.code.source(random.between(least, most) as usize, random);
        let bytes = [&before[..at], &stretch, &before[at..]].concat();
        self.size.count(bytes.len() as u64);
        put::save_again(path, &bytes, self.time(generation, random))
    }

    /// A new file: half of it comes from the one beside it, half is written new.
    fn add(&mut self, path: &Path, beside: &Path, random: &mut Random, generation: u64) -> Result<()> {
        let mut bytes = put::read(beside)?;
        let half = (bytes.len() / 2).min(100_000);
        bytes.truncate(half);
        bytes.extend(self.code.source(half + 1, random));
        self.size.count(bytes.len() as u64);
        put::file(path, &bytes, self.time(generation, random))
    }

    fn time(&self, generation: u64, random: &mut Random) -> i64 {
        SAVED + generation as i64 * 86_400 + random.below(86_400) as i64
    }

    fn changes(&self) -> Changes {
        match self.set {
            Set::Mixed => Changes { edited: 20, renamed: 5, gone: 3, new: 5, inserted: (100, 4_000) },
            Set::ManySmall => Changes { edited: 10, renamed: 0, gone: 2, new: 5, inserted: (20, 400) },
            _ => Changes { edited: 10, renamed: 1, gone: 1, new: 2, inserted: (40, 1_500) },
        }
    }
}

/// Of each 1,000 files so many, and how many bytes an edit inserts.
struct Changes {
    edited: usize,
    renamed: usize,
    gone: usize,
    new: usize,
    inserted: (u64, u64),
}

#[derive(Clone, Copy)]
enum Change {
    Edited,
    Renamed,
    Gone,
}

pub(super) fn advance(set: Set, dir: &Path, seed: u64, generation: u64) -> Result<Size> {
    let files = put::files_below(dir)?;
    if files.is_empty() {
        return Err(Error::Unfit { path: dir.to_owned(), lacks: "the files of an earlier generation" });
    }
    let mut maker = Maker::new(set, seed);
    let mut random = Random::of(seed, "generation", generation);
    let changes = maker.changes();
    let share = |thousandths: usize| (files.len() * thousandths).div_ceil(1_000);
    let mut what = vec![Change::Edited; share(changes.edited)];
    what.extend(vec![Change::Renamed; share(changes.renamed)]);
    what.extend(vec![Change::Gone; share(changes.gone)]);
    // Fisher and Yates: what happens to which file is by chance.
    for last in (1..what.len()).rev() {
        what.swap(last, random.below(last as u64 + 1) as usize);
    }
    for (change, file) in what.iter().zip(random.some_of(files.len(), what.len())) {
        let path = dir.join(&files[file]);
        match change {
            Change::Edited => maker.edit(&path, &mut random, generation)?,
            Change::Gone => fs::remove_file(&path).map_err(at(&path))?,
            Change::Renamed => {
                let name = format!("moved-{generation}-{file}.{}", put::extension(&path));
                fs::rename(&path, path.with_file_name(name)).map_err(at(&path))?;
            }
        }
    }
    let left = put::files_below(dir)?;
    for number in 0..share(changes.new) {
        let beside = dir.join(&left[random.below(left.len() as u64) as usize]);
        let path = beside.with_file_name(format!("new-{generation}-{number}.{}", put::extension(&beside)));
        maker.add(&path, &beside, &mut random, generation)?;
    }
    Ok(maker.size)
}

pub(super) fn advance_empty(dir: &Path, generation: u64) -> Result<Size> {
    let before = fs::read_dir(dir).map_err(at(dir))?.count() as u64;
    let new = before.div_ceil(100);
    for number in 0..new {
        let path = dir.join(format!("new-{generation}-{number:07}"));
        fs::File::create(&path).map_err(at(&path))?;
    }
    Ok(Size { files: new, bytes: 0 })
}
