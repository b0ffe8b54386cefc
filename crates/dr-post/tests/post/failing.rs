//! Does anything get lost, or sent twice, when what is at the other end fails?

use std::net::TcpListener;
use std::time::Duration;

use dr_ledger::{ChannelKind, Event};
use dr_plan::Smtp;

use crate::bench::{Bench, alert, at};

const BY_MAIL: &[ChannelKind] = &[ChannelKind::Smtp];
const BOTH: &[ChannelKind] = &[ChannelKind::Smtp, ChannelKind::Webhook];

/// A port of this machine where nobody listens.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Each way in which a mail server fails: how it is started, how it behaves, what the plan says, and our words.
type Case = (&'static [&'static str], &'static str, fn(&Bench, u16) -> Smtp, &'static str);

const FAILURES: &[Case] = &[
    (
        &["tls=wrap", "login=PLAIN,LOGIN"],
        "",
        |bench, port| Smtp { password: Some(bench.secret_at("wrong")), ..bench.smtps(port) },
        "the mail server refused the password (535)",
    ),
    (
        &["tls=wrap", "login=XOAUTH2"],
        "",
        |bench, port| bench.smtps(port),
        "the mail server lets nobody log in by password",
    ),
    (
        &["tls=wrap"],
        "",
        |bench, port| Smtp { ca: None, ..bench.smtps(port) },
        "the certificate of the mail server is not trusted",
    ),
    (
        &["tls=wrap", "cert=expired"],
        "",
        |bench, port| bench.smtps(port),
        "the certificate of the mail server has expired",
    ),
    (
        &["tls=wrap", "cert=elsewhere"],
        "",
        |bench, port| bench.smtps(port),
        "the certificate of the mail server is for another name",
    ),
    (
        &["tls=start"],
        "",
        |bench, port| Smtp { ca: None, url: format!("smtp://127.0.0.1:{port}"), ..bench.smtps(port) },
        "the certificate of the mail server is not trusted",
    ),
    (&["tls=none"], "", |bench, port| bench.smtps(port), "no encrypted connection to the mail server could be made"),
    (&[], "", |bench, _| bench.plain(dead_port()), "the mail server did not answer: nobody listens there"),
    (&[], "silent", |bench, port| bench.plain(port), "the mail server did not answer in time"),
    (&[], "hang-up", |bench, port| bench.plain(port), "the mail server hung up"),
    (&[], "full", |bench, port| bench.plain(port), "the mail server wants to be asked again later (452)"),
    (&[], "relay-denied", |bench, port| bench.plain(port), "the mail server refused the sender (550)"),
    (&[], "refuse-content", |bench, port| bench.plain(port), "the mail server refused the message (554)"),
    (
        &["tls=wrap"],
        "",
        |bench, port| Smtp { password: Some(bench.secret_at("nothing")), ..bench.smtps(port) },
        "the mail account's password cannot be read where the plan says it is",
    ),
    (
        &["tls=wrap"],
        "",
        |bench, port| Smtp { ca: Some(bench.path("password")), ..bench.smtps(port) },
        "the mail server's own authority (ca, in [alerts] smtp) cannot be read",
    ),
];

#[test]
fn however_the_mail_server_fails_the_words_say_so_and_the_letter_waits() {
    let elsewhere = Bench::new();
    let mended = elsewhere.mail_server(&[]);
    for (number, (options, behaviour, smtp, words)) in FAILURES.iter().enumerate() {
        let mut bench = Bench::new();
        let server = bench.mail_server(options);
        server.behave(behaviour);
        if *behaviour == "silent" {
            bench.limit = Duration::from_millis(300);
        }
        bench.alerts.smtp = Some(smtp(&bench, server.port));
        bench.queue(&alert("a"), BY_MAIL);
        let said = bench.failure(at(0));
        assert!(said.starts_with(words), "{options:?} {behaviour}: {said}");
        let waiting = bench.outbox.waiting().unwrap();
        let way = &waiting[0].ways[0];
        assert_eq!((waiting.len(), way.attempts, way.given_up), (1, 1, false));
        assert_eq!(way.last_error.as_deref(), Some(said.as_str()));
        assert!(server.got().is_empty());
        // What is wrong now is mended, and the letter goes.
        bench.limit = Duration::from_secs(20);
        bench.alerts.smtp = Some(bench.plain(mended.port));
        assert_eq!(bench.send(at(60)).sent.len(), 1, "{words}");
        assert_eq!(mended.got().len(), number + 1);
    }
}

#[test]
fn a_dead_mail_server_loses_no_letter_and_gets_it_once_when_it_is_back() {
    let mut bench = Bench::new();
    let port = dead_port();
    bench.alerts.smtp = Some(bench.plain(port));
    bench.queue(&alert("a"), BY_MAIL);
    let attempts = |bench: &Bench| bench.outbox.waiting().unwrap()[0].ways[0].attempts;
    let mut now = at(0);
    for tried in 1..=12 {
        assert_eq!(bench.send(now).failed.len(), 1);
        assert_eq!(attempts(&bench), tried);
        let next = bench.outbox.waiting().unwrap()[0].ways[0].next;
        // Before its time it is left alone.
        let sent = bench.send(next - jiff::SignedDuration::from_secs(1));
        assert_eq!((sent.failed.len(), sent.next), (0, Some(next)));
        now = next;
    }
    let server = bench.mail_server(&[&format!("port={port}")]);
    assert_eq!(bench.send(now).sent.len(), 1);
    assert!(bench.outbox.waiting().unwrap().is_empty());
    // Neither another round nor queueing it again sends it again.
    bench.queue(&alert("a"), BY_MAIL);
    assert_eq!(bench.send(now + jiff::SignedDuration::from_hours(50)).sent.len(), 0);
    assert_eq!(server.got().len(), 1);
    let told: Vec<_> = bench.events.iter().map(|event| matches!(event, Event::MessageFailed { .. })).collect();
    assert_eq!(told, [true, false], "the first failure and the success are told: {:?}", bench.events);
}

#[test]
fn a_letter_whose_receipt_was_lost_comes_again_under_the_same_name() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    bench.queue(&alert("a"), BY_MAIL);
    server.behave("keep-and-hang-up");
    assert_eq!(bench.failure(at(0)), "the mail server hung up, or what answers is none");
    server.behave("");
    assert_eq!(bench.send(at(60)).sent.len(), 1);
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0]["headers"]["message-id"], mails[1]["headers"]["message-id"]);
    assert_eq!(mails[0]["date"], mails[1]["date"]);
}

#[test]
fn with_mail_and_web_both_down_nothing_is_lost_and_each_gets_it_once() {
    let mut bench = Bench::new();
    let (mail_port, web_port) = (dead_port(), dead_port());
    bench.alerts.smtp = Some(bench.plain(mail_port));
    bench.alerts.webhook = Some(bench.hook(web_port));
    for id in ["a", "b", "c"] {
        bench.queue(&alert(id), BOTH);
    }
    let sent = bench.send(at(0));
    assert_eq!((sent.sent.len(), sent.left), (0, 3));
    for waiting in bench.outbox.waiting().unwrap() {
        // One was tried; the others would have failed as well, and say why they wait.
        assert!(waiting.ways.iter().all(|way| way.last_error.is_some() && way.is_open()), "{waiting:?}");
    }
    let mail = bench.mail_server(&[&format!("port={mail_port}")]);
    let sent = bench.send(at(3600));
    assert_eq!((sent.sent.len(), sent.left), (3, 3));
    assert!(sent.sent.iter().all(|(_, channel)| *channel == ChannelKind::Smtp));
    let web = bench.web_server(&[&format!("port={web_port}")]);
    let sent = bench.send(at(3 * 3600));
    assert_eq!((sent.sent.len(), sent.left), (3, 0));
    assert_eq!((mail.got().len(), web.got().len()), (3, 3));
    let sent = bench.events.iter().filter(|event| matches!(event, Event::MessageSent { .. })).count();
    assert_eq!(sent, 6);
}

#[test]
fn what_nobody_could_be_sent_for_a_fortnight_is_given_up_told_and_shown_for_a_while() {
    let mut bench = Bench::new();
    bench.alerts.smtp = Some(bench.plain(dead_port()));
    bench.queue(&alert("a"), BY_MAIL);
    let hour = |hours: i64| at(hours * 3600 + 1);
    for hours in 0..14 * 24 {
        bench.send(hour(hours));
        assert!(bench.outbox.waiting().unwrap()[0].ways[0].is_open());
    }
    let sent = bench.send(hour(14 * 24));
    assert!(sent.failed[0].given_up);
    assert!(bench.outbox.waiting().unwrap()[0].ways[0].given_up);
    let [Event::MessageFailed { given_up: false, .. }, Event::MessageFailed { given_up: true, attempts, .. }] =
        &bench.events[..]
    else {
        panic!("{:?}", bench.events)
    };
    assert!(*attempts > 300);
    assert_eq!(bench.send(hour(40 * 24)).left, 1);
    assert_eq!(bench.send(hour(45 * 24)).left, 0);
}

/// A server that answers whoever connects with `begin`, and then with one line that never ends. Says how much it could send.
fn endless(begin: &'static [u8]) -> (u16, std::thread::JoinHandle<usize>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sends = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        if begin.is_empty() {
            // A web server hears the request first.
            let _ = stream.read(&mut [0; 4096]).unwrap();
        }
        stream.write_all(begin).unwrap();
        let (line, mut sent) = ([b'2'; 64 << 10], 0);
        // Far more than what the two systems keep on the way.
        while sent < 256 << 20 {
            match stream.write(&line) {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        sent
    });
    (port, sends)
}

#[test]
fn a_server_that_sends_without_an_end_is_left_before_it_fills_the_memory() {
    for begin in [&b"2"[..], b"220 hello\r\n250-x\r\n", b"220 hello\r\n250 x\r\n250 ok\r\n"] {
        let mut bench = Bench::new();
        let (port, sends) = endless(begin);
        bench.alerts.smtp = Some(bench.plain(port));
        bench.queue(&alert("a"), BY_MAIL);
        assert_eq!(bench.failure(at(0)), "the mail server sends without an end, or what answers is none");
        assert!(sends.join().unwrap() < 64 << 20);
    }
    // Before the encryption that it should begin with, and as a web server.
    let mut bench = Bench::new();
    let (port, sends) = endless(b"2");
    bench.alerts.smtp = Some(Smtp { password: None, ca: None, ..bench.smtps(port) });
    bench.queue(&alert("a"), BY_MAIL);
    bench.failure(at(0));
    assert!(sends.join().unwrap() < 64 << 20);
    for begin in [&b""[..], b"HTTP/1.1 200 OK\r\nx: "] {
        let mut bench = Bench::new();
        let (port, sends) = endless(begin);
        bench.alerts.webhook = Some(bench.hook(port));
        bench.queue(&alert("a"), &[ChannelKind::Webhook]);
        bench.send(at(0));
        assert!(sends.join().unwrap() < 64 << 20);
    }
}
