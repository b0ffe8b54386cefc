//! Which whole disks stand behind a block device? `/sys` is looked through partitions, LVM and RAID.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::mounts::{Number, number};
use super::{DeviceId, Lies};

/// Nothing is stacked higher.
pub(super) const DEEPEST: u8 = 16;

/// Names of block devices that are no disk of this machine, or none that lasts.
const NO_DISKS: &[&str] = &["ram", "zram", "nbd", "rbd", "drbd", "ublk"];

/// The disks below the block device of that number.
pub(super) fn below(sys: &Path, device: Number, depth: u8) -> Lies {
    let link = sys.join("dev/block").join(format!("{}:{}", device.0, device.1));
    match link.canonicalize() {
        Ok(folder) => of_folder(sys, &folder, depth),
        Err(_) => Lies::not_known("the system does not know its device"),
    }
}

fn of_folder(sys: &Path, folder: &Path, depth: u8) -> Lies {
    if depth >= DEEPEST {
        return Lies::not_known("its devices are stacked too high");
    }
    if folder.join("partition").exists() {
        return match folder.parent() {
            Some(disk) => of_folder(sys, disk, depth + 1),
            None => Lies::not_known("its device is of no disk"),
        };
    }
    if let Some(backing) = read(&folder.join("loop/backing_file")) {
        return image(Path::new(&backing));
    }
    let slaves: Vec<_> = fs::read_dir(folder.join("slaves")).into_iter().flatten().flatten().collect();
    if !slaves.is_empty() {
        return Lies::all(slaves.iter().map(|slave| {
            let device = read(&slave.path().join("dev")).and_then(|text| number(&text));
            match device {
                Some(device) => below(sys, device, depth + 1),
                None => Lies::not_known("the system does not know a device below it"),
            }
        }));
    }
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match name.is_empty() || NO_DISKS.contains(&kind) {
        true => Lies::not_known(format!("it lies on {name}, which is not a disk")),
        false => Lies::on(DeviceId::Disk(own_name(folder).unwrap_or(name))),
    }
}

/// The disk that a loop device makes of a file: the same wherever it is attached. Somebody made a disk of it on purpose,
/// and it can be carried away as one, so the disk that the file lies on is not looked at (decision 0027).
fn image(file: &Path) -> Lies {
    match fs::metadata(file) {
        Ok(about) => Lies::on(DeviceId::Disk(format!("image {}-{}", about.dev(), about.ino()))),
        Err(_) => Lies::not_known("the file behind its loop device is not there"),
    }
}

/// What a disk calls itself: the same wherever it is plugged in, and however the kernel counts.
fn own_name(folder: &Path) -> Option<String> {
    let said = ["wwid", "device/wwid", "serial", "device/serial"];
    let named = said.iter().filter_map(|file| read(&folder.join(file)));
    // Cheap ones say nothing, or the same as all others of their make.
    let mut telling = named.filter(|name| name.chars().filter(|c| c.is_alphanumeric() && *c != '0').count() > 2);
    telling.next().map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether a disk that calls itself so is plugged in.
pub(super) fn is_plugged_in(sys: &Path, called: &str) -> bool {
    let disks = fs::read_dir(sys.join("block")).into_iter().flatten().flatten();
    let folders = disks.filter_map(|disk| disk.path().canonicalize().ok());
    folders.filter_map(|folder| own_name(&folder)).any(|name| name == called)
}

/// The number of a device by its name below `/dev`.
pub(super) fn number_of(sys: &Path, source: &str) -> Option<Number> {
    let path = Path::new(source);
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    number(&read(&sys.join("class/block").join(real.file_name()?).join("dev"))?)
}

/// The numbers of all devices of the btrfs that one device belongs to.
pub(super) fn of_btrfs(sys: &Path, source: &str) -> Option<Vec<Number>> {
    let path = Path::new(source);
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = real.file_name()?;
    let systems = fs::read_dir(sys.join("fs/btrfs")).ok()?.flatten();
    let own = systems.map(|system| system.path().join("devices")).find(|devices| devices.join(name).exists())?;
    let devices = fs::read_dir(own).ok()?.flatten();
    devices.map(|device| number(&read(&device.path().join("dev"))?)).collect()
}

/// The numbers of all devices that carry the label of a ZFS pool, as udev has noted them.
pub(super) fn of_zfs(run: &Path, pool: &str) -> Vec<Number> {
    let notes = fs::read_dir(run.join("udev/data")).into_iter().flatten().flatten();
    let member = |note: fs::DirEntry| {
        let device = number(note.file_name().to_str()?.strip_prefix('b')?)?;
        let text = read(&note.path())?;
        let says = |line: &str| text.lines().any(|other| other == line);
        (says("E:ID_FS_TYPE=zfs_member") && says(&format!("E:ID_FS_LABEL={pool}"))).then_some(device)
    };
    notes.filter_map(member).collect()
}

fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
