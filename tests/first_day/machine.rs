//! A small machine in a folder: a server with a school's documents, database and mail, and two mounted places.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::bare;

pub struct Machine(TempDir);

/// What stands in a letter of the office.
pub fn letter(number: u32) -> String {
    let line = format!("Dear parents of year {number}, the trip to the farm is on Friday. Bring boots.\n");
    line.repeat(40)
}

impl Machine {
    pub fn new() -> Self {
        let machine = Self(bare::folder("dr-first-day-"));
        for number in 1..=12 {
            machine.write(&format!("/srv/shares/office/letter-{number}.txt"), &letter(number));
            machine
                .write(&format!("/srv/shares/curriculum/year-{number}/maths.txt"), &format!("{number} x {number}\n"));
            let mail = format!(
                "From: a{number}@parents.example\r\nDate: Thu, 19 Nov 2026 10:{number:02}:00 +0000\r\nSubject: trip\r\n\r\nYes.\r\n"
            );
            machine.write(&format!("/srv/mail/cur/17635500{number:02}.M{number}.server:2,S"), &mail);
        }
        machine.write("/srv/shares/staff rota.txt", "Monday: A. Ash\n");
        for folder in
            ["/srv/mail/new", "/srv/mail/tmp", "/srv/mis", "/mnt/nas", "/mnt/trust", "/media/stick", "/etc/dr"]
        {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        fs::set_permissions(machine.path("/etc/dr"), Permissions::from_mode(0o755)).unwrap();
        let database = rusqlite::Connection::open(machine.path("/srv/mis/mis.db")).unwrap();
        database.execute_batch("CREATE TABLE pupil (name TEXT, year INTEGER)").unwrap();
        for number in 0..90 {
            database.execute("INSERT INTO pupil VALUES (?1, ?2)", (format!("Pupil {number}"), number % 3)).unwrap();
        }
        machine
    }

    /// Where a path of this machine is on the one that runs the test.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    /// Where the machine's root is, without a slash at the end.
    pub fn root(&self) -> String {
        self.0.path().to_str().unwrap().to_owned()
    }

    /// Text in which words that are paths of this machine begin at its root.
    pub fn placed(&self, text: &str) -> String {
        let place = |word: &str| match word.starts_with('/') {
            true => format!("{}{word}", self.root()),
            false => word.to_owned(),
        };
        let line = |line: &str| line.split(' ').map(place).collect::<Vec<_>>().join(" ");
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// dr, typed at `time` by somebody who types `input`, perhaps with the stick in the machine.
    pub fn dr(&self, time: &str, line: &str, input: &str, key: bool) -> Output {
        let mut command = self.command();
        // A word stays one where the folder's name has a blank in it.
        command.arg("--at").arg(format!("2026-11-20T{time}")).args(line.split(' ').map(|word| self.placed(word)));
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        if !line.starts_with("plan new") {
            command.env("DR_PLAN", self.path("/etc/dr/dr.toml"));
        }
        if key {
            command.env("DR_KEY_FILE", self.path("/media/stick/dr-recovery.key"));
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let Some(mut stdin) = child.stdin.take() {
            std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        }
        child.wait_with_output().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = bare::dr("any-time devices");
        command.current_dir(self.0.path()).env("HOME", self.path("/root")).env("TZ", "UTC");
        command.env("DR_STATE", self.path("/var/lib/dr")).env("DR_CACHE", self.path("/var/cache/dr"));
        command
    }
}
