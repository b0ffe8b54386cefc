//! An alert in words: what is the case, what that means, who does what by when, and what ends it.

use dr_plan::Plan;
use jiff::Timestamp;
use jiff::civil::Date;

use super::Alert;
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
    let title = alert.system.as_ref().and_then(|id| plan.system(id)).map(|system| words::plain(&system.title));
    let about = title.map(|title| format!("{title}: ")).unwrap_or_default();
    let who = |ids: &[dr_plan::PersonId]| -> String {
        let names: Vec<String> = ids.iter().map(|id| words::plain(&words::name(plan, id))).collect();
        words::list(&names.iter().map(String::as_str).collect::<Vec<_>>(), 4)
    };
    let owner = plan.answers_for(alert.system.as_ref().and_then(|id| plan.system(id)), today);
    let owner = owner.map_or_else(|| "whoever reads this first".to_owned(), |id| who(std::slice::from_ref(id)));
    let by = next_staffed(given).unwrap_or(today);
    let mut lines = words::wrap(&format!("{} - {about}{}.", word(alert.status), words::plain(&alert.cause)), WIDTH, 0);
    lines.push(String::new());
    let mut say = |label: &str, text: &str| {
        lines.extend(words::wrap(&format!("{label:<INDENT$}{}", words::plain(text)), WIDTH, INDENT));
    };
    say("Risk", &format!("{}.", alert.risk));
    say("To do", &format!("{}.", alert.next));
    say("Who", &format!("{owner}. Told: {}.", who(&alert.to)));
    say("By when", &format!("{}.", words::day(by)));
    say("It ends", ends(&alert.rule));
    if alert.step > 0 {
        say("Told again", "nobody has acknowledged this, so it goes to the next in line.");
    }
    let at = given.now.to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M").to_string();
    say("As of", &format!("{at}{}.", if given.clock_moved { ", clock moved" } else { "" }));
    Words { subject: subject(plan, &format!("{about}{}", short(&alert.rule))), text: lines.join("\n") + "\n" }
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

/// A rule as the end of a subject.
fn short(rule: &str) -> &'static str {
    match rule {
        "failed" => "its backup failed",
        "killed" => "its backup was cut off",
        "rpo" | "late" | "idle" => "its backup is overdue",
        "suspicious" => "its data changed strangely",
        "export" => "its export is not there",
        "retention" => "less is kept of it",
        "disabled" => "a backup was switched off",
        "ledger" => "the record is broken",
        "lost" => "a backup disk is lost",
        "damaged" => "a copy is damaged",
        "unsent" => "messages could not be sent",
        "proof" => "it did not come back when tested",
        "copies" => "a copy is missing",
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
        "ledger" => "when the record's chain holds again.",
        "lost" => "when the disk is found, or replaced by another.",
        "damaged" => "when a check as thorough finds the copy sound.",
        "unsent" => "when everything that waits has gone out.",
        "proof" => "when it is rehearsed again and comes back.",
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
