//! How dr ends: every exit code, and which one it is when several would do.

/// Why dr does not end with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It did not do what was asked.
    Failed,
    /// A check did not run, so nothing is known.
    Unverified,
    /// It did, but something is missing or damaged, and each thing is named.
    Missing,
    /// There is no repository there.
    NoRepository,
    /// Wrong password or key, or none.
    WrongKey,
    /// The command line or the plan is wrong; nothing was done.
    Usage,
    /// SIGHUP: the terminal or the connection is gone.
    HungUp,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Cause {
    /// Its exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Unverified => 2,
            Self::Missing => 3,
            Self::NoRepository => 10,
            Self::WrongKey => 12,
            Self::Usage => 64,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// The first of these that applies is the exit code.
const ORDER: [Cause; 9] = [
    Cause::Usage,
    Cause::HungUp,
    Cause::Interrupted,
    Cause::Terminated,
    Cause::WrongKey,
    Cause::NoRepository,
    Cause::Failed,
    Cause::Unverified,
    Cause::Missing,
];

/// The one exit code for all `causes`.
pub fn code(causes: &[Cause]) -> u8 {
    ORDER.into_iter().find(|cause| causes.contains(cause)).map_or(0, Cause::code)
}

/// A command that came to its end, perhaps with something to remember.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome(Vec<Cause>);

impl Outcome {
    /// Done, nothing left out.
    pub fn done() -> Self {
        Self::default()
    }

    /// Remembers `cause` if `so`.
    #[must_use]
    pub fn with(mut self, so: bool, cause: Cause) -> Self {
        self.0.extend(so.then_some(cause));
        self
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub fn into_causes(self) -> Vec<Cause> {
        self.0
    }
}

/// A command that did not come to its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub cause: Cause,
    /// What failed, on which target, what is still safe, what to do next.
    pub message: String,
}

impl Failure {
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into() }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Cause::Usage, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_causes_the_first_of_12_10_1_2_3_is_the_code() {
        use Cause::*;
        for (causes, expected) in [
            (vec![], 0),
            (vec![Missing], 3),
            (vec![Missing, Unverified], 2),
            (vec![Missing, Unverified, Failed], 1),
            (vec![Failed, NoRepository], 10),
            (vec![NoRepository, Missing, WrongKey], 12),
            (vec![Missing, Terminated], 143),
            (vec![Interrupted], 130),
            (vec![Failed, HungUp], 129),
            (vec![Usage], 64),
        ] {
            assert_eq!(code(&causes), expected, "{causes:?}");
        }
    }
}
