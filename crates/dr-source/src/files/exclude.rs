//! What a plan leaves out of a files system on purpose.
//!
//! A pattern without `/` is matched against names anywhere (`*.tmp`). One that begins with `/` is matched
//! against the whole path on this machine (`/srv/shares/scratch`). Any other with `/` inside is matched
//! against the last components of that path (`profile/cache`). A `/` at the end means directories only. `*`
//! does not cross a `/`, `**` does. A directory that is left out takes its contents with it; what the plan
//! names as a path to capture is never left out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::SourceError;

pub(crate) struct Exclude {
    any: Patterns,
    directories: Patterns,
}

#[derive(Default)]
struct Patterns {
    names: GlobSet,
    paths: GlobSet,
}

/// What a pattern means: one with a `/` is a whole path or the end of one, one without is a name.
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

impl Exclude {
    pub(crate) fn new(patterns: &[String]) -> Result<Self, SourceError> {
        let select = |directories: bool| {
            patterns.iter().filter_map(move |written| {
                let stripped = written.strip_suffix('/');
                (stripped.is_some() == directories).then_some((written.as_str(), stripped.unwrap_or(written)))
            })
        };
        Ok(Self { any: Patterns::new(select(false))?, directories: Patterns::new(select(true))? })
    }

    pub(crate) fn is_empty(&self) -> bool {
        [&self.any, &self.directories].iter().all(|p| p.names.is_empty() && p.paths.is_empty())
    }

    /// `path`: absolute, on this machine. `name`: its last component.
    pub(crate) fn leaves_out(&self, path: &[u8], name: &[u8], is_directory: bool) -> bool {
        self.any.matches(path, name) || (is_directory && self.directories.matches(path, name))
    }
}

impl Patterns {
    fn new<'a>(patterns: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, SourceError> {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for (written, pattern) in patterns {
            let glob = glob(pattern).map_err(|why| SourceError::Pattern { pattern: written.to_owned(), why })?;
            if pattern.contains('/') {
                paths.add(glob)
            } else {
                names.add(glob)
            };
        }
        let build = |set: GlobSetBuilder| {
            set.build().map_err(|why| SourceError::Pattern { pattern: String::new(), why: why.to_string() })
        };
        Ok(Self { names: build(names)?, paths: build(paths)? })
    }

    fn matches(&self, path: &[u8], name: &[u8]) -> bool {
        (!self.names.is_empty() && self.names.is_match(OsStr::from_bytes(name)))
            || (!self.paths.is_empty() && self.paths.is_match(OsStr::from_bytes(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &[u8], is_directory: bool, expected: bool) {
        let exclude = Exclude::new(&[pattern.to_owned()]).unwrap();
        let name = path.rsplit(|b| *b == b'/').next().unwrap();
        assert_eq!(exclude.leaves_out(path, name, is_directory), expected, "{pattern} {path:?}");
    }

    #[test]
    fn patterns_match_names_anywhere_or_paths_as_written() {
        check("*.tmp", b"/srv/a/b.tmp", false, true);
        check("*.tmp", b"/srv/a.tmp/b", false, false);
        check("*.tmp", b"/srv/\xff\xfe.tmp", false, true);
        check("/srv/a", b"/srv/a", true, true);
        check("/srv/a", b"/x/srv/a", true, false);
        check("a/b", b"/srv/a/b", false, true);
        check("a/*/c", b"/srv/a/b/d/c", false, false);
        check("a/**/c", b"/srv/a/b/d/c", false, true);
        check("cache/", b"/srv/cache", true, true);
        check("cache/", b"/srv/cache", false, false);
        check("[ab]?", b"/srv/b1", false, true);
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        let error = Exclude::new(&["ok".to_owned(), "[a".to_owned()]).err().unwrap();
        assert!(error.to_string().contains("[a"), "{error}");
    }
}
