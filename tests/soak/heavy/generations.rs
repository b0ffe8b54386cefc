//! A school's MIS is captured on ten days under fifty writes a second; the day in the middle comes back on another server
//! with what it had in its own moment, and a day costs little more than what changed.
//!
//! Each write also adds itself to a running sum in the same transaction. So whatever moment a dump is of, the sum that is in
//! it must be that of its rows; nobody has to know the moment.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::ground::{Ground, count, objects};
use crate::server::Server;

/// Pupils of the school whose figures count; a fifteenth of them where tests run.
const PUPILS: u64 = 450;
const FEW: u64 = 30;
const DAYS: u64 = 10;
const FEW_DAYS: u64 = 4;
const TABLES: [&str; 4] = ["pupil", "mark", "assessment", "document"];

/// Four years of marks, twice each school day; an assessment a term in each of six subjects; letters.
fn mis(pupils: u64) -> String {
    format!(
        "create table pupil (id int primary key, upn text not null, forename text, surname text, class_id int, left_on date);
         create table mark (pupil_id int references pupil, day date, am_pm text, code text, minutes_late int, staff_id int,
           taken timestamp, primary key (pupil_id, day, am_pm));
         create table assessment (id bigserial primary key, pupil_id int references pupil, subject text, term text, score int, remark text);
         create table document (id bigserial primary key, pupil_id int references pupil, name text, body bytea);
         create table running (n bigint not null, sum numeric not null);
         select setseed(0.5);
         insert into pupil select i, 'A' || md5(i::text), initcap(substr(md5(i || 'f'), 1, 6)), initcap(substr(md5(i || 's'), 1, 9)), i % 15, null
           from generate_series(1, {pupils}) i;
         insert into mark select p, d, h, (array['/', '/', '/', '/', '/', '/', '/', '/', 'I', 'L', 'M', 'O'])[1 + floor(random() * 12)::int],
             case when random() < 0.03 then floor(random() * 25)::int end, p % 40 + 1, d + time '09:00' + random() * interval '20 minutes'
           from generate_series(date '2022-09-01', date '2026-07-20', interval '1 day') t(d) cross join unnest(array['am', 'pm']) h
           cross join generate_series(1, {pupils}) p where extract(isodow from d) < 6;
         insert into assessment (pupil_id, subject, term, score, remark)
           select p, s, t || '-' || y, floor(random() * 60)::int + 40, 'Works ' || md5(random()::text) || ' and should ' || md5(random()::text)
           from generate_series(2022, 2026) y cross join unnest(array['autumn', 'spring', 'summer']) t
           cross join unnest(array['maths', 'reading', 'writing', 'science', 'music', 'art']) s cross join generate_series(1, {pupils}) p;
         insert into document (pupil_id, name, body)
           select i % {pupils} + 1, 'letter-' || i || '.pdf', (select string_agg(decode(md5(i || 'd' || k), 'hex'), ''::bytea) from generate_series(1, 300) k)
           from generate_series(1, {pupils} * 2) i;
         insert into running values (0, 0);"
    )
}

/// What a school day does to it.
fn day(number: u64, pupils: u64) -> String {
    format!(
        "insert into mark select p, date '2026-09-01' + {number}, h, '/', null, p % 40 + 1, now() from unnest(array['am', 'pm']) h cross join generate_series(1, {pupils}) p;
         update mark set code = 'M' where day = date '2026-09-01' + {number} - 1 and pupil_id % 37 = 5;
         update assessment set score = score + 1 where id % 900 = {number};
         insert into assessment (pupil_id, subject, term, score, remark) select p, 'maths', 'daily', {number}, md5(p || 'r{number}') from generate_series(1, {pupils} / 10) p;
         delete from document where id = {number};
         vacuum;"
    )
}

/// One write of a user, with the running sum; `id` is of the assessment.
const WRITE: &str = "begin; insert into assessment (pupil_id, subject, term, score, remark) values (7, 'live', 'now', 50, md5(random()::text)); \
    update running set n = n + 1, sum = sum + (select ('x' || substr(md5(remark), 1, 8))::bit(32)::bigint from assessment where id = currval('assessment_id_seq')); commit;\n";

/// Whether the running sum is that of the rows, and how many there were.
const AGREES: &str = "select running.n, running.sum = coalesce(live.sum, 0) and running.n = live.n from running, \
    (select count(*) n, sum(('x' || substr(md5(remark), 1, 8))::bit(32)::bigint) sum from assessment where subject = 'live') live";

fn hash(server: &Server, database: &str, table: &str) -> String {
    server.sql(database, &format!("select count(*) || ' ' || coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0) from {table} t"))
}

/// The largest size of what lies below these folders while something runs, and of files without a name that it holds.
fn watched<T>(folders: &[std::path::PathBuf], work: impl FnOnce() -> T) -> (T, u64) {
    let (over, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let now = folders
                    .iter()
                    .filter(|folder| folder.is_dir())
                    .flat_map(|folder| objects(folder))
                    .map(|(_, size)| size)
                    .sum();
                most.fetch_max(now, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    });
    (done, most.into_inner())
}

/// Fifty writes a second, for as long as something runs.
fn under_writes<T>(server: &Server, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut psql = server.client("psql");
            psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "mis"]).stdin(Stdio::piped()).stdout(Stdio::null());
            let mut child = psql.spawn().unwrap();
            let mut to = child.stdin.take().unwrap();
            while !over.load(Ordering::Relaxed) {
                to.write_all(WRITE.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(to);
            assert!(child.wait().unwrap().success());
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}

fn facts(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("dr-facts.json")).unwrap()).unwrap()
}

#[test]
fn ten_days_of_a_mis_in_postgresql() {
    let (pupils, days) = if count(FEW) >= PUPILS { (PUPILS, DAYS) } else { (FEW, FEW_DAYS) };
    let (server, ground) = (Server::begun(), Ground::new());
    server.sql("postgres", "create database mis");
    server.sql("mis", &mis(pupils));
    let plan = format!(
        "state = \"state\"\nschool = \"Hazel Bank\"\n\
         people = {{ head = \"A. Ash <head@hazelbank.example>\", it = \"J. Oak <oak@provider.example>\" }}\n\
         [targets.nas]\nurl = \"nas\"\n\
         [systems.mis]\nsource = {{ kind = \"postgres\", url = \"{}\", programs = \"{}\" }}\nschedule = \"daily at 19:00\"\n",
        server.url("dr", "mis"),
        server.bin().display()
    );
    fs::write(ground.path("dr.toml"), plan).unwrap();
    let at = |day: u64| format!("2026-09-{:02}T20:00:00Z", day + 1);
    ground.dr(["--at", &at(0), "init", "--recovery-key-out", "recovery.key"]).ended(0);
    let beside: Vec<_> = ["state", "home", "cache"].map(|name| ground.path(name)).to_vec();

    let (mut stored, mut seconds, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let mut most_beside = 0;
    for number in 0..days {
        if number > 0 {
            for statement in day(number, pupils).split_inclusive(';') {
                server.sql("mis", statement);
            }
        }
        let started = std::time::Instant::now();
        let (run, beside) =
            watched(&beside, || under_writes(&server, || ground.dr(["--at", &at(number), "--json", "run", "mis"])));
        let run = run.ended(0);
        most_beside = most_beside.max(beside);
        let line = |line: &str| serde_json::from_str::<Value>(line).ok()?.pointer("/targets/0").cloned();
        let copy = run.stdout.lines().filter_map(line).next_back().unwrap();
        stored.push(copy["bytes_stored"].as_u64().unwrap());
        seconds.push(started.elapsed().as_secs_f64());
        let listed = ground.dr(["--at", &at(number), "--json", "snapshots", "mis"]).ended(0).summary();
        let newest = listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        ids.push(newest.filter(|id| !ids.contains(id)).collect::<Vec<_>>().pop().unwrap());
    }

    let middle = &ids[ids.len() / 2];
    let restored = |id: &str, to: &str| {
        let mut command = ground.command(["--at", &at(days), "restore", "mis", "--snapshot", id, "--to", to]);
        command.env("DR_KEY_FILE", ground.path("recovery.key"));
        crate::ground::Run::of(command.output().unwrap()).ended(0)
    };
    restored(middle, &ground.at("back"));
    let dump = fs::metadata(ground.path("back/database/mis.dump")).unwrap().len();
    let facts = facts(&ground.path("back"));
    let other = Server::begun();
    restored(middle, &other.url("dr", "mis_back"));
    for table in TABLES {
        let rows = other.sql("mis_back", &format!("select count(*) from {table}"));
        assert_eq!(rows, facts["tables"][format!("public.{table}")].to_string(), "{table}");
    }
    let agrees = other.sql("mis_back", AGREES);
    assert!(agrees.ends_with("|t") && !agrees.starts_with("0|"), "the running sum is not that of its rows: {agrees}");
    // Nothing has been written to it since.
    assert_eq!(hash(&other, "mis_back", "pupil"), hash(&server, "mis", "pupil"));
    let later = &stored[1..];
    let mean = later.iter().sum::<u64>() / later.len() as u64;
    let part = mean as f64 / dump as f64 * 100.0;
    println!(
        "generations: PostgreSQL, {pupils} pupils: dump {dump} bytes; first {} stored; a day {mean} ({part:.2} % of a dump); \
         {:.1} s a run; beside the target at most {most_beside} bytes; middle: {agrees}",
        stored[0],
        seconds.iter().sum::<f64>() / seconds.len() as f64
    );
    // A small database is mostly what a snapshot costs by itself.
    let limit = if pupils >= PUPILS { 1.5 } else { 8.0 };
    assert!(part <= limit, "a day costs {part:.2} % of a dump: {later:?} of {dump}");
    assert!(most_beside < 2 << 20, "{most_beside} bytes lay beside the target while {dump} were dumped");
}
