//! What is there in a room? The machine's programs and libraries, to be read; a few devices; the accounts that are needed;
//! scratch. Everything else of the machine is not hidden but absent.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};

use super::layout::{NOBODY, ROOT, SCRATCH, WORK};

/// What of the machine is to be read in every room, where it is there.
pub const SHOWN: &[&str] = &[
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/share",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/local/libexec",
    "/usr/local/share",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
];
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
/// What takes memory of the machine.
const SHARED_MEMORY: &std::ffi::CStr = c"mode=1777,size=256m,nr_inodes=4096";
const ROOT_OPTIONS: &std::ffi::CStr = c"mode=0755,size=1m,nr_inodes=4096";
const NO_MORE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Makes the root in [`ROOT`] of the folder that this process is in, and enters it for good. `mounts` is
/// `/proc/self/mountinfo`.
pub(super) fn mounted(also: &[PathBuf], without: &[PathBuf], mounts: &str) -> Result<(), String> {
    let all = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    told("/", mount_change("/", all))?;
    told(ROOT, mount("tmpfs", ROOT, "tmpfs", NO_MORE, ROOT_OPTIONS))?;
    let also = also.iter().map(PathBuf::as_path);
    for path in SHOWN.iter().map(Path::new).chain(also) {
        shown(path, mounts)?;
    }
    for path in without {
        hidden(path)?;
    }
    folder(Path::new("/dev"))?;
    for device in DEVICES.iter().map(Path::new) {
        let inside = file(device, "")?;
        told(device, mount_bind_recursive(device, &inside))?;
    }
    let memory = folder(Path::new("/dev/shm"))?;
    told(&memory, mount("tmpfs", &memory, "tmpfs", NO_MORE | MountFlags::NOEXEC, SHARED_MEMORY))?;
    file(Path::new("/etc/passwd"), &format!("rehearsal:x:{NOBODY}:{NOBODY}::{SCRATCH}/home:/usr/sbin/nologin\n"))?;
    file(Path::new("/etc/group"), &format!("rehearsal:x:{NOBODY}:\n"))?;
    file(Path::new("/etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files\n")?;
    file(Path::new("/etc/hosts"), "127.0.0.1 localhost\n")?;
    for (outside, inside) in [(WORK.to_owned(), SCRATCH), (format!("{WORK}/tmp"), "/tmp")] {
        let inside = folder(Path::new(inside))?;
        told(&inside, mount_bind_recursive(&outside, &inside))?;
        told(&inside, mount_remount(&inside, MountFlags::BIND | NO_MORE | kept(&inside)?, ""))?;
    }
    told(ROOT, mount_remount(ROOT, MountFlags::BIND | MountFlags::RDONLY | NO_MORE, ""))?;
    told(ROOT, chdir(ROOT))?;
    // The old root comes to lie over the new one, and is taken away.
    told("the root", pivot_root(".", "."))?;
    told("the root", unmount(".", UnmountFlags::DETACH))?;
    told("the root", chdir("/"))
}

fn told<T>(what: impl AsRef<Path>, done: rustix::io::Result<T>) -> Result<T, String> {
    done.map_err(|why| format!("{} cannot be mounted: {why}", what.as_ref().display()))
}

/// Where a path of the room is while its root is being made.
fn inside(path: &Path) -> PathBuf {
    Path::new(ROOT).join(path.strip_prefix("/").unwrap_or(path))
}

fn folder(path: &Path) -> Result<PathBuf, String> {
    let inside = inside(path);
    fs::create_dir_all(&inside).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(inside)
}

fn file(path: &Path, text: &str) -> Result<PathBuf, String> {
    folder(path.parent().unwrap_or(Path::new("/")))?;
    let inside = inside(path);
    fs::write(&inside, text).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(inside)
}

/// One thing of the machine, to be read; a link stays a link.
fn shown(path: &Path, mounts: &str) -> Result<(), String> {
    let Ok(about) = fs::symlink_metadata(path) else { return Ok(()) };
    if about.is_symlink() {
        let to = fs::read_link(path).map_err(|why| format!("{}: {why}", path.display()))?;
        folder(path.parent().unwrap_or(Path::new("/")))?;
        return std::os::unix::fs::symlink(to, inside(path)).map_err(|why| format!("{}: {why}", path.display()));
    }
    let inside = if about.is_dir() { folder(path)? } else { file(path, "")? };
    told(path, mount_bind_recursive(path, &inside))?;
    // What is mounted below it came along, and is changed one by one.
    let below = below(mounts, path).map(|below| inside.join(below));
    for mounted in std::iter::once(inside.clone()).chain(below) {
        let flags = MountFlags::BIND | MountFlags::RDONLY | NO_MORE | kept(&mounted)?;
        told(&mounted, mount_remount(&mounted, flags, ""))?;
    }
    Ok(())
}

/// Puts something empty over what is not to be seen.
fn hidden(path: &Path) -> Result<(), String> {
    let inside = inside(path);
    match fs::symlink_metadata(&inside) {
        Ok(about) if about.is_dir() => {
            told(path, mount("tmpfs", &inside, "tmpfs", NO_MORE | MountFlags::RDONLY, c"mode=0555,size=4k,nr_inodes=1"))
        }
        Ok(_) => told(path, mount_bind_recursive("/dev/null", &inside)),
        // What this account cannot reach no program in the room can.
        Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(()),
        Err(why) => Err(format!("{}: {why}", path.display())),
    }
}

/// What holds of a mount and nobody in a user namespace may change.
fn kept(mounted: &Path) -> Result<MountFlags, String> {
    let about = told(mounted, statvfs(mounted))?;
    let pairs = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let mut flags = MountFlags::empty();
    for (of, flag) in pairs {
        flags.set(flag, flags.contains(flag) || about.f_flag.contains(of));
    }
    Ok(flags)
}

/// The mount points strictly below `path`, relative to it.
fn below<'a>(mounts: &'a str, path: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped);
    let relative = points.filter_map(move |point| point.strip_prefix(path).map(Path::to_owned).ok());
    relative.filter(|relative| !relative.as_os_str().is_empty())
}

/// The kernel writes blanks and the like as three digits.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = rest.get(1..4).and_then(|three| std::str::from_utf8(three).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_below_a_folder_is_found_with_blanks_in_its_name() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/a rw\n30 22 8:2 / /usr/lib ro - ext4 x ro\n31 22 8:2 / /usr/lib/a\\040b ro - ext4 x ro\n32 22 8:3 / /usr/library rw - ext4 x rw\n";
        let found: Vec<_> = below(mounts, Path::new("/usr/lib")).collect();
        assert_eq!(found, [PathBuf::from("a b")]);
        assert_eq!(unescaped("a\\134b"), PathBuf::from("a\\b"));
    }
}
