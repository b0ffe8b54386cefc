//! May the account read all of a database? What it lacks, with the lines that give it that, out of what the server says
//! that it was granted.
//!
//! What an account has no right to is not refused, it is not there: a table, a trigger or a procedure that it may not see
//! would be left out of the dump without a word. So its rights are looked at before.

use super::sql::identifier;

/// The rights that a dump of a whole database takes.
const NEEDED: [&str; 4] = ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"];
/// With one of these it sees procedures and functions; where it may not read one the dump fails aloud.
const SEES_ROUTINES: [&str; 4] = ["EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "SHOW CREATE ROUTINE"];

/// What an account lacks to read all of `database`, for a person. `grants`: the lines of `SHOW GRANTS`; `account`: as SQL
/// has it.
pub(super) fn lacking(grants: &[&str], account: &str, database: &str) -> Option<String> {
    let on = |right: &str, of: &str, table: &str| grants.iter().any(|line| gives(line, right, of, table));
    let missing: Vec<&str> = NEEDED.into_iter().filter(|right| !on(right, database, "*")).collect();
    let routines = on("SELECT", "mysql", "proc") || SEES_ROUTINES.iter().any(|right| on(right, database, "*"));
    let (mut what, mut lines) = (Vec::new(), Vec::new());
    if !missing.is_empty() {
        what.push(format!("lacks {} on all of the database", missing.join(", ")));
        let name = identifier(&database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"));
        lines.push(format!("GRANT {} ON {name}.* TO {account};", missing.join(", ")));
    }
    if !routines {
        what.push("does not see its procedures and functions".to_owned());
        lines.push(format!("GRANT SELECT ON mysql.proc TO {account};"));
    }
    match what.is_empty() {
        true => None,
        false => Some(format!(
            "the account {account} {}, and what an account may not see is left out of a dump without a word. As the \
             server's administrator: {}",
            what.join(" and "),
            lines.join(" ")
        )),
    }
}

/// Whether a line of `SHOW GRANTS` gives a right on a table of a database; `*`: on all of them.
fn gives(line: &str, right: &str, database: &str, table: &str) -> bool {
    let Some((rights, rest)) = line.strip_prefix("GRANT ").and_then(|rest| rest.split_once(" ON ")) else {
        return false;
    };
    let Some((of, rest)) = name(rest) else { return false };
    let Some((which, _)) = rest.strip_prefix('.').and_then(name) else { return false };
    let is_of = match of {
        GrantName::All => true,
        // A pattern, unless it is of one table.
        GrantName::Quoted(pattern) if which == GrantName::All => like(database.as_bytes(), pattern.as_bytes()),
        GrantName::Quoted(exact) => exact == database,
    };
    let is_which = match which {
        GrantName::All => true,
        GrantName::Quoted(exact) => exact == table,
    };
    is_of && is_which && rights.split(", ").any(|one| one == right || one.starts_with("ALL PRIVILEGES"))
}

#[derive(Debug, PartialEq, Eq)]
enum GrantName {
    All,
    Quoted(String),
}

/// The name at the front, and what comes after it.
fn name(text: &str) -> Option<(GrantName, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((GrantName::All, rest));
    }
    let mut rest = text.strip_prefix('`')?;
    let mut found = String::new();
    loop {
        let (part, after) = rest.split_once('`')?;
        found.push_str(part);
        match after.strip_prefix('`') {
            Some(more) => {
                found.push('`');
                rest = more;
            }
            None => return Some((GrantName::Quoted(found), after)),
        }
    }
}

/// As SQL's LIKE: after each part of the pattern, of how much of the text it may stand.
fn like(text: &[u8], pattern: &[u8]) -> bool {
    let mut may = vec![false; text.len() + 1];
    may[0] = true;
    let mut parts = pattern.iter();
    while let Some(part) = parts.next() {
        if *part == b'%' {
            let first = may.iter().position(|may| *may).unwrap_or(may.len());
            may[first..].fill(true);
            continue;
        }
        let (exact, any) = match part {
            b'\\' => (parts.next().unwrap_or(part), false),
            other => (other, *other == b'_'),
        };
        for at in (0..text.len()).rev() {
            may[at + 1] = may[at] && (any || text[at] == *exact);
        }
        may[0] = false;
    }
    may[text.len()]
}
