//! The MIS in MariaDB.

use std::process::Command;

use super::Living;
use crate::maria_server::Server;

/// The same school as in PostgreSQL.
fn filled(pupils: u64) -> String {
    format!(
        "create table pupil (id int primary key, upn varchar(40) not null, forename varchar(40), surname varchar(40), class_id int, left_on date, notes text);
         create table mark (pupil_id int references pupil (id), day date, am_pm char(2), code varchar(4), minutes_late int, staff_id int,
           taken datetime, primary key (pupil_id, day, am_pm));
         create table assessment (id bigint auto_increment primary key, pupil_id int references pupil (id), subject varchar(20), term varchar(20), score int, remark text);
         create table dinner (id bigint auto_increment primary key, pupil_id int references pupil (id), day date, pence int, what varchar(20));
         create table audit (id bigint auto_increment primary key, at datetime, staff_id int, what varchar(20), row_ref varchar(20));
         create table document (id bigint auto_increment primary key, pupil_id int references pupil (id), name varchar(80), body mediumblob);
         create table running (n bigint not null, sum decimal(40) not null);
         set rand_seed1 = 5, rand_seed2 = 7;
         insert into pupil select seq, concat('A', md5(seq)), substr(md5(concat(seq, 'f')), 1, 6), substr(md5(concat(seq, 's')), 1, 9), seq % 15, null,
           concat('Note ', md5(rand()), ' and ', md5(rand())) from seq_1_to_{pupils};
         create temporary table school_day select date '2022-09-01' + interval seq day d from seq_0_to_1418
           where weekday(date '2022-09-01' + interval seq day) < 5 and month(date '2022-09-01' + interval seq day) <> 8;
         insert into mark select p.seq, d, h, elt(1 + floor(rand() * 12), '/', '/', '/', '/', '/', '/', '/', '/', 'I', 'L', 'M', 'O'),
             if(rand() < 0.03, floor(rand() * 25), null), p.seq % 40 + 1, d + interval 32400 + floor(rand() * 1200) second
           from school_day cross join (select 'am' h union all select 'pm') halves cross join seq_1_to_{pupils} p;
         insert into dinner (pupil_id, day, pence, what) select p.seq, d, -245, 'School meal' from school_day cross join seq_1_to_{pupils} p where rand() < 0.45;
         insert into assessment (pupil_id, subject, term, score, remark)
           select p.seq, s.s, concat(t.t, '-', y.seq), floor(rand() * 60) + 40, concat('Works ', md5(rand()), ' and should ', md5(rand()))
           from seq_2022_to_2026 y cross join (select 'autumn' t union all select 'spring' union all select 'summer') t
           cross join (select 'maths' s union all select 'reading' union all select 'writing') s cross join seq_1_to_{pupils} p;
         insert into audit (at, staff_id, what, row_ref) select date '2022-09-01' + interval seq hour, seq % 50, 'edit mark', concat('pupil/', seq % {pupils})
           from seq_1_to_{audits};
         set group_concat_max_len = 1000000;
         insert into document (pupil_id, name, body)
           select i.seq, concat('photo-', i.seq, '.jpg'), unhex((select group_concat(md5(concat(i.seq, 'd', k.seq)) separator '') from seq_1_to_1625 k where i.seq > 0))
           from seq_1_to_{pupils} i;
         insert into running values (0, 0);",
        audits = pupils * 62
    )
}

/// What a school day does to it.
fn school_day(number: u64, pupils: u64) -> String {
    format!(
        "insert into mark select p.seq, date '2026-09-01' + interval {number} day, h, '/', null, p.seq % 40 + 1,
             date '2026-09-01' + interval {number} day + interval 32400 + floor(rand() * 1200) second
           from (select 'am' h union all select 'pm') halves cross join seq_1_to_{pupils} p;
         update mark set code = 'C' where pupil_id % 30 = {number} and day = date '2025-03-03' + interval {number} % 5 day and am_pm = 'am';
         update pupil set notes = concat('Changed ', md5(rand())) where id % 40 = {number};
         insert into dinner (pupil_id, day, pence, what) select seq, date '2026-09-01' + interval {number} day, -245, 'School meal' from seq_1_to_{pupils} where rand() < 0.45;
         insert into audit (at, staff_id, what, row_ref) select now(), seq % 50, 'edit mark', concat('pupil/', seq) from seq_1_to_30;
         insert into document (pupil_id, name, body) select {number}, 'letter.pdf', unhex(group_concat(md5(concat({number}, seq)) separator '')) from seq_1_to_300;"
    )
}

/// One write of a user, with the running sum.
const WRITE: &str = "begin; insert into assessment (pupil_id, subject, term, score, remark) values (7, 'live', 'now', 50, md5(rand())); \
    update running set n = n + 1, sum = sum + (select cast(conv(substr(md5(remark), 1, 8), 16, 10) as unsigned) from assessment where id = last_insert_id()); commit;\n";

/// Whether the running sum is that of the rows, and how many there were.
const AGREES: &str = "select concat(running.n, '|', if(running.sum = coalesce(live.sum, 0) and running.n = live.n, 't', 'f')) from running, \
    (select count(*) n, sum(cast(conv(substr(md5(remark), 1, 8), 16, 10) as unsigned)) sum from assessment where subject = 'live') live";

/// All that is in a row of each table.
const COLUMNS: [(&str, &str); 6] = [
    ("pupil", "id, upn, forename, surname, class_id, left_on, notes"),
    ("mark", "pupil_id, day, am_pm, code, minutes_late, staff_id, taken"),
    ("assessment", "id, pupil_id, subject, term, score, remark"),
    ("dinner", "id, pupil_id, day, pence, what"),
    ("audit", "id, at, staff_id, what, row_ref"),
    ("document", "id, pupil_id, name, body"),
];

impl Living for Server {
    const KIND: &str = "MariaDB";
    const DUMP: &str = "mis.sql";
    const WRITE: &str = WRITE;
    const LIMIT: f64 = 3.5;

    fn fresh() -> Self {
        Self::begun()
    }

    fn fill(&self, pupils: u64) {
        self.sql("", "create database mis character set utf8mb4");
        self.sql("mis", &filled(pupils));
    }

    fn source(&self) -> String {
        format!(r#"kind = "mariadb", url = "{}""#, self.url("root", "mis"))
    }

    fn at(&self, database: &str) -> String {
        self.url("root", database)
    }

    fn day(&self, number: u64, pupils: u64) {
        self.sql("mis", &school_day(number, pupils));
    }

    fn writer(&self) -> Command {
        let mut client = self.client("mariadb");
        client.args(["--unbuffered", "mis"]);
        client
    }

    fn agrees(&self, database: &str) -> String {
        self.sql(database, AGREES)
    }

    fn hash(&self, database: &str, rows: &str) -> String {
        let table = rows.split(' ').next().unwrap();
        let columns = COLUMNS.iter().find(|(name, _)| *name == table).unwrap().1;
        let columns: Vec<_> = columns.split(", ").map(|column| format!("ifnull({column}, 'null')")).collect();
        let row = format!("substr(md5(concat_ws('|', {})), 1, 15)", columns.join(", "));
        let sum = format!(
            "select concat(count(*), ' ', coalesce(sum(cast(conv({row}, 16, 10) as unsigned)), 0)) from {rows}"
        );
        self.sql(database, &sum)
    }

    fn rows(&self, database: &str, table: &str) -> u64 {
        self.sql(database, &format!("select count(*) from {table}")).parse().unwrap()
    }

    fn fact(table: &str) -> String {
        table.to_owned()
    }
}
