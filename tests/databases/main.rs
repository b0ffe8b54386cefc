//! Systems that other programs write out, through the binary: captured whole or not at all, and put back.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

#[path = "../bare.rs"]
mod bare;
mod command;
#[path = "../soak/heavy/faulty.rs"]
mod faulty;
mod postgres;
#[path = "../plan/school.rs"]
#[allow(dead_code)]
mod school;
mod server;

/// The same, if these words were told.
#[track_caller]
fn told(said: school::Said, words: &str) -> school::Said {
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains(words), "not told: {words}\n{all}");
    said
}
