//! Does a message get to a web server as the contract says, and does a host say that it is alive?

use dr_ledger::{ChannelKind, MessageKind};
use dr_post::{Ping, PostError, ping};
use serde_json::{Value, json};

use crate::bench::{Bench, alert, at};

const BY_WEB: &[ChannelKind] = &[ChannelKind::Webhook];

#[test]
fn a_webhook_gets_the_message_as_json() {
    let mut bench = Bench::new();
    let server = bench.web_server(&[]);
    bench.alerts.webhook = Some(bench.hook(server.port));
    bench.queue(&alert("a"), BY_WEB);
    assert_eq!(bench.send(at(0)).sent.len(), 1);
    let got = &server.got()[0];
    assert_eq!((&got["path"], &got["type"]), (&"/kestrel-hook".into(), &"application/json".into()));
    let body: Value = serde_json::from_str(got["body"].as_str().unwrap()).unwrap();
    let expected = json!({
        "school": "Hazel Bank",
        "status": "red",
        "kind": "alert",
        "subject": "[ACTION NOW] Hazel Bank – MIS has no backup since Thursday",
        "text": "RED - MIS has no backup since Thu 18:00.\n",
        "about": "overdue mis",
    });
    assert_eq!(body, expected);
}

#[test]
fn a_webhook_that_refuses_fails_or_sends_elsewhere_is_told_apart_and_tried_again() {
    for (behaviour, words) in [
        ("403", "the server of the webhook refused it (HTTP 403)"),
        ("503", "the server of the webhook has failed (HTTP 503)"),
        ("307", "the server of the webhook sends elsewhere (HTTP 307)"),
        ("hang-up", "the server of the webhook hung up"),
    ] {
        let mut bench = Bench::new();
        let server = bench.web_server(&[]);
        bench.alerts.webhook = Some(bench.hook(server.port));
        server.behave(behaviour);
        bench.queue(&alert("a"), BY_WEB);
        let said = bench.failure(at(0));
        assert_eq!(said, words);
        server.behave("");
        assert_eq!(bench.send(at(60)).sent.len(), 1);
        assert_eq!(server.got().len(), 1);
    }
}

#[test]
fn a_webhook_in_the_clear_to_another_machine_is_not_used() {
    let mut bench = Bench::new();
    for address in ["http://hooks.example/kestrel-hook", "ftp://127.0.0.1/x", "kestrel-hook", ""] {
        std::fs::write(bench.path("hook"), address).unwrap();
        bench.alerts.webhook = Some(bench.secret_at("hook"));
        bench.queue(&alert(&format!("to {address}")), BY_WEB);
        let said = bench.failure(at(0));
        let known =
            ["the address of the webhook is not an https:// address", "the address of the webhook cannot be read"];
        assert!(known.iter().any(|words| said.starts_with(words)), "{said}");
        std::fs::remove_dir_all(bench.path("state")).unwrap();
    }
}

#[test]
fn a_code_never_goes_to_a_webhook() {
    let mut bench = Bench::new();
    let (web, mail) = (bench.web_server(&[]), bench.mail_server(&[]));
    bench.alerts.webhook = Some(bench.hook(web.port));
    bench.alerts.smtp = Some(bench.plain(mail.port));
    for (id, channels) in [("a", &[ChannelKind::Smtp, ChannelKind::Webhook][..]), ("b", BY_WEB), ("c", &[])] {
        let mut message = alert(id);
        message.kind = MessageKind::Code;
        bench.queue(&message, channels);
    }
    assert_eq!(bench.send(at(0)).sent.len(), 3);
    assert_eq!((web.got().len(), mail.got().len()), (0, 3));
}

#[test]
fn a_host_says_that_it_begins_that_it_is_well_and_that_it_failed() {
    let mut bench = Bench::new();
    let server = bench.web_server(&[]);
    bench.with_ways(|ways| {
        assert!(!ways.pings());
        ping(ways, Ping::Success).unwrap();
    });
    bench.alerts.ping = Some(bench.hook(server.port));
    bench.with_ways(|ways| {
        for kind in [Ping::Start, Ping::Success, Ping::Fail] {
            ping(ways, kind).unwrap();
        }
    });
    let got: Vec<_> = server.got().iter().map(|got| (got["path"].clone(), got["body"].clone())).collect();
    let expected = ["/kestrel-hook/start", "/kestrel-hook", "/kestrel-hook/fail"].map(|path| (path.into(), "".into()));
    assert_eq!(got, expected);
    server.behave("500");
    let why = bench.with_ways(|ways| ping(ways, Ping::Success)).unwrap_err();
    let words = "the dead-man's ping did not get through: the server of the ping has failed (HTTP 500)";
    assert!(matches!(why, PostError::Ping(_)));
    assert_eq!(why.to_string(), words);
}
