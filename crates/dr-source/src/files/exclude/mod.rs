//! What a plan leaves out of a files system on purpose.
//!
//! A pattern means what it means in a `.gitignore` that stands in each of the plan's paths, and the matcher is that of the
//! `ignore` crate. Without a `/`, or with one at its end alone, it is a name anywhere (`*.tmp`); with any other `/` it is a
//! place below the plan's path (`/cache`, `profile/cache`), and `**/` before it makes that anywhere. A `/` at the end means
//! directories only. `*` does not cross a `/`, `**` does. Beyond that, a pattern that begins as one of the paths does, as
//! the plan writes it or without the links in it, is that place. `{` and `}` are letters.
//!
//! There is no way to take something in again that is left out, and what would have no effect is refused ([`refused`]).
//! A directory that is left out takes its contents with it; what the plan names as a path to capture is never left out.

mod idle;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobBuilder};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use rustix::fs::{CWD, Mode, OFlags, Statx, openat};

use super::directory::{Identity, look_at};
use super::roots::resolved;
use crate::SourceError;

pub use idle::{Idle, idle};

/// A path that the plan names: as it writes it, and without the links in it.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// As it was given, if that is not from `/` on.
    given: Option<PathBuf>,
    typed: PathBuf,
    real: PathBuf,
}

impl Root {
    pub(crate) fn of(path: &Path) -> Self {
        let given = path.is_relative().then(|| path.to_owned());
        Self { given, typed: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()), real: resolved(path) }
    }
}

impl Root {
    pub(crate) fn is_at(&self, place: &Path) -> bool {
        self.real == place
    }

    /// Its path without links.
    pub(crate) fn place(&self) -> Vec<u8> {
        self.real.as_os_str().as_bytes().to_vec()
    }
}

/// The patterns of one root.
struct Patterns {
    /// The root's path, without a slash at the end.
    root: Vec<u8>,
    matcher: Gitignore,
}

/// What is left out.
#[derive(Default)]
pub(crate) struct Exclude {
    roots: Vec<Patterns>,
    /// Whole paths, and those of directories.
    places: HashSet<Vec<u8>>,
    directories: HashSet<Vec<u8>>,
    /// The directories at the places that were given, by whatever path one comes to them.
    strangers: HashSet<Identity>,
}

/// What a pattern of a search means: one with a `/` is a whole path or the end of one, one without is a name.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn glob(pattern: &str) -> Result<Glob, String> {
    pattern_of(pattern, false)
}

/// As [`glob`], where capital letters are as good as small ones.
///
/// # Errors
/// As [`glob`].
pub fn glob_of_any_case(pattern: &str) -> Result<Glob, String> {
    pattern_of(pattern, true)
}

fn pattern_of(pattern: &str, any_case: bool) -> Result<Glob, String> {
    if pattern.is_empty() {
        return Err("it is empty".to_owned());
    }
    let anchored = pattern.starts_with('/') || pattern.starts_with("**/");
    let whole = match pattern.contains('/') && !anchored {
        true => format!("**/{pattern}"),
        false => pattern.to_owned(),
    };
    GlobBuilder::new(&whole)
        .literal_separator(true)
        .backslash_escape(true)
        .case_insensitive(any_case)
        .build()
        .map_err(|why| why.kind().to_string())
}

/// Why a pattern is not taken, and what to write instead: it would have no effect, or another one than it seems to have.
#[must_use]
pub fn refused(pattern: &str) -> Option<String> {
    let plain = pattern.strip_prefix('/').unwrap_or(pattern);
    if plain.trim_matches('/').is_empty() {
        return Some("it is empty".to_owned());
    }
    if let Some(rest) = pattern.strip_prefix('!') {
        return Some(format!(
            "nothing is taken in again that another pattern leaves out: there is no `!`. Write that other pattern more \
             narrowly, or `\\!{rest}` for a name that begins with `!`"
        ));
    }
    if pattern.starts_with('#') {
        return Some(format!("it would be a comment: write `\\{pattern}` for a name that begins with `#`"));
    }
    let parts: Vec<&str> = plain.strip_suffix('/').unwrap_or(plain).split('/').collect();
    if parts.iter().any(|part| [".", "..", ""].contains(part)) {
        let kept: Vec<_> = parts.iter().copied().filter(|part| ![".", ""].contains(part)).collect();
        let up = kept.contains(&"..");
        let slash = if pattern.starts_with('/') || pattern.starts_with("./") { "/" } else { "" };
        return Some(match up || kept.is_empty() {
            true => "no path has `..` in it once it is found: write where that leads".to_owned(),
            false => format!("no path has `.` or `//` in it once it is found: write `{slash}{}`", kept.join("/")),
        });
    }
    if pattern.contains("[[:") {
        return Some("classes such as `[[:digit:]]` are not known here: write `[0-9]`".to_owned());
    }
    if class_never_ends(pattern) {
        return Some("`[` begins a class that nothing ends: write `\\[` for the letter".to_owned());
    }
    matcher(std::iter::once(pattern.to_owned())).err().map(|(_, why)| why)
}

/// Whether it is a whole path with a `..` in it, as the plan may have for another system's folder.
fn leads_up(pattern: &str) -> bool {
    pattern.starts_with('/') && pattern.split('/').any(|part| part == "..") && literal(pattern).is_some()
}

fn class_never_ends(pattern: &str) -> bool {
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '[' => {
                // A `]` right at its beginning is one of its letters.
                let mut inner = letters.clone().peekable();
                inner.next_if(|letter| ['!', '^'].contains(letter));
                inner.next_if_eq(&']');
                if !inner.any(|letter| letter == ']') {
                    return true;
                }
                letters.find(|letter| *letter == ']');
            }
            _ => {}
        }
    }
    false
}

/// The matcher of `lines`, each a pattern that is not refused; else which one is wrong, and why.
fn matcher(lines: impl Iterator<Item = String>) -> Result<Gitignore, (String, String)> {
    let mut builder = GitignoreBuilder::new(".");
    for line in lines {
        if let Err(why) = builder.add_line(None, &braces_are_letters(&line)) {
            let why = match why {
                ignore::Error::Glob { err, .. } => err,
                other => other.to_string(),
            };
            return Err((line, why));
        }
    }
    builder.build().map_err(|why| (String::new(), why.to_string()))
}

/// As a `.gitignore` has it.
fn braces_are_letters(pattern: &str) -> String {
    let (mut out, mut escaped, mut class) = (String::with_capacity(pattern.len()), false, false);
    for letter in pattern.chars() {
        match letter {
            '{' | '}' if !escaped && !class => out.push('\\'),
            '[' if !escaped => class = true,
            ']' if !escaped => class = false,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
        out.push(letter);
    }
    out
}

impl Exclude {
    /// `patterns` for captures of `roots`; and what stands at `places`, without links in their paths, whatever they are.
    pub(crate) fn new(patterns: &[String], roots: &[Root], places: &[PathBuf]) -> Result<Self, SourceError> {
        // A whole path that leads up again is looked for below, and is no pattern.
        let (up, patterns): (Vec<&String>, Vec<&String>) = patterns.iter().partition(|one| leads_up(one));
        if let Some((pattern, why)) = patterns.iter().find_map(|one| Some((one, refused(one)?))) {
            return Err(SourceError::Pattern { pattern: (*pattern).clone(), why });
        }
        let mut exclude = Self::default();
        exclude.places.extend(places.iter().map(|place| place.as_os_str().as_bytes().to_vec()));
        let identity = |path: &Path| Some(Identity::of(&look_at_path(path)?));
        exclude.strangers.extend(places.iter().filter_map(|place| identity(place)));
        for root in roots {
            if let Some(own) = identity(&root.real) {
                exclude.strangers.remove(&own);
            }
        }
        for pattern in patterns.iter().chain(&up) {
            // A place may have links in its path that are not those of the plan's own paths.
            if let Some(place) = literal(pattern).filter(|place| place.is_absolute()) {
                let found = resolved_above(&place).filter(|found| roots.iter().any(|root| is_below(found, &root.real)));
                let into = if pattern.ends_with('/') { &mut exclude.directories } else { &mut exclude.places };
                into.extend(found.map(|found| found.as_os_str().as_bytes().to_vec()));
            }
        }
        exclude.in_roots(&patterns, roots)?;
        Ok(exclude)
    }

    /// The same in a folder of another machine, which knows it without links as `real`.
    pub(crate) fn elsewhere(patterns: &[String], typed: &Path, real: &Path) -> Result<Self, SourceError> {
        if let Some((pattern, why)) = patterns.iter().find_map(|one| Some((one, refused(one)?))) {
            return Err(SourceError::Pattern { pattern: pattern.clone(), why });
        }
        let root = Root { given: None, typed: typed.to_owned(), real: real.to_owned() };
        let mut exclude = Self::default();
        exclude.in_roots(&patterns.iter().collect::<Vec<_>>(), &[root])?;
        Ok(exclude)
    }

    fn in_roots(&mut self, patterns: &[&String], roots: &[Root]) -> Result<(), SourceError> {
        for root in roots {
            let places: Vec<Option<Place>> = patterns.iter().map(|pattern| Place::among(pattern, roots)).collect();
            let lines = patterns.iter().zip(places).filter_map(|(pattern, place)| match place {
                None => Some((*pattern).clone()),
                Some(_) => Place::of(pattern, root).map(|place| place.rest).filter(|rest| !rest.is_empty()),
            });
            let matcher = matcher(lines).map_err(|(pattern, why)| SourceError::Pattern { pattern, why })?;
            if !matcher.is_empty() {
                let path = root.real.as_os_str().as_bytes();
                self.roots.push(Patterns { root: path.strip_suffix(b"/").unwrap_or(path).to_vec(), matcher });
            }
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.roots.is_empty() && self.places.is_empty() && self.directories.is_empty()
    }

    /// Whether this is a directory of somebody else's, though it has another path: a bind mount.
    pub(crate) fn is_a_strangers(&self, identity: Identity) -> bool {
        self.strangers.contains(&identity)
    }

    /// `path`: absolute, on this machine, without links.
    pub(crate) fn leaves_out(&self, path: &[u8], is_directory: bool) -> bool {
        self.places.contains(path)
            || (is_directory && self.directories.contains(path))
            || self.roots.iter().any(|patterns| {
                let below = path.strip_prefix(&patterns.root[..]).and_then(|rest| rest.strip_prefix(b"/"));
                let below = below.filter(|below| !below.is_empty());
                below.is_some_and(|below| patterns.matcher.matched(OsStr::from_bytes(below), is_directory).is_ignore())
            })
    }
}

/// A pattern that begins as a root does.
struct Place {
    /// What it says below the root, with a slash before it; empty for the root itself.
    rest: String,
}

impl Place {
    /// The pattern as a place in `root`, as that is written or without its links.
    fn of(pattern: &str, root: &Root) -> Option<Self> {
        let whole = || [&root.typed, &root.real].into_iter().find_map(|path| Self::below(pattern, path));
        let given = |given: &PathBuf| {
            let from = |text: &str| format!("/{}", text.trim_start_matches("./"));
            Self::below(&from(pattern), Path::new(&from(given.to_str()?)))
        };
        match pattern.starts_with('/') {
            true => whole(),
            false => root.given.as_ref().filter(|_| pattern.contains('/')).and_then(given),
        }
    }

    /// The same for any of them.
    fn among(pattern: &str, roots: &[Root]) -> Option<Self> {
        roots.iter().find_map(|root| Self::of(pattern, root))
    }

    fn below(pattern: &str, root: &Path) -> Option<Self> {
        let mut parts = pattern.strip_prefix('/')?.split('/');
        let root = root.as_os_str().as_bytes();
        let names: Vec<&[u8]> = root.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        // What is below `/` is a place below the root in any case.
        if names.is_empty() {
            return None;
        }
        for (number, name) in names.iter().enumerate() {
            let part = parts.next()?;
            if part == "**" && number > 0 {
                let rest: Vec<&str> = parts.collect();
                return Some(Self { rest: format!("/**/{}", rest.join("/")) });
            }
            let fits = match unescaped(part) {
                Some(plain) => plain.as_bytes() == *name,
                // The first is a name and no pattern, or `/*/x` could not be a place below the root.
                None => number > 0 && fits(part, name),
            };
            if !fits {
                return None;
            }
        }
        let rest: Vec<&str> = parts.collect();
        let rest = rest.join("/");
        Some(Self { rest: if rest.is_empty() { rest } else { format!("/{rest}") } })
    }
}

fn fits(part: &str, name: &[u8]) -> bool {
    let glob = GlobBuilder::new(&braces_are_letters(part)).literal_separator(true).backslash_escape(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(OsStr::from_bytes(name)))
}

/// A part of a pattern as the name that it stands for; `None` if it stands for several.
fn unescaped(part: &str) -> Option<String> {
    let (mut out, mut letters) = (String::new(), part.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '*' | '?' | '[' => return None,
            '\\' => out.push(letters.next()?),
            other => out.push(other),
        }
    }
    Some(out)
}

/// The path that a pattern names, if it is one.
fn literal(pattern: &str) -> Option<PathBuf> {
    unescaped(pattern.strip_suffix('/').unwrap_or(pattern)).map(PathBuf::from)
}

/// What a directory is; nothing for whatever is none.
fn look_at_path(path: &Path) -> Option<Statx> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(CWD, path, flags, Mode::empty()).ok()?;
    look_at(directory.as_fd()).ok()
}

/// The path without links in what is above its last name; nothing if that is not there.
fn resolved_above(path: &Path) -> Option<PathBuf> {
    if path.file_name().is_none() {
        return path.canonicalize().ok();
    }
    Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
}

fn is_below(path: &Path, root: &Path) -> bool {
    path != root && path.starts_with(root)
}

#[cfg(test)]
mod tests;
