//! What one command costs: processor seconds, wall seconds and peak memory, and what a folder holds.

use std::fmt;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a folder holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Names of any kind.
    pub entries: u64,
    pub files: u64,
    pub bytes: u64,
}

/// What a step took.
#[derive(Clone, Default)]
pub struct Taken {
    /// User and system time of the program and of everything it waited for, in seconds.
    pub cpu: f64,
    pub wall: f64,
    /// Peak resident bytes of the largest process.
    pub memory: u64,
    /// What the repository holds afterwards.
    pub repository: Held,
    /// By how many bytes that is more than before.
    pub grown: f64,
    /// Bytes got from the repository, if the program says so.
    pub fetched: Option<u64>,
    /// Bytes in the repository that are no contents, where that was looked at.
    pub metadata: Option<u64>,
}

impl Taken {
    /// This and then that.
    pub fn and(self, next: Self) -> Self {
        Self {
            cpu: self.cpu + next.cpu,
            wall: self.wall + next.wall,
            memory: self.memory.max(next.memory),
            fetched: next.fetched.or(self.fetched),
            ..next
        }
    }

    /// Time for one of so many.
    pub fn divided(self, by: u32) -> Self {
        Self { cpu: self.cpu / f64::from(by), wall: self.wall / f64::from(by), ..self }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
        write!(f, "cpu {:7.2} s  wall {:7.2} s  memory {:6.1} MiB", self.cpu, self.wall, mib(self.memory))?;
        write!(f, "  repository {:8.2} MiB in {}", mib(self.repository.bytes), self.repository.files)
    }
}

/// The kernel tells processor time of children in these, on every machine that Linux runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// Runs a command to its end; `read` if what it says on standard output matters. No other child may run meanwhile: processor time is the sum over those waited for.
pub fn measure(mut command: Command, read: bool) -> Result<Taken, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let said = tempfile::tempfile().map_err(|e| e.to_string())?;
    let mut log = said.try_clone().map_err(|e| e.to_string())?;
    let out = if read { said.try_clone().map_err(|e| e.to_string())?.into() } else { Stdio::null() };
    command.stdin(Stdio::null()).stdout(out).stderr(said);
    let (before, start) = (ticks_of_children()?, Instant::now());
    let mut child = command.spawn().map_err(|e| format!("{name}: {e}"))?;
    let (ended, pid) = (AtomicBool::new(false), child.id());
    let (status, memory) = std::thread::scope(|scope| {
        let peak = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(peak_of(pid));
                std::thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let status = child.wait();
        ended.store(true, Ordering::Relaxed);
        (status, peak.join().unwrap_or(0))
    });
    let wall = start.elapsed().as_secs_f64();
    let status = status.map_err(|e| format!("{name}: {e}"))?;
    let mut text = Vec::new();
    let from = log.metadata().map_err(|e| e.to_string())?.len().saturating_sub(SAID_MAX);
    log.seek(SeekFrom::Start(from)).and_then(|_| log.read_to_end(&mut text)).map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&text);
    if !status.success() {
        return Err(format!("{name} ended with {status}: {}", text.trim()));
    }
    let cpu = (ticks_of_children()? - before) as f64 / TICKS_A_SECOND;
    Ok(Taken { cpu, wall, memory, fetched: fetched(&text), ..Taken::default() })
}

/// Of what a program printed, so much is kept.
const SAID_MAX: u64 = 64 << 10;

/// What dr says at the end of a restore.
fn fetched(said: &str) -> Option<u64> {
    let last = said.lines().rev().find(|line| line.contains("\"bytes_fetched\""))?;
    serde_json::from_str::<serde_json::Value>(last).ok()?["bytes_fetched"].as_u64()
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

/// What is below a folder, links not followed.
pub fn holds(folder: &Path) -> Result<Held, String> {
    let mut held = Held::default();
    each_below(folder, &mut |_, meta| {
        held.entries += 1;
        if meta.is_file() {
            held.files += 1;
            held.bytes += meta.len();
        }
        Ok(())
    })?;
    Ok(held)
}

/// Bytes of a repository of dr that are no contents: everything but data packs, and of those the trailers.
pub fn metadata(repository: &Path) -> Result<u64, String> {
    let mut bytes = 0;
    each_below(repository, &mut |path, meta| {
        if meta.is_file() {
            let is_data = path.strip_prefix(repository).is_ok_and(|path| path.starts_with("data"));
            bytes += if is_data { trailer(path, meta.len())? } else { meta.len() };
        }
        Ok(())
    })?;
    Ok(bytes)
}

/// How long a pack's trailer is, as its footer says: the last 64 bytes are where it is (8), how long (4), and more.
fn trailer(pack: &Path, length: u64) -> Result<u64, String> {
    let unread = |e| format!("cannot read {}: {e}", pack.display());
    let mut footer = [0; 12];
    let file = fs::File::open(pack).map_err(unread)?;
    file.read_exact_at(&mut footer, length.saturating_sub(64)).map_err(unread)?;
    Ok(u64::from(u32::from_le_bytes([footer[8], footer[9], footer[10], footer[11]])))
}

type Each<'a> = dyn FnMut(&Path, &fs::Metadata) -> Result<(), String> + 'a;

fn each_below(folder: &Path, each: &mut Each<'_>) -> Result<(), String> {
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        let unread = |e| format!("cannot read {}: {e}", folder.display());
        for entry in fs::read_dir(&folder).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let meta = entry.metadata().map_err(unread)?;
            each(&entry.path(), &meta)?;
            if meta.is_dir() {
                left.push(entry.path());
            }
        }
    }
    Ok(())
}
