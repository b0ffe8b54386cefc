//! Where the checkout is, what files are in it, and how programs are started there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory that holds the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Every file below `under` whose extension is one of `extensions`, sorted, without build products and hidden
/// directories other than those that are ours.
pub fn files(under: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut left = vec![under.to_owned()];
    while let Some(dir) = left.pop() {
        let unread = |e| format!("cannot read {}: {e}", dir.display());
        for entry in std::fs::read_dir(&dir).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let foreign =
                name == "target" || (name.starts_with('.') && ![".ci", ".config", ".cargo"].contains(&&*name));
            if foreign {
                continue;
            }
            if entry.file_type().map_err(unread)?.is_dir() {
                left.push(path);
            } else if path.extension().and_then(OsStr::to_str).is_some_and(|e| extensions.contains(&e)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What `cargo metadata` says of the workspace's own crates.
pub fn metadata(root: &Path) -> Result<serde_json::Value, String> {
    let mut cargo = Command::new(cargo());
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root);
    let output = cargo.output().map_err(|e| format!("cannot start cargo: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata answered nonsense: {e}"))
}

/// The cargo that runs us.
pub fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs a program in the checkout, its output going where ours goes, and fails if it does.
pub fn must(command: &mut Command) -> Result<(), String> {
    let said = || {
        let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        words.join(OsStr::new(" ")).to_string_lossy().into_owned()
    };
    let said = said();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{said}` ended with {status}")),
        Err(e) => Err(format!("`{said}` cannot be started: {e}")),
    }
}

/// Whether a program says yes (or that it is there), quietly.
pub fn agrees(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
