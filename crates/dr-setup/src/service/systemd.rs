//! Which units let systemd call dr, with no more rights than that takes? Pure.
//!
//! Each line that takes a right away is there because dr does not need it; each that is missing is explained in
//! `docs/service.md`.

use std::path::Path;

use super::MARKER;
use super::wanted::{CACHE, CREDENTIALS, STATE, Wanted};

/// What holds for both services.
const SANDBOX: &str = "\
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
KeyringMode=private
";

/// Root's service keeps only these of root's rights.
const CAPABILITIES: &str = "\
# Reading everybody's files; and, in rehearsals, giving restored files their owners, modes and
# attributes on scratch, and wiping them again.
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_SETFCAP
";

/// `dr.service`: what the timer starts.
pub fn oneshot(wanted: &Wanted) -> String {
    let exec = command_line(&wanted.words(&["run", "--due", "--quiet"]));
    let more = format!(
        "[Service]\nType=oneshot\nExecStart={exec}\n\
         # A first backup takes days. A stop lets it end in order: what was stored is kept.\n\
         TimeoutStartSec=infinity\nTimeoutStopSec=2min\nKillMode=mixed\n"
    );
    format!("{}{more}{}", head("what is due by the backup plan", true), rights(wanted))
}

/// `dr.timer`.
pub fn timer(wanted: &Wanted) -> String {
    let plan = wanted.plan.display();
    format!(
        "{MARKER}; `dr service uninstall` removes it. Plan: {plan}\n\
         [Unit]\nDescription=Ask every five minutes what is due by the backup plan\nDocumentation=man:systemd.timer(5)\n\n\
         [Timer]\nOnCalendar=*:0/5\n# What was missed while the machine was off is asked for at once.\nPersistent=true\n\
         RandomizedDelaySec=20s\nAccuracySec=10s\nUnit=dr.service\n\n\
         [Install]\nWantedBy=timers.target\n"
    )
}

/// `dr-daemon.service`.
pub fn daemon(wanted: &Wanted) -> String {
    let exec = command_line(&wanted.words(&["daemon"]));
    let more = format!(
        "[Service]\nType=notify\nNotifyAccess=main\nExecStart={exec}\n\
         # It says every minute or so that it is alive; when it does not, it is started again.\n\
         WatchdogSec=5min\nRestart=on-failure\nRestartSec=30s\nTimeoutStopSec=2min\nKillMode=mixed\n"
    );
    let install = "\n[Install]\nWantedBy=multi-user.target\n";
    format!("{}{more}{}{install}", head("the backup plan", false), rights(wanted))
}

/// What a closed room takes (decision 0048): namespaces, mounts in them, a word to the kernel to bring up the loopback of a
/// website's room, and for root to become nobody before.
const ROOMS: [(&str, &str); 4] = [
    ("RestrictNamespaces=yes\n", "RestrictNamespaces=user mnt pid net ipc uts\n"),
    ("SystemCallFilter=@system-service\n", "SystemCallFilter=@system-service @mount\n"),
    ("=AF_UNIX AF_INET AF_INET6\n", "=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"),
    ("CAP_FSETID CAP_SETFCAP\n", "CAP_FSETID CAP_SETFCAP CAP_SETUID CAP_SETGID\n"),
];

/// `dr-rehearse.service`: rehearsals that start what they bring back. The other services may make no namespace.
pub fn rehearsals(wanted: &Wanted) -> String {
    let exec = command_line(&wanted.words(&["restore", "--rehearse", "--due", "--quiet"]));
    let more = format!(
        "[Service]\nType=oneshot\nExecStart={exec}\n\
         # 2: something could not be verified, which the status and the letter say.\n\
         SuccessExitStatus=2\n\
         TimeoutStartSec=infinity\nTimeoutStopSec=2min\nKillMode=mixed\n"
    );
    let rights = ROOMS.iter().fold(rights(wanted), |text, (strict, open)| text.replace(strict, open));
    format!("{}{more}{rights}", head("the rehearsal that is due by the backup plan", true))
}

/// `dr-rehearse.timer`.
pub fn nightly(wanted: &Wanted) -> String {
    let plan = wanted.plan.display();
    format!(
        "{MARKER}; `dr service uninstall` removes it. Plan: {plan}\n\
         [Unit]\nDescription=Ask every night which rehearsal is due by the backup plan\nDocumentation=man:systemd.timer(5)\n\n\
         [Timer]\nOnCalendar=*-*-* 01:30\nRandomizedDelaySec=10min\nAccuracySec=1min\nUnit=dr-rehearse.service\n\n\
         [Install]\nWantedBy=timers.target\n"
    )
}

fn head(about: &str, once: bool) -> String {
    let verb = if once { "Do" } else { "Keep" };
    format!(
        "{MARKER}; `dr service uninstall` removes it.\n[Unit]\nDescription={verb} {about}\n\
         # None of these is required: a target that is away must not keep the others from their copies.\n\
         After=local-fs.target remote-fs.target network-online.target time-sync.target\nWants=network-online.target\n\n"
    )
}

/// What the service may do, and with what.
fn rights(wanted: &Wanted) -> String {
    let mut text = String::new();
    if let Some(user) = &wanted.user {
        text.push_str(&format!("User={user}\nCapabilityBoundingSet=\n"));
    } else {
        text.push_str(CAPABILITIES);
    }
    if wanted.cache != Path::new(CACHE) {
        text.push_str(&format!("Environment={}\n", word(&format!("DR_CACHE={}", wanted.cache.display()))));
    }
    for name in &wanted.credentials {
        let name = specifiers(name);
        text.push_str(&format!(
            "# Without the file it is an empty line: then that secret is missing, and nothing else stands still.\n\
             SetCredential={name}:\\n\nLoadCredential={name}:{CREDENTIALS}/{name}\n"
        ));
    }
    text.push_str(
        "# Work of the night stays in the background of whatever else the machine does.\n\
         Nice=10\nIOSchedulingClass=best-effort\nIOSchedulingPriority=7\nMemoryMax=2G\n",
    );
    text.push_str(SANDBOX);
    let homes = ["/home", "/root", "/run/user"];
    let in_homes = wanted.paths().any(|path| homes.iter().any(|home| path.starts_with(home)));
    text.push_str(if in_homes { "ProtectHome=read-only\n" } else { "ProtectHome=yes\n" });
    text.push_str(&folders(wanted));
    text
}

/// The folders that may be written in a machine that is otherwise read only. What is not there is passed over (`-`):
/// a drive that is not mounted is not written to under its mount point.
fn folders(wanted: &Wanted) -> String {
    let mut text = String::new();
    let mut list = |key: &str, path: &Path| {
        let path = word(&format!("-{}", path.display()));
        text.push_str(&format!("{key}={path}\n"));
    };
    for path in &wanted.read {
        list("ReadOnlyPaths", path);
    }
    for path in &wanted.write {
        list("ReadWritePaths", path);
    }
    let own_user = wanted.user.is_some();
    for (path, usual, key) in [(&wanted.state, STATE, "StateDirectory"), (&wanted.cache, CACHE, "CacheDirectory")] {
        if path == Path::new(usual) && !own_user {
            text.push_str(&format!("{key}=dr\n{key}Mode=0700\n"));
        } else {
            text.push_str(&format!("ReadWritePaths={}\n", word(&format!("-{}", path.display()))));
        }
    }
    text
}

/// A command line as a unit holds it.
fn command_line(words: &[String]) -> String {
    // Variables are put in nowhere else than in command lines.
    words.iter().map(|text| word(text).replace('$', "$$")).collect::<Vec<_>>().join(" ")
}

/// A word as a unit holds it.
fn word(text: &str) -> String {
    let text = specifiers(text);
    let plain = |c: char| !c.is_whitespace() && !"\"'\\;".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text in which no `%` is the beginning of something else.
fn specifiers(text: &str) -> String {
    text.replace('%', "%%")
}
