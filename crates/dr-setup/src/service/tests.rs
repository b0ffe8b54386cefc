//! Do the texts hold what the plan wants, however it is called, and are they what systemd itself takes without a word?

use std::path::{Path, PathBuf};
use std::process::Command;

use dr_run::Places;

use super::place::{There, installed, remove, there, write};
use super::wanted::{Wanted, wanted};
use super::*;

const PLAN: &str = r#"
[school]
name = "Hazel Bank"
[people.oak]
name = "J. Oak"
roles = ["it-lead", "custodian"]
[targets.nas]
url = "/mnt/nas/100% dr"
[targets.disks]
pool = "weekly"
[pools.weekly]
media = 2
[systems.admin]
source = "/srv/office \"new\""
[systems.mis]
source = "sqlite:/srv/mis/mis.db"
[alerts]
smtp = { url = "smtps://mail.hazelbank.example:465", user = "dr", password = "credential:smtp" }
ping = "file:/etc/dr/ping-url"
"#;

fn of(plan: &str, program: &str) -> Wanted {
    let plan = dr_plan::parse(plan, "dr.toml").unwrap().resolve(Path::new("/etc/dr"));
    let places = Places { plan: "/etc/dr/dr.toml".into(), state: "/var/lib/dr".into(), cache: "/var/cache/dr".into() };
    wanted(&plan, &places, program.into(), None)
}

/// A plan with awkward names, and a program that is there.
fn awkward() -> Wanted {
    of(PLAN, "/bin/true")
}

#[test]
fn a_unit_names_what_may_be_written_what_is_only_read_and_every_secret() {
    let unit = systemd::oneshot(&awkward());
    for line in [
        "ExecStart=/bin/true --plan /etc/dr/dr.toml run --due --quiet",
        "ReadWritePaths=\"-/mnt/nas/100%% dr\"",
        "ReadWritePaths=-/mnt/dr-disks",
        "ReadWritePaths=-/srv/mis",
        "ReadOnlyPaths=\"-/srv/office \\\"new\\\"\"",
        "StateDirectory=dr",
        "CacheDirectory=dr",
        "LoadCredential=smtp:/etc/dr/credentials/smtp",
        "ProtectHome=yes",
        "LimitCORE=0",
    ] {
        assert!(unit.lines().any(|is| is == line), "{line} in\n{unit}");
    }
    let mut other = awkward();
    other.state = "/srv/dr state".into();
    other.cache = "/home/dr/cache".into();
    let unit = systemd::daemon(&other);
    for line in [
        "ExecStart=/bin/true --plan /etc/dr/dr.toml --state \"/srv/dr state\" daemon",
        "ReadWritePaths=\"-/srv/dr state\"",
        "Environment=DR_CACHE=/home/dr/cache",
        "ProtectHome=read-only",
        "Type=notify",
    ] {
        assert!(unit.lines().any(|is| is == line), "{line} in\n{unit}");
    }
}

/// The same with rehearsals that start what they bring back.
fn rehearsing() -> Wanted {
    of(&format!("{PLAN}\n[rehearsals]\nlevel = \"L3\"\n"), "/bin/true")
}

#[test]
fn rehearsals_that_start_something_have_a_unit_of_their_own_and_the_others_stay_closed() {
    let wanted = rehearsing();
    for caller in [Caller::Timer, Caller::Daemon] {
        let all = files(caller, &wanted);
        assert_eq!(all.len(), caller.paths().len() + 2);
        assert_eq!(files(caller, &awkward()).len(), caller.paths().len(), "no more than the plan wants");
        let strict = &all[0].text;
        assert!(strict.contains("RestrictNamespaces=yes\n") && !strict.contains("CAP_SETUID"), "{strict}");
        assert!(!strict.contains("AF_NETLINK"), "{strict}");
        let unit = all.iter().find(|file| file.path.ends_with("dr-rehearse.service")).unwrap();
        for line in [
            "ExecStart=/bin/true --plan /etc/dr/dr.toml restore --rehearse --due --quiet",
            "RestrictNamespaces=user mnt pid net ipc uts",
            "SystemCallFilter=@system-service @mount",
            "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
            "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_SETFCAP CAP_SETUID CAP_SETGID",
            "NoNewPrivileges=yes",
            "MemoryDenyWriteExecute=yes",
        ] {
            assert!(unit.text.lines().any(|is| is == line), "{line} in\n{}", unit.text);
        }
    }
    let cron = cron::table(&wanted);
    assert!(
        cron.ends_with("30 1 * * * root /bin/true --plan /etc/dr/dr.toml restore --rehearse --due --quiet\n"),
        "{cron}"
    );
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &files(Caller::Timer, &wanted)).unwrap();
    assert_eq!(installed(root.path()), [Caller::Timer], "beside it, not another one");
}

#[test]
fn cron_gets_a_line_whose_percent_signs_and_quotes_mean_themselves() {
    let mut wanted = awkward();
    wanted.plan = "/srv/St Ann's 50%/dr.toml".into();
    let table = cron::table(&wanted);
    let line = table.lines().last().unwrap();
    assert_eq!(line, r"*/5 * * * * root /bin/true --plan '/srv/St Ann'\''s 50\%/dr.toml' run --due --quiet");
    assert!(table.contains("CREDENTIALS_DIRECTORY=/etc/dr/credentials\n"));
    wanted.user = Some("backup".into());
    assert!(cron::table(&wanted).contains("* * * * backup /bin/true"));
}

#[expect(clippy::disallowed_methods, reason = "what systemd thinks of a unit is asked of systemd")]
fn analyze(words: &[&str], files: &[PathBuf]) -> (bool, String, String) {
    let output = Command::new("systemd-analyze").args(words).args(files).output();
    let output = output.expect("systemd-analyze is missing: apt-get install systemd");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn systemd_takes_every_printed_unit_without_a_word() {
    let mut others = [awkward(), awkward(), awkward(), rehearsing()];
    others[1].state = "/srv/a state".into();
    others[1].cache = "/srv/ca\\che;".into();
    others[2].user = Some("backup".into());
    for wanted in others {
        let folder = tempfile::tempdir().unwrap();
        let all: Vec<Written> = [Caller::Timer, Caller::Daemon].into_iter().flat_map(|it| files(it, &wanted)).collect();
        let places = write(folder.path(), &all).unwrap();
        // It exits with 0 for keys that it does not know; only what it says counts.
        let (good, stdout, stderr) = analyze(&["verify", "--man=no"], &places);
        assert!(good && stdout.is_empty() && stderr.is_empty(), "{stdout}{stderr}");
    }
}

#[test]
fn systemd_calls_the_services_exposure_ok_or_better() {
    let folder = tempfile::tempdir().unwrap();
    for caller in [Caller::Timer, Caller::Daemon] {
        let places = write(folder.path(), &files(caller, &awkward())).unwrap();
        let (_, said, stderr) = analyze(&["security", "--offline=true", "--no-pager"], &places[..1]);
        let verdict =
            said.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{stderr}"));
        assert!(verdict.contains(" OK ") || verdict.contains("GOOD"), "{verdict}");
    }
}

#[test]
fn files_are_replaced_and_removed_only_if_they_are_ours() {
    let root = tempfile::tempdir().unwrap();
    let timer = files(Caller::Timer, &awkward());
    let places = write(root.path(), &timer).unwrap();
    assert_eq!(installed(root.path()), [Caller::Timer]);
    // Again, over ours.
    write(root.path(), &timer).unwrap();
    std::fs::write(&places[1], "[Timer]\n# somebody's own\n").unwrap();
    std::fs::write(&places[0], format!("{MARKER}\n# an older one of ours\n")).unwrap();
    assert!(write(root.path(), &timer).is_err());
    assert!(std::fs::read_to_string(&places[0]).unwrap().contains("older"), "all or nothing");
    assert_eq!(remove(root.path(), Caller::Timer).unwrap(), [places[0].clone()]);
    assert_eq!((there(&places[0]), there(&places[1])), (There::Nothing, There::Others));
    assert_eq!(installed(root.path()), []);
    std::fs::remove_file(&places[1]).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &places[1]).unwrap();
    assert!(write(root.path(), &timer).is_err(), "a link is nobody's file of ours");
}
