//! Where a secret is found: a plan names the place and never has the secret itself.

use std::path::PathBuf;

/// Where a secret is found. The secret itself never stands in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `credential:NAME`, given by the service supervisor.
    Credential(String),
    /// `file:PATH`
    File(PathBuf),
    /// `env:NAME`
    Env(String),
    /// `command:PROGRAM ARGUMENT…`, split at spaces, never given to a shell.
    Command(Vec<String>),
}
