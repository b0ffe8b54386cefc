//! Names of objects.

use std::fmt;

/// The name of an object: 1 to 8 components joined by `/`, each 1 to 64 of `a-z 0-9 . -`, none of them
/// beginning with `.` or `-`. Whatever else lies in a store is not ours and is never read, listed or deleted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// Why text is not a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be the name of an object")]
pub struct BadKey(pub String);

impl Key {
    /// Checks `text` and takes it as a name.
    ///
    /// # Errors
    /// [`BadKey`] if it breaks the grammar above.
    pub fn new(text: impl Into<String>) -> Result<Self, BadKey> {
        let text = text.into();
        let good = |c: &str| {
            !c.is_empty()
                && c.len() <= 64
                && !c.starts_with(['.', '-'])
                && c.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
        };
        if text.split('/').count() <= 8 && text.split('/').all(good) { Ok(Self(text)) } else { Err(BadKey(text)) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_grammar_is_a_key() {
        for good in ["repo.json", "log/0000000000000001", "data/0a1b2c3d/00ff/000/001"] {
            assert!(Key::new(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a/", "../x", "a/../b", "A", "a b", ".hidden", "a/.tmp", "-x", "ü", "1/2/3/4/5/6/7/8/9"] {
            assert!(Key::new(bad).is_err(), "{bad}");
        }
    }
}
