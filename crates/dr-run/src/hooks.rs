//! Commands of the plan around a capture: each an argument list, never a shell, and ended when its time is up.

use std::ffi::OsString;
use std::time::Duration;

use dr_plan::Hook;
use dr_process::Program;

/// Runs them in order; the first that fails ends it.
///
/// # Errors
/// Which failed and how, without what it wrote: that may hold names or secrets.
pub(crate) fn run(hooks: &[Hook]) -> Result<(), String> {
    hooks.iter().try_for_each(one)
}

fn one(hook: &Hook) -> Result<(), String> {
    let name = hook.run.first().cloned().unwrap_or_default();
    let finished = dr_process::run(Program {
        args: hook.run.iter().map(OsString::from).collect(),
        env: Vec::new(),
        stdin: None,
        timeout: Duration::from_secs(hook.timeout.longest().as_secs().unsigned_abs()),
        output_max: 4 << 10,
    })
    .map_err(|why| format!("the command {why}"))?;
    if finished.status.success() { Ok(()) } else { Err(format!("the command {name} failed: {}", finished.status)) }
}
