//! Which names and paths are awkward: bytes that are no text, the longest ones, ones that sort or print badly.

use super::LeftOut;
use crate::{Result, at, put};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub(super) fn make(dir: &Path, left_out: &mut LeftOut) -> Result<()> {
    put::directory(dir)?;
    let long = [b'n'; 255];
    // 85 letters of three bytes: as long as a name can be, in text that must not be cut in the middle of one.
    let long_text = "あ".repeat(85);
    let every_byte: Vec<u8> = (1..=255_u8).filter(|byte| *byte != b'/').collect();
    let names: [&[u8]; 30] = [
        b"not \xff\xfe text",
        b"latin-1 caf\xe9",
        b"cut short \xe2\x82",
        b"surrogate \xed\xa0\x80",
        &every_byte,
        &long,
        long_text.as_bytes(),
        b"line\nfeed",
        b"return\rtab\tbell\x07",
        b"\x1b[31mred\x1b[0m",
        b"\x7f",
        "\u{202e}txt.exe".as_bytes(),
        "שלום.txt".as_bytes(),
        "composed é".as_bytes(),
        "composed e\u{301}".as_bytes(),
        "zero\u{200b}width".as_bytes(),
        "👩‍🏫.txt".as_bytes(),
        b" leading and trailing ",
        b"...",
        b"..dots",
        b"-rf",
        b"--help",
        b"*?[a]{b}",
        b"quotes ' \" `",
        b"back\\slash",
        b"$HOME;&|<>",
        b"#hash# ~tilde~ %41",
        b"CON",
        b"con",
        b"a:b",
    ];
    for name in names {
        let path = dir.join(OsStr::from_bytes(name));
        left_out.unless(&format!("the name {:?}", path.file_name()), fs::write(&path, name));
    }
    let mut deep = dir.to_owned();
    for level in 1..=24 {
        deep.push(format!("level {level:02}"));
    }
    put::directory(&deep)?;
    put::file(&deep.join("bottom"), b"24 directories down\n", 1_000_000_000)?;
    let as_directory = dir.join(OsStr::from_bytes(b"directory \xff\n"));
    put::directory(&as_directory)?;
    put::file(&as_directory.join("inside"), b"x", 1_000_000_000)
}

/// Five thousand small files in one directory.
pub(super) fn make_crowd(dir: &Path) -> Result<()> {
    put::directory(dir)?;
    for number in 0..5_000 {
        let path = dir.join(format!("{number:05}"));
        fs::write(&path, number.to_string()).map_err(at(&path))?;
    }
    Ok(())
}

/// Names whose order differs between bytes of the name, bytes of the path and letters.
pub(super) fn make_sorting(dir: &Path) -> Result<()> {
    put::directory(&dir.join("a"))?;
    put::directory(&dir.join("a-b"))?;
    put::directory(&dir.join("A"))?;
    for name in ["a/x", "a/-", "a-b/x", "a.b", "a0", "a b", "a!", "aa", "A/x", "B", "b", "é", "z", "10", "9", "a\u{1}"]
    {
        put::file(&dir.join(name), name.as_bytes(), 1_000_000_000)?;
    }
    Ok(())
}

/// Makes a chain of so many directories below `dir` whose path is longer than any call takes (`PATH_MAX`, 4,096 bytes),
/// with a file at the end; how many bytes the path of that file has below `dir`. Only calls relative to an open
/// directory reach it. At least 25 levels: a name has 255 bytes at most.
pub fn past_path_max(dir: &Path, levels: usize) -> Result<usize> {
    put::directory(dir)?;
    let name = "p".repeat((5_000 / levels.max(25)).max(8));
    let named = |error: rustix::io::Errno| at(dir)(error.into());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut here = openat(CWD, dir, flags, Mode::empty()).map_err(named)?;
    let mut below = PathBuf::new();
    for _ in 0..levels.max(25) {
        mkdirat(&here, &*name, Mode::from_raw_mode(0o755)).map_err(named)?;
        here = openat(&here, &*name, flags, Mode::empty()).map_err(named)?;
        below.push(&name);
    }
    let create = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(&here, "bottom", create, Mode::from_raw_mode(0o644)).map_err(named)?;
    rustix::io::write(&file, b"past PATH_MAX\n").map_err(named)?;
    below.push("bottom");
    Ok(below.as_os_str().len())
}
