//! An alert in words: what is the case, what that means, who does what by when, and what ends it.

use dr_plan::Plan;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Alert, told};
use crate::facts::Given;
use crate::letter::word;
use crate::words;

/// A message as it is sent: plain text of at most 80 columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// How the reader of one message may answer it without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The code as it is shown: two groups of five with a hyphen between them. Good once.
    pub code: String,
    /// Until when it is good.
    pub until: Timestamp,
}

const WIDTH: usize = 80;
const INDENT: usize = 14;
/// Where the subject should end.
const SUBJECT: usize = 78;

/// The alert as a message.
#[must_use]
pub fn alert_words(given: &Given<'_>, alert: &Alert) -> Words {
    let (plan, zone) = (given.plan, &given.plan.school.timezone);
    let today = given.now.to_zoned(zone.clone()).date();
    let titled = |ids: &[dr_plan::SystemId]| -> String {
        let titles: Vec<&str> =
            ids.iter().filter_map(|id| plan.system(id)).map(|system| system.title.as_str()).collect();
        words::plain(&words::list(&titles, titles.len()))
    };
    let about = match titled(&alert.systems) {
        none if none.is_empty() => String::new(),
        titles => format!("{titles}: "),
    };
    let who = |ids: &[&dr_plan::PersonId]| -> String {
        let names: Vec<String> = ids.iter().map(|id| words::plain(&words::name(plan, id))).collect();
        words::list(&names.iter().map(String::as_str).collect::<Vec<_>>(), names.len())
    };
    let owner = match alert.owners.as_slice() {
        [] => "whoever reads this first".to_owned(),
        some => who(&some.iter().collect::<Vec<_>>()),
    };
    let by = next_staffed(given).unwrap_or(today);
    let mut lines = words::wrap(&format!("{} - {about}{}.", word(alert.status), words::plain(&alert.cause)), WIDTH, 0);
    lines.push(String::new());
    let mut say = |label: &str, text: &str| {
        lines.extend(words::wrap(&format!("{label:<INDENT$}{}", words::plain(text)), WIDTH, INDENT));
    };
    say("Risk", &format!("{}.", alert.risk));
    let how = if alert.has_command { " (`dr status` says how)" } else { "" };
    say("To do", &format!("{}{how}.", alert.next));
    // Only whom a message goes to; what becomes of it on its way is told when it does not arrive.
    let (reached, not) = told::reachable(plan, &alert.to);
    let told = if reached.is_empty() { String::new() } else { format!(" Told: {}.", who(&reached)) };
    say("Who", &format!("{owner}.{told}"));
    for (id, why) in not {
        say("NOT told", &format!("{}: {why}.", who(&[id])));
    }
    say("By when", &format!("{}.", words::day(by)));
    say("It ends", ends(&alert.rule));
    if !alert.joined.is_empty() {
        let verb = if alert.joined.len() == 1 { "has" } else { "have" };
        say("New", &format!("{} {verb} it too since this was last told.", titled(&alert.joined)));
    }
    if alert.step > 0 {
        say("Told again", "nobody has acknowledged this, so it goes to the next in line.");
    }
    let at = given.now.to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M").to_string();
    say("As of", &format!("{at}{}.", if given.clock_moved { ", clock moved" } else { "" }));
    let whose = match alert.systems.as_slice() {
        [] => String::new(),
        [one] => format!("{}: ", titled(std::slice::from_ref(one))),
        some => format!("{} systems: ", some.len()),
    };
    let what = short(&alert.rule, alert.systems.len() > 1);
    Words { subject: subject(plan, &format!("{whose}{what}")), text: lines.join("\n") + "\n" }
}

/// The day on which somebody is there to act: today, unless school is over or closed.
fn next_staffed(given: &Given<'_>) -> Option<Date> {
    let school = &given.plan.school;
    let local = given.now.to_zoned(school.timezone.clone());
    let day = if local.time() < school.hours.until { local.date() } else { local.date().tomorrow().ok()? };
    given.calendar.operating_days_after(day, 0)
}

/// `[ACTION NOW] School - ...`, cut to the width of a subject.
fn subject(plan: &Plan, what: &str) -> String {
    let write = |school: &str| format!("[ACTION NOW] {school} - {what}");
    let spare = SUBJECT.saturating_sub(write("").chars().count());
    words::clip(&write(&words::clip(&plan.school.name, spare.max(12))), SUBJECT)
}

/// A rule as the end of a subject, about one system or several.
fn short(rule: &str, several: bool) -> &'static str {
    match (rule, several) {
        ("failed", false) => "its backup failed",
        ("failed", true) => "their backups fail",
        ("killed", false) => "its backup was cut off",
        ("killed", true) => "their backups were cut off",
        ("rpo" | "late" | "idle", false) => "its backup is overdue",
        ("rpo" | "late" | "idle", true) => "their backups are overdue",
        ("suspicious", false) => "its data changed strangely",
        ("suspicious", true) => "their data changed strangely",
        ("export", _) => "its export is not there",
        ("retention", false) => "less is kept of it",
        ("retention", true) => "less is kept of them",
        ("disabled", _) => "a backup was switched off",
        ("clock", _) => "the server's clock is wrong, or was",
        ("ledger", _) => "the record is broken",
        ("put-back", _) => "backups are gone from a copy",
        ("lost", _) => "a backup disk is lost",
        ("damaged", _) => "a copy is damaged",
        ("gone", false) => "a copy is gone",
        ("gone", true) => "their copies are gone",
        ("sight", _) => "a disk is not where it should be",
        ("unsent", _) => "messages could not be sent",
        ("proof", false) => "it did not come back when tested",
        ("proof", true) => "they did not come back when tested",
        ("copies", _) => "a copy is missing",
        ("leaver", _) => "somebody who is needed leaves",
        ("custodian", _) => "nobody carries the disks",
        _ => "something is wrong",
    }
}

/// What makes an alert of this rule go away, as a machine will see it.
fn ends(rule: &str) -> &'static str {
    match rule {
        "failed" | "killed" => "with the next backup of it that succeeds.",
        "rpo" | "late" | "idle" | "copies" => "when a new copy of it is stored and read back.",
        "suspicious" => "when its next backup is of its usual size, or somebody accepts the change.",
        "export" => "when a fresh, whole export is in its folder and was backed up.",
        "retention" | "disabled" => "when the plan says again what it said, or somebody accepts the change.",
        "clock" => "with the next backup under a clock that is right.",
        "ledger" => "when the record holds again, and the copies know it as it is.",
        "put-back" => "when the backups are there again, or somebody accepts that they are gone.",
        "lost" => "when the disk is found, or replaced by another.",
        "gone" => "when the copies that were there are found there again.",
        "sight" => "when the disk is where the record says.",
        "damaged" => "when a check as thorough finds the copy sound.",
        "unsent" => "when everything that waits has gone out.",
        "proof" => "when it is rehearsed again and comes back.",
        "leaver" => "when the plan names who follows, or the disk is back.",
        "custodian" => "when the plan names who carries them.",
        _ => "when it is no longer so.",
    }
}

impl Words {
    /// The same with the line by which its reader can answer.
    #[must_use]
    pub fn with_answer(mut self, plan: &Plan, answer: &Answer) -> Self {
        self.text.push('\n');
        for line in words::wrap(&answer_line(plan, "acknowledge", answer), WIDTH, 0) {
            self.text.push_str(&line);
            self.text.push('\n');
        }
        self
    }
}

/// How to answer, in one line of a letter.
pub(crate) fn answer_line(plan: &Plan, what: &str, answer: &Answer) -> String {
    let until = answer.until.to_zoned(plan.school.timezone.clone()).strftime("%-d %b").to_string();
    let code = words::plain(&answer.code);
    format!("To {what}: code {code}, to the technician by {until} (dr ack --code).")
}
