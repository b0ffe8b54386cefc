//! Does a program of the school's get a message as a mail, and what is said when it fails?

use dr_ledger::ChannelKind;
use dr_plan::{Hook, Period};

use crate::bench::{Bench, alert, at, person, read_mails};

fn hook(run: &[&str]) -> Hook {
    let run = run.iter().map(|word| (*word).to_owned()).collect();
    Hook { run, timeout: Period::parse("1m").unwrap(), optional: false }
}

#[test]
fn a_program_gets_the_whole_mail_and_no_address_that_mail_may_not_go_to() {
    let mut bench = Bench::new();
    let file = bench.path("taken.eml");
    bench.alerts.command = Some(hook(&["tee", file.to_str().unwrap()]));
    let mut message = alert("a");
    message.html = Some("<p>RED – MIS</p>".to_owned());
    message.to.push(person("oak", "J. Oak", Some("j.oak@gmail.example")));
    bench.queue(&message, &[ChannelKind::Command]);
    assert_eq!(bench.send(at(0)).sent.len(), 1);
    let mail = &read_mails(&[file])[0];
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert_eq!(mail["headers"]["subject"], message.subject);
    assert_eq!(mail["headers"]["to"], "\"A. Ash\" <a.ash@hazelbank.example>");
    assert_eq!(mail["headers"]["from"], "Hazel Bank <dr@localhost>");
    assert_eq!(mail["parts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_program_that_fails_or_is_not_there_is_told_and_what_it_wrote_is_not() {
    for (run, words) in [
        (&["sh", "-c", "echo kestrel-canary >&2; exit 3"][..], "the alert program failed (exit code 3)"),
        (&["sh", "-c", "kill -9 $$"], "the alert program was ended by signal 9"),
        (&["/nonexistent/alert"], "the alert program could not be started"),
    ] {
        let mut bench = Bench::new();
        bench.alerts.command = Some(hook(run));
        bench.queue(&alert("a"), &[ChannelKind::Command]);
        assert_eq!(bench.failure(at(0)), words);
        assert_eq!(bench.outbox.waiting().unwrap().len(), 1);
    }
}
