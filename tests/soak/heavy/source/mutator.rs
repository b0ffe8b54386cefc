//! What happens in a source while it is backed up: somebody saves, truncates, appends, exchanges, closes and mounts.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, XattrFlags, renameat, renameat_with, setxattr};

use crate::ground::Luck;

/// What lies beside the source and must not get into its copies.
pub const OUTSIDE: &[u8] = b"what is outside of the source";

/// Files that are saved over by renaming all the time.
pub const SAVED: [&str; 5] = ["saved/a", "saved/m", "saved/z", "many/letter", "swapped/f"];
/// Names that are there all the time, in whatever state.
pub const ALWAYS: [&str; 6] = ["written/growing", "written/cut", "written/over", "flips/link", "closed", "mounted"];

pub struct Tree {
    pub root: PathBuf,
    /// Files that nobody touches, and their contents.
    pub still: Vec<(String, Vec<u8>)>,
    /// Links that nobody touches.
    pub links: Vec<(String, String)>,
    /// Files that have an attribute.
    pub attributes: Vec<String>,
}

/// Ends what goes on beside a run, also one that fails.
pub struct Ends<'a>(pub &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub fn is_whole(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Tree {
    pub fn make(root: &Path, luck: &mut Luck) -> Self {
        let outside = root.with_extension("outside");
        for folder in
            ["still/a/b/c", "saved", "many", "swapped", "aside", "written", "flips", "closed", "mounted", "stress"]
        {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("secret"), OUTSIDE).unwrap();
        let root = root.canonicalize().unwrap();
        let mut tree = Self { root, still: Vec::new(), links: Vec::new(), attributes: Vec::new() };
        for number in 0..120 {
            let folder = ["still", "still/a", "still/a/b", "still/a/b/c", "many", "closed"][number % 6];
            let length = if number % 40 == 7 { 600_000 } else { luck.below(5_000) as usize };
            tree.stands(format!("{folder}/f{number:03}"), luck.noise(length));
        }
        // A sparse one, and one of several names.
        let mut sparse = vec![0; 300_000];
        sparse[200_000..200_010].copy_from_slice(b"0123456789");
        let file = fs::File::create(tree.root.join("still/sparse")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"0123456789", 200_000).unwrap();
        file.set_len(300_000).unwrap();
        tree.still.push(("still/sparse".into(), sparse));
        fs::hard_link(tree.root.join("still/f000"), tree.root.join("still/other name")).unwrap();
        let same = tree.still[0].1.clone();
        tree.still.push(("still/other name".into(), same));
        symlink("../nowhere", tree.root.join("still/link")).unwrap();
        tree.links.push(("still/link".into(), "../nowhere".into()));
        symlink(outside.join("secret"), tree.root.join("still/out")).unwrap();
        for number in 0..400 {
            fs::write(tree.root.join(format!("many/n{number}")), "").unwrap();
        }
        for name in SAVED.iter().copied().chain(["aside/f"]) {
            fs::write(tree.root.join(name), "{0}").unwrap();
        }
        for name in ["growing", "cut", "over"] {
            fs::write(tree.root.join("written").join(name), luck.noise(200_000)).unwrap();
        }
        symlink(&outside, tree.root.join("flips/link")).unwrap();
        fs::create_dir(tree.root.join("flips/folder")).unwrap();
        fs::write(tree.root.join("flips/folder/secret"), "no secret").unwrap();
        tree
    }

    fn stands(&mut self, path: String, contents: Vec<u8>) {
        let at = self.root.join(&path);
        fs::write(&at, &contents).unwrap();
        // Not every file system has them.
        if self.still.len().is_multiple_of(9) && setxattr(&at, "user.note", b"1", XattrFlags::empty()).is_ok() {
            self.attributes.push(path.clone());
        }
        self.still.push((path, contents));
    }

    /// Begins all that; it ends with `until`.
    pub fn mutate<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        fate: u64,
        until: &'scope AtomicBool,
        may_mount: bool,
    ) {
        let goes_on = move || !until.load(Ordering::Relaxed);
        let at = |name: &str| self.root.join(name);
        scope.spawn(move || {
            let mut luck = Luck::new(fate);
            while goes_on() {
                let name = SAVED[luck.below(4) as usize];
                let new = self.root.join(format!("{name}.{}.tmp", luck.below(3)));
                fs::write(&new, format!("{{{}}}", luck.below(1 << 40))).unwrap();
                renameat(CWD, &new, CWD, self.root.join(name)).unwrap();
                pause(&mut luck);
            }
        });
        let (aside, swapped, folder, link) = (at("aside"), at("swapped"), at("flips/folder"), at("flips/link"));
        scope.spawn(move || {
            let mut luck = Luck::new(fate ^ 1);
            while goes_on() {
                // Not every file system exchanges two names in one step.
                let _ = renameat_with(CWD, &aside, CWD, &swapped, RenameFlags::EXCHANGE);
                let _ = renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE);
                pause(&mut luck);
            }
        });
        let written = at("written");
        scope.spawn(move || {
            let mut luck = Luck::new(fate ^ 2);
            while goes_on() {
                let mut growing = fs::File::options().append(true).open(written.join("growing")).unwrap();
                growing.write_all(&luck.noise(100)).unwrap();
                let cut = fs::File::options().write(true).open(written.join("cut")).unwrap();
                cut.set_len(luck.below(200_000)).unwrap();
                fs::write(written.join("over"), luck.noise(50_000)).unwrap();
                // Comes and goes, as a file, a folder and a link.
                let comes = written.join(format!("comes-{}", luck.below(20)));
                match luck.below(3) {
                    0 => drop(fs::write(&comes, "here")),
                    1 => drop(fs::create_dir(&comes)),
                    _ => drop(symlink(OUT, &comes)),
                }
                let goes = written.join(format!("comes-{}", luck.below(20)));
                drop(fs::remove_file(&goes).or_else(|_| fs::remove_dir(&goes)));
                pause(&mut luck);
            }
        });
        let (closed, mounted) = (at("closed"), at("mounted"));
        scope.spawn(move || {
            let mut luck = Luck::new(fate ^ 3);
            while goes_on() {
                // Root may look into it all the same; anybody else owns it and could not.
                if rustix::process::geteuid().is_root() {
                    fs::set_permissions(&closed, fs::Permissions::from_mode(luck.below(0o1000) as u32)).unwrap();
                }
                if may_mount {
                    let on = Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&mounted).status().unwrap();
                    pause(&mut luck);
                    if on.success() {
                        // It may be in use for a moment.
                        let off = Command::new("umount").arg("-l").arg(&mounted).status().unwrap();
                        assert!(off.success());
                    }
                }
                pause(&mut luck);
            }
        });
    }

    pub fn remove(&self) {
        open_all(&self.root);
        fs::remove_dir_all(&self.root).unwrap();
        fs::remove_dir_all(self.root.with_extension("outside")).unwrap();
    }
}

/// Where links lead that come and go.
const OUT: &str = "../../..";

fn pause(luck: &mut Luck) {
    std::thread::sleep(Duration::from_micros(luck.below(3_000)));
}

/// Opens every folder to whoever owns it.
pub fn open_all(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_all(&entry.path());
        }
    }
}
