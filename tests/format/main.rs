//! The format page is enough: a reader written from it alone sees, restores and checks what dr wrote.
//!
//! The reader is `docs/format/read_repository.py`. It shares no code with dr, and neither does the comparison of trees.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

#[path = "../bare.rs"]
mod bare;
#[path = "../cli/bench.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod bench;
mod fixtures;
mod hostile;
mod long_log;
mod reader;
mod same;
