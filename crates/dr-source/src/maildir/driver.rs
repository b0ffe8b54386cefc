//! A tree of mailboxes as a source of the plan.

use std::fs;
use std::path::{Path, PathBuf};

use dr_entry::{EntryPath, Time};

use super::fewer::{fewer_messages, is_message};
use super::start::Mail;
use super::{IntoMailboxes, TREE, capture, verify};
use crate::SourceError;
use crate::driver::{
    Around, Begun, CaptureError, Check, Correction, Driver, Finding, Hands, InPlace, Layout, Moment, Needs, Obstacle,
    Place, READABLE, StartRestored, sampled, something, there,
};
use crate::files::{Captured, FsRestorer, RestoreMode};

/// So many names are looked at for a mailbox.
const MAIL_MAX: usize = 20_000;

/// The mailboxes below this folder.
pub(crate) struct Maildir<'a>(pub(crate) &'a PathBuf);

impl Maildir<'_> {
    fn paths(&self) -> &[PathBuf] {
        std::slice::from_ref(self.0)
    }
}

fn tree() -> Option<EntryPath> {
    EntryPath::new(TREE).ok()
}

impl Driver for Maildir<'_> {
    fn needs(&self) -> Needs {
        Needs { read: self.paths().to_vec(), write: Vec::new() }
    }

    fn preflight(&self, _around: &Around<'_>) -> Vec<Finding> {
        if has_mailbox(self.0) != Some(false) {
            return Vec::new();
        }
        let reason = format!(
            "there is no Maildir in {}, that is, no folder with `cur` and `new` in it: what is there would be kept as plain \
             files",
            self.0.display()
        );
        vec![Finding { rule: "maildir", is_error: false, reason }]
    }

    fn probe(&self, _now: Time, _hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        sampled(self.paths()).map(|()| READABLE)
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        there(self.paths())?;
        something(capture(self.0, moment.real)?, self.paths())
    }

    fn names(&self, moment: &Moment<'_>) -> Result<Option<Captured>, SourceError> {
        capture(self.0, moment.real).map(Some)
    }

    fn layout(&self) -> Layout {
        Layout { whole_paths: false, top: tree() }
    }

    fn correction(&self) -> Option<Correction> {
        Some(Correction { counts: is_message, fewer: fewer_messages })
    }

    fn in_place(&self) -> InPlace<'_> {
        InPlace::Into {
            top: tree().unwrap_or_default(),
            to: self.0.clone(),
            delete: Err("--delete would remove the mail that came since"),
            no_part: "that is not part of the mail",
        }
    }

    fn place(&self, folder: &Path, mode: RestoreMode, write: bool) -> Result<Box<dyn Place>, SourceError> {
        Ok(Box::new(IntoMailboxes::new(FsRestorer::of_plan(folder, mode, write)?)))
    }

    fn verify(&self, root: &Path) -> Vec<Check> {
        verify::checks(root)
    }

    fn starts(&self) -> Option<Box<dyn StartRestored + '_>> {
        Some(Box::new(Mail))
    }
}

/// Whether there is a folder with `cur` and `new` somewhere in it; `None`: it is too much to look through.
fn has_mailbox(root: &Path) -> Option<bool> {
    let (mut left, mut looked) = (vec![root.to_owned()], 0);
    while let Some(folder) = left.pop() {
        if folder.join("cur").is_dir() && folder.join("new").is_dir() {
            return Some(true);
        }
        for entry in fs::read_dir(&folder).ok()?.flatten() {
            looked += 1;
            if looked > MAIL_MAX {
                return None;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
        }
    }
    Some(false)
}
