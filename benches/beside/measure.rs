//! What one command costs: processor seconds, wall seconds and peak memory, and what a folder holds.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a step took.
#[derive(Clone, Default)]
pub struct Taken {
    /// User and system time of the program and of everything it waited for, in seconds.
    pub cpu: f64,
    pub wall: f64,
    /// Peak resident bytes of the largest process.
    pub memory: u64,
    /// What the repository holds afterwards: objects and bytes.
    pub repository: (u64, u64),
}

impl Taken {
    /// This and then that.
    pub fn and(self, next: Self) -> Self {
        Self {
            cpu: self.cpu + next.cpu,
            wall: self.wall + next.wall,
            memory: self.memory.max(next.memory),
            repository: next.repository,
        }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (objects, bytes) = self.repository;
        let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
        write!(f, "cpu {:7.2} s  wall {:7.2} s  memory {:6.1} MiB", self.cpu, self.wall, mib(self.memory))?;
        write!(f, "  repository {:8.2} MiB in {objects}", mib(bytes))
    }
}

/// The kernel tells processor time of children in these, on every machine that Linux runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// Runs a command to its end. No other child may run meanwhile: processor time is the sum over those waited for.
pub fn measure(mut command: Command) -> Result<Taken, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let said = tempfile::tempfile().map_err(|e| e.to_string())?;
    let mut log = said.try_clone().map_err(|e| e.to_string())?;
    command.stdin(Stdio::null()).stdout(said.try_clone().map_err(|e| e.to_string())?).stderr(said);
    let (before, start) = (ticks_of_children()?, Instant::now());
    let mut child = command.spawn().map_err(|e| format!("{name}: {e}"))?;
    let (ended, pid) = (AtomicBool::new(false), child.id());
    let (status, memory) = std::thread::scope(|scope| {
        let peak = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(peak_of(pid));
                std::thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        let status = child.wait();
        ended.store(true, Ordering::Relaxed);
        (status, peak.join().unwrap_or(0))
    });
    let wall = start.elapsed().as_secs_f64();
    let status = status.map_err(|e| format!("{name}: {e}"))?;
    if !status.success() {
        use std::io::{Read as _, Seek as _};
        let mut text = String::new();
        log.rewind().and_then(|()| log.read_to_string(&mut text)).map_err(|e| e.to_string())?;
        return Err(format!("{command:?} ended with {status}:\n{text}"));
    }
    let cpu = (ticks_of_children()? - before) as f64 / TICKS_A_SECOND;
    Ok(Taken { cpu, wall, memory, repository: (0, 0) })
}

/// `cutime` and `cstime` of this process.
fn ticks_of_children() -> Result<u64, String> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(|e| e.to_string())?;
    // The second field is a name in brackets, which may hold anything.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).ok_or("what is this process?")?;
    let fields: Vec<u64> = fields.skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(fields.iter().sum())
}

/// The largest peak in a process and those below it; 0 once they are gone.
fn peak_of(pid: u32) -> u64 {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let status = read("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let own = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10;
    let children = read(&format!("task/{pid}/children"));
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(peak_of).fold(own, u64::max)
}

/// Files and their bytes below a folder, links not followed.
pub fn holds(folder: &Path) -> Result<(u64, u64), String> {
    let (mut files, mut bytes, mut left) = (0, 0, vec![folder.to_owned()]);
    while let Some(folder) = left.pop() {
        let unread = |e| format!("cannot read {}: {e}", folder.display());
        for entry in fs::read_dir(&folder).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let meta = entry.metadata().map_err(unread)?;
            if meta.is_dir() {
                left.push(entry.path());
            } else if meta.is_file() {
                files += 1;
                bytes += meta.len();
            }
        }
    }
    Ok((files, bytes))
}
