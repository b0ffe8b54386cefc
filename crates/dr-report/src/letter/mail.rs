//! The letter as a mail: both ways of reading it in one file that any mail program opens.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::Message;
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};

use super::Letter;

/// The letter as a mail with both parts, from `from` to `to`, as `Name <address>` or `address`. The id and the date are
/// the caller's, and so is the time.
///
/// # Errors
/// [`LetterError`] if an address is none, or nobody gets it.
pub fn eml(
    letter: &Letter,
    from: &str,
    to: &[String],
    message_id: &str,
    date: Timestamp,
) -> Result<Vec<u8>, LetterError> {
    let mailbox =
        |address: &str| address.parse::<Mailbox>().map_err(|_| LetterError::Address { address: address.to_owned() });
    if to.is_empty() {
        return Err(LetterError::Nobody);
    }
    // Before 1970 no mail was sent.
    let since = Duration::from_secs(u64::try_from(date.as_second()).unwrap_or(0));
    let mut mail = Message::builder()
        .from(mailbox(from)?)
        .subject(letter.subject.clone())
        .message_id(Some(format!("<{}>", message_id.trim_matches(['<', '>']))))
        .date(SystemTime::UNIX_EPOCH + since);
    for address in to {
        mail = mail.to(mailbox(address)?);
    }
    // Not by chance, so that the same letter is the same file; neither encoding can hold `=_`.
    let boundary = format!("=_letter_{}_=", letter.number);
    let parts = MultiPart::builder().kind(MultiPartKind::Alternative).boundary(boundary);
    let parts =
        parts.singlepart(SinglePart::plain(letter.text.clone())).singlepart(SinglePart::html(letter.html.clone()));
    Ok(mail.multipart(parts)?.formatted())
}

/// Why there is no letter, or no mail of it.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The template, which is part of this program, is broken.
    #[error("the letter's page could not be written")]
    Page(#[source] minijinja::Error),
    /// An address is none.
    #[error("`{address}` is not a mail address")]
    Address {
        /// As it was given.
        address: String,
    },
    /// Nobody gets it.
    #[error("the letter goes to nobody: name people with an email address in report.to")]
    Nobody,
    /// The mail could not be put together.
    #[error("the mail could not be put together")]
    Mail(#[from] lettre::error::Error),
}
