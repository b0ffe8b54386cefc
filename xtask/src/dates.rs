//! On which day do the tests run? On any that is asked for: libfaketime stands between them and the clock.
//!
//! Every test begins at that time and goes on from there, so one that is begun two seconds before midnight lives through
//! it. What its programs may know of the time they get from it (`tests/bare.rs`). The time of the file system stays the
//! machine's, as does the clock that only says how long something took.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::begin_at::environment;
use crate::checkout::{metadata, must};
use crate::test;

/// The tests through the binary whose answers could depend on the day: schools with their schedules and letters.
pub const THOSE_WITH_DATES: [&str; 8] =
    ["--package", "dr", "--test", "plan", "--test", "quickstart", "--test", "first_day"];

/// The days on which programs go wrong, in UTC; where seconds stand, tests live through the moment itself.
const ODD: [(&str, &str); 7] = [
    ("2028-02-29T12:00:00Z", "29 February"),
    ("2027-03-28T00:59:58Z", "the clocks go forward in Britain and Europe"),
    ("2027-10-31T00:59:58Z", "the clocks go back"),
    ("2026-12-31T12:00:00Z", "New Year's Eve"),
    ("2027-12-31T23:59:58Z", "midnight of New Year's Eve"),
    ("2027-08-31T12:00:00Z", "the last day of August"),
    ("2028-08-31T22:59:58Z", "its midnight in Britain: the school year ends"),
];

/// `cargo xtask soak dates`: those tests on each of these days, and what a newcomer sees who comes then.
pub fn soak(root: &Path) -> Result<(), String> {
    let mut failed = Vec::new();
    for (at, name) in ODD {
        println!("== {at}: {name}");
        let words = ["--at", at].into_iter().chain(THOSE_WITH_DATES).map(str::to_owned).collect::<Vec<_>>();
        if let Err(why) = test::run(root, &words).and_then(|()| quickstart(root, at)) {
            println!("{why}");
            failed.push(at);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("tests fail on {}", failed.join(", "))) }
}

/// `dr quickstart`, typed at `at` by somebody who says no other time, makes a school that is not red.
fn quickstart(root: &Path, at: &str) -> Result<(), String> {
    let metadata = metadata(root)?;
    let target = PathBuf::from(metadata["target_directory"].as_str().ok_or("cargo names no target directory")?);
    let (dr, place) = (target.join("debug/dr"), target.join("tmp/quickstart"));
    let clear = || match std::fs::remove_dir_all(&place) {
        Err(why) if place.exists() => Err(format!("cannot remove {}: {why}", place.display())),
        _ => Ok(()),
    };
    clear()?;
    std::fs::create_dir_all(&place).map_err(|e| format!("cannot make {}: {e}", place.display()))?;
    // One for both: time goes on between them.
    let time = environment(at)?;
    let typed = |words: &[&str]| {
        let mut command = Command::new(&dr);
        command.args(words).current_dir(&place).env_clear().env("HOME", &place).envs(time.clone());
        command
    };
    must(&mut typed(&["quickstart", "school"]))?;
    let output = typed(&["--plan", "school/dr.toml", "--json", "status"]).output().map_err(|e| e.to_string())?;
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    match status["overall"].as_str() {
        Some("red" | "not-known") | None => {
            Err(format!("a newcomer's school: {}", String::from_utf8_lossy(&output.stdout)))
        }
        Some(_) => clear(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::begin_at::seconds;

    #[test]
    fn every_odd_time_can_be_read() {
        for (at, name) in ODD {
            assert!(seconds(at).is_ok(), "{name}");
        }
    }
}
