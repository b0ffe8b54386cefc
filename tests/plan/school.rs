//! One small invented school in a folder of its own, and dr with nothing of whoever runs the tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;

use crate::bare;
use crate::faulty::Faulty;

/// A Friday evening in term; every test says when it is.
pub const FRIDAY: &str = "2026-11-20T21:30:00Z";

/// The Thursday morning before it, on which a school is founded unless a test says otherwise.
pub const FOUNDED: &str = "2026-11-19T08:00:00Z";

const PLAN: &str = r#"
state = "state"
[school]
name = "Beech Lane Infant School"
[people.ash]
name = "A. Ash"
email = "head@beechlane.example"
roles = ["head"]
[people.oak]
name = "J. Oak"
email = "oak@provider.example"
roles = ["it-lead", "custodian"]
[people.elm]
name = "R. Elm"
roles = ["custodian"]
[places.annexe]
class = "offsite"
keyholders = ["elm"]
[targets.nas]
url = "nas"
class = "onsite"
[targets.offsite]
url = "offsite"
class = "offsite"
[targets.disks]
pool = "weekly"
[pools.weekly]
scheme = "round-robin"
media = 2
rotate = "weekly on Fri at 15:00"
custodians = ["oak", "elm"]
mount = "disks"
place = "annexe"
[systems.mis]
title = "MIS"
tier = 1
source = { kind = "sqlite", path = "school/mis.db" }
schedule = "daily at 19:00"
targets = ["nas", "offsite"]
[systems.admin]
title = "Admin files"
tier = 1
source = { kind = "files", paths = ["school/office"] }
schedule = "daily at 19:10"
targets = ["nas", "offsite"]
copies = [{ target = "disks", schedule = "weekly on Thu at 21:00", retention = { last = 2 } }]
[systems.email]
title = "Email"
tier = 2
source = { kind = "maildir", path = "school/mail" }
schedule = "daily at 19:20"
targets = ["nas", "offsite"]
[report]
weekly = "Fri 07:30"
to = ["ash", "oak"]
"#;

pub struct School {
    folder: TempDir,
    /// When it is there: what `--at` said last. A command that is given no time is called then, and never on the day
    /// on which the tests happen to run.
    now: Mutex<String>,
}

/// What a run of dr left behind.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl School {
    /// A school whose systems have something in them, before `dr init`.
    pub fn new() -> Self {
        let school = Self { folder: bare::folder("school-"), now: Mutex::new(FOUNDED.to_owned()) };
        school.write("dr.toml", PLAN.as_bytes());
        for n in 0..40_u8 {
            let text: Vec<u8> =
                (0..2_000_u32).flat_map(|i| (i.wrapping_mul(u32::from(n) + 7) % 251).to_le_bytes()).collect();
            school.write(&format!("school/office/year {}/letter-{n}.txt", n % 4), &text);
            let mail = format!(
                "From: a{n}@parents.example\r\nDate: Thu, 19 Nov 2026 10:{n:02}:00 +0000\r\nSubject: trip {n}\r\n\r\nYes.\r\n"
            );
            school.write(&format!("school/mail/cur/17635500{n:02}.M{n}.host:2,S"), mail.as_bytes());
        }
        for folder in ["school/mail/new", "school/mail/tmp", "home", "disks"] {
            fs::create_dir_all(school.path(folder)).unwrap();
        }
        let database = rusqlite::Connection::open(school.path("school/mis.db")).unwrap();
        database.execute_batch("CREATE TABLE pupil (name TEXT); CREATE TABLE mark (pupil, mark)").unwrap();
        for n in 0..45 {
            database.execute("INSERT INTO pupil VALUES (?1)", [format!("Pupil {n}")]).unwrap();
        }
        school
    }

    /// After `dr init`; the recovery key is in `recovery.key`.
    pub fn begun() -> Self {
        Self::begun_at(FOUNDED)
    }

    /// The same on another day.
    pub fn begun_at(at: &str) -> Self {
        let school = Self::new();
        school.dr(&["--at", at, "init", "--recovery-key-out", "recovery.key"]).ended(0);
        school
    }

    /// After `dr init` and a run of everything on that Friday.
    pub fn backed_up() -> Self {
        let school = Self::begun();
        school.dr(&["--at", FRIDAY, "run"]).ended(0);
        school
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only we can write, whatever the umask of whoever runs the tests.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    }

    /// dr, not yet begun.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut now = self.now.lock().unwrap();
        let mut command = bare::dr("any-time devices");
        match args.iter().position(|word| *word == "--at") {
            Some(at) => args[at + 1].clone_into(&mut now),
            None => {
                command.args(["--at", &now]);
            }
        }
        command.args(args).current_dir(self.folder.path());
        command.env("HOME", self.path("home")).env("DR_CACHE", self.path("cache")).env("DR_PLAN", "dr.toml");
        // A plan without `state` takes that of this school, and never that of this machine.
        command.env("DR_STATE", self.path("default-state"));
        command
    }

    /// dr as this host runs it: it holds its own key and no other.
    #[must_use]
    pub fn dr(&self, args: &[&str]) -> Said {
        Said::of(self.command(args))
    }

    /// dr with this machine's own devices instead of made-up ones.
    #[must_use]
    pub fn on_this_machine(&self, args: &[&str]) -> Said {
        let mut command = self.command(args);
        command.env("DR_TEST_SWITCHES", "any-time");
        Said::of(command)
    }

    /// Which device each path lies on, as dr is told from now on: `"nas" = "device-1"`.
    pub fn devices(&self, lines: &str) {
        self.write("dr-test-devices.toml", lines.as_bytes());
    }

    /// dr with an old fault planted again.
    #[must_use]
    pub fn planted(&self, fault: &str, args: &[&str]) -> Said {
        let mut command = self.command(args);
        command.env("DR_TEST_SWITCHES", format!("any-time devices fault:{fault}"));
        Said::of(command)
    }

    /// dr begun and not waited for.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// dr on a disk that refuses each request of a name that is about what lies below a folder.
    #[must_use]
    pub fn refusing(&self, below: &str, call: &str, args: &[&str]) -> Said {
        let faulty = Faulty::in_folder(&self.path("home"));
        let mut command = self.command(args);
        faulty.refuse(&mut command, &self.path(below).canonicalize().unwrap(), call);
        Said::of(command)
    }

    /// How a dr that was begun ended.
    #[must_use]
    pub fn waited(child: Child) -> Said {
        Said::ended_as(child.wait_with_output().unwrap())
    }

    /// The plan with more lines for one system.
    pub fn plan_with(&self, title: &str, more: &str) {
        let plan = PLAN.replace(&format!("title = \"{title}\""), &format!("title = \"{title}\"\n{more}"));
        self.write("dr.toml", plan.as_bytes());
    }

    /// dr with the recovery key.
    #[must_use]
    pub fn with_key(&self, args: &[&str]) -> Said {
        let mut command = self.command(args);
        command.env("DR_KEY_FILE", self.path("recovery.key"));
        Said::of(command)
    }

    /// What happened, one short line for each entry: the event's type and what it is about.
    pub fn ledger(&self) -> Vec<String> {
        let entries = self.dr(&["--json", "ledger"]).ended(0).json();
        entries.as_array().unwrap().iter().map(|entry| line(&entry["event"])).collect()
    }

    /// Changes one byte in the middle of every data pack of a target.
    pub fn damage(&self, target: &str) {
        for pack in files(&self.path(target).join("data")) {
            fs::set_permissions(&pack, Permissions::from_mode(0o600)).unwrap();
            let mut bytes = fs::read(&pack).unwrap();
            let middle = bytes.len() / 3;
            bytes[middle] ^= 1;
            fs::write(&pack, bytes).unwrap();
        }
    }
}

fn line(event: &Value) -> String {
    let words = |key: &str| event[key].as_str().map(|word| format!(" {word}")).unwrap_or_default();
    let copies = event["copies"].as_array().map(|copies| {
        // A plan's copies have no outcome.
        copies.iter().filter_map(|copy| Some(format!(" {}={}", copy["target"].as_str()?, copy["outcome"].as_str()?)))
    });
    let copies: String = copies.into_iter().flatten().collect();
    format!("{}{}{}{}{copies}", event["type"].as_str().unwrap(), words("system"), words("target"), words("outcome"))
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// Names and contents of every file below a folder.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(folder)
        .into_iter()
        .map(|path| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect()
}

impl Said {
    pub fn of(mut command: Command) -> Self {
        Self::ended_as(command.output().unwrap())
    }

    fn ended_as(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The last line of an activity, or the whole answer of a question.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.stdout.lines().last().unwrap_or_default()).unwrap()
    }
}
