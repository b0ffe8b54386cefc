//! Is a message kept whole or not at all, whatever happens to the host?

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dr_ledger::{ChannelKind, Event};
use dr_post::{Outbox, PostError};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::bench::{Bench, alert, at};

const BY_MAIL: &[ChannelKind] = &[ChannelKind::Smtp];

#[test]
fn a_message_is_kept_closed_to_others_and_the_same_name_is_the_same_message() {
    let bench = Bench::new();
    for _ in 0..3 {
        bench.queue(&alert("overdue: mis/nas.2026"), BY_MAIL);
    }
    let mut other = alert("overdue: mis/nas.2026");
    other.text = "something else".to_owned();
    bench.queue(&other, BY_MAIL);
    let waiting = bench.outbox.waiting().unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].message, alert("overdue: mis/nas.2026"));
    let folder = bench.path("state/outbox");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("overdue%3A%20mis%2Fnas%2E2026.json"))), (0o700, 0o600));
    assert!(matches!(bench.outbox.queue(&alert(""), BY_MAIL), Err(PostError::NoName)));
    bench.queue(&alert(&"long ".repeat(400)), BY_MAIL);
    assert_eq!(bench.outbox.waiting().unwrap().len(), 2);
}

#[test]
fn many_who_queue_one_message_at_once_queue_it_once_and_whole() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|n| bench.queue(&alert(&format!("alert-{n}")), BY_MAIL)));
        }
    });
    assert_eq!(bench.outbox.waiting().unwrap().len(), 20);
}

#[test]
fn a_damaged_file_or_one_of_a_later_version_is_reported_kept_and_holds_nothing_back() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    bench.queue(&alert("a"), BY_MAIL);
    bench.queue(&alert("b"), BY_MAIL);
    bench.queue(&alert("c"), BY_MAIL);
    let file = |name: &str| bench.path("state/outbox").join(name);
    let whole = fs::read_to_string(file("a.json")).unwrap();
    fs::write(file("a.json"), &whole[..whole.len() / 2]).unwrap();
    fs::write(file("b.json"), fs::read_to_string(file("b.json")).unwrap().replace("v1", "v9")).unwrap();
    fs::copy(file("c.json"), file("copy.json")).unwrap();
    let damaged: Vec<PathBuf> = ["a.json", "b.json", "copy.json"].map(file).to_vec();
    let Err(PostError::Unreadable { files }) = bench.outbox.waiting() else { panic!("nobody said so") };
    assert_eq!(files, damaged);
    assert_eq!(bench.outbox.look().unwrap().waiting.len(), 1);
    let sent = bench.send(at(0));
    assert_eq!((sent.sent.len(), sent.unreadable), (1, damaged.clone()));
    assert!(damaged.iter().all(|file| file.exists()));
    assert_eq!(server.got().len(), 1);
}

#[test]
fn a_message_from_before_there_was_a_way_goes_out_by_the_first_way_there_is() {
    let mut bench = Bench::new();
    bench.queue(&alert("a"), &[]);
    assert_eq!(bench.send(at(0)).left, 1);
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    assert_eq!(bench.send(at(300)).sent.len(), 1);
    bench.alerts.smtp = None;
    bench.queue(&alert("b"), &[]);
    assert_eq!(bench.send(at(45 * 24 * 3600)).left, 0);
    assert!(matches!(bench.events.last(), Some(Event::Note { .. })), "{:?}", bench.events);
}

#[test]
fn a_way_that_the_plan_no_longer_has_is_said_and_the_others_are_used() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    bench.queue(&alert("a"), &[ChannelKind::Command, ChannelKind::Smtp]);
    let sent = bench.send(at(0));
    assert_eq!((sent.sent.len(), sent.failed.len()), (1, 1));
    assert_eq!(sent.failed[0].error, "the plan does not have this way out any more");
}

#[test]
fn while_one_process_sends_another_does_nothing() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    bench.queue(&alert("a"), BY_MAIL);
    let lock = fs::File::create(bench.path("state/outbox/.lock")).unwrap();
    lock.lock().unwrap();
    let sent = bench.send(at(0));
    assert!(sent.busy && sent.sent.is_empty());
    drop(lock);
    assert_eq!(bench.send(at(0)).sent.len(), 1);
}

#[test]
fn whoever_is_killed_after_sending_and_before_telling_tells_it_later_and_sends_it_no_more() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    bench.queue(&alert("a"), BY_MAIL);
    let file = bench.path("state/outbox/a.json");
    // What the file says at that instant.
    let noted = fs::read_to_string(&file).unwrap().replace("\"done\": false", "\"done\": true");
    fs::write(&file, noted.replace("\"attempts\": 0", "\"attempts\": 1")).unwrap();
    assert_eq!(bench.send(at(60)).sent.len(), 1);
    let told = Event::MessageSent { message: "a".to_owned(), channel: ChannelKind::Smtp, attempts: 1 };
    assert_eq!(bench.events, [told]);
    assert!(server.got().is_empty() && !file.exists());
}

#[test]
fn on_a_full_disk_queueing_is_an_error_and_what_was_kept_before_still_goes_out_once() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    let small = Small::new(bench.path("state"));
    bench.queue(&alert("a"), BY_MAIL);
    let mut ballast = 0;
    while fs::write(small.0.join(format!("ballast-{ballast}")), vec![7; 4096]).is_ok() {
        ballast += 1;
    }
    let why = bench.outbox.queue(&alert("b"), BY_MAIL).unwrap_err();
    assert!(why.to_string().contains("No space left"), "{why}");
    assert_eq!(bench.outbox.waiting().unwrap().len(), 1);
    let mut told = 0;
    let _ = bench.with_ways(|ways| bench.outbox.send(ways, at(0), &mut |_| told += 1));
    let _ = bench.with_ways(|ways| bench.outbox.send(ways, at(7200), &mut |_| told += 1));
    assert_eq!((server.got().len(), told, bench.outbox.waiting().unwrap().len()), (1, 1, 0));
    fs::remove_file(small.0.join("ballast-0")).unwrap();
    fs::remove_file(small.0.join("ballast-1")).unwrap();
    bench.queue(&alert("b"), BY_MAIL);
    assert_eq!(bench.send(at(7200)).sent.len(), 1);
}

/// A small file system of its own, until this is dropped.
struct Small(PathBuf);

impl Small {
    fn new(at: PathBuf) -> Self {
        fs::create_dir(&at).unwrap();
        if let Err(why) = mount("none", &at, "tmpfs", MountFlags::empty(), c"size=128k,mode=0700") {
            panic!(
                "this test needs a small file system and could not mount one: {why}. Run the tests as root, or as \
                 anybody in a namespace of their own: unshare --user --map-root-user --mount cargo xtask test"
            );
        }
        Self(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

const STATE: &str = "DR_POST_TEST_STATE";
const PORT: &str = "DR_POST_TEST_PORT";

/// One of the tests that are no tests, as a process of its own.
#[expect(clippy::disallowed_methods, reason = "a program that is killed is a program")]
fn process(name: &str, state: &Path, port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(STATE, state)
        .env(PORT, port.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills a process once it has said `last`, and returns all that it said.
fn killed_after(mut child: Child, last: &str) -> String {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains(last) {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "it ended by itself: {said}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    output.read_to_string(&mut said).unwrap();
    said
}

/// Not a test: what the one below starts and kills.
#[test]
#[ignore = "queues until it is killed"]
#[expect(clippy::disallowed_methods, reason = "a program for a test is told where to write")]
fn queues_until_it_is_killed() {
    let state = PathBuf::from(std::env::var_os(STATE).expect("only the test below starts this"));
    let outbox = Outbox::in_state(&state);
    for n in 0.. {
        outbox.queue(&alert(&format!("alert-{n}")), BY_MAIL).unwrap();
        println!("kept {n}");
    }
}

#[test]
fn whoever_is_killed_while_queueing_leaves_whole_messages_or_none_and_all_that_were_kept() {
    for after in [0, 1, 3, 10, 25] {
        let mut bench = Bench::new();
        let state = bench.path("state");
        let said = killed_after(process("outbox::queues_until_it_is_killed", &state, 0), &format!("kept {after}\n"));
        let kept = said.matches("kept ").count();
        let contents = bench.outbox.look().unwrap();
        assert!(contents.unreadable.is_empty());
        assert!((kept..=kept + 1).contains(&contents.waiting.len()), "{kept} {}", contents.waiting.len());
        bench.send(at(0));
        let names = fs::read_dir(state.join("outbox")).unwrap().map(|e| e.unwrap().file_name());
        let mut half = names.into_iter().filter(|name| name.to_str().unwrap().starts_with(".new-"));
        assert_eq!(half.next(), None, "half a message was left");
    }
}

/// Not a test: what the one below starts and kills.
#[test]
#[ignore = "sends until it is killed"]
#[expect(clippy::disallowed_methods, reason = "a program for a test is told what to send")]
fn sends_until_it_is_killed() {
    let mut bench = Bench::new();
    bench.outbox = Outbox::in_state(Path::new(&std::env::var_os(STATE).expect("only the test below starts this")));
    bench.alerts.smtp = Some(bench.plain(std::env::var(PORT).unwrap().parse().unwrap()));
    let mut number = 0;
    let mut told = |_| {
        println!("sent {number}");
        number += 1;
    };
    bench.with_ways(|ways| bench.outbox.send(ways, at(0), &mut told)).unwrap();
}

#[test]
fn whoever_is_killed_while_sending_loses_nothing_and_doubles_one_mail_at_most() {
    const ALL: usize = 12;
    for after in [0, 3, 7, 10] {
        let mut bench = Bench::new();
        let server = bench.mail_server(&[]);
        bench.alerts.smtp = Some(bench.plain(server.port));
        for n in 0..ALL {
            bench.queue(&alert(&format!("alert-{n}")), BY_MAIL);
        }
        let child = process("outbox::sends_until_it_is_killed", &bench.path("state"), server.port);
        killed_after(child, &format!("sent {after}\n"));
        let left = bench.send(at(3600)).left;
        assert_eq!((left, bench.outbox.waiting().unwrap().len()), (0, 0));
        let names = |mail: &serde_json::Value| mail["headers"]["message-id"].to_string();
        let mails: Vec<_> = server.mails().iter().map(names).collect();
        let distinct: std::collections::BTreeSet<_> = mails.iter().collect();
        assert_eq!(distinct.len(), ALL);
        assert!(mails.len() <= ALL + 1, "{mails:?}");
    }
}
