//! A program in so much memory and no more: whether each step succeeds there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A memory control group; gone with it.
pub struct Bounded(PathBuf);

impl Bounded {
    /// None if this user may not make one.
    pub fn make(limit: u64) -> Option<Self> {
        let name = format!("dr-bench-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/memory");
        let (parent, files) = match first.is_dir() {
            // Where swap is accounted for, it must not help.
            true => (first, [("memory.limit_in_bytes", limit), ("memory.memsw.limit_in_bytes", limit)]),
            false => (Path::new("/sys/fs/cgroup"), [("memory.max", limit), ("memory.swap.max", 0)]),
        };
        let _ = fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
        let made = Self(parent.join(name));
        fs::create_dir(&made.0).ok()?;
        fs::write(made.0.join(files[0].0), files[0].1.to_string()).ok()?;
        let _ = fs::write(made.0.join(files[1].0), files[1].1.to_string());
        Some(made)
    }

    /// The same command, in the group.
    pub fn of(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        inside.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(self.0.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                inside.env(name, value);
            }
        }
        inside
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
