//! A school's website: WordPress as its package has it, installed as a person does, with pages, a picture, and somebody who
//! goes on editing.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::web::{HOST, Web};
use crate::bare;
use crate::maria_server::Server;

pub const NAME: &str = "Hazel Bank Junior School";
/// What is on it besides the front page.
pub const PAGES: [&str; 10] = [
    "Sports day",
    "It's a snow day: school is shut",
    "Term dates",
    "Lunch & dinner money",
    "Our governors",
    "Year 3's trip",
    "Admissions",
    "The choir sings",
    "Café for parents",
    "Safeguarding",
];
pub const PICTURE: &str = "wp-content/uploads/2026/11/sports-day.jpg";
const PACKAGE: &str = "/usr/share/wordpress";
const PASSWORD: &str = "kept-and-never-shown";

const THEME: &str = "<!DOCTYPE html>
<html><head><title><?php wp_title('|', true, 'right'); bloginfo('name'); ?></title><?php wp_head(); ?></head>
<body><h1><?php bloginfo('name'); ?></h1>
<?php while (have_posts()) { the_post(); ?>
<article><h2><?php the_title(); ?></h2><?php the_content(); ?></article>
<?php } wp_footer(); ?>
</body></html>
";

/// It asks nothing of the internet, and sends no mail.
const QUIET: &str = "<?php
add_filter('pre_http_request', function () { return new WP_Error('no', 'nothing is asked outside'); });
add_filter('pre_wp_mail', '__return_true');
";

/// The program's configuration, for a database of this name.
pub fn config(server: &Server, database: &str) -> String {
    format!(
        "<?php
define('DB_NAME', '{database}');
define('DB_USER', 'wp');
define('DB_PASSWORD', '{PASSWORD}');
define('DB_HOST', 'localhost:{}');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('AUTH_KEY', 'one');
define('SECURE_AUTH_KEY', 'two');
define('LOGGED_IN_KEY', 'three');
define('NONCE_KEY', 'four');
define('DISABLE_WP_CRON', true);
$table_prefix = 'hb_';
if (!defined('ABSPATH')) {{ define('ABSPATH', __DIR__ . '/'); }}
require_once ABSPATH . 'wp-settings.php';
",
        server.socket().display()
    )
}

/// Makes it in the folder, with the database `wordpress` of the server, and serves it.
pub fn made(server: &Server, html: &Path) -> Web {
    assert!(Path::new(PACKAGE).join("wp-load.php").exists(), "no WordPress is here: apt-get install wordpress");
    // Some of it are links into other packages.
    let copied = bare::bare("/bin/cp").args(["-rL", PACKAGE]).arg(html).status().unwrap();
    assert!(copied.success());
    // What browsers fetch for those who write: a quarter of its files, of which no page here makes use.
    for folder in ["wp-includes/js", "wp-admin/js", "wp-admin/css", "wp-admin/images"] {
        fs::remove_dir_all(html.join(folder)).unwrap();
    }
    let write = |name: &str, text: &[u8]| {
        let path = html.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("wp-config.php", config(server, "wordpress").as_bytes());
    write("wp-content/themes/hazel/style.css", b"/*\nTheme Name: Hazel\n*/\n");
    write("wp-content/themes/hazel/index.php", THEME.as_bytes());
    write("wp-content/mu-plugins/quiet.php", QUIET.as_bytes());
    write(PICTURE, &(0..40_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect::<Vec<_>>());
    server.sql(
        "",
        &format!(
            "create database wordpress character set utf8mb4;
             create user wp@localhost identified by '{PASSWORD}';
             grant all on wordpress.* to wp@localhost;
             create user drb@localhost;
             grant select, show view, trigger, event on wordpress.* to drb@localhost;
             grant select on mysql.proc to drb@localhost;"
        ),
    );
    let web = Web::serving(html);
    let form = format!(
        "weblog_title={}&user_name=head&admin_password={PASSWORD}&admin_password2={PASSWORD}&pw_weak=on&admin_email=head@hazelbank.example&blog_public=1",
        NAME.replace(' ', "+")
    );
    let done = web.post("/wp-admin/install.php?step=2", &form);
    assert!(done.status == 200 && done.text().contains("wp-login.php"), "{}{}{}", done.head, done.text(), web.said());
    server.sql("wordpress", &filled());
    web
}

/// The pages, the picture and the theme.
fn filled() -> String {
    let mut sql = format!(
        "delete from hb_posts; delete from hb_comments;
         update hb_options set option_value = 'http://{HOST}' where option_name in ('home', 'siteurl');
         update hb_options set option_value = 'hazel' where option_name in ('template', 'stylesheet');
         update hb_options set option_value = '/%postname%/' where option_name = 'permalink_structure';
         update hb_options set option_value = '' where option_name = 'rewrite_rules';"
    );
    for (n, title) in PAGES.iter().enumerate() {
        let text = format!("<p>Edition 0; of page {n}.</p>\n<img src=\"http://{HOST}/{PICTURE}\" />");
        let kind = if n % 2 == 0 { "post" } else { "page" };
        sql.push_str(&row(n as u64 + 10, kind, title, &format!("page-{n}"), &text));
    }
    sql.push_str(&picture(30, PICTURE));
    sql
}

fn row(id: u64, kind: &str, title: &str, name: &str, text: &str) -> String {
    let (title, text) = (title.replace('\'', "''"), text.replace('\'', "''"));
    let at = format!("'2026-11-{:02} 09:00:00'", id % 19 + 1);
    let status = if kind == "attachment" { "inherit" } else { "publish" };
    format!(
        "insert into hb_posts (ID, post_author, post_date, post_date_gmt, post_content, post_title, post_excerpt, post_status,
           post_name, to_ping, pinged, post_modified, post_modified_gmt, post_content_filtered, post_type)
         values ({id}, 1, {at}, {at}, '{text}', '{title}', '', '{status}', '{name}', '', '', {at}, {at}, '', '{kind}');\n"
    )
}

fn picture(id: u64, file: &str) -> String {
    let within = file.strip_prefix("wp-content/uploads/").unwrap();
    let mut sql = row(id, "attachment", within, &format!("picture-{id}"), "");
    sql.push_str(&format!(
        "insert into hb_postmeta (post_id, meta_key, meta_value) values ({id}, '_wp_attached_file', '{within}');\n"
    ));
    sql
}

/// What a visitor sees at each page, the front page first.
pub fn seen(web: &Web) -> Vec<String> {
    let paths = std::iter::once("/".to_owned()).chain((0..PAGES.len()).map(|n| format!("/page-{n}/")));
    let pages = paths.map(|path| {
        let answer = web.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}\n{}\n{}", answer.head, answer.text(), web.said());
        answer.text()
    });
    pages.collect()
}

/// In which edition all pages are, if they are in one.
pub fn edition(server: &Server, database: &str) -> u64 {
    let all = server.sql(
        database,
        "select distinct regexp_substr(post_content, '(?<=Edition )[0-9]+') from hb_posts where post_name like 'page-%'",
    );
    all.parse().unwrap_or_else(|_| panic!("pages of several editions: {all}"))
}

/// Somebody who edits all pages at once, and uploads a picture each time, until this is dropped.
pub struct Editing {
    stop: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Editing {
    pub fn begun(server: &Server, html: &Path) -> Self {
        let mut client = server.client("mariadb");
        let mut child = client.args(["--unbuffered", "wordpress"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let (stop, html) = (Arc::new(AtomicBool::new(false)), html.to_owned());
        let stopped = Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            for count in 1.. {
                let file = format!("wp-content/uploads/2026/11/{count}.jpg");
                fs::write(html.join(&file), format!("picture {count}")).unwrap();
                let sql = format!(
                    "start transaction;
                     update hb_posts set post_content = regexp_replace(post_content, 'Edition [0-9]+', 'Edition {count}')
                       where post_name like 'page-%';
                     {}commit;\n",
                    picture(1000 + count, &file)
                );
                std::io::Write::write_all(&mut to, sql.as_bytes()).unwrap();
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(to);
            child.wait().unwrap();
        });
        std::thread::sleep(Duration::from_millis(200));
        Self { stop, writer: Some(writer) }
    }
}

impl Drop for Editing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
