//! Which PostgreSQL servers listen on this machine, and what are their databases called? For proposals of a first plan.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_process::{Program, run};

/// How a socket of PostgreSQL is called; its port follows.
const SOCKET: &str = ".s.PGSQL.";
/// Where its client programs look for the socket by themselves.
const USUAL: [&str; 2] = ["/run/postgresql", "/var/run/postgresql"];
const PORT: &str = "5432";
/// The account that Debian's package, and others', run the server as: it may ask its own server anything.
const OWNER: &str = "postgres";
/// Databases that people work with: neither templates, nor what only administrators log in to.
const QUESTION: &str = "select datname from pg_database where datallowconn and not datistemplate and datname <> 'postgres' order by datname";

/// A database on a server of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// What the server calls it.
    pub name: String,
    /// What names it in a plan, in the short form.
    pub source: String,
}

/// Databases of the servers whose sockets lie in these folders.
///
/// Nothing is said where a server does not answer, or not to this account: it is for proposals only. Where root is not an
/// account of the server, its own account is asked in root's place.
pub fn databases(folders: &[PathBuf]) -> Vec<Database> {
    let mut found: Vec<Database> = Vec::new();
    for folder in folders {
        for port in ports(folder) {
            let asked = asked(folder, &port);
            found.extend(
                asked.into_iter().filter_map(|name| Some(Database { source: source(folder, &port, &name)?, name })),
            );
        }
    }
    found
}

fn ports(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let port = |name: &str| name.strip_prefix(SOCKET).filter(|port| port.parse::<u16>().is_ok()).map(str::to_owned);
    let mut ports: Vec<String> = names.filter_map(|name| port(name.file_name().to_str()?)).collect();
    ports.sort();
    ports
}

fn asked(folder: &Path, port: &str) -> Vec<String> {
    let psql = ["psql", "-XAtwq", "-d", "postgres", "-c", QUESTION].map(std::ffi::OsString::from).to_vec();
    let answer = |args| {
        let env = [("PGHOST", folder.as_os_str()), ("PGPORT", port.as_ref()), ("PGCONNECT_TIMEOUT", "5".as_ref())];
        let own = [("PGPASSFILE", "/nonexistent".as_ref()), ("PGCLIENTENCODING", "UTF8".as_ref())];
        let env = env.into_iter().chain(own).map(|(name, value)| (name.into(), value.to_owned())).collect();
        let program = Program { args, env, stdin: None, timeout: Duration::from_secs(10), output_max: 64 << 10 };
        let finished = run(program).ok().filter(|finished| finished.status.success())?;
        String::from_utf8(finished.stdout.bytes).ok()
    };
    let as_owner = || {
        let as_it = ["runuser", "-u", OWNER, "--"].map(std::ffi::OsString::from);
        rustix::process::geteuid().is_root().then(|| answer(as_it.into_iter().chain(psql.clone()).collect()))?
    };
    let names = answer(psql.clone()).or_else(as_owner).unwrap_or_default();
    names.lines().map(str::to_owned).collect()
}

/// `postgres:mis` where the client's library finds the server by itself. A name that would read as something else in an
/// address is for a person to write.
fn source(folder: &Path, port: &str, name: &str) -> Option<String> {
    let is_plain = |text: &str, also: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
    let folder = folder.to_str().filter(|folder| is_plain(folder, "/._-"))?;
    if name.is_empty() || !is_plain(name, "._-") {
        return None;
    }
    Some(match (USUAL.contains(&folder), port == PORT) {
        (true, true) => format!("postgres:{name}"),
        (_, true) => format!("postgres:///{name}?host={folder}"),
        (_, false) => format!("postgres:///{name}?host={folder}&port={port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_says_where_its_server_is_and_only_plain_names_are_proposed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".s.PGSQL.5432", ".s.PGSQL.5432.lock", ".s.PGSQL.5433", "other", ".s.PGSQL.x"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(ports(folder.path()), ["5432", "5433"]);
        let of = |folder: &str, port: &str, name: &str| source(Path::new(folder), port, name);
        assert_eq!(of("/run/postgresql", "5432", "mis").as_deref(), Some("postgres:mis"));
        assert_eq!(of("/srv/pg", "5432", "mis").as_deref(), Some("postgres:///mis?host=/srv/pg"));
        assert_eq!(
            of("/run/postgresql", "5433", "mis").as_deref(),
            Some("postgres:///mis?host=/run/postgresql&port=5433")
        );
        for name in ["", "two words", "a,b", "a?b", "a%b", "ä"] {
            assert_eq!(of("/run/postgresql", "5432", name), None, "{name}");
        }
        assert_eq!(of("/srv/school's pg", "5432", "mis"), None);
    }
}
