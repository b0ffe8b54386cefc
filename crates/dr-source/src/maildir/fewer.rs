//! The facts of a mailbox from which something was left out on purpose: they count what is there.

use dr_entry::{Entry, EntryPath, Piece, Time, Unread};

use super::MailFacts;
use crate::facts;

/// Whether an entry of a mailbox is a message, by where it lies.
pub(super) fn is_message(path: &EntryPath) -> bool {
    let mut parts = path.as_bytes().rsplit(|byte| *byte == b'/');
    parts.next();
    matches!(parts.next(), Some(b"cur" | b"new"))
}

/// The same facts with so many messages fewer. Facts that are none of a mailbox stay as they are.
///
/// # Errors
/// If they cannot be read or written.
pub(super) fn fewer_messages(mut entry: Entry, fewer: u64) -> Result<Entry, Unread> {
    let path = entry.path.clone();
    let failed = |why: String| Unread { path: path.clone(), why };
    let Some(body) = entry.body.take() else { return Ok(entry) };
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        let mut content = body.open()?;
        while let Piece::Data(count) = content.read(&mut buffer)? {
            bytes.extend_from_slice(&buffer[..count]);
        }
        Ok(bytes)
    };
    let bytes = read().map_err(|why| failed(why.to_string()))?;
    let at: Time = entry.meta.mtime;
    match serde_json::from_slice::<MailFacts>(&bytes) {
        Ok(mail) => {
            let messages = mail.messages.saturating_sub(fewer);
            // Of the newest messages some may be those that are left out, so nothing is said of them.
            let mail = MailFacts { messages, newest_parses: None, asked: 0, parse: 0, ..mail };
            facts::entry(&mail, at).map_err(failed)
        }
        Err(_) => facts::again(entry, bytes).map_err(failed),
    }
}
