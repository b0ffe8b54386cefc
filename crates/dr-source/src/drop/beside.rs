//! Which files stand beside an export and say something of it, and does its marker say that it is whole?
//!
//! That a file stood still for five minutes is no proof that it is whole: a backup of an hour writes in bursts, and a job that
//! was killed leaves a file that stands still for ever. So a job can say it: it writes a file of its own last of all.

use dr_plan::EXPORT;

/// The name of a file beside an export, in which [`EXPORT`] stands for the export's own.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a>(pub &'a str);

impl Beside<'_> {
    /// What that file of the export `name` is called. Without [`EXPORT`] it is one for all.
    pub(super) fn of(self, name: &[u8]) -> Vec<u8> {
        match self.0.split_once(EXPORT) {
            Some((before, after)) => [before.as_bytes(), name, after.as_bytes()].concat(),
            None => self.0.as_bytes().to_vec(),
        }
    }

    /// Whether one such file stands for all exports.
    pub(super) fn is_for_all(self) -> bool {
        !self.0.contains(EXPORT)
    }

    /// Whether a file of this name stands beside some export, and is none itself.
    pub(super) fn may_be(self, name: &[u8]) -> bool {
        let Some((before, after)) = self.0.split_once(EXPORT) else { return name == self.0.as_bytes() };
        let of = name.strip_prefix(before.as_bytes()).and_then(|rest| rest.strip_suffix(after.as_bytes()));
        of.is_some_and(|of| !of.is_empty())
    }
}
