//! Rounds as cron calls them: who hears of what, outside and inside, and who may answer.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use crate::bare;
use crate::school::{FRIDAY, School, files};

/// What a dead-man's switch on this machine was asked, path by path.
struct Outside {
    asked: Arc<Mutex<Vec<String>>>,
    url: String,
}

impl Outside {
    fn listens() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/ping/7f", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).unwrap_or(0);
                let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
                noted.lock().unwrap().extend(head.split_whitespace().nth(1).map(str::to_owned));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Self { asked, url }
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// A mail server on this machine that keeps what it gets in a folder.
struct Mail {
    child: Child,
    port: u16,
    folder: std::path::PathBuf,
}

/// Takes whatever port is free, and says which.
const SERVER: &str = "
import asyncio, sys
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP

async def main():
    keeper = Mailbox(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(keeper), '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
";

impl Mail {
    fn listens(school: &School) -> Self {
        let folder = school.path("mails");
        let mut command = bare::bare(bare::python("aiosmtpd"));
        command.args(["-c", SERVER]).arg(&folder).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port, folder }
    }

    fn texts(&self) -> Vec<String> {
        let new = self.folder.join("new");
        if !new.is_dir() {
            return Vec::new();
        }
        files(&new).iter().map(|file| String::from_utf8(fs::read(file).unwrap()).unwrap()).collect()
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_alerts(school: &School, alerts: &str) {
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("dr.toml", format!("{plan}\n[alerts]\n{alerts}\n").as_bytes());
}

#[test]
fn a_failure_before_the_lock_is_still_told_outside() {
    let (school, outside) = (School::begun(), Outside::listens());
    school.write("ping.url", outside.url.as_bytes());
    with_alerts(&school, "ping = \"file:ping.url\"");
    school.dr(&["--at", FRIDAY, "run", "--due"]).ended(0);
    assert_eq!(outside.taken(), ["/ping/7f/start", "/ping/7f"]);
    fs::rename(school.path("state/keys/host.key"), school.path("host.key.away")).unwrap();
    let said = school.dr(&["--at", "2026-11-21T21:30:00Z", "run", "--due"]).ended(3);
    assert!(said.stderr.contains("no keys on this host"), "{}", said.stderr);
    assert_eq!(outside.taken().last().map(String::as_str), Some("/ping/7f/fail"));
}

#[test]
fn a_school_that_falls_silent_for_eight_days_is_missed_outside_and_catches_up_once() {
    let (school, outside) = (School::begun(), Outside::listens());
    school.write("ping.url", outside.url.as_bytes());
    with_alerts(&school, "ping = \"file:ping.url\"\ncommand = { run = [\"sh\", \"-c\", \"cat > told-$$.txt\"] }");
    school.dr(&["--at", FRIDAY, "run", "--due"]).ended(0);
    assert!(!outside.taken().is_empty());
    let before = letters(&school);
    // Nobody calls: nobody outside hears anything, and that is what they notice.
    assert!(outside.taken().is_empty());
    let run = school.dr(&["--json", "--at", "2026-11-28T21:30:00Z", "run", "--due"]).ended(0).json();
    let copies = run["runs"].as_array().unwrap().iter().map(|run| run["targets"].as_array().unwrap().len());
    assert_eq!(copies.sum::<usize>(), 7, "each copy once, however many turns were missed");
    assert_eq!(outside.taken(), ["/ping/7f/start", "/ping/7f"]);
    assert_eq!(letters(&school), before + 1, "the letter of the Friday that was missed, once");
    school.dr(&["--at", "2026-11-28T21:35:00Z", "run", "--due"]).ended(0);
    assert_eq!(letters(&school), before + 1);
    assert_eq!(outside.taken().last().map(String::as_str), Some("/ping/7f"));
}

fn letters(school: &School) -> usize {
    school.ledger().iter().filter(|line| line.starts_with("letter-written")).count()
}

#[test]
fn the_head_answers_by_a_code_that_is_good_once() {
    let school = School::begun();
    let mail = Mail::listens(&school);
    with_alerts(
        &school,
        &format!("smtp = {{ url = \"smtp://127.0.0.1:{}\", from = \"dr@beechlane.example\" }}", mail.port),
    );
    school.dr(&["--at", FRIDAY, "run", "--due"]).ended(0);
    // The office's files are gone for a week.
    fs::rename(school.path("school/office"), school.path("school/elsewhere")).unwrap();
    let at = "2026-11-27T21:30:00Z";
    school.dr(&["--at", at, "run", "--due"]).ended(1);
    let texts = mail.texts();
    let with_code: Vec<&String> = texts.iter().filter(|text| text.contains("To acknowledge: code")).collect();
    assert!(!with_code.is_empty(), "{texts:?}");
    assert!(with_code.iter().all(|text| text.contains("head@beechlane.example") && !text.contains("oak@provider")));
    let code = with_code[0].split("code ").nth(1).unwrap().get(..11).unwrap();
    let asked = school.dr(&["--at", at, "ack"]).ended(0);
    assert!(asked.stdout.contains("admin/"), "{}", asked.stdout);
    let said = school.dr(&["--at", at, "ack", "--code", &code.to_lowercase()]).ended(0);
    assert!(said.stdout.starts_with("noted: ash knows of"), "{}", said.stdout);
    let again = school.dr(&["--at", at, "ack", "--code", code]).ended(64);
    assert!(again.stderr.contains("used already"), "{}", again.stderr);
    school.dr(&["--at", at, "ack", "--code", "AAAAA-BBBBB"]).ended(64);
    // The ledger has no code in it.
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.contains("\"authenticated\":\"code\"") && !ledger.contains(code));
}

#[test]
fn a_gap_is_accepted_by_who_may_for_a_term_at_most_and_never_where_it_must_not_be() {
    let school = School::backed_up();
    let gap = ["--at", FRIDAY, "approve", "email/offline", "--because", "disk on order"];
    let with = |more: &[&str]| school.dr(&[&gap[..], more].concat());
    assert!(with(&["--until", "2026-12-18"]).ended(64).stderr.contains("who accepts it"));
    assert!(with(&["--until", "2026-12-18", "--by", "oak"]).ended(64).stderr.contains("may not accept gaps"));
    assert!(with(&["--until", "2028-12-18", "--by", "ash"]).ended(64).stderr.contains("for a term at most"));
    with(&["--until", "2026-12-18", "--by", "ash"]).ended(0);
    let mis = ["--at", FRIDAY, "approve", "mis/offline", "--until", "2026-12-18", "--because", "none", "--by", "ash"];
    assert!(school.dr(&mis).ended(64).stderr.contains("never accepted"));
}
