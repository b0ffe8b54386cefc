//! A small machine in a folder: a server with a school's documents, database and mail, and two mounted places.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::bare;

pub struct Machine {
    folder: TempDir,
    /// Where folders of it are that lie elsewhere on the machine that runs the test.
    elsewhere: Vec<(&'static str, PathBuf)>,
    /// The account that runs the test, if it is named, and what it is called on a page.
    account: Option<(String, &'static str)>,
}

/// What stands in a letter of the office.
pub fn letter(number: u32) -> String {
    let line = format!("Dear parents of year {number}, the trip to the farm is on Friday. Bring boots.\n");
    line.repeat(40)
}

impl Machine {
    pub fn new() -> Self {
        let machine = Self::empty();
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

    /// A machine with nothing on it.
    pub fn empty() -> Self {
        Self { folder: bare::folder("dr-first-day-"), elsewhere: Vec::new(), account: None }
    }

    /// From now on what lies at `place` is the machine's `path`.
    #[allow(dead_code, reason = "only where a server of its own is part of the machine")]
    pub fn with(&mut self, path: &'static str, place: PathBuf) {
        self.elsewhere.push((path, place));
    }

    /// Where a path of this machine is on the one that runs the test.
    pub fn path(&self, path: &str) -> PathBuf {
        match self.elsewhere.iter().find(|(here, _)| *here == path) {
            Some((_, place)) => place.clone(),
            None => self.folder.path().join(path.trim_start_matches('/')),
        }
    }

    /// Where the machine's root is, without a slash at the end.
    pub fn root(&self) -> String {
        self.folder.path().to_str().unwrap().to_owned()
    }

    /// The text with this machine's paths in it, in the place of those of the machine that runs the test.
    pub fn shown(&self, text: &str) -> String {
        let elsewhere = |text: String, (path, place): &(&str, PathBuf)| text.replace(place.to_str().unwrap(), path);
        let text = self.elsewhere.iter().fold(text.to_owned(), elsewhere);
        match &self.account {
            Some((own, called)) => {
                text.split(' ').map(|word| if word == own { called } else { word }).collect::<Vec<_>>().join(" ")
            }
            None => text,
        }
    }

    /// On a page the account that runs the test is called like this.
    #[allow(dead_code, reason = "only where an account is named")]
    pub fn calls(&mut self, own: String, called: &'static str) {
        self.account = Some((own, called));
    }

    /// Text in which words that are paths of this machine begin at its root.
    pub fn placed(&self, text: &str) -> String {
        let within = |word: &str| {
            let elsewhere = |word: String, (path, place): &(&str, PathBuf)| {
                word.replace(&format!("={path}"), &format!("={}", place.display()))
            };
            self.elsewhere.iter().fold(word.to_owned(), elsewhere)
        };
        let place = |word: &str| match word.starts_with('/') {
            true => self.path(word).to_str().unwrap().to_owned(),
            false => within(word),
        };
        let line = |line: &str| line.split(' ').map(place).collect::<Vec<_>>().join(" ");
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// An empty folder.
    #[allow(dead_code, reason = "only on a machine that begins empty")]
    pub fn folder(&self, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
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
        command.current_dir(self.folder.path()).env("HOME", self.path("/root")).env("TZ", "UTC");
        command.env("DR_STATE", self.path("/var/lib/dr")).env("DR_CACHE", self.path("/var/cache/dr"));
        command
    }
}
