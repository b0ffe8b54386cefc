//! What is said, to whom, and what is left unsaid where nothing is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::school::{FRIDAY, School, files};

/// A week later, the files of the office gone meanwhile.
const NEXT: &str = "2026-11-27T21:30:00Z";

/// What a relay took: whom each mail was for, and its text.
type Taken = Mutex<Vec<(Vec<String>, String)>>;

/// A mail relay on this machine: what it took, each with whom it was for. It refuses one address.
struct Relay {
    took: Arc<Taken>,
    port: u16,
}

impl Relay {
    fn listens(refused: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let took = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&took);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || talk(stream.unwrap(), refused, &noted));
            }
        });
        Self { took, port }
    }

    fn alerts(&self) -> String {
        format!("smtp = {{ url = \"smtp://127.0.0.1:{}\", from = \"dr@beechlane.example\" }}", self.port)
    }
}

/// One conversation, as far as a relay has to understand it.
fn talk(stream: TcpStream, refused: &str, noted: &Taken) -> Option<()> {
    let (mut out, mut lines) = (stream.try_clone().ok()?, BufReader::new(stream).lines());
    let mut say = move |line: &str| out.write_all(format!("{line}\r\n").as_bytes()).ok();
    say("220 relay")?;
    let mut to = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        let word = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "RCPT" if !refused.is_empty() && line.contains(refused) => say("550 not here")?,
            "RCPT" => {
                to.push(line.split(['<', '>']).nth(1)?.to_owned());
                say("250 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                let text: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                noted.lock().ok()?.push((std::mem::take(&mut to), text.join("\n")));
                say("250 ok")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 relay")?,
        }
    }
    None
}

/// An address on this machine that takes whatever is posted.
fn webhook(school: &School) -> Arc<Mutex<Vec<String>>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    school.write("hook.url", format!("http://{}/room", listener.local_addr().unwrap()).as_bytes());
    let posted = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&posted);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut text = Vec::new();
            let mut bytes = [0; 65_536];
            // The head says how long the body is.
            loop {
                let read = stream.read(&mut bytes).unwrap_or(0);
                text.extend_from_slice(&bytes[..read]);
                let whole = String::from_utf8_lossy(&text).to_lowercase();
                let length = whole.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
                let body = whole.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
                if read == 0 || length.is_some_and(|length: usize| body >= length) {
                    break;
                }
            }
            noted.lock().unwrap().push(String::from_utf8_lossy(&text).into_owned());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    posted
}

fn with_alerts(school: &School, alerts: &str) {
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("dr.toml", format!("{plan}\n[alerts]\nto = [\"oak\", \"ash\"]\n{alerts}\n").as_bytes());
}

/// A school that has alerts, whose office is gone a week later: what is told then is red.
fn bad_week(alerts: impl Fn(&School) -> String) -> School {
    let school = School::begun();
    let alerts = alerts(&school);
    with_alerts(&school, &alerts);
    school.dr(&["--at", FRIDAY, "run", "--due"]).ended(0);
    fs::rename(school.path("school/office"), school.path("school/elsewhere")).unwrap();
    school.dr(&["--at", NEXT, "run", "--due"]).ended(1);
    school
}

fn events(school: &School, kind: &str) -> Vec<Value> {
    let entries = school.dr(&["--json", "ledger"]).ended(0).json();
    let all = entries.as_array().unwrap().iter().map(|entry| entry["event"].clone());
    all.filter(|event| event["type"] == kind).collect()
}

/// Messages that were queued and did not go out by any way.
fn stuck(school: &School) -> Vec<Value> {
    let sent: BTreeSet<String> = events(school, "message-sent").iter().map(|one| one["message"].to_string()).collect();
    let queued = events(school, "message-queued");
    queued.into_iter().filter(|one| !sent.contains(&one["message"].to_string())).collect()
}

/// The alerts of that week that a program got.
fn handed_over(school: &School) -> Vec<String> {
    let told = files(school.path("").as_path())
        .into_iter()
        .filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("told-")));
    let texts = told.map(|file| fs::read_to_string(file).unwrap());
    texts.filter(|text| text.contains("ACTION NOW")).collect()
}

const PROGRAM: &str = "command = { run = [\"sh\", \"-c\", \"cat > told-$$.txt\"] }";

#[test]
fn where_mail_leaves_by_a_program_only_the_heads_mail_with_a_code_goes_out_by_it_too() {
    let school = bad_week(|_| PROGRAM.to_owned());
    assert_eq!(stuck(&school), [Value::Null; 0]);
    let mails = handed_over(&school);
    let told: Vec<&String> = mails.iter().filter(|text| text.contains("Told: J. Oak and A. Ash.")).collect();
    assert!(!told.is_empty(), "{mails:?}");
    let has = |address: &str| {
        told.iter().any(|text| text.lines().any(|line| line.starts_with("To: ") && line.contains(address)))
    };
    assert!(has("oak@provider.example") && has("head@beechlane.example"), "{told:?}");
    let coded: Vec<_> = told.iter().filter(|text| text.contains("To acknowledge: code")).collect();
    assert!(!coded.is_empty() && coded.iter().all(|text| !text.contains("oak@provider.example")), "{coded:?}");
}

#[test]
fn what_is_posted_has_no_code_and_claims_to_have_told_nobody_and_nothing_stays_queued() {
    let posted = Arc::new(Mutex::new(Arc::default()));
    let school = bad_week(|school| {
        *posted.lock().unwrap() = webhook(school);
        "webhook = \"file:hook.url\"".to_owned()
    });
    assert_eq!(stuck(&school), [Value::Null; 0]);
    let posted = posted.lock().unwrap().lock().unwrap().join("\n");
    assert!(posted.contains("ACTION NOW") && !posted.contains("Told: "), "{posted}");
    assert!(!posted.contains("code "), "{posted}");
}

#[test]
fn mail_and_a_program_together_reach_each_person_and_a_refused_one_is_named() {
    let relay = Relay::listens("head@");
    let alerts = relay.alerts();
    let school = bad_week(|_| alerts.clone());
    let took = relay.took.lock().unwrap();
    assert!(
        took.iter().any(|(to, text)| to.contains(&"oak@provider.example".to_owned()) && text.contains("ACTION NOW"))
    );
    assert!(took.iter().all(|(to, _)| to.iter().all(|address| !address.starts_with("head@"))));
    drop(took);
    // The head's own mail is refused: after four hours that is a finding with her name.
    let later = "2026-11-28T09:00:00Z";
    let status = school.dr(&["--at", later, "status"]);
    let line = status.stdout.lines().find(|line| line.contains("could not be sent")).unwrap_or_default();
    assert!(line.contains("to A. Ash since") && line.contains("dr doctor --send-test"), "{}", status.stdout);
    // Both ways: what one does not bring the other does.
    let school = bad_week(|_| format!("{alerts}\n{PROGRAM}"));
    assert!(handed_over(&school).iter().any(|text| text.contains("To acknowledge: code")));
    assert_eq!(stuck(&school), [Value::Null; 0]);
}

#[test]
fn whoever_cannot_be_mailed_is_not_said_to_have_been_told() {
    let relay = Relay::listens("");
    let school = School::begun();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("dr.toml", plan.replace("email = \"head@beechlane.example\"\n", "").as_bytes());
    with_alerts(&school, &relay.alerts());
    school.dr(&["--at", FRIDAY, "run", "--due"]).ended(0);
    fs::rename(school.path("school/office"), school.path("school/elsewhere")).unwrap();
    school.dr(&["--at", NEXT, "run", "--due"]).ended(1);
    let took = relay.took.lock().unwrap();
    let alert = took.iter().find(|(_, text)| text.contains("ACTION NOW")).unwrap();
    assert!(
        alert.1.contains("Told: J. Oak.") && alert.1.contains("A. Ash: the plan has no mail address"),
        "{}",
        alert.1
    );
    drop(took);
    let status = school.dr(&["--at", "2026-11-28T09:00:00Z", "status"]).stdout;
    assert!(status.contains("could not be sent to A. Ash since"), "{status}");
}

#[test]
fn a_timer_that_asks_for_quiet_hears_of_what_is_wrong_only() {
    let school = School::begun();
    let said = school.dr(&["--at", FRIDAY, "--quiet", "run", "--due"]).ended(0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    let said = school.dr(&["--at", "2026-11-20T22:00:00Z", "--quiet", "run", "mis"]).ended(0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    fs::rename(school.path("school/office"), school.path("school/elsewhere")).unwrap();
    let said = school.dr(&["--at", NEXT, "--quiet", "run", "--due"]).ended(1);
    assert!(said.stdout.contains("admin") && !said.stdout.contains("mis "), "{}", said.stdout);
}

#[test]
fn a_pool_without_a_disk_is_said_once_a_run() {
    let school = School::begun();
    let disks = "copies = [{ target = \"disks\", schedule = \"weekly on Thu at 21:00\", retention = { last = 2 } }]";
    school.plan_with("Email", disks);
    let said = school.dr(&["--at", FRIDAY, "run"]).ended(0).stdout;
    assert_eq!(said.matches("is registered yet").count(), 1, "{said}");
    assert!(said.contains("no disk of the pool weekly is registered yet (`dr media register`)"), "{said}");
}

#[test]
fn a_file_is_looked_for_in_all_systems_and_capital_letters_need_not_be_known() {
    let school = School::begun();
    school.write("school/office/Zoo trip.docx", b"zoo");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let found = school.with_key(&["find", "*.docx"]).ended(0).stdout;
    assert!(found.lines().count() == 1 && found.starts_with("admin ") && found.contains("Zoo trip.docx"), "{found}");
    assert!(school.with_key(&["find", "-i", "*ZOO*"]).ended(0).stdout.contains("Zoo trip.docx"));
    assert!(school.with_key(&["find", "admin", "-i", "zoo*"]).ended(0).stdout.contains("Zoo trip.docx"));
    let none = school.with_key(&["find", "zoo"]).ended(1);
    assert!(none.stdout.is_empty() && none.stderr.contains("`*zoo*`") && none.stderr.contains("-i"), "{}", none.stderr);
    let json = school.with_key(&["--json", "find", "*.docx"]).ended(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.as_array().unwrap().len(), &json[0]["system"]), (1, &"admin".into()));
    // A system that is misspelt beside a pattern is no pattern.
    school.with_key(&["find", "admn", "*.docx"]).ended(64);
    // What needs a second person is named and left out.
    school.plan_with("Admin files", "sensitive = true");
    let said = school.with_key(&["--by", "oak", "find", "*.docx"]).ended(3);
    assert!(said.stdout.is_empty() && said.stderr.contains("admin was not searched"), "{}", said.stderr);
    let said = school.with_key(&["--by", "oak", "find", "*.docx", "--approved-by", "ash"]).ended(0);
    assert!(said.stdout.contains("Zoo trip.docx"), "{}", said.stdout);
}

#[test]
fn a_dry_restore_in_place_names_what_it_would_replace() {
    let school = School::backed_up();
    school.write("school/office/year 1/letter-1.txt", b"somebody's work of today");
    let dry = ["restore", "admin", "--in-place", "--dry-run"];
    let said = school.with_key(&[&dry[..], &["-v"]].concat()).ended(0).stdout;
    assert!(said.contains("1 file there has other contents and would be replaced:"), "{said}");
    assert!(said.lines().any(|line| line.trim() == "year 1/letter-1.txt"), "{said}");
    let said = school.with_key(&dry).ended(0).stdout;
    assert!(said.contains("-v names them") && !said.contains("letter-1.txt"), "{said}");
    // A database is replaced whole.
    let said = school.with_key(&["restore", "mis", "--in-place", "--dry-run", "-v"]).ended(0).stdout;
    assert!(said.contains("mis.db"), "{said}");
}

#[test]
fn a_damaged_pack_prints_each_file_once_and_the_command_that_mends_it() {
    let school = School::backed_up();
    school.dr(&["--at", "2026-11-20T22:00:00Z", "run", "admin"]).ended(0);
    fs::remove_dir_all(school.path("offsite/ecc")).unwrap();
    school.damage("offsite");
    let said = school.with_key(&["--at", "2026-11-20T22:30:00Z", "check", "offsite", "--read-data"]).ended(3).stdout;
    let touched: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix("touches ")).collect();
    let once: BTreeSet<&str> = touched.iter().copied().collect();
    assert!(!touched.is_empty() && once.len() == touched.len(), "{said}");
    assert!(said.contains("in 2 snapshots)"), "{said}");
    assert!(
        said.contains("offsite: `dr repair --target offsite` mends it") && said.contains("nas should have it too"),
        "{said}"
    );
    let both = school.with_key(&["--at", "2026-11-20T22:30:00Z", "check", "--read-data"]).ended(3).stdout;
    assert!(both.contains("nothing of it is damaged on nas"), "{both}");
    let status = school.dr(&["--at", "2026-11-20T23:00:00Z", "status"]).stdout;
    let lines: Vec<&str> = status.lines().filter(|line| line.contains("found damaged")).collect();
    // One for all systems that it touches; the school's own record lies there as well.
    assert!(lines.iter().all(|line| line.contains("(`dr repair --target offsite`)")), "{status}");
    assert_eq!(lines.iter().filter(|line| !line.contains("own record")).count(), 1, "{status}");
    let dry = school
        .with_key(&["--at", "2026-11-20T22:40:00Z", "repair", "--target", "offsite", "--dry-run"])
        .ended(3)
        .stdout;
    let touched: Vec<&str> = dry.lines().filter_map(|line| line.trim().strip_prefix("touches ")).collect();
    assert_eq!(touched.iter().collect::<BTreeSet<_>>().len(), touched.len(), "{dry}");
}

#[test]
fn a_round_goes_on_when_who_leads_it_has_left_and_says_so_to_the_head() {
    let school = School::begun();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let left = "name = \"J. Oak\"\nleaves = 2026-11-19";
    let plan = plan.replace("name = \"J. Oak\"", left).replace("to = [\"ash\", \"oak\"]", "to = [\"oak\"]");
    school.write("dr.toml", format!("{plan}\n[alerts]\nto = [\"oak\"]\n{PROGRAM}\n").as_bytes());
    let said = school.dr(&["--at", FRIDAY, "run", "--due"]);
    assert!(
        said.stderr.contains("alert oak/leaver") && said.stdout.contains("admin"),
        "{}{}",
        said.stdout,
        said.stderr
    );
    let mails = handed_over(&school);
    assert!(
        mails.iter().any(|text| text.contains("J. Oak left on 19 Nov") && text.contains("head@beechlane.example")),
        "{mails:?}"
    );
    let status = school.dr(&["--at", FRIDAY, "status"]).ended(1).stdout;
    assert!(status.contains("name in the plan who follows J. Oak"), "{status}");
    // The letter goes to somebody who is here.
    let _ = school.dr(&["--at", NEXT, "run", "--due"]);
    let letters: Vec<Value> =
        events(&school, "message-queued").into_iter().filter(|one| one["kind"] == "letter").collect();
    assert!(!letters.is_empty() && letters.iter().all(|one| one["to"].to_string().contains("ash")), "{letters:?}");
}
