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
use crate::letters::{letter_due, readers, recipients, write};
use crate::lock;
pub use crate::notified::Notified;
use crate::spans;

/// Writes what is to be said and sends what waits.
///
/// # Errors
/// If the ledger or the outbox takes nothing. That a message could not go out is no error: it waits.
pub fn notify(school: &School, runbook: Option<&Runbook>, ways: &Ways<'_>) -> Result<Notified, RoundError> {
    let Some(_lock) = lock::take(&school.places.state, lock::WORDS)? else {
        return Ok(Notified { busy: true, ..Notified::default() });
    };
    let outbox = Outbox::in_state(&school.places.state);
    let composer = Composer { school, outbox: &outbox, ways };
    let mut said = Notified::default();
    let mut gathered = Gathered::of(school, runbook)?;
    composer.alerts(&gathered.given(school), &mut said)?;
    if !said.begun.is_empty() || !said.ended.is_empty() {
        gathered = Gathered::of(school, runbook)?;
    }
    let given = gathered.given(school);
    composer.letter(&given, &mut said)?;
    composer.reminders(&given, &mut said)?;
    said.sent = Some(deliver(school, &outbox, ways)?);
    spans::said(&said);
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
    let asked = school.everything()?.iter().filter(|entry| matches!(entry.event, Event::CodeIssued { .. })).count();
    Composer { school, outbox: &outbox, ways }.queue(Draft {
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
struct Composer<'a> {
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

impl Composer<'_> {
    fn alerts(&self, given: &Given<'_>, said: &mut Notified) -> Result<(), RoundError> {
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
        let (own, others) = self.decider(red, recipients(self.school, &first.to));
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
        self.queue_for_others(draft(others, &words, about.clone()), own.is_some())?;
        if let Some(one) = own {
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
                systems: alert.systems.clone(),
                of: (alert.of != alert.key).then(|| alert.of.clone()),
            })?;
        }
        Ok(())
    }

    fn letter(&self, given: &Given<'_>, said: &mut Notified) -> Result<(), RoundError> {
        if letter_due(&self.school.plan, given.entries, given.now).is_none() {
            return Ok(());
        }
        // A number is given out once, whatever the clock said then.
        let number = dr_ledger::History::of(given.all).last_letter().map_or(1, |last| last.number + 1);
        let plain = letter(given, number, None)?;
        let about = format!("letter/{number}");
        let folder = self.school.places.state.join("letters");
        write(self.school, &plain, &given.head.hash.to_string(), &folder)?;
        let to = recipients(self.school, &readers(&self.school.plan, self.school.today()));
        let (own, others) = self.decider(plain.status == LetterStatus::Red, to);
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
        let is_answered = own.is_some();
        if let Some(one) = own {
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
        self.queue_for_others(draft, is_answered)?;
        let text_blake3 = dr_ledger::Digest::of(plain.text.as_bytes());
        let html_blake3 = Some(dr_ledger::Digest::of(plain.html.as_bytes()));
        let (status, subject) = (plain.status, plain.subject.clone());
        self.school.record(Event::LetterWritten {
            number,
            status,
            subject: subject.clone(),
            text_blake3,
            html_blake3,
        })?;
        said.letter = Some((number, status, subject));
        Ok(())
    }

    fn reminders(&self, given: &Given<'_>, said: &mut Notified) -> Result<(), RoundError> {
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

    /// Of those a message is for: who can answer it by a code, and all others. A code goes to one person, by mail or by
    /// the school's program; who cannot be reached so gets no code, and stays with the others.
    fn decider(&self, red: bool, to: Vec<Recipient>) -> (Option<Recipient>, Vec<Recipient>) {
        let plan = &self.school.plan;
        let channels = self.ways.channels();
        let in_person = channels.iter().any(|channel| *channel != ChannelKind::Webhook);
        let mailed = |to: &&Recipient| to.email.as_ref().is_some_and(|email| dr_plan::may_mail(plan, email));
        if !red || !in_person {
            return (None, to);
        }
        let ids: Vec<PersonId> = to.iter().filter(mailed).map(|to| to.person.clone()).collect();
        let decides = who_decides(plan, &ids);
        let (mut own, others): (Vec<_>, Vec<_>) = to.into_iter().partition(|to| Some(&to.person) == decides.as_ref());
        (own.pop(), others)
    }

    /// Queues what is for all but the one who got it with a code. If that one is the only reader it is posted still, and
    /// is no second mail.
    fn queue_for_others(&self, draft: Draft<'_>, is_answered: bool) -> Result<(), RoundError> {
        if is_answered && draft.to.is_empty() && !self.ways.channels().contains(&ChannelKind::Webhook) {
            return Ok(());
        }
        let only_posted = is_answered && draft.to.is_empty();
        self.queue_by(draft, |channel| !only_posted || channel == ChannelKind::Webhook)
    }

    fn queue(&self, draft: Draft<'_>) -> Result<(), RoundError> {
        self.queue_by(draft, |_| true)
    }

    /// Into the outbox, then into the ledger.
    fn queue_by(&self, draft: Draft<'_>, may: impl Fn(ChannelKind) -> bool) -> Result<(), RoundError> {
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
        // A code is one person's: what is posted to an address is read by nobody knows whom. A message for nobody by
        // mail goes by the other ways.
        channels.retain(|channel| {
            may(*channel)
                && match channel {
                    ChannelKind::Smtp => !message.to.is_empty(),
                    ChannelKind::Webhook => !draft.secret,
                    ChannelKind::Command => true,
                }
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
        given.all.iter().filter(of).count() + 1
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
