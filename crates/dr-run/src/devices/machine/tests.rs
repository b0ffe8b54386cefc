//! Machines as their mounts and their `/sys` tell them, made in a folder.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::devices::Relation;

/// A made `/sys` and `/run`, and what is mounted.
struct Made {
    folder: TempDir,
    mounts: String,
}

impl Made {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["sys/block", "sys/class/block", "sys/dev/block", "sys/fs/btrfs", "run/udev/data", "places"] {
            fs::create_dir_all(folder.path().join(part)).unwrap();
        }
        Self { folder, mounts: "1 0 8:99 / / rw - ext4 /dev/sdz rw\n".to_owned() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// A whole disk, or what stands on others.
    fn device(&self, name: &str, number: &str, on: &[&str]) {
        let own = self.at(&format!("sys/devices/{name}"));
        fs::create_dir_all(own.join("slaves")).unwrap();
        fs::write(own.join("dev"), format!("{number}\n")).unwrap();
        for below in on {
            symlink(self.at("sys/class/block").join(below), own.join("slaves").join(below)).unwrap();
        }
        self.linked(&own, name, number);
        symlink(&own, self.at(&format!("sys/block/{name}"))).unwrap();
    }

    fn partition(&self, disk: &str, name: &str, number: &str) {
        let own = self.at(&format!("sys/devices/{disk}/{name}"));
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("dev"), number).unwrap();
        fs::write(own.join("partition"), "1\n").unwrap();
        self.linked(&own, name, number);
    }

    fn linked(&self, own: &Path, name: &str, number: &str) {
        symlink(own, self.at(&format!("sys/class/block/{name}"))).unwrap();
        symlink(own, self.at(&format!("sys/dev/block/{number}"))).unwrap();
    }

    /// Something mounted at a folder below `places`.
    fn mount(&mut self, place: &str, number: &str, what: &str) -> PathBuf {
        let at = self.at(&format!("places/{place}"));
        fs::create_dir_all(&at).unwrap();
        self.mounts += &format!("9 1 {number} / {} rw shared:1 - {what}\n", at.display());
        at
    }

    fn machine(&self) -> Machine {
        Machine::told(self.at("sys"), self.at("run"), &self.mounts, "server".into(), None)
    }

    fn relation(&self, one: &Path, other: &Path) -> Relation {
        let machine = self.machine();
        machine.lies("", one).to(&machine.lies("", other))
    }

    fn named(&self, path: &Path) -> Vec<String> {
        self.machine().lies("", path).names().unwrap_or_default()
    }
}

#[test]
fn two_partitions_of_one_disk_are_one_device_and_two_disks_are_two() {
    let mut made = Made::new();
    made.device("sda", "8:0", &[]);
    made.device("sdb", "8:16", &[]);
    made.partition("sda", "sda1", "8:1");
    made.partition("sda", "sda2", "8:2");
    let one = made.mount("one", "8:1", "ext4 /dev/sda1 rw");
    let two = made.mount("two", "8:2", "xfs /dev/sda2 rw");
    let three = made.mount("three", "8:16", "ext4 /dev/sdb rw");
    assert_eq!(made.relation(&one, &two), Relation::Same);
    assert_eq!(made.relation(&one, &three), Relation::Separate);
    assert_eq!(made.named(&one.join("not/there/yet")), ["disk sda"]);
}

#[test]
fn lvm_and_raid_are_looked_through_to_every_disk_below() {
    let mut made = Made::new();
    for (name, number) in [("sda", "8:0"), ("sdb", "8:16"), ("sdc", "8:32")] {
        made.device(name, number, &[]);
    }
    made.partition("sda", "sda1", "8:1");
    made.device("md0", "9:0", &["sda1", "sdb"]);
    made.device("dm-0", "253:0", &["md0"]);
    made.device("dm-1", "253:1", &["sdc"]);
    let root = made.mount("root", "253:0", "ext4 /dev/mapper/vg-root rw");
    let raid = made.mount("raid", "8:16", "ext4 /dev/sdb rw");
    let crypt = made.mount("crypt", "253:1", "ext4 /dev/mapper/crypt rw");
    assert_eq!(made.named(&root), ["disk sda", "disk sdb"]);
    assert_eq!(made.relation(&root, &raid), Relation::Same);
    assert_eq!(made.relation(&root, &crypt), Relation::Separate);
}

#[test]
fn a_btrfs_lies_on_all_its_disks_and_one_that_is_not_told_is_not_known() {
    let mut made = Made::new();
    made.device("sda", "8:0", &[]);
    made.device("sdb", "8:16", &[]);
    fs::create_dir_all(made.at("sys/fs/btrfs/uuid/devices")).unwrap();
    for disk in ["sda", "sdb"] {
        symlink(made.at("sys/devices").join(disk), made.at("sys/fs/btrfs/uuid/devices").join(disk)).unwrap();
    }
    let whole = made.mount("whole", "0:40", "btrfs /dev/sda rw,subvol=/");
    let second = made.mount("second", "8:16", "ext4 /dev/sdb rw");
    let other = made.mount("other", "0:41", "btrfs /dev/sdx rw");
    assert_eq!(made.relation(&whole, &second), Relation::Same);
    assert_eq!(made.relation(&other, &second), Relation::NotKnown);
}

#[test]
fn a_zfs_lies_on_the_disks_that_carry_its_pools_name() {
    let mut made = Made::new();
    made.device("sda", "8:0", &[]);
    made.device("sdb", "8:16", &[]);
    made.partition("sda", "sda1", "8:1");
    fs::write(made.at("run/udev/data/b8:1"), "E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=tank\n").unwrap();
    fs::write(made.at("run/udev/data/b8:16"), "E:ID_FS_TYPE=ext4\nE:ID_FS_LABEL=tank\n").unwrap();
    let tank = made.mount("tank", "0:50", "zfs tank/backup rw");
    let other = made.mount("other", "0:51", "zfs pond rw");
    assert_eq!(made.named(&tank), ["disk sda"]);
    assert!(made.named(&other).is_empty());
}

#[test]
fn an_image_is_a_disk_of_its_own_and_the_same_one_wherever_it_is_attached() {
    let mut made = Made::new();
    made.device("sda", "8:0", &[]);
    let files = made.mount("files", "8:0", "ext4 /dev/sda rw");
    let mut attached = |name: &str, number: &str, image: &str| {
        made.device(name, number, &[]);
        fs::create_dir_all(made.at(&format!("sys/devices/{name}/loop"))).unwrap();
        let backing = made.at(&format!("sys/devices/{name}/loop/backing_file"));
        fs::write(backing, files.join(image).to_str().unwrap()).unwrap();
        made.mount(name, number, &format!("ext4 /dev/{name} rw"))
    };
    for image in ["one.img", "two.img"] {
        fs::write(files.join(image), "").unwrap();
    }
    let one = attached("loop0", "7:0", "one.img");
    let two = attached("loop1", "7:1", "two.img");
    let again = attached("loop2", "7:2", "one.img");
    let gone = attached("loop3", "7:3", "gone.img (deleted)");
    assert_eq!(made.relation(&one, &two), Relation::Separate);
    assert_eq!(made.relation(&one, &files), Relation::Separate);
    assert_eq!(made.relation(&one, &again), Relation::Same);
    assert_eq!(made.relation(&one, &gone), Relation::NotKnown);
}

#[test]
fn what_comes_over_the_network_is_its_server_and_export() {
    let mut made = Made::new();
    let nas = made.mount("nas", "0:60", "nfs4 nas.school:/volume1/dr rw,addr=192.168.1.5");
    let again = made.mount("again", "0:61", "nfs4 192.168.1.5:/volume1/dr rw,addr=192.168.1.5");
    let share = made.mount("share", "0:62", "cifs //annexe/Backup rw,addr=10.0.0.2");
    let own = made.mount("own", "0:63", "nfs4 localhost:/srv rw,addr=127.0.0.1");
    assert_eq!(made.relation(&nas, &again), Relation::Same);
    assert_eq!(made.relation(&nas, &share), Relation::Separate);
    assert_eq!(made.relation(&nas, &own), Relation::NotKnown);
    assert_eq!(made.named(&share), ["export 10.0.0.2:/backup"]);
}

#[test]
fn memory_fuse_and_an_overlay_from_elsewhere_are_not_known() {
    let mut made = Made::new();
    made.device("sda", "8:0", &[]);
    let disk = made.mount("disk", "8:0", "ext4 /dev/sda rw");
    let ntfs = made.mount("ntfs", "0:70", "fuseblk /dev/sda rw");
    let upper = made.at("places/disk/upper");
    fs::create_dir_all(&upper).unwrap();
    let over = made.mount("over", "0:71", &format!("overlay overlay rw,lowerdir=/,upperdir={}", upper.display()));
    for what in ["tmpfs tmpfs rw", "fuse.sshfs user@host:/ rw", "9p share rw", "overlay overlay rw,upperdir=/not/here"]
    {
        let mut made = Made { folder: tempfile::tempdir().unwrap(), mounts: made.mounts.clone() };
        let place = made.mount("place", "0:72", what);
        assert_eq!(made.relation(&place, &disk), Relation::NotKnown, "{what}");
    }
    assert_eq!(made.relation(&ntfs, &disk), Relation::Same);
    assert_eq!(made.relation(&over, &disk), Relation::Same);
}

#[test]
fn a_disk_is_known_by_what_it_calls_itself_wherever_it_is_plugged_in() {
    let mut made = Made::new();
    made.device("sda", "8:0", &[]);
    fs::create_dir_all(made.at("sys/devices/sda/device")).unwrap();
    fs::write(made.at("sys/devices/sda/device/wwid"), "naa.5000c500a1b2c3d4\n").unwrap();
    fs::write(made.at("sys/devices/sda/serial"), "0000000000\n").unwrap();
    let disk = made.mount("disk", "8:0", "ext4 /dev/sda rw");
    let known = made.named(&disk);
    assert_eq!(known, ["disk naa.5000c500a1b2c3d4"]);
    assert!(made.machine().is_plugged_in(&known));
    assert!(!made.machine().is_plugged_in(&["disk naa.1".to_owned()]));
}

#[test]
fn a_slot_is_mounted_only_if_another_file_system_begins_there() {
    let mut made = Made::new();
    let disks = made.at("places/disks");
    fs::create_dir_all(disks.join("empty")).unwrap();
    let mounted = made.mount("disks/one", "8:1", "ext4 /dev/sda1 rw");
    let bound = made.mount("disks/bound", "8:99", "ext4 /dev/sdz rw");
    let machine = made.machine();
    assert!(machine.is_mounted(&mounted));
    assert!(!machine.is_mounted(&bound), "the same file system once more");
    assert!(!machine.is_mounted(&disks.join("empty")));
    assert!(!machine.is_mounted(&mounted.join("below")));
}

#[test]
fn numbers_are_unpacked_as_the_kernel_packs_them() {
    assert_eq!(of_kernel(0x0801), (8, 1));
    assert_eq!(of_kernel(0xfe00), (254, 0));
    let (major, minor) = (0x1005_u64, 0x12345_u64);
    let packed = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & !0xff) << 12) | ((major & !0xfff) << 32);
    assert_eq!(of_kernel(packed), (0x1005, 0x12345));
}
