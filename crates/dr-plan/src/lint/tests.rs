//! Each rule is met by one plan and broken by another.

use super::{Finding, Severity, lint};
use crate::parse;

/// A plan with no findings. Every case below changes one line of it, or adds one at its end.
const CLEAN: &str = r#"school = "Hazel Bank"
state = "/var/state"
[people.ash]
name = "A. Ash"
email = "head@school.example"
roles = ["head"]
[people.oak]
name = "J. Oak"
email = "oak@school.example"
roles = ["it-lead", "custodian"]
[targets.nas]
url = "/mnt/nas"
[targets.away]
url = "/mnt/away"
class = "offsite"
[targets.disks]
pool = "weekly"
[pools.weekly]
media = 4
custodians = ["oak", "ash"]
[systems.mis]
tier = 1
owner = "ash"
source = "sqlite:/srv/mis.db"
rpo = "26h"
rto = "8h"
mtpd = "3d"
"#;

fn findings(text: &str) -> Vec<Finding> {
    let plan = parse(text, "dr.toml").unwrap_or_else(|problems| panic!("{problems:#?}"));
    lint(&plan, "2026-11-20".parse().unwrap())
}

/// The findings for `CLEAN` with `old` replaced: severity, rule, who answers, and words of the reason.
fn check(old: &str, new: &str, expected: &[(Severity, &str, &str, &str)]) {
    assert_eq!(CLEAN.matches(old).count(), 1, "{old}");
    let found = findings(&CLEAN.replace(old, new));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (finding, (severity, rule, answers, words)) in found.iter().zip(expected) {
        assert_eq!((finding.severity, finding.rule), (*severity, *rule), "{finding:#?}");
        assert_eq!(finding.answers.as_ref().map(|id| id.as_str()), Some(*answers), "{finding:#?}");
        assert!(finding.reason.contains(words), "{finding:#?}");
    }
}

use Severity::{Error, Warning};

#[test]
fn the_clean_plan_has_no_findings() {
    assert_eq!(findings(CLEAN), []);
}

#[test]
fn objectives_that_cannot_be_kept_are_errors() {
    check(
        "rpo = \"26h\"",
        "rpo = \"12h\"",
        &[(Error, "rpo", "ash", "may lose 12h at most, but its most frequent copy is `daily at 19:00`")],
    );
    check("rpo = \"26h\"", "rpo = \"24h\"", &[]);
    check(
        "rto = \"8h\"",
        "rto = \"4d\"",
        &[(Error, "rto", "ash", "promised back after 4d, but harm is unacceptable after 3d")],
    );
}

#[test]
fn a_first_tier_system_needs_a_copy_outside() {
    check(
        "class = \"offsite\"",
        "class = \"onsite\"",
        &[(Error, "off-site", "ash", "only on disks, and their pool names no off-site place")],
    );
    check(
        "rpo = \"26h\"",
        "rpo = \"26h\"\ntargets = [\"nas\"]",
        &[(Error, "off-site", "ash", "no copy outside the building, and it is tier 1")],
    );
    let second = CLEAN.replace("tier = 1", "tier = 2").replace("rpo = \"26h\"", "rpo = \"26h\"\ntargets = [\"nas\"]");
    assert_eq!(findings(&second)[0].severity, Warning);
    let rests = CLEAN
        .replace("class = \"offsite\"", "class = \"onsite\"")
        .replace("media = 4", "media = 4\nplace = \"annexe\"");
    assert_eq!(findings(&format!("{rests}[places.annexe]\nclass = \"offsite\"\n")), []);
}

#[test]
fn people_who_left_or_are_alone_are_found() {
    check(
        "roles = [\"head\"]",
        "roles = [\"head\"]\nleaves = 2026-11-19",
        &[
            (
                Error,
                "leaver",
                "oak",
                "A. Ash left on 2026-11-19 and still is head, owner of MIS, custodian of pool weekly",
            ),
            (Warning, "custodian", "oak", "only oak carries the disks of pool weekly"),
        ]
        .map(|(severity, rule, answers, words)| {
            (severity, rule, if rule == "leaver" { "oak" } else { answers }, words)
        }),
    );
    check(
        "roles = [\"head\"]",
        "roles = [\"head\"]\nleaves = 2026-12-01",
        &[(Warning, "leaver", "oak", "leaves on 2026-12-01")],
    );
    check("roles = [\"head\"]", "roles = [\"head\"]\nleaves = 2027-12-01", &[]);
    check(
        "custodians = [\"oak\", \"ash\"]",
        "custodians = [\"oak\"]",
        &[(Warning, "custodian", "oak", "only oak carries")],
    );
    check("custodians = [\"oak\", \"ash\"]", "custodians = []", &[(Error, "custodian", "oak", "nobody carries")]);
    let deputy = CLEAN
        .replace("custodians = [\"oak\", \"ash\"]", "custodians = [\"oak\"]")
        .replace("roles = [\"it-lead\", \"custodian\"]", "roles = [\"it-lead\"]\ndeputy = \"ash\"");
    assert_eq!(findings(&deputy), []);
    check(
        "email = \"head@school.example\"\n",
        "",
        &[(Warning, "report", "oak", "A. Ash gets the weekly letter but has no email address")],
    );
}

#[test]
fn what_lies_inside_what_it_should_not_is_found() {
    check(
        "sqlite:/srv/mis.db",
        "/mnt",
        &[
            (Error, "overlap", "ash", "target away (/mnt/away) lies inside it"),
            (Error, "overlap", "ash", "target nas (/mnt/nas) lies inside it"),
            (Error, "overlap", "ash", "the mount of pool weekly (/mnt/dr-disks) lies inside it"),
        ],
    );
    check("sqlite:/srv/mis.db", "/mnt/nas/files", &[(Error, "overlap", "ash", "lies inside target nas")]);
    check(
        "url = \"/mnt/away\"",
        "url = \"/mnt/nas/away\"",
        &[(Error, "overlap", "oak", "two repositories in one folder")],
    );
    check(
        "source = \"sqlite:/srv/mis.db\"",
        "source = { kind = \"files\", paths = [\"/mnt\"], exclude = [\"/mnt/nas\", \"/mnt/away/\", \"/mnt/dr-disks\"] }",
        &[],
    );
    let twice = format!("{CLEAN}[systems.files]\nsource = {{ kind = \"files\", paths = [\"/srv\"], exclude = [] }}\n");
    assert!(findings(&twice)[0].reason.contains("both read /srv/mis.db"));
    assert_eq!(findings(&twice.replace("exclude = []", "exclude = [\"/srv/mis.db\"]")), []);
    // Without excludes of one's own, an inner system is left out.
    assert_eq!(findings(&twice.replace(", exclude = []", "")), []);
}

#[test]
fn what_this_version_cannot_do_is_said() {
    check(
        "sqlite:/srv/mis.db",
        "sftp://web@host/htdocs",
        &[(
            Warning,
            "not-run",
            "ash",
            "is a website source, which this version cannot read yet; it is shown NOT KNOWN, never green",
        )],
    );
    check(
        "\"sqlite:/srv/mis.db\"",
        "{ kind = \"saas\", supplier = \"Cloud MIS\" }",
        &[
            (
                Warning,
                "declared",
                "ash",
                "held by Cloud MIS: it is declared by its supplier, counted apart, and never green",
            ),
            (Warning, "asked", "ash", "nobody ever asked Cloud MIS how MIS is kept safe"),
        ],
    );
    check(
        "url = \"/mnt/away\"",
        "url = \"sftp://dr@away/dr\"",
        &[(Warning, "not-run", "oak", "target away is a sftp store, which this version cannot write to yet")],
    );
    check(
        "url = \"/mnt/away\"",
        "url = \"/mnt/away\"\nlock = \"30d\"",
        &[(Warning, "lock", "oak", "a folder, which cannot lock")],
    );
    check(
        "rpo = \"26h\"",
        "rpo = \"26h\"\nsensitive = true",
        &[(Warning, "sensitive", "ash", "no keys of its own for it")],
    );
    check(
        "state = \"/var/state\"",
        "state = \"/var/state\"\nkeys = { mode = \"full\" }",
        &[(Warning, "keys", "oak", "may read its old backups")],
    );
}

#[test]
fn retention_beyond_max_age_and_lapsed_exceptions_are_told() {
    check(
        "rpo = \"26h\"",
        "rpo = \"26h\"\ntargets = [\"away\"]\nmax-age = \"6mo\"",
        &[(Warning, "max-age", "ash", "older than max-age 6mo: they will go at that age")],
    );
    check("rpo = \"26h\"", "rpo = \"26h\"\nmax-age = \"1y\"", &[]);
    let lapsed = format!(
        "{CLEAN}[[exceptions]]\nsystem = \"mis\"\nrule = \"sensitive\"\nreason = \"disk on order\"\napprover = \"ash\"\nuntil = 2026-11-19\n"
    );
    assert!(findings(&lapsed)[0].reason.contains("accepted until 2026-11-19 only: disk on order"));
    assert_eq!(findings(&lapsed.replace("11-19", "11-20")), []);
}

#[test]
fn exceptions_that_are_not_honoured_too_long_or_not_theirs_to_give_are_told() {
    let with = |rule: &str, approver: &str, until: &str| {
        let more = format!(
            "[[exceptions]]\nsystem = \"mis\"\nrule = \"{rule}\"\nreason = \"on order\"\napprover = \"{approver}\"\nuntil = {until}\n"
        );
        let found = findings(&format!("{CLEAN}{more}"));
        found.iter().map(|finding| format!("{:?} {}: {}", finding.severity, finding.rule, finding.reason)).collect()
    };
    let check = |rule, approver, until, expected: &[&str]| {
        let shown: Vec<String> = with(rule, approver, until);
        assert_eq!(shown, expected);
    };
    check("custodian", "ash", "2027-03-25", &[]);
    check(
        "custodain",
        "ash",
        "2027-01-01",
        &[
            "Error exception: an exception names the rule `custodain`, which nothing is measured by; did you mean `custodian`?",
        ],
    );
    check(
        "weather",
        "ash",
        "2027-01-01",
        &["Error exception: an exception names the rule `weather`, which nothing is measured by"],
    );
    for rule in ["off-site", "offline", "proof", "copies", "rpo"] {
        let said = format!(
            "Error exception: the gap `{rule}` of MIS is accepted in the plan, but never honoured: it is needed first, and cannot do without"
        );
        check(rule, "ash", "2027-01-01", &[&said]);
    }
    check(
        "custodian",
        "ash",
        "2027-03-26",
        &[
            "Warning exception: the gap `custodian` is accepted until 2027-03-26, which is longer than a term: look at it again each term",
        ],
    );
    check(
        "custodian",
        "oak",
        "2027-01-01",
        &[
            "Warning exception: J. Oak accepted the gap `custodian` but has no role that may: head, deputy-head, digital-lead, governor or approver",
        ],
    );
}

#[test]
fn letters_that_reach_nobody_or_the_wrong_people_are_told() {
    let check = |old: &str, new: &str, more: &str, expected: &[&str]| {
        let shown: Vec<String> = findings(&format!("{}{more}\n", CLEAN.replace(old, new)))
            .iter()
            .map(|finding| format!("{:?} {}: {}", finding.severity, finding.rule, finding.reason))
            .collect();
        assert_eq!(shown, expected);
    };
    let smtp = "[alerts]\nsmtp = { url = \"smtps://mail.example\", from = \"dr@school.example\" }";
    check("", "", smtp, &[]);
    check("", "", &smtp.replace("smtps", "smtp"), &[]);
    check(
        "",
        "",
        "[alerts]\nping = \"env:PING\"",
        &["Warning alerts: no letter and no alert can leave this host: alerts names no smtp, webhook or command"],
    );
    check(
        "",
        "",
        &smtp.replace("[alerts]", "[alerts]\nto = []"),
        &["Warning alerts: nobody is told at once when something fails: name people in alerts.to"],
    );
    check(
        "email = \"oak@school.example\"\n",
        "",
        smtp,
        &[
            "Warning report: J. Oak gets the weekly letter but has no email address in the plan",
            "Warning alerts: J. Oak is to be told at once but has no email address in the plan",
        ],
    );
    check(
        "oak@school.example",
        "oak@hotmail.co.uk",
        "",
        &[
            "Error mail: J. Oak has an address at hotmail.co.uk, where anybody has one: use the school's, or list hotmail.co.uk in alerts.domains",
        ],
    );
    check(
        "oak@school.example",
        "oak@hotmail.co.uk",
        &smtp.replace("[alerts]", "[alerts]\ndomains = [\"school.example\", \"hotmail.co.uk\"]"),
        &[],
    );
    check(
        "oak@school.example",
        "oak@provider.example",
        &smtp.replace("[alerts]", "[alerts]\ndomains = [\"school.example\"]"),
        &[
            "Error mail: J. Oak has an address at provider.example, which alerts.domains does not list: no mail goes there",
        ],
    );
    check(
        "",
        "",
        "[alerts]\nsmtp = { url = \"mail.example:25\", password = \"env:P\", auth = \"xoauth2\" }",
        &[
            "Error smtp: alerts.smtp.url is not the address of a mail server: write smtps://HOST (or smtp://HOST, with STARTTLS)",
            "Error smtp: alerts.smtp names no sender: write `from`, an address of the school",
            "Error smtp: alerts.smtp names a password but no `user` whose it is",
        ],
    );
    check(
        "",
        "",
        &smtp.replace(", from", ", user = \"dr\", auth = \"xoauth2\", from").replace("dr@school.example", "dr"),
        &[
            "Error smtp: alerts.smtp.from is not one plain address",
            "Error smtp: alerts.smtp says auth = \"xoauth2\" but not where its token is found: write `password`",
        ],
    );
}

#[test]
fn exports_nobody_makes_old_contracts_and_runs_without_time_are_told() {
    let drop = "{ kind = \"drop\", path = \"/srv/drop/mis\" }";
    check(
        "\"sqlite:/srv/mis.db\"",
        drop,
        &[(Warning, "maker", "ash", "nobody is named who makes the export of MIS: write `maker`")],
    );
    check("\"sqlite:/srv/mis.db\"", &drop.replace(" }", ", maker = \"oak\" }"), &[]);
    let sql_server = drop.replace(" }", ", name = \"*.bak\", maker = \"oak\" }");
    let unmarked = [(
        Warning,
        "marker",
        "ash",
        "the export of MIS is a backup of SQL Server, and nothing says of it that it is whole: let its job write a file",
    )];
    check("\"sqlite:/srv/mis.db\"", &sql_server, &unmarked);
    check("\"sqlite:/srv/mis.db\"", &sql_server.replace("*.bak", "*\", type = \"sql-server"), &unmarked);
    check("\"sqlite:/srv/mis.db\"", &sql_server.replace(" }", ", marker = \"{name}.ok\" }"), &[]);
    check("\"sqlite:/srv/mis.db\"", &sql_server.replace(" }", ", type = \"zip\" }"), &[]);
    check(
        "\"sqlite:/srv/mis.db\"",
        "{ kind = \"saas\", supplier = \"Cloud MIS\", contract = 2026-11-19, checked = 2025-11-19 }",
        &[
            (Warning, "declared", "ash", "held by Cloud MIS"),
            (Warning, "contract", "ash", "the contract with Cloud MIS for MIS ended on 2026-11-19"),
            (Warning, "asked", "ash", "Cloud MIS was last asked on 2025-11-19"),
        ],
    );
    check(
        "state = \"/var/state\"",
        "state = \"/var/state\"\ndocument = { review = 2026-11-19 }",
        &[(Warning, "review", "oak", "was to be looked at again by 2026-11-19")],
    );
    check("state = \"/var/state\"", "state = \"/var/state\"\ndocument = { review = 2026-11-20 }", &[]);
    check(
        "rpo = \"26h\"",
        "rpo = \"26h\"\ntimeout = \"4m\"",
        &[(Warning, "timeout", "ash", "a run of MIS is stopped after 4m")],
    );
    check(
        "rpo = \"26h\"",
        "rpo = \"26h\"\ntimeout = \"1h\"\nbefore = [{ run = [\"stop\"], timeout = \"2h\" }]",
        &[(Warning, "timeout", "ash", "a command of MIS may take 2h, and its whole run only 1h")],
    );
    check(
        "rpo = \"26h\"",
        "rpo = \"26h\"\nexpect = [{ say = \"pupils\", ask = \"select 1\" }, { say = \"pupils\", ask = \"select 2\" }]",
        &[(Error, "expect", "ash", "is asked \u{201c}pupils\u{201d} twice")],
    );
    check(
        "rpo = \"26h\"",
        "rpo = \"26h\"\nexpect = [{ say = \"the front page\", page = \"/\", contains = \"Hazel Bank\" }]",
        &[(Error, "expect", "ash", "asks for pages (`page`) of websites of this machine alone")],
    );
    let mut plan = parse(CLEAN, "dr.toml").unwrap();
    let hook = crate::Hook { run: vec![String::new()], timeout: crate::Period::hours(1), optional: false };
    plan.systems[0].after.push(hook);
    let found = lint(&plan, "2026-11-20".parse().unwrap());
    assert!(found[0].reason.contains("names no program") && found[0].severity == Error, "{found:?}");
}

#[test]
fn unknown_names_in_a_plan_put_together_by_hand_are_errors() {
    let mut plan = parse(CLEAN, "dr.toml").unwrap();
    plan.systems[0].owner = crate::PersonId::new("ahs").ok();
    let found = lint(&plan, "2026-11-20".parse().unwrap());
    assert!(
        found[0]
            .reason
            .contains("systems.mis.owner names `ahs`, which is none of the plan's people; did you mean `ash`?"),
        "{found:?}"
    );
}
