//! What can go wrong between bytes and values.

/// Why bytes could not be made, or made sense of.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A key that is no key, or not the one that is needed.
    #[error("{0}")]
    WrongKey(String),
    /// It does not say what it must.
    #[error("{object} is damaged: {what}")]
    Damaged {
        /// Name of the object.
        object: String,
        /// What is wrong with it.
        what: String,
    },
    /// A number that the format does not allow would be needed.
    #[error("{0}")]
    TooMuch(String),
    /// The compressor could not do its work.
    #[error("{what}: {source}")]
    Local {
        /// What was being done.
        what: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl FormatError {
    pub fn damaged(object: impl ToString, what: impl ToString) -> Self {
        Self::Damaged { object: object.to_string(), what: what.to_string() }
    }

    pub fn local(what: impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Local { what, source }
    }
}
