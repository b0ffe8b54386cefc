//! The MIS in MariaDB.

use std::process::Command;

use super::Living;
use crate::maria_server::Server;

/// The same school as in PostgreSQL.
fn filled(pupils: u64) -> String {
    format!(
        "create table pupil (id int primary key, upn varchar(40) not null, forename varchar(40), surname varchar(40), class_id int, left_on date);
         create table mark (pupil_id int references pupil (id), day date, am_pm char(2), code varchar(4), minutes_late int, staff_id int,
           taken datetime, primary key (pupil_id, day, am_pm));
         create table assessment (id bigint auto_increment primary key, pupil_id int references pupil (id), subject varchar(20), term varchar(20), score int, remark text);
         create table document (id bigint auto_increment primary key, pupil_id int references pupil (id), name varchar(80), body mediumblob);
         create table running (n bigint not null, sum decimal(40) not null);
         set rand_seed1 = 5, rand_seed2 = 7;
         insert into pupil select seq, concat('A', md5(seq)), substr(md5(concat(seq, 'f')), 1, 6), substr(md5(concat(seq, 's')), 1, 9), seq % 15, null
           from seq_1_to_{pupils};
         insert into mark select p.seq, date '2022-09-01' + interval d.seq day, h.h, elt(1 + floor(rand() * 12), '/', '/', '/', '/', '/', '/', '/', '/', 'I', 'L', 'M', 'O'),
             if(rand() < 0.03, floor(rand() * 25), null), p.seq % 40 + 1, date '2022-09-01' + interval d.seq day + interval 32400 + floor(rand() * 1200) second
           from seq_1_to_{pupils} p cross join seq_0_to_1418 d cross join (select 'am' h union all select 'pm') h
           where weekday(date '2022-09-01' + interval d.seq day) < 5;
         insert into assessment (pupil_id, subject, term, score, remark)
           select p.seq, s.s, concat(t.t, '-', y.seq), floor(rand() * 60) + 40, concat('Works ', md5(rand()), ' and should ', md5(rand()))
           from seq_2022_to_2026 y cross join (select 'autumn' t union all select 'spring' union all select 'summer') t
           cross join (select 'maths' s union all select 'reading' union all select 'writing' union all select 'science' union all select 'music' union all select 'art') s
           cross join seq_1_to_{pupils} p;
         set group_concat_max_len = 1000000;
         insert into document (pupil_id, name, body)
           select i.seq % {pupils} + 1, concat('letter-', i.seq, '.pdf'), unhex((select group_concat(md5(concat(i.seq, 'd', k.seq)) separator '') from seq_1_to_300 k where i.seq > 0))
           from seq_1_to_{twice} i;
         insert into running values (0, 0);",
        twice = pupils * 2
    )
}

/// What a school day does to it.
fn school_day(number: u64, pupils: u64) -> String {
    format!(
        "insert into mark select p.seq, date '2026-09-01' + interval {number} day, h.h, '/', null, p.seq % 40 + 1, date '2026-09-01' + interval {number} day
           from (select 'am' h union all select 'pm') h cross join seq_1_to_{pupils} p;
         update mark set code = 'M' where day = date '2026-09-01' + interval {number} - 1 day and pupil_id % 37 = 5;
         update assessment set score = score + 1 where id % 900 = {number};
         insert into assessment (pupil_id, subject, term, score, remark) select seq, 'maths', 'daily', {number}, md5(concat(seq, 'r{number}')) from seq_1_to_{tenth};
         delete from document where id = {number};",
        tenth = pupils / 10
    )
}

/// One write of a user, with the running sum.
const WRITE: &str = "begin; insert into assessment (pupil_id, subject, term, score, remark) values (7, 'live', 'now', 50, md5(rand())); \
    update running set n = n + 1, sum = sum + (select cast(conv(substr(md5(remark), 1, 8), 16, 10) as unsigned) from assessment where id = last_insert_id()); commit;\n";

/// Whether the running sum is that of the rows, and how many there were.
const AGREES: &str = "select concat(running.n, '|', if(running.sum = coalesce(live.sum, 0) and running.n = live.n, 't', 'f')) from running, \
    (select count(*) n, sum(cast(conv(substr(md5(remark), 1, 8), 16, 10) as unsigned)) sum from assessment where subject = 'live') live";

/// All that is in a row of each table.
const COLUMNS: [(&str, &str); 4] = [
    ("pupil", "id, upn, forename, surname, class_id, left_on"),
    ("mark", "pupil_id, day, am_pm, code, minutes_late, staff_id, taken"),
    ("assessment", "id, pupil_id, subject, term, score, remark"),
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
