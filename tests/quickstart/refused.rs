//! A folder that is somebody else's, or half a quickstart, is left as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::sandbox::Sandbox;

#[test]
fn a_folder_with_something_else_in_it_is_not_touched() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("mine")).unwrap();
    fs::write(sandbox.path("mine/diary"), "dear").unwrap();
    fs::write(sandbox.path("file"), "dear").unwrap();
    let before = sandbox.everything("mine");
    for line in ["quickstart mine", "quickstart mine --again", "quickstart file", "quickstart mine/diary"] {
        let said = sandbox.dr(line).ended(64);
        assert!(said.stdout.is_empty() && said.stderr.contains("nothing was touched"), "{line}: {}", said.stderr);
    }
    assert_eq!(sandbox.everything("mine"), before);
    assert_eq!(fs::read(sandbox.path("file")).unwrap(), b"dear");
}

#[test]
fn again_needs_a_first_time_and_no_plan_is_taken_from_outside() {
    let sandbox = Sandbox::new();
    for line in ["quickstart school --again", "quickstart school --plan other.toml", "quickstart school --by oak"] {
        sandbox.dr(line).ended(64);
        assert!(!sandbox.path("school").exists(), "{line}");
    }
}

#[test]
fn an_empty_folder_that_others_can_write_is_refused_because_its_plan_would_be() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("open")).unwrap();
    fs::set_permissions(sandbox.path("open"), fs::Permissions::from_mode(0o775)).unwrap();
    let said = sandbox.dr("quickstart open").ended(64);
    assert!(said.stderr.contains("chmod go-w"), "{}", said.stderr);
    assert!(sandbox.everything("open").is_empty());
}

#[test]
fn one_that_was_ended_halfway_says_so_and_is_kept() {
    let sandbox = Sandbox::new();
    let mut child = sandbox.command(["quickstart", "half"]).spawn().unwrap();
    while !sandbox.path("half/state/quickstart.json").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it began");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = sandbox.everything("half");
    for line in ["quickstart half", "quickstart half --again"] {
        let said = sandbox.dr(line).ended(1);
        assert!(said.stderr.contains("ended halfway") && said.stderr.contains("delete"), "{}", said.stderr);
    }
    assert_eq!(sandbox.everything("half"), before);
}
