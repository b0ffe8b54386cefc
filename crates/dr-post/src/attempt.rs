//! What comes of trying one message by one way, once?

use dr_ledger::ChannelKind;
use dr_plan::{PersonId, Smtp};

use crate::message::Message;
use crate::slip::Way;
use crate::smtp::Answer;
use crate::trouble::Trouble;
use crate::ways::Ways;
use crate::{command, mail, smtp, web};

/// It went out; mail may have reached some and not all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Whom mail has reached.
    pub reached: Vec<PersonId>,
    /// Whom it will not reach, each with the reason.
    pub refused: Vec<(PersonId, String)>,
    /// Why some have to be tried again.
    pub later: Option<String>,
}

/// Tries `message` by `way`, for those whom it has not reached yet.
pub(crate) fn attempt(ways: &Ways<'_>, message: &Message, way: &Way) -> Result<Outcome, Trouble> {
    let gone = || Trouble::of_the_way("the plan does not have this way out any more");
    match way.channel {
        ChannelKind::Smtp => mailed(ways, ways.alerts.smtp.as_ref().ok_or_else(gone)?, message, way),
        ChannelKind::Webhook => {
            let address = ways.alerts.webhook.as_ref().ok_or_else(gone)?;
            web::hand_over(ways, address, message).map(|()| Outcome::default())
        }
        ChannelKind::Command => {
            let hook = ways.alerts.command.as_ref().ok_or_else(gone)?;
            let refused = command::hand_over(ways, hook, message)?;
            let new = refused.into_iter().filter(|(person, _)| !way.refused.contains(person));
            Ok(Outcome { refused: new.collect(), ..Outcome::default() })
        }
    }
}

fn mailed(ways: &Ways<'_>, smtp: &Smtp, message: &Message, way: &Way) -> Result<Outcome, Trouble> {
    let from = mail::sender(smtp)?;
    let settled = |person: &PersonId| way.reached.contains(person) || way.refused.contains(person);
    // Those it has reached already stand in its head as well: it is the same mail.
    let (everybody, unreachable) = mail::sorted(message.to.iter(), ways.may_mail);
    let mail = mail::write(message, &from, &everybody)?;
    let now: Vec<_> = everybody.into_iter().filter(|one| !settled(&one.person)).collect();
    let mut outcome = Outcome::default();
    outcome.refused.extend(unreachable.into_iter().filter(|(person, _)| !settled(person)));
    if now.is_empty() && way.reached.is_empty() {
        return Err(Trouble::of_the_message(nobody(&outcome.refused)));
    }
    if now.is_empty() {
        return Ok(outcome);
    }
    for (person, answer) in smtp::hand_over(ways, smtp, &from, &now, &mail)? {
        match answer {
            Answer::Taken => outcome.reached.push(person),
            Answer::Refused(code) => {
                outcome.refused.push((person, format!("the mail server refused the address{code}")));
            }
            Answer::Later(code) => outcome.later = Some(format!("the mail server wants to be asked again later{code}")),
        }
    }
    if outcome.reached.is_empty() && way.reached.is_empty() && outcome.later.is_none() {
        // Nobody at all: more likely the server is at fault than every address, so all of it is tried again.
        return Err(Trouble::of_the_message(nobody(&outcome.refused)));
    }
    Ok(outcome)
}

fn nobody(refused: &[(PersonId, String)]) -> String {
    match refused {
        [] => "it is for nobody who could be mailed".to_owned(),
        some => format!("nobody could be mailed: {}", named(some)),
    }
}

/// Each person with the reason.
pub(crate) fn named(refused: &[(PersonId, String)]) -> String {
    refused.iter().map(|(person, why)| format!("not to {}: {why}", person.as_str())).collect::<Vec<_>>().join("; ")
}
