//! An SSH server of a test's own, on a port of its own on loopback, with keys of its own, gone with the test.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::bare;

const INSTALL: &str = "no SSH server is here: apt-get install openssh-server openssh-client";

pub struct SshServer {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl SshServer {
    /// One that lets in who has [`SshServer::key`].
    pub fn begun() -> Self {
        let folder = bare::folder("ssh-");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut server = Self { folder, port, child: None };
        // What a server of the machine's own would have made.
        fs::create_dir_all("/run/sshd").unwrap();
        for key in ["host", "other", "client", "stranger"] {
            server.make_key(key);
        }
        server.know("host");
        server.start("host");
        server
    }

    fn make_key(&self, name: &str) {
        let mut make = bare::bare("/usr/bin/ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(self.path(name));
        assert!(make.status().expect(INSTALL).success(), "{INSTALL}");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn key(&self) -> PathBuf {
        self.path("client")
    }

    /// The keys of hosts that a client knows: this one's.
    pub fn known(&self) -> PathBuf {
        self.path("known")
    }

    pub fn know(&self, key: &str) {
        let public = fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap();
        fs::write(self.known(), format!("[127.0.0.1]:{} {public}", self.port)).unwrap();
    }

    /// The address of a folder of this machine, as another machine has it.
    pub fn url(&self, folder: &Path) -> String {
        format!("sftp://root@127.0.0.1:{}{}", self.port, folder.display())
    }

    /// Starts it with that key of its own.
    pub fn start(&mut self, host: &str) {
        let at = |name: &str| self.path(name).display().to_string();
        let lines = [
            format!("Port {}", self.port),
            "ListenAddress 127.0.0.1".to_owned(),
            format!("HostKey {}", at(host)),
            format!("PidFile {}", at("pid")),
            format!("AuthorizedKeysFile {}", at("client.pub")),
            "StrictModes no".to_owned(),
            "UsePAM no".to_owned(),
            "PasswordAuthentication no".to_owned(),
            "PermitRootLogin prohibit-password".to_owned(),
            "MaxStartups 100".to_owned(),
            format!("Subsystem sftp {}", at("served")),
        ];
        fs::write(self.path("conf"), lines.join("\n")).unwrap();
        if !self.path("served").exists() {
            self.serve("exec /usr/lib/openssh/sftp-server");
        }
        let mut command = bare::bare("/usr/sbin/sshd");
        command.args(["-D", "-f"]).arg(self.path("conf")).arg("-E").arg(self.path("log"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect(INSTALL));
        for _ in 0..400 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("sshd did not begin: {}", fs::read_to_string(self.path("log")).unwrap_or_default());
    }

    /// What speaks SFTP from now on: a script.
    pub fn serve(&self, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(self.path("served"), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(self.path("served"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.stop();
    }
}
