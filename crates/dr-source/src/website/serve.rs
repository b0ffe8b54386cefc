//! How are the pages of a restored website fetched? PHP's own web server serves it in a closed room with a loopback of its
//! own, and a script of ours in the same room asks: nothing outside ever listens to what came back.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use dr_process::room::{Room, SCRATCH};
use dr_process::{Finished, Program, run};

use super::php::Php;

/// Comes before each page.
const BEFORE: &str = include_str!("before.php");
/// Starts the web server, and asks.
const ASK: &str = include_str!("ask.php");
/// The folder of the two, in scratch.
const OURS: &str = "web";
/// Where the website is in scratch; the same files by another way are what is served.
pub(super) const FOLDER: &str = "website";
const SERVED: &str = "served";
/// All pages take no longer.
const LONGEST: Duration = Duration::from_secs(900);
/// What a room writes is no longer: a page of 4 MB is twice that in digits.
const WRITTEN_MAX: usize = 128 << 20;

/// The database as the pages are to find it, in the room.
pub(super) struct RoomDatabase {
    pub(super) socket: String,
    pub(super) user: String,
    pub(super) name: String,
}

/// What was at an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fetched {
    /// 0 if there was no answer.
    pub(super) status: u16,
    /// Where it led to in the end.
    pub(super) led: String,
    pub(super) body: Vec<u8>,
}

/// Every page that was asked for, and PHP's own log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ServedPages {
    pub(super) pages: Vec<Fetched>,
    pub(super) log: String,
}

/// Lays what is needed into scratch, before anything runs there.
pub(super) fn prepared(room: &Room) -> io::Result<()> {
    let ours = room.scratch().join(OURS);
    fs::create_dir(&ours)?;
    for (name, text) in [("before.php", BEFORE), ("ask.php", ASK)] {
        let path = ours.join(name);
        fs::write(&path, text)?;
        super::copied::opened(&path, false)?;
    }
    super::copied::opened(&ours, true)
}

/// Serves the website below the path `below` and fetches these addresses. `wordpress`: what its pages find their database by.
pub(super) fn visited(
    php: &Php,
    room: &Room,
    (below, urls): (&str, &[String]),
    database: &RoomDatabase,
    is_wordpress: bool,
) -> Result<ServedPages, String> {
    let within = |name: &str| format!("{SCRATCH}/{name}");
    let log = within("tmp/php.log");
    let set = |name: &str, value: &str| [OsString::from("-d"), format!("{name}={value}").into()];
    let mut server: Vec<OsString> = vec![php.program.clone().into(), "-n".into()];
    server.extend(php.extensions.iter().flat_map(|name| set("extension", name)));
    let settings = [
        ("auto_prepend_file", within(&format!("{OURS}/before.php"))),
        ("display_errors", "0".to_owned()),
        ("log_errors", "1".to_owned()),
        ("error_log", log.clone()),
        ("memory_limit", "512M".to_owned()),
        ("max_execution_time", "60".to_owned()),
        ("default_socket_timeout", "5".to_owned()),
        ("mysqli.default_socket", database.socket.clone()),
        ("pdo_mysql.default_socket", database.socket.clone()),
        ("session.save_path", within("tmp")),
        // A unit may forbid memory that is written and run.
        ("pcre.jit", "0".to_owned()),
    ];
    server.extend(settings.iter().flat_map(|(name, value)| set(name, value)));
    let mut args: Vec<OsString> = vec![php.program.clone().into(), "-n".into()];
    args.extend(set("error_log", &log));
    args.extend(set("memory_limit", "512M"));
    args.extend(set("display_errors", "stderr"));
    args.push(within(&format!("{OURS}/ask.php")).into());
    args.extend([within(FOLDER), within(SERVED)].map(OsString::from));
    args.extend(server);
    let mut env: Vec<(OsString, OsString)> = vec![("LC_ALL".into(), "C.UTF-8".into())];
    if is_wordpress {
        let pairs = [("DR_DATABASE", &database.name), ("DR_USER", &database.user), ("DR_SOCKET", &database.socket)];
        env.extend(pairs.map(|(name, value)| (name.into(), value.into())));
    }
    let lines: Vec<&str> = std::iter::once(below).chain(urls.iter().map(String::as_str)).collect();
    let stdin = Some(format!("{}\n", lines.join("\n")).into_bytes());
    let asking = Program { args, env, stdin, timeout: LONGEST, output_max: WRITTEN_MAX };
    let finished = run(room.program(asking)).map_err(|why| format!("PHP did not serve it: {why}"))?;
    read(&finished, urls.len()).ok_or_else(|| format!("PHP did not serve it ({})", finished.status))
}

fn read(finished: &Finished, pages: usize) -> Option<ServedPages> {
    let text = std::str::from_utf8(&finished.stdout.bytes).ok().filter(|_| finished.status.success())?;
    let mut visit = ServedPages::default();
    for line in text.lines() {
        let mut words = line.split(' ');
        match (words.next()?, words.next()?) {
            ("log", log) => visit.log = String::from_utf8_lossy(&bytes(log)?).into_owned(),
            (status, led) => {
                let led = String::from_utf8_lossy(&bytes(led)?).into_owned();
                visit.pages.push(Fetched { status: status.parse().ok()?, led, body: bytes(words.next()?)? });
            }
        }
    }
    (visit.pages.len() == pages).then_some(visit)
}

/// Digits of base 16 as bytes.
pub(super) fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(*pair.get(1)?)?).ok();
    digits.as_bytes().chunks(2).map(byte).collect()
}

/// Where the website lies in a room's scratch, seen from outside.
pub(super) fn folder(room: &Room) -> std::path::PathBuf {
    room.scratch().join(Path::new(FOLDER))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn finished(text: &str, status: i32) -> Finished {
        let output = |text: &str| dr_process::Output { bytes: text.as_bytes().to_vec(), ..Default::default() };
        Finished { status: ExitStatus::from_raw(status), stdout: output(text), stderr: output("") }
    }

    #[test]
    fn what_a_room_says_is_read_whole_or_not_at_all() {
        let said = "200 2f 6f6b\n404 2f61 \nlog 50\n";
        let page = |status, led: &str, body: &[u8]| Fetched { status, led: led.to_owned(), body: body.to_vec() };
        let pages = vec![page(200, "/", b"ok"), page(404, "/a", b"")];
        assert_eq!(read(&finished(said, 0), 2), Some(ServedPages { pages, log: "P".to_owned() }));
        assert_eq!(read(&finished(said, 0), 3), None);
        assert_eq!(read(&finished(said, 256), 2), None);
        for wrong in ["200 2f 6f6\n", "200 2f 6x\n", "x 2f 6f\n", "200\n", "\n"] {
            assert_eq!(read(&finished(wrong, 0), 1), None, "{wrong}");
        }
    }
}
