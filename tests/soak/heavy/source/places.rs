//! The file systems on which a source lies, and a program that was not made for dr and works in it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::bare;
use crate::ground::Luck;

/// A file system; gone with it.
pub struct Place {
    pub name: &'static str,
    folder: TempDir,
    mounted: bool,
}

/// Each with the program that makes it.
const IMAGES: [(&str, &str, &str); 3] =
    [("ext4", "mkfs.ext4", "-q"), ("btrfs", "mkfs.btrfs", "-q"), ("xfs", "mkfs.xfs", "-q")];

fn done(command: &mut Command) -> bool {
    let path = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
    command.env("PATH", path).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|ended| ended.success())
}

impl Place {
    /// The folder of tests alone, or every file system that this machine can make.
    pub fn all(whole: bool) -> Vec<Self> {
        if !whole {
            let shm = Path::new("/dev/shm");
            let folder = match shm.is_dir() {
                true => TempDir::with_prefix_in("source-", shm).unwrap(),
                false => bare::folder("source-"),
            };
            return vec![Self { name: "memory", folder, mounted: false }];
        }
        let mut places = vec![Self { name: "where tests run", folder: bare::folder("source-"), mounted: false }];
        for (name, program, quiet) in IMAGES {
            let folder = bare::folder("source-");
            let (image, on) = (folder.path().join("image"), folder.path().join("on"));
            fs::File::create(&image).unwrap().set_len(600 << 20).unwrap();
            let made = done(Command::new(program).arg(quiet).arg(&image));
            places.extend(Self::mounted(
                name,
                folder,
                made,
                Command::new("mount").args(["-o", "loop"]).arg(image),
                &on,
            ));
        }
        let folder = bare::folder("source-");
        let on = folder.path().join("on");
        places.extend(Self::mounted("tmpfs", folder, true, Command::new("mount").args(["-t", "tmpfs", "none"]), &on));
        let folder = bare::folder("source-");
        let (below, on) = (folder.path().join("below"), folder.path().join("on"));
        fs::create_dir(&below).unwrap();
        places.extend(Self::mounted("FUSE (bindfs)", folder, true, Command::new("bindfs").arg(below), &on));
        places
    }

    fn mounted(name: &'static str, folder: TempDir, made: bool, mount: &mut Command, on: &Path) -> Option<Self> {
        fs::create_dir(on).unwrap();
        let mounted = made && done(mount.arg(on));
        if !mounted {
            println!("source: nothing was tried on {name}: it cannot be made or mounted here");
            return None;
        }
        Some(Self { name, folder, mounted })
    }

    pub fn folder(&self) -> PathBuf {
        if self.mounted { self.folder.path().join("on") } else { self.folder.path().to_owned() }
    }

    /// Whether something may be mounted inside.
    pub fn may_mount(&self) -> bool {
        self.mounted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.mounted {
            done(Command::new("umount").arg("-l").arg(self.folder()));
        }
    }
}

/// `stress-ng` at work in a folder; it ends with it.
pub struct Stress(Child);

const STRESSORS: [&str; 12] = [
    "dir",
    "dirdeep",
    "rename",
    "link",
    "symlink",
    "chmod",
    "xattr",
    "utime",
    "hdd",
    "filename",
    "dentry",
    "fallocate",
];

impl Stress {
    /// None where it is not installed.
    pub fn begin(folder: &Path, fate: u64) -> Option<Self> {
        let mut luck = Luck::new(fate ^ 4);
        let mut command = Command::new("stress-ng");
        command.arg("--temp-path").arg(folder).args(["--timeout", "60", "--quiet", "--hdd-bytes", "8M"]);
        command.args(["--fallocate-bytes", "8M", "--dentries", "300", "--dir-dirs", "64"]);
        for _ in 0..3 {
            let one = STRESSORS[luck.below(STRESSORS.len() as u64) as usize];
            command.args([format!("--{one}"), "1".to_owned()]);
        }
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().ok().map(Self)
    }
}

impl Drop for Stress {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        // It has children of its own.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}
