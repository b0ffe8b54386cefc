//! A website whose folder is on another machine: read by SFTP after the moment of its database, and brought back.

use std::fs::{self, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use crate::maria_server::Server;
use crate::school::{FRIDAY, Said, School};
use crate::ssh_server::SshServer;
use crate::started::rehearsed;
use crate::{LATER, bare, founded, snapshots, told};

const WP: &str = "
create table posts (id int auto_increment primary key, title text);
insert into posts (title) values ('Snow day');
create user drb@localhost;
grant select, show view, trigger, event on wp.* to drb@localhost;
grant select on mysql.proc to drb@localhost;
";

/// What stands on the other machine, and when it was last changed.
const FILES: [(&str, &str); 6] = [
    ("index.php", "<?php echo 'the front page of Hazel Bank';"),
    ("wp-config.php", "<?php define('DB_PASSWORD', 'kept and never shown');"),
    ("wp-content/uploads/a b.jpg", "a picture"),
    ("wp-content/uploads/r\u{e9}sum\u{e9} \"1\".txt", "text"),
    ("wp-content/cache/page.html", "made again"),
    ("empty.txt", ""),
];

fn place(path: &std::path::Path, contents: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
    // Long before any run.
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_583_000_000);
    fs::File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(then)).unwrap();
}

fn source(ssh: &SshServer, database: &Server, school: &School) -> String {
    format!(
        "kind = \"website\", url = \"{}\", database = \"{}\", key = \"{}\", known-hosts = \"{}\", exclude = [\"/wp-content/cache\"]",
        ssh.url(&school.path("there/html")),
        database.url("drb", "wp"),
        ssh.key().display(),
        ssh.known().display()
    )
}

fn world() -> (Server, SshServer, School) {
    let database = Server::begun();
    database.sql("", "create database wp");
    database.sql("wp", WP);
    let ssh = SshServer::begun();
    let school = School::new();
    for (name, text) in FILES {
        place(&school.path("there/html").join(name), text.as_bytes());
    }
    let large: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
    place(&school.path("there/html/wp-content/uploads/film.mp4"), &large);
    // A loop of links, and one that leads out.
    symlink("..", school.path("there/html/wp-content/loop")).unwrap();
    symlink("/etc/passwd", school.path("there/html/out")).unwrap();
    for n in 0..300 {
        place(&school.path(&format!("there/html/many/{n}.txt")), format!("file {n}").as_bytes());
    }
    let source = source(&ssh, &database, &school);
    let school = founded(school, &source, r#""nas""#, "");
    (database, ssh, school)
}

/// One run that keeps nothing, and says why.
#[track_caller]
fn fails(school: &School, words: &str) {
    let kept = snapshots(school).len();
    told(school.dr(&["--at", FRIDAY, "run", "mis"]).ended(1), words);
    assert_eq!(snapshots(school).len(), kept);
}

#[test]
fn a_website_of_another_machine_is_one_recovery_point_and_comes_back() {
    let (database, ssh, school) = world();
    let html = school.path("there/html");
    told(school.dr(&["doctor"]), "the account may read all of it");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    assert_eq!(snapshots(&school).len(), 1);
    told(school.with_key(&["--json", "restore", "--rehearse", "--level", "L2"]).ended(0), "counted in the dump");
    told(rehearsed(&school).ended(0), "\"actual\":\"200, no title\"");

    let back = school.with_key(&["restore", "mis", "--to", "back"]).ended(0);
    let site = school.path("back/site");
    for (name, text) in FILES.iter().filter(|(name, _)| !name.contains("cache")) {
        let (was, is) = (html.join(name).metadata().unwrap(), site.join(name).metadata().unwrap());
        assert_eq!(
            (was.mode(), was.uid(), was.gid(), was.mtime()),
            (is.mode(), is.uid(), is.gid(), is.mtime()),
            "{name}"
        );
        assert_eq!(fs::read_to_string(site.join(name)).unwrap(), *text);
    }
    let film = "wp-content/uploads/film.mp4";
    assert!(fs::read(site.join(film)).unwrap() == fs::read(html.join(film)).unwrap());
    assert!(!site.join("wp-content/cache").exists() && fs::read_dir(site.join("many")).unwrap().count() == 300);
    assert_eq!(fs::read_link(site.join("wp-content/loop")).unwrap().to_str(), Some(".."));
    assert_eq!(fs::read_link(site.join("out")).unwrap().to_str(), Some("/etc/passwd"));

    // An unchanged file is not read again: one that may be listed and no longer read is no fault. A changed one is read.
    let account = "exec setpriv --reuid=65534 --regid=65534 --clear-groups /usr/lib/openssh/sftp-server";
    ssh.serve(account);
    for folder in [school.path(""), school.path("there")] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(html.join("index.php"), "<?php echo 'the new front page';").unwrap();
    fs::set_permissions(html.join("wp-config.php"), Permissions::from_mode(0o600)).unwrap();
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    // What is new and may not be read is named.
    place(&html.join("secret/key.pem"), b"a key");
    fs::set_permissions(html.join("secret/key.pem"), Permissions::from_mode(0o600)).unwrap();
    place(&html.join("closed/inner.txt"), b"inner");
    fs::set_permissions(html.join("closed"), Permissions::from_mode(0o700)).unwrap();
    let said = school.dr(&["--at", "2026-11-21T22:30:00Z", "run", "mis"]).ended(3);
    told(told(said, "site/secret/key.pem"), "site/closed");
    ssh.serve("exec /usr/lib/openssh/sftp-server");
    assert_eq!(snapshots(&school).len(), 3);

    // The commands that were shown put it all back where it was.
    let shown = format!("{}{}", back.stdout, back.stderr);
    let line = shown.lines().find(|line| line.contains("sftp -b -")).expect("no command for the folder");
    fs::write(html.join("index.php"), "defaced").unwrap();
    fs::remove_dir_all(html.join("many")).unwrap();
    let mut put = bare::bare("/bin/sh");
    put.env("PATH", "/usr/bin:/bin").current_dir(school.path("")).args(["-c", line.trim()]);
    let put = put.output().unwrap();
    assert!(put.status.success(), "{line}\n{}", String::from_utf8_lossy(&put.stderr));
    assert_eq!(fs::read_to_string(html.join("index.php")).unwrap(), FILES[0].1);
    assert_eq!(fs::read_dir(html.join("many")).unwrap().count(), 300);

    // In place the database comes back, and it is said that the folder did not.
    database.sql("wp", "update posts set title = 'defaced'");
    let in_place = ["restore", "mis", "--in-place", "--yes", "--account", "root", "--replace", "wp"];
    told(school.with_key(&[&in_place[..], &["--delete"]].concat()).ended(64), "dr writes nothing there");
    told(school.with_key(&in_place).ended(3), "only the database was put back");
    assert_eq!(database.sql("wp", "select title from posts where id = 1"), "Snow day");
    told(school.with_key(&["restore", "mis", "--in-place", "--yes", "--path", "site/index.php"]).ended(64), "--to DIR");
}

#[test]
fn nothing_is_kept_of_a_website_that_is_not_reached_or_not_whole() {
    let (_database, mut ssh, school) = world();
    let html = school.path("there/html");
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();

    // Who is there, and who comes.
    ssh.know("other");
    fails(&school, "the host key of 127.0.0.1 is not the one in");
    told(school.dr(&["doctor"]), "the host key of 127.0.0.1 is not the one in");
    fs::write(ssh.known(), "").unwrap();
    fails(&school, "no host key of 127.0.0.1 is in");
    ssh.know("host");
    let with = |from: &str, to: &str| school.write("dr.toml", plan.replace(from, to).as_bytes());
    with("/client\"", "/stranger\"");
    fails(&school, "127.0.0.1 refused the login of root with");
    with("/client\"", "/none\"");
    fails(&school, "/none: No such file");
    fs::set_permissions(ssh.key(), Permissions::from_mode(0o644)).unwrap();
    with("", "");
    fails(&school, "may be read by others");
    fs::set_permissions(ssh.key(), Permissions::from_mode(0o600)).unwrap();
    with("sftp://root@127.0.0.1", "sftp://root@-oProxyCommand=true");
    fails(&school, "its host is no name");
    with("", "");

    // What is served there.
    ssh.serve("echo Welcome to your school; cat");
    fails(&school, "what 127.0.0.1 answers is not SFTP");
    ssh.serve("exec head -c 100000 /dev/urandom");
    fails(&school, "127.0.0.1");
    // It is cut off in the middle of a file.
    ssh.serve("/usr/lib/openssh/sftp-server | dd bs=64k count=200 2>/dev/null");
    fails(&school, "the connection to 127.0.0.1 was lost");
    ssh.serve("exec /usr/lib/openssh/sftp-server");

    // What stands there, beside a good dump.
    fs::rename(&html, school.path("there/aside")).unwrap();
    fails(&school, "it is not there");
    fs::create_dir_all(html.join("wp-content/uploads")).unwrap();
    fails(&school, "the source is empty");
    place(&html.join("wp-content/cache/page.html"), b"made again");
    fails(&school, "the source is left out");
    fs::remove_dir_all(&html).unwrap();
    // A folder that a link stands for is that folder.
    symlink("aside", &html).unwrap();
    school.dr(&["--at", FRIDAY, "run", "mis"]).ended(0);

    let no_ssh = format!("mount --bind /dev/null {}", fs::canonicalize("/usr/bin/ssh").unwrap().display());
    let said =
        Said::of(crate::started::changed(&school.command(&["--at", LATER, "run", "mis"]), &["--mount"], &no_ssh));
    told(said.ended(1), "ssh: it");
    ssh.stop();
    fails(&school, "there is no connection to 127.0.0.1");
    assert_eq!(snapshots(&school).len(), 1);
}
