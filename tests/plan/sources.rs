//! What is left out of a source, empty, read twice, without effect or damaged is said beforehand, by the run and after it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rusqlite::Connection;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::school::{FRIDAY, Said, School, files};

trait Tells {
    fn told(&self, words: &str) -> &Self;
}

impl Tells for Said {
    #[track_caller]
    fn told(&self, words: &str) -> &Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(words), "not told: {words}\n{all}");
        self
    }
}

const SATURDAY: &str = "2026-11-21T21:30:00Z";
const SUNDAY: &str = "2026-11-22T21:30:00Z";

/// The plan with another source for the office, and more systems.
fn plan(school: &School, source: &str, more: &str) {
    let text = fs::read_to_string(school.path("dr.toml")).unwrap();
    let old = text.lines().find(|line| line.contains("school/office") || line.contains("kind = \"files\"")).unwrap();
    school.write("dr.toml", format!("{}\n{more}", text.replacen(old, source, 1)).as_bytes());
}

/// A file system that is mounted somewhere until this is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn at(school: &School, name: &str) -> Self {
        let at = school.path(name);
        fs::create_dir_all(&at).unwrap();
        if let Err(why) = mount("none", &at, "tmpfs", MountFlags::empty(), c"size=4m,mode=0755") {
            panic!(
                "this test needs a small file system and could not mount one: {why}. Run the tests as root, or as \
                 anybody in a namespace of their own: unshare --user --map-root-user --mount cargo xtask test"
            );
        }
        Self(at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// A folder that is to be seen at a second place until this is dropped.
struct Bound(PathBuf);

impl Bound {
    fn at(school: &School, from: &str, to: &str) -> Self {
        let to = school.path(to);
        fs::create_dir_all(&to).unwrap();
        mount_bind(school.path(from), &to).unwrap();
        Self(to)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn what_is_mounted_inside_a_source_is_named_until_the_plan_says_what_is_meant() {
    let school = School::begun();
    let _videos = Mounted::at(&school, "school/office/videos");
    school.write("school/office/videos/film", b"film");
    let place = school.path("school/office/videos").display().to_string();
    school.dr(&["plan", "check"]).told(&format!("{place}: another file system is mounted there")).told("[mounts]");
    school.dr(&["doctor"]).told(&format!("source admin: {place}: another file system"));
    let run = school.dr(&["--json", "run", "admin"]).ended(3).json();
    let gaps = &run["runs"][0]["gaps"];
    assert_eq!((gaps[0]["kind"].as_str(), gaps[0]["path"].as_str()), (Some("mount"), Some(place.as_str())), "{run}");
    school.dr(&["run", "admin"]).ended(3).told(&format!("{place}: another file system is mounted there"));
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.contains(r#""noticed":{"mounts":1}"#) && !ledger.contains("videos"), "{ledger}");
    let status = school.dr(&["status"]);
    status.told("1 file system mounted inside it is not in its newest copy");

    // Left out by its name, by what is in it, or by its place: that is what is meant.
    for pattern in ["/videos/", "videos", "videos/**", "school/office/videos"] {
        let source = format!("source = {{ kind = \"files\", paths = [\"school/office\"], exclude = [\"{pattern}\"] }}");
        plan(&school, &source, "");
        school.dr(&["run", "admin"]).ended(0);
        assert!(!school.dr(&["plan", "check"]).stdout.contains("[mounts]"), "{pattern}");
    }
    // Or it is a path of its own, though that lies inside another one.
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\", \"school/office/videos\"] }", "");
    school.dr(&["run", "admin"]).ended(0);
    school.with_key(&["ls", "admin"]).ended(0).told("school/office/videos/film");
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\"], one-file-system = false }", "");
    school.dr(&["run", "admin"]).ended(0);
}

#[test]
fn a_path_that_became_empty_is_told_by_each_run_until_somebody_says_that_it_is_meant() {
    let school = School::begun();
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\", \"school/more\"] }", "");
    school.write("school/more/a", b"letter");
    school.dr(&["run", "admin"]).ended(0);
    fs::remove_file(school.path("school/more/a")).unwrap();
    fs::create_dir(school.path("school/more/below")).unwrap();
    let place = school.path("school/more").display().to_string();
    for day in [SATURDAY, SUNDAY] {
        let run = school.dr(&["--at", day, "run", "admin"]).ended(3);
        run.told(&format!("{place}: it is empty, and in earlier copies it was not"));
    }
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.contains(r#""entries":0}"#) && !ledger.contains("school/more"), "{ledger}");
    school.dr(&["status"]).told("one of its paths is empty since");
    school.with_key(&["forget", "--dry-run"]).told("unlike the others");
    let _alert = school.dr(&["run", "--due", "-q"]);
    school.dr(&["--by", "ash", "ack", "admin/suspicious"]).ended(0);
    school.dr(&["run", "admin"]).ended(0);
    assert!(!school.dr(&["status"]).stdout.contains("is empty since"));
}

#[test]
fn a_link_that_leads_nowhere_and_a_file_without_a_byte_are_no_source_and_no_contents_of_a_path() {
    let school = School::begun();
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\", \"school/more\"] }", "");
    school.write("away/a", b"letter");
    symlink("../away", school.path("school/more")).unwrap();
    school.dr(&["run", "admin"]).ended(0);
    fs::rename(school.path("away"), school.path("gone")).unwrap();
    school.dr(&["run", "admin"]).ended(3).told("school/more: it is empty, and in earlier copies it was not");
    plan(&school, "source = { kind = \"files\", paths = [\"school/more\"] }", "");
    school.dr(&["run", "admin"]).ended(1).told("the source is missing");
    // And a file without a byte is empty, as a folder without a file is.
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\", \"school/export.sql\"] }", "");
    school.write("school/export.sql", b"insert");
    school.dr(&["run", "admin"]).ended(0);
    school.write("school/export.sql", b"");
    school.dr(&["run", "admin"]).ended(3).told("school/export.sql: it is empty, and in earlier copies it was not");
    plan(&school, "source = { kind = \"files\", paths = [\"school/export.sql\"] }", "");
    school.dr(&["run", "admin"]).ended(1).told("the source is empty");
}

#[test]
fn an_inner_system_is_left_out_though_a_link_is_in_the_path() {
    let school = School::begun();
    school.write("data/shares/lessons/x", b"x");
    school.write("data/shares/head/secret", b"secret");
    symlink("data", school.path("srv")).unwrap();
    let inner = |source: &str| format!("[systems.head]\ntier = 2\nsensitive = true\nsource = \"{source}\"\n");
    let outer = |source: &str, more: &str| format!("source = {{ kind = \"files\", paths = [\"{source}\"]{more} }}");
    let text = fs::read(school.path("dr.toml")).unwrap();
    for (of_outer, of_inner) in
        [("srv/shares", "data/shares/head"), ("data/shares", "srv/shares/head"), ("srv/shares", "srv/shares/head")]
    {
        // Also where somebody wrote patterns of their own and did not think of it.
        for more in ["", ", exclude = [\"*.tmp\"]"] {
            school.write("dr.toml", &text);
            plan(&school, &outer(of_outer, more), &inner(of_inner));
            if of_outer != of_inner.trim_end_matches("/head") {
                school
                    .dr(&["plan", "check"])
                    .told("read the same files through a link")
                    .told("left out of Admin files");
            }
            school.dr(&["run", "admin", "head"]).ended(0);
            let listed = school.with_key(&["ls", "admin"]).ended(0);
            listed.told("lessons/x");
            assert!(!listed.stdout.contains("secret"), "{of_outer} {of_inner} {more}: {}", listed.stdout);
        }
    }
    // Two that read one folder, one of them sensitive: that cannot be meant.
    school.write("dr.toml", &text);
    plan(&school, &outer("data/shares/head", ""), &inner("srv/shares/head"));
    school.dr(&["plan", "check"]).ended(64).told("marked sensitive");
}

#[test]
fn patterns_that_would_do_nothing_are_refused_or_named_with_what_to_write() {
    let school = School::begun();
    let with = |pattern: &str| {
        plan(
            &school,
            &format!("source = {{ kind = \"files\", paths = [\"school/office\"], exclude = ['*.tmp', '{pattern}'] }}"),
            "",
        );
    };
    for (pattern, instead) in [("!important.tmp", r"`\!important.tmp`"), ("#x", r"`\#x`"), ("a/../b", "`..`")] {
        with(pattern);
        school.dr(&["plan", "check"]).ended(64).told(instead);
        school.dr(&["doctor"]).ended(1).told(instead);
        // The other systems are captured all the same.
        school.dr(&["run"]).ended(1).told(instead).told("mis              done");
    }
    school.dr(&["status"]).told("a pattern of `exclude` in the plan means nothing");
    school.write("school/office/cache/f", b"f");
    school.write("school/office/year 0/cache/g", b"g");
    with("/cache");
    assert!(!school.dr(&["plan", "check"]).stdout.contains("[exclude]"));
    school.dr(&["run", "admin"]).ended(0);
    let listed = school.with_key(&["ls", "admin"]).ended(0);
    assert!(listed.stdout.contains("year 0/cache/g") && !listed.stdout.contains("cache/f"), "{}", listed.stdout);
    // An export that nothing can be called.
    let drop = "[systems.sims]\ntier = 2\nsource = { kind = \"drop\", path = \"school\", name = \"sub/*.csv\", maker = \"oak\" }\n";
    let text = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("dr.toml", format!("{text}\n{drop}").as_bytes());
    school.dr(&["plan", "check"]).ended(64).told("which has no `/`");
    school.write("dr.toml", text.as_bytes());
    with("/chache");
    school.dr(&["plan", "check"]).told("it matches nothing now").told("`**/chache`");
    with("*.{bak,old}");
    school.dr(&["plan", "check"]).told("one pattern for each");
}

#[test]
fn a_source_that_the_plan_itself_leaves_out_is_said_to_be_so() {
    let school = School::backed_up();
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\"], exclude = [\"*\"] }", "");
    school.dr(&["--at", SATURDAY, "run", "admin"]).ended(1).told("`exclude` leaves out everything in");
    let status = school.dr(&["status"]);
    status.told("`exclude` in the plan leaves out all of it");
    assert!(!status.stdout.contains("deleted"), "{}", status.stdout);
    // One pattern that is too wide.
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\"] }", "");
    for day in 22..25 {
        school.dr(&["--at", &format!("2026-11-{day}T21:30:00Z"), "run", "admin"]).ended(0);
    }
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\"], exclude = [\"letter-[1-3]*\"] }", "");
    school.dr(&["--at", "2026-11-25T21:30:00Z", "run", "admin"]).ended(0);
    school.dr(&["status"]).told("a pattern of `exclude` in the plan may leave out too much");
}

#[test]
fn copies_inside_a_source_do_not_grow_into_themselves() {
    let school = School::begun();
    symlink("school", school.path("link")).unwrap();
    let text = fs::read_to_string(school.path("dr.toml")).unwrap();
    fs::rename(school.path("nas"), school.path("school/office/nas")).unwrap();
    school.write(
        "dr.toml",
        text.replace("url = \"nas\"", "url = \"school/office/nas\"")
            .replace("\"school/office\"]", "\"link/office\"]")
            .as_bytes(),
    );
    school.dr(&["plan", "check"]).told("reads through a link where the copies on nas lie");
    for _ in 0..2 {
        school.dr(&["run", "admin"]).told("the copies on nas lie inside it");
    }
    let listed = school.with_key(&["ls", "admin"]).ended(0);
    assert!(listed.stdout.contains("letter-1.txt") && !listed.stdout.contains("nas"), "{}", listed.stdout);
}

#[test]
fn what_a_sensitive_system_reads_is_left_out_by_whatever_way_one_comes_to_it() {
    let school = School::begun();
    school.write("head/secret", b"secret");
    school.write("school/office/letter", b"x");
    let _bound = Bound::at(&school, "head", "school/office/head");
    let database = Connection::open(school.path("school/office/real.db")).unwrap();
    database.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE p(n); INSERT INTO p VALUES ('secret')").unwrap();
    symlink("real.db", school.path("school/office/marks.db")).unwrap();
    let more = "[systems.head]\ntier = 2\nsensitive = true\nsource = \"head\"\n[systems.marks]\ntier = 2\nsensitive = true\nsource = \"sqlite:school/office/marks.db\"\n";
    plan(&school, "source = { kind = \"files\", paths = [\"school/office\"], exclude = [\"*.tmp\"] }", more);
    school.dr(&["run", "admin", "head", "marks"]).ended(0);
    let listed = school.with_key(&["ls", "admin"]).ended(0);
    assert!(listed.stdout.contains("letter"), "{}", listed.stdout);
    for other in ["secret", "real.db", "marks.db"] {
        assert!(!listed.stdout.contains(other), "{other}: {}", listed.stdout);
    }
}

/// Bytes of a page that nothing can be made of.
fn spoil(database: &std::path::Path) {
    let mut bytes = fs::read(database).unwrap();
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 200].fill(0xff);
    fs::write(database, bytes).unwrap();
}

fn pupils(school: &School, count: u32) {
    let database = Connection::open(school.path("school/mis.db")).unwrap();
    database.execute_batch("CREATE INDEX IF NOT EXISTS by_name ON pupil (name); BEGIN").unwrap();
    for n in 0..count {
        database.execute("INSERT INTO pupil VALUES (?1)", [format!("Pupil {n} of many")]).unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
}

#[test]
fn a_damaged_database_is_an_incomplete_run_a_red_system_and_keeps_what_was_sound() {
    let school = School::begun();
    pupils(&school, 3_000);
    school.dr(&["run", "mis"]).ended(0);
    spoil(&school.path("school/mis.db"));
    let run = school.dr(&["--at", SATURDAY, "run", "mis"]).ended(3);
    run.told(&format!("{}: the database is damaged", school.path("school/mis.db").display()));
    run.told("SQLite says: ").told("incomplete");
    let status = school.dr(&["status"]);
    status.told("its database says since").told("that it is damaged");
    assert!(!status.stdout.contains("newest copy is"), "told twice: {}", status.stdout);
    school.with_key(&["forget", "--dry-run"]).told("found damage in its database");
    // What is left of it comes back, and that it is damaged is not the restore's fault.
    let proof = school.with_key(&["restore", "mis", "--rehearse"]);
    proof.ended(2).told("it was damaged already when it was captured: ");
    fs::remove_file(school.path("school/mis.db")).unwrap();
    drop(Connection::open(school.path("school/mis.db")).unwrap().execute_batch("CREATE TABLE pupil (name)"));
    school.dr(&["--at", SUNDAY, "run", "mis"]).ended(0);
    assert!(!school.dr(&["status"]).stdout.contains("is damaged"));
}

#[test]
fn a_database_that_only_its_own_program_can_judge_is_verified_with_what_could_not_be_judged() {
    let school = School::begun();
    fs::remove_file(school.path("school/mis.db")).unwrap();
    let database = Connection::open(school.path("school/mis.db")).unwrap();
    database.create_collation("SCHOOL", |a: &str, b: &str| b.cmp(a)).unwrap();
    database.execute_batch("CREATE TABLE p(n TEXT COLLATE SCHOOL); CREATE INDEX i ON p(n)").unwrap();
    database.execute_batch("INSERT INTO p VALUES ('a'), ('b'), ('c')").unwrap();
    drop(database);
    school.dr(&["run", "mis"]).ended(0);
    let proof = school.with_key(&["restore", "mis", "--rehearse"]).ended(0);
    proof.told("mis              verified").told("could not be judged: collation SCHOOL is the program's own");
}

#[test]
fn a_database_that_is_a_link_comes_back_to_where_the_link_leads() {
    let school = School::begun();
    fs::rename(school.path("school/mis.db"), school.path("school/mis-2026.db")).unwrap();
    symlink("mis-2026.db", school.path("school/mis.db")).unwrap();
    school.dr(&["run", "mis"]).ended(0);
    school.write("school/mis-2026.db", b"scrambled");
    school.with_key(&["restore", "mis", "--in-place", "--yes"]).ended(0);
    assert!(school.path("school/mis.db").is_symlink());
    let back = Connection::open(school.path("school/mis-2026.db")).unwrap();
    assert_eq!(back.query_row("SELECT count(*) FROM pupil", [], |row| row.get::<_, i64>(0)).unwrap(), 45);
    drop(back);
    school.with_key(&["restore", "mis", "--rehearse"]).ended(0);
    assert_eq!(files(&school.path("school")).iter().filter(|path| path.to_string_lossy().contains("mis")).count(), 2);
}

#[test]
fn mail_that_is_no_maildir_is_said_before_and_by_the_run() {
    let school = School::begun();
    fs::remove_dir_all(school.path("school/mail")).unwrap();
    school.write("school/mail/mailboxes/INBOX/u.1", b"From: a\n\nYes.\n");
    school.dr(&["plan", "check"]).told("there is no Maildir in").told("[maildir]");
    school.dr(&["run", "email"]).ended(0).told("there is no Maildir in");
}

#[test]
fn a_backup_of_sql_server_counts_when_its_job_says_so_and_counts_what_it_did() {
    let school = School::begun();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let source = "{ kind = \"drop\", path = \"school/sims\", name = \"*.bak\", type = \"sql-server\", marker = \"{name}.ok\", \
                  facts = \"{name}.facts.json\", databases = [\"SIMS\", \"FMS\"] }";
    let more = format!("[systems.sims]\nsource = {source}\nschedule = \"daily at 19:30\"\ntargets = [\"nas\"]\n");
    school.write("dr.toml", format!("{plan}{more}").as_bytes());
    let friday: jiff::Timestamp = FRIDAY.parse().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        school.write(&format!("school/sims/{name}"), bytes);
        let at = std::time::SystemTime::from(friday - jiff::SignedDuration::from_hours(2));
        fs::File::options().append(true).open(school.path("school/sims").join(name)).unwrap().set_modified(at).unwrap();
    };
    let backed_up = |database: &str, facts: &str| {
        put(&format!("{database}.bak"), b"MSSQLBAK and what only SQL Server reads");
        put(&format!("{database}.bak.facts.json"), facts.as_bytes());
        put(&format!("{database}.bak.ok"), b"");
    };
    backed_up("SIMS", r#"[{"pupils":450}]"#);
    backed_up("FMS", r#"[{"orders":70}]"#);
    school
        .dr(&["--at", FRIDAY, "run", "sims", "-v"])
        .ended(0)
        .told("SIMS: pupils: 450")
        .told("compressed or encrypted");
    let ledger = || fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger().contains(r#""count":450"#) && !ledger().contains("pupils"), "{}", ledger());
    let failed = |said: &str, noted: &str| {
        school.dr(&["--at", FRIDAY, "run", "sims"]).ended(1).told(said);
        let ledger = ledger();
        let last = ledger.lines().rfind(|line| line.contains("run-finished")).unwrap();
        assert!(last.contains(noted) && !last.contains("pupils") && !last.contains("FMS"), "{last}");
    };
    backed_up("SIMS", r#"[{"pupils":225}]"#);
    failed("SIMS: pupils: 450 before, 225 now", "the export counts 50 % less than the last");
    school.dr(&["--at", FRIDAY, "status"]).told("counts much less in its export than in the last");
    fs::remove_file(school.path("school/sims/FMS.bak.ok")).unwrap();
    failed("no file `FMS.bak.ok`", "the export is not finished: its marker is missing");
    fs::remove_file(school.path("school/sims/FMS.bak")).unwrap();
    failed("the export lacks FMS", "the export lacks 1 of 2 databases");
    // Nobody counts for ever what was lost once.
    backed_up("SIMS", r#"[{"pupils":449}]"#);
    backed_up("FMS", r#"[{"orders":71}]"#);
    school.dr(&["--at", FRIDAY, "run", "sims"]).ended(0);
    let out = school.path("out");
    school.with_key(&["restore", "sims", "--to", "out"]).ended(0);
    let facts = fs::read_to_string(out.join("dr-facts.json")).unwrap();
    assert!(facts.contains("\"SIMS: pupils\": 449") && !out.join("SIMS.bak.ok").exists(), "{facts}");
}
