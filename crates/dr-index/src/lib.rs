//! Which chunk lies where: asked of tables on this host's disk, made from what describes packs.
//!
//! Tables are a copy and are believed only once they are proved: lost or damaged, they are made again by whoever reads
//! index objects ([`table::Describe`]). Nothing here knows a store.

#![expect(missing_docs, reason = "a room inside the house: a name that says it all needs no sentence")]
#![expect(clippy::missing_errors_doc, reason = "`IndexError` names both causes, and each may come from any question")]

pub mod bits;
pub mod error;
pub mod layout;
pub mod lookup;
pub mod session_dedup;
pub mod table;

pub use error::IndexError;
