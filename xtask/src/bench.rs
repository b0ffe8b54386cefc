//! `dr` beside other backup programs on the same data: builds both and lets `benches/beside` measure.
//!
//! That program needs the generator of data and with it SQLite; it is not part of xtask so that a fresh clone's first
//! `cargo xtask` does not wait for them.

use std::path::Path;
use std::process::Command;

use crate::checkout::{cargo, must};
use crate::install::small;

/// `cargo xtask bench [--write] [--sets source,mixed,small,image,dump,empty] [--mib N] [--tree DIR] [--mixed DIR]…
/// [--reps N] [--seed N] [--snapshots N] [--bin NAME=PATH]… [--alone] [--dr PATH] [--work DIR] [--out FILE]`.
pub fn run(root: &Path, arguments: &[String]) -> Result<(), String> {
    let given = arguments.iter().any(|argument| argument == "--dr");
    if !given {
        must(Command::new(cargo()).args(["build", "--release", "--package", "dr"]).current_dir(root))?;
    }
    let release = root.join("target/release/dr");
    if !given {
        small(&release)?;
    }
    let mut bench = Command::new(cargo());
    bench.args(["run", "--quiet", "--package", "dr", "--example", "beside", "--"]);
    for argument in arguments {
        match argument.as_str() {
            "--write" => bench.arg("--out").arg(root.join("docs/benchmarks.md")),
            other => bench.arg(other),
        };
    }
    if !given {
        bench.arg("--dr").arg(release);
    }
    must(&mut bench)
}
