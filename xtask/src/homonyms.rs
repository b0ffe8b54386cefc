//! How many names of types mean two things in this house: never more than today.
//!
//! Whoever reads `State` has to find out which. A type is called for what it is of: `DiskState`, `RunState`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::tokens::{Token, tokens, without_tests};

/// So many type names are defined more than once. It only falls: whoever removes one lowers it.
const HOMONYMS: usize = 198;

/// Where each type is defined, by its name.
#[derive(Debug, Default)]
pub struct Types(BTreeMap<String, Vec<String>>);

impl Types {
    /// Adds the types of a file; `path` is relative to the checkout.
    pub fn add(&mut self, path: &Path, text: &str) {
        if path.starts_with("tests") || path.iter().any(|part| part == "tests" || part == "tests.rs") {
            return;
        }
        for name in defined(text) {
            self.0.entry(name).or_default().push(path.display().to_string());
        }
    }

    /// What is wrong with their number, as a sentence.
    pub fn fault(&self) -> Option<String> {
        self.against(HOMONYMS)
    }

    fn against(&self, ceiling: usize) -> Option<String> {
        let twice: Vec<_> = self.0.iter().filter(|(_, places)| places.len() > 1).collect();
        let count = twice.len();
        if count < ceiling {
            return Some(format!(
                "only {count} type names mean two things now: lower HOMONYMS in xtask/src/homonyms.rs"
            ));
        }
        if count == ceiling {
            return None;
        }
        let shown = twice.iter().map(|(name, places)| format!("  {name}: {}", places.join(", ")));
        let shown: Vec<String> = shown.collect();
        Some(format!(
            "{count} type names mean two things, {ceiling} at most: give the new type a name of its own\n{}",
            shown.join("\n")
        ))
    }
}

/// The types that a source defines, without those of tests and without associated types.
fn defined(text: &str) -> Vec<String> {
    let tokens = without_tests(tokens(text));
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for pair in tokens.windows(2) {
        match (&pair[0].1, &pair[1].1) {
            (Token::Mark('{'), _) => depth += 1,
            (Token::Mark('}'), _) => depth = depth.saturating_sub(1),
            (Token::Word(kind), Token::Word(name)) => match kind.as_str() {
                "struct" | "enum" | "trait" | "union" => found.push(name.clone()),
                "type" if depth == 0 => found.push(name.clone()),
                _ => {}
            },
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_and_associated_ones_and_those_of_tests_are_not() {
        let text = "struct A; pub(crate) enum B { C } trait D { type E; } type F = u8;\n\
                    impl Iterator for A { type Item = u8; }\n#[cfg(test)]\nmod tests { struct G; }\n// struct H\n";
        assert_eq!(defined(text), ["A", "B", "D", "F"]);
    }

    #[test]
    fn one_more_name_with_two_meanings_fails_and_one_less_lowers_the_ceiling() {
        let mut types = Types::default();
        types.add(Path::new("crates/a/src/lib.rs"), "struct State; struct Place;");
        types.add(Path::new("crates/b/src/lib.rs"), "enum State {}");
        types.add(Path::new("crates/b/src/tests.rs"), "struct Place;");
        types.add(Path::new("tests/plan/main.rs"), "struct Place;");
        assert_eq!(types.against(1), None);
        let more = types.against(0).unwrap();
        assert!(more.contains("State: crates/a/src/lib.rs, crates/b/src/lib.rs"), "{more}");
        assert!(!more.contains("Place"), "{more}");
        assert!(types.against(2).unwrap().contains("only 1 type names"), "{:?}", types.against(2));
    }
}
