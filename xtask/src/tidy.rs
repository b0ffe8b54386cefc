//! Whether the files are as a reader wants them: each opens with its subject, stays small, is named for what it
//! holds, speaks of no particular machine, uses plain words, and names no test that does not exist.

use std::path::Path;

use crate::homonyms::Types;
use crate::{checkout, circles, named, words};

/// Above this a file has a second subject.
const LINES_MAX: usize = 650;

/// Names under which anything could hide. They are looked for in the parts of a name between underscores.
const EMPTY_WORDS: &[&str] = &[
    "manager", "helper", "helpers", "util", "utils", "common", "core", "handler", "data", "info", "vault", "lease",
    "misc",
];

/// Beginnings of paths that exist on one machine only. In two halves each, so that this file passes.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("../sha", "red"), concat!("/tmp/ba", "sh")];

const TEXT: &[&str] = &["rs", "md", "toml", "py", "sh", "html", "txt", "json", "css", "j2"];

/// `cargo xtask tidy`.
pub fn run(root: &Path, _arguments: &[String]) -> Result<(), String> {
    let (mut wrong, mut types) = (Vec::new(), Types::default());
    let files = checkout::files(root, TEXT)?;
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()));
    for path in &files {
        // Not every file is ours to judge as text: a sample may hold any bytes.
        let Ok(text) = String::from_utf8(read(path)?) else {
            continue;
        };
        let path = path.strip_prefix(root).unwrap_or(path);
        wrong.extend(faults(path, &text));
        if path.extension().is_some_and(|extension| extension == "rs") {
            wrong.extend(words::faults(path, &text));
            types.add(path, &text);
        }
    }
    wrong.extend(types.fault());
    let ci = root.join(".ci/run");
    if ci.exists() {
        wrong.extend(faults(Path::new(".ci/run"), &String::from_utf8_lossy(&read(&ci)?)));
    }
    wrong.extend(named::missing(root)?);
    wrong.extend(named::missing_files(root)?);
    wrong.extend(circles::faults(root)?);
    if !wrong.is_empty() {
        return Err(format!("not tidy:\n{}", wrong.join("\n")));
    }
    println!("tidy: {} files", files.len());
    Ok(())
}

/// What is wrong with one file, `path` being relative to the checkout.
fn faults(path: &Path, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut fault = |sentence: String| wrong.push(format!("{}: {sentence}", path.display()));
    if path.extension().is_some_and(|extension| extension == "rs") {
        if !text.starts_with("//! ") {
            fault("open with `//!` and one sentence that says in domain words what the file answers".to_owned());
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            fault(format!("{lines} lines, {LINES_MAX} at most: it has a second subject"));
        }
        for part in path.iter().map(|part| part.to_string_lossy()) {
            for word in part.trim_end_matches(".rs").split(['_', '-']).filter(|word| EMPTY_WORDS.contains(word)) {
                fault(format!("`{word}` names nothing: say what it holds"));
            }
        }
    }
    for (number, line) in text.lines().enumerate() {
        for machine in MACHINE_PATHS.iter().filter(|machine| begins_in(line, machine)) {
            fault(format!("line {} names a place on one machine: {machine}", number + 1));
        }
    }
    wrong
}

/// Whether a path beginning with `beginning` stands in `line`; not as the end of a longer path.
fn begins_in(line: &str, beginning: &str) -> bool {
    line.match_indices(beginning).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "/._-{}>~$*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_tidy() {
        run(&checkout::root(), &[]).unwrap();
    }

    fn check(path: &str, text: &str, expected: &str) {
        let faults = faults(Path::new(path), text);
        match faults.as_slice() {
            [] => assert_eq!(expected, "", "{path}"),
            [one] => assert!(!expected.is_empty() && one.contains(expected), "{one}"),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn each_fault_is_found() {
        check("crates/a/src/lib.rs", "//! What is kept.\n", "");
        check("crates/a/src/lib.rs", "use std::io;\n", "open with");
        check("crates/a/src/lib.rs", "//!\n//! Late.\n", "open with");
        check("crates/a/src/file_utils.rs", "//! Files.\n", "`utils` names nothing");
        check("crates/a/tests/common/mod.rs", "//! Shared.\n", "`common` names nothing");
        check("crates/a/src/database.rs", "//! Holds.\n", "");
        check("crates/a/src/lib.rs", &"//! Long.\n".repeat(LINES_MAX), "");
        check("crates/a/src/lib.rs", &"//! Long.\n".repeat(LINES_MAX + 1), "second subject");
        check("docs/a.md", &format!("see {}main", MACHINE_PATHS[0]), "line 1 names a place");
        check("docs/a.md", &format!("`cd {}x`", MACHINE_PATHS[1]), "line 1 names a place");
        check("docs/a.md", &format!("school{}letters", MACHINE_PATHS[0]), "");
    }
}
