//! What can a program do that is closed off in a room? Asked of programs that try what they must not.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dr_process::room::{Room, Way};
use dr_process::{Finished, ProcessError, Program, run};
use tempfile::TempDir;

#[path = "../bare.rs"]
mod bare;

/// An account that is not the test's.
const SOMEBODY: u32 = 54_321;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn dr() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dr"))
}

/// The ways that this test's account has.
fn ways() -> Vec<Way> {
    let may = |way: &Way| *way == Way::Users || is_root();
    Way::ALL.into_iter().filter(may).collect()
}

/// A room by one way, or what to do so that there can be one.
#[track_caller]
fn room(above: &TempDir, way: Way) -> Room {
    Room::made_by(dr(), &above.path().join("room"), &[way]).unwrap_or_else(|why| {
        panic!("{why}. These tests need namespaces: sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0")
    })
}

fn sh(script: &str, words: &[&str]) -> Program {
    let args = ["/bin/sh", "-c", script, "sh"].iter().chain(words).map(Into::into).collect();
    let timeout = Duration::from_secs(30);
    Program { args, env: vec![("LC_ALL".into(), "C".into())], stdin: None, timeout, output_max: 64 << 10 }
}

#[track_caller]
fn said(finished: &Finished) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(finished.status.success(), "{}", text(&finished.stderr.bytes));
    text(&finished.stdout.bytes)
}

/// What is tried, without harm, outside of a room: all of it can be done there.
const OUTSIDE: &str = r#"cat "$1" && ls "$2" && bash -c "echo > /dev/tcp/127.0.0.1/$3" && ls "$4""#;

/// Tries one thing after the other, and says which of them could be done. In a room alone: outside it would do harm.
const TRIES: &str = r#"
test -d /scratch && test ! -e /proc && test ! -e /var || exit 1
can() { if (eval "$2") >/dev/null 2>&1; then echo "$1: yes"; else echo "$1: no"; fi; }
can 'read a file of the school that everybody may read' "cat '$1'"
can 'see the state folder' "ls '$2'"
can 'see homes, processes or devices' 'ls /home || ls /root || ls /var || ls /proc || ls /sys || ls /mnt || ls /srv || ls /run'
can 'reach a service on the loopback of the host' "bash -c 'echo > /dev/tcp/127.0.0.1/$3'"
can 'reach the network' "bash -c 'echo > /dev/tcp/192.0.2.1/80'"
can 'reach a socket of the host' "ls '$4'"
for where in / /usr/bin /usr/share /etc /dev /bin; do can "write in $where" "echo x > $where/written"; done
can 'write over a device' 'rm -f /dev/null; test ! -e /dev/null'
can 'mount' 'mount -t tmpfs none /scratch/home'
can 'mount again what is read only' 'mount -o remount,bind,rw /usr/bin && echo x > /usr/bin/written'
can 'become somebody else' 'setpriv --reuid=0 true'
can 'read its own programs' 'cat /bin/sh'
can 'write in scratch' 'echo x > /scratch/written && echo x > "$HOME/written" && echo x > "$TMPDIR/written" && echo x > /tmp/other'
can 'use shared memory' 'echo x > /dev/shm/x'
echo "account: $(id -u):$(id -g) $(id -G)"
echo "environment: $(env | sed 's/=.*//' | sort | tr '\n' ' ')"
echo "top: $(ls -A / | tr '\n' ' ')"
"#;

const OUTCOME: &str = "\
read a file of the school that everybody may read: no
see the state folder: no
see homes, processes or devices: no
reach a service on the loopback of the host: no
reach the network: no
reach a socket of the host: no
write in /: no
write in /usr/bin: no
write in /usr/share: no
write in /etc: no
write in /dev: no
write in /bin: no
write over a device: no
mount: no
mount again what is read only: no
become somebody else: no
read its own programs: yes
write in scratch: yes
use shared memory: yes
";

/// What must not be reached, in places that everybody may read.
struct Machine {
    folder: TempDir,
    loopback: TcpListener,
    _socket: UnixListener,
}

impl Machine {
    fn new() -> Self {
        let folder = bare::folder("dr-room-");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("pupils"), "everybody may read this").unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        let loopback = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = UnixListener::bind(folder.path().join("socket")).unwrap();
        Self { folder, loopback, _socket: socket }
    }

    fn words(&self) -> [String; 4] {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let port = self.loopback.local_addr().unwrap().port().to_string();
        [path("pupils"), path("state"), port, path("socket")]
    }
}

#[track_caller]
fn is_closed_off(said: &str) {
    assert!(said.starts_with(OUTCOME), "{said}");
    let rest: Vec<&str> = said[OUTCOME.len()..].lines().collect();
    assert_eq!(rest[0], "account: 65534:65534 65534");
    let names = rest[1].trim_start_matches("environment: ");
    let ours = ["HOME", "LC_ALL", "OLDPWD", "PATH", "PWD", "SHLVL", "TMPDIR", "_"];
    assert!(names.split_whitespace().all(|name| ours.contains(&name)), "{names}");
    let top = rest[2].trim_start_matches("top: ");
    let known = ["bin", "dev", "etc", "lib", "lib32", "lib64", "sbin", "scratch", "tmp", "usr"];
    assert!(top.split_whitespace().all(|name| known.contains(&name)), "{top}");
}

#[test]
fn a_program_in_a_room_reaches_programs_and_scratch_and_nothing_else() {
    let machine = Machine::new();
    let words = machine.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // It could be done outside: what is tried is tried rightly.
    said(&run(sh(OUTSIDE, &words)).unwrap());
    for way in ways() {
        let above = bare::folder("dr-rooms-");
        let room = room(&above, way);
        is_closed_off(&said(&run(room.program(sh(TRIES, &words))).unwrap()));
        // What it wrote is in scratch, and goes.
        assert_eq!(fs::read_to_string(room.scratch().join("tmp/other")).unwrap(), "x\n");
        room.close().unwrap();
        fs::remove_dir_all(above.path().join("room")).unwrap();
    }
}

/// The words of a program as whoever started it would have them, with another parent.
fn with_parent(room: &Room, program: Program, parent: &str) -> Vec<String> {
    let words = room.program(program).args.into_iter().map(|word| word.into_string().unwrap());
    words.map(|word| if word.starts_with("parent=") { format!("parent={parent}") } else { word }).collect()
}

#[test]
fn an_account_without_any_right_makes_a_room_as_well() {
    if !is_root() {
        // Then the other tests show it.
        return;
    }
    let machine = Machine::new();
    let above = bare::folder("dr-rooms-");
    fs::set_permissions(above.path(), Permissions::from_mode(0o755)).unwrap();
    let room = room(&above, Way::Users);
    let folder = above.path().join("room");
    let mut all = vec![folder.clone()];
    while let Some(path) = all.pop() {
        chown(&path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        all.extend(fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
    }
    let words = machine.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = with_parent(&room, sh(TRIES, &words), &std::process::id().to_string());
    // Wherever the program lies, this account may start it.
    let open = dr_for_everybody(&above);
    let mut command = bare::bare(open);
    command.args(&words[1..]).env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    command.env("HOME", "/scratch/home").env("TMPDIR", "/scratch/tmp").uid(SOMEBODY).gid(SOMEBODY);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    is_closed_off(&String::from_utf8_lossy(&output.stdout));
}

fn dr_for_everybody(above: &TempDir) -> PathBuf {
    let open = above.path().join("dr");
    fs::hard_link(dr(), &open).or_else(|_| fs::copy(dr(), &open).map(|_| ())).unwrap();
    open
}

#[test]
fn a_loopback_of_its_own_is_there_only_where_it_is_asked_for() {
    let above = bare::folder("dr-rooms-");
    let room = room(&above, Way::Users);
    let tries = "bash -c 'echo > /dev/tcp/127.0.0.1/9' 2>&1 | sed 's/.*: //'; true";
    let without = said(&run(room.program(sh(tries, &[]))).unwrap());
    let with = said(&run(room.clone().with_loopback().program(sh(tries, &[]))).unwrap());
    assert!(without.contains("Network is unreachable"), "{without}");
    assert!(with.contains("Connection refused"), "{with}");
}

#[test]
fn how_a_program_ended_is_told_as_if_it_had_run_outside() {
    let above = bare::folder("dr-rooms-");
    let room = room(&above, Way::Users);
    let code = |script| run(room.program(sh(script, &[]))).unwrap().status.code();
    assert_eq!(code("exit 3"), Some(3));
    assert_eq!(code("kill -9 $$"), Some(128 + 9));
    let mut fed = sh("cat; echo error >&2", &[]);
    fed.stdin = Some(b"what it reads".to_vec());
    let finished = run(room.program(fed)).unwrap();
    assert_eq!((said(&finished).as_str(), finished.stderr.bytes.as_slice()), ("what it reads", &b"error\n"[..]));
    let mut absent = sh("", &[]);
    absent.args = vec!["no-such-program".into()];
    let finished = run(room.program(absent)).unwrap();
    assert!(!finished.status.success());
    assert!(String::from_utf8_lossy(&finished.stderr.bytes).contains("no-such-program could not be started"));
}

/// Processes whose words hold this.
fn processes(mark: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let words = all.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    words.filter(|words| String::from_utf8_lossy(words).contains(mark)).count()
}

/// Forks, leaves its group and its session, closes what it was given, and goes on for ever.
const LINGERS: &str = r#"
for n in 1 2 3; do setsid sleep "$1" >/dev/null 2>&1 </dev/null & done
(setsid sh -c "while :; do sleep $1; done" >/dev/null 2>&1 </dev/null &)
"#;

fn mounts(of: &Path) -> usize {
    let all = fs::read_to_string("/proc/self/mountinfo").unwrap();
    all.lines().filter(|line| line.contains(of.to_str().unwrap())).count()
}

#[test]
fn what_forks_and_hangs_is_gone_with_its_room() {
    for (n, way) in ways().into_iter().enumerate() {
        let above = bare::folder("dr-rooms-");
        let room = room(&above, way);
        let mark = format!("9{n}81726354");
        // A program that ends takes with it what it left behind.
        let ends = format!("{LINGERS} exit 0");
        assert!(run(room.program(sh(&ends, &[&mark]))).unwrap().status.success());
        assert_eq!(processes(&mark), 0);
        // One that does not end is ended with all of it.
        let mut hangs = sh(&format!("trap '' TERM HUP INT; {LINGERS} sleep $1; sleep $1"), &[&mark]);
        hangs.timeout = Duration::from_millis(700);
        assert!(matches!(run(room.program(hangs)), Err(ProcessError::TimedOut { .. })));
        room.close().unwrap();
        assert_eq!(processes(&mark), 0);
        assert_eq!(mounts(above.path()), 0);
        fs::remove_dir_all(above.path().join("room")).unwrap();
    }
}

#[test]
fn what_multiplies_without_end_comes_to_an_end() {
    for (n, way) in ways().into_iter().enumerate() {
        let above = bare::folder("dr-rooms-");
        let room = room(&above, way);
        let mark = format!("9{n}61626364");
        let bomb = r#"(n=0; while [ $n -lt 3000 ]; do sleep "$1" >/dev/null 2>&1 & n=$((n + 1)); echo; done) 2>/dev/null | wc -l"#;
        let begun: u64 = said(&run(room.program(sh(bomb, &[&mark]))).unwrap()).trim().parse().unwrap();
        assert!((100..1_024).contains(&begun), "{begun} processes were begun");
        assert_eq!(processes(&mark), 0);
        room.close().unwrap();
    }
}

#[test]
fn a_room_ends_when_whoever_made_it_is_killed() {
    for (n, way) in ways().into_iter().enumerate() {
        let above = bare::folder("dr-rooms-");
        let room = room(&above, way);
        let mark = format!("9{n}71727374");
        let words = with_parent(&room, sh(&format!("{LINGERS} sleep $1"), &[&mark]), "@");
        // Whoever starts it is a shell here; its number is known once it runs.
        let script = "n=0; for word; do shift; [ \"$word\" = parent=@ ] && word=parent=$$; set -- \"$@\" \"$word\"; done; \"$@\" & wait";
        let mut outside = bare::bare("/bin/sh");
        outside.args(["-c", script, "sh"]).args(&words).env("PATH", "/usr/bin:/bin");
        outside.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut outside = outside.spawn().unwrap();
        until(|| processes(&mark) >= 6);
        outside.kill().unwrap();
        outside.wait().unwrap();
        until(|| processes(&mark) == 0);
        room.close().unwrap();
        assert_eq!(mounts(above.path()), 0);
    }
}

#[track_caller]
fn until(so: impl Fn() -> bool) {
    for _ in 0..400 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it did not come to that in 20 s");
}

#[test]
fn where_nothing_of_it_is_allowed_there_is_no_room() {
    let above = bare::folder("dr-rooms-");
    // What says nothing of a room has not made one, however well it ended.
    let why = Room::made_by(Path::new("/bin/true"), &above.path().join("room"), &Way::ALL).unwrap_err();
    assert!(
        why.to_string().contains("makes no closed room") || why.to_string().contains("make no closed room"),
        "{why}"
    );
}
