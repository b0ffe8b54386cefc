//! A PostgreSQL server of a test's own, on a socket in a folder of its own, gone with the test.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::bare;

/// Who may do what, by which account: `pw` needs its password.
const ACCESS: &str = "local all pw scram-sha-256\nlocal all all trust\n";

pub struct Server {
    folder: TempDir,
    bin: PathBuf,
    account: Account,
}

/// Whom the server runs as: it refuses to be root.
#[derive(Clone, Copy)]
enum Account {
    /// As the test.
    Own,
    /// As the account that the package made.
    Other(u32, u32),
    /// As nobody, in a namespace within that of a test that is root in its own.
    Nobody,
}

impl Account {
    fn of_this_test() -> Self {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let is_all = map.split_whitespace().eq(["0", "0", "4294967295"]);
        match (rustix::process::geteuid().is_root(), is_all) {
            (false, _) => Self::Own,
            (true, true) => Self::Other(id("-u", "postgres"), id("-g", "postgres")),
            (true, false) => Self::Nobody,
        }
    }
}

/// Where the server's programs are.
///
/// A test that finds none fails and says what to install; nothing is skipped.
pub fn programs() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().parse().unwrap_or(0), entry.path().join("bin")))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("no PostgreSQL server is here: apt-get install postgresql").1
}

fn id(of: &str, user: &str) -> u32 {
    let output = bare::bare("id").args([of, user]).env("PATH", "/usr/bin:/bin").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().parse().expect("no account postgres is here: apt-get install postgresql")
}

impl Server {
    /// A server with one superuser, `dr`.
    pub fn begun() -> Self {
        let bin = programs();
        let folder = bare::folder("pg-");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let account = Account::of_this_test();
        let server = Self { folder, bin, account };
        let home = server.path("pg");
        for folder in [home.clone(), server.socket()] {
            fs::create_dir(&folder).unwrap();
            if let Account::Other(user, group) = account {
                chown(&folder, Some(user), Some(group)).unwrap();
            }
        }
        let data = home.join("data");
        let words = ["-A", "trust", "-U", "dr", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"];
        server
            .as_account("initdb")
            .args(words)
            .arg(&data)
            .output()
            .map(|output| assert!(output.status.success(), "{output:?}"))
            .unwrap();
        let put = |name: &str, text: String| {
            let mut file = fs::File::options().append(true).open(data.join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        fs::write(data.join("pg_hba.conf"), ACCESS).unwrap();
        put(
            "postgresql.conf",
            format!("listen_addresses = ''\nunix_socket_directories = '{}'\nfsync = off\n", server.socket().display()),
        );
        server.start();
        server
    }

    pub fn start(&self) {
        let home = self.path("pg");
        let mut command = self.as_account("pg_ctl");
        command.args(["-w", "-s", "-D"]).arg(home.join("data")).arg("-l").arg(home.join("log")).arg("start");
        // It keeps what it inherits.
        assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    }

    pub fn stop(&self) {
        let mut command = self.as_account("pg_ctl");
        command.args(["-w", "-s", "-m", "immediate", "-D"]).arg(self.path("pg/data")).arg("stop");
        let _ = command.output();
    }

    fn as_account(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match self.account {
            // Root of a namespace of its own is nobody else's root, and may be no other account.
            Account::Nobody => {
                let mut command = bare::bare("unshare");
                command.args(["--user", "--map-user=65534", "--map-group=65534"]).arg(program);
                command
            }
            _ => bare::bare(program),
        };
        command.env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").current_dir("/");
        if let Account::Other(user, group) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of its socket.
    pub fn socket(&self) -> PathBuf {
        self.path("run")
    }

    pub fn bin(&self) -> &Path {
        &self.bin
    }

    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@/{database}?host={}", self.socket().display())
    }

    /// The account that runs the test, for a role that is called like it.
    pub fn whoami() -> String {
        let output = bare::bare("id").arg("-un").env("PATH", "/usr/bin:/bin").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A program of PostgreSQL's, as the superuser.
    pub fn client(&self, program: &str) -> Command {
        let mut command = bare::bare(self.bin.join(program));
        command.env("PATH", "/usr/bin:/bin").env("PGHOST", self.socket()).env("PGUSER", "dr");
        command
    }

    /// What a statement makes of these lines.
    pub fn sql_with(&self, database: &str, statement: &str, lines: &str) {
        let mut psql = self.client("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement]).stdin(Stdio::piped());
        let mut child = psql.spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{statement}");
    }

    /// What a statement answers.
    #[track_caller]
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let words = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement];
        let output = self.client("psql").args(words).output().unwrap();
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
