//! Do the README's two commands pass where nothing is but what the README names?
//!
//! A Debian is debootstrapped into `target/fresh`, gets the packages of the README's first line and this machine's Rust,
//! read only, and in a clone of the last commit the two commands are typed. Nothing else goes in but what a machine needs
//! to reach the network from here: its names of servers and its certificates. It stays there to be looked at; the next
//! soak begins with another.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::checkout::must;
use crate::install::small;
use crate::test::{self, Needed};

const NEEDED: &[Needed] = &[
    (&["sh", "-c", "command -v debootstrap || test -x /usr/sbin/debootstrap"], "debootstrap"),
    (&["git", "--version"], "git"),
    (&["unshare", "--version"], "util-linux"),
];

/// What a person types, in the order of the README.
const QUICKSTART: &str = "cargo run --release -- quickstart";
const TESTS: &str = "cargo xtask test";

/// Runs a command in the new Debian, whose folder is `$1`; `$2` is this machine's Rust, `$3` the command. In a mount
/// namespace and a process namespace of its own, so that nothing stays mounted or running however it ends.
const INSIDE: &str = r#"
set -eu
new=$1
mount --make-rprivate /
mount -t proc proc "$new/proc"
mount --rbind /sys "$new/sys"
mount --rbind /dev "$new/dev"
mkdir -p "$new/opt/rust"
mount --bind "$2" "$new/opt/rust"
mount -o remount,ro,bind "$new/opt/rust"
exec env -i HOME=/home/oak TERM=dumb LANG=C.UTF-8 PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    ${PIP_CERT:+PIP_CERT=/etc/ssl/certs/ca-certificates.crt} DEBIAN_FRONTEND=noninteractive \
    chroot "$new" sh -c "cd /home/oak/dr 2>/dev/null || cd /; $3"
"#;

/// `cargo xtask soak fresh`. `DR_FRESH_SUITE` names another Debian than this machine's; `DR_FRESH_TESTS` holds more words
/// for the second command, for who wants to see only that it begins.
pub fn soak(root: &Path) -> Result<(), String> {
    test::programs(NEEDED)?;
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let suite = variable("DR_FRESH_SUITE").or_else(own_suite).unwrap_or_else(|| "stable".to_owned());
    let more = variable("DR_FRESH_TESTS").map(|words| format!(" {words}")).unwrap_or_default();
    let readme = std::fs::read_to_string(root.join("README.md")).map_err(|e| format!("cannot read README.md: {e}"))?;
    let packages = packages(&readme).ok_or("README.md does not say what is installed with apt-get")?;
    for typed in [QUICKSTART, TESTS] {
        if !readme.lines().any(|line| line.trim() == typed) {
            return Err(format!("README.md does not name `{typed}`: it changed, and this soak did not"));
        }
    }
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().map_err(|e| format!("no rustc: {e}"))?;
    let rust = String::from_utf8_lossy(&output.stdout).trim().to_owned();

    let new = root.join("target/fresh");
    let mut took = Vec::new();
    let mut step = |name: &str, work: &mut dyn FnMut() -> Result<(), String>| {
        println!("== {name}");
        let began = Instant::now();
        let ended = work();
        took.push(format!("{:>6.1} min  {name}", began.elapsed().as_secs_f64() / 60.0));
        println!("took:\n{}", took.join("\n"));
        ended
    };
    let inside = |typed: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", INSIDE, "sh"]);
        must(command.arg(&new).arg(&rust).arg(typed))
    };
    step(&format!("debootstrap {suite}"), &mut || {
        if new.exists() {
            std::fs::remove_dir_all(&new).map_err(|e| format!("cannot remove {}: {e}", new.display()))?;
        }
        let path = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
        must(Command::new("debootstrap").arg(&suite).arg(&new).env("PATH", path))?;
        reach_the_network(&new)
    })?;
    step(&format!("apt-get install {packages}"), &mut || {
        inside("apt-get update -qq")?;
        inside(&format!("apt-get install -y -qq {packages}"))
    })?;
    step("git clone", &mut || {
        std::fs::create_dir_all(new.join("home/oak")).map_err(|e| e.to_string())?;
        must(Command::new("git").args(["clone", "--quiet", "--no-hardlinks"]).arg(root).arg(new.join("home/oak/dr")))
    })?;
    step(QUICKSTART, &mut || {
        inside(QUICKSTART)?;
        small(&new.join("home/oak/dr/target/release/dr"))
    })?;
    step(&format!("{TESTS}{more}"), &mut || inside(&format!("{TESTS}{more}")))?;
    println!("a fresh Debian {suite} with {packages} and Rust runs both commands");
    Ok(())
}

/// The Debian that this machine is.
fn own_suite() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let value =
        |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(|word| word.trim_matches('"').to_owned());
    (value("ID=").as_deref() == Some("debian")).then(|| value("VERSION_CODENAME=")).flatten()
}

/// What the README's sentence installs.
fn packages(readme: &str) -> Option<String> {
    let after = readme.split_once("`apt-get install ")?.1;
    after.split_once('`').map(|(packages, _)| packages.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Names of servers and certificates as this machine has them: a network may have its own.
fn reach_the_network(new: &Path) -> Result<(), String> {
    let must_copy = |from: &str| {
        let to = new.join(from.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap_or(new)).map_err(|e| e.to_string())?;
        std::fs::copy(from, &to).map(drop).map_err(|e| format!("cannot copy {from}: {e}"))
    };
    must_copy("/etc/resolv.conf")?;
    let own = Path::new("/usr/local/share/ca-certificates");
    for entry in std::fs::read_dir(own).into_iter().flatten().flatten() {
        must_copy(&entry.path().to_string_lossy())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_what_the_readme_says() {
        assert_eq!(
            packages("a compiler (`apt-get install build-essential\nca-certificates`; x)"),
            Some("build-essential ca-certificates".to_owned())
        );
        assert_eq!(packages("none"), None);
        let readme = std::fs::read_to_string(crate::checkout::root().join("README.md")).unwrap();
        assert!(packages(&readme).unwrap().contains("build-essential"));
        for typed in [QUICKSTART, TESTS] {
            assert!(readme.contains(&format!("    {typed}\n")), "{typed}");
        }
    }
}
