//! How a program is started for which it is another time.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// What nextest is told, so that every test begins at `at`.
pub fn runner(at: &str) -> Result<[String; 2], String> {
    seconds(at)?;
    let text = |path: PathBuf| path.into_os_string().into_string().map_err(|_| "xtask's path is not text".to_owned());
    let own = text(std::env::current_exe().map_err(|e| e.to_string())?)?;
    let list = serde_json::to_string(&[&own, "begin-at", at]).map_err(|e| e.to_string())?;
    // A list of JSON is one of TOML.
    Ok(["--config".to_owned(), format!("target.'cfg(all())'.runner={list}")])
}

/// `cargo xtask begin-at TIME PROGRAM ARGUMENTS…`: becomes that program, for which it is that time now.
pub fn begin_at(_root: &Path, arguments: &[String]) -> Result<(), String> {
    let [at, program, rest @ ..] = arguments else { return Err("begin-at TIME PROGRAM ARGUMENTS…".to_owned()) };
    let mut command = Command::new(program);
    command.args(rest).envs(environment(at)?);
    // The library keeps something under the number of the first process, and will not begin where another one of that
    // number was killed and left it.
    for name in ["faketime_shm", "sem.faketime_sem"] {
        let _ = std::fs::remove_file(format!("/dev/shm/{name}_{}", std::process::id()));
    }
    Err(format!("{program} cannot be started: {}", command.exec()))
}

/// What makes libfaketime say that it is `at` now, and go on from there.
pub(super) fn environment(at: &str) -> Result<[(&'static str, OsString); 4], String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|e| e.to_string())?;
    let now = i64::try_from(now.as_secs()).map_err(|e| e.to_string())?;
    Ok([
        ("LD_PRELOAD", library()?.into_os_string()),
        ("FAKETIME", format!("{:+}s", seconds(at)? - now).into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("NO_FAKE_STAT", "1".into()),
    ])
}

/// The library for programs with threads.
pub(super) fn library() -> Result<PathBuf, String> {
    let folders = ["/usr/lib", "/usr/lib64"].into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let beside = folders.flatten().map(|entry| entry.path());
    let all = beside.chain(["/usr/lib".into(), "/usr/lib64".into()]);
    let found = all.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    found.ok_or_else(|| "there is no libfaketime: sudo apt-get install libfaketime".to_owned())
}

/// `2028-02-29` (at noon) or `2028-02-29T23:59:58Z`, as seconds since 1970.
pub fn seconds(at: &str) -> Result<i64, String> {
    let wrong = || format!("`{at}` is not a time: 2028-02-29 or 2028-02-29T23:59:58Z is meant");
    let (date, time) = at.split_once('T').unwrap_or((at, "12:00:00Z"));
    let numbers = |text: &str, between: char| -> Option<[i64; 3]> {
        let digits = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let words: Vec<&str> = text.split(between).collect();
        let [a, b, c] = words.as_slice() else { return None };
        let number = |word: &str| digits(word).then(|| word.parse().ok()).flatten();
        Some([number(a)?, number(b)?, number(c)?])
    };
    let [year, month, day] = numbers(date, '-').ok_or_else(wrong)?;
    let [hour, minute, second] = time.strip_suffix('Z').and_then(|time| numbers(time, ':')).ok_or_else(wrong)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month - 1).ok().filter(|month| *month < 12).ok_or_else(wrong)?;
    if !(1970..=9999).contains(&year)
        || !(1..=lengths[before]).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return Err(wrong());
    }
    let leaps = |until: i64| until / 4 - until / 100 + until / 400;
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + lengths[..before].iter().sum::<i64>() + day - 1;
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_what_is_none_is_refused() {
        for (at, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2028-02-29T23:59:58Z", 1_835_481_598),
            ("2026-11-30", 1_796_040_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(seconds(at), Ok(expected), "{at}");
        }
        for none in [
            "tomorrow",
            "2027-02-29",
            "2028-13-01",
            "2028-00-01",
            "2028-02-29T24:00:00Z",
            "2028-02-29T1:2",
            "2028-+2-09",
        ] {
            assert!(seconds(none).is_err(), "{none}");
        }
    }
}
