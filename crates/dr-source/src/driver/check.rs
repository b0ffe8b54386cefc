//! What does a restored system say by which it can be judged?
//!
//! Nothing said here names a file: it stands in evidence that people outside the system's circle read.

/// How one look went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Good,
    /// It is not.
    Wrong,
    /// There was nothing to tell it by.
    NotKnown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it went.
    pub verdict: Verdict,
    /// What had to come out.
    pub expected: String,
    /// What came out.
    pub actual: String,
}

impl Check {
    pub(crate) fn new(name: &str, good: bool, expected: impl ToString, actual: impl ToString) -> Self {
        let verdict = if good { Verdict::Good } else { Verdict::Wrong };
        Self { name: name.to_owned(), verdict, expected: expected.to_string(), actual: actual.to_string() }
    }

    pub(crate) fn not_known(name: &str, expected: impl ToString, actual: impl ToString) -> Self {
        Self { verdict: Verdict::NotKnown, ..Self::new(name, false, expected, actual) }
    }
}
