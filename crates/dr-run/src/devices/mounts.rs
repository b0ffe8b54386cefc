//! What is mounted where? `/proc/self/mountinfo` as the kernel writes it. Pure.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// A device's number: major and minor.
pub(super) type Number = (u32, u32);

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The number of its file system's device; major 0 where no one device stands behind it.
    pub(super) device: Number,
    /// Where it is mounted.
    pub(super) at: PathBuf,
    /// The kind of file system.
    pub(super) kind: String,
    /// What is mounted.
    pub(super) source: String,
    /// The file system's own options.
    pub(super) options: String,
}

impl Mount {
    /// One of the file system's own options.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }
}

/// All mounts, in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounts(Vec<Mount>);

/// File systems that the kernel makes up: there is nothing in them to be backed up.
const MADE_UP: [&str; 19] = [
    "proc",
    "sysfs",
    "devtmpfs",
    "devpts",
    "cgroup",
    "cgroup2",
    "securityfs",
    "debugfs",
    "tracefs",
    "mqueue",
    "hugetlbfs",
    "bpf",
    "pstore",
    "efivarfs",
    "configfs",
    "fusectl",
    "binfmt_misc",
    "rpc_pipefs",
    "nsfs",
];

impl Mounts {
    /// Those of this machine now; none where that cannot be told.
    pub(crate) fn of_this_machine() -> Self {
        let text = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        Self::read(&String::from_utf8_lossy(&text))
    }

    /// Where file systems are mounted that may hold something.
    pub(crate) fn with_data(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter(|mount| !MADE_UP.contains(&mount.kind.as_str())).map(|mount| mount.at.as_path())
    }

    /// Whether nothing but what the kernel makes up is mounted at this place.
    pub(crate) fn is_made_up(&self, at: &Path) -> bool {
        self.0.iter().rfind(|mount| mount.at == at).is_some_and(|mount| MADE_UP.contains(&mount.kind.as_str()))
    }

    /// Lines that are not understood are left out.
    pub(super) fn read(text: &str) -> Self {
        Self(text.lines().filter_map(line).collect())
    }

    /// The mount in which an absolute path without links lies, whose device's number is `device` if that is known: a
    /// mount below one that was made later is hidden, and its number does not fit.
    pub(super) fn holding(&self, path: &Path, device: Option<Number>) -> Option<&Mount> {
        let mut above: Vec<&Mount> = self.0.iter().filter(|mount| path.starts_with(&mount.at)).collect();
        // The deepest first, of one place the newest.
        above.reverse();
        above.sort_by_key(|mount| std::cmp::Reverse(mount.at.components().count()));
        let fits = above.iter().find(|mount| Some(mount.device) == device);
        fits.or(above.first()).copied()
    }
}

fn line(line: &str) -> Option<Mount> {
    let (front, back) = line.split_once(" - ")?;
    let mut front = front.split(' ').skip(2);
    let device = number(front.next()?)?;
    let at = PathBuf::from(plain(front.nth(1)?));
    let mut back = back.split(' ');
    let text = |part: Option<&str>| plain(part.unwrap_or_default()).to_string_lossy().into_owned();
    let kind = text(back.next());
    Some(Mount { device, at, kind, source: text(back.next()), options: text(back.next()) })
}

/// `8:1`.
pub(super) fn number(text: &str) -> Option<Number> {
    let (major, minor) = text.trim().split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// With `\040` and the like undone.
fn plain(text: &str) -> OsString {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| *byte == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 4 } else { 1 };
    }
    OsString::from_vec(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 27 8:17 / /mnt/my\\040disk rw,relatime shared:2 master:1 - ext4 /dev/sdb1 rw
41 27 0:50 / /mnt/nas rw - nfs4 nas.school:/volume1/dr rw,vers=4.2,addr=192.168.1.5
42 27 8:33 / /mnt rw - ext4 /dev/sdc1 rw
nonsense
";

    #[test]
    fn a_path_lies_in_the_deepest_mount_above_it_that_is_not_hidden() {
        let mounts = Mounts::read(INFO);
        let of = |path: &str, device| mounts.holding(Path::new(path), device).map(|mount| mount.source.as_str());
        assert_eq!(of("/srv/shares", None), Some("/dev/vda"));
        assert_eq!(of("/mnt/my disk/dr", Some((8, 17))), Some("/dev/sdb1"));
        assert_eq!(of("/mnt/nas/dr", Some((0, 50))), Some("nas.school:/volume1/dr"));
        // Something was mounted over /mnt later, and /mnt/nas is a folder of that.
        assert_eq!(of("/mnt/nas/dr", Some((8, 33))), Some("/dev/sdc1"));
        assert_eq!(of("/mnt/nasty", None), Some("/dev/sdc1"));
    }

    #[test]
    fn options_of_the_file_system_are_found_by_name() {
        let mounts = Mounts::read(INFO);
        let nas = mounts.holding(Path::new("/mnt/nas"), None).unwrap();
        assert_eq!((nas.option("addr"), nas.option("add")), (Some("192.168.1.5"), None));
    }
}
