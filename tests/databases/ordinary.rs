//! A whole school is rehearsed at L3 by an ordinary account, without root and without a network: every system comes back, is
//! started or opened, and answers as it did when it was captured.

use std::fs;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bare;
use crate::maria_server::Server;
use crate::postgres::server;
use crate::school::{FRIDAY, Said, School, files};
use crate::wordpress::site::made;

/// An account that is nobody's.
const SOMEBODY: u32 = 54_322;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Gives all of it to that account.
fn given(top: &Path) {
    let mut all = vec![top.to_owned()];
    while let Some(path) = all.pop() {
        lchown(&path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        if path.is_dir() && !path.is_symlink() {
            all.extend(fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
        }
    }
}

/// The same command, as an account without any right and in a network of its own, which has nothing in it. Who is not root
/// is such an account already.
fn ordinary(command: &Command, program: &Path) -> Command {
    let mut inside = bare::bare("unshare");
    match is_root() {
        true => {
            let account = [format!("--reuid={SOMEBODY}"), format!("--regid={SOMEBODY}")];
            inside.args(["--net", "setpriv"]).args(account).args([
                "--clear-groups",
                "--bounding-set=-all",
                "--no-new-privs",
            ])
        }
        false => inside.args(["--user", "--map-current-user", "--net"]),
    };
    inside.arg(program).args(command.get_args());
    inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    inside.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(command.get_current_dir().unwrap());
    inside
}

/// Wherever the program lies, any account may start this one.
fn for_everybody(school: &School) -> PathBuf {
    let open = school.path("dr");
    fs::copy(env!("CARGO_BIN_EXE_dr"), &open).unwrap();
    open
}

/// What that account runs, of all accounts' processes.
fn processes() -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let of_it = all.filter(|process| {
        let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("Uid:") && line.contains(&SOMEBODY.to_string()))
    });
    of_it.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok()).collect()
}

#[test]
fn a_whole_school_is_rehearsed_at_l3_without_root_and_without_a_network() {
    let server = server();
    let maria = Server::begun();
    let school = School::new();
    // A website, and beside it a database of the same server as a system by itself.
    drop(made(&maria, &school.path("html")));
    maria.sql(
        "",
        "create database meals; grant select, show view, trigger, event on meals.* to drb@localhost;
         create table meals.meal (id int primary key); use meals; insert into meal select seq from seq_1_to_300;",
    );
    for n in 0..5 {
        school.write(&format!("school/office/letter {n}.pdf"), format!("%PDF-1.4\n{n}\n%%EOF\n").as_bytes());
    }
    let systems = [
        (
            "mis",
            format!(
                "kind = \"postgres\", url = \"{}\", programs = \"{}\"",
                server.url("dr", "mis"),
                server.bin().display()
            ),
        ),
        ("admin", "kind = \"files\", paths = [\"school/office\"]".to_owned()),
        ("register", "kind = \"sqlite\", path = \"school/mis.db\"".to_owned()),
        ("email", "kind = \"maildir\", path = \"school/mail\"".to_owned()),
        ("meals", format!("kind = \"mariadb\", url = \"{}\"", maria.url("drb", "meals"))),
        ("website", format!("kind = \"website\", path = \"html\", database = \"{}\"", maria.url("drb", "wordpress"))),
    ];
    let systems = systems.map(|(id, source)| {
        format!("[systems.{id}]\nsource = {{ {source} }}\nschedule = \"daily at 19:00\"\ntargets = [\"nas\"]\n")
    });
    let plan = format!(
        "state = \"state\"\n[school]\nname = \"Beech Lane Infant School\"\n\
         [people.ash]\nname = \"A. Ash\"\nemail = \"head@beechlane.example\"\nroles = [\"head\", \"it-lead\"]\n\
         [targets.nas]\nurl = \"nas\"\nclass = \"onsite\"\n{}\
         [[systems.mis.expect]]\nsay = \"pupils on roll\"\nask = \"select count(*) from pupil where left_on is null\"\nwithin = \"5%\"\n\
         [[systems.meals.expect]]\nsay = \"meals\"\nask = \"select count(*) from meal\"\nat-least = 100\n\
         [[systems.website.expect]]\nsay = \"posts\"\nask = \"select count(*) from hb_posts\"\nat-least = 5\n\
         [[systems.website.expect]]\nsay = \"the front page\"\npage = \"/\"\ncontains = \"Hazel\"\n\
         [[systems.register.expect]]\nsay = \"pupils in the register\"\nask = \"select count(*) from pupil\"\nat-least = 40\n",
        systems.concat()
    );
    school.write("dr.toml", plan.as_bytes());
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let program = for_everybody(&school);
    if is_root() {
        given(&school.path(""));
    }

    let mut command = school.command(&["--json", "restore", "--rehearse", "--level", "L3"]);
    command.env("DR_KEY_FILE", school.path("recovery.key"));
    let said = Said::of(ordinary(&command, &program)).ended(0);
    let done = said.json();
    assert_eq!((&done["verdict"], &done["level"]), (&"verified".into(), &"L3".into()), "{done}");
    let parts = done["systems"].as_array().unwrap();
    assert_eq!(parts.len(), 6, "{done}");
    for part in parts {
        assert_eq!((&part["verdict"], &part["level"]), (&"verified".into(), &"L3".into()), "{part}");
        let checks = part["checks"].as_array().unwrap();
        assert!(checks.iter().all(|check| check["verdict"] == "verified"), "{part}");
    }
    // What a head reads: the question, what was answered when it was captured, and what is answered now.
    let papers = files(&school.path("state/evidence"));
    let text = papers.iter().find(|path| path.extension().is_some_and(|end| end == "txt")).unwrap();
    let text = fs::read_to_string(text).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "VERIFIED - 6 systems brought back on scratch and found right",
        "VERIFIED pupils on roll, asked again: expected 450, as at capture, found 450",
        "VERIFIED meals, asked again: expected 300, as at capture, found 300",
        "VERIFIED posts, asked again: expected 11, as at capture, found 11",
        "VERIFIED the front page, served again",
        "VERIFIED pupils in the register, asked again: expected 45, as at capture, found 45",
    ] {
        assert!(text.contains(words), "not in the evidence: {words}\n{text}");
    }
    // Nothing stays: no file, no mount, no process.
    let scratch = school.path("cache/scratch");
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(scratch.to_str().unwrap()));
    // What has ended stands in the list until the machine has noticed.
    for _ in 0..100 {
        if processes().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(processes(), Vec::<String>::new());
    // It was such an account, and its network was empty.
    let mut asks = bare::bare("sh");
    asks.args(["-c", "id -u; grep -c : /proc/net/dev"]).current_dir(school.path(""));
    let who = Said::of(ordinary(&asks, Path::new("sh"))).ended(0);
    let words: Vec<&str> = who.stdout.split_whitespace().collect();
    assert!(words.len() == 2 && words[0] != "0" && words[1] == "1", "{words:?}");
}
