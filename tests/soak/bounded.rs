//! dr in so much memory and no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::ground::{Ground, Run, program};

/// A control group with bounded memory; gone with it.
pub struct Bounded {
    /// None: nothing bounds it, and how large it was is looked at alone.
    folder: Option<PathBuf>,
    peak: &'static str,
}

impl Bounded {
    pub fn make(limit: u64) -> Self {
        let name = format!("dr-soak-{}-{limit}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/memory");
        if first.is_dir() {
            let folder = first.join(name);
            fs::create_dir(&folder).expect("a memory control group needs root");
            fs::write(folder.join("memory.limit_in_bytes"), limit.to_string()).unwrap();
            // Where swap is accounted for, it must not help.
            let _ = fs::write(folder.join("memory.memsw.limit_in_bytes"), limit.to_string());
            return Self { folder: Some(folder), peak: "memory.max_usage_in_bytes" };
        }
        let _ = fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
        let folder = Path::new("/sys/fs/cgroup").join(name);
        fs::create_dir(&folder).expect("a memory control group needs root");
        fs::write(folder.join("memory.max"), limit.to_string()).unwrap();
        let _ = fs::write(folder.join("memory.swap.max"), "0");
        Self { folder: Some(folder), peak: "memory.peak" }
    }

    /// No group, for those who may not make one.
    pub fn watched() -> Self {
        Self { folder: None, peak: "" }
    }

    /// Runs dr in the group, and says how large it was at most.
    pub fn dr(&self, ground: &Ground, args: &[&str]) -> (Run, u64) {
        let procs = self.folder.as_ref().map_or_else(|| "/dev/null".into(), |folder| folder.join("cgroup.procs"));
        let mut command = ground.start("sh");
        command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(&procs).arg(program()).args(args);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            let mut peak = 0;
            while ended
                .recv_timeout(Duration::from_millis(5))
                .is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let text = fs::read_to_string(&status).unwrap_or_default();
                let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
                peak = peak.max(line.trim().trim_end_matches(" kB").parse().unwrap_or(0));
            }
            peak << 10
        });
        let output = child.wait_with_output().unwrap();
        drop(done);
        (Run::of(output), watch.join().unwrap())
    }

    pub fn peak(&self) -> u64 {
        let text = self.folder.as_ref().and_then(|folder| fs::read_to_string(folder.join(self.peak)).ok());
        text.map_or(0, |text| text.trim().parse().unwrap_or(0))
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir(folder);
        }
    }
}
