//! What may stand in a line? The fields of this table, and as values words of ids, numbers, yes and no.
//!
//! Whatever a crate below says besides is left out, so that no path, name, address or text of an error gets into a log by
//! oversight: none of those is a word of this kind in a field of this table.

use std::fmt;

use tracing::field::{Field, Visit};

/// A field, and whether what goes on within a span has it too.
type Known = (&'static str, bool);

/// All that are written, in this order. `docs/logs.md` says what they mean; a test compares.
pub const KNOWN: &[Known] = &[
    ("command", true),
    ("run", true),
    ("system", true),
    ("target", true),
    ("medium", true),
    ("repository", true),
    ("verb", false),
    ("object", false),
    ("objects", false),
    ("bytes", false),
    ("bytes_read", false),
    ("bytes_stored", false),
    ("entries", false),
    ("unreadable", false),
    ("gaps", false),
    ("copies", false),
    ("attempts", false),
    ("chunks_proved", false),
    ("packs_lacking", false),
    ("overdue", false),
    ("runs", false),
    ("killed", false),
    ("troubles", false),
    ("busy", false),
    ("begun", false),
    ("ended", false),
    ("reminders", false),
    ("letter", false),
    ("code", false),
    ("outcome", false),
    ("error", false),
    ("io", false),
];

/// Folders of a repository and what lies beside them. Whatever else lies in a store may be called after somebody.
const OBJECTS: &[&str] = &["data", "meta", "idx", "log", "ckpt", "keys", "status", "ecc", "use", "repo.json"];
/// Longer words are none of ours: a run's id has 32 letters, a name of the plan 48 at most.
const WORD_MAX: usize = 64;

/// What a field says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Word(String),
    Count(u64),
    Flag(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Count(count) => count.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

/// The fields of one span or event that may be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// What happened, for an event.
    pub event: Option<&'static str>,
    known: Vec<(&'static str, Value)>,
}

impl Fields {
    /// What a field says, if it is there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Whether this tells of something that somebody should look at.
    pub fn is_wrong(&self) -> bool {
        let outcome = match self.get("outcome") {
            Some(Value::Word(word)) => word,
            _ => "",
        };
        self.get("error").is_some() || matches!(outcome, "failed" | "incomplete" | "damaged")
    }

    fn put(&mut self, field: &Field, value: Value) {
        let Some((name, _)) = KNOWN.iter().find(|(known, _)| *known == field.name()) else { return };
        match self.known.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.known.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, text: &str) {
        if field.name() == "event" {
            self.event = EVENTS.iter().find(|event| **event == text).copied();
            return;
        }
        let word = match field.name() {
            "object" if text.is_empty() => "all",
            "object" => OBJECTS.iter().find(|object| **object == text).copied().unwrap_or("other"),
            _ if is_word(text) => text,
            _ => "withheld",
        };
        self.put(field, Value::Word(word.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Count(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Count(value.unsigned_abs()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Flag(value));
    }

    /// Texts of messages and whatever else was only made to be looked at.
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// What can happen within a span.
pub const EVENTS: &[&str] = &["not-made", "trouble", "messages", "rehearsal", "check"];

/// Whether this is an id, or a word of ours.
fn is_word(text: &str) -> bool {
    (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_word_and_a_path_an_address_or_a_text_is_none() {
        for word in ["nas", "disk-1", "0d9f61c0a3f1e2b4c5d6e7f8091a2b3c", "not-found", "SIGTERM"] {
            assert!(is_word(word), "{word}");
        }
        let long = "a".repeat(WORD_MAX + 1);
        for text in ["", "/srv/staff", "letter.docx", "a.ash@school.example", "A. Ash", "key: x", "é", &long, "a\nb"] {
            assert!(!is_word(text), "{text}");
        }
    }

    #[test]
    fn every_field_and_event_stands_in_the_page() {
        let page = include_str!("../../../../docs/logs.md");
        for name in KNOWN.iter().map(|(name, _)| name).chain(EVENTS) {
            assert!(page.contains(&format!("`{name}`")), "docs/logs.md does not say what `{name}` is");
        }
        let table = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        for (name, _) in table {
            let is_known = KNOWN.iter().any(|(known, _)| *known == name) || EVENTS.contains(&name);
            let is_of_every_line = ["time", "level", "pid", "span", "event", "ms"].contains(&name);
            let is_span = ["command", "round", "run", "copy", "target", "repository", "request"].contains(&name);
            assert!(
                is_known || is_of_every_line || is_span,
                "docs/logs.md says what `{name}` is, and it is written nowhere"
            );
        }
    }
}
