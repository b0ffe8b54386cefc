//! Which MariaDB servers listen on this machine, and what are their databases called? For proposals of a first plan.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_process::{Program, run};

use super::layout::CLIENT;
use crate::postgres::servers::Database;

/// How a server's socket is called.
const SOCKETS: [&str; 2] = ["mysqld.sock", "mysql.sock"];
/// Where Debian's client programs look for the socket by themselves.
const USUAL: [&str; 2] = ["/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock"];
/// What a server has for itself.
const OWN: [&str; 4] = ["information_schema", "performance_schema", "mysql", "sys"];

/// Databases of the servers whose sockets lie in these folders, as whoever asks may see them.
///
/// Nothing is said where a server does not answer, or not to this account, or is another's than MariaDB's: it is for
/// proposals only.
pub fn databases(folders: &[PathBuf]) -> Vec<Database> {
    let sockets = folders.iter().flat_map(|folder| SOCKETS.iter().map(|name| folder.join(name)));
    let mut found = Vec::new();
    for socket in sockets.filter(|socket| socket.exists()) {
        let names = asked(&socket).unwrap_or_default();
        let named = names.into_iter().filter(|name| !OWN.contains(&name.as_str()));
        found.extend(named.filter_map(|name| Some(Database { source: source(&socket, &name)?, name })));
    }
    found
}

fn asked(socket: &Path) -> Option<Vec<String>> {
    let mut at = OsString::from("--socket=");
    at.push(socket);
    let words =
        ["--batch", "--raw", "--skip-column-names", "--connect-timeout=5", "-e", "select version(); show databases"];
    let args = [CLIENT.into(), "--no-defaults".into(), at].into_iter().chain(words.map(OsString::from)).collect();
    let program =
        Program { args, env: Vec::new(), stdin: None, timeout: Duration::from_secs(10), output_max: 64 << 10 };
    let finished = run(program).ok().filter(|finished| finished.status.success())?;
    let text = String::from_utf8(finished.stdout.bytes).ok()?;
    let (version, names) = text.split_once('\n')?;
    version.contains("MariaDB").then(|| names.lines().map(str::to_owned).collect())
}

/// `mariadb:shop` where the client finds the server by itself. A name that would read as something else in an address is
/// for a person to write.
fn source(socket: &Path, name: &str) -> Option<String> {
    let is_plain = |text: &str, also: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
    let socket = socket.to_str().filter(|socket| is_plain(socket, "/._-"))?;
    if name.is_empty() || !is_plain(name, "._-") {
        return None;
    }
    Some(match USUAL.contains(&socket) {
        true => format!("mariadb:{name}"),
        false => format!("mariadb:///{name}?socket={socket}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_proposed() {
        let of = |socket: &str, name: &str| source(Path::new(socket), name);
        assert_eq!(of("/run/mysqld/mysqld.sock", "shop").as_deref(), Some("mariadb:shop"));
        assert_eq!(of("/srv/m/mysqld.sock", "shop").as_deref(), Some("mariadb:///shop?socket=/srv/m/mysqld.sock"));
        for name in ["", "two words", "a,b", "a?b", "a%b", "ä"] {
            assert_eq!(of("/run/mysqld/mysqld.sock", name), None, "{name}");
        }
        assert_eq!(of("/srv/school's/mysqld.sock", "shop"), None);
        assert_eq!(databases(&["/nowhere".into()]), []);
    }
}
