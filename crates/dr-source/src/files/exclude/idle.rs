//! Which patterns of a plan match nothing now, or not what they seem to?
//!
//! Only what can be seen without a walk: the place that a pattern names is looked for, and how it is written.

use std::path::{Path, PathBuf};

use super::{Place, Root, literal, unescaped};

/// A pattern, and what is the matter with it, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// As it is written.
    pub pattern: String,
    /// What it does not do, and what to write instead.
    pub why: String,
}

/// Those of `patterns` that match nothing in captures of `paths` as they are now. What is refused is not among them.
#[must_use]
pub fn idle(patterns: &[String], paths: &[PathBuf]) -> Vec<Idle> {
    let roots: Vec<Root> = paths.iter().map(|path| Root::of(path)).collect();
    let judge = |pattern: &String| {
        let why = written(pattern).or_else(|| place(pattern, &roots))?;
        Some(Idle { pattern: pattern.clone(), why })
    };
    patterns.iter().filter(|pattern| super::refused(pattern).is_none()).filter_map(judge).collect()
}

/// What its letters say.
fn written(pattern: &str) -> Option<String> {
    if pattern.ends_with(' ') && !pattern.ends_with("\\ ") {
        return Some("a space at its end does not count: write `\\ ` for one".to_owned());
    }
    let bare = |letter: char| {
        let at = |(at, _): &(usize, &str)| !pattern[..*at].ends_with('\\');
        pattern.match_indices(letter).find(at).map(|(at, _)| at)
    };
    if let (Some(open), Some(close)) = (bare('{'), pattern.rfind('}'))
        && pattern.get(open..close).is_some_and(|inner| inner.contains(','))
    {
        return Some("`{` and `}` are letters of the name here: write one pattern for each of them".to_owned());
    }
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\'
            && let Some(next) = letters.next()
            && next.is_alphanumeric()
        {
            return Some(format!("`\\{next}` means only `{next}`: folders are parted by `/`"));
        }
    }
    None
}

/// Whether the place that it names is there.
fn place(pattern: &str, roots: &[Root]) -> Option<String> {
    let inner = pattern.strip_suffix('/').unwrap_or(pattern);
    if !inner.contains('/') || inner.starts_with("**/") {
        return None;
    }
    let is_place = Place::among(pattern, roots).is_some();
    let mut first: Option<PathBuf> = None;
    for root in roots {
        let rest = match Place::of(pattern, root) {
            Some(place) if place.rest.is_empty() => {
                return Some(format!(
                    "it is a path that the plan names, which is never left out: take {} out of the plan",
                    root.typed.display()
                ));
            }
            Some(place) => place.rest,
            None if is_place => continue,
            None => pattern.to_owned(),
        };
        match missing(&rest, root) {
            Ok(()) => return None,
            Err(path) => first = first.or(Some(path)),
        }
    }
    let path = first?;
    // A place that lies in a root by another way.
    let elsewhere =
        literal(pattern).filter(|place| place.is_absolute()).and_then(|place| super::resolved_above(&place));
    let elsewhere = elsewhere.filter(|place| place.symlink_metadata().is_ok());
    if elsewhere.is_some_and(|place| roots.iter().any(|root| super::is_below(&place, &root.real))) {
        return None;
    }
    let anywhere = match is_place {
        true => String::new(),
        false => format!("; `**/{}` leaves it out anywhere", pattern.trim_start_matches('/')),
    };
    Some(format!("it matches nothing now: there is no {}{anywhere}", path.display()))
}

/// The first folder or file of a place that is not there, as far as it is not a pattern.
fn missing(rest: &str, root: &Root) -> Result<(), PathBuf> {
    let mut path: PathBuf = root.real.clone();
    let only_folders = rest.ends_with('/');
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    for (number, part) in parts.iter().enumerate() {
        let Some(name) = unescaped(part) else { return Ok(()) };
        path.push(name);
        let is_last = number + 1 == parts.len();
        let there = match path.symlink_metadata() {
            Ok(about) => !(is_last && only_folders) || about.is_dir(),
            // What cannot be looked at may be there.
            Err(why) => why.kind() != std::io::ErrorKind::NotFound && why.kind() != std::io::ErrorKind::NotADirectory,
        };
        if !there {
            return Err(as_typed(&path, root));
        }
    }
    Ok(())
}

fn as_typed(path: &Path, root: &Root) -> PathBuf {
    path.strip_prefix(&root.real).map_or_else(|_| path.to_owned(), |rest| root.typed.join(rest))
}
