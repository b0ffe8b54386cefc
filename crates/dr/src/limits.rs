//! What `dr` asks of the operating system for itself, before it does anything: no core dumps, because keys and passwords
//! are in its memory, and as many open files as this account may have.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Sets both. None of it can fail in a way that is a reason not to make a backup.
pub fn set() {
    // Programs that the plan names inherit the limit; the other half is ours alone.
    let core = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..core });
    // A core dump may also go to a program of the system, which no limit keeps from it.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum.or(files.current), ..files });
}
