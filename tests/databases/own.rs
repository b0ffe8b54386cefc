//! What does a technician see who has a PostgreSQL server of his own, from nothing to a table's rows brought back?
//!
//! `docs/own-database.md` is what he typed and saw; the test compares it, and `DR_WRITE_PAGES=1` rewrites it.

use crate::machine::Machine;
use crate::page::Page;
use crate::server::Server;

const ANSWERS: &str = "\
Beech Lane Infant School
A. Ash <head@beechlane.example>
J. Oak <oak@provider.example>
none

/mnt/nas/dr
/mnt/trust/dr
none
";

const MIS: &str = "
create table pupil (id int primary key, name text not null, year int not null);
insert into pupil select i, 'Pupil ' || i, i % 3 from generate_series(1, 90) i;
create table mark (pupil int references pupil, subject text, mark int, primary key (pupil, subject));
insert into mark select p.id, s, (p.id * 7) % 10 from pupil p, unnest(array['maths', 'reading', 'science']) s;
";

/// A statement that he types in psql, with its answer.
fn psql(page: &mut Page<'_>, server: &Server, database: &str, statement: &str) {
    let shown = page.shown(statement);
    page.other(&format!("psql -At {database} -c \"{shown}\""), &server.sql(database, statement));
}

#[test]
fn a_technician_gets_from_his_own_database_to_a_proved_restore_of_a_tables_rows() {
    let server = Server::begun();
    server.sql("postgres", "create database mis");
    server.sql("mis", MIS);
    let mut machine = Machine::empty();
    machine.with("/run/postgresql", server.socket());
    machine.write("/srv/shares/office/letter.txt", "Dear parents, the trip to the farm is on Friday.\n");
    machine.write("/srv/shares/staff rota.txt", "Monday: A. Ash\n");
    for folder in ["/mnt/nas", "/mnt/trust", "/media/stick", "/etc/dr"] {
        machine.folder(folder);
    }
    let me = Server::whoami();
    machine.calls(me.clone(), "root");
    server.sql("postgres", &format!("create role \"{me}\" login"));

    let mut page = Page::new(&machine);
    page.sizes_vary();
    page.say(
        "# A database of one's own

J. Oak's school keeps its pupils and their marks in PostgreSQL, in a database called `mis` on the server itself. This page is what
he typed and saw, from nothing to the rows of one table brought back. It is written by a test (`tests/databases`), which
lives it on every change with a real server in a temporary folder; that and where the folder is are left out, and seconds and
hashes stand as `#`. [first-day.md](first-day.md) shows the rest of a first day, [sources.md](sources.md) what is kept of a
database and what is not.

## A plan

`dr plan new` asks the database servers of the machine what their databases are called and proposes each as a system. Here it was
told where to look; without `--look` it looks in the usual places. Elsewhere than there the address says where the server's
socket is (`?host=`); of a server in its usual place it is just `postgres:mis`.
",
    );
    page.typed_in("16:00", "plan new /etc/dr/dr.toml --look /srv --look /run/postgresql", &machine.placed(ANSWERS));
    page.say(
        "## The account

`dr` reads the database with an account that may read all of it and change nothing. `dr doctor` asks the server whether it may, and
prints what to type. On the server's own machine that account is called like the one that runs `dr`:
",
    );
    page.typed_about("16:02", "doctor", "source mis");
    psql(&mut page, &server, "mis", &format!("grant pg_read_all_data to {me}"));
    page.typed_about("16:03", "doctor", "source mis");
    page.say("## The keys, and the first backup\n");
    page.typed("16:04", "init --recovery-key-out /media/stick/dr-recovery.key");
    page.typed("16:05", "run");
    page.say("## A mistake\n\nSomebody meant to take one mark away, and forgot half of the condition:\n");
    psql(&mut page, &server, "mis", "select count(*) from mark where subject = 'maths'");
    psql(&mut page, &server, "mis", "delete from mark where subject = 'maths'");
    page.say(
        "## The rows come back

The database is brought back beside the one that lives, under a name of its own; nothing of the school's work since is touched. Loading
takes an account that may make databases, here the server's administrator `dr`. Every table is counted and held to what it had
when it was captured:
",
    );
    page.with_key();
    page.typed("16:08", "restore mis --to postgres://dr@/mis_found?host=/run/postgresql");
    psql(&mut page, &server, "mis_found", "select count(*) from mark where subject = 'maths'");
    let (copy, back) = ("copy (select * from mark where subject = 'maths') to stdout", "copy mark from stdin");
    let rows = server.sql("mis_found", copy);
    assert_eq!(rows.lines().count(), 90);
    server.sql_with("mis", back, &format!("{rows}\n"));
    page.other(&format!("psql mis_found -c \"{copy}\" | psql mis -c \"{back}\""), "COPY 90");
    psql(&mut page, &server, "mis", "select count(*) from mark where subject = 'maths'");
    let sum = "select md5(string_agg(m::text, ' ' order by m)) from mark m";
    assert_eq!(server.sql("mis", sum), server.sql("mis_found", sum), "the same rows");
    psql(&mut page, &server, "postgres", "drop database mis_found");
    page.say("## The proof\n\nA rehearsal brings the copy back on scratch, holds the rows of every table to those that were counted at capture, and writes\nevidence:\n");
    page.typed("16:10", "restore mis --rehearse");
    page.compare("own-database.md");
}
