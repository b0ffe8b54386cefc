//! The tree of every oddity on file systems that do not take all of it: whatever is not as it was is named, and nothing
//! that is named is as it was.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::ground::{Ground, Run, program};

/// An ordinary account.
const ACCOUNT: u32 = 1000;

/// How a file system is made in a file, and mounted; `FILE`, `DEVICE` (that file as a block device), `AT` and
/// `USER` stand for what they say.
struct Kind {
    name: &'static str,
    make: &'static [&'static str],
    mount: &'static [&'static str],
    /// Whether it keeps holes.
    holes: bool,
    /// A name below `names` with which its driver ends as soon as the directory is read.
    ends_with: Option<&'static [u8]>,
    /// What its driver leaves lying by a fault of its own.
    leaves: Option<&'static str>,
}

/// ntfs-3g makes room for a name by way of that name and 18 bytes more, and counts the length in eight bits: of the
/// longest name it leaves the old file under one of 18 bytes.
const CUT_NAME: &str = "names/nnnnnnnnnnnnnnnnnn";

/// What most of them are.
const USUAL: Kind = Kind { name: "", make: &[], mount: &[], holes: true, ends_with: None, leaves: None };

const KINDS: [Kind; 6] = [
    Kind { name: "ext4", make: &["mkfs.ext4", "-q", "FILE"], mount: &["mount", "-o", "loop", "FILE", "AT"], ..USUAL },
    Kind { name: "xfs", make: &["mkfs.xfs", "-q", "FILE"], mount: &["mount", "-o", "loop", "FILE", "AT"], ..USUAL },
    Kind { name: "btrfs", make: &["mkfs.btrfs", "-q", "FILE"], mount: &["mount", "-o", "loop", "FILE", "AT"], ..USUAL },
    Kind { name: "tmpfs", make: &["true"], mount: &["mount", "-t", "tmpfs", "none", "AT"], ..USUAL },
    Kind {
        name: "ntfs",
        make: &["mkntfs", "-F", "-Q", "-q", "FILE"],
        mount: &["ntfs-3g", "-o", "uid=USER,gid=USER", "FILE", "AT"],
        holes: false,
        leaves: Some(CUT_NAME),
        ..USUAL
    },
    Kind {
        name: "exfat",
        make: &["mkfs.exfat", "FILE"],
        mount: &["mount.exfat-fuse", "-o", "allow_other,uid=USER,gid=USER", "DEVICE", "AT"],
        holes: false,
        // Half of a pair of UTF-16.
        ends_with: Some(b"surrogate \xed\xa0\x80"),
        ..USUAL
    },
];

/// A file system of its own, until this is dropped.
struct Mounted {
    at: PathBuf,
    device: Option<String>,
}

impl Mounted {
    /// `None`: what makes or mounts it is not on this machine.
    fn new(ground: &Ground, kind: &Kind, user: u32) -> Option<Self> {
        let (file, at) = (ground.path("file-system"), ground.path("at"));
        let _ = fs::remove_file(&file);
        fs::File::create(&file).unwrap().set_len(3 << 30).unwrap();
        let _ = fs::create_dir(&at);
        let needs_device = kind.mount.contains(&"DEVICE");
        let device = needs_device.then(|| {
            let output = Command::new("losetup").args(["-f", "--show"]).arg(&file).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        });
        let mounted = Self { at: at.clone(), device };
        let said = |word: &&str| match *word {
            "DEVICE" => mounted.device.clone().unwrap_or_default(),
            "FILE" => file.to_str().unwrap().to_owned(),
            "AT" => at.to_str().unwrap().to_owned(),
            other => other.replace("USER", &user.to_string()),
        };
        for words in [kind.make, kind.mount] {
            let mut command = ground.start(words[0]);
            command.args(words[1..].iter().map(said)).stdout(Stdio::null());
            match command.status() {
                Ok(status) if status.success() => {}
                other => {
                    println!("places: {}: not tried: {}: {other:?}", kind.name, words[0]);
                    return None;
                }
            }
        }
        Some(mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let quiet = |command: &mut Command| drop(command.stderr(Stdio::null()).status());
        quiet(Command::new("umount").arg("-l").arg(&self.at));
        if let Some(device) = &self.device {
            quiet(Command::new("losetup").args(["-d", device]));
        }
    }
}

#[test]
#[ignore = "needs root, xfsprogs, btrfs-progs, exfat-fuse, exfatprogs, ntfs-3g"]
fn every_difference_is_named_and_nothing_named_is_equal() {
    let ground = Ground::new();
    let from = ground.path("oddities");
    fs::create_dir(&from).unwrap();
    for missing in dr_sample::oddities::make(&from).unwrap() {
        println!("places: not made: {missing}");
    }
    ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
    ground.backup(&from);
    // An ordinary account reads it, too.
    let open = |more: &[&str], at: &Path| Command::new("chmod").args(more).arg(at).status().unwrap().success();
    assert!(open(&["-R", "a+rX"], &ground.path("repo")) && open(&["a+rx"], &ground.path("")));
    let mut wrong = Vec::new();
    for kind in &KINDS {
        if let Some(name) = kind.ends_with {
            whole_until_its_driver_ends(&ground, kind, &from);
            fs::remove_file(from.join("names").join(OsStr::from_bytes(name))).unwrap();
            ground.backup(&from);
            assert!(open(&["-R", "a+rX"], &ground.path("repo")));
        }
        for user in [0, ACCOUNT] {
            let Some(mounted) = Mounted::new(&ground, kind, user) else { continue };
            if user != 0 {
                let _ = chown(&mounted.at, Some(user), Some(user));
            }
            let to = mounted.at.join("to");
            for in_place in [false, true] {
                if in_place {
                    spoil(&to);
                }
                let run = restore(&ground, &to, user, in_place);
                let what = format!(
                    "{} {} {}",
                    kind.name,
                    ["root", "account"][usize::from(user != 0)],
                    ["fresh", "in place"][usize::from(in_place)]
                );
                assert!(matches!(run.code, Some(0 | 3)), "{what}: {:?}\n{}", run.code, run.stderr);
                let (good, said) = judge(&ground, &from, &to, &run, kind);
                println!("places: {what}: exit {}, {}", run.code.unwrap(), said.lines().last().unwrap_or_default());
                if !good {
                    wrong.push(format!("{what}:\n{said}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With the name that its driver does not live through: everything after its end is named, and nothing is green.
fn whole_until_its_driver_ends(ground: &Ground, kind: &Kind, from: &Path) {
    let Some(mounted) = Mounted::new(ground, kind, 0) else { return };
    let to = mounted.at.join("to");
    let run = restore(ground, &to, 0, false);
    let (_, said) = judge(ground, from, &to, &run, kind);
    println!("places: {} whole: exit {:?}, {}", kind.name, run.code, said.lines().last().unwrap_or_default());
    assert!(matches!(run.code, Some(1 | 3)), "{}: {:?}\n{}", kind.name, run.code, run.stderr);
}

/// As people do between two restores: something is changed, something is gone.
fn spoil(to: &Path) {
    let sizes: Vec<PathBuf> = fs::read_dir(to.join("sizes")).unwrap().map(|entry| entry.unwrap().path()).collect();
    for (number, path) in sizes.iter().enumerate().filter(|(_, path)| path.is_file()) {
        match number % 3 {
            0 => fs::write(path, "changed").unwrap(),
            1 => fs::remove_file(path).unwrap(),
            _ => {}
        }
    }
}

fn restore(ground: &Ground, to: &Path, user: u32, in_place: bool) -> Run {
    let (repo, to) = (ground.at("repo"), to.to_str().unwrap().to_owned());
    let mut words = vec!["repo", "restore", "--json", &repo, "latest", "--to", &to];
    words.extend(in_place.then_some("--in-place"));
    let mut command = match user {
        0 => ground.command(&words),
        _ => {
            let mut command = ground.start("setpriv");
            let id = user.to_string();
            command.args([&format!("--reuid={id}"), &format!("--regid={id}"), "--clear-groups"]);
            command.arg(program()).args(&words);
            command.env("DR_CACHE", "/nonexistent/cache");
            command
        }
    };
    let output: Output = command.output().unwrap();
    Run::of(output)
}

/// Whether what is different is what was named.
fn judge(ground: &Ground, from: &Path, to: &Path, run: &Run, kind: &Kind) -> (bool, String) {
    let answer = ground.path("answer");
    fs::write(&answer, &run.stdout).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/named_differences.py");
    let python = std::env::var_os("DR_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.arg(script).arg(from).arg(to).arg(&answer);
    if !kind.holes {
        command.args(["--ignore", "holes"]);
    }
    if let Some(leaves) = kind.leaves {
        command.args(["--left-by-driver", leaves]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}
