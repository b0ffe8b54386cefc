//! Does any secret, address or server's name get where people read?

use std::fmt::Write as _;

use dr_ledger::ChannelKind;
use dr_plan::{Hook, Period, SecretRef, SmtpAuth};
use dr_post::{Ping, ping};

use crate::bench::{Bench, PASSWORD, TOKEN, alert, at, person};

const ALL: &[ChannelKind] = &[ChannelKind::Smtp, ChannelKind::Webhook, ChannelKind::Command];

/// What must not be seen, also as SMTP says it: in base64, `\0dr\0` and the password.
const SECRETS: &[&str] =
    &[PASSWORD, TOKEN, "kestrel", "wrong-9-pepper", "AGRyAGtlc3RyZWwt", "a2VzdHJlbC05", "dXNlcj1kcgFhdXRo"];
/// What may stand in the outbox, where only this account reads, and nowhere else.
const PLACES: &[&str] =
    &["a.ash@", "j.oak@", "hazelbank.example", "secret-host", "127.0.0.1", "/kestrel-hook", "pupil"];

#[test]
fn secrets_and_addresses_are_in_no_event_error_or_debug_output_and_secrets_not_in_the_outbox() {
    let mut seen = String::new();
    for (options, behaviour, auth, password) in [
        (&["tls=wrap", "login=PLAIN,LOGIN"][..], "", SmtpAuth::Password, "password"),
        (&["tls=wrap", "login=PLAIN,LOGIN"], "", SmtpAuth::Password, "wrong"),
        (&["tls=wrap", "login=XOAUTH2"], "", SmtpAuth::Xoauth2, "token"),
        (&["tls=wrap", "login=XOAUTH2"], "", SmtpAuth::Xoauth2, "wrong"),
        (&["tls=wrap", "login=LOGIN"], "relay-denied", SmtpAuth::Password, "password"),
        (&["tls=wrap", "login=LOGIN"], "refuse:a.ash@hazelbank.example", SmtpAuth::Password, "password"),
        (&["tls=wrap", "login=LOGIN"], "hang-up", SmtpAuth::Password, "password"),
        (&["tls=wrap", "login=LOGIN", "cert=elsewhere"], "", SmtpAuth::Password, "password"),
    ] {
        let mut bench = Bench::new();
        let (mail, web) = (bench.mail_server(options), bench.web_server(&[]));
        mail.behave(behaviour);
        web.behave(if behaviour.is_empty() { "" } else { "403" });
        let mut smtp = bench.smtps(mail.port);
        smtp.auth = auth;
        smtp.password = Some(bench.secret_at(password));
        bench.alerts.smtp = Some(smtp);
        bench.alerts.webhook = Some(bench.hook(web.port));
        bench.alerts.ping = bench.alerts.webhook.clone();
        let fails = ["sh", "-c", "cat; cat >&2; echo kestrel; exit 1"].map(str::to_owned).to_vec();
        bench.alerts.command = Some(Hook { run: fails, timeout: Period::parse("1m").unwrap(), optional: false });
        let mut message = alert("a");
        message.text = "pupil".to_owned();
        message.to.push(person("oak", "J. Oak", Some("j.oak@gmail.example")));
        bench.queue(&message, ALL);
        for round in 0..3 {
            let sent = bench.send(at(round * 7200));
            writeln!(seen, "{sent:?}").unwrap();
        }
        bench.with_ways(|ways| {
            writeln!(seen, "{ways:?} {:?}", ping(ways, Ping::Success)).unwrap();
            writeln!(seen, "{:?}", dr_post::try_out(ways, &message.to, "Hazel Bank", at(0))).unwrap();
        });
        for event in &bench.events {
            writeln!(seen, "{event:?} {}", serde_json::to_string(event).unwrap()).unwrap();
        }
        writeln!(seen, "{:?} {:?}", bench.outbox, bench.outbox.waiting().unwrap()).unwrap();
        let kept = std::fs::read_to_string(bench.path("state/outbox/a.json")).unwrap();
        for secret in SECRETS {
            assert!(!kept.contains(secret), "{secret} is in the outbox: {kept}");
        }
    }
    for canary in SECRETS.iter().chain(PLACES) {
        assert!(!seen.contains(canary), "{canary} is in: {seen}");
    }
    // The same search does find what is there.
    assert!(seen.contains("refused the password") && seen.contains("MessageFailed"));
}

#[test]
fn a_secret_that_cannot_be_read_is_told_without_saying_where_it_was_looked_for() {
    let mut bench = Bench::new();
    bench.alerts.webhook = Some(SecretRef::File("/srv/kestrel/hook".into()));
    bench.queue(&alert("a"), &[ChannelKind::Webhook]);
    assert_eq!(bench.failure(at(0)), "the address of the webhook cannot be read where the plan says it is");
}
