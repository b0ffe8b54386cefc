//! Names that people give to things in a plan: `file-server`, `nas`, `ash`.

/// The longest name, in bytes.
pub const NAME_MAX: usize = 48;

/// Why text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to {NAME_MAX} of a-z, 0-9 and -, beginning with a letter or digit")]
pub struct BadName(pub String);

impl BadName {
    /// The one rule for all names that people give to things.
    ///
    /// # Errors
    /// The text itself, if it breaks the rule.
    pub fn unless(text: &str) -> Result<(), Self> {
        let good = !text.is_empty()
            && text.len() <= NAME_MAX
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good { Ok(()) } else { Err(Self(text.to_owned())) }
    }
}

/// Defines a type for the names of each kind of thing: `names! { /// A room. RoomId }`.
#[macro_export]
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and takes it as a name.
            ///
            /// # Errors
            /// If it breaks the rule.
            pub fn new(text: impl Into<String>) -> Result<Self, $crate::BadName> {
                let text = text.into();
                $crate::BadName::unless(&text)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::BadName;
            fn try_from(text: String) -> Result<Self, $crate::BadName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A row of the backup table.
    SystemId
    /// A place for backups.
    TargetId
    /// A member of staff, or of a supplier's.
    PersonId
    /// A group of removable media that rotate together.
    PoolId
    /// Where media may be kept.
    PlaceId
    /// One removable medium, by its label.
    MediumId
}
