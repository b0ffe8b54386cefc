//! How is a word written for a person who pastes a command, or for cron? `dr` itself never goes through a shell.

/// One word as a shell takes it.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_blanks_or_quotes_is_one_word_for_a_shell() {
        assert_eq!(quoted("a/b.toml"), "a/b.toml");
        assert_eq!(quoted("my school"), "'my school'");
        assert_eq!(quoted("J's"), "'J'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
