//! Tests, soaks, benches and the checks on the house itself.
fn main() {}
