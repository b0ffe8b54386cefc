//! The plans of `schedules/`: each reads, has no error findings and reads back from its expansion.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use dr_plan::{
    Calendar, Class, Plan, Schedule, Severity, Shift, Source, SystemId, TargetKind, lint, parse, parse_calendar,
    show_full, table,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schedules")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn plan(name: &str) -> Plan {
    parse(&read(name), name).unwrap_or_else(|problems| {
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    })
}

fn calendar() -> Calendar {
    parse_calendar(&read("hazel-bank.calendar.toml"), "hazel-bank.calendar.toml").unwrap()
}

/// What `dr plan check` says on a day in the first term.
fn said(name: &str) -> Vec<String> {
    let findings = lint(&plan(name), "2026-11-20".parse().unwrap());
    findings.iter().map(|finding| format!("{:?} {}: {}", finding.severity, finding.rule, finding.reason)).collect()
}

#[test]
fn every_file_reads_without_error_findings() {
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.contains(".calendar.") {
            parse_calendar(&read(&name), &name).unwrap_or_else(|problems| panic!("{problems:#?}"));
        } else {
            let plan = plan(&name);
            let findings = lint(&plan, "2026-11-20".parse().unwrap());
            assert!(findings.iter().all(|finding| finding.severity != Severity::Error), "{name}: {findings:#?}");
            for file in plan.school.calendar.iter().chain(&plan.runbook) {
                // Hazel Bank's runbook is put beside its plan by the quickstart.
                assert!(name == "hazel-bank.toml" || folder().join(file).is_file(), "{name}: {}", file.display());
            }
        }
        count += 1;
    }
    assert!(count >= 10);
}

#[test]
fn each_plan_says_exactly_what_is_open_in_it() {
    let nothing: [&str; 0] = [];
    let six_months = |target: &str| {
        format!("Warning max-age: Email on {target} asks for copies older than max-age 6mo: they will go at that age")
    };
    assert_eq!(said("ten-lines.toml"), ["onsite", "offsite", "disks"].map(six_months));
    assert_eq!(said("hazel-bank.toml"), nothing);
    assert_eq!(
        said("one-rotator.toml"),
        [
            "Warning custodian: only elm carries the disks of pool weekly: name a deputy",
            "Warning exception: the gap `custodian` is accepted until 2029-07-20, which is longer than a term: look at it again each term",
        ]
    );
    assert_eq!(said("four-rotators.toml"), nothing);
    assert_eq!(said("databases.toml"), nothing);
    let unread = |title: &str, kind: &str| {
        format!(
            "Warning not-run: {title} is a {kind} source, which this version cannot read yet; it is shown NOT KNOWN, never green"
        )
    };
    assert_eq!(
        said("trust.toml"),
        [
            "Warning sensitive: Safeguarding is marked sensitive, but this version has no keys of its own for it: whoever can restore can restore this too".to_owned(),
            unread("Website", "website"),
            "Warning declared: Learning platform is held by Fenland Learning: it is declared by its supplier, counted apart, and never green".to_owned(),
            "Warning not-run: target cloud is a s3 store, which this version cannot write to yet: no copy is made there, and none is counted".to_owned(),
        ]
    );
}

#[test]
fn a_plan_reads_back_from_its_expansion() {
    for name in
        ["hazel-bank.toml", "ten-lines.toml", "one-rotator.toml", "four-rotators.toml", "databases.toml", "trust.toml"]
    {
        let plan = plan(name);
        let shown = show_full(&plan);
        let again = parse(&shown, "shown").unwrap_or_else(|problems| panic!("{problems:#?}\n{shown}"));
        assert_eq!(again, plan, "{shown}");
        assert_eq!(show_full(&again), shown);
    }
}

#[test]
fn ten_lines_are_ten_lines() {
    assert_eq!(read("ten-lines.toml").lines().count(), 10);
}

#[test]
fn ten_lines_get_the_defaults_of_the_contract() {
    let plan = plan("ten-lines.toml");
    assert_eq!(plan.school.timezone.iana_name(), Some("Europe/London"));
    let order: Vec<&str> = plan.systems.iter().map(|system| system.id.as_str()).collect();
    assert_eq!(order, ["mis", "admin", "email", "curriculum", "file-server", "website"]);
    let firsts: Vec<String> = plan.systems.iter().map(|system| system.copies[0].schedule.to_string()).collect();
    assert_eq!(
        firsts,
        ["daily at 19:00", "daily at 19:10", "daily at 19:20", "daily at 19:30", "daily at 19:40", "daily at 19:50"]
    );
    let system = |id: &str| plan.system(&SystemId::new(id).unwrap()).unwrap();
    for system in &plan.systems {
        let targets: Vec<&str> = system.copies.iter().map(|copy| copy.target.as_str()).collect();
        assert_eq!(targets, ["onsite", "offsite", "disks"]);
        assert_eq!(system.copies[2].schedule.to_string(), "weekly on Thu at 21:00");
        assert_eq!((system.retention.daily, system.retention.weekly, system.retention.monthly), (14, 8, 12));
        assert_eq!(system.rpo.to_string(), "25h");
        assert_eq!(system.rto, None);
    }
    assert_eq!(system("email").max_age.unwrap().to_string(), "6mo");
    assert_eq!(system("email").copies[2].retention.max_age.unwrap().to_string(), "6mo");
    assert_eq!(system("mis").max_age, None);
    let Source::Files { exclude, .. } = &system("file-server").source else { panic!("files") };
    for left_out in ["school/shares/curriculum", "school/shares/office", "Thumbs.db"] {
        assert!(exclude.iter().any(|pattern| pattern == left_out), "{exclude:?}");
    }
    let Source::Files { exclude, .. } = &system("curriculum").source else { panic!("files") };
    assert!(!exclude.iter().any(|pattern| pattern.contains('/')));
    let (_, pool) = plan.pools.iter().next().unwrap();
    let carriers: Vec<&str> = pool.custodians.iter().map(|id| id.as_str()).collect();
    assert_eq!((pool.media, carriers), (4, vec!["elm", "rowan"]));
    let letter: Vec<&str> = plan.report.to.iter().map(|id| id.as_str()).collect();
    assert_eq!((plan.report.weekly.to_string().as_str(), letter), ("weekly on Fri at 07:30", vec!["ash", "oak"]));
    assert_eq!(plan.checks.nightly.to_string(), "30m");
}

#[test]
fn the_contracts_own_ten_lines_are_read() {
    let text = r#"school = "Hazel Bank Junior School"
people = { head = "A. Ash <head@hazelbank.example>", it = "J. Oak <oak@provider.example>", disks = ["R. Elm <office@hazelbank.example>", "S. Rowan <rowan@hazelbank.example>"] }
copies = { onsite = "/mnt/nas/dr", cloud = "s3://hazel-bank-dr/backups?region=eu-west-2", disks = 4 }
[systems]
file-server = "/srv/shares"
curriculum  = "/srv/shares/curriculum"
admin       = "/srv/shares/office"
mis         = "drop:/srv/drop/mis"
email       = "imaps://mail.hazelbank.example"
website     = "sftp://web@www.hazelbank.example/htdocs"
"#;
    let plan = parse(text, "dr.toml").unwrap();
    let cloud = plan.targets.values().find(|target| target.class == Class::Cloud).unwrap();
    assert_eq!(cloud.lock.unwrap().to_string(), "30d");
    let kinds: Vec<&str> = plan.systems.iter().map(|system| system.source.kind()).collect();
    assert_eq!(kinds, ["drop", "files", "imap", "files", "files", "website"]);
    assert_eq!(parse(&show_full(&plan), "shown").unwrap(), plan);
    let findings = lint(&plan, "2026-11-20".parse().unwrap());
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:#?}");
    // Two sources and one target that this version cannot run are each said.
    assert_eq!(findings.iter().filter(|finding| finding.rule == "not-run").count(), 3);
}

#[test]
fn hazel_bank_is_six_systems_on_three_targets() {
    let plan = plan("hazel-bank.toml");
    assert_eq!(plan.systems.len(), 6);
    assert!(plan.systems.iter().all(|system| system.copies.len() == 3 && system.source.runs()));
    assert_eq!(lint(&plan, "2026-11-20".parse().unwrap()), []);
    let resolved = plan.resolve(Path::new("/hb"));
    for target in resolved.targets.values() {
        if let TargetKind::Url(url) = &target.kind {
            assert!(url.starts_with("/hb/"), "{url}");
        }
    }
    assert_eq!(resolved.school.calendar.unwrap(), Path::new("/hb/hazel-bank.calendar.toml"));
}

#[test]
fn the_policys_table_has_a_row_for_each_system() {
    let rows = table(&plan("hazel-bank.toml"));
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0].title, "MIS");
    assert_eq!((rows[0].on_site.len(), rows[0].on_site[0].often.as_str()), (1, "daily"));
    let off: Vec<(Class, &str)> = rows[0].off_site.iter().map(|cell| (cell.class, cell.often.as_str())).collect();
    assert_eq!(off, [(Class::Offsite, "daily"), (Class::Disk, "weekly")]);
}

#[test]
fn school_days_follow_the_calendar() {
    let calendar = calendar();
    let table = [
        ("2026-11-20", true, true, "an ordinary Friday"),
        ("2026-11-21", false, false, "a Saturday"),
        ("2026-09-02", false, true, "INSET at the beginning of term"),
        ("2026-10-28", false, false, "half-term"),
        ("2026-12-18", true, true, "last day of term"),
        ("2026-12-21", false, false, "Christmas holidays"),
        ("2027-05-03", false, false, "a bank holiday"),
        ("2027-05-06", false, false, "a closure"),
        ("2027-07-22", false, true, "INSET after the end of term"),
        ("2027-08-02", false, false, "summer holidays"),
        ("2028-08-31", false, false, "the last day it covers"),
        ("2028-09-01", true, true, "a Friday after it ends: every week counts"),
        ("2026-07-01", true, true, "a Wednesday before it begins"),
    ];
    for (date, school, staff, what) in table {
        let date = date.parse().unwrap();
        assert_eq!((calendar.is_school_day(date), calendar.is_operating_day(date)), (school, staff), "{what}");
        assert_eq!(calendar.shift(date, Shift::Skip).is_some(), staff, "{what}");
    }
    assert!(Calendar::every_week().is_school_day("2026-12-25".parse().unwrap()));
    let moved = |date: &str, shift| calendar.shift(date.parse().unwrap(), shift).unwrap().to_string();
    assert_eq!(moved("2026-10-30", Shift::Previous), "2026-10-23");
    assert_eq!(moved("2026-10-30", Shift::Next), "2026-11-02");
    assert_eq!(calendar.operating_days_after("2026-10-23".parse().unwrap(), 1).unwrap().to_string(), "2026-11-02");
}

#[test]
fn rotations_move_to_the_last_operating_day_and_are_carried_once() {
    let plan = plan("hazel-bank.toml");
    let (_, pool) = plan.pools.iter().next().unwrap();
    let turns = |calendar: &Calendar| -> Vec<String> {
        let (from, until) = ("2026-10-12T00:00:00Z".parse().unwrap(), "2026-11-14T00:00:00Z".parse().unwrap());
        let zone = &plan.school.timezone;
        pool.rotations(calendar, from, until, zone).iter().map(|turn| turn.at.to_string()).collect()
    };
    // The Friday of half-term moves to the Friday before, which has its own turn: one disk, once.
    assert_eq!(
        turns(&calendar()),
        ["2026-10-16T14:00:00Z", "2026-10-23T14:00:00Z", "2026-11-06T15:00:00Z", "2026-11-13T15:00:00Z"]
    );
    assert_eq!(turns(&Calendar::every_week()).len(), 5);
    assert!(matches!(pool.rotate, Schedule::Weekly { .. }));
}

#[test]
fn the_first_present_custodian_is_asked() {
    let mut plan = plan("hazel-bank.toml");
    let pool = plan.pools.keys().next().unwrap().clone();
    let asked = |plan: &Plan, date: &str| -> Vec<String> {
        plan.on_duty(&pool, date.parse().unwrap()).iter().map(ToString::to_string).collect()
    };
    assert_eq!(asked(&plan, "2026-11-20"), ["oak", "elm"]);
    let oak = plan.people.keys().find(|id| id.as_str() == "oak").unwrap().clone();
    let rowan = plan.people.keys().find(|id| id.as_str() == "rowan").unwrap().clone();
    let person = plan.people.get_mut(&oak).unwrap();
    person.absences =
        vec![dr_plan::Absence { from: "2026-11-16".parse().unwrap(), until: "2026-11-20".parse().unwrap() }];
    person.leaves = Some("2027-01-31".parse().unwrap());
    person.deputy = Some(rowan);
    person.login = Some("joak".to_owned());
    assert_eq!(asked(&plan, "2026-11-20"), ["elm", "rowan"]);
    assert_eq!(asked(&plan, "2026-11-23"), ["oak", "elm", "rowan"]);
    assert_eq!(asked(&plan, "2027-02-01"), ["elm", "rowan"]);
    assert_eq!(plan.person_for_login("joak"), Some(&oak));
    assert_eq!(plan.person_for_login("root"), None);
}
