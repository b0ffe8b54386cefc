//! Names of pupils, files, hosts, buckets, commands and secrets are planted wherever something could leak them: into the
//! plan's paths and addresses, and into everything that runs wrote. No document for people may show one.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{
    ChannelKind, CheckKind, CopyOutcome, Digest, Event, MessageKind, PlannedCopy, RehearsalVerdict, RunId,
};
use dr_plan::{Hook, Period, SecretRef, Smtp, SmtpAuth, Source};
use dr_report::{
    Answer, Facts, SchoolRow, alert_words, alerts, eml, export, letter, reminders, schools_text, status, status_text,
};
use world::{SYSTEMS, World, at};

/// Plants them in the plan.
fn planted() -> World {
    let mut world = World::autumn_of(|text| {
        text.replace("url = \"offsite\"", "url = \"file:///mnt/canary-host/canary-bucket\"")
            .replace("url = \"nas\"", "url = \"/mnt/canary-nas\"")
            .replace("mount = \"disks\"", "mount = \"/media/canary-mount\"")
    });
    for system in &mut world.plan.systems {
        let hook = Hook {
            run: vec!["/opt/canary-hook".into(), "Pupil-Canary".into()],
            timeout: Period::parse("2m").unwrap(),
            optional: false,
        };
        system.before.push(hook);
        if let Source::Files { paths, exclude, .. } = &mut system.source {
            *paths = vec!["/srv/canary/Pupil-Canary".into()];
            exclude.push("*canary*".into());
        }
    }
    for person in world.plan.people.values_mut() {
        (person.login, person.phone) = (Some("canary-login".into()), Some("CANARY-PHONE".into()));
    }
    world.plan.alerts.smtp = Some(Smtp {
        url: "smtps://canary-host.example:465".into(),
        user: Some("canary-user".into()),
        password: Some(SecretRef::Env("CANARY_PASSWORD".into())),
        auth: SmtpAuth::Password,
        from: None,
        ca: Some("/etc/canary.pem".into()),
    });
    world.plan.alerts.webhook = Some(SecretRef::File("/etc/canary-webhook".into()));
    world.plan.alerts.ping = Some(SecretRef::Command(vec!["canary-ping".into()]));
    world
}

/// Everything goes wrong, and says so with names in it.
fn trouble(world: &mut World) {
    let noted = [
        "canary-bucket is full",
        "canary-host: it could not be reached, read or written",
        "the source is missing: /srv/canary/Pupil-Canary",
        "the export is stale: canary.zip",
        "no words that anybody knows: hunter2-canary",
    ];
    for (id, noted) in SYSTEMS.iter().zip(noted) {
        world.fail(id, "nas", at("2026-11-20T06:00"), noted);
    }
    world.add(at("2026-11-20T06:10"), Event::Note { text: "canary-note about Pupil-Canary.docx".into() });
    let killed = Event::RunKilled { run: RunId("canary-run".into()), system: world::system("website") };
    world.add(at("2026-11-20T06:11"), killed);
    let lost = Event::MediumLost { medium: world::medium("disk-1"), by: "elm".to_owned().try_into().unwrap() };
    world.add(at("2026-11-20T06:12"), lost);
    world.rehearse("2026-11-20T06:13", &["admin"], RehearsalVerdict::Failed);
    world.look("nas", None, Some("email"), None, CheckKind::ReadData, at("2026-11-20T06:14"), false);
    let message = || "canary-message".to_owned();
    let queued = Event::MessageQueued {
        message: message(),
        kind: MessageKind::Letter,
        about: "canary-about".into(),
        to: vec!["ash".to_owned().try_into().unwrap()],
    };
    world.add(at("2026-11-20T01:00"), queued);
    let failed = Event::MessageFailed {
        message: message(),
        channel: ChannelKind::Smtp,
        error: "canary-host said hunter2-canary".into(),
        attempts: 1,
        given_up: false,
        persons: Vec::new(),
    };
    world.add(at("2026-11-20T01:01"), failed);
    let copy = |keep: u32| PlannedCopy {
        system: world::system("curriculum"),
        target: world::target("nas"),
        schedule: "daily at 19:30".into(),
        keep: [("daily".to_owned(), keep)].into(),
        within_hours: None,
        max_age_hours: None,
    };
    for (hour, keep) in [("02:00", 14), ("03:00", 2)] {
        let event = Event::PlanRead { plan_blake3: Digest::of(b"canary"), copies: vec![copy(keep)] };
        world.add(at(&format!("2026-11-20T{hour}")), event);
    }
    for id in SYSTEMS {
        world.run(id, "disks", at("2026-11-20T06:20"), CopyOutcome::Awaited);
    }
}

#[test]
fn no_document_for_people_shows_what_was_planted() {
    let mut world = planted();
    trouble(&mut world);
    let answer = Answer { code: "ABCDE-FGHJK".into(), until: at("2026-11-27T12:00") };
    let mut documents: Vec<(String, String)> = Vec::new();
    for now in ["2026-11-20T07:30", "2026-11-20T15:30", "2026-11-23T07:30", "2026-11-27T07:30"] {
        let given = world.given(now);
        let mut add = |name: &str, text: String| documents.push((format!("{name} {now}"), text));
        let letter = letter(&given, 47, Some(&answer)).unwrap();
        let mail = eml(&letter, "dr@hazelbank.example", &["head@hazelbank.example".into()], "47@x.example", at(now));
        add("letter", format!("{}\n{}\n{}", letter.subject, letter.text, letter.html));
        add("mail", String::from_utf8(mail.unwrap()).unwrap());
        let told = alerts(&given);
        for alert in &told.begin {
            let words = alert_words(&given, alert).with_answer(&world.plan, &answer);
            add("alert", format!("{alert:?}\n{}\n{}", words.subject, words.text));
            let event = Event::AlertRaised {
                alert: alert.key.clone(),
                rule: alert.rule.clone(),
                system: alert.system.clone(),
                status: alert.status,
                cause: alert.cause.clone(),
                to: alert.to.clone(),
                step: alert.step,
                systems: alert.systems.clone(),
                of: Some(alert.of.clone()),
            };
            add("event", serde_json::to_string(&event).unwrap());
        }
        for reminder in reminders(&given) {
            add("reminder", format!("{reminder:?}"));
        }
        let table = export(&given);
        add(
            "export",
            format!("{}{}{}", table.markdown(), table.html().unwrap(), serde_json::to_string(&table).unwrap()),
        );
        let report = status(&given);
        add("status", status_text(&report, &Facts::of(&given), &world.plan));
        add("status json", serde_json::to_string_pretty(&report).unwrap());
        add("schools", schools_text(&[SchoolRow::of(&report)]));
    }
    // It is no proof of silence if nothing was said.
    let count = |kind: &str| documents.iter().filter(|(name, _)| name.starts_with(kind)).count();
    assert!(
        count("alert") >= 20 && count("reminder") >= 3,
        "{} alerts, {} reminders",
        count("alert"),
        count("reminder")
    );
    for (name, text) in &documents {
        let text = text.to_lowercase();
        if let Some(place) = text.find("canary").or_else(|| text.find("hunter2")) {
            let from = text.floor_char_boundary(place.saturating_sub(120));
            panic!("{name}: {}", &text[from..text.ceil_char_boundary(place + 80)]);
        }
    }
}
