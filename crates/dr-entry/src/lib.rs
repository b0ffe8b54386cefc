//! What flows between a source and a repository: named entries with their metadata and unopened contents.
//!
//! A source yields [`Entry`] values in [`EntryPath`] order; a repository keeps them and hands them to a
//! [`Destination`]. Neither side knows the other. Plain values and four small traits: no I/O happens here,
//! no clock is read.
//!
//! Invariants: an `EntryPath` has no empty, `.` or `..` component and no NUL; entries of one capture come in
//! strictly ascending path order, a directory before what is in it; a link's text is data.

/// What a program made up about what it captured stands beside that, under this name at the top.
pub const FACTS: &str = "dr-facts.json";

mod meta;
mod not_set;
mod path;
mod shown;
mod stream;

pub use meta::{Attributes, Kind, Meta, Owner, Profile, Stamp, Time};
pub use not_set::{NotSet, Part};
pub use path::{BadPath, COMPONENT_MAX, EntryPath, PATH_MAX};
pub use shown::{shown, shown_without, typed};
pub use stream::{
    Body, Content, Destination, Entries, Entry, ExistingFile, FilesOnly, Fresh, InOrder, Piece, Settled, Unread,
    Writing,
};
