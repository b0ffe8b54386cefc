//! What people must be told now: alerts, the letter on its day, who carries which disk this morning.
//!
//! Everything is put into the outbox before the ledger says that it was, and under a name that follows from what it is
//! about: whoever is killed in between does it again and makes no second message of it.

use dr_ledger::{ChannelKind, Decision, Event, LetterStatus, MessageKind};
use dr_plan::{PersonId, Plan, Role};
use dr_post::{Message, Outbox, Recipient, Sent, Ways};
use dr_report::{ALL_RED, Alert, Answer, Given, Letter, Words, alert_words, alerts, letter, reminders};
use dr_run::School;
use dr_runbook::Runbook;

use crate::codes;
use crate::error::RoundError;
use crate::gathered::Gathered;
use crate::letters::{letter_due, recipients, write};
use crate::lock;

/// What was said.
#[derive(Debug, Default)]
pub struct Said {
    /// Trouble that began.
    pub begun: Vec<Alert>,
    /// Trouble that ended.
    pub ended: Vec<String>,
    /// The letter, if it was its day.
    pub letter: Option<(u64, LetterStatus, String)>,
    /// Reminders that were written.
    pub reminders: usize,
    /// What went out, and what waits.
    pub sent: Option<Sent>,
    /// Another process is at it.
    pub busy: bool,
}

/// Writes what is to be said and sends what waits.
///
/// # Errors
/// If the ledger or the outbox takes nothing. That a message could not go out is no error: it waits.
pub fn words(school: &School, runbook: Option<&Runbook>, ways: &Ways<'_>) -> Result<Said, RoundError> {
    let Some(_lock) = lock::take(&school.places.state, lock::WORDS)? else {
        return Ok(Said { busy: true, ..Said::default() });
    };
    let outbox = Outbox::in_state(&school.places.state);
    let desk = Desk { school, outbox: &outbox, ways };
    let mut said = Said::default();
    let mut gathered = Gathered::of(school, runbook)?;
    desk.alerts(&gathered.given(school), &mut said)?;
    if !said.begun.is_empty() || !said.ended.is_empty() {
        gathered = Gathered::of(school, runbook)?;
    }
    let given = gathered.given(school);
    desk.letter(&given, &mut said)?;
    desk.reminders(&given, &mut said)?;
    said.sent = Some(deliver(school, &outbox, ways)?);
    Ok(said)
}

/// Mails one person a code, at once.
pub(crate) fn mail_to(
    school: &School,
    ways: &Ways<'_>,
    person: &PersonId,
    subject: &str,
    text: String,
) -> Result<(), RoundError> {
    let outbox = Outbox::in_state(&school.places.state);
    let asked = school.entries()?.iter().filter(|entry| matches!(entry.event, Event::CodeIssued { .. })).count();
    Desk { school, outbox: &outbox, ways }.queue(Draft {
        kind: MessageKind::Code,
        about: format!("code/{asked}"),
        to: recipients(school, std::slice::from_ref(person)),
        subject: subject.to_owned(),
        text,
        html: None,
        status: None,
        secret: true,
    })?;
    deliver(school, &outbox, ways)?;
    Ok(())
}

/// Sends what waits, and writes down what becomes of it.
fn deliver(school: &School, outbox: &Outbox, ways: &Ways<'_>) -> Result<Sent, RoundError> {
    let mut kept = Ok(());
    let sent = outbox.send(ways, school.clock.decided(), &mut |event| {
        if kept.is_ok() {
            kept = school.record(event).map(|_| ());
        }
    })?;
    kept?;
    Ok(sent)
}

/// Where messages are written.
struct Desk<'a> {
    school: &'a School,
    outbox: &'a Outbox,
    ways: &'a Ways<'a>,
}

/// A message that is not written yet.
struct Draft<'a> {
    kind: MessageKind,
    /// What it is about, and the name of it: the same words mean the same message.
    about: String,
    to: Vec<Recipient>,
    subject: String,
    text: String,
    html: Option<&'a str>,
    status: Option<LetterStatus>,
    /// It holds a code, which is for nobody else to see.
    secret: bool,
}

impl Desk<'_> {
    fn alerts(&self, given: &Given<'_>, said: &mut Said) -> Result<(), RoundError> {
        let found = alerts(given);
        // A dead disk is trouble of six systems and one mail.
        let mut groups: Vec<Vec<Alert>> = Vec::new();
        for alert in found.begin {
            match groups.iter_mut().find(|group| group.iter().any(|one| one.to == alert.to && one.step == alert.step)) {
                Some(group) => group.push(alert),
                None => groups.push(vec![alert]),
            }
        }
        for group in groups {
            self.tell(given, &group)?;
            said.begun.extend(group);
        }
        for alert in found.end {
            self.school.record(Event::AlertEnded { alert: alert.clone() })?;
            said.ended.push(alert);
        }
        Ok(())
    }

    /// One message about alerts that begin together and go to the same people.
    fn tell(&self, given: &Given<'_>, group: &[Alert]) -> Result<(), RoundError> {
        let Some(first) = group.first() else { return Ok(()) };
        let about = told_as(given, group);
        let mut words = alert_words(given, first);
        for more in group.iter().skip(1) {
            words.text = format!("{}\n\n{}", words.text.trim_end(), alert_words(given, more).text);
        }
        if group.len() > 1 {
            words.subject = format!("[ACTION NOW] {} - {} things at once", given.plan.school.name, group.len());
        }
        let red = group.iter().any(|alert| alert.status == LetterStatus::Red);
        let status = if red { LetterStatus::Red } else { first.status };
        let decides = red.then(|| who_decides(given.plan, &first.to)).flatten();
        let (own, others): (Vec<_>, Vec<_>) =
            recipients(self.school, &first.to).into_iter().partition(|to| Some(&to.person) == decides.as_ref());
        let draft = |to, words: &Words, about: String| Draft {
            kind: MessageKind::Alert,
            about,
            to,
            subject: words.subject.clone(),
            text: words.text.clone(),
            html: None,
            status: Some(status),
            secret: false,
        };
        self.queue(draft(others, &words, about.clone()))?;
        for one in own {
            let what = if group.len() > 1 { ALL_RED } else { &first.key };
            let answer = self.code(&one.person, Decision::Acknowledged, what)?;
            let about = format!("{about}/{}", one.person);
            let words = words.clone().with_answer(given.plan, &answer);
            self.queue(Draft { secret: true, ..draft(vec![one], &words, about) })?;
        }
        for alert in group {
            self.school.record(Event::AlertRaised {
                alert: alert.key.clone(),
                rule: alert.rule.clone(),
                system: alert.system.clone(),
                status: alert.status,
                cause: alert.cause.clone(),
                to: alert.to.clone(),
                step: alert.step,
            })?;
        }
        Ok(())
    }

    fn letter(&self, given: &Given<'_>, said: &mut Said) -> Result<(), RoundError> {
        if letter_due(&self.school.plan, given.entries, given.now).is_none() {
            return Ok(());
        }
        let number = dr_ledger::History::of(given.entries).last_letter().map_or(1, |last| last.number + 1);
        let plain = letter(given, number, None)?;
        let about = format!("letter/{number}");
        let folder = self.school.places.state.join("letters");
        write(self.school, &plain, &given.head.hash.to_string(), &folder)?;
        let to = recipients(self.school, &self.school.plan.report.to);
        let ids: Vec<PersonId> = to.iter().map(|to| to.person.clone()).collect();
        let decides = (plain.status == LetterStatus::Red).then(|| who_decides(&self.school.plan, &ids)).flatten();
        let (own, others): (Vec<_>, Vec<_>) = to.into_iter().partition(|to| Some(&to.person) == decides.as_ref());
        let draft = |letter: &Letter, to| Draft {
            kind: MessageKind::Letter,
            about: about.clone(),
            to,
            subject: letter.subject.clone(),
            text: letter.text.clone(),
            html: None,
            status: Some(letter.status),
            secret: false,
        };
        for one in own {
            let answer = self.code(&one.person, Decision::Acknowledged, &about)?;
            let coded = letter(given, number, Some(&answer))?;
            let mut draft = draft(&coded, vec![one.clone()]);
            draft.about = format!("{about}/{}", one.person);
            draft.html = Some(&coded.html);
            draft.secret = true;
            self.queue(draft)?;
        }
        let mut draft = draft(&plain, others);
        draft.html = Some(&plain.html);
        self.queue(draft)?;
        let text_blake3 = dr_ledger::Digest::of(plain.text.as_bytes());
        let (status, subject) = (plain.status, plain.subject.clone());
        self.school.record(Event::LetterWritten { number, status, subject: subject.clone(), text_blake3 })?;
        said.letter = Some((number, status, subject));
        Ok(())
    }

    fn reminders(&self, given: &Given<'_>, said: &mut Said) -> Result<(), RoundError> {
        for reminder in reminders(given) {
            self.queue(Draft {
                kind: reminder.kind,
                about: reminder.about,
                to: recipients(self.school, &reminder.to),
                subject: reminder.subject,
                text: reminder.text,
                html: None,
                status: None,
                secret: false,
            })?;
            said.reminders += 1;
        }
        Ok(())
    }

    /// Into the outbox, then into the ledger.
    fn queue(&self, draft: Draft<'_>) -> Result<(), RoundError> {
        let ids = draft.to.iter().map(|to| to.person.clone()).collect();
        let message = Message {
            id: name_of(draft.kind, &draft.about),
            kind: draft.kind,
            about: draft.about.clone(),
            to: draft.to,
            subject: draft.subject,
            text: draft.text,
            html: draft.html.map(str::to_owned),
            school: self.school.plan.school.name.clone(),
            status: draft.status,
            queued: self.school.clock.decided(),
        };
        let mut channels = self.ways.channels();
        // A code is one person's and goes by mail; a message for nobody by mail goes by the other ways.
        channels.retain(|channel| match channel {
            ChannelKind::Smtp => !message.to.is_empty(),
            ChannelKind::Webhook | ChannelKind::Command => !draft.secret,
        });
        if !channels.is_empty() {
            self.outbox.queue(&message, &channels)?;
        }
        let event = Event::MessageQueued { message: message.id, kind: draft.kind, about: draft.about, to: ids };
        self.school.record(event)?;
        Ok(())
    }

    /// A new code for one person; only what it is checked with is written down.
    fn code(&self, person: &PersonId, decision: Decision, about: &str) -> Result<Answer, RoundError> {
        let until = codes::good_until(self.school.clock.decided());
        let code = codes::issue(self.school, person, decision, about, until, None, None)?;
        Ok(Answer { code, until })
    }
}

/// What a message about these alerts is about. Raised again, they are another message.
fn told_as(given: &Given<'_>, group: &[Alert]) -> String {
    let raised = |key: &str| {
        let of = |entry: &&dr_ledger::Entry| matches!(&entry.event, Event::AlertRaised { alert, .. } if alert == key);
        given.entries.iter().filter(of).count() + 1
    };
    let keys: Vec<String> = group.iter().map(|alert| format!("{}/{}", alert.key, raised(&alert.key))).collect();
    match keys.as_slice() {
        [one] => format!("alert/{one}"),
        many => {
            format!("alerts/{}/{}", many.len(), &dr_ledger::Digest::of(many.join(" ").as_bytes()).to_string()[..20])
        }
    }
}

/// Who among these can answer for the school: the head, else a deputy, else whoever may approve.
fn who_decides(plan: &Plan, to: &[PersonId]) -> Option<PersonId> {
    let roles = [Role::Head, Role::DeputyHead, Role::Approver, Role::DigitalLead, Role::Governor];
    let has = |id: &PersonId, role: Role| plan.people.get(id).is_some_and(|person| person.roles.contains(&role));
    roles.into_iter().find_map(|role| to.iter().find(|id| has(id, role)).cloned())
}

/// A message's name: what it is, and a digest of what it is about.
fn name_of(kind: MessageKind, about: &str) -> String {
    let digest = dr_ledger::Digest::of(format!("{kind} {about}").as_bytes()).to_string();
    format!("{kind}-{}", &digest[..20])
}
