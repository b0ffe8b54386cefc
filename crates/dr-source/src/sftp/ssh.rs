//! With which arguments is `ssh` started, and what does it mean when it ends?
//!
//! Nobody's settings and no agent: what it does is what the plan says. It asks nobody anything, and it talks to no server
//! whose key is not known.

use std::ffi::OsString;
use std::time::Duration;

use dr_process::{Finished, ProcessError, Program, StreamError};

use super::error::PROGRAM;
use super::place::RemotePlace;
use crate::output::said;

const INSTALL: &str = "install OpenSSH's client (Debian and Ubuntu: apt-get install openssh-client)";
/// So much of what it says is kept.
const SAID_MAX: usize = 16 << 10;

const OPTIONS: [&str; 14] = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "IdentityAgent=none",
    "LogLevel=ERROR",
];

/// It, for a session that takes no longer than this.
pub(super) fn program(place: &RemotePlace, longest: Duration) -> Program {
    let mut args: Vec<OsString> =
        vec![PROGRAM.into(), "-F".into(), "none".into(), "-T".into(), "-a".into(), "-x".into()];
    let mut option = |text: String| args.extend(["-o".into(), text.into()]);
    OPTIONS.iter().for_each(|text| option((*text).to_owned()));
    if let Some(key) = &place.key {
        option(format!("IdentityFile={}", key.display()));
        option("IdentitiesOnly=yes".to_owned());
    }
    if let Some(known) = &place.known_hosts {
        option(format!("UserKnownHostsFile={}", known.display()));
        option("GlobalKnownHostsFile=/dev/null".to_owned());
    }
    if let Some(user) = &place.user {
        args.extend(["-l".into(), user.into()]);
    }
    if let Some(port) = place.port {
        args.extend(["-p".into(), port.to_string().into()]);
    }
    // After this nothing is an option; the host is held to letters of names besides.
    args.extend(["-s".into(), "--".into(), place.host.clone().into(), "sftp".into()]);
    let env = vec![("LC_ALL".into(), "C".into())];
    Program { args, env, stdin: Some(Vec::new()), timeout: longest, output_max: SAID_MAX }
}

/// Why it could not be started, or did not go on.
pub(super) fn not_run(why: &StreamError) -> String {
    match why {
        StreamError::Process(ProcessError::NotStarted { why, .. }) if why.kind() == std::io::ErrorKind::NotFound => {
            format!("it is not on this machine: {INSTALL}")
        }
        StreamError::Process(ProcessError::NotStarted { why, .. }) => format!("it could not be started: {why}"),
        StreamError::Process(ProcessError::TimedOut { after, stderr, .. }) => {
            format!("the server did not answer in {} s{}", after.as_secs(), said(&stderr.bytes))
        }
        other => other.to_string(),
    }
}

/// Why it ended though nobody asked it to: in a sentence where we know what it means, else in its own words.
pub(super) fn ended(place: &RemotePlace, finished: &Finished, was_there: bool) -> String {
    let text = String::from_utf8_lossy(&finished.stderr.bytes);
    let has = |words: &str| text.contains(words);
    let host = &place.host;
    let known = place.known_hosts.as_ref().map_or("~/.ssh/known_hosts".to_owned(), |path| crate::driver::shown(path));
    if has("Host key for") && has("has changed") || has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        return format!(
            "the host key of {host} is not the one in {known}: the server was installed again, or somebody stands in between. \
             Ask who runs it, and put the new key there if it is right"
        );
    }
    if has("Host key verification failed") || has("host key is known for") {
        return format!(
            "no host key of {host} is in {known}: compare what `ssh-keyscan {}{host}` says with what its owner says, and put \
             it there",
            place.port.map(|port| format!("-p {port} ")).unwrap_or_default()
        );
    }
    if has("Permission denied (") || has("Too many authentication failures") {
        let by = place.key.as_ref().map_or("a key of this account".to_owned(), |key| crate::driver::shown(key));
        return format!(
            "{host} refused the login of {} with {by}: the public key has to stand in its authorized_keys there",
            place.user.as_deref().unwrap_or("this account")
        );
    }
    if has("subsystem request failed") {
        return format!("{host} offers no SFTP to this account");
    }
    let said = said(&finished.stderr.bytes);
    match was_there {
        true => format!("the connection to {host} was lost ({}){said}", finished.status),
        false => format!("there is no connection to {host} ({}){said}", finished.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_address_is_an_option() {
        let place = RemotePlace {
            user: Some("web".into()),
            host: "www.school.example".into(),
            port: Some(2222),
            path: "/srv/www".into(),
            key: Some("/etc/dr/website.key".into()),
            known_hosts: None,
        };
        let args = program(&place, Duration::MAX).args;
        let end: Vec<_> = args.iter().rev().take(8).rev().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(end, ["-l", "web", "-p", "2222", "-s", "--", "www.school.example", "sftp"]);
        assert!(args.iter().any(|word| word == "StrictHostKeyChecking=yes"));
        assert!(args.iter().any(|word| word == "IdentityFile=/etc/dr/website.key"));
        assert!(!args.iter().any(|word| word.to_str().unwrap().starts_with("UserKnownHostsFile")));
    }
}
