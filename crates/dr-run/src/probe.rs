//! Does a restored system say what it said when it was captured? Looks at what came back, not at the backup.
//!
//! Nothing said here names a file: it stands in evidence that people outside the system's circle read.

use std::path::Path;

use dr_entry::{EntryPath, Kind};
use dr_ledger::RehearsalVerdict;
use dr_plan::Source;
use dr_repo::{Listed, RepoError, Repository, SnapshotId};
use dr_source::files::TreeReader;
use dr_source::{Verdict, driver};

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

impl From<dr_source::Check> for Check {
    fn from(check: dr_source::Check) -> Self {
        let verdict = match check.verdict {
            Verdict::Good => RehearsalVerdict::Verified,
            Verdict::Wrong => RehearsalVerdict::Failed,
            Verdict::NotKnown => RehearsalVerdict::CouldNotVerify,
        };
        Self { name: check.name, verdict, expected: check.expected, actual: check.actual }
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
    let checks = driver(source).map(|driver| driver.verify(root)).unwrap_or_default();
    checks.into_iter().map(Check::from).collect()
}
