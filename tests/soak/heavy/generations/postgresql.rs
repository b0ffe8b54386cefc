//! The MIS in PostgreSQL.

use std::process::Command;

use super::Living;
use crate::server::Server;

/// The school.
fn filled(pupils: u64) -> String {
    format!(
        "create table pupil (id int primary key, upn text not null, forename text, surname text, class_id int, left_on date, notes text);
         create table mark (pupil_id int references pupil, day date, am_pm text, code text, minutes_late int, staff_id int,
           taken timestamp, primary key (pupil_id, day, am_pm));
         create table assessment (id bigserial primary key, pupil_id int references pupil, subject text, term text, score int, remark text);
         create table dinner (id bigserial primary key, pupil_id int references pupil, day date, pence int, what text);
         create table audit (id bigserial primary key, at timestamp, staff_id int, what text, row_ref text);
         create table document (id bigserial primary key, pupil_id int references pupil, name text, body bytea);
         create table running (n bigint not null, sum numeric not null);
         select setseed(0.5);
         insert into pupil select i, 'A' || md5(i::text), initcap(substr(md5(i || 'f'), 1, 6)), initcap(substr(md5(i || 's'), 1, 9)), i % 15, null,
           'Note ' || md5(random()::text) || ' and ' || md5(random()::text) from generate_series(1, {pupils}) i;
         create temporary table school_day as select d::date from generate_series(date '2022-09-01', date '2026-07-20', interval '1 day') t(d)
           where extract(isodow from d) < 6 and extract(month from d) <> 8;
         insert into mark select p, d, h, (array['/', '/', '/', '/', '/', '/', '/', '/', 'I', 'L', 'M', 'O'])[1 + floor(random() * 12)::int],
             case when random() < 0.03 then floor(random() * 25)::int end, p % 40 + 1, d + time '09:00' + random() * interval '20 minutes'
           from school_day cross join unnest(array['am', 'pm']) h cross join generate_series(1, {pupils}) p;
         insert into dinner (pupil_id, day, pence, what) select p, d, -245, 'School meal' from school_day cross join generate_series(1, {pupils}) p where random() < 0.45;
         insert into assessment (pupil_id, subject, term, score, remark)
           select p, s, t || '-' || y, floor(random() * 60)::int + 40, 'Works ' || md5(random()::text) || ' and should ' || md5(random()::text)
           from generate_series(2022, 2026) y cross join unnest(array['autumn', 'spring', 'summer']) t
           cross join unnest(array['maths', 'reading', 'writing']) s cross join generate_series(1, {pupils}) p;
         insert into audit (at, staff_id, what, row_ref) select timestamp '2022-09-01' + i * interval '1 hour', i % 50, 'edit mark', 'pupil/' || i % {pupils}
           from generate_series(1, {pupils} * 62) i;
         insert into document (pupil_id, name, body)
           select i, 'photo-' || i || '.jpg', (select string_agg(decode(md5(i || 'd' || k), 'hex'), ''::bytea) from generate_series(1, 1625) k)
           from generate_series(1, {pupils}) i;
         insert into running values (0, 0);"
    )
}

/// What a school day does to it.
fn school_day(number: u64, pupils: u64) -> String {
    format!(
        "insert into mark select p, date '2026-09-01' + {number}, h, '/', null, p % 40 + 1, date '2026-09-01' + {number} + time '09:00' + random() * interval '20 minutes'
           from unnest(array['am', 'pm']) h cross join generate_series(1, {pupils}) p;
         update mark set code = 'C' where pupil_id % 30 = {number} and day = date '2025-03-03' + {number} % 5 and am_pm = 'am';
         update pupil set notes = 'Changed ' || md5(random()::text) where id % 40 = {number};
         insert into dinner (pupil_id, day, pence, what) select p, date '2026-09-01' + {number}, -245, 'School meal' from generate_series(1, {pupils}) p where random() < 0.45;
         insert into audit (at, staff_id, what, row_ref) select now(), i % 50, 'edit mark', 'pupil/' || i from generate_series(1, 30) i;
         insert into document (pupil_id, name, body) select {number}, 'letter.pdf', string_agg(decode(md5({number} || '-' || k), 'hex'), ''::bytea) from generate_series(1, 300) k;
         vacuum;"
    )
}

/// One write of a user, with the running sum; `id` is of the assessment.
const WRITE: &str = "begin; insert into assessment (pupil_id, subject, term, score, remark) values (7, 'live', 'now', 50, md5(random()::text)); \
    update running set n = n + 1, sum = sum + (select ('x' || substr(md5(remark), 1, 8))::bit(32)::bigint from assessment where id = currval('assessment_id_seq')); commit;\n";

/// Whether the running sum is that of the rows, and how many there were.
const AGREES: &str = "select running.n, running.sum = coalesce(live.sum, 0) and running.n = live.n from running, \
    (select count(*) n, sum(('x' || substr(md5(remark), 1, 8))::bit(32)::bigint) sum from assessment where subject = 'live') live";

impl Living for Server {
    const KIND: &str = "PostgreSQL";
    const DUMP: &str = "mis.dump";
    const WRITE: &str = WRITE;
    const LIMIT: f64 = 1.5;

    fn fresh() -> Self {
        Self::begun()
    }

    fn fill(&self, pupils: u64) {
        self.sql("postgres", "create database mis");
        self.sql("mis", &filled(pupils));
    }

    fn source(&self) -> String {
        format!(r#"kind = "postgres", url = "{}", programs = "{}""#, self.url("dr", "mis"), self.bin().display())
    }

    fn at(&self, database: &str) -> String {
        self.url("dr", database)
    }

    fn day(&self, number: u64, pupils: u64) {
        for statement in school_day(number, pupils).split_inclusive(';') {
            self.sql("mis", statement);
        }
    }

    fn writer(&self) -> Command {
        let mut psql = self.client("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "mis"]);
        psql
    }

    fn agrees(&self, database: &str) -> String {
        self.sql(database, AGREES)
    }

    fn hash(&self, database: &str, rows: &str) -> String {
        self.sql(database, &format!("select count(*) || ' ' || coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0) from (select * from {rows}) t"))
    }

    fn rows(&self, database: &str, table: &str) -> u64 {
        self.sql(database, &format!("select count(*) from {table}")).parse().unwrap()
    }

    fn fact(table: &str) -> String {
        format!("public.{table}")
    }
}
