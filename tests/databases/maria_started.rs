//! A rehearsal at L3 of a MariaDB database: started in a closed room, counted, asked; and what a hostile dump gets there.

use std::fs;

use dr_source::Verdict;

use crate::maria_server::Server;
use crate::mariadb::{school, server};
use crate::school::{FRIDAY, Said, School};
use crate::started::{REHEARSE, answers, changed, nothing_is_left, rehearsed, with_key};
use crate::{LATER, told};

const LOADS: &str = "a new server loads the dump to its end and stops at the first error";
const ROWS: &str = "its tables have the rows that were counted at capture, counted by the server";

const QUESTIONS: &str = r#"
[[systems.mis.expect]]
say = "pupils on roll"
ask = "select count(*) from pupil"
within = "5%"
at-least = 100
[[systems.mis.expect]]
say = "newest posting"
ask = "select max(at) from posting"
newer-than = "26h"
[[systems.mis.expect]]
say = "newest mark"
ask = "select max(marked) from posting"
newer-than = "26h"
[[systems.mis.expect]]
say = "whose it is"
ask = "select 'Beech \"Lane\"'"
equals = "Beech \"Lane\""
"#;

const ASKED: &str = "set time_zone = '+03:00';
create table posting (at datetime, marked timestamp);
insert into posting values ('2026-11-20 13:09', '2026-11-20 16:09');";

/// Name, verdict and answer of each question that was asked again.
fn asked(said: &serde_json::Value) -> Vec<[String; 3]> {
    let all = said["systems"][0]["checks"].as_array().unwrap().iter();
    let word = |check: &serde_json::Value, key: &str| check[key].as_str().unwrap().to_owned();
    let rows = all.map(|check| [word(check, "name"), word(check, "verdict"), word(check, "actual")]);
    rows.filter(|[name, ..]| name.ends_with(", asked again")).collect()
}

#[test]
fn a_mariadb_database_is_started_counted_and_asked_or_nobody_says_so() {
    let server = server();
    server.sql("mis", ASKED);
    let school = school(&server, QUESTIONS);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let done = told(told(rehearsed(&school).ended(0), LOADS), ROWS).json();
    assert_eq!((&done["verdict"], &done["level"]), (&"verified".into(), &"L3".into()), "{done}");
    let rows = done["systems"][0]["checks"].as_array().unwrap().iter().find(|check| check["name"] == ROWS).unwrap();
    assert_eq!(rows["expected"], rows["actual"]);
    let moment = "Fri 20 Nov 2026 13:09";
    let expected = [
        ["pupils on roll", "450"],
        ["newest posting", moment],
        ["newest mark", moment],
        ["whose it is", "Beech \"Lane\""],
    ];
    let expected = expected.map(|[name, answer]| [format!("{name}, asked again"), "verified".into(), answer.into()]);
    assert_eq!(asked(&done), expected);
    nothing_is_left(&school);

    // Half the pupils are gone: told the same night. A question that goes wrong leaves the others theirs.
    server.sql("mis", "set foreign_key_checks = 0; delete from pupil where id > 225; drop table posting;");
    let run = school.dr(&["--at", LATER, "run", "mis"]);
    told(told(run, "pupils on roll\u{201d}: 225, and the last time 450"), "newest posting\u{201d}").ended(0);
    let again = rehearsed(&school).ended(2).json();
    let verdicts: Vec<_> = asked(&again).into_iter().map(|[_, verdict, _]| verdict).collect();
    assert_eq!(verdicts, ["verified", "could-not-verify", "could-not-verify", "verified"], "{again}");

    // Where the server is not installed.
    let hidden = "for one in /usr/sbin/mariadbd /usr/libexec/mariadbd /usr/bin/mariadbd; do \
                  test ! -e $one || mount --bind /dev/null $one; done";
    let absent = Said::of(changed(&with_key(&school, &REHEARSE), &["--mount"], hidden)).ended(2);
    told(told(absent, "MariaDB"), "apt-get install mariadb-server");
    school.with_key(&["restore", "mis", "--to", "back"]).ended(0);
    what_came_back_wrong_is_wrong(&school);
}

fn what_came_back_wrong_is_wrong(school: &School) {
    let wrong = || {
        let all = answers(school).unwrap();
        all.into_iter().filter(|check| check.verdict == Verdict::Wrong).map(|check| check.name).collect::<Vec<_>>()
    };
    let facts = school.path("back/dr-facts.json");
    let text = fs::read_to_string(&facts).unwrap();
    assert!(text.contains("\"pupil\": 225"), "{text}");
    fs::write(&facts, text.replace("\"pupil\": 225", "\"pupil\": 226")).unwrap();
    assert_eq!(wrong(), [ROWS]);
    fs::write(&facts, &text).unwrap();
    let dump = school.path("back/database/mis.sql");
    let whole = fs::read_to_string(&dump).unwrap();
    // In the middle of a statement, and at the end of one: that loads without an error, and has fewer tables.
    fs::write(&dump, &whole[..whole.find("INSERT INTO `pupil`").unwrap() + 40]).unwrap();
    assert_eq!(wrong(), [LOADS]);
    fs::write(&dump, &whole[..whole.find("DROP TABLE IF EXISTS `pupil`").unwrap()]).unwrap();
    assert_eq!(wrong(), [ROWS]);
    fs::write(&facts, text.replace("\"server\": \"", "\"server\": \"99.")).unwrap();
    let why = answers(school).unwrap_err();
    assert!(why.contains("or newer is needed") && why.contains("apt-get install mariadb-server"), "{why}");
}

/// What stands in a dump is code: each of these is tried in the room.
#[test]
fn what_a_mariadb_dump_does_when_it_is_loaded_reaches_nothing_of_the_machine() {
    let server = Server::begun();
    server.sql(
        "",
        "create database mis; create user drb@localhost identified by 'x'; grant all on mis.* to drb@localhost;",
    );
    server.sql("mis", "create table pupil (id int); insert into pupil values (1), (2);");
    let school = school(&server, "");
    school.write("password", b"x\n");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    school.with_key(&["restore", "mis", "--to", "back"]).ended(0);
    school.write("pupils", b"names\n");
    let (secret, out) = (school.path("pupils"), school.path("out"));
    let dump = school.path("back/database/mis.sql");
    let whole = fs::read_to_string(&dump).unwrap();
    let tried = |statement: &str| {
        let end = whole.rfind("-- Dump completed").unwrap();
        fs::write(&dump, format!("{}{statement}\n{}", &whole[..end], &whole[end..])).unwrap();
        answers(&school).unwrap().into_iter().map(|check| check.verdict).collect::<Vec<_>>()
    };
    assert_eq!(tried(""), [Verdict::Good, Verdict::Good]);
    for reaches in [
        format!("load data infile '{}' into table pupil;", secret.display()),
        format!("load data local infile '{}' into table pupil;", secret.display()),
        format!("create table stolen (it text not null); insert into stolen select load_file('{}');", secret.display()),
        format!("select * from pupil into outfile '{}';", out.display()),
        format!("\\! touch {}", out.display()),
        format!("source {}", secret.display()),
        "shutdown;".to_owned(),
    ] {
        let verdicts = tried(&reaches);
        assert!(!out.exists(), "{reaches}");
        assert!(verdicts.contains(&Verdict::Wrong), "{reaches}: {verdicts:?}");
    }
    nothing_is_left(&school);
}
