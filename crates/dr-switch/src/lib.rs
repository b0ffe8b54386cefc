//! What only tests may change about `dr`: a time far from now, made-up devices, an old fault planted again.
//!
//! Without the feature `test-switches` nothing here can be turned on: [`turn_on`] does nothing and every question is
//! answered with no, by a constant. The feature is asked for by the dev-dependencies of the package `dr` alone, so the
//! program that its tests start has it and no program that is built or installed has.
//!
//! Old faults that can be planted again: `same-device` (devices, folders and repositories under two names are not
//! compared), `in-sight-offline` (a disk that is not loaded counts as unplugged), `gone-untold` (that a target is not there
//! is not written down).

use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The variable in which a test names its switches, with spaces between them; `dr` alone reads the environment.
pub const VARIABLE: &str = "DR_TEST_SWITCHES";

/// Whatever time `--at` names is taken.
pub const ANY_TIME: &str = "any-time";
/// Devices are what the file `dr-test-devices.toml` beside the plan says they are.
pub const DEVICES: &str = "devices";

/// Whoever reads in a mounted folder waits two seconds for a copy that does not answer, and not a minute.
pub const SHORT_WAIT: &str = "short-wait";

static ON: OnceLock<BTreeSet<String>> = OnceLock::new();

/// Turns on what `words` names, once for this process. Does nothing in a program that was not built for tests.
pub fn turn_on(words: &str) {
    if cfg!(feature = "test-switches") {
        let _: Result<(), _> = ON.set(words.split_whitespace().map(str::to_owned).collect());
    }
}

/// Whether `switch` was turned on.
#[must_use]
pub fn is_on(switch: &str) -> bool {
    cfg!(feature = "test-switches") && ON.get().is_some_and(|on| on.contains(switch))
}

/// Whether the old fault of that name is planted again. Named so far are:
/// - `future-counts` (`dr-run`): a slot that is noted of a time to come serves every turn until then, and such an entry is
///   evidence for the status.
///
/// How it is asked for: `fault:NAME` among the switches. A test that looks for such
/// faults must find each.
///
/// - `packs-believed`: a backup believes the log and does not look whether the packs that it relies on are there.
/// - `ledger-unheld`: the ledger is not compared with what the copies know of it, so that one that was cut passes.
#[must_use]
pub fn is_planted(fault: &str) -> bool {
    cfg!(feature = "test-switches")
        && ON.get().is_some_and(|on| on.iter().any(|word| word.strip_prefix("fault:") == Some(fault)))
}
