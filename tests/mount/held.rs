//! A folder that dr has mounted, for as long as a test looks into it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::mount::UnmountFlags;
use rustix::process::{Pid, Signal, kill_process};

/// The program behind a mounted folder, and the folder.
pub struct HeldMount {
    child: Option<Child>,
    pub dir: PathBuf,
}

/// How the program ended.
pub struct MountEnd {
    pub code: Option<i32>,
    pub stderr: String,
}

fn device(dir: &Path) -> Option<u64> {
    fs::metadata(dir).ok().map(|there| there.dev())
}

/// Whether something is mounted on a folder.
pub fn is_mounted(dir: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.lines().any(|line| line.split(' ').nth(4) == dir.to_str())
}

impl HeldMount {
    /// Makes the folder, begins the command and waits until it shows something there.
    #[track_caller]
    pub fn begin(mut command: Command, dir: &Path) -> Self {
        fs::create_dir_all(dir).unwrap();
        let before = device(dir);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut held = Self { child: Some(child), dir: dir.canonicalize().unwrap() };
        for _ in 0..1_200 {
            if device(dir).is_some_and(|now| Some(now) != before) {
                return held;
            }
            if held.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                let said = held.child.take().unwrap().wait_with_output().unwrap();
                panic!("it ended and mounted nothing: {}", String::from_utf8_lossy(&said.stderr));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("nothing is mounted on {} after a minute", dir.display());
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Kills it, so that nobody unmounts.
    pub fn kill(&mut self) {
        let child = self.child.as_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The most memory that it took, in bytes.
    pub fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.as_ref().unwrap().id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Waits until the program has ended by itself.
    #[track_caller]
    pub fn ended(mut self) -> MountEnd {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        assert!(!is_mounted(&self.dir), "it is still mounted");
        MountEnd { code: output.status.code(), stderr: String::from_utf8(output.stderr).unwrap() }
    }

    /// Asks it to end, and waits.
    #[track_caller]
    pub fn end(self) -> MountEnd {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// The names in a folder of it, in order.
    #[track_caller]
    pub fn names(&self, below: &str) -> Vec<String> {
        let read = fs::read_dir(self.dir.join(below)).unwrap();
        let mut names: Vec<_> = read.map(|one| one.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl MountEnd {
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }
}

impl Drop for HeldMount {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = kill_process(Pid::from_child(&child), Signal::CONT);
        let _ = child.kill();
        let _ = child.wait();
        let _ = rustix::mount::unmount(&self.dir, UnmountFlags::DETACH);
    }
}
