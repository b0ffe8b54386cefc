//! What does a mounted folder show, whatever becomes of the copy behind it? With a kernel's FUSE and the program.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

#[path = "../bare.rs"]
mod bare;
#[path = "../cli/bench.rs"]
#[allow(dead_code)]
mod bench;
#[path = "../soak/heavy/faulty.rs"]
mod faulty;
mod folders;
mod harm;
#[allow(dead_code)]
mod held;
#[path = "../plan/school.rs"]
#[allow(dead_code)]
mod school;
mod schools;
