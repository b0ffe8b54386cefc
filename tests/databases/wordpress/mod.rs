//! A school's WordPress on nginx, php-fpm and MariaDB: captured under edits, served from what came back, and put back over a
//! defaced one.

pub mod site;
mod web;

use std::fs::{self, File, FileTimes};
use std::net::TcpListener;
use std::path::Path;

use dr_source::Verdict;

use crate::maria_server::Server;
use crate::school::{FRIDAY, School};
use crate::started::{answers, nothing_is_left, rehearsed};
use crate::told;
use site::{Editing, NAME, PICTURE, config, edition, made, seen};
use web::Web;

fn school(server: &Server) -> School {
    let school = School::new();
    let (path, url) = (school.path("html"), server.url("drb", "wordpress"));
    let plan = format!(
        r#"
state = "state"
[school]
name = "{NAME}"
[people.ash]
name = "A. Ash"
email = "head@hazelbank.example"
roles = ["head", "it-lead"]
[targets.nas]
url = "nas"
class = "onsite"
[systems.website]
title = "Website"
source = {{ kind = "website", path = "{}", database = "{url}", exclude = ["/wp-content/cache"] }}
schedule = "daily at 19:00"
targets = ["nas"]
[[systems.website.expect]]
say = "the term dates"
page = "/page-2/"
contains = "TERM DATES"
[report]
weekly = "Fri 07:30"
to = ["ash"]
"#,
        path.display()
    );
    school.write("dr.toml", plan.as_bytes());
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school
}

/// A part of the website that ends its pages in an error if it reaches anything outside of a closed room, or if `more` holds.
fn prying(school: &School, server: &Server, port: u16, more: &str) {
    let (key, state) = (school.path("recovery.key"), school.path("state"));
    let text = format!(
        "<?php
if (is_dir('/scratch') && (@file_get_contents('{}') || @scandir('{}') || @stream_socket_client('unix://{}')
    || @fsockopen('127.0.0.1', {port}, $number, $text, 1) || @file_put_contents('/usr/bin/x', 'x') || is_dir('/proc/1')
    || posix_getuid() === 0 || getenv('DR_KEY_FILE') {more})) {{
    hazel_reached_something();
}}
",
        key.display(),
        state.display(),
        server.socket().display()
    );
    fs::write(school.path(PRYING), text).unwrap();
}

const PRYING: &str = "html/wp-content/mu-plugins/prying.php";

/// At L3: what came back is served in a closed room.
fn served_in_a_room(school: &School) {
    let done = rehearsed(school).ended(0).json();
    assert_eq!((&done["verdict"], &done["level"]), (&"verified".into(), &"L3".into()), "{done}");
    let checks = done["systems"][0]["checks"].as_array().unwrap();
    let actual = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {done}"));
        check["actual"].as_str().unwrap()
    };
    assert_eq!(actual("its front page is served"), format!("200, \u{201c}{NAME}\u{201d}"));
    assert_eq!(actual("its newest posts and pages are served, each with its title"), "9 of 9");
    assert!(actual("its newest upload is served, byte for byte as it came back").starts_with("200, "));
    assert!(actual("no page ends in an error of PHP").starts_with("0 in PHP "));
    assert_eq!(actual("the term dates, served again"), "200, with \u{201c}TERM DATES\u{201d}");
    assert!(!done["not_tested"].to_string().contains("No application was started"), "{done}");
    nothing_is_left(school);
}

/// What is not good of a website that was restored to `back`.
fn found(school: &School) -> Vec<(Verdict, String)> {
    let all = answers(school).unwrap().into_iter().filter(|check| check.verdict != Verdict::Good);
    all.map(|check| (check.verdict, format!("{}: {}", check.name, check.actual))).collect()
}

/// Changes a file without its size or its time telling.
fn defaced(path: &Path) {
    let before = fs::read(path).unwrap();
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut text = b"<?php exit('DEFACED'); ?>".to_vec();
    assert!(text.len() < before.len());
    text.resize(before.len(), b' ');
    fs::write(path, text).unwrap();
    File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn a_schools_wordpress_is_captured_under_edits_served_again_and_put_back_over_a_defaced_one() {
    let server = Server::begun();
    let school = school(&server);
    let html = school.path("html");
    let web = made(&server, &html);
    let loopback = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = loopback.local_addr().unwrap().port();
    prying(&school, &server, port, "");
    let then = seen(&web);
    assert!(then[0].contains(NAME) && then[1].contains("Edition 0;"), "{}", then[1]);

    let editing = Editing::begun(&server, &html);
    let said = school.dr(&["--at", FRIDAY, "run"]);
    drop(editing);
    // What changes its names while it is read is named.
    assert!(matches!(said.code, Some(0 | 3)), "{}{}", said.stdout, said.stderr);
    let last = edition(&server, "wordpress");

    served_in_a_room(&school);

    // Elsewhere: another folder, another database, the same name.
    school.with_key(&["restore", "website", "--to", "back"]).ended(0);
    school.with_key(&["restore", "website", "--to", &server.url("root", "wp_then")]).ended(0);
    server.sql("", "grant all on wp_then.* to wp@localhost");
    let back = school.path("back/site");
    fs::write(back.join("wp-config.php"), config(&server, "wp_then")).unwrap();
    let captured = edition(&server, "wp_then");
    assert!(captured > 0 && captured < last, "{captured} of {last}");
    let expected: Vec<_> =
        then.iter().map(|page| page.replace("Edition 0;", &format!("Edition {captured};"))).collect();
    let elsewhere = Web::serving(&back);
    assert_eq!(seen(&elsewhere), expected);
    let picture = format!("/{PICTURE}");
    assert!(elsewhere.get(&picture).body == web.get(&picture).body && web.get(&picture).body.len() == 160_000);
    // Every picture that the database knows is there.
    let known = server.sql("wp_then", "select meta_value from hb_postmeta where meta_key = '_wp_attached_file'");
    assert!(known.lines().count() > 2, "{known}");
    for name in known.lines() {
        assert!(back.join("wp-content/uploads").join(name).exists(), "{name} is in the database alone");
    }
    drop(elsewhere);

    // What does not run is wrong.
    prying(&school, &server, port, "|| is_file('/usr/bin/env')");
    let broken = fs::read(school.path(PRYING)).unwrap();
    fs::write(back.join("wp-content/mu-plugins/prying.php"), broken).unwrap();
    let wrong = found(&school);
    assert!(
        wrong.iter().any(|(verdict, told)| *verdict == Verdict::Wrong && told.contains("served: 500")),
        "{wrong:?}"
    );

    // Somebody breaks in.
    defaced(&html.join("index.php"));
    fs::write(html.join("wp-content/themes/hazel/index.php"), "<?php echo 'DEFACED';").unwrap();
    fs::write(html.join("wp-content/uploads/2026/evil.php"), "<?php echo 'a way in';").unwrap();
    fs::remove_file(html.join("wp-includes/version.php")).unwrap();
    server.sql("wordpress", "update hb_posts set post_content = 'DEFACED'; delete from hb_posts where ID > 15");
    assert!(web.get("/").text().contains("DEFACED") && web.get("/wp-content/uploads/2026/evil.php").status == 200);
    let newest =
        school.with_key(&["--json", "snapshots", "website"]).ended(0).json()[0]["id"].as_str().unwrap().to_owned();
    let in_place =
        ["restore", "website", "--in-place", "--yes", "--delete", "--account", "root", "--snapshot", &newest];
    let said = school.with_key(&[&in_place[..], &["--replace", "wordpress"]].concat()).ended(0);
    let said = told(said, "loaded as the database wordpress");
    assert!(!format!("{}{}", said.stdout, said.stderr).contains("never-shown"));
    assert_eq!(seen(&web), expected);
    assert!(web.get(&picture).body.len() == 160_000 && web.get("/wp-content/uploads/2026/evil.php").status == 404);
}
