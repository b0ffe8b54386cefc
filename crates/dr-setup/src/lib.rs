//! From nothing to a plan that runs by itself, on this machine: a first plan out of what is there, units or a cron line
//! that call dr, and a doctor who says what would make a backup, a letter or a restore fail.
//!
//! It looks at files, mounts and disks, and writes the service's files; the rest is values. It prints nothing and reads no
//! environment: questions are put by whoever passes a way to ask, and secrets are found by whoever passes one.

pub mod doctor;
pub mod first_plan;
pub mod service;
