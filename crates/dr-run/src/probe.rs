//! Does a restored system say what it said when it was captured? Looks at what came back, not at the backup.
//!
//! Nothing said here names a file: it stands in evidence that people outside the system's circle read.

use std::path::Path;

use dr_entry::{EntryPath, Kind};
use dr_ledger::RehearsalVerdict;
use dr_plan::Source;
use dr_repo::{Listed, RepoError, Repository, SnapshotId};
use dr_source::files::TreeReader;
use dr_source::maildir::{self, MailFacts};
use dr_source::recorded;
use dr_source::sqlite::{self, SqliteFacts};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it went.
    pub verdict: RehearsalVerdict,
    /// What had to come out.
    pub expected: String,
    /// What came out.
    pub actual: String,
}

impl Check {
    pub(crate) fn new(name: &str, good: bool, expected: impl ToString, actual: impl ToString) -> Self {
        let verdict = if good { RehearsalVerdict::Verified } else { RehearsalVerdict::Failed };
        Self { name: name.to_owned(), verdict, expected: expected.to_string(), actual: actual.to_string() }
    }

    /// That there was nothing to look at, as a sentence.
    pub(crate) fn empty_handed(&self) -> Option<String> {
        let said = self.verdict == RehearsalVerdict::CouldNotVerify && self.actual.contains("when it was captured");
        said.then(|| format!("there is nothing in it by which it could be proved: {}", self.actual))
    }

    pub(crate) fn not_known(name: &str, expected: impl ToString, actual: impl ToString) -> Self {
        Self { verdict: RehearsalVerdict::CouldNotVerify, ..Self::new(name, false, expected, actual) }
    }
}

/// What the copy says that should be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) entries: u64,
    pub(crate) files: u64,
    /// Each file once, however many names it has.
    pub(crate) bytes: u64,
    /// Entries that are not on scratch as the copy has them.
    pub(crate) different: u64,
}

/// Holds every entry of the copy's tree against what is on scratch: kind, size, time.
pub(crate) fn compare(
    repository: &Repository,
    id: SnapshotId,
    paths: &[EntryPath],
    root: &Path,
) -> Result<Expected, RepoError> {
    let mut expected = Expected::default();
    let mut seen = std::collections::HashSet::new();
    let restored = TreeReader::new(root).map_err(|why| RepoError::Local {
        what: "scratch cannot be read".into(),
        source: std::io::Error::other(why),
    })?;
    repository.list(id, paths, &mut |entry| {
        expected.entries += 1;
        if entry.meta.kind == Kind::File {
            expected.files += 1;
            if entry.meta.link.is_none_or(|link| seen.insert(link)) {
                expected.bytes += entry.meta.size;
            }
        }
        expected.different += u64::from(!is_there(&entry, &restored));
        Ok(())
    })?;
    Ok(expected)
}

fn is_there(entry: &Listed, restored: &TreeReader) -> bool {
    let Ok(about) = restored.about(&entry.path) else { return false };
    let meta = &entry.meta;
    let same_kind = match (&meta.kind, &about.kind) {
        (Kind::File, Kind::File) => about.size == meta.size,
        (wanted, is) => std::mem::discriminant(wanted) == std::mem::discriminant(is),
    };
    same_kind && (about.mtime == meta.mtime || entry.path.is_root())
}

/// What the source's own kind lets one ask of what came back at `root`.
pub(crate) fn application(source: &Source, root: &Path) -> Vec<Check> {
    match source {
        Source::Sqlite { path } => database(path, root),
        Source::Maildir { .. } => mail(root),
        _ => Vec::new(),
    }
}

const WHOLE: &str = "the database opens and is whole";

fn database(path: &Path, root: &Path) -> Vec<Check> {
    let restored = sqlite::restored(root, path);
    let facts = match sqlite::probe(&restored) {
        Ok(facts) => facts,
        Err(_) => return vec![Check::new(WHOLE, false, "it opens", "it does not open as a database")],
    };
    let then = recorded::<SqliteFacts>(root).ok();
    let mut checks = vec![whole(&facts, then.as_ref())];
    let name = "its tables have the rows that were counted at capture";
    let counted =
        |facts: &SqliteFacts| format!("{} rows in {} tables", facts.tables.values().sum::<u64>(), facts.tables.len());
    let is_empty = |facts: &SqliteFacts| facts.tables.is_empty() && facts.uncounted.is_empty();
    checks.push(match then {
        // It came back as it was, and that a database without anything in it does says nothing of one with something.
        Some(then) if is_empty(&then) && is_empty(&facts) => Check::not_known(
            name,
            "at least 1 table",
            if facts.integrity_ok {
                "no tables to count, as when it was captured; the file opens and is sound"
            } else {
                "no tables to count, as when it was captured"
            },
        ),
        Some(then) if then.tables.is_empty() && facts.tables.is_empty() && then.uncounted == facts.uncounted => {
            Check::not_known(name, "tables that can be counted", "only tables that this SQLite cannot count")
        }
        Some(then) => Check::new(name, then.tables == facts.tables, counted(&then), counted(&facts)),
        None => Check::not_known(name, "counts of the capture", "none came back"),
    });
    checks
}

/// What SQLite's check says of it. Damage that was there when it was captured is not the restore's fault, and no proof.
fn whole(facts: &SqliteFacts, then: Option<&SqliteFacts>) -> Check {
    let expected = "0 problems";
    let Some(first) = facts.problems.first() else {
        let unjudged = match facts.unjudged.is_empty() {
            true => String::new(),
            false => format!("; could not be judged: {}", facts.unjudged.join(", ")),
        };
        return Check::new(WHOLE, true, expected, format!("{expected}{unjudged}"));
    };
    match then {
        Some(then) if then.problems.contains(first) => {
            Check::not_known(WHOLE, expected, format!("it was damaged already when it was captured: {first}"))
        }
        _ => Check::new(WHOLE, false, expected, first),
    }
}

fn mail(root: &Path) -> Vec<Check> {
    let counted = |facts: &MailFacts| format!("{} messages in {} mailboxes", facts.messages, facts.mailboxes);
    let name = "every message that was counted at capture is there";
    let facts = match maildir::probe(root) {
        Ok(facts) => facts,
        Err(_) => return vec![Check::new(name, false, "the mailboxes can be read", "they cannot")],
    };
    let count = match recorded::<MailFacts>(root) {
        Ok(then) if then.messages == 0 && facts.messages == 0 && then.mailboxes == facts.mailboxes => {
            let boxes =
                if facts.mailboxes == 1 { "1 mailbox".to_owned() } else { format!("{} mailboxes", facts.mailboxes) };
            let none = format!("no message in {boxes}, as when it was captured");
            return vec![Check::not_known(name, "at least 1 message", none)];
        }
        Ok(then) => {
            let same = (then.messages, then.mailboxes) == (facts.messages, facts.mailboxes);
            Check::new(name, same && facts.messages > 0, counted(&then), counted(&facts))
        }
        Err(_) => Check::not_known(name, "counts of the capture", "none came back"),
    };
    let newest = readable(recorded::<MailFacts>(root).ok().as_ref(), &facts);
    vec![count, newest]
}

/// Whether the newest messages read as mail, as many of them as did at capture: anybody can send one that does not.
fn readable(then: Option<&MailFacts>, now: &MailFacts) -> Check {
    let name = "the newest messages read as mail";
    let told = |facts: &MailFacts| format!("{} of {}", facts.parse, facts.asked);
    match then {
        Some(then) if then.asked > 0 && then.parse == 0 && now.parse == 0 => {
            Check::not_known(name, "at least 1", format!("none of {}, as when it was captured", now.asked))
        }
        // A capture of an earlier version asked the newest one only.
        Some(then) if then.asked > 0 => Check::new(name, now.parse >= then.parse, told(then), told(now)),
        _ => Check::new(name, now.parse > 0, format!("at least 1 of {}", now.asked), told(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_anybody_sent_decides_nothing_and_one_that_was_lost_does() {
        let facts =
            |asked, parse| MailFacts { mailboxes: 1, messages: asked, newest_parses: Some(false), asked, parse };
        let judged = |then: Option<MailFacts>, now| readable(then.as_ref(), &now).verdict;
        assert_eq!(judged(Some(facts(40, 39)), facts(40, 39)), RehearsalVerdict::Verified);
        assert_eq!(judged(Some(facts(40, 39)), facts(40, 38)), RehearsalVerdict::Failed);
        assert_eq!(judged(Some(facts(1, 0)), facts(1, 0)), RehearsalVerdict::CouldNotVerify);
        assert_eq!(judged(None, facts(40, 1)), RehearsalVerdict::Verified);
        assert_eq!(judged(Some(facts(0, 0)), facts(3, 0)), RehearsalVerdict::Failed);
    }
}
