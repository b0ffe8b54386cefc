//! dr under what happens once in years, many times over: seeded subsets here, whole counts by `cargo xtask soak`.
//!
//! One implementation for both: `DR_SOAK_COUNT` says how often, `DR_SOAK_SEED` with which luck, `DR_SOAK_DR` names a dr
//! built for release, `DR_SOAK_TREES` trees separated by colons. Each test prints its figures in a few lines.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "whole programs are started, timed and killed here, and the figures are the point"
)]

#[path = "../bare.rs"]
mod bare;
mod bounded;
mod ground;
#[path = "../mount/held.rs"]
#[allow(dead_code)]
mod held;
#[path = "../databases/maria_server.rs"]
#[allow(dead_code)]
mod maria_server;
#[path = "../databases/server.rs"]
#[allow(dead_code)]
mod server;

mod heavy {
    mod accidents;
    mod crowd;
    mod daemon;
    mod day_one;
    mod faulty;
    mod flips_binary;
    mod generations;
    mod kills;
    mod many;
    mod mount;
    mod places;
    mod rooms;
    mod rounds;
    mod shapes;
    mod shorten;
    mod source;
    mod systemd;
    mod trees;
    mod year;
}
