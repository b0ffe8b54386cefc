//! Which files does no school miss? What a source of files leaves out where its plan says nothing.

/// Files that no school misses.
pub(crate) const JUNK: [&str; 9] = [
    "*.tmp",
    "~$*",
    ".~lock.*#",
    "Thumbs.db",
    "desktop.ini",
    ".DS_Store",
    "$RECYCLE.BIN",
    "System Volume Information",
    ".Trash-*",
];
