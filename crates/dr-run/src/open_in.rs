//! Which programs have a file open now? So that nobody's database is exchanged under it without a word.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Programs that have one of `files` open, by name and number, as far as this account can see.
#[must_use]
pub fn open_in(files: &[PathBuf]) -> Vec<String> {
    let identity = |path: &Path| fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    let wanted: Vec<_> = files.iter().filter_map(|path| identity(path)).collect();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    if wanted.is_empty() {
        return Vec::new();
    }
    let me = std::process::id();
    let mut found: Vec<(u32, String)> = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|process| *process != me)
        .filter(|process| {
            let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
            open.filter_map(|entry| identity(&entry.path())).any(|open| wanted.contains(&open))
        })
        .map(|process| {
            let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            (process, format!("{} (process {process})", name.trim()))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, told)| told).collect()
}
