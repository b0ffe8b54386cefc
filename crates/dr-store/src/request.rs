//! What of a request may a log say? Which verb, a kind of object, how many bytes, and how it ended.
//!
//! One span a request, and the one place where requests are logged: every store is used through
//! [`crate::BlockingStore`]. Nobody who logs nothing pays more than a look at one number.

use tracing::field::Empty;
use tracing::{Span, debug_span};

use crate::{Listed, ObjectBody, PutOutcome, StoreError};

/// What a log may know of an answer.
pub(crate) trait Answer {
    /// Writes it down.
    fn note(&self, span: &Span);
}

impl Answer for PutOutcome {
    fn note(&self, span: &Span) {
        let outcome = match self {
            Self::Created => "done",
            Self::Exists => "exists",
        };
        span.record("outcome", outcome);
    }
}

impl Answer for bytes::Bytes {
    fn note(&self, span: &Span) {
        span.record("bytes", self.len());
        span.record("outcome", "done");
    }
}

impl Answer for Vec<Listed> {
    fn note(&self, span: &Span) {
        span.record("objects", self.len());
        span.record("outcome", "done");
    }
}

impl Answer for u64 {
    fn note(&self, span: &Span) {
        span.record("bytes", *self);
        span.record("outcome", "done");
    }
}

impl Answer for () {
    fn note(&self, span: &Span) {
        span.record("outcome", "done");
    }
}

/// A request for `name`, an object's or the beginning of some, as a part of what `within` stands for.
pub(crate) fn begin(within: &Span, verb: &'static str, name: &str) -> Span {
    debug_span!(
        parent: within.id(), "request", verb, object = kind_of(name), bytes = Empty, objects = Empty, outcome = Empty,
        error = Empty, io = Empty
    )
}

/// What it is about to send.
pub(crate) fn sends(span: &Span, body: &ObjectBody) {
    if !span.is_disabled()
        && let Some(bytes) = size_of(body)
    {
        span.record("bytes", bytes);
    }
}

/// How it ended. The span is over with that.
pub(crate) fn ended<T: Answer>(span: Span, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    if !span.is_disabled() {
        match &answer {
            Ok(answer) => answer.note(&span),
            Err(why) => failed(&span, why),
        }
    }
    answer
}

/// The folder that an object lies in; of one that lies in none, its name.
fn kind_of(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

/// Looked at before the request, which may take the file away.
fn size_of(body: &ObjectBody) -> Option<u64> {
    match body {
        ObjectBody::Bytes(bytes) => Some(bytes.len() as u64),
        ObjectBody::File(path) => std::fs::symlink_metadata(path).ok().map(|about| about.len()),
    }
}

fn failed(span: &Span, why: &StoreError) {
    span.record("outcome", "failed");
    span.record("error", why.kind());
    if let StoreError::Io { source, .. } = why {
        span.record("io", source.kind().to_string().replace(' ', "-").as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_name_a_log_gets_the_folder_alone() {
        let kinds = ["data/0a1b2c3d/00ff/000/001", "log", "log/0000000000000001", "repo.json", ""].map(kind_of);
        assert_eq!(kinds, ["data", "log", "log", "repo.json", ""]);
    }
}
