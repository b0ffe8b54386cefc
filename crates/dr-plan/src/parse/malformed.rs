//! Malformed plans and exactly what is said about each: file, line, the words, what was expected, what was meant.

use super::parse;
use super::tests::SOUND;

/// What is changed in [`SOUND`] (nothing: more is put at its end), into what, and what is said then.
type Case = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const CASES: &[Case] = &[
    (r#"schedule = "daily at 19:00""#, r#"shedule = "daily at 19:00""#, &["dr.toml:25: `shedule` in [systems.mis]: expected one of title, tier, owner, source, schedule, targets, copies, rpo, rto, mtpd, max-age, retention, before, after, timeout, sensitive, expect
  did you mean `schedule`?"]),
    ("version = 1", "verison = 1", &["dr.toml:1: `verison` in the plan: expected one of version, state, school, keys, people, places, copies, targets, pools, systems, report, alerts, checks, rehearsals, runbook, exceptions, document
  did you mean `version`?"]),
    (r#"path = "/srv/mis.db""#, r#"path = "/srv/mis.db", exclude = []"#, &["dr.toml:24: `exclude` in [systems.mis.source]: expected one of kind, path"]),
    ("hours =", "hour =", &["dr.toml:5: `hour` in [school]: expected one of name, timezone, calendar, hours, sample
  did you mean `hours`?"]),
    (r#"roles = ["head"]"#, r#"role = ["head"]"#, &["dr.toml:8: `role` in [people.ash]: expected one of name, email, phone, phone-ooh, login, roles, starts, leaves, absences, deputy
  did you mean `roles`?"]),
    ("keyholders", "key-holders", &["dr.toml:14: `key-holders` in [places.annexe]: expected one of name, class, keyholders
  did you mean `keyholders`?"]),
    (r#"url = "/mnt/nas""#, r#"url = "/mnt/nas"
locked = "30d""#, &["dr.toml:17: `locked` in [targets.nas]: expected one of url, pool, class, lock, bandwidth
  did you mean `lock`?"]),
    ("media = 4", "media = 4
medium = 4", &["dr.toml:21: `medium` in [pools.weekly]: expected one of scheme, media, rotate, shift, custodians, mount, place
  did you mean `media`?"]),
    (r#"target = "disks", schedule"#, r#"target = "disks", shedule"#, &["dr.toml:27: `shedule` in [systems.mis.copies[0]]: expected one of target, schedule, retention
  did you mean `schedule`?"]),
    (r#"rpo = "26h""#, "retention = { dayly = 14 }", &["dr.toml:28: `dayly` in [systems.mis.retention]: expected one of last, hourly, daily, weekly, monthly, yearly, within, max-age
  did you mean `daily`?"]),
    (r#"rpo = "26h""#, r#"before = [{ run = ["stop"], time-out = "2m" }]"#, &["dr.toml:28: `time-out` in [systems.mis.before[0]]: expected one of run, timeout, optional
  did you mean `timeout`?"]),
    (r#"targets = ["nas"]"#, r#"targets = ["nass"]"#, &[r#"dr.toml:26: `systems.mis.targets[0] = "nass"`: expected one of the plan's targets: disks, nas
  did you mean `nas`?"#]),
    (r#"target = "disks""#, r#"target = "disk""#, &[r#"dr.toml:27: `systems.mis.copies[0].target = "disk"`: expected one of the plan's targets: disks, nas
  did you mean `disks`?"#]),
    ("tier = 1", r#"tier = 1
owner = "ahs""#, &[r#"dr.toml:24: `systems.mis.owner = "ahs"`: expected one of the plan's people: ash, oak
  did you mean `ash`?"#]),
    (r#"["oak", "ash"]"#, r#"["oak", "elm"]"#, &[r#"dr.toml:21: `pools.weekly.custodians[1] = "elm"`: expected one of the plan's people: ash, oak"#]),
    (r#"pool = "weekly""#, r#"pool = "weakly""#, &[r#"dr.toml:18: `targets.disks.pool = "weakly"`: expected one of the plan's pools: weekly
  did you mean `weekly`?"#]),
    ("media = 4", r#"media = 4
place = "anexe""#, &[r#"dr.toml:21: `pools.weekly.place = "anexe"`: expected one of the plan's places: annexe
  did you mean `annexe`?"#]),
    (r#"keyholders = ["oak"]"#, r#"keyholders = ["oka"]"#, &[r#"dr.toml:14: `places.annexe.keyholders[0] = "oka"`: expected one of the plan's people: ash, oak
  did you mean `oak`?"#]),
    (r#"roles = ["head"]"#, r#"roles = ["head"]
deputy = "okk""#, &[r#"dr.toml:9: `people.ash.deputy = "okk"`: expected one of the plan's people: ash, oak
  did you mean `oak`?"#]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "drop", path = "/srv/drop", maker = "hash" }"#, &[r#"dr.toml:24: `systems.mis.source.maker = "hash"`: expected one of the plan's people: ash, oak
  did you mean `ash`?"#]),
    ("", r#"[report]
to = ["nobody"]"#, &[r#"dr.toml:30: `report.to[0] = "nobody"`: expected one of the plan's people: ash, oak"#]),
    ("", r#"[alerts]
to = ["oak", "aash"]"#, &[r#"dr.toml:30: `alerts.to[1] = "aash"`: expected one of the plan's people: ash, oak
  did you mean `ash`?"#]),
    ("", r#"[[exceptions]]
system = "miss"
rule = "offline"
reason = "on order"
approver = "ash"
until = 2026-12-18"#, &[r#"dr.toml:30: `exceptions[0].system = "miss"`: expected one of the plan's systems: mis
  did you mean `mis`?"#]),
    (r#"roles = ["head"]"#, r#"roles = ["haed"]"#, &[r#"dr.toml:8: `people.ash.roles[0] = "haed"`: expected one of "head", "deputy-head", "business-manager", "digital-lead", "it-lead", "it-provider", "custodian", "key-holder", "dpo", "governor", "operator", "restorer", "approver", "auditor", "viewer"
  did you mean `head`?"#]),
    (r#"class = "offsite""#, r#"class = "off-site""#, &[r#"dr.toml:13: `places.annexe.class = "off-site"`: expected one of "onsite", "offsite"
  did you mean `offsite`?"#]),
    ("media = 4", r#"media = 4
scheme = "hanoy""#, &[r#"dr.toml:21: `pools.weekly.scheme = "hanoy"`: expected one of "round-robin", "gfs", "gfs-termly", "hanoi"
  did you mean `hanoi`?"#]),
    ("media = 4", r#"media = 4
shift = "before""#, &[r#"dr.toml:21: `pools.weekly.shift = "before"`: expected one of "previous", "next", "skip""#]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "website", path = "/srv/www", database = "postgres:wp" }"#, &[r#"dr.toml:24: `systems.mis.source.database = "postgres:wp"`: expected the address of a MariaDB database, such as "mariadb:wp" or "mariadb://USER@HOST/NAME""#]),
    (r#"kind = "sqlite""#, r#"kind = "sqllite""#, &[r#"dr.toml:24: `systems.mis.source.kind = "sqllite"`: expected one of "files", "sqlite", "maildir", "postgres", "mariadb", "imap", "website", "command", "drop", "saas", "mysql"
  did you mean `sqlite`?"#]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "drop", path = "/srv/drop", type = "zipp" }"#, &[r#"dr.toml:24: `systems.mis.source.type = "zipp"`: expected one of "any", "zip", "gzip", "7z", "text", "xml", "pdf", "sql-server", "sqlite"
  did you mean `zip`?"#]),
    ("", r#"[keys]
mode = "write""#, &[r#"dr.toml:30: `keys.mode = "write"`: expected one of "write-only", "full""#]),
    ("", r#"[rehearsals]
sample = "week""#, &[r#"dr.toml:30: `rehearsals.sample = "week"`: expected one of "weekly", "monthly", "termly", "yearly", "never""#]),
    ("", r#"expect = [{ say = "pupils", ask = "select 1; drop table pupil", within = "5", newer-than = "soon" }]"#, &[
        r#"dr.toml:29: `systems.mis.expect[0].ask = "select 1; drop table pupil"`: expected one statement of SQL that gives one value, without `;`, `--` or a backslash in it"#,
        r#"dr.toml:29: `systems.mis.expect[0].within = "5"`: expected percent, such as "5%""#,
        r#"dr.toml:29: `systems.mis.expect[0].newer-than = "soon"`: expected a length of time such as "45s", "2m", "26h", "3d", "2w", "6mo" or "3y""#,
    ]),
    ("", r#"expect = [{ say = "the front page", page = "front page", contains = "--", within = "5%" }, { say = "dates", page = "/" }]"#, &[
        r#"dr.toml:29: `systems.mis.expect[0].page = "front page"`: expected a page as its address has it, such as "/" or "/term-dates/", without blanks"#,
        r#"dr.toml:29: `systems.mis.expect[0].contains = "--"`: expected words that stand on the page"#,
        r#"dr.toml:29: `within` in [systems.mis.expect[0]]: expected `say`, `page` and `contains` alone, where a page is asked for"#,
        "dr.toml:29: [systems.mis.expect[1]] without `contains`: expected `contains`",
    ]),
    ("", r#"[rehearsals]
level = "L4""#, &[r#"dr.toml:30: `rehearsals.level = "L4"`: expected one of "L1", "L2", "L3""#]),
    ("", r#"[alerts]
smtp = { url = "smtps://mail.example", auth = "oauth" }"#, &[r#"dr.toml:30: `alerts.smtp.auth = "oauth"`: expected one of "password", "xoauth2""#]),
    (r#"url = "/mnt/nas""#, r#"url = "/mnt/nas"
class = "clowd""#, &[r#"dr.toml:17: `targets.nas.class = "clowd"`: expected one of "onsite", "offsite", "cloud"
  did you mean `cloud`?"#]),
    ("daily at 19:00", "dayly at 19:00", &[r#"dr.toml:25: `systems.mis.schedule = "dayly at 19:00"`: expected a schedule such as "daily at 19:30", "weekly on Fri at 17:00", "monthly on 1 at 02:00", "every 4h" or "cron 30 19 * * *"
  did you mean `daily at 19:00`?"#]),
    ("daily at 19:00", "daily at 25:00", &[r#"dr.toml:25: `systems.mis.schedule = "daily at 25:00"`: expected a schedule such as "daily at 19:30", "weekly on Fri at 17:00", "monthly on 1 at 02:00", "every 4h" or "cron 30 19 * * *""#]),
    ("daily at 19:00", "weekly on Fryday at 19:00", &[r#"dr.toml:25: `systems.mis.schedule = "weekly on Fryday at 19:00"`: expected a schedule such as "daily at 19:30", "weekly on Fri at 17:00", "monthly on 1 at 02:00", "every 4h" or "cron 30 19 * * *""#]),
    ("daily at 19:00", "every 7h", &[r#"dr.toml:25: `systems.mis.schedule = "every 7h"`: expected a part of a day after `every`: from 5m to 24h, and dividing 24h without a rest"#]),
    ("daily at 19:00", "cron 0 2 31 2 *", &[r#"dr.toml:25: `systems.mis.schedule = "cron 0 2 31 2 *"`: expected a cron pattern that happens at all: no day matches this one"#]),
    ("daily at 19:00", "cron 99 * * * *", &[r#"dr.toml:25: `systems.mis.schedule = "cron 99 * * * *"`: expected five cron fields after `cron` (Component error: Number out of bounds.)"#]),
    (r#""daily at 19:00""#, "19", &[r#"dr.toml:25: `systems.mis.schedule = 19`: expected a schedule such as "daily at 19:30", "weekly on Fri at 17:00", "monthly on 1 at 02:00", "every 4h" or "cron 30 19 * * *""#]),
    (r#"rpo = "26h""#, r#"rpo = "26 hours""#, &[r#"dr.toml:28: `systems.mis.rpo = "26 hours"`: expected a length of time such as "45s", "2m", "26h", "3d", "2w", "6mo" or "3y""#]),
    (r#"rpo = "26h""#, "rpo = 26", &[r#"dr.toml:28: `systems.mis.rpo = 26`: expected a length of time such as "45s", "2m", "26h", "3d", "2w", "6mo" or "3y""#]),
    ("tier = 1", "tier = 9", &["dr.toml:23: `systems.mis.tier = 9`: expected a whole number from 1 to 3"]),
    ("media = 4", r#"media = "4""#, &[r#"dr.toml:20: `pools.weekly.media = "4"`: expected a whole number from 1 to 99"#]),
    ("Mon-Fri 08:00-16:00", "Mon-Fri 8-4", &[r#"dr.toml:5: `school.hours = "Mon-Fri 8-4"`: expected days and hours such as "Mon-Fri 08:00-16:00""#]),
    ("Europe/London", "Europe/Londn", &[r#"dr.toml:4: `school.timezone = "Europe/Londn"`: expected the name of a time zone such as "Europe/London"
  did you mean `Europe/London`?"#]),
    (r#"roles = ["head"]"#, r#"starts = "2024-09-01""#, &[r#"dr.toml:8: `people.ash.starts = "2024-09-01"`: expected a date such as 2026-12-18, without quotes"#]),
    (r#"roles = ["head"]"#, "leaves = 2026-02-30", &["dr.toml:8: `leaves = …`: expected TOML (invalid date, expected day between 01 and 28)"]),
    (r#"roles = ["head"]"#, "absences = [{ from = 2026-12-05, until = 2026-12-01 }]", &["dr.toml:8: `people.ash.absences[0].until = 2026-12-01`: expected a day that is not before 2026-12-05"]),
    (r#"roles = ["head"]"#, r#"roles = "head""#, &[r#"dr.toml:8: `people.ash.roles = "head"`: expected a list in square brackets"#]),
    (r#"name = "A. Ash""#, r#"name = """#, &[r#"dr.toml:7: `people.ash.name = ""`: expected a text in quotes, on one line and not empty"#]),
    (r#"rpo = "26h""#, "retention = {}", &["dr.toml:28: `systems.mis.retention = {}`: expected at least one of last, hourly, daily, weekly, monthly, yearly, within, max-age"]),
    (r#"rpo = "26h""#, "retention = { daily = 0 }", &["dr.toml:28: `systems.mis.retention.daily = 0`: expected a whole number from 1 to 10000"]),
    (r#"rpo = "26h""#, r#"sensitive = "yes""#, &[r#"dr.toml:28: `systems.mis.sensitive = "yes"`: expected true or false"#]),
    (r#"rpo = "26h""#, r#"before = [{ run = "quiesce" }]"#, &[r#"dr.toml:28: `systems.mis.before[0].run = "quiesce"`: expected a list in square brackets"#]),
    (r#"rpo = "26h""#, "before = [{ run = [] }]", &["dr.toml:28: `systems.mis.before[0].run = []`: expected a program and its arguments, as a list"]),
    ("version = 1", "version = 2", &["dr.toml:1: `version = 2`: expected a whole number from 1 to 1"]),
    ("", r#"[systems."Bad Name"]
source = "/srv/b""#, &["dr.toml:29: `Bad Name` in [systems]: expected a name: 1 to 48 of a-z, 0-9 and -, beginning with a letter or digit"]),
    (r#"url = "/mnt/nas""#, r#"url = "/mnt/nas"
bandwidth = "fast""#, &[r#"dr.toml:17: `targets.nas.bandwidth = "fast"`: expected a speed such as "10 MB/s", or "half-in-hours" or "unlimited""#]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "files", paths = [] }"#, &["dr.toml:24: `systems.mis.source.paths = []`: expected at least one path"]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "drop", path = "/srv/drop", shrink = 120 }"#, &["dr.toml:24: `systems.mis.source.shrink = 120`: expected a whole number from 0 to 100"]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "drop", path = "/srv/drop", databases = ["SIMS", "sims"] }"#, &[r#"dr.toml:24: `systems.mis.source.databases = ["SIMS", "sims"]`: expected 1 to 64 databases, each once"#]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "drop", path = "/srv/drop", marker = "done", facts = "done" }"#, &[r#"dr.toml:24: `systems.mis.source.facts = "done"`: expected another name than that of the marker"#]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "drop", path = "/srv/drop", marker = "{name}" }"#, &[r#"dr.toml:24: `systems.mis.source.marker = "{name}"`: expected the name of a file beside the export, such as "{name}.ok""#]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#"{ kind = "drop", path = "/srv/drop", marker = "ok/{name}" }"#, &[r#"dr.toml:24: `systems.mis.source.marker = "ok/{name}"`: expected the name of a file beside the export, such as "{name}.ok""#]),
    ("", r#"[report]
weekly = "07:30 on Fri""#, &[r#"dr.toml:30: `report.weekly = "07:30 on Fri"`: expected a day and a time such as "Fri 07:30""#]),
    ("", r#"[checks]
nightly = "half an hour""#, &[r#"dr.toml:30: `checks.nightly = "half an hour"`: expected a length of time such as "45s", "2m", "26h", "3d", "2w", "6mo" or "3y""#]),
    (r#"url = "/mnt/nas""#, r#"url = "s4://bucket/dr""#, &[r#"dr.toml:16: `targets.nas.url = "s4://bucket/dr"`: expected a path or an address with file, s3, az, gs, sftp, webdav or webdavs
  did you mean `s3://bucket/dr`?"#]),
    (r#"{ kind = "sqlite", path = "/srv/mis.db" }"#, r#""sqlit:/srv/mis.db""#, &[r#"dr.toml:24: `systems.mis.source = "sqlit:/srv/mis.db"`: expected a path, or a source such as "drop:/srv/drop/mis", "sqlite:/srv/mis.db", "maildir:/srv/mail", "postgres:mis", "mariadb:shop", "imaps://mail.school.example" or "sftp://web@host/htdocs"
  did you mean `sqlite:/srv/mis.db`?"#]),
    (r#"url = "/mnt/nas""#, r#"url = "/mnt/nas"
pool = "weekly""#, &[r#"dr.toml:17: `targets.nas.pool = "weekly"`: expected either `url` or `pool`, not both"#]),
    (r#"pool = "weekly""#, r#"pool = "weekly"
class = "offsite""#, &[r#"dr.toml:19: `targets.disks.class = "offsite"`: expected nothing: a pool's media are where people put them"#]),
    ("", "copies = 3", &["dr.toml:29: `copies = …`: expected TOML (duplicate key)"]),
    (r#"name = "Hazel Bank"
"#, "", &["dr.toml:2: [school] without `name`: expected `name`"]),
    (r#"source = { kind = "sqlite", path = "/srv/mis.db" }
"#, "", &["dr.toml:22: [systems.mis] without `source`: expected `source`"]),
    (r#"{ kind = "sqlite", path"#, "{ path", &["dr.toml:24: [systems.mis.source] without `kind`: expected `kind`"]),
    (r#"kind = "sqlite", path = "/srv/mis.db""#, r#"kind = "sqlite""#, &["dr.toml:24: [systems.mis.source] without `path`: expected `path`"]),
    (r#"url = "/mnt/nas"
"#, "", &["dr.toml:15: [targets.nas] without `url` or `pool`: expected `url` or `pool`"]),
    ("media = 4
", "", &["dr.toml:19: [pools.weekly] without `media`: expected `media`"]),
    (r#"class = "offsite"
"#, "", &["dr.toml:12: [places.annexe] without `class`: expected `class`"]),
    (r#"target = "disks", "#, "", &["dr.toml:27: [systems.mis.copies[0]] without `target`: expected `target`"]),
    (r#"target = "disks""#, r#"target = "nas""#, &[r#"dr.toml:27: `systems.mis.copies[0] = { target = "nas", schedule = "weekly on Thu at 21:00" }`: expected each target once: there is a copy on `nas` already"#]),
    ("", "[runbook]", &["dr.toml:29: [runbook] without `file`: expected `file`"]),
    ("", r#"[[exceptions]]
system = "mis""#, &["dr.toml:29: [exceptions[0]] without `rule`: expected `rule`", "dr.toml:29: [exceptions[0]] without `reason`: expected `reason`", "dr.toml:29: [exceptions[0]] without `approver`: expected `approver`", "dr.toml:29: [exceptions[0]] without `until`: expected `until`"]),
    ("", r#"[alerts]
smtp = { user = "dr" }"#, &["dr.toml:30: [alerts.smtp] without `url`: expected `url`"]),
    ("", r#"[alerts]
smtp = { url = "smtps://mail.example", password = "hunter2hunter2" }"#, &[r#"dr.toml:30: `alerts.smtp.password`: expected where the secret is found: "credential:NAME", "file:PATH", "env:NAME" or "command:PROGRAM"; the secret itself never stands in a plan"#]),
    ("", r#"[keys]
unlock = "correct horse""#, &[r#"dr.toml:30: `keys.unlock`: expected where the secret is found: "credential:NAME", "file:PATH", "env:NAME" or "command:PROGRAM"; the secret itself never stands in a plan"#]),
    (r#"url = "/mnt/nas""#, r#"url = "sftp://dr:hunter2@host/dr""#, &["dr.toml:16: `targets.nas.url`: expected an address without a password; the password's place is named with `password`, or found by the store's own variables"]),
    (r#"rpo = "26h""#, r#"rpo = "26h"#, &[r#"dr.toml:28: `rpo = …`: expected TOML (invalid basic string, expected `"`)"#]),
    ("[systems.mis]", "[systems.mis", &["dr.toml:22: `[systems.mis`: expected TOML (unclosed table, expected `]`)"]),
];

fn said((old, new, _): &Case) -> Vec<String> {
    let text = match old.is_empty() {
        true => format!("{SOUND}{new}\n"),
        false => {
            assert_eq!(SOUND.matches(old).count(), 1, "{old}");
            SOUND.replace(old, new)
        }
    };
    let problems = parse(&text, "dr.toml").map(|_| Vec::new()).unwrap_or_else(|problems| problems);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn each_of_eighty_malformed_plans_gets_its_own_exact_message() {
    let mut texts: Vec<_> = CASES.iter().map(|(old, new, _)| (old, new)).collect();
    texts.sort_unstable();
    texts.dedup();
    assert!(texts.len() >= 80 && texts.len() == CASES.len(), "{}", texts.len());
    for case in CASES {
        assert_eq!(said(case), case.2, "{} -> {}", case.0, case.1);
    }
}

#[test]
fn a_plan_with_five_mistakes_gets_all_five_messages_by_line() {
    let case: Case = (
        r#"tier = 1
source = { kind = "sqlite", path = "/srv/mis.db" }
schedule = "daily at 19:00"
targets = ["nas"]"#,
        r#"teir = 1
source = { kind = "sqlite", path = "/srv/mis.db" }
schedule = "dayly at 19:00"
targets = ["nass"]
owner = "oka"
rto = "soon""#,
        &[
            "dr.toml:23: `teir` in [systems.mis]: expected one of title, tier, owner, source, schedule, targets, copies, rpo, rto, mtpd, max-age, retention, before, after, timeout, sensitive, expect
  did you mean `tier`?",
            r#"dr.toml:25: `systems.mis.schedule = "dayly at 19:00"`: expected a schedule such as "daily at 19:30", "weekly on Fri at 17:00", "monthly on 1 at 02:00", "every 4h" or "cron 30 19 * * *"
  did you mean `daily at 19:00`?"#,
            r#"dr.toml:26: `systems.mis.targets[0] = "nass"`: expected one of the plan's targets: disks, nas
  did you mean `nas`?"#,
            r#"dr.toml:27: `systems.mis.owner = "oka"`: expected one of the plan's people: ash, oak
  did you mean `oak`?"#,
            r#"dr.toml:28: `systems.mis.rto = "soon"`: expected a length of time such as "45s", "2m", "26h", "3d", "2w", "6mo" or "3y""#,
        ],
    );
    assert_eq!(said(&case), case.2);
}
