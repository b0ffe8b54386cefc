//! Do restored files open as what their names say? By their front and their end, which tells a whole one from one that was
//! scrambled or cut, without a program for each type.
//!
//! That a file is the one that was captured is proved elsewhere. So one that does not open was no better when it was
//! captured, and a few of them are in every school: only when many do not, something is wrong.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::driver::{Check, NotStarted, Questions, Scene, StartRestored, StartedSystem};

/// So much of each end is read; the end of an archive may have a comment of 64 KiB before it.
const ENDS: u64 = 66 << 10;
/// So many may not open, whatever their number.
const FEW: u64 = 3;
/// Of so many one may not open.
const ONE_OF: u64 = 10;

/// What a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// An archive; the documents of office programs are such.
    Zip,
    /// A document of older office programs.
    Compound,
    Pdf,
    Png,
    Jpeg,
    Gif,
}

fn of_name(name: &[u8]) -> Option<Type> {
    let name = name.to_ascii_lowercase();
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    Some(match &name[dot + 1..] {
        b"zip" | b"docx" | b"xlsx" | b"pptx" | b"odt" | b"ods" | b"odp" | b"epub" | b"docm" | b"xlsm" => Type::Zip,
        b"doc" | b"xls" | b"ppt" | b"msg" | b"pub" => Type::Compound,
        b"pdf" => Type::Pdf,
        b"png" => Type::Png,
        b"jpg" | b"jpeg" => Type::Jpeg,
        b"gif" => Type::Gif,
        _ => return None,
    })
}

/// Whether a file of these ends opens.
fn opens(kind: Type, size: u64, front: &[u8], end: &[u8]) -> bool {
    let holds = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    match kind {
        Type::Zip => front.starts_with(b"PK") && has_directory(size, end),
        Type::Compound => front.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") || front.starts_with(b"{\\rtf"),
        Type::Pdf => holds(&front[..front.len().min(1024)], b"%PDF-") && holds(end, b"%%EOF"),
        Type::Png => front.starts_with(b"\x89PNG\r\n\x1a\n") && holds(end, b"IEND"),
        Type::Jpeg => front.starts_with(b"\xff\xd8\xff") && holds(end, b"\xff\xd9"),
        Type::Gif => front.starts_with(b"GIF8") && holds(end, b";"),
    }
}

/// Whether an archive ends with the record that says where its list of contents lies, and that it can lie there.
fn has_directory(size: u64, end: &[u8]) -> bool {
    let Some(at) = end.windows(4).rposition(|window| window == b"PK\x05\x06") else { return false };
    let number = |from: usize| {
        let bytes = end.get(at + from..at + from + 4)?;
        Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?)))
    };
    let (Some(length), Some(begin)) = (number(12), number(16)) else { return false };
    // A large one writes its numbers elsewhere.
    let large = u64::from(u32::MAX);
    begin == large || length == large || begin.saturating_add(length) <= size
}

fn tried(kind: Type, path: &Path) -> io::Result<bool> {
    let mut file: File = dr_open::plain(path)?;
    let size = file.metadata()?.len();
    let (mut front, mut end) = (Vec::new(), Vec::new());
    file.by_ref().take(ENDS).read_to_end(&mut front)?;
    file.seek(SeekFrom::Start(size.saturating_sub(ENDS)))?;
    file.take(ENDS).read_to_end(&mut end)?;
    Ok(opens(kind, size, &front, &end))
}

/// Every plain file below a folder; no link is followed.
pub(crate) fn files(root: &Path, stop: &AtomicBool, look: &mut dyn FnMut(&Path)) -> io::Result<()> {
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                look(&entry.path());
            }
        }
    }
    Ok(())
}

/// That most of what can be judged is good.
pub(crate) fn mostly(name: &str, good: u64, of: u64, nothing: &str) -> Check {
    let told = format!("{good} of {of}");
    match of {
        0 => Check::not_known(name, "at least 1", nothing),
        _ => {
            let bad = of - good;
            let few = good > 0 && (bad <= FEW || bad <= of / ONE_OF);
            Check::new(name, few, format!("nearly all of {of}"), told)
        }
    }
}

const NAME: &str = "documents, archives and pictures open as what their names say";

/// What can be said of the files of a folder.
pub(crate) fn documents(root: &Path, stop: &AtomicBool) -> Check {
    let (mut good, mut of) = (0, 0);
    let walked = files(root, stop, &mut |path| {
        let Some(kind) = path.file_name().and_then(|name| of_name(name.as_bytes())) else { return };
        of += 1;
        // What scratch does not let anybody read is not good.
        good += u64::from(tried(kind, path).unwrap_or(false));
    });
    match walked {
        Ok(()) => mostly(NAME, good, of, "none of them is of a type that dr can judge"),
        Err(why) => Check::not_known(NAME, "at least 1", format!("scratch cannot be read: {}", why.kind())),
    }
}

/// What came of opening everything in the place of starting a program.
pub(crate) struct Opened(pub(crate) Vec<Check>);

impl StartedSystem for Opened {
    fn answers(&mut self, _questions: &Questions<'_>) -> Vec<Check> {
        std::mem::take(&mut self.0)
    }
}

/// How files are opened.
pub(crate) struct Documents;

impl StartRestored for Documents {
    fn takes(&self, captured: u64) -> u64 {
        captured
    }

    fn start(&self, root: &Path, scene: &Scene<'_>) -> Result<Box<dyn StartedSystem>, NotStarted> {
        Ok(Box::new(Opened(vec![documents(root, scene.stop)])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Verdict;

    fn archive() -> Vec<u8> {
        let mut bytes = b"PK\x03\x04 something PK\x01\x02 a list".to_vec();
        let begin = 18_u32;
        let length = u32::try_from(bytes.len()).unwrap() - begin;
        bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
        bytes.extend(length.to_le_bytes());
        bytes.extend(begin.to_le_bytes());
        bytes.extend(b"\0\0");
        bytes
    }

    fn judged(name: &str, bytes: &[u8]) -> bool {
        let kind = of_name(name.as_bytes()).unwrap();
        opens(kind, bytes.len() as u64, bytes, bytes)
    }

    #[test]
    fn what_was_cut_or_scrambled_does_not_open() {
        let archive = archive();
        for (name, bytes) in [
            ("a.DOCX", &archive[..]),
            ("a.pdf", b"%PDF-1.7\n1 0 obj\n%%EOF\n"),
            ("a.png", b"\x89PNG\r\n\x1a\n..IEND\xae\x42\x60\x82"),
            ("a.jpeg", b"\xff\xd8\xff\xe0..\xff\xd9"),
            ("a.gif", b"GIF89a..;"),
        ] {
            assert!(judged(name, bytes), "{name}");
            assert!(!judged(name, &bytes[..bytes.len() - 5]), "{name} cut");
            let scrambled: Vec<u8> = bytes.iter().map(|byte| byte ^ 0x5a).collect();
            assert!(!judged(name, &scrambled), "{name} scrambled");
        }
        assert!(!judged("a.zip", b""));
        assert_eq!(of_name(b"a.txt"), None);
        let mut elsewhere = archive.clone();
        let at = elsewhere.len() - 6;
        elsewhere[at..at + 4].copy_from_slice(&9_999_u32.to_le_bytes());
        assert!(!judged("a.zip", &elsewhere), "its list lies behind its end");
    }

    #[test]
    fn a_few_broken_files_are_in_every_school_and_many_are_not() {
        let verdict = |good, of| mostly("x", good, of, "none").verdict;
        assert_eq!(verdict(0, 0), Verdict::NotKnown);
        assert_eq!(verdict(1, 1), Verdict::Good);
        assert_eq!(verdict(0, 1), Verdict::Wrong);
        assert_eq!(verdict(2, 5), Verdict::Good);
        assert_eq!(verdict(900, 1000), Verdict::Good);
        assert_eq!(verdict(899, 1000), Verdict::Wrong);
        assert_eq!(verdict(0, 3), Verdict::Wrong);
    }

    #[test]
    fn links_are_not_followed_and_every_file_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b.zip"), archive()).unwrap();
        fs::write(folder.path().join("c.txt"), "text").unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("all")).unwrap();
        let check = documents(folder.path(), &AtomicBool::new(false));
        assert_eq!((check.verdict, check.actual.as_str()), (Verdict::Good, "1 of 1"));
    }
}
