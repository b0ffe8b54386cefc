//! What could not be set of something that is there: its contents came back, this did not.
//!
//! It travels inside an [`std::io::Error`], so that whoever put something back can be asked for more than a text.

use std::fmt;
use std::io;

/// A part of an entry's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// User or group.
    Owner,
    /// Set-user-id and set-group-id, which are not lent to another owner.
    SetId,
    /// Permission bits.
    Mode,
    /// An extended attribute, or one that was there before and could not be taken off.
    Attribute,
    /// The time of last modification.
    Time,
    /// That it is another name of one file: it is a file of its own.
    Link,
}

/// Everything that is not as it was captured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotSet(Vec<(Part, String)>);

impl NotSet {
    /// One thing.
    #[must_use]
    pub fn one(part: Part, what: impl Into<String>) -> Self {
        Self(vec![(part, what.into())])
    }

    /// One thing more.
    pub fn push(&mut self, part: Part, what: impl Into<String>) {
        self.0.push((part, what.into()));
    }

    /// Whether everything is as it was captured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it is, each with the reason.
    #[must_use]
    pub fn parts(&self) -> &[(Part, String)] {
        &self.0
    }

    /// Whether it is nothing but the owner, and what follows from that.
    #[must_use]
    pub fn is_owner_alone(&self) -> bool {
        self.0.iter().all(|(part, _)| *part == Part::Owner)
    }

    /// Everything set, or an error that holds this.
    ///
    /// # Errors
    /// Unless nothing is missing.
    pub fn into_result(self) -> io::Result<()> {
        if self.is_empty() { Ok(()) } else { Err(io::Error::other(self)) }
    }

    /// What an error holds, if it is of this kind: then the contents are there.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl fmt::Display for NotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is there, but not set: ")?;
        for (number, (_, what)) in self.0.iter().enumerate() {
            write!(f, "{}{what}", if number > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for NotSet {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_found_again_in_the_error_that_carries_it() {
        let mut not_set = NotSet::one(Part::Owner, "user 7");
        assert!(not_set.is_owner_alone());
        not_set.push(Part::Time, "time");
        let error = not_set.clone().into_result().unwrap_err();
        assert_eq!(NotSet::of(&error), Some(&not_set));
        assert_eq!(error.to_string(), "it is there, but not set: user 7; time");
        assert_eq!(NotSet::of(&io::ErrorKind::StorageFull.into()), None);
        assert!(NotSet::default().into_result().is_ok() && !not_set.is_owner_alone());
    }
}
