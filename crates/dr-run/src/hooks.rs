//! Commands of the plan around a capture: each an argument list, never a shell, and ended when its time is up.

use std::ffi::OsString;
use std::time::Duration;

use dr_plan::Hook;
use dr_process::Program;

/// What became of a list of commands. Words without what they wrote: that may hold names or secrets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ran {
    /// The first that failed and may not: those after it did not run.
    pub(crate) failed: Option<String>,
    /// Those that failed and may.
    pub(crate) told: Vec<String>,
}

/// Runs them in order, each for no longer than `longest` and its own limit; the first that fails ends it, unless the
/// plan calls it optional.
pub(crate) fn run(hooks: &[Hook], longest: Duration) -> Ran {
    let mut ran = Ran::default();
    for hook in hooks {
        match one(hook, longest) {
            Ok(()) => {}
            Err(why) if hook.optional => ran.told.push(why),
            Err(why) => {
                ran.failed = Some(why);
                break;
            }
        }
    }
    ran
}

fn one(hook: &Hook, longest: Duration) -> Result<(), String> {
    let name = hook.run.first().cloned().unwrap_or_default();
    let own = Duration::from_secs(hook.timeout.longest().as_secs().unsigned_abs());
    let finished = dr_process::run(Program {
        args: hook.run.iter().map(OsString::from).collect(),
        env: Vec::new(),
        stdin: None,
        timeout: own.min(longest),
        output_max: 4 << 10,
    })
    .map_err(|why| format!("the command {why}"))?;
    if finished.status.success() { Ok(()) } else { Err(format!("the command {name} failed: {}", finished.status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(program: &str, optional: bool) -> Hook {
        Hook { run: vec![program.to_owned()], timeout: dr_plan::Period::parse("1m").unwrap(), optional }
    }

    #[test]
    fn an_optional_command_that_fails_is_told_and_the_rest_still_runs() {
        let ran = run(&[hook("false", true), hook("true", false), hook("false", true)], Duration::MAX);
        assert_eq!((ran.failed, ran.told.len()), (None, 2));
    }

    #[test]
    fn the_first_command_that_fails_and_may_not_ends_it() {
        let ran = run(&[hook("false", false), hook("no-such-program", false)], Duration::MAX);
        assert!(ran.failed.is_some_and(|why| why.contains("the command false failed")));
    }
}
