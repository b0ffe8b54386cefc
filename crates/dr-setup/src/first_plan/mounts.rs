//! Which of the mounted file systems could hold backups? Read from the text of `/proc/self/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::facts::{Mount, Reach};

/// A line of the table: where, what kind, from what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it is mounted.
    pub at: PathBuf,
    kind: String,
    /// The device or address.
    pub from: String,
}

/// Every line that reads as one.
pub fn lines(text: &str) -> Vec<Line> {
    text.lines().filter_map(line).collect()
}

fn line(text: &str) -> Option<Line> {
    let (left, right) = text.split_once(" - ")?;
    let at = left.split(' ').nth(4)?;
    let mut right = right.split(' ');
    let (kind, from) = (right.next()?.to_owned(), right.next()?.to_owned());
    Some(Line { at: unescaped(at), kind, from })
}

/// The kernel writes blanks and the like in names as three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = (bytes[at] == b'\\').then(|| text.get(at + 1..at + 4)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    PathBuf::from(OsString::from_vec(out))
}

/// Those that could hold backups: not the machine's own root, not memory, nothing of the system's.
pub fn places(lines: &[Line]) -> Vec<Mount> {
    let mut found: Vec<Mount> = Vec::new();
    for line in lines.iter().filter(|line| !is_systems_own(&line.at)) {
        let Some(reach) = reach(&line.kind, &line.from) else { continue };
        // What was mounted over something stands later.
        found.retain(|mount| mount.at != line.at);
        found.push(Mount { at: line.at.clone(), reach });
    }
    found
}

fn is_systems_own(at: &Path) -> bool {
    const OWN: [&str; 11] =
        ["/boot", "/dev", "/etc", "/proc", "/sys", "/tmp", "/usr", "/var/lib", "/var/tmp", "/snap", "/efi"];
    let run = at.starts_with("/run") && !at.starts_with("/run/media");
    at == Path::new("/") || run || OWN.iter().any(|own| at.starts_with(own))
}

fn reach(kind: &str, from: &str) -> Option<Reach> {
    match kind {
        "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" => Some(Reach::Network),
        "fuse.sshfs" | "fuse.rclone" | "fuse.s3fs" | "fuse.davfs2" | "davfs" => Some(Reach::Away),
        _ if from.starts_with("/dev/") && !from.starts_with("/dev/loop") => Some(Reach::Disk),
        "zfs" | "btrfs" => Some(Reach::Disk),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 27 8:2 / /boot/efi rw - vfat /dev/sda2 rw
31 27 0:40 / /mnt/nas rw shared:4 - nfs4 nas.school.example:/dr rw
32 27 8:17 / /media/oak/WEEKLY\\0401 rw - ext4 /dev/sdb1 rw
33 27 0:44 / /mnt/away rw - fuse.sshfs dr@trust.example:/srv rw
34 27 0:50 / /run/user/0 rw - tmpfs tmpfs rw
35 27 8:33 / /srv/data rw - xfs /dev/sdc1 rw
torn line
";

    #[test]
    fn a_table_of_mounts_gives_the_places_for_backups_and_how_far_away_they_are() {
        let found = places(&lines(TABLE));
        let found: Vec<_> = found.iter().map(|mount| (mount.at.to_str().unwrap(), mount.reach)).collect();
        assert_eq!(
            found,
            [
                ("/mnt/nas", Reach::Network),
                ("/media/oak/WEEKLY 1", Reach::Disk),
                ("/mnt/away", Reach::Away),
                ("/srv/data", Reach::Disk),
            ]
        );
    }
}
