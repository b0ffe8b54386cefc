//! What does a technician see who has never met dr, from nothing to his own data proved restored?
//!
//! He lives that quarter of an hour on a machine in a folder, and `docs/first-day.md` is what he typed and saw. The
//! test compares it; `DR_WRITE_PAGES=1` rewrites it.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

mod after;
#[path = "../bare.rs"]
mod bare;
mod machine;
mod page;

use machine::Machine;
use page::Page;

const ANSWERS: &str = "\
Beech Lane Infant School
A. Ash <head@beechlane.example>
J. Oak <oak@provider.example>
none

/mnt/nas/dr
/mnt/trust/dr
none
";

#[test]
fn a_new_technician_gets_from_nothing_to_a_proved_restore_of_his_own_data() {
    let machine = Machine::new();
    let mut page = Page::new(&machine);
    page.say(
        "# The first quarter of an hour

J. Oak looks after the computers of an invented school. He has put `dr` on its server, and has a drive on the network
(`/mnt/nas`) and a folder at the trust's office (`/mnt/trust`), both mounted. This page is what he typed and what he
saw. It is written by a test (`tests/first_day`), which lives it on every change: on a small machine in a temporary
folder, with the clock set by `--at`. That and where the folder is are left out below. Seconds and hashes differ from
run to run and stand here as `#`.

## A plan

`dr plan new` looks at what is on the machine and asks eight questions. What it proposes stands in brackets, Enter takes
it. Here it was told to look in `/srv`; without `--look` it looks in all the usual places, for mounted drives and
for disks that can be unplugged too.
",
    );
    page.typed_in("16:00", "plan new /etc/dr/dr.toml --look /srv", &machine.placed(ANSWERS));
    page.say("The plan is a text that one can read, change and print:\n");
    page.file("/etc/dr/dr.toml");
    page.say("What is wrong with it, and what it means:\n");
    page.typed("16:03", "plan check");
    page.typed("16:03", "plan show");
    page.say(
        "## The keys

This machine will only be able to write backups. Whoever breaks into it can read none of them; what reads them is the
recovery key, which is given out once. It belongs on paper or on a stick in the safe. J. Oak keeps it on his stick.
",
    );
    page.typed("16:04", "init --recovery-key-out /media/stick/dr-recovery.key");
    page.say("## The first backup\n");
    page.typed("16:05", "run");
    page.typed("16:06", "status");
    page.say(
        "`SEEDING` means that the plan is at its beginning: until that day nothing is late. What is `never` is still to do.

## Something is lost

The letter about the trip is gone, before anybody has thought of backups again. The recovery key is on the stick:
",
    );
    std::fs::remove_file(machine.path("/srv/shares/office/letter-2.txt")).unwrap();
    page.with_key();
    page.typed("16:08", "restore admin --path letter-2.txt --to /srv/found");
    assert_eq!(
        std::fs::read(machine.path("/srv/found/letter-2.txt")).unwrap(),
        machine::letter(2).into_bytes(),
        "the same bytes"
    );
    page.say("It is the same file. With `--in-place --yes` it would have gone where it was; `--in-place --dry-run -v` says first what\nthat would replace. `dr find '*letter*'` says where something is and in which snapshots, and what it prints is what `--path`\ntakes. `--as-of yesterday` brings back an earlier day.\n\n## The proof\n\nEvery system is brought back whole on scratch, each file compared with what was noted when it was read, the\ndatabase opened and counted, the mail parsed, and the scratch wiped:\n");
    page.typed("16:09", "restore --rehearse");
    page.typed("16:11", "status");
    page.say("## What the head will read\n\nThis letter goes out every Friday morning, once the plan says how mail leaves (`[alerts]`):\n");
    page.typed("16:12", "report weekly");
    page.say(
        "## From now on

`dr service install` lets systemd, or cron, ask every five minutes what is due: see [service.md](service.md). What the
letter names as missing is what to do next.
",
    );
    page.compare("first-day.md");
}
