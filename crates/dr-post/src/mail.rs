//! What does a message look like as a mail, from whom is it, and who of those it is for can be mailed at all?
//!
//! The same message is the same mail each time it is tried: its `Message-ID` comes from what it says and when it was
//! queued, so that a reader who gets it twice can see that. The page says what the text says, and the text comes first.

use std::time::SystemTime;

use dr_plan::{PersonId, Smtp};
use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use crate::message::{Message, Recipient};
use crate::trouble::Trouble;

/// Somebody who can be mailed.
pub(crate) struct Addressed {
    pub person: PersonId,
    pub name: String,
    pub address: Address,
}

/// Those who can be mailed, and those who cannot, each with the reason.
pub(crate) fn sorted(
    to: impl Iterator<Item = impl std::ops::Deref<Target = Recipient>>,
    may_mail: &dyn Fn(&str) -> bool,
) -> (Vec<Addressed>, Vec<(PersonId, String)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for one in to {
        match address(one.email.as_deref(), may_mail) {
            Ok(address) => good.push(Addressed { person: one.person.clone(), name: one.name.clone(), address }),
            Err(why) => bad.push((one.person.clone(), why.to_owned())),
        }
    }
    (good, bad)
}

fn address(email: Option<&str>, may_mail: &dyn Fn(&str) -> bool) -> Result<Address, &'static str> {
    let email = email.map(str::trim).filter(|email| !email.is_empty()).ok_or("the plan has no mail address")?;
    let address: Address = email.parse().map_err(|_| "the mail address in the plan is none")?;
    if !email.is_ascii() {
        return Err("the mail address has letters that not every mail server takes");
    }
    if !may_mail(email) {
        return Err("the plan does not allow mail to that address's domain");
    }
    Ok(address)
}

/// Who it is from: the sender that the plan names, or the account if that is an address.
pub(crate) fn sender(smtp: &Smtp) -> Result<Address, Trouble> {
    let named = smtp.from.as_deref().or(smtp.user.as_deref()).unwrap_or_default().trim();
    named
        .parse()
        .ok()
        .filter(|_| named.is_ascii())
        .ok_or_else(|| Trouble::of_the_way("the plan has no sender's address for mail (from, in [alerts] smtp)"))
}

/// The whole mail, lines ending as mail wants it.
pub(crate) fn write(message: &Message, from: &Address, to: &[Addressed]) -> Result<Vec<u8>, Trouble> {
    let unwritable = |_| Trouble::of_the_message("the message cannot be written as a mail");
    let mut mail = lettre::Message::builder()
        .from(Mailbox::new(Some(one_line(&message.school)), from.clone()))
        .date(SystemTime::from(message.queued))
        .message_id(Some(message_id(message, from)))
        .subject(one_line(&message.subject))
        // Keeps automatic answers of people on holiday away.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()));
    for one in to {
        mail = mail.to(Mailbox::new(Some(one_line(&one.name)), one.address.clone()));
    }
    // Who gets it is said to the server, not read out of the mail.
    let sender_only = lettre::address::Envelope::new(Some(from.clone()), vec![from.clone()]);
    mail = mail.envelope(sender_only.map_err(unwritable)?);
    let whole = match &message.html {
        Some(html) => mail.multipart(
            MultiPart::alternative()
                .singlepart(SinglePart::plain(message.text.clone()))
                .singlepart(SinglePart::html(html.clone())),
        ),
        None => mail.singlepart(SinglePart::plain(message.text.clone())),
    };
    Ok(whole.map_err(unwritable)?.formatted())
}

/// Two schools that mail one trust may queue messages of one name, so the name alone is not enough.
fn message_id(message: &Message, from: &Address) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [&message.id, &message.school, &message.queued.to_string(), &message.subject, &message.text] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    format!("<{}@{}>", &hasher.finalize().to_hex()[..32], from.domain())
}

/// A line break in a heading would begin another heading.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
