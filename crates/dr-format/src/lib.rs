//! The bytes of a repository: what is written as what, under which names and keys.
//!
//! Bytes become values here and values bytes, and nothing else happens: no store, no disk, no threads. What the numbers
//! mean stands in `docs/format/repository.md`, and the tests hold that page to this code. Every decoder takes what
//! somebody else may have made up, and ends, quickly, with a value or an error.

#![expect(missing_docs, reason = "a room inside the house: a name that says it all needs no sentence")]
#![expect(clippy::missing_errors_doc, reason = "what can go wrong is that bytes are not what they should be")]

pub mod cbor;
pub mod chunk;
pub mod compress;
pub mod error;
pub mod extents;
pub mod format;
pub mod header;
pub mod id;
pub mod index_object;
pub mod key;
pub mod key_text;
pub mod log_entry;
pub mod namer;
pub mod pack;
pub mod page;
pub mod parity;
pub mod seal;
pub mod slot;
pub mod snapshot;
pub mod status_object;
pub mod take_over;
#[cfg(test)]
mod tests;
pub mod trailer;
pub mod tree;
pub mod used_set;
pub mod wire;

pub use error::FormatError;
