//! Looking after what is stored: finding damage and mending it, letting go of what nobody needs, erasing.

pub(crate) mod check;
pub(crate) mod erase;
pub(crate) mod forget;
pub(crate) mod prune;
pub(crate) mod repair;
pub(crate) mod scrub;
pub(crate) mod unfinished;
