//! How a tree of Maildirs is captured while mail arrives and is read, and what must be true of it restored.
//!
//! Works for one Maildir, one with Maildir++ folders, or a directory of many people's. A mailbox is a directory
//! with `cur` and `new` in it. Messages are files and never change; only their names do, when mail moves from
//! `new` to `cur` and when flags are set, so unchanged contents are found again whatever they are called. What
//! is in `tmp` is not delivered yet and is left out.
//!
//! The capture's root holds the tree as [`TREE`] and, after it, the facts ([`crate::FACTS`]) about what was
//! really met on the way. (`Maildir` sorts before `dr-facts.json`, so the facts can come last.)

pub(crate) mod driver;
mod fewer;
mod listing;
mod put_back;
mod start;
mod verify;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{Entry, EntryPath, Piece, Time, Unread};
use mail_parser::MessageParser;
use rustix::fs::{CWD, Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

use crate::files::exclude::Exclude;
use crate::files::walk::{Rules, Start, Walker};
use crate::files::{Captured, Tally};
use crate::{SourceError, facts};
use listing::{Mailboxes, Met};
pub use put_back::IntoMailboxes;

/// The directory of the capture that holds the mail.
pub const TREE: &str = "Maildir";

/// So much of a message is parsed to see whether it is one.
const MESSAGE_MAX: usize = 1 << 20;

/// What can be said of a tree of Maildirs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailFacts {
    /// Mailboxes: directories with `cur` and `new`.
    pub mailboxes: u64,
    /// Messages in them.
    pub messages: u64,
    /// Whether the newest message, by its file's time, reads as mail; `None` without messages. Anybody can send one that
    /// does not, so nothing is judged by it.
    pub newest_parses: Option<bool>,
    /// Of how many of the newest messages that was asked.
    #[serde(default)]
    pub asked: u64,
    /// How many of them read as mail.
    #[serde(default)]
    pub parse: u64,
}

/// Begins to capture the tree at `root`.
///
/// # Errors
/// [`SourceError::Open`] if it is not a directory that can be opened.
pub fn capture(root: &Path, started: Time) -> Result<Captured, SourceError> {
    let tally = Arc::new(Tally::default());
    let (walk, met) = walker(root, started, Arc::clone(&tally))?;
    let mut walk = walk.map(|item| match item {
        Ok(entry) => within(&entry.path).map(|path| Entry { path, ..entry }),
        Err(unread) => Err(within(&unread.path).map_or_else(|why| why, |path| Unread { path, ..unread })),
    });
    let (root, notes) = (root.to_owned(), Arc::clone(&tally));
    let mut before = Some(facts::root(started));
    let mut after = Some(());
    let entries = std::iter::from_fn(move || {
        if let Some(first) = before.take() {
            return Some(Ok(first));
        }
        walk.next().or_else(|| {
            after.take().map(|()| {
                let met = finished(&root, &met);
                if met.mailboxes == 0 {
                    notes.note(format!(
                        "there is no Maildir in {}, that is, no folder with `cur` and `new` in it: what is there was kept \
                         as plain files. If it is mail of another kind, write its folder as a files system",
                        root.display()
                    ));
                }
                facts::entry(&met, started).map_err(|why| Unread { path: EntryPath::root(), why })
            })
        })
    });
    Ok(Captured { entries: Box::new(entries), tally })
}

/// Counts the mail at `root`, which may be a Maildir or a restored capture of one, and reads the newest message.
///
/// # Errors
/// [`SourceError::Open`] if it cannot be opened, or if anything in it cannot be read.
pub fn probe(root: &Path) -> Result<MailFacts, SourceError> {
    let (walk, met) = walker(root, Time::default(), Arc::default())?;
    for item in walk {
        if let Err(unread) = item {
            let why = std::io::Error::other(unread.why);
            return Err(SourceError::open(root.join(unread.path.to_string()), why));
        }
    }
    Ok(finished(root, &met))
}

fn walker(root: &Path, started: Time, tally: Arc<Tally>) -> Result<(Walker, Arc<Mutex<Met>>), SourceError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = openat(CWD, root, flags, Mode::empty()).map_err(|why| SourceError::open(root, why))?;
    let met = Arc::new(Mutex::new(Met::default()));
    let rules = Rules {
        named: std::collections::HashSet::new(),
        exclude: Exclude::default(),
        prefix: Vec::new(),
        one_file_system: false,
        started,
        tally,
        special: Box::new(Mailboxes::new(Arc::clone(&met))),
    };
    Ok((Walker::new(fd, Start::Whole, rules), met))
}

fn within(path: &EntryPath) -> Result<EntryPath, Unread> {
    let whole = match path.is_root() {
        true => TREE.as_bytes().to_vec(),
        false => [TREE.as_bytes(), b"/", path.as_bytes()].concat(),
    };
    EntryPath::new(whole).map_err(|why| Unread { path: path.clone(), why: why.to_string() })
}

fn finished(root: &Path, met: &Mutex<Met>) -> MailFacts {
    let met = met.lock().unwrap_or_else(PoisonError::into_inner);
    let mut facts = MailFacts { mailboxes: met.mailboxes, messages: met.messages, ..MailFacts::default() };
    for (_, path) in met.newest.iter().rev() {
        let read = is_mail(root, path);
        facts.newest_parses.get_or_insert(*read.as_ref().unwrap_or(&false));
        // One that was moved meanwhile is not among those that were asked.
        if let Ok(parses) = read {
            facts.asked += 1;
            facts.parse += u64::from(parses);
        }
    }
    facts
}

/// Whether the file reads as mail: headers that say when or from whom.
fn is_mail(root: &Path, path: &EntryPath) -> std::io::Result<bool> {
    let parent = path.parent().unwrap_or_default();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, root, flags, Mode::empty())?;
    let directory = crate::files::directory::descend(std::os::fd::AsFd::as_fd(&root), &parent)?;
    let name = std::ffi::CString::new(path.name())?;
    let Some(mut content) = crate::files::body::open_by_name(directory, &name)? else { return Ok(false) };
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while bytes.len() < MESSAGE_MAX {
        match content.read(&mut buffer)? {
            Piece::End => break,
            Piece::Data(length) => bytes.extend_from_slice(&buffer[..length]),
            Piece::Hole(length) => bytes.resize(bytes.len().saturating_add(length as usize).min(MESSAGE_MAX), 0),
        }
    }
    let message = MessageParser::default().parse(&bytes);
    Ok(message.is_some_and(|message| message.date().is_some() || message.from().is_some()))
}
