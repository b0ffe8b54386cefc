//! How a file is known as one that we wrote.

/// Every file of ours begins with this, and no file without it is ever replaced or removed.
pub const MARKER: &str = "# Written by `dr service install`";
