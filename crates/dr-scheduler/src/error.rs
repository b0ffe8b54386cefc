//! Why a round, or a person's decision, could not be carried out.

use std::path::PathBuf;

use dr_run::RunError;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The conductor says so.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The outbox says so.
    #[error(transparent)]
    Post(#[from] dr_post::PostError),
    /// The letter could not be written.
    #[error("the letter could not be written: {0}")]
    Letter(#[from] dr_report::LetterError),
    /// The evidence of a rehearsal could not be written.
    #[error("the evidence could not be written: {0}")]
    Evidence(String),
    /// A file of this host's.
    #[error("{what} {}: {source}", path.display())]
    Local {
        /// "cannot write", …
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A decision that nobody may take, or not like this.
    #[error("{0}")]
    Refused(String),
}

impl RoundError {
    /// Which kind of error it is, for a log: no name of a file, a place or a person.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Run(why) => why.kind(),
            Self::Post(_) => "outbox",
            Self::Letter(_) => "letter",
            Self::Evidence(_) => "evidence",
            Self::Local { .. } => "local",
            Self::Refused(_) => "refused",
        }
    }

    pub(crate) fn local(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Local { what, path, source }
    }
}
