//! Names that a runbook gives to its own things: `incident-lead`, `fetch-disk`.

use std::fmt;

use dr_plan::{BadName, SystemId};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks `text` by the plan's rule for names and takes it.
            ///
            /// # Errors
            /// [`BadName`] if it breaks the rule.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                // One rule for all names: that of the plan's own.
                SystemId::new(text).map(|name| Self(name.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A part that somebody plays on the bad day.
    RoleId
    /// Somebody outside the school who can help or must be told.
    ContactId
    /// A thing that the school owns and needs again.
    AssetId
    /// One thing to do.
    StepId
    /// One thing to decide.
    DecisionId
    /// Somebody who must be told.
    NotifyId
    /// A kind of bad day.
    ScenarioId
}
