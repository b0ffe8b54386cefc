//! A living website: its database and its folder, captured as one recovery point and brought back.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dr_source::Verdict;

use crate::maria_server::Server;
use crate::school::{FRIDAY, Said, School};
use crate::started::{REHEARSE, answers, changed, rehearsed, with_key};
use crate::{LATER, founded, snapshots, told};

/// What a content system keeps: posts, and the uploads that they show.
const WP: &str = "
create table posts (id int auto_increment primary key, title text);
insert into posts (title) values ('Snow day'), ('It''s sports day (again)');
create table uploads (name varchar(80) primary key);
insert into uploads values ('school.jpg');
create user drb@localhost;
grant select, show view, trigger, event on wp.* to drb@localhost;
grant select on mysql.proc to drb@localhost;
";

fn server() -> Server {
    let server = Server::begun();
    server.sql("", "create database wp");
    server.sql("wp", WP);
    server
}

fn source(server: &Server, school: &School, more: &str) -> String {
    let (path, url) = (school.path("html"), server.url("drb", "wp"));
    format!(
        "kind = \"website\", path = \"{}\", database = \"{url}\", exclude = [\"/wp-content/cache\"]{more}",
        path.display()
    )
}

/// A school with the website of `server`.
fn school(server: &Server) -> School {
    let school = School::new();
    for (name, text) in [
        ("html/index.php", "<?php echo 'the front page of Hazel Bank';"),
        ("html/wp-config.php", "<?php define('DB_PASSWORD', 'kept and never shown');"),
        ("html/wp-content/uploads/school.jpg", "a picture"),
        ("html/wp-content/cache/page.html", "made again"),
    ] {
        school.write(name, text.as_bytes());
    }
    let source = source(server, &school, "");
    founded(school, &source, r#""nas""#, "")
}

/// Somebody who uploads: each time first the file, and then the row that names it, until this is dropped.
struct Uploading {
    stop: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Uploading {
    fn begun(server: &Server, school: &School) -> Self {
        let mut client = server.client("mariadb");
        let mut child = client.args(["--unbuffered", "wp"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let (stop, folder) = (Arc::new(AtomicBool::new(false)), school.path("html/wp-content/uploads"));
        let stopped = Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            for count in 0.. {
                fs::write(folder.join(format!("{count}.jpg")), format!("picture {count}")).unwrap();
                let row = format!("insert into uploads values ('{count}.jpg');\n");
                std::io::Write::write_all(&mut to, row.as_bytes()).unwrap();
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            drop(to);
            child.wait().unwrap();
        });
        std::thread::sleep(Duration::from_millis(100));
        Self { stop, writer: Some(writer) }
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[test]
fn a_website_under_edits_is_one_recovery_point_and_comes_back_over_a_defaced_one() {
    let server = server();
    let school = school(&server);
    let uploading = Uploading::begun(&server, &school);
    // What changes its names while it is read is named.
    let said = school.dr(&["--at", FRIDAY, "run"]);
    drop(uploading);
    assert!(matches!(said.code, Some(0 | 3)), "{}{}", said.stdout, said.stderr);
    let first = snapshots(&school);
    assert_eq!(first.len(), 1);

    // Every upload that the database knows is in the folder.
    let back = school.with_key(&["restore", "mis", "--to", "back"]);
    told(told(back, "mariadb-admin create"), "cp -a ");
    school.with_key(&["restore", "mis", "--to", &server.url("root", "wp_then")]).ended(0);
    let known = server.sql("wp_then", "select name from uploads order by name");
    assert!(known.lines().count() > 5, "{known}");
    for name in known.lines() {
        assert!(school.path("back/site/wp-content/uploads").join(name).exists(), "{name} is in the database alone");
    }
    assert!(school.path("back/site/wp-config.php").exists() && !school.path("back/site/wp-content/cache").exists());
    told(school.with_key(&["--json", "restore", "--rehearse", "--level", "L2"]).ended(0), "counted in the dump");
    // A program that dr does not know is served, and it is said if it does not answer.
    told(rehearsed(&school).ended(0), "\"actual\":\"200, no title\"");
    let php = fs::canonicalize("/usr/bin/php").expect("no PHP is here: apt-get install php-cli php-mysql");
    let no_php = format!("mount --bind /dev/null {}", php.display());
    let absent = Said::of(changed(&with_key(&school, &REHEARSE), &["--mount"], &no_php)).ended(2);
    told(told(absent, "no PHP is on this machine"), "apt-get install php-cli php-mysql");
    fs::write(school.path("back/site/index.php"), "<?php http_response_code(503);").unwrap();
    let unknown: Vec<_> = answers(&school).unwrap().into_iter().filter(|one| one.verdict != Verdict::Good).collect();
    assert!(
        matches!(&unknown[..], [one] if one.verdict == Verdict::NotKnown && one.actual.contains("503")),
        "{unknown:?}"
    );

    // Some files alone, without its database.
    fs::write(school.path("html/index.php"), "defaced").unwrap();
    school.with_key(&["restore", "mis", "--in-place", "--yes", "--path", "index.php"]).ended(0);
    assert!(fs::read_to_string(school.path("html/index.php")).unwrap().contains("Hazel Bank"));

    // All of it, over one that somebody has broken into.
    fs::write(school.path("html/index.php"), "defaced").unwrap();
    fs::write(school.path("html/wp-content/evil.php"), "a way in").unwrap();
    server.sql("wp", "delete from uploads; update posts set title = 'defaced'");
    let in_place = ["restore", "mis", "--in-place", "--yes", "--delete", "--account", "root", "--snapshot", &first[0]];
    told(school.with_key(&in_place).ended(64), "--replace wp");
    let said = school.with_key(&[&in_place[..], &["--replace", "wp"]].concat()).ended(0);
    let said = told(told(said, "what lived before was backed up first"), "loaded as the database wp");
    assert!(!format!("{}{}", said.stdout, said.stderr).contains("never shown"));
    assert_eq!(server.sql("wp", "select name from uploads order by name"), known);
    assert_eq!(server.sql("wp", "select title from posts where id = 1"), "Snow day");
    assert!(fs::read_to_string(school.path("html/index.php")).unwrap().contains("Hazel Bank"));
    assert!(!school.path("html/wp-content/evil.php").exists());
    assert!(school.path("html/wp-content/cache/page.html").exists(), "what captures leave out stays");
    assert_eq!(snapshots(&school).len(), 2);
}

#[test]
fn each_part_of_a_website_holds_something_or_nothing_is_kept() {
    let server = server();
    let school = school(&server);
    let fails = |words: &str| {
        told(school.dr(&["--at", FRIDAY, "run", "mis"]).ended(1), words);
        assert_eq!(snapshots(&school).len(), 0);
    };
    // An empty folder beside a good dump.
    fs::rename(school.path("html"), school.path("aside")).unwrap();
    fails("the source is missing");
    fs::create_dir_all(school.path("html/wp-content/uploads")).unwrap();
    fails("the source is empty");
    fs::create_dir_all(school.path("html/wp-content/cache")).unwrap();
    fs::write(school.path("html/wp-content/cache/page.html"), "made again").unwrap();
    fails("the source is left out");
    // A good folder beside a dump that is empty, of no table, or cut off.
    fs::remove_dir_all(school.path("html")).unwrap();
    fs::rename(school.path("aside"), school.path("html")).unwrap();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let with = |script: &str| {
        let text = format!("#!/bin/sh\n[ \"$1\" = --version ] && exec /usr/bin/mariadb-dump --version\n{script}\n");
        school.write("bin/mariadb-dump", text.as_bytes());
        school.write("bin/mariadb", b"#!/bin/sh\nexec /usr/bin/mariadb \"$@\"\n");
        for program in ["bin/mariadb-dump", "bin/mariadb"] {
            fs::set_permissions(school.path(program), Permissions::from_mode(0o755)).unwrap();
        }
        let source = source(&server, &school, ", programs = \"bin\"");
        let new = plan.lines().map(|line| match line.starts_with("source") {
            true => format!("source = {{ {source} }}\n"),
            false => format!("{line}\n"),
        });
        school.write("dr.toml", new.collect::<String>().as_bytes());
    };
    with("exit 0");
    fails("wrote nothing");
    with("echo '-- Dump completed'");
    fails("there is no table in the database");
    with("/usr/bin/mariadb-dump \"$@\" | sed '/^UNLOCK TABLES/q'");
    fails("it was cut off");
    with("/usr/bin/mariadb-dump \"$@\"; exit 3");
    fails("exit status: 3");
    with("exec /usr/bin/mariadb-dump \"$@\"");
    server.stop();
    fails("Can't connect");
    server.start();
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    assert_eq!(snapshots(&school).len(), 1);
}
