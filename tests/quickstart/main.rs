//! `dr quickstart` as a newcomer meets it: a school that lived, a screen that says so, commands that can be pasted.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

#[path = "../bare.rs"]
mod bare;
mod heavy;
mod refused;
mod sandbox;
