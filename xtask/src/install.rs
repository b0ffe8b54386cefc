//! How does the program get onto this machine without its debug lines, and where do they stay?
//!
//! One link makes both: `dr`, which has what it needs to run, and `dr.debug`, which has its symbols and lines. `dr` names
//! that file (a gnu-debuglink), so whoever looks into a core or sets RUST_BACKTRACE finds it beside. A plain
//! `cargo build --release` or `cargo install` makes the same small program, and leaves the lines out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::checkout::{cargo, must};

/// What `dr` may take on a disk, in bytes.
const PROGRAM_MAX: u64 = 30_000_000;

/// `cargo xtask install [--root DIR]`, into `bin` of DIR as `cargo install` does.
pub fn run(root: &Path, arguments: &[String]) -> Result<(), String> {
    let to = match arguments {
        [] => usual_root().ok_or("there is no HOME: name a folder with --root DIR")?,
        [option, dir] if option == "--root" => std::path::absolute(dir).map_err(|why| format!("{dir}: {why}"))?,
        _ => return Err("usage: cargo xtask install [--root DIR]".to_owned()),
    };
    let bin = to.join("bin");
    // For this one program the linker leaves everything in; nothing else is compiled otherwise than always.
    let build = ["rustc", "--locked", "--release", "--package", "dr", "--bin", "dr", "--", "-C", "strip=none"];
    must(Command::new(cargo()).args(build).current_dir(root))?;
    let whole = target(root).join("release/dr");
    fs::create_dir_all(&bin).map_err(|why| format!("{}: {why}", bin.display()))?;
    let (program, lines) = (bin.join("dr"), bin.join("dr.debug"));
    // The link names the file by its last part and its checksum: written under its own name, and put there first.
    let new = bin.join(".dr-new");
    let _ = fs::remove_dir_all(&new);
    fs::create_dir(&new).map_err(|why| format!("{}: {why}", new.display()))?;
    let done = parted(&whole, &new).and_then(|()| {
        for (from, to) in [(new.join("dr.debug"), &lines), (new.join("dr"), &program)] {
            fs::rename(&from, to).map_err(|why| format!("{}: {why}", to.display()))?;
        }
        Ok(())
    });
    let _ = fs::remove_dir_all(&new);
    done?;
    println!("{}, {}", program.display(), megabytes(size(&program)?));
    println!("{}, {}: its debug lines; it runs without", lines.display(), megabytes(size(&lines)?));
    small(&program)
}

/// Takes the lines out of `whole`: `dr` and `dr.debug` in `folder`.
fn parted(whole: &Path, folder: &Path) -> Result<(), String> {
    let objcopy = |options: &[&str], from: &Path, to: &str| {
        must(Command::new("objcopy").args(options).arg(from).arg(to).current_dir(folder))
            .map_err(|why| format!("{why} (objcopy is in the package binutils)"))
    };
    objcopy(&["--only-keep-debug", "--compress-debug-sections=zlib"], whole, "dr.debug")?;
    objcopy(&["--strip-all", "--add-gnu-debuglink=dr.debug"], whole, "dr")
}

/// Whether a program is as small as is promised.
pub fn small(program: &Path) -> Result<(), String> {
    match size(program)? {
        bytes if bytes <= PROGRAM_MAX => Ok(()),
        bytes => Err(format!(
            "{} has {}, and {} at most were promised: look with `size -A` what came in",
            program.display(),
            megabytes(bytes),
            megabytes(PROGRAM_MAX)
        )),
    }
}

fn size(path: &Path) -> Result<u64, String> {
    fs::metadata(path).map(|about| about.len()).map_err(|why| format!("{}: {why}", path.display()))
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

/// Where cargo builds.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// Where `cargo install` installs.
fn usual_root() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    named("CARGO_INSTALL_ROOT")
        .or_else(|| named("CARGO_HOME"))
        .or_else(|| named("HOME").map(|home| home.join(".cargo")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_built_without_symbols_and_with_lines_for_who_keeps_them() {
        let manifest = fs::read_to_string(crate::checkout::root().join("Cargo.toml")).unwrap();
        let release = manifest.split("[profile.release]").nth(1).unwrap().split("\n[").next().unwrap();
        let has = |line: &str| release.lines().any(|other| other == line);
        assert!(has("strip = \"symbols\""), "the program would be 140 MB and more: {release}");
        assert!(has("debug = \"line-tables-only\""), "nobody could say where a panic came from: {release}");
    }

    #[test]
    fn what_is_too_large_is_named() {
        let dir = crate::checkout::root().join("target");
        let program = dir.join(format!("small-{}", std::process::id()));
        let file = fs::File::create(&program).unwrap();
        file.set_len(PROGRAM_MAX).unwrap();
        assert_eq!(small(&program), Ok(()));
        file.set_len(PROGRAM_MAX + 1).unwrap();
        assert!(small(&program).unwrap_err().contains("30.0 MB at most"));
        fs::remove_file(&program).unwrap();
    }
}
