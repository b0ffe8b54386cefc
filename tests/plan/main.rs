//! A school from its plan to its letter, through the binary: begun, backed up, brought back, rehearsed, told.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

mod alone;
#[path = "../bare.rs"]
mod bare;
mod capture;
mod copies;
mod disks;
mod elsewhere;
mod erase;
mod failing;
mod faults;
#[path = "../soak/heavy/faulty.rs"]
mod faulty;
mod laid;
mod logs;
mod look;
mod media;
mod mend;
mod plans;
mod record;
mod relied;
mod restored;
mod retain;
mod rounds;
mod runs;
mod school;
mod sources;
mod state;
mod time;
mod told;
mod whole;
mod words;
