//! What every test here needs: a school's ways out, an outbox, and servers that really talk.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use dr_ledger::{ChannelKind, Event, LetterStatus, MessageKind};
use dr_plan::{Alerts, PersonId, SecretRef, Smtp, SmtpAuth};
use dr_post::{Message, Outbox, Recipient, Sent, Ways};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

/// The same as in `servers.py`.
pub const USER: &str = "dr";
pub const PASSWORD: &str = "kestrel-9-pepper";
pub const TOKEN: &str = "ya29.kestrel-token";

/// A Python with what `servers.py` needs.
#[expect(clippy::disallowed_methods, reason = "servers for tests are programs")]
pub fn python() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let named = std::env::var_os("DR_TEST_PYTHON").map(PathBuf::from);
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/py/bin/python");
        let tried: Vec<_> = named.into_iter().chain([ours, "python3".into()]).collect();
        let works = |python: &&PathBuf| {
            let imports = "import aiosmtpd, cryptography";
            Command::new(python).args(["-c", imports]).output().is_ok_and(|output| output.status.success())
        };
        tried.iter().find(works).cloned().unwrap_or_else(|| {
            panic!(
                "no Python with a mail server: `cargo xtask test` makes one, or set DR_TEST_PYTHON to one after \
                 `pip install aiosmtpd cryptography`; tried {tried:?}"
            )
        })
    })
}

#[expect(clippy::disallowed_methods, reason = "servers for tests are programs")]
fn servers(arguments: &[&str]) -> Command {
    let mut command = Command::new(python());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/post/servers.py")).args(arguments);
    command
}

/// A server of `servers.py`, until this is dropped.
pub struct Server {
    child: Child,
    pub port: u16,
    pub folder: PathBuf,
}

impl Server {
    fn start(kind: &str, folder: &Path, options: &[&str]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut command = servers(&[&[kind, folder.to_str().unwrap()], options].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the server did not start: see its words above");
        Self { child, port, folder: folder.to_owned() }
    }

    /// How it behaves from now on; the words are those of `servers.py`.
    pub fn behave(&self, words: &str) {
        std::fs::write(self.folder.join("behaviour"), words).unwrap();
    }

    /// What it got, in order.
    pub fn got(&self) -> Vec<Value> {
        got(&self.folder)
    }

    /// The mails it got, as Python's own parser reads them.
    pub fn mails(&self) -> Vec<Value> {
        read_mails(&files(&self.folder, "eml"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Mails as Python's own parser reads them.
pub fn read_mails(paths: &[PathBuf]) -> Vec<Value> {
    let output = servers(&["read"]).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

pub fn got(folder: &Path) -> Vec<Value> {
    let read = |path: &PathBuf| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    files(folder, "json").iter().map(read).collect()
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let shown = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == ending) && !path.file_name().unwrap().to_str().unwrap().starts_with('.')
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(shown).collect();
    files.sort();
    files
}

/// A school with an outbox and places for its secrets.
pub struct Bench {
    pub folder: TempDir,
    pub outbox: Outbox,
    pub alerts: Alerts,
    pub events: Vec<Event>,
    pub limit: Duration,
    runtime: Runtime,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self {
            outbox: Outbox::in_state(&folder.path().join("state")),
            folder,
            alerts: Alerts::default(),
            events: Vec::new(),
            limit: Duration::from_secs(20),
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
        };
        for (name, secret) in [("password", PASSWORD), ("token", TOKEN), ("wrong", "wrong-9-pepper")] {
            std::fs::write(bench.path(name), format!("{secret}\n")).unwrap();
        }
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn secret_at(&self, name: &str) -> SecretRef {
        SecretRef::File(self.path(name))
    }

    /// Starts a mail server; with certificates if it is to encrypt.
    pub fn mail_server(&self, options: &[&str]) -> Server {
        let certificates = self.path("certificates");
        if options.iter().any(|option| option.starts_with("tls=")) && !certificates.exists() {
            std::fs::create_dir(&certificates).unwrap();
            let made = servers(&["certificates", certificates.to_str().unwrap()]).status().unwrap();
            assert!(made.success());
        }
        let certificates = format!("certificates={}", certificates.display());
        Server::start("mail", &self.path("mail"), &[options, &[&certificates]].concat())
    }

    pub fn web_server(&self, options: &[&str]) -> Server {
        Server::start("web", &self.path("web"), options)
    }

    /// The plan's way to a mail server: encrypted at once, with a password.
    pub fn smtps(&self, port: u16) -> Smtp {
        Smtp {
            url: format!("smtps://127.0.0.1:{port}"),
            user: Some(USER.to_owned()),
            password: Some(self.secret_at("password")),
            auth: SmtpAuth::Password,
            from: Some("dr@hazelbank.example".to_owned()),
            ca: Some(self.path("certificates/ca.pem")),
        }
    }

    /// The same in the clear, which is allowed to this machine and without a password only.
    pub fn plain(&self, port: u16) -> Smtp {
        Smtp { url: format!("smtp://127.0.0.1:{port}"), user: None, password: None, ca: None, ..self.smtps(port) }
    }

    /// The plan's way to a web server, under a path that nobody else knows.
    pub fn hook(&self, port: u16) -> SecretRef {
        std::fs::write(self.path("hook"), format!("http://127.0.0.1:{port}/kestrel-hook\n")).unwrap();
        self.secret_at("hook")
    }

    pub fn with_ways<T>(&self, what: impl FnOnce(&Ways<'_>) -> T) -> T {
        let may_mail = |email: &str| email.ends_with("@hazelbank.example");
        let secrets = |from: &SecretRef| match from {
            SecretRef::File(path) => std::fs::read_to_string(path).map(Zeroizing::new).map_err(|why| why.to_string()),
            _ => Err("not here".to_owned()),
        };
        what(&Ways::new(&self.alerts, &may_mail, &secrets, self.runtime.handle()).within(self.limit))
    }

    pub fn send(&mut self, now: Timestamp) -> Sent {
        let mut events = Vec::new();
        let sent = self.with_ways(|ways| self.outbox.send(ways, now, &mut |event| events.push(event))).unwrap();
        self.events.extend(events);
        sent
    }

    /// The words of the only failure of a round.
    pub fn failure(&mut self, now: Timestamp) -> String {
        let sent = self.send(now);
        assert_eq!((sent.sent.len(), sent.failed.len()), (0, 1), "{sent:?}");
        sent.failed[0].error.clone()
    }

    pub fn queue(&self, message: &Message, channels: &[ChannelKind]) {
        self.outbox.queue(message, channels).unwrap();
    }
}

/// Sunday 22 November 2026, and so many seconds.
pub fn at(seconds: i64) -> Timestamp {
    "2026-11-22T08:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

pub fn person(id: &str, name: &str, email: Option<&str>) -> Recipient {
    Recipient { person: PersonId::new(id).unwrap(), name: name.to_owned(), email: email.map(str::to_owned) }
}

/// A short alert for one person.
pub fn alert(id: &str) -> Message {
    Message {
        id: id.to_owned(),
        kind: MessageKind::Alert,
        about: "overdue mis".to_owned(),
        to: vec![person("ash", "A. Ash", Some("a.ash@hazelbank.example"))],
        subject: "[ACTION NOW] Hazel Bank – MIS has no backup since Thursday".to_owned(),
        text: "RED - MIS has no backup since Thu 18:00.\n".to_owned(),
        html: None,
        school: "Hazel Bank".to_owned(),
        status: Some(LetterStatus::Red),
        queued: at(0),
    }
}
