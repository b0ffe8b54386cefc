//! A MariaDB server of a test's own, on a socket in a folder of its own, gone with the test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::bare;

/// So often it is asked whether it answers, twenty times a second.
const TRIES: u32 = 1200;

pub struct Server {
    folder: TempDir,
    child: Mutex<Option<Child>>,
    /// What it is started with besides.
    more: Vec<String>,
}

impl Server {
    /// A server with one account that may do everything, `root`.
    pub fn begun() -> Self {
        Self::begun_with(false)
    }

    /// One that keeps a binary log, and so lets nobody make functions who could change its copies elsewhere.
    pub fn logging() -> Self {
        Self::begun_with(true)
    }

    fn begun_with(log: bool) -> Self {
        let folder = bare::folder("maria-");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut server = Self { folder, child: Mutex::default(), more: vec!["--skip-log-bin".to_owned()] };
        if log {
            server.more = vec![format!("--log-bin={}", server.path("log-bin").display()), "--server-id=1".to_owned()];
        }
        fs::create_dir(server.path("tmp")).unwrap();
        let mut install = bare::bare("mariadb-install-db");
        install.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8").current_dir("/");
        // Small files: what is written to a full size is most of the time that it takes.
        install.args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]);
        install.args(["--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0", "--innodb-use-native-aio=0"]);
        // Servers beside each other in namespaces have the same numbers, after which they name what they put into /tmp.
        install.arg("--user=root").arg(format!("--tmpdir={}", server.path("tmp").display()));
        install.arg(format!("--datadir={}", server.path("data").display()));
        let made = install.output().expect("no MariaDB server is here: apt-get install mariadb-server");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(made.status.success(), "apt-get install mariadb-server? {} {}", text(&made.stdout), text(&made.stderr));
        server.start();
        server
    }

    pub fn start(&self) {
        let mut command = bare::bare("/usr/sbin/mariadbd");
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/").args([
            "--no-defaults",
            "--user=root",
            "--skip-networking",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=0",
            "--innodb-use-native-aio=0",
        ]);
        command.arg(format!("--datadir={}", self.path("data").display()));
        command.args(&self.more).arg(format!("--tmpdir={}", self.path("tmp").display()));
        command.arg(format!("--socket={}", self.socket().display()));
        command.arg(format!("--pid-file={}", self.path("pid").display()));
        let log = fs::File::create(self.path("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("no MariaDB server is here: apt-get install mariadb-server");
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let mut tries = 0;
        while !self.client("mariadb").args(["-e", "select 1"]).output().unwrap().status.success() {
            let log = || fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(tries < TRIES, "the server does not answer: {}", log());
            tries += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As a machine that goes off.
    pub fn stop(&self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("mysqld.sock")
    }

    pub fn url(&self, user: &str, database: &str) -> String {
        format!("mariadb://{user}@localhost/{database}?socket={}", self.socket().display())
    }

    /// A program of MariaDB's, as the account that may do everything.
    pub fn client(&self, program: impl AsRef<Path>) -> Command {
        let mut command = bare::bare(program.as_ref());
        command.env("PATH", "/usr/bin:/bin").arg("--no-defaults").arg("--user=root");
        command.arg(format!("--socket={}", self.socket().display()));
        command
    }

    /// What statements answer.
    #[track_caller]
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut command = self.client("mariadb");
        command.args(["--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4", database]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), statements.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
