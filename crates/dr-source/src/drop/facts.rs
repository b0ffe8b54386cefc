//! What is written down of an export beside it, and does a restored one still say the same?

use std::collections::BTreeMap;
use std::path::Path;

use dr_entry::{Entries, Entry, Time, Unread};
use serde::{Deserialize, Serialize};

use super::tape::Header;
use super::{Found, front};
use crate::driver::Check;
use crate::{facts, recorded};

/// The facts of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFacts {
    /// What the front of each backup of SQL Server says, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backups: BTreeMap<String, Header>,
    /// What its maker counted in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
}

impl ExportFacts {
    /// Whether there is nothing to write down.
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The same entries with the facts among them, in their order.
    pub(super) fn among(&self, entries: Entries<'static>, at: Time) -> Result<Entries<'static>, Unread> {
        if self.is_nothing() {
            return Ok(entries);
        }
        let unread = |why| Unread { path: dr_entry::EntryPath::root(), why };
        let ours: Entry = facts::entry(self, at).map_err(unread)?;
        Ok(Box::new(Among { ours: Some(ours), entries: entries.peekable() }))
    }
}

/// By what a file is known in the facts.
pub(super) fn name(found: &Found) -> String {
    String::from_utf8_lossy(&found.name).into_owned()
}

/// Entries with one more in its place.
struct Among<I: Iterator> {
    ours: Option<Entry>,
    entries: std::iter::Peekable<I>,
}

impl<I: Iterator<Item = Result<Entry, Unread>>> Iterator for Among<I> {
    type Item = Result<Entry, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(ours) = &self.ours {
            let is_later = match self.entries.peek() {
                Some(Ok(next)) => next.path > ours.path,
                Some(Err(unread)) => unread.path > ours.path,
                None => true,
            };
            if is_later {
                return self.ours.take().map(Ok);
            }
        }
        self.entries.next()
    }
}

/// What can be asked of an export that was restored to `root`.
pub(super) fn checks(root: &Path) -> Vec<Check> {
    let Ok(then) = recorded::<ExportFacts>(root) else { return Vec::new() };
    if then.backups.is_empty() {
        return Vec::new();
    }
    let read = |name: &str| front(&root.join(name)).ok().and_then(|front| Header::of(&front));
    let same = then.backups.iter().filter(|(name, header)| read(name).as_ref() == Some(header)).count();
    let counted = |count| format!("{count} backups of SQL Server with the headers that they had");
    vec![Check::new(
        "the headers of its backups say what they said at capture",
        same == then.backups.len(),
        counted(then.backups.len()),
        counted(same),
    )]
}
