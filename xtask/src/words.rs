//! Which words may not stand in a name or in a string literal, each with what to write in its place.
//!
//! A technician who knows other backup programs reads our names and messages; a word that only we use costs them time.
//! `docs/glossary.md` has the words of the field.

use std::path::Path;

use crate::tokens::{Token, tokens};

/// What may not be written, and what may. Small letters; `*` at the end stands for any further letters of the word, and
/// words that follow each other are one phrase. In a name the parts count as words: `let_go` and `LetGo` are "let go".
const WORDS: &[(&str, &str)] = &[
    ("anew", "again, or re- with the verb: rewritten"),
    ("are nowhere", "are missing, or cannot be found"),
    ("as it is called", "by its name"),
    ("comfort", "what is still safe"),
    ("let go", "deleted, dropped or swept"),
    ("lets go", "deletes or drops"),
    ("level with", "replicate, or bring up to date"),
    ("nobody moves no", "say it without two negatives"),
    ("putback", "restorer"),
    ("registrar", "committer"),
    ("shelf", "store"),
    ("sought", "looked for"),
    ("spot", "location"),
    ("squeez*", "compress"),
    ("surroundings", "environment, or context"),
    ("unsqueez*", "decompress"),
];

/// Texts that keep theirs, since they are bytes of the repository's format (`docs/format/repository.md`).
const KEPT: &[&str] = &["dr v1 written anew"];

/// The file that has to spell them.
const THIS: &str = "xtask/src/words.rs";

/// What is wrong with one source, a sentence each; `path` is relative to the checkout.
pub fn faults(path: &Path, text: &str) -> Vec<String> {
    if path == Path::new(THIS) { Vec::new() } else { against(WORDS, path, text) }
}

fn against(list: &[(&str, &str)], path: &Path, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (line, token) in tokens(text) {
        let (kind, written) = match &token {
            Token::Word(name) => ("the name", name),
            Token::Text(text) if KEPT.contains(&text.as_str()) => continue,
            Token::Text(text) => ("the text", text),
            Token::Mark(_) => continue,
        };
        let words = words(written);
        for (phrase, instead) in list.iter().filter(|(phrase, _)| stands_in(phrase, &words)) {
            let shown: String = written.chars().take(60).collect();
            let phrase = phrase.trim_end_matches('*');
            wrong
                .push(format!("{}: line {line} has \"{phrase}\" in {kind} `{shown}`: write {instead}", path.display()));
        }
    }
    wrong
}

/// The words of a text or a name, in small letters: `LetGo`, `let_go` and "let go" have the same two.
fn words(written: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut chars = written.chars().peekable();
    while let Some(c) = chars.next() {
        // In a text `\n` stands for a line's end, not for a letter.
        if c == '\\' {
            chars.next();
            words.push(String::new());
            before = ' ';
            continue;
        }
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn stands_in(phrase: &str, words: &[String]) -> bool {
    let parts: Vec<&str> = phrase.split(' ').collect();
    words.windows(parts.len()).any(|window| {
        window.iter().zip(&parts).all(|(word, part)| match part.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == part,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_word_is_found_in_names_and_texts_and_not_in_comments() {
        let found = |text: &str| faults(Path::new("crates/a/src/lib.rs"), text);
        let wrong = found("//! Opens.\n\nfn registrar_of() {}\n");
        assert_eq!(wrong.len(), 1);
        assert_eq!(
            wrong[0],
            "crates/a/src/lib.rs: line 3 has \"registrar\" in the name `registrar_of`: write committer"
        );
        assert_eq!(found("struct PackRegistrar;").len(), 1);
        assert_eq!(found("const T: &str = \"they are\nNowhere\";").len(), 1);
        assert_eq!(found("// a registrar\nfn committer() {}").len(), 0);
        assert_eq!(faults(Path::new(THIS), "fn registrar() {}").len(), 0);
    }

    #[test]
    fn a_phrase_is_words_that_follow_each_other() {
        let found =
            |text: &str| against(&[("let go", "delete"), ("squeez*", "compress")], Path::new("a.rs"), text).len();
        assert_eq!(found("fn let_go() {}"), 1);
        assert_eq!(found("struct LetGo;"), 1);
        assert_eq!(found("f(\"3 packs are Let\\ngo today\")"), 1);
        assert_eq!(found("let go = outlet_going;"), 0);
        assert_eq!(found("f(\"squeezed, unsqueezed, and let us go\")"), 1);
    }

    #[test]
    fn the_list_is_spelled_as_it_is_compared() {
        for (phrase, instead) in WORDS {
            let plain = phrase.replace('*', "");
            assert_eq!(words(&plain).join(" "), plain, "write {phrase} in small letters, without marks");
            assert!(!instead.is_empty(), "{phrase} needs what to write in its place");
            assert!(WORDS.iter().filter(|(other, _)| other == phrase).count() == 1, "{phrase} stands there twice");
        }
    }
}
