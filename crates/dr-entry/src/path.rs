//! Names of entries, and the one order in which they travel.

use std::cmp::Ordering;
use std::fmt;

/// The longest single component, in bytes (Linux allows 255; other sources may need more).
pub const COMPONENT_MAX: usize = 65_535;
/// The longest whole path, in bytes.
pub const PATH_MAX: usize = 1 << 20;

/// A path inside one capture: components of arbitrary bytes joined by `/`, without a leading slash.
///
/// The empty path is the root of the capture. Ordering is component by component, bytewise, so a directory
/// comes before everything in it and everything in it before its next sibling.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct EntryPath(Vec<u8>);

/// Why bytes are not an [`EntryPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// Two slashes in a row, or one at either end.
    #[error("an empty path component")]
    EmptyComponent,
    /// `.` or `..`: a path may never step outside its root.
    #[error("a `.` or `..` path component")]
    Dots,
    /// A NUL byte.
    #[error("a NUL byte in a path")]
    Nul,
    /// Longer than the limits of this module.
    #[error("a path or component that is too long")]
    TooLong,
}

impl EntryPath {
    /// The root of a capture.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Checks `bytes` and takes them as a path; `b""` is the root.
    ///
    /// # Errors
    /// [`BadPath`] names the rule that was broken.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, BadPath> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Ok(Self(bytes));
        }
        if bytes.len() > PATH_MAX {
            return Err(BadPath::TooLong);
        }
        for component in bytes.split(|&b| b == b'/') {
            check_component(component)?;
        }
        Ok(Self(bytes))
    }

    /// This path with one more component.
    ///
    /// # Errors
    /// [`BadPath`] if `component` is not one good component (a slash inside counts as NUL-like: refused).
    pub fn join(&self, component: &[u8]) -> Result<Self, BadPath> {
        if component.contains(&b'/') {
            return Err(BadPath::EmptyComponent);
        }
        check_component(component)?;
        let mut bytes = Vec::with_capacity(self.0.len() + component.len() + 1);
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(component);
        if bytes.len() > PATH_MAX {
            return Err(BadPath::TooLong);
        }
        Ok(Self(bytes))
    }

    /// The bytes, `/` between components.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root of the capture.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, outermost first; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/').filter(|c| !c.is_empty())
    }

    /// The path without its last component; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        let cut = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        Some(Self(self.0[..cut].to_vec()))
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let start = self.0.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
        &self.0[start..]
    }

    /// Whether `self` is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        other.0.is_empty()
            || self.0 == other.0
            || (self.0.len() > other.0.len() && self.0.starts_with(&other.0) && self.0[other.0.len()] == b'/')
    }
}

fn check_component(component: &[u8]) -> Result<(), BadPath> {
    match component {
        b"" => Err(BadPath::EmptyComponent),
        b"." | b".." => Err(BadPath::Dots),
        c if c.len() > COMPONENT_MAX => Err(BadPath::TooLong),
        c if c.contains(&0) => Err(BadPath::Nul),
        _ => Ok(()),
    }
}

impl Ord for EntryPath {
    fn cmp(&self, other: &Self) -> Ordering {
        // `/` sorts below every byte a component can hold (NUL cannot occur), which is component order.
        let low = |&b: &u8| if b == b'/' { 0 } else { b };
        self.0.iter().map(low).cmp(other.0.iter().map(low))
    }
}

impl PartialOrd for EntryPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As a person should see it, and can type it back: [`crate::shown`].
impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::shown(&self.0))
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_directory_comes_before_its_contents_and_those_before_the_next_sibling() {
        let mut names = ["a-b", "a/x", "a", "a0", "", "a/x/y", "b"].map(path);
        names.sort();
        assert_eq!(names.map(|p| p.to_string()), ["", "a", "a/x", "a/x/y", "a-b", "a0", "b"]);
    }

    #[test]
    fn paths_that_could_leave_the_root_are_refused() {
        for (bytes, why) in [
            (&b"../x"[..], BadPath::Dots),
            (b"a/../b", BadPath::Dots),
            (b"./a", BadPath::Dots),
            (b"/etc", BadPath::EmptyComponent),
            (b"a//b", BadPath::EmptyComponent),
            (b"a/", BadPath::EmptyComponent),
            (b"a\0b", BadPath::Nul),
        ] {
            assert_eq!(EntryPath::new(bytes), Err(why));
        }
        assert!(path("a").join(b"..").is_err());
        assert!(path("a").join(b"b/c").is_err());
    }

    #[test]
    fn parent_name_and_within_agree() {
        let deep = path("a/b/c");
        assert_eq!(deep.parent(), Some(path("a/b")));
        assert_eq!(deep.name(), b"c");
        assert_eq!(path("a").parent(), Some(EntryPath::root()));
        assert_eq!(EntryPath::root().parent(), None);
        assert!(deep.is_within(&path("a")) && deep.is_within(&EntryPath::root()));
        assert!(!path("ab").is_within(&path("a")));
    }

    #[test]
    fn names_that_are_not_text_are_shown_escaped() {
        assert_eq!(EntryPath::new(&b"a\xff\nb"[..]).unwrap().to_string(), "a\\xff\\x0ab");
    }
}
