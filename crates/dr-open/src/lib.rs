//! Opens what somebody else may have laid in the way: plain files only, looked at first, and nothing is waited for.
//!
//! A name that `dr` reads may lead to a pipe, at which an open waits for ever, to a device, which an open alone may set
//! off, or through a link to another file. It lies on a disk that came back, in a folder where others leave exports, in
//! what was just restored. So each name is looked at, opened without following and without waiting, and looked at again,
//! because it may have been exchanged meanwhile (decision 0038).
//!
//! What a person names, such as a plan or a key, may be a link; what `dr` made itself never is one.

mod leftover;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

pub use leftover::{Claim, Leftovers, is_claimed, leftovers, sweep};

/// Whether a link is followed where the name leads to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    Followed,
    Refused,
}

/// Opens a plain file to read it. A link at the end of the path is refused.
///
/// # Errors
/// That it is not a plain file, as [`io::ErrorKind::InvalidInput`], or what the operating system says.
pub fn plain(path: &Path) -> io::Result<File> {
    open(path, Links::Refused)
}

/// Opens a plain file that a person named, who may have named a link to it.
///
/// # Errors
/// As [`plain`].
pub fn named(path: &Path) -> io::Result<File> {
    open(path, Links::Followed)
}

/// What is in a plain file that has at most `most` bytes. A link at the end of the path is refused.
///
/// # Errors
/// As [`plain`], and [`io::ErrorKind::FileTooLarge`].
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    whole(plain(path)?, most)
}

/// The same for a file that a person named, who may have named a link to it.
///
/// # Errors
/// As [`read`].
pub fn read_named(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    whole(named(path)?, most)
}

/// The text in a plain file that has at most `most` bytes. A link at the end of the path is refused.
///
/// # Errors
/// As [`read`], and [`io::ErrorKind::InvalidData`] if it is no UTF-8.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    utf8(read(path, most)?)
}

/// The same for a file that a person named, who may have named a link to it.
///
/// # Errors
/// As [`text`].
pub fn text_named(path: &Path, most: u64) -> io::Result<String> {
    utf8(read_named(path, most)?)
}

/// Puts a small note in the place of whatever has this name, of mode 0600: never through a link, and never half.
///
/// # Errors
/// What the operating system says; then the old one stands.
pub fn note(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|refused| refused.error)?;
    Ok(())
}

/// Opens the file of a lock, and makes it if there is none. A link, a pipe and a device are refused.
///
/// # Errors
/// As [`plain`].
pub fn lock(path: &Path) -> io::Result<File> {
    refuse(path, Links::Refused, true)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    looked_at(openat(CWD, path, flags, Mode::RUSR | Mode::WUSR))
}

/// Opens the file of a lock that is there. A link, a pipe and a device are refused.
///
/// # Errors
/// As [`plain`].
pub fn lock_there(path: &Path) -> io::Result<File> {
    refuse(path, Links::Refused, false)?;
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    looked_at(openat(CWD, path, flags, Mode::empty()))
}

/// Opens a file of notes to add to its end, and makes it if there is none. A link, a pipe and a device are refused.
///
/// # Errors
/// As [`plain`].
pub fn to_add(path: &Path) -> io::Result<File> {
    refuse(path, Links::Refused, true)?;
    let more = OFlags::CREATE | OFlags::APPEND;
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    looked_at(openat(CWD, path, flags, Mode::RUSR | Mode::WUSR))
}

fn open(path: &Path, links: Links) -> io::Result<File> {
    // To open a device may do something, so it is not even tried.
    refuse(path, links, false)?;
    let follow = if links == Links::Followed { OFlags::empty() } else { OFlags::NOFOLLOW };
    looked_at(openat(CWD, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | follow, Mode::empty()))
}

fn refuse(path: &Path, links: Links, may_be_absent: bool) -> io::Result<()> {
    let about = if links == Links::Followed { fs::metadata(path) } else { fs::symlink_metadata(path) };
    match about {
        Ok(about) if about.is_file() => Ok(()),
        Ok(about) => Err(no_plain_file(kind(&about))),
        Err(why) if may_be_absent && why.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(why),
    }
}

fn looked_at(opened: rustix::io::Result<std::os::fd::OwnedFd>) -> io::Result<File> {
    let file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => return Err(no_plain_file("link")),
        // A pipe that nobody reads, or a socket.
        Err(Errno::NXIO) => return Err(no_plain_file("pipe")),
        Err(why) => return Err(why.into()),
    };
    match FileType::from_raw_mode(fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(file),
        _ => Err(no_plain_file(kind(&file.metadata()?))),
    }
}

fn kind(about: &fs::Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match about.file_type() {
        kind if kind.is_symlink() => "link",
        kind if kind.is_dir() => "folder",
        kind if kind.is_fifo() => "pipe",
        kind if kind.is_socket() => "socket",
        _ => "device",
    }
}

fn no_plain_file(kind: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is a {kind} and no file"))
}

fn whole(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn pipe(path: &Path) {
        rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    #[test]
    fn nothing_but_a_plain_file_is_opened_and_nothing_is_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("file"), "contents").unwrap();
        pipe(&at("pipe"));
        symlink("file", at("link")).unwrap();
        symlink("pipe", at("link-to-pipe")).unwrap();
        symlink("/dev/zero", at("link-to-device")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(read(&at("file"), 8).unwrap(), b"contents");
        assert_eq!(text_named(&at("link"), 8).unwrap(), "contents");
        assert_eq!(read(&at("file"), 7).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        for name in ["pipe", "link", "link-to-pipe", "link-to-device", "socket", "."] {
            assert_eq!(plain(&at(name)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
            assert_eq!(lock(&at(name)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        for name in ["pipe", "link-to-pipe", "link-to-device", "socket", "."] {
            assert_eq!(named(&at(name)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        assert_eq!(plain(&at("absent")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_exchanged_after_the_look_is_refused_too() {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().join("pipe");
        pipe(&at);
        // As `open` does it once the look has passed.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let late = looked_at(openat(CWD, &at, flags, Mode::empty()));
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let late = looked_at(openat(CWD, &at, flags, Mode::RUSR));
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_note_takes_the_place_of_a_link_and_leaves_alone_what_that_leads_to() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("precious"), "untouched").unwrap();
        symlink("precious", at("last-round")).unwrap();
        note(&at("last-round"), b"now").unwrap();
        assert_eq!(fs::read_to_string(at("precious")).unwrap(), "untouched");
        assert_eq!(text(&at("last-round"), 9).unwrap(), "now");
    }
}
