//! Which things are no plain files: pipes, sockets, devices, and links of every sort.

use super::LeftOut;
use crate::{Result, at, put};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

pub(super) fn make(dir: &Path, left_out: &mut LeftOut) -> Result<()> {
    put::directory(dir)?;
    let mode = Mode::from_raw_mode(0o640);
    let kinds = [
        ("pipe", FileType::Fifo, 0),
        ("socket", FileType::Socket, 0),
        ("character device", FileType::CharacterDevice, makedev(1, 3)),
        ("block device", FileType::BlockDevice, makedev(7, 200)),
        ("character device of large numbers", FileType::CharacterDevice, makedev(4_000, 1_000_000)),
    ];
    for (name, kind, device) in kinds {
        // A socket is made as a node, not by listening on it: its path may be longer than a socket's address.
        left_out.unless(name, mknodat(CWD, dir.join(name), kind, mode, device));
    }
    Ok(())
}

pub(super) fn make_links(dir: &Path) -> Result<()> {
    put::directory(&dir.join("one"))?;
    put::directory(&dir.join("two"))?;
    let first = dir.join("one/first name");
    put::file(&first, b"one file of four names\n", 1_000_000_000)?;
    for other in ["one/second name", "two/third name", "zz fourth name"] {
        let other = dir.join(other);
        fs::hard_link(&first, &other).map_err(at(&other))?;
    }
    let pair = dir.join("two/empty pair");
    put::file(&pair, b"", 1_000_000_000)?;
    let other = dir.join("one/empty pair");
    fs::hard_link(&pair, &other).map_err(at(&other))?;

    let long = format!("{}end", "long/".repeat(800));
    let links = [
        ("to file", "one/first name"),
        ("to directory", "one"),
        ("to directory, slash", "one/"),
        ("dangling", "no such file"),
        ("self", "self"),
        ("circle a", "circle b"),
        ("circle b", "circle a"),
        ("up and out", "../../../../../../../../etc/hostname"),
        ("absolute", "/nonexistent/absolute"),
        ("awkward text", " \n\u{202e}é "),
        ("long text", &long),
    ];
    for (name, target) in links {
        let path = dir.join(name);
        symlink(target, &path).map_err(at(&path))?;
    }
    let bytes = dir.join("text that is none");
    let target = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\xfe");
    let target: &std::ffi::OsStr = target;
    symlink(target, &bytes).map_err(at(&bytes))?;
    // The link itself has two names; the file it points to has not.
    let second = dir.join("to file, again");
    fs::hard_link(dir.join("to file"), &second).map_err(at(&second))
}
