//! Which statements of the kept roles are run on a server that has some of them already? What is there stays as it is.

use std::collections::BTreeSet;

use super::blanks;

/// What of `globals` is to be run where these roles are there already. Tablespaces are places on a disk of another machine
/// and are left out; so is what is meant for psql alone.
pub(super) fn missing(globals: &str, there: &BTreeSet<String>) -> String {
    let (mut out, mut runs) = (String::new(), false);
    // A statement begins with a line that begins with its first word; what does not goes on with the one before.
    for line in globals.lines() {
        if line.starts_with('\\') || line.starts_with("--") {
            runs = false;
            continue;
        }
        if let Some(wanted) = wanted(line, there) {
            runs = wanted;
        }
        if runs {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Whether the statement that begins with this line is run; `None`: none begins with it.
fn wanted(line: &str, there: &BTreeSet<String>) -> Option<bool> {
    let is_new = |rest: &str| first_name(rest).is_some_and(|name| !there.contains(&name));
    let of_one = ["CREATE ROLE ", "ALTER ROLE ", "COMMENT ON ROLE "];
    if let Some(rest) = of_one.iter().find_map(|begin| line.strip_prefix(begin)) {
        return Some(is_new(rest));
    }
    if let Some(rest) = line.strip_prefix("GRANT ") {
        return Some(after_to(rest).is_some_and(is_new));
    }
    ["CREATE TABLESPACE ", "ALTER TABLESPACE ", "SET ", "SECURITY LABEL ", "ALTER DATABASE ", "COMMENT ON TABLESPACE "]
        .iter()
        .any(|begin| line.starts_with(begin))
        .then_some(false)
}

/// What stands after ` TO ` that is no part of a quoted name.
fn after_to(text: &str) -> Option<&str> {
    blanks(text).find_map(|at| text[at..].strip_prefix(" TO "))
}

/// The name at the front, without its quotes.
fn first_name(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        let end = text.find([' ', ';']).unwrap_or(text.len());
        return Some(text[..end].to_owned()).filter(|name| !name.is_empty());
    };
    let (mut name, mut letters) = (String::new(), rest.chars().peekable());
    while let Some(c) = letters.next() {
        match c {
            '"' if letters.peek() == Some(&'"') => {
                letters.next();
                name.push('"');
            }
            '"' => return Some(name),
            c => name.push(c),
        }
    }
    None
}
