//! What is read in all its forms, and what is refused: secrets, texts that are no TOML, calendars.

use proptest::prelude::*;

use super::{parse, parse_calendar};
use crate::secret::SecretRef;
use crate::source::SourceKind;
use crate::target::Bandwidth;

/// A sound plan. Every malformed one changes one line of it, or adds one at its end.
pub(super) const SOUND: &str = r#"version = 1
[school]
name = "Hazel Bank"
timezone = "Europe/London"
hours = "Mon-Fri 08:00-16:00"
[people.ash]
name = "A. Ash"
roles = ["head"]
[people.oak]
name = "J. Oak"
roles = ["it-lead", "custodian"]
[places.annexe]
class = "offsite"
keyholders = ["oak"]
[targets.nas]
url = "/mnt/nas"
[targets.disks]
pool = "weekly"
[pools.weekly]
media = 4
custodians = ["oak", "ash"]
[systems.mis]
tier = 1
source = { kind = "sqlite", path = "/srv/mis.db" }
schedule = "daily at 19:00"
targets = ["nas"]
copies = [{ target = "disks", schedule = "weekly on Thu at 21:00" }]
rpo = "26h"
"#;

/// The messages for `SOUND` with `old` replaced by `new`.
fn check(old: &str, new: &str, expected: &[&str]) {
    assert_eq!(SOUND.matches(old).count(), 1, "{old}");
    check_text(&SOUND.replace(old, new), expected);
}

/// The messages for `SOUND` with more at its end.
fn check_more(more: &str, expected: &[&str]) {
    check_text(&format!("{SOUND}{more}\n"), expected);
}

fn check_text(text: &str, expected: &[&str]) {
    let problems = parse(text, "dr.toml").expect_err("a problem");
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown, expected);
}

#[test]
fn the_sound_plan_is_sound() {
    parse(SOUND, "dr.toml").unwrap();
}

#[test]
fn an_empty_plan_is_told_what_it_needs() {
    check_text(
        "",
        &[
            "dr.toml:1: the plan without `school`: expected `school`",
            "dr.toml:1: the plan without `copies` or [targets]: expected `copies` or [targets]",
            "dr.toml:1: the plan without `systems`: expected `systems`",
        ],
    );
}

#[test]
fn secrets_are_refused_and_never_shown() {
    const EXPECTED: &str = "where the secret is found: \"credential:NAME\", \"file:PATH\", \"env:NAME\" or \"command:PROGRAM\"; the secret itself never stands in a plan";
    check_more(
        "[alerts]\nsmtp = { url = \"smtps://mail.example\", password = \"hunter2hunter2\" }",
        &[&format!("dr.toml:30: `alerts.smtp.password`: expected {EXPECTED}")],
    );
    check_more("[keys]\nunlock = \"correct horse\"", &[&format!("dr.toml:30: `keys.unlock`: expected {EXPECTED}")]);
    check(
        "url = \"/mnt/nas\"",
        "url = \"sftp://dr:hunter2@host/dr\"",
        &[
            "dr.toml:16: `targets.nas.url`: expected an address without a password; the password's place is named with `password`, or found by the store's own variables",
        ],
    );
    for hiding in [
        "[alerts]\nping = \"hunter2\"",
        "[alerts]\nsmtp = { url = \"smtps://dr:hunter2@mail\" }",
        "[targets.x]\nurl = \"ftps://dr:hunter2@host\"",
        "[systems.x]\nsource = \"postgres://dr:hunter2@host/mis\"",
        "[systems.x]\nsource = { kind = \"imap\", url = \"imaps://dr:hunter2@host\" }",
        "[alerts]\nsmtp = { url = \"smtps://mail\", password = hunter2 }",
    ] {
        let problems = parse(&format!("{SOUND}{hiding}\n"), "dr.toml").expect_err("a problem");
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| !problem.to_string().contains("hunter2")), "{problems:?}");
    }
}

#[test]
fn all_errors_are_told_at_once_by_line() {
    let text = SOUND
        .replace("tier = 1", "teir = 1")
        .replace("26h", "26x")
        .replace("media = 4", "media = 0")
        .replace("Europe/London", "Mars");
    let problems = parse(&text, "dr.toml").expect_err("problems");
    assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [4, 20, 23, 28]);
}

#[test]
fn a_text_that_is_no_toml_is_told_with_its_line() {
    let problems = parse(&SOUND.replace("rpo = \"26h\"", "rpo = \"26h"), "dr.toml").expect_err("a problem");
    assert_eq!(problems[0].line, 28);
    assert!(problems[0].words.starts_with("`rpo = …`"), "{problems:?}");
    for text in ["[", "a = ", "a = 1\na = 2", "\u{0}", "= 1", "[systems]\n[systems]"] {
        assert!(parse(text, "dr.toml").is_err(), "{text:?}");
    }
    let deep = format!("school = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(&deep, "dr.toml").is_err());
    assert!(parse(&" ".repeat((1 << 20) + 1), "dr.toml").is_err());
}

#[test]
fn the_short_form_of_people_and_copies_is_checked_too() {
    let base = "school = \"S\"\npeople = { head = \"A. Ash <head@school.example>\" }\ncopies = { onsite = \"/nas\" }\n[systems]\nfiles = \"/srv\"\n";
    parse(base, "dr.toml").unwrap();
    let check = |old: &str, new: &str, expected: &str| check_text(&base.replace(old, new), &[expected]);
    check(
        "head = ",
        "heed = ",
        "dr.toml:2: `heed` in [people]: expected a role (it, disks, head, deputy-head, business-manager, digital-lead, it-lead, it-provider, custodian, key-holder, dpo, governor, operator, restorer, approver, auditor, viewer), or a table for one person\n  did you mean `head`?",
    );
    check(
        "<head@school.example>",
        "<head",
        "dr.toml:2: `people.head = \"A. Ash <head\"`: expected a person such as \"A. Ash <head@school.example>\"",
    );
    check(
        "onsite = \"/nas\"",
        "onside = \"/nas\"",
        "dr.toml:3: `onside` in [copies]: expected one of onsite, offsite, cloud, disks\n  did you mean `onsite`?",
    );
}

#[test]
fn two_people_with_one_surname_get_two_ids_and_one_person_in_two_roles_gets_one() {
    let text = "school = \"S\"\npeople = { head = \"A. Ash <a@s.example>\", it = \"B. Ash\", disks = [\"A. Ash\", \"É. Ó\"] }\ncopies = { onsite = \"/nas\", disks = 2 }\nsystems = { files = \"/srv\" }\n";
    let plan = parse(text, "dr.toml").unwrap();
    let ids: Vec<&str> = plan.people.keys().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["ash", "ash-2", "person"]);
    let ash = plan.people.values().next().unwrap();
    assert_eq!((ash.roles.len(), ash.email.as_deref()), (2, Some("a@s.example")));
}

#[test]
fn every_kind_of_source_and_every_small_table_is_read_and_shown_again() {
    let more = r#"
[systems.a]
source = { kind = "postgres", url = "postgres://dr@db/mis", password = "credential:mis" }
before = [{ run = ["quiesce", "now \"it\""], timeout = "3m" }]
after = [{ run = ["thaw"] }]
sensitive = true
rto = "8h"
mtpd = "3d"
max-age = "3y"
retention = { last = 1, hourly = 2, daily = 3, weekly = 4, monthly = 5, yearly = 6, within = "2w", max-age = "1y" }
[systems.b]
source = { kind = "mariadb", url = "mariadb://db/shop" }
[systems.c]
source = { kind = "imap", url = "imaps://mail", password = "file:secrets/imap" }
[systems.d]
source = { kind = "website", url = "sftp://web@host/htdocs" }
[systems.i]
source = { kind = "website", path = "/srv/www", database = "mariadb://drb@db/wp", password = "credential:wp", programs = "/opt/mariadb/bin", exclude = ["/wp-content/cache"] }
[systems.k]
source = { kind = "website", url = "sftp://web@host:2222/srv/www/site", database = "mariadb://drb@db/wp", password = "credential:wp", exclude = ["/cache"], key = "website.key", known-hosts = "/etc/dr/known_hosts" }
[systems.j]
source = { kind = "mysql", url = "mysql:shop", programs = "/opt/mariadb/bin" }
[systems.e]
source = { kind = "command", run = ["dump", "--all"], name = "dump.sql" }
[systems.f]
source = { kind = "drop", path = "/srv/drop", name = "*.zip", fresh = "30h", settled = "10m", shrink = 50, marker = "{name}.ok", facts = "{name}.facts.json", databases = ["SIMS", "FMS"] }
[systems.g]
source = { kind = "saas", supplier = "Cloud MIS Ltd", rpo = "1d", rto = "2d", contract = 2027-08-31, checked = 2026-09-01 }
[systems.h]
source = { kind = "files", paths = ["/srv/h", 'C\odd "name"'], exclude = [], one-file-system = false }
schedule = "cron 30 19 * * mon-fri"
[targets.cloud]
url = "s3://bucket/dr?region=eu-west-2"
lock = "14d"
bandwidth = "1500 kB/s"
[keys]
mode = "full"
unlock = "command:pass show dr"
[alerts]
smtp = { url = "smtps://mail:465", user = "dr", password = "credential:smtp", from = "dr@school.example" }
ping = "env:DR_PING_URL"
[checks]
nightly = "45m"
[rehearsals]
sample = "monthly"
full = "never"
level = "L1"
[runbook]
file = "runbook.toml"
[[exceptions]]
system = "mis"
rule = "off-site"
reason = "disk on order"
approver = "ash"
until = 2026-12-18
"#;
    let sound = SOUND.replace("hours =", "sample = true\nhours =");
    let plan = parse(&format!("{sound}{more}"), "dr.toml").unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert!(plan.school.sample && !parse(SOUND, "dr.toml").unwrap().school.sample);
    let shown = crate::show_full(&plan);
    assert_eq!(parse(&shown, "shown").unwrap_or_else(|problems| panic!("{problems:#?}\n{shown}")), plan);
    let mut kinds: Vec<&str> = plan.systems.iter().map(|system| system.source.kind()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), SourceKind::ALL.len() - 1);
    assert_eq!(plan.keys.unlock, Some(SecretRef::Command(vec!["pass".into(), "show".into(), "dr".into()])));
    let speeds: Vec<Bandwidth> = plan.targets.values().map(|target| target.bandwidth).collect();
    assert!(speeds.contains(&Bandwidth::BytesPerSecond(1_500_000)));
}

#[test]
fn calendars_are_checked_like_plans() {
    let check = |text: &str, expected: &[&str]| {
        let shown: Vec<String> =
            parse_calendar(text, "c.toml").expect_err("a problem").iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    };
    check("", &["c.toml:1: the calendar without `terms`: expected `terms`"]);
    check(
        "[[terms]]\nname = \"A\"\nfrom = 2026-09-02\nuntill = 2026-12-18\n",
        &[
            "c.toml:1: [terms[0]] without `until`: expected `until`",
            "c.toml:4: `untill` in [terms[0]]: expected one of name, from, until, half-term\n  did you mean `until`?",
        ],
    );
    check(
        "[[terms]]\nname = \"A\"\nfrom = 2026-09-02\nuntil = 2026-12-18\n[[terms]]\nname = \"B\"\nfrom = 2026-12-18\nuntil = 2027-03-01\n",
        &["c.toml:1: `terms`: expected terms that do not overlap, as \"A\" and \"B\" do"],
    );
    check(
        "terms = []\n[[inset]]\nname = \"x\"\ndate = \"3 May\"\n",
        &["c.toml:4: `inset[0].date = \"3 May\"`: expected a date such as 2026-12-18, without quotes"],
    );
}

#[test]
fn every_key_stands_in_the_page() {
    let page = include_str!("../../../../docs/format/plan.md");
    for (table, keys) in super::keys::ALL {
        for key in *keys {
            assert!(page.contains(&format!("`{key}`")), "`{key}` of {table} is not in docs/format/plan.md");
        }
    }
}

#[test]
fn the_trusts_plan_and_that_with_databases_state_every_key_of_the_long_form() {
    let trust = include_str!("../../../../schedules/trust.toml");
    let text = [trust, include_str!("../../../../schedules/databases.toml")].join("\n");
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let text = text.join("\n");
    let short_or_elsewhere = ["COPIES", "CALENDAR", "TERM", "STRETCH"];
    for (table, keys) in super::keys::ALL.iter().filter(|(table, _)| !short_or_elsewhere.contains(table)) {
        for key in *keys {
            let stated = text.contains(&format!("{key} = "))
                || text.contains(&format!("[{key}"))
                || text.contains(&format!(".{key}]"));
            // `copies` of the plan itself is the short form of its targets.
            assert!(stated || (*table == "PLAN" && *key == "copies"), "`{key}` of {table}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes put in and cut out anywhere: never a panic, never an error without a message, and
    /// what still reads reads back from its expansion.
    #[test]
    fn a_damaged_plan_is_read_or_explained(
        short in any::<bool>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[a-z0-9=\"\\[\\]{}., :/\n-]{0,6}"), 1..4),
    ) {
        let file = if short { include_str!("../../../../schedules/ten-lines.toml") } else { include_str!("../../../../schedules/hazel-bank.toml") };
        let mut text: Vec<char> = file.chars().collect();
        for (at, cut, put) in cuts {
            let at = at.index(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, put.chars());
        }
        let text: String = text.into_iter().collect();
        match parse(&text, "dr.toml") {
            Ok(plan) => {
                let shown = crate::show_full(&plan);
                prop_assert_eq!(parse(&shown, "shown"), Ok(plan), "{}", shown);
            }
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}
