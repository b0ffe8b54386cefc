//! A directory with a million files is backed up, backed up again and restored in a quarter of a GiB.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::ground::{Ground, Run, count, program};

const LIMIT: u64 = 256 << 20;

/// A control group with bounded memory; gone with it.
struct Bounded {
    folder: PathBuf,
    peak: &'static str,
}

impl Bounded {
    fn make() -> Self {
        let name = format!("dr-soak-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/memory");
        if first.is_dir() {
            let folder = first.join(name);
            fs::create_dir(&folder).expect("a memory control group needs root");
            fs::write(folder.join("memory.limit_in_bytes"), LIMIT.to_string()).unwrap();
            // Where swap is accounted for, it must not help.
            let _ = fs::write(folder.join("memory.memsw.limit_in_bytes"), LIMIT.to_string());
            return Self { folder, peak: "memory.max_usage_in_bytes" };
        }
        let _ = fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
        let folder = Path::new("/sys/fs/cgroup").join(name);
        fs::create_dir(&folder).expect("a memory control group needs root");
        fs::write(folder.join("memory.max"), LIMIT.to_string()).unwrap();
        let _ = fs::write(folder.join("memory.swap.max"), "0");
        Self { folder, peak: "memory.peak" }
    }

    /// Runs dr in the group, and says how large it was at most.
    fn dr(&self, ground: &Ground, args: &[&str]) -> (Run, u64) {
        let procs = self.folder.join("cgroup.procs");
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

    fn peak(&self) -> u64 {
        fs::read_to_string(self.folder.join(self.peak)).map_or(0, |text| text.trim().parse().unwrap_or(0))
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

#[test]
#[ignore = "minutes, and root"]
fn a_million_empty_files_fit_into_a_quarter_of_a_gib() {
    let (files, ground) = (count(1_000_000), Ground::new());
    let from = ground.path("from");
    dr_sample::sets::many_empty(&from, files, 1).unwrap();
    let bounded = Bounded::make();
    let (repo, to, tree) = (ground.at("repo"), ground.at("to"), ground.at("from"));
    ground.dr(["repo", "init", &repo]).ended(0);
    let steps: [(&str, &[&str]); 4] = [
        ("backup", &["repo", "backup", "--json", &repo, &tree]),
        ("backup again", &["repo", "backup", "--json", &repo, &tree]),
        ("restore", &["repo", "restore", "--json", &repo, "latest", "--to", &to]),
        ("check", &["repo", "check", "--json", "--read-data", &repo]),
    ];
    for (name, args) in steps {
        let (run, peak) = bounded.dr(&ground, args);
        assert_eq!(run.code, Some(0), "{name}, VmHWM {} MiB: {}{}", peak >> 20, run.stdout, run.stderr);
        println!("million: {name} of {files} files in {} MiB: VmHWM {} MiB", LIMIT >> 20, peak >> 20);
    }
    println!("million: the group's own peak, page cache and all: {} MiB", bounded.peak() >> 20);
    ground.same_trees(&from, &ground.path("to"), "");
    println!("million: restored exactly");
}
