//! A disk that fails now and then, or a death at a given moment, for a program as people get it: `faults.c`, compiled for the test.
#![allow(dead_code, reason = "shared by suites, each of which needs some of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that makes it fail.
pub struct Faulty {
    library: PathBuf,
    count: PathBuf,
}

impl Faulty {
    #[expect(clippy::disallowed_methods, reason = "a test compiles what it needs")]
    pub fn in_folder(folder: &Path) -> Self {
        let (library, count) = (folder.join("faults.so"), folder.join("faults"));
        std::fs::write(&count, "").unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/soak/heavy/faults.c");
        let made = Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).output();
        match made {
            Ok(made) if made.status.success() => Self { library, count },
            Ok(made) => panic!("{source} cannot be compiled: {}", String::from_utf8_lossy(&made.stderr)),
            Err(why) => panic!("this test compiles C, and there is no `cc`: {why}. Run: apt-get install gcc libc6-dev"),
        }
    }

    /// One in so many of the requests to the kernel below a folder fails, by the luck of a number.
    pub fn befall(&self, command: &mut Command, below: &Path, every: u64, luck: u64) {
        command
            .env("LD_PRELOAD", self.preloaded())
            .env("FAULTS_BELOW", below)
            .env("FAULTS_EVERY", every.to_string())
            .env("FAULTS_SEED", luck.to_string())
            .env("FAULTS_COUNT", &self.count);
    }

    /// As [`Faulty::befall`], for a disk that is only read: what is asked of names and their attributes fails as well.
    pub fn befall_source(&self, command: &mut Command, below: &Path, every: u64, luck: u64) {
        self.befall(command, below, every, luck);
        command.env("FAULTS_SOURCE", "1");
    }

    /// Each request of this name to the kernel fails that is about what lies below a folder.
    pub fn refuse(&self, command: &mut Command, below: &Path, call: &str) {
        self.befall(command, below, 1, 1);
        command.env("FAULTS_ONLY", call);
    }

    /// Beside what tells it the time, if something does.
    #[allow(clippy::disallowed_methods, reason = "whoever runs the tests on another day says so")]
    fn preloaded(&self) -> std::ffi::OsString {
        let mut preloaded = self.library.clone().into_os_string();
        if let Some(time) = std::env::var_os("LD_PRELOAD") {
            preloaded.push(":");
            preloaded.push(time);
        }
        preloaded
    }

    /// Kills it at the request of this number that changes something below a folder.
    pub fn kill(&self, command: &mut Command, below: &Path, moment: u64, luck: u64) {
        std::fs::write(&self.count, "").unwrap();
        command
            .env("LD_PRELOAD", self.preloaded())
            .env("FAULTS_BELOW", below)
            .env("FAULTS_KILL", moment.to_string())
            .env("FAULTS_SEED", luck.to_string())
            .env("FAULTS_COUNT", &self.count);
    }

    /// How many faults there were so far, or requests until it was killed.
    pub fn count(&self) -> u64 {
        std::fs::metadata(&self.count).unwrap().len()
    }
}
