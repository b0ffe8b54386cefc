//! The front door: words in, words out, exit codes.
fn main() {}
