//! What comes after the first quarter of an hour: the service, and the doctor who finds what would fail.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::machine::Machine;

const ANSWERS: &str = "Beech Lane Infant School\nA. Ash <head@beechlane.example>\nJ. Oak <oak@provider.example>\nnone\n\n/mnt/nas/dr\n/mnt/trust/dr\nnone\n";

/// A machine whose plan has run once.
fn begun() -> Machine {
    let machine = Machine::new();
    let answers = machine.placed(ANSWERS);
    for (line, input) in [
        ("plan new /etc/dr/dr.toml --look /srv", answers.as_str()),
        ("init --recovery-key-out /media/stick/dr-recovery.key", ""),
        ("run", ""),
    ] {
        let said = machine.dr("16:00", line, input, false);
        assert!(said.status.success(), "{line}: {}", String::from_utf8_lossy(&said.stderr));
    }
    machine
}

/// The doctor's answer, and how it ended.
fn doctor(machine: &Machine) -> (Value, Option<i32>) {
    let said = machine.dr("16:10", "doctor --json", "", false);
    (serde_json::from_slice(&said.stdout).unwrap(), said.status.code())
}

fn verdict(answer: &Value, about: &str) -> String {
    let checks = answer["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["about"] == about);
    found.unwrap_or_else(|| panic!("{about}: {answer:#}"))["verdict"].as_str().unwrap().to_owned()
}

fn plan(machine: &Machine, more: &str) {
    let path = machine.path("/etc/dr/dr.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n{more}")).unwrap();
}

#[test]
fn the_doctor_finds_nothing_that_fails_where_all_is_well_and_names_what_is_missing() {
    let machine = begun();
    let (answer, code) = doctor(&machine);
    assert_eq!((answer["verdict"].as_str(), code), (Some("warn"), Some(0)), "{answer:#}");
    for about in ["state", "ledger", "clock", "host key", "target onsite", "target offsite", "source mis", "recipients"]
    {
        assert_eq!(verdict(&answer, about), "ok", "{about}");
    }
    for about in ["runbook", "mail", "ping"] {
        assert_eq!(verdict(&answer, about), "warn", "{about}");
    }
    let said = machine.dr("16:10", "doctor --send-test --json", "", false);
    assert_eq!(said.status.code(), Some(2), "a trial that could not be made is not good");
}

#[test]
fn the_doctor_names_a_lost_target_a_missing_source_an_open_state_and_a_secret_that_is_not_there() {
    let machine = begun();
    fs::remove_dir_all(machine.path("/mnt/trust")).unwrap();
    fs::remove_file(machine.path("/srv/mis/mis.db")).unwrap();
    fs::set_permissions(machine.path("/var/lib/dr"), Permissions::from_mode(0o755)).unwrap();
    plan(
        &machine,
        "[alerts]\nsmtp = { url = \"smtps://127.0.0.1:9\", user = \"dr\", password = \"env:DR_NO_SUCH_SECRET\" }\ncommand = { run = [\"no-such-program-of-ours\"] }\n",
    );
    let (answer, code) = doctor(&machine);
    assert_eq!((answer["verdict"].as_str(), code), (Some("failed"), Some(1)));
    for about in ["target offsite", "source mis", "secret env:DR_NO_SUCH_SECRET", "program no-such-program-of-ours"] {
        assert_eq!(verdict(&answer, about), "fail", "{about}");
    }
    assert_eq!(verdict(&answer, "state"), "warn");
    assert_eq!(verdict(&answer, "target onsite"), "ok");
    for check in answer["checks"].as_array().unwrap() {
        assert!(check["verdict"] == "ok" || check["next"].is_string(), "what to do: {check}");
    }
}

#[test]
fn the_doctor_tells_of_a_plan_that_cannot_be_read_and_of_a_ledger_that_was_changed() {
    let machine = begun();
    let ledger = machine.path("/var/lib/dr").join(dr_ledger::FILE_NAME);
    let text = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, text.replacen("mis", "msi", 1)).unwrap();
    let (answer, code) = doctor(&machine);
    assert_eq!((verdict(&answer, "ledger").as_str(), code), ("fail", Some(1)));
    plan(&machine, "nonsense = 1\n");
    let (answer, code) = doctor(&machine);
    assert_eq!((verdict(&answer, "plan").as_str(), code), ("fail", Some(1)));
}

#[test]
fn the_service_is_installed_into_an_image_once_and_leaves_others_files_alone() {
    let machine = begun();
    let image = machine.path("/image");
    fs::create_dir_all(image.join("lib/systemd")).unwrap();
    fs::write(image.join("lib/systemd/systemd"), "").unwrap();
    let service = |line: &str, code: i32| {
        let said = machine.dr("16:10", line, "", false);
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(said.status.code(), Some(code), "{line}: {text}{}", String::from_utf8_lossy(&said.stderr));
        text
    };
    let there = |name: &str| image.join(name).symlink_metadata().is_ok();
    service("service install --systemd --root /image", 0);
    assert!(there("etc/systemd/system/dr.timer") && there("etc/systemd/system/timers.target.wants/dr.timer"));
    let printed = service("service print --systemd --json", 0);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let unit = fs::read_to_string(image.join("etc/systemd/system/dr.service")).unwrap();
    assert_eq!(printed["files"][0]["text"].as_str(), Some(unit.as_str()));

    // Another caller instead: the timer goes, link and all.
    fs::create_dir_all(image.join("usr/sbin")).unwrap();
    fs::write(image.join("usr/sbin/cron"), "").unwrap();
    service("service install --cron --root /image", 0);
    assert!(there("etc/cron.d/dr") && !there("etc/systemd/system/dr.timer"));
    assert!(!there("etc/systemd/system/timers.target.wants/dr.timer"));

    service("service uninstall --root /image", 0);
    assert!(!there("etc/cron.d/dr"));
    fs::write(image.join("etc/cron.d/dr"), "# somebody's own\n").unwrap();
    service("service install --cron --root /image", 1);
    service("service uninstall --root /image", 0);
    assert_eq!(fs::read_to_string(image.join("etc/cron.d/dr")).unwrap(), "# somebody's own\n");
}
