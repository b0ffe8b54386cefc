//! By which rights is a room closed off?

/// How a room is closed off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With a user namespace, which takes no right at all.
    Users,
    /// Without one, which takes root's rights until the room stands.
    Root,
}

impl Way {
    /// Each, the better one first.
    pub const ALL: [Self; 2] = [Self::Users, Self::Root];

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Users => "user namespace",
            Self::Root => "root's rights",
        }
    }
}
