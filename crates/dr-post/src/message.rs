//! What is a message: which words, for whom, and what is it about?

use std::fmt;

use dr_ledger::{LetterStatus, MessageKind};
use dr_plan::PersonId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Somebody a message is for, as the plan named them when it was written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Who.
    pub person: PersonId,
    /// The name as it stands on letters.
    pub name: String,
    /// Where mail goes; without one mail cannot reach them, and that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// The person only: addresses are in no log.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.person.as_str())
    }
}

/// One message, whole: it goes out as it was queued, whatever the plan says by then.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its name, for ever: the same name again is the same message.
    pub id: String,
    /// What it is.
    pub kind: MessageKind,
    /// What it is about.
    pub about: String,
    /// Who gets it by mail.
    pub to: Vec<Recipient>,
    /// Its subject line.
    pub subject: String,
    /// Its text. It says everything that the page says.
    pub text: String,
    /// The same as a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The school's name, as whom it is sent.
    pub school: String,
    /// The word at its top, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<LetterStatus>,
    /// When it was written, which is the date that a reader sees.
    pub queued: Timestamp,
}

/// Its name and kind only: the text may hold a code.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}
