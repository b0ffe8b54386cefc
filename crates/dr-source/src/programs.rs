//! Where are the programs of a server, and why did one not run?

use std::ffi::OsString;
use std::path::Path;

use dr_process::ProcessError;

use crate::SourceError;
use crate::output::said;

/// Where a program is, if the plan says so.
pub(crate) fn found_in(programs: Option<&Path>, name: &str) -> OsString {
    programs.map_or_else(|| OsString::from(name), |folder| folder.join(name).into_os_string())
}

/// Why a program did not run; where it is not there, how it is got.
pub(crate) fn not_run(name: &str, install: &str, why: &ProcessError) -> SourceError {
    let why = match why {
        ProcessError::NotStarted { why, .. } if why.kind() == std::io::ErrorKind::NotFound => {
            format!("it is not on this machine: {install}")
        }
        ProcessError::TimedOut { after, stderr, .. } => {
            format!("it did not answer in {} s{}", after.as_secs(), said(&stderr.bytes))
        }
        other => other.to_string(),
    };
    SourceError::Program { program: name.to_owned(), why }
}
