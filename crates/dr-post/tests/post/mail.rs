//! Does a mail arrive as it was written, by each way in which a mail server can be asked?

use dr_ledger::{ChannelKind, Event, MessageKind};
use dr_plan::{SecretRef, SmtpAuth};

use crate::bench::{Bench, alert, at, person};

const BY_MAIL: &[ChannelKind] = &[ChannelKind::Smtp];

#[test]
fn a_letter_arrives_over_tls_as_it_was_written_in_both_parts() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&["tls=wrap", "login=PLAIN,LOGIN"]);
    bench.alerts.smtp = Some(bench.smtps(server.port));
    let mut letter = alert("letter-2026-47");
    letter.kind = MessageKind::Letter;
    letter.school = "Hazel Bank Primärschule, “Grünau”".to_owned();
    letter.subject = format!("[GREEN] {} – backups, week to 20 Nov – nothing to do today or tomorrow", letter.school);
    letter.to.push(person("oak", "Jörg Oak", Some("j.oak@hazelbank.example")));
    letter.text = format!(
        "GREEN – All important data is safe.\n\nMIS          Thu 18:00   3       yes\n.\n. a line that begins with a dot\n\
         From here on\n\ttab, trailing blanks   \n{}\nEvidence 2026-47 #1842 – 9f3c ✓ 学校\n",
        "a very long line ".repeat(120)
    );
    letter.html = Some(format!("<!doctype html><html><body><p>{}</p></body></html>\n", letter.text));
    bench.queue(&letter, BY_MAIL);
    let sent = bench.send(at(60));
    assert_eq!(sent.sent, [("letter-2026-47".to_owned(), ChannelKind::Smtp)], "{sent:?}");
    assert_eq!((sent.left, sent.next), (0, None));

    let meta = &server.got()[0];
    assert_eq!(meta["encrypted"], true);
    assert_eq!(meta["login"], "PLAIN");
    assert_eq!(meta["from"], "dr@hazelbank.example");
    assert_eq!(meta["hello"], "hazelbank.example");
    assert_eq!(meta["to"], serde_json::json!(["a.ash@hazelbank.example", "j.oak@hazelbank.example"]));
    let mail = &server.mails()[0];
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert_eq!(mail["headers"]["subject"], letter.subject);
    assert_eq!(mail["headers"]["from"], format!("\"{}\" <dr@hazelbank.example>", letter.school));
    assert_eq!(mail["headers"]["to"], "\"A. Ash\" <a.ash@hazelbank.example>, Jörg Oak <j.oak@hazelbank.example>");
    assert_eq!(mail["headers"]["auto-submitted"], "auto-generated");
    assert!(mail["headers"]["message-id"].as_str().unwrap().ends_with("@hazelbank.example>"));
    assert_eq!(mail["date"], at(0).as_second() as f64);
    assert_eq!(mail["type"], "multipart/alternative");
    let parts = mail["parts"].as_array().unwrap();
    assert_eq!((&parts[0]["type"], &parts[1]["type"]), (&"text/plain".into(), &"text/html".into()));
    assert_eq!(parts[0]["text"].as_str().unwrap().replace("\r\n", "\n"), letter.text);
    assert_eq!(parts[1]["text"].as_str().unwrap().replace("\r\n", "\n"), letter.html.unwrap());
    assert_eq!((&mail["eight_bit"], &mail["bare_line_ends"]), (&0.into(), &0.into()));
    assert!(mail["longest"].as_u64().unwrap() <= 998, "{}", mail["longest"]);
    assert_eq!(bench.events, [sent_event("letter-2026-47", 1)]);
}

#[test]
fn a_plan_as_a_school_writes_it_is_enough_and_its_own_rule_says_to_whom_mail_may_go() {
    let bench = Bench::new();
    let server = bench.mail_server(&["tls=start", "login=PLAIN"]);
    let folder = bench.folder.path().display();
    let plan = format!(
        "school = 'Hazel Bank'\npeople = {{ head = 'A. Ash <a.ash@hazelbank.example>', it = 'J. Oak <oak@gmail.com>' }}\n\
         copies = {{ onsite = '/nas' }}\n[systems]\na = '/srv'\n[alerts]\nsmtp = {{ url = \
         'smtp://localhost:{}', user = 'dr', password = 'file:{folder}/password', from = 'dr@hazelbank.example', ca = \
         '{folder}/certificates/ca.pem' }}\n",
        server.port
    );
    let plan = dr_plan::parse(&plan, "dr.toml").unwrap();
    let mut message = alert("a");
    message.to = plan.people.iter().map(|(id, one)| person(id.as_str(), &one.name, one.email.as_deref())).collect();
    // Plain text without a single line end, longer than any line of a mail may be.
    message.text = "x".repeat(5000);
    bench.queue(&message, BY_MAIL);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let may_mail = |email: &str| dr_plan::may_mail(&plan, email);
    let secrets = |from: &SecretRef| match from {
        SecretRef::File(path) => std::fs::read_to_string(path).map(Into::into).map_err(|why| why.to_string()),
        _ => Err("not here".to_owned()),
    };
    let ways = dr_post::Ways::new(&plan.alerts, &may_mail, &secrets, runtime.handle());
    assert_eq!(ways.channels(), BY_MAIL);
    let sent = bench.outbox.send(&ways, at(0), &mut |_| {}).unwrap();
    assert_eq!(
        sent.failed[0].error.split_once(": ").unwrap().1,
        "the plan does not allow mail to that address's domain"
    );
    assert_eq!(server.got()[0]["to"], serde_json::json!(["a.ash@hazelbank.example"]));
    let mail = &server.mails()[0];
    assert_eq!(mail["parts"][0]["text"].as_str().unwrap().trim_end(), message.text);
    assert!(mail["longest"].as_u64().unwrap() <= 998, "{}", mail["longest"]);
}

fn sent_event(message: &str, attempts: u32) -> Event {
    Event::MessageSent { message: message.to_owned(), channel: ChannelKind::Smtp, attempts }
}

#[test]
fn a_server_that_wants_starttls_and_the_old_login_gets_both() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&["tls=start", "login=LOGIN"]);
    let mut smtp = bench.smtps(server.port);
    smtp.url = format!("smtp://localhost:{}", server.port);
    bench.alerts.smtp = Some(smtp);
    bench.queue(&alert("a"), BY_MAIL);
    assert_eq!(bench.send(at(0)).sent.len(), 1);
    assert_eq!((&server.got()[0]["encrypted"], &server.got()[0]["login"]), (&true.into(), &"LOGIN".into()));
    assert_eq!(server.mails()[0]["type"], "text/plain");
}

#[test]
fn a_server_that_wants_a_token_gets_it_and_says_so_when_it_is_the_wrong_one() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&["tls=wrap", "login=XOAUTH2"]);
    let mut smtp = bench.smtps(server.port);
    smtp.auth = SmtpAuth::Xoauth2;
    bench.alerts.smtp = Some(smtp.clone());
    bench.queue(&alert("a"), BY_MAIL);
    assert_eq!(bench.failure(at(0)), "the mail server refused the token");
    smtp.password = Some(bench.secret_at("token"));
    bench.alerts.smtp = Some(smtp);
    assert_eq!(bench.send(at(60)).sent.len(), 1);
    assert_eq!(server.got()[0]["login"], "XOAUTH2");
}

#[test]
fn the_clear_is_used_to_this_machine_and_without_a_password_only() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    let mut smtp = bench.plain(server.port);
    smtp.user = Some("dr".to_owned());
    smtp.password = Some(bench.secret_at("password"));
    bench.alerts.smtp = Some(smtp);
    bench.queue(&alert("a"), BY_MAIL);
    assert_eq!(bench.failure(at(0)), "the mail server offers no encryption (STARTTLS), so nothing was sent");
    bench.alerts.smtp = Some(bench.plain(server.port));
    assert_eq!(bench.send(at(60)).sent.len(), 1);
    assert_eq!(server.got()[0]["encrypted"], false);
}

#[test]
fn a_webmail_address_a_missing_and_a_refused_one_are_named_and_the_others_get_it() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    server.behave("refuse:s.rowan@hazelbank.example");
    let mut message = alert("a");
    message.to.push(person("oak", "J. Oak", Some("j.oak@gmail.example")));
    message.to.push(person("elm", "R. Elm", None));
    message.to.push(person("rowan", "S. Rowan", Some("s.rowan@hazelbank.example")));
    message.to.push(person("ash-2", "A. Ash", Some("a.ash@hazelbank.example")));
    bench.queue(&message, BY_MAIL);
    let sent = bench.send(at(0));
    assert_eq!((sent.sent.len(), sent.left), (1, 0));
    let why = "not to oak: the plan does not allow mail to that address's domain; not to elm: the plan has no mail \
               address; not to rowan: the mail server refused the address (550)";
    assert_eq!(sent.failed[0].error, why);
    assert!(sent.failed[0].given_up);
    assert_eq!(server.got()[0]["to"], serde_json::json!(["a.ash@hazelbank.example"]));
    assert!(!server.mails()[0]["headers"]["to"].as_str().unwrap().contains("gmail"));
    assert_eq!(bench.events.len(), 2);
}

#[test]
fn whom_the_server_puts_off_gets_it_later_and_the_others_once() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    server.behave("later:j.oak@hazelbank.example");
    let mut message = alert("a");
    message.to.push(person("oak", "J. Oak", Some("j.oak@hazelbank.example")));
    bench.queue(&message, BY_MAIL);
    assert_eq!(bench.failure(at(0)), "the mail server wants to be asked again later (450)");
    assert_eq!(bench.outbox.waiting().unwrap()[0].ways[0].reached.len(), 1);
    server.behave("");
    assert_eq!(bench.send(at(3600)).sent.len(), 1);
    let to: Vec<_> = server.got().iter().map(|mail| mail["to"].clone()).collect();
    assert_eq!(to, [serde_json::json!(["a.ash@hazelbank.example"]), serde_json::json!(["j.oak@hazelbank.example"])]);
    let mails = server.mails();
    assert_eq!(mails[0]["headers"]["message-id"], mails[1]["headers"]["message-id"]);
    assert_eq!(mails[0]["headers"]["to"], mails[1]["headers"]["to"]);
}

#[test]
fn a_message_for_nobody_who_can_be_mailed_stays_and_says_so() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    let mut message = alert("a");
    message.to = vec![person("oak", "J. Oak", Some("j.oak@outlook.example"))];
    bench.queue(&message, BY_MAIL);
    let words = "nobody could be mailed: not to oak: the plan does not allow mail to that address's domain";
    assert_eq!(bench.failure(at(0)), words);
    assert_eq!(bench.outbox.waiting().unwrap().len(), 1);
    assert!(server.got().is_empty());
}

#[test]
fn a_heading_that_holds_a_line_break_begins_no_other_heading() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    let mut message = alert("a\r\nBcc: x@y.example");
    message.subject = "one\r\nBcc: s.rowan@evil.example\r\n\r\nbody".to_owned();
    message.school = "Hazel\nBank".to_owned();
    message.to[0].name = "A.\r\nBcc: s.rowan@evil.example".to_owned();
    bench.queue(&message, BY_MAIL);
    assert_eq!(bench.send(at(0)).sent.len(), 1);
    let mail = &server.mails()[0];
    assert!(mail["headers"].get("bcc").is_none(), "{mail}");
    assert_eq!(mail["headers"]["subject"], "one  Bcc: s.rowan@evil.example    body");
    assert_eq!(server.got()[0]["to"], serde_json::json!(["a.ash@hazelbank.example"]));
}

#[test]
fn a_trial_says_what_came_of_each_way_with_what_helps_whoever_sits_there() {
    let mut bench = Bench::new();
    let server = bench.mail_server(&[]);
    let web = bench.web_server(&[]);
    bench.alerts.smtp = Some(bench.plain(server.port));
    bench.alerts.webhook = Some(bench.hook(web.port));
    let to = [person("ash", "A. Ash", Some("a.ash@hazelbank.example")), person("elm", "R. Elm", None)];
    let outcomes = bench.with_ways(|ways| dr_post::try_out(ways, &to, "Hazel Bank", at(0)));
    let half = "it went out, but not to elm: the plan has no mail address".to_owned();
    assert_eq!(outcomes, [(ChannelKind::Smtp, Err(half)), (ChannelKind::Webhook, Ok(()))]);
    assert_eq!(server.mails()[0]["headers"]["subject"], "[TEST] Hazel Bank – backups can send you messages");
    assert_eq!(web.got().len(), 1);
    let mut smtp = bench.plain(server.port);
    smtp.user = Some("dr".to_owned());
    smtp.password = Some(SecretRef::Env("DR_SMTP".to_owned()));
    bench.alerts.smtp = Some(smtp);
    let outcomes = bench.with_ways(|ways| dr_post::try_out(ways, &to[..1], "Hazel Bank", at(0)));
    let detail = "the mail account's password cannot be read where the plan says it is: not here".to_owned();
    assert_eq!(outcomes[0].1, Err(detail));
}
