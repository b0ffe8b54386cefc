//! Why did another machine's server not do something: for this alone, or because there is no connection any more?

use crate::SourceError;

/// What speaks to the server.
pub(super) const PROGRAM: &str = "ssh";

/// Why the server did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SftpError {
    /// There is no connection any more.
    #[error("{0}")]
    Lost(String),
    /// It says no, to this alone.
    #[error("{}", refusal(*.code, .said))]
    Refused {
        /// By which number.
        code: u32,
        /// In which words.
        said: String,
    },
    /// Somebody wanted it to end.
    #[error("it was ended because somebody wanted that")]
    Stopped,
}

/// What its numbers mean.
pub(super) mod code {
    pub(in crate::sftp) const END: u32 = 1;
    pub(in crate::sftp) const NOT_THERE: u32 = 2;
    pub(in crate::sftp) const NOT_PERMITTED: u32 = 3;
    /// We say that, of what is no answer to what was asked.
    pub(in crate::sftp) const FAILURE: u32 = 4;
}

fn refusal(code: u32, said: &str) -> String {
    match (code, said) {
        (code::NOT_THERE, _) => "it is not there".to_owned(),
        (code::NOT_PERMITTED, _) => "the server does not let this account read it".to_owned(),
        (_, "") => format!("the server refused it ({code})"),
        (_, said) => said.to_owned(),
    }
}

impl SftpError {
    pub(crate) fn refused(said: &str) -> Self {
        Self::Refused { code: code::FAILURE, said: said.to_owned() }
    }

    pub(crate) fn is_not_there(&self) -> bool {
        matches!(self, Self::Refused { code: code::NOT_THERE, .. })
    }

    /// That nothing was captured for it.
    pub(crate) fn of_source(&self) -> SourceError {
        SourceError::Program { program: PROGRAM.to_owned(), why: self.to_string() }
    }
}
