//! This machine's mounts and disks: where does a path lie?

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::disks::{self, DEEPEST};
use super::made_up::MadeUp;
use super::mounts::{Mount, Mounts, Number};
use super::{DeviceId, Lies};
use crate::school::School;

/// What the machine says of itself, read once.
pub(crate) struct Machine {
    sys: PathBuf,
    run: PathBuf,
    mounts: Mounts,
    hostname: String,
    made_up: Option<MadeUp>,
}

/// Kinds of file systems that a server gives over the network, as `SERVER:/PATH` or `//SERVER/PATH`.
const NETWORK: &[&str] = &["nfs", "nfs4", "cifs", "smb3"];

impl Machine {
    /// This one, as a school may see it: a sample's devices, and a test's, are made up.
    pub(crate) fn of(school: &School) -> Self {
        let made_up = if dr_switch::is_planted("same-device") {
            Some(MadeUp::apart())
        } else if dr_switch::is_on(dr_switch::DEVICES) {
            Some(MadeUp::of_test(&school.places.plan))
        } else {
            school.plan.school.sample.then(MadeUp::apart)
        };
        let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
        let hostname = school.hostname.to_lowercase();
        Self::told("/sys", "/run", &String::from_utf8_lossy(&mounts), hostname, made_up)
    }

    fn told(
        sys: impl Into<PathBuf>,
        run: impl Into<PathBuf>,
        mounts: &str,
        hostname: String,
        made_up: Option<MadeUp>,
    ) -> Self {
        Self { sys: sys.into(), run: run.into(), mounts: Mounts::read(mounts), hostname, made_up }
    }

    /// Whether folders stand for disks, and one that is not loaded counts as unplugged.
    pub(crate) fn stands_in(&self) -> bool {
        self.made_up.as_ref().is_some_and(MadeUp::is_apart)
    }

    /// Whether devices are made up, so that a folder may stand for a disk.
    pub(crate) fn is_made_up(&self) -> bool {
        self.made_up.is_some()
    }

    /// Where a path lies, or will lie once it is made. `role`: what it is for, where devices are made up.
    pub(crate) fn lies(&self, role: &str, path: &Path) -> Lies {
        match &self.made_up {
            Some(made_up) => made_up.lies(role, path),
            None => self.of_path(path, 0),
        }
    }

    /// Whether another device than that of the folder around it is mounted at `path`.
    pub(crate) fn is_mounted(&self, path: &Path) -> bool {
        if let Some(made_up) = &self.made_up {
            return made_up.is_mounted(path);
        }
        let Ok(real) = path.canonicalize() else { return false };
        let Some(parent) = real.parent() else { return false };
        let (here, around) = (self.mount_of(&real), self.mount_of(parent));
        // The same file system mounted once more, or a part of it, is the same device.
        here.is_some_and(|here| here.at == real && around.is_none_or(|around| around.device != here.device))
    }

    /// Whether a disk that the ledger knows by its own name is plugged in, mounted or not.
    pub(crate) fn is_plugged_in(&self, devices: &[String]) -> bool {
        let called = devices.iter().filter_map(|device| device.strip_prefix("disk "));
        self.made_up.is_none() && called.into_iter().any(|called| disks::is_plugged_in(&self.sys, called))
    }

    /// The kind of the file system that holds a path.
    pub(crate) fn kind_of(&self, path: &Path) -> Option<String> {
        self.mount_of(&path.canonicalize().ok()?).map(|mount| mount.kind.clone())
    }

    fn mount_of(&self, real: &Path) -> Option<&Mount> {
        let device = fs::metadata(real).ok().map(|about| of_kernel(about.dev()));
        self.mounts.holding(real, device)
    }

    fn of_path(&self, path: &Path, depth: u8) -> Lies {
        let real = path.ancestors().find_map(|above| above.canonicalize().ok());
        let Some(real) = real else { return Lies::not_known("it is nowhere") };
        match self.mount_of(&real) {
            Some(mount) if depth < DEEPEST => self.of_mount(mount, depth),
            Some(_) => Lies::not_known("its devices are stacked too high"),
            None => Lies::not_known("the system does not say what is mounted there"),
        }
    }

    fn of_mount(&self, mount: &Mount, depth: u8) -> Lies {
        let below = |device: Number| disks::below(&self.sys, device, depth);
        match mount.kind.as_str() {
            kind if NETWORK.contains(&kind) => self.export(mount),
            "btrfs" => match disks::of_btrfs(&self.sys, &mount.source) {
                Some(devices) => Lies::all(devices.into_iter().map(below)),
                None => Lies::not_known("the devices of its btrfs cannot be told"),
            },
            "zfs" => {
                let pool = mount.source.split('/').next().unwrap_or_default();
                Lies::all(disks::of_zfs(&self.run, pool).into_iter().map(below))
            }
            "overlay" => match mount.option("upperdir").map(Path::new).filter(|upper| upper.exists()) {
                Some(upper) => self.of_path(upper, depth + 1),
                None => Lies::not_known("what lies below its overlay cannot be told"),
            },
            _ if mount.device.0 != 0 => below(mount.device),
            // FUSE over a disk, or a file system of several disks, names them.
            kind if mount.source.starts_with("/dev/") => {
                let devices: Option<Vec<_>> =
                    mount.source.split(':').map(|source| disks::number_of(&self.sys, source)).collect();
                match devices {
                    Some(devices) => Lies::all(devices.into_iter().map(below)),
                    None => Lies::not_known(format!("the devices of its {kind} cannot be told")),
                }
            }
            kind => Lies::not_known(format!("of a file system of kind {kind} that cannot be told")),
        }
    }

    fn export(&self, mount: &Mount) -> Lies {
        let source = mount.source.replace('\\', "/");
        let named = match source.strip_prefix("//") {
            Some(share) => share.split_once('/').map(|(server, path)| (server, format!("/{path}"))),
            // An address of IPv6 has colons, and stands in brackets.
            None => source.rsplit_once(":/").map(|(server, path)| (server, format!("/{path}"))),
        };
        let Some((server, mut path)) = named else {
            return Lies::not_known("its server cannot be told");
        };
        if mount.kind.starts_with("cifs") || mount.kind.starts_with("smb") {
            path = path.to_lowercase();
        }
        let name = server.trim_matches(['[', ']']).to_lowercase();
        let server = mount.option("addr").unwrap_or(&name).to_lowercase();
        let is_here =
            |server: &str| server.starts_with("127.") || ["::1", "localhost", self.hostname.as_str()].contains(&server);
        if is_here(&server) || is_here(&name) {
            return Lies::not_known("it comes over the network from this same host");
        }
        let path = path.trim_end_matches('/');
        Lies::on(DeviceId::Export { server, path: if path.is_empty() { "/" } else { path }.to_owned() })
    }
}

/// A device's number as the kernel packs it.
fn of_kernel(device: u64) -> Number {
    let low = |bits: u64| u32::try_from(bits & 0xffff_ffff).unwrap_or(0);
    (
        low(((device >> 8) & 0xfff) | ((device >> 32) & 0xffff_f000)),
        low((device & 0xff) | ((device >> 12) & 0xffff_ff00)),
    )
}

#[cfg(test)]
mod tests;
