//! Does every test and every source file exist that the documents name?
//!
//! A row that says "tested" and names a test that was renamed or never written is worse than an empty one: nobody
//! looks there again. A page that names a file of last year sends a newcomer in circles.

use std::collections::BTreeSet;
use std::path::Path;

use crate::checkout;

/// From this length and with so many words a name between backticks is a sentence, and so a test: no field, option or
/// module of ours is called like that.
const CHARACTERS: usize = 24;
const WORDS: usize = 4;

/// Each name of a test in a document that no source has, as a sentence.
pub fn missing(root: &Path) -> Result<Vec<String>, String> {
    let mut there = BTreeSet::new();
    for source in checkout::files(root, &["rs", "py"])? {
        there.extend(functions(&text(&source)?));
    }
    let mut wrong = Vec::new();
    for (place, text) in documents(root)? {
        for (line, name) in names(&text) {
            if !there.contains(&name) {
                wrong.push(format!("{place}: line {line} names the test {name}, which does not exist"));
            }
        }
    }
    Ok(wrong)
}

/// Each source file in a document that is nowhere, as a sentence. A name may leave out the folders in front. Decisions
/// and the change log tell what was, and may name what is gone.
pub fn missing_files(root: &Path) -> Result<Vec<String>, String> {
    let there: Vec<String> =
        checkout::files(root, &["rs", "py"])?.iter().map(|path| format!("/{}", below(root, path))).collect();
    let mut wrong = Vec::new();
    for (place, text) in documents(root)? {
        if place.starts_with("docs/decisions/") || place == "CHANGELOG.md" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for name in line.split('`').skip(1).step_by(2).flat_map(files_in) {
                if !there.iter().any(|path| path.ends_with(&format!("/{name}"))) {
                    wrong.push(format!("{place}: line {} names the file {name}, which does not exist", number + 1));
                }
            }
        }
    }
    Ok(wrong)
}

/// Each document of the checkout, by its name in it, with what it says.
fn documents(root: &Path) -> Result<Vec<(String, String)>, String> {
    checkout::files(root, &["md"])?.iter().map(|path| Ok((below(root, path), text(path)?))).collect()
}

fn text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// The names of source files in a span between backticks.
fn files_in(span: &str) -> impl Iterator<Item = &str> {
    let words = span.split(|c: char| !(c.is_ascii_alphanumeric() || "_-./".contains(c)));
    words.map(|word| word.trim_start_matches(['.', '/'])).filter(|word| {
        word.strip_suffix(".rs").or_else(|| word.strip_suffix(".py")).is_some_and(|stem| !stem.is_empty())
    })
}

/// What a source defines: Rust's functions and Python's.
fn functions(source: &str) -> impl Iterator<Item = String> {
    let code = source.lines().map(str::trim_start).filter(|line| !line.starts_with("//") && !line.starts_with('#'));
    code.filter_map(|line| {
        let (before, rest) = line.split_once("fn ").or_else(|| line.split_once("def "))?;
        let name = rest.split(['(', '<']).next()?;
        // `async`, `pub(super)`, `const` and the like may stand before it, and nothing else.
        let modifiers = before.chars().all(|c| c.is_ascii_lowercase() || "() ".contains(c));
        (modifiers && rest.len() > name.len() && is_a_name(name)).then(|| name.to_owned())
    })
}

/// The tests that a document names, and in which line. A name may stand behind its module, `heavy::kills::the_name`.
fn names(document: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in document.lines().enumerate() {
        for span in line.split('`').skip(1).step_by(2) {
            let name = span.rsplit("::").next().unwrap_or_default();
            if name.len() >= CHARACTERS && name.split('_').count() >= WORDS && is_a_name(name) {
                found.push((number + 1, name.to_owned()));
            }
        }
    }
    found
}

fn is_a_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_name_of_a_test_that_nobody_wrote_is_found_in_every_document() {
        let root = std::env::temp_dir().join(format!("xtask-named-{}", std::process::id()));
        let source = "#[test]\nfn what_was_kept_is_there_on_monday() {}\n// fn what_only_a_comment_speaks_of() {}\n";
        for document in ["ARCHITECTURE.md", "docs/threats.md", "docs/decisions/0001-first.md"] {
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir_all(root.join("docs/decisions")).unwrap();
            std::fs::write(root.join("kept.rs"), source).unwrap();
            let write = |name: &str| std::fs::write(root.join(document), format!("# A\n\n| a | `{name}` |\n")).unwrap();
            write("what_was_kept_is_there_on_monday");
            assert_eq!(missing(&root).unwrap(), [""; 0]);
            for planted in ["what_was_kept_is_there_on_sunday", "what_only_a_comment_speaks_of"] {
                write(planted);
                let said = missing(&root).unwrap();
                assert!(said.len() == 1 && said[0].starts_with(&format!("{document}: line 3")), "{said:?}");
                assert!(said[0].contains(planted), "{said:?}");
            }
        }
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_planted_name_of_a_file_that_is_nowhere_is_found() {
        let root = std::env::temp_dir().join(format!("xtask-files-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("docs/decisions")).unwrap();
        std::fs::create_dir_all(root.join("src/kept")).unwrap();
        std::fs::write(root.join("src/kept/mod.rs"), "//! A.\n").unwrap();
        std::fs::write(root.join("docs/decisions/0001-first.md"), "`gone.rs`\n").unwrap();
        std::fs::write(root.join("docs/a.md"), "`kept/mod.rs`, `src/kept/mod.rs:3`, gone.rs, `a.rs.md`\n`pt/mod.rs`\n")
            .unwrap();
        assert_eq!(missing_files(&root).unwrap(), ["docs/a.md: line 2 names the file pt/mod.rs, which does not exist"]);
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_is_no_test_is_not_taken_for_one() {
        let none: Vec<(usize, String)> = Vec::new();
        assert_eq!(
            names("`max_age_hours`, `cargo xtask test --at DATE`, `tests/soak/heavy/day_one_and_more_days.rs`"),
            none
        );
        assert_eq!(names("an_unquoted_name_that_is_long_enough"), none);
        assert_eq!(names("a `heavy::kills::backups_killed_lose_nothing`")[0].1, "backups_killed_lose_nothing");
    }

    #[test]
    fn functions_are_found_however_they_are_qualified() {
        let source = "fn a() {}\n    pub(crate) async fn b<T>() {}\ndef c(self):\nlet fn_d = 1;\nassert(\"fn e(\");\n";
        assert_eq!(functions(source).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
