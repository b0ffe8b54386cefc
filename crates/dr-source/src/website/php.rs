//! Which PHP of this machine serves a website in a rehearsal, and with which extensions? The one on the path, with those that
//! its own configuration loads: the configuration itself is not in a closed room, since it may hold secrets.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_process::{Program, run};

/// A PHP that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Php {
    pub(super) program: PathBuf,
    /// Such as `8.2.36`.
    pub(super) version: String,
    /// What its configuration loads, in that order.
    pub(super) extensions: Vec<String>,
}

/// How it is got.
const INSTALL: &str = "install it (Debian and Ubuntu: apt-get install php-cli php-mysql)";
/// By which extension pages of PHP ask MariaDB.
const ASKS: &str = "mysqli";
const FOLDERS: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/opt/php/bin"];
/// How long it may take to say what it is.
const SAYS: Duration = Duration::from_secs(30);
/// What is part of it, or nothing that a page needs.
const LEFT_OUT: [&str; 3] = ["ffi", "readline", "xdebug"];

/// The first that there is.
pub(super) fn found() -> Result<Php, String> {
    let program = candidates().into_iter().find(|path| path.is_file());
    let Some(program) = program else { return Err(format!("no PHP is on this machine, which serves it: {INSTALL}")) };
    let said = |args: &[&str]| asked(&program, args).ok_or("PHP is on this machine, but it does not run".to_owned());
    let script = "echo PHP_VERSION, \"\\n\", implode(\"\\n\", get_loaded_extensions());";
    let (own, alone) = (said(&["-r", script])?, said(&["-n", "-r", script])?);
    let (version, extensions) = loaded(&own, &alone);
    let plain = version.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+~".contains(&b));
    match (plain, own.lines().any(|line| line == ASKS)) {
        (true, true) => Ok(Php { program, version, extensions }),
        (true, false) => {
            Err(format!("the PHP on this machine has no {ASKS}, by which a website asks its database: {INSTALL}"))
        }
        (false, _) => Err("PHP is on this machine, but it does not say its version".to_owned()),
    }
}

/// Its version, and what it has besides what it has in any case.
fn loaded(own: &str, alone: &str) -> (String, Vec<String>) {
    let mut lines = own.lines().map(str::trim);
    let version = lines.next().unwrap_or_default().to_owned();
    let built_in: Vec<&str> = alone.lines().skip(1).map(str::trim).collect();
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let shared = lines.filter(|name| is_name(name) && !built_in.contains(name)).map(str::to_lowercase);
    (version, shared.filter(|name| !LEFT_OUT.contains(&name.as_str())).collect())
}

fn asked(program: &Path, args: &[&str]) -> Option<String> {
    let args = std::iter::once(program.into()).chain(args.iter().map(OsString::from)).collect();
    let asked = Program { args, env: Vec::new(), stdin: None, timeout: SAYS, output_max: 64 << 10 };
    let finished = run(asked).ok().filter(|finished| finished.status.success())?;
    String::from_utf8(finished.stdout.bytes).ok()
}

fn candidates() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = FOLDERS.iter().map(|folder| Path::new(folder).join("php")).collect();
    for folder in FOLDERS {
        let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut numbered: Vec<_> = names.filter(|name| is_numbered(&name.to_string_lossy())).collect();
        numbered.sort();
        all.extend(numbered.into_iter().rev().map(|name| Path::new(folder).join(name)));
    }
    all
}

/// `php8.2`.
fn is_numbered(name: &str) -> bool {
    name.strip_prefix("php").is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_configuration_loads_is_loaded_and_what_it_has_in_any_case_is_not() {
        let own = "8.2.36\nCore\ndate\nmysqlnd\nPDO\nSimpleXML\nmysqli\nFFI\nZend OPcache\n";
        let (version, extensions) = loaded(own, "8.2.36\nCore\ndate\n");
        assert_eq!(version, "8.2.36");
        assert_eq!(extensions, ["mysqlnd", "pdo", "simplexml", "mysqli"]);
        assert!(is_numbered("php8.2") && !is_numbered("phpize8.2") && !is_numbered("php-fpm8.2"));
    }
}
