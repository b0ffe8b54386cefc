//! Which plan do the answers make? The text, with a sentence above everything that somebody may want to change. Pure.

use super::answers::{Answers, Person};
use super::propose::System;

/// The plan's text.
pub fn plan(answers: &Answers) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&format!("# The backup plan of {}, written by `dr plan new`. It is yours: change it,", answers.school));
    line("# then ask `dr plan check`. `dr plan show --full` prints everything that it does not say.");
    line(&format!("school = {}", quoted(&answers.school)));
    line("");
    line("# The letter goes to the head and to IT every Friday at 07:30, alarms to both at once.");
    line("# Of those under `disks` the first one carries them, the others stand in.");
    line(&people(answers));
    line("");
    line("# Every night from 19:00, smallest and most important first; the disk on Thursday night,");
    line("# to be carried away on Friday. Kept: 14 daily, 8 weekly, 12 monthly; email for six months.");
    if answers.outside.is_none() && answers.disks.is_none() {
        line("# Nothing of this leaves the building.");
    }
    line(&copies(answers));
    if answers.disks.is_some() {
        line("");
        line("# Where the disks rest while they are not plugged in. It must be another building; write its name.");
        line("[places.away]");
        line("name = \"With whoever carries the disks\"");
        line("class = \"offsite\"");
    }
    line("");
    line("# One row of the backup table each. A folder inside another row's folder is left out there.");
    line("[systems]");
    let width = answers.systems.iter().map(|system| system.id.len()).max().unwrap_or(0);
    for system in &answers.systems {
        line(&format!("{:width$} = {}", system.id, source(system)));
    }
    line("");
    line("# How letters leave. Without this they are only written, by `dr report weekly --out FOLDER`.");
    line("# `dr doctor --send-test` tries it out. The password never stands here.");
    for words in [
        "[alerts.smtp]",
        "url = \"smtps://mail.school.example:465\"",
        "from = \"backups@school.example\"",
        "user = \"dr\"",
        "password = \"credential:smtp\"",
    ] {
        line(&format!("# {words}"));
    }
    text
}

/// Email is kept for six months only, so twelve monthly copies of it would be a rule that nobody keeps.
fn source(system: &System) -> String {
    let text = quoted(&system.source);
    match system.source.starts_with("maildir:") || ["email", "mail"].contains(&system.id.as_str()) {
        true => format!("{{ source = {text}, retention = {{ daily = 14, weekly = 8, monthly = 5 }} }}"),
        false => text,
    }
}

fn people(answers: &Answers) -> String {
    let one = |person: &Person| quoted(&person.to_string());
    let mut parts = vec![format!("head = {}", one(&answers.head)), format!("it = {}", one(&answers.it))];
    if !answers.carriers.is_empty() {
        let carriers: Vec<String> = answers.carriers.iter().map(one).collect();
        parts.push(format!("disks = [{}]", carriers.join(", ")));
    }
    format!("people = {{ {} }}", parts.join(", "))
}

fn copies(answers: &Answers) -> String {
    let mut parts = vec![format!("onsite = {}", quoted(&answers.onsite))];
    if let Some(outside) = &answers.outside {
        // Only object stores are a cloud supplier's.
        let cloud = ["s3://", "az://", "gs://"].iter().any(|scheme| outside.starts_with(scheme));
        parts.push(format!("{} = {}", if cloud { "cloud" } else { "offsite" }, quoted(outside)));
    }
    if let Some(disks) = &answers.disks {
        let (count, mount) = (disks.count, quoted(&disks.mount));
        parts.push(format!("disks = {{ media = {count}, mount = {mount}, place = \"away\" }}"));
    }
    format!("copies = {{ {} }}", parts.join(", "))
}

/// Text as TOML writes it. What JSON escapes, TOML escapes alike; it has no control characters besides.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::answers::{self, Disks};
    use super::*;
    use dr_plan::{Severity, lint, parse};
    use jiff::civil::date;

    fn answers() -> Answers {
        let person = |text| answers::person(text).unwrap();
        let system = |id: &str, source: &str| System { id: id.into(), source: source.into() };
        Answers {
            school: "St \"Alfege's\" School \\ Höhe".into(),
            head: person("A. Ash <head@s.example>"),
            it: person("J. Oak <oak@p.example>"),
            carriers: vec![person("J. Oak"), person("R. Elm")],
            systems: vec![
                system("mis", "sqlite:/srv/mis/mis.db"),
                system("admin", "/srv/shares/office"),
                system("email", "maildir:/srv/mail"),
                system("file-server", "/srv/shares"),
            ],
            onsite: "/mnt/nas/dr".into(),
            outside: None,
            disks: Some(Disks { count: 4, mount: "/mnt/dr-disks".into() }),
        }
    }

    fn errors(answers: &Answers) -> Vec<String> {
        let plan = parse(&plan(answers), "dr.toml").unwrap();
        let found = lint(&plan, date(2026, 11, 20)).into_iter();
        found.filter(|finding| finding.severity == Severity::Error).map(|finding| finding.reason).collect()
    }

    #[test]
    fn a_plan_from_answers_is_read_back_as_it_was_meant_and_lints_clean() {
        let answers = answers();
        let read = parse(&plan(&answers), "dr.toml").unwrap();
        assert_eq!(read.school.name, answers.school);
        assert_eq!(read.people.len(), 3);
        assert_eq!(read.systems.len(), 4);
        let (_, pool) = read.pools.iter().next().unwrap();
        assert_eq!((pool.media, pool.mount.to_str(), pool.custodians.len()), (4, Some("/mnt/dr-disks"), 2));
        assert_eq!(lint(&read, date(2026, 11, 20)), []);
    }

    #[test]
    fn the_lines_for_mail_are_read_once_somebody_takes_them_in() {
        let text = plan(&answers());
        let (before, mail) = text.split_once("# [alerts.smtp]").unwrap();
        let text = format!("{before}[alerts.smtp]{}", mail.replace("\n# ", "\n"));
        let read = parse(&text, "dr.toml").unwrap();
        assert!(read.alerts.smtp.is_some());
    }

    #[test]
    fn a_copy_outside_does_instead_of_disks_and_nothing_outside_is_an_error_of_the_plan() {
        let mut answers = answers();
        (answers.disks, answers.outside) = (None, Some("/mnt/trust/dr".into()));
        assert_eq!(errors(&answers), [""; 0]);
        answers.outside = None;
        assert!(errors(&answers).iter().any(|reason| reason.contains("no copy outside the building")));
        answers.outside = Some("s3://bucket/dr".into());
        assert!(plan(&answers).contains("cloud = \"s3://bucket/dr\""));
    }
}
