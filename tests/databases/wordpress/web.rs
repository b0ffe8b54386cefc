//! A web server of a test's own: nginx and php-fpm in a folder of their own, on sockets in it, gone with the test.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::bare;

/// Under which name the website is known, wherever it is served.
pub const HOST: &str = "www.hazelbank.example";
const NGINX: &str = "/usr/sbin/nginx";
/// So often it is asked whether a server is there, twenty times a second.
const TRIES: u32 = 600;

/// A website that is served.
pub struct Web {
    folder: TempDir,
    children: Vec<Child>,
}

/// What it answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Web {
    /// Serves a folder, as a school's server does.
    pub fn serving(root: &Path) -> Self {
        let folder = bare::folder("web-");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        let mut web = Self { folder, children: Vec::new() };
        // Servers that are started as root keep that account: the folders of a test are its own. A cache of compiled files would
        // not see one that was exchanged without its time telling.
        let is_root = rustix::process::geteuid().is_root();
        let at = |name: &str| web.path(name).display().to_string();
        let fpm = format!(
            "[global]\npid = {}\nerror_log = {}\ndaemonize = no\n[www]\n{}listen = {}\npm = static\npm.max_children = 2\n\
             php_admin_value[error_log] = {}\nphp_admin_value[opcache.enable] = 0\n",
            at("fpm.pid"),
            at("fpm.log"),
            if is_root { "user = root\ngroup = root\n" } else { "" },
            at("fpm.sock"),
            at("php.log"),
        );
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String =
            temporary.iter().map(|name| format!("{name}_temp_path {};\n", at(&format!("tmp/{name}")))).collect();
        let parameters = [
            ("SCRIPT_FILENAME", "$document_root$fastcgi_script_name"),
            ("SCRIPT_NAME", "$fastcgi_script_name"),
            ("DOCUMENT_ROOT", "$document_root"),
            ("DOCUMENT_URI", "$document_uri"),
            ("REQUEST_URI", "$request_uri"),
            ("REQUEST_METHOD", "$request_method"),
            ("QUERY_STRING", "$query_string"),
            ("CONTENT_TYPE", "$content_type"),
            ("CONTENT_LENGTH", "$content_length"),
            ("SERVER_PROTOCOL", "$server_protocol"),
            ("SERVER_NAME", "$host"),
            ("SERVER_PORT", "80"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
        ];
        let parameters: String =
            parameters.iter().map(|(name, value)| format!("fastcgi_param {name} {value};\n")).collect();
        let nginx = format!(
            "daemon off;\nworker_processes 1;\n{}pid {};\nerror_log {};\nevents {{ worker_connections 64; }}\nhttp {{\n\
             access_log off;\n{temporary}types {{ text/html html; text/css css; image/jpeg jpg; }}\nserver {{\n\
             listen unix:{};\nroot {};\nindex index.php index.html;\n\
             location / {{ try_files $uri $uri/ /index.php?$args; }}\n\
             location ~ \\.php$ {{ try_files $uri =404; fastcgi_pass unix:{};\n{parameters}}}\n}}\n}}\n",
            if is_root { "user root root;\n" } else { "" },
            at("nginx.pid"),
            at("nginx.log"),
            at("http.sock"),
            root.display(),
            at("fpm.sock"),
        );
        fs::write(web.path("fpm.conf"), fpm).unwrap();
        fs::write(web.path("nginx.conf"), nginx).unwrap();
        let mut command = bare::bare(fpm_program());
        command.arg("--nodaemonize").args(is_root.then_some("--allow-to-run-as-root"));
        command.arg("--fpm-config").arg(web.path("fpm.conf"));
        web.start(command);
        let mut command = bare::bare(NGINX);
        command.arg("-e").arg(web.path("nginx.log")).arg("-c").arg(web.path("nginx.conf"));
        web.start(command);
        for name in ["fpm.sock", "http.sock"] {
            web.until(name);
        }
        web
    }

    fn start(&mut self, mut command: Command) {
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
        let log = fs::File::create(self.path(&format!("said-{}", self.children.len()))).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("no web server is here: apt-get install nginx-light php-fpm php-mysql");
        self.children.push(child);
    }

    fn until(&self, socket: &str) {
        for _ in 0..TRIES {
            if UnixStream::connect(self.path(socket)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{socket} is not there: {}", self.said());
    }

    /// What the servers say of themselves.
    pub fn said(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        ["said-0", "said-1", "fpm.log", "nginx.log", "php.log"].map(read).concat()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a visitor sees at a path.
    pub fn get(&self, path: &str) -> Answer {
        self.asked(&format!("GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n"))
    }

    /// What somebody gets who sends a form.
    pub fn post(&self, path: &str, form: &str) -> Answer {
        let kind = "Content-Type: application/x-www-form-urlencoded";
        self.asked(&format!(
            "POST {path} HTTP/1.0\r\nHost: {HOST}\r\n{kind}\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ))
    }

    fn asked(&self, request: &str) -> Answer {
        let mut stream = UnixStream::connect(self.path("http.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let at = all.windows(4).position(|four| four == b"\r\n\r\n").expect("no answer");
        let head = String::from_utf8_lossy(&all[..at]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: all[at + 4..].to_vec() }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        for child in &mut self.children {
            // Asked to, each ends its own; killed, they would stay.
            let pid = rustix::process::Pid::from_child(child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = child.wait();
        }
    }
}

/// php-fpm is called like its version.
fn fpm_program() -> PathBuf {
    let names = fs::read_dir("/usr/sbin").unwrap().flatten().map(|entry| entry.path());
    let named = names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("php-fpm"));
    named.max().expect("php-fpm is not here: apt-get install php-fpm php-mysql")
}
