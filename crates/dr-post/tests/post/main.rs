//! Do messages get out, through real servers, and does none go missing when those fail?
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

mod bench;
mod canary;
mod command;
mod failing;
mod mail;
mod outbox;
mod web;
