//! The whole plan as TOML, nothing left to defaults: it reads back as the same plan.

use std::fmt::Write as _;
use std::path::Path;

use crate::days::{day_name, time_text};
use crate::expect::{Expect, ExpectedPage};
use crate::parse::values::SPEEDS;
use crate::plan::{Cadence, Document, KeyMode, Level, Person, PlaceClass, Plan, SecretRef, SmtpAuth};
use crate::retention::Retention;
use crate::schedule::Schedule;
use crate::source::{FileType, Server, Source, Supplier, Website};
use crate::system::{Hook, System};
use crate::target::{Bandwidth, Class, Pool, Scheme, Shift, Target};

/// The expansion of a plan. Paths that are not UTF-8 cannot come from a plan's text, so none is lost.
#[must_use]
pub fn show_full(plan: &Plan) -> String {
    let mut out = Out::default();
    out.line("version", "1");
    out.path("state", plan.state.as_deref());
    out.head("school");
    out.text("name", &plan.school.name);
    out.text("timezone", plan.school.timezone.iana_name().unwrap_or("UTC"));
    out.path("calendar", plan.school.calendar.as_deref());
    out.text("hours", plan.school.hours);
    out.line("sample", &plan.school.sample.to_string());
    out.head("keys");
    out.text("mode", if plan.keys.mode == KeyMode::Full { "full" } else { "write-only" });
    out.some("unlock", plan.keys.unlock.as_ref().map(secret));
    for (id, person) in &plan.people {
        out.head(&format!("people.{id}"));
        out.person(person);
    }
    for (id, place) in &plan.places {
        out.head(&format!("places.{id}"));
        out.text("name", &place.name);
        out.text("class", if place.class == PlaceClass::Offsite { "offsite" } else { "onsite" });
        out.texts("keyholders", &place.keyholders);
    }
    for (id, target) in &plan.targets {
        out.head(&format!("targets.{id}"));
        out.target(target);
    }
    for (id, pool) in &plan.pools {
        out.head(&format!("pools.{id}"));
        out.pool(pool);
    }
    for system in &plan.systems {
        out.head(&format!("systems.{}", system.id));
        out.system(system);
    }
    out.head("report");
    out.text("weekly", moment(&plan.report.weekly));
    out.texts("to", &plan.report.to);
    out.alerts(plan);
    out.head("checks");
    out.text("nightly", plan.checks.nightly);
    out.head("rehearsals");
    out.text("sample", word(Cadence::ALL, plan.rehearsals.sample));
    out.text("full", word(Cadence::ALL, plan.rehearsals.full));
    out.text("level", word(Level::ALL, plan.rehearsals.level));
    if let Some(file) = &plan.runbook {
        out.head("runbook");
        out.path("file", Some(file));
    }
    if plan.document != Document::default() {
        out.head("document");
        let Document { version, issued, committee, adopted, minute, review } = &plan.document;
        for (key, text) in [("version", version), ("committee", committee), ("minute", minute)] {
            out.some(key, text.as_ref());
        }
        for (key, date) in [("issued", issued), ("adopted", adopted), ("review", review)] {
            if let Some(date) = date {
                out.line(key, &date.to_string());
            }
        }
    }
    for exception in &plan.exceptions {
        out.0.push_str("\n[[exceptions]]\n");
        out.text("system", &exception.system);
        out.text("rule", &exception.rule);
        out.text("reason", &exception.reason);
        out.text("approver", &exception.approver);
        out.line("until", &exception.until.to_string());
    }
    out.0
}

fn expect(expect: &Expect) -> String {
    let Expect { say, ask, within, at_least, equals, newer_than } = expect;
    inline([
        Some(("say", quoted(say))),
        Some(("ask", quoted(ask))),
        within.map(|percent| ("within", quoted(format!("{percent}%")))),
        at_least.map(|least| ("at-least", least.to_string())),
        equals.as_ref().map(|equals| ("equals", quoted(equals))),
        newer_than.map(|newer| ("newer-than", quoted(newer))),
    ])
}

fn expected_page(expected: &ExpectedPage) -> String {
    let ExpectedPage { say, page, contains } = expected;
    inline([("say", say), ("page", page), ("contains", contains)].map(|(key, value)| Some((key, quoted(value)))))
}

/// A text as TOML writes it.
fn quoted(text: impl ToString) -> String {
    toml::Value::String(text.to_string()).to_string()
}

fn quoted_path(path: &Path) -> String {
    quoted(path.to_string_lossy())
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// An inline table of the parts that are there.
fn inline(parts: impl IntoIterator<Item = Option<(&'static str, String)>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", parts.join(", "))
}

fn word<T: PartialEq + Copy>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, other)| *other == value).map_or("", |(word, _)| word)
}

fn moment(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Weekly { on, at } => {
            format!("{} {}", on.iter().next().map_or("", day_name), time_text(*at))
        }
        other => other.to_string(),
    }
}

fn secret(secret: &SecretRef) -> String {
    match secret {
        SecretRef::Credential(name) => format!("credential:{name}"),
        SecretRef::File(path) => format!("file:{}", path.to_string_lossy()),
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::Command(run) => format!("command:{}", run.join(" ")),
    }
}

fn bandwidth(bandwidth: Bandwidth) -> String {
    match bandwidth {
        Bandwidth::Unlimited => "unlimited".to_owned(),
        Bandwidth::HalfInHours => "half-in-hours".to_owned(),
        Bandwidth::BytesPerSecond(speed) => SPEEDS
            .iter()
            .find(|(_, bytes)| speed % bytes == 0)
            .map_or(String::new(), |(unit, bytes)| format!("{} {unit}", speed / bytes)),
    }
}

fn retention(retention: &Retention) -> String {
    let count = |key, count: u32| (count > 0).then(|| (key, count.to_string()));
    inline([
        count("last", retention.last),
        count("hourly", retention.hourly),
        count("daily", retention.daily),
        count("weekly", retention.weekly),
        count("monthly", retention.monthly),
        count("yearly", retention.yearly),
        retention.within.map(|within| ("within", quoted(within))),
        retention.max_age.map(|age| ("max-age", quoted(age))),
    ])
}

/// What the plan says of where a system's data are, in one form however it was written.
#[must_use]
pub fn show_source(of: &System) -> String {
    source(&of.source)
}

fn source(source: &Source) -> String {
    let kind = Some(("kind", quoted(source.kind())));
    let at = |path: &Path| Some(("path", quoted_path(path)));
    let asked = |named: &'static str, server: &Server| {
        let password = server.password.as_ref().map(|password| ("password", quoted(secret(password))));
        let programs = server.programs.as_ref().map(|path| ("programs", quoted_path(path)));
        [Some((named, quoted(&server.url))), password, programs]
    };
    match source {
        Source::Files { paths, exclude, one_file_system } => inline([
            kind,
            Some(("paths", list(paths.iter().map(|path| quoted_path(path))))),
            Some(("exclude", list(exclude.iter().map(quoted)))),
            Some(("one-file-system", one_file_system.to_string())),
        ]),
        Source::Sqlite { path } | Source::Maildir { path } => inline([kind, at(path)]),
        Source::Postgres(server)
        | Source::Mariadb(server)
        | Source::Imap(server)
        | Source::Website(Website::Away(server)) => inline([kind].into_iter().chain(asked("url", server))),
        Source::Website(Website::Here { path, exclude, database }) => {
            let exclude = (!exclude.is_empty()).then(|| ("exclude", list(exclude.iter().map(quoted))));
            inline([kind, at(path), exclude].into_iter().chain(asked("database", database)))
        }
        Source::Command { run, name } => {
            inline([kind, Some(("run", list(run.iter().map(quoted)))), Some(("name", quoted(name)))])
        }
        Source::Drop { path, name, fresh, settled, shrink, content, maker, marker, facts, databases } => inline([
            kind,
            at(path),
            Some(("name", quoted(name))),
            Some(("fresh", quoted(fresh))),
            Some(("settled", quoted(settled))),
            Some(("shrink", shrink.to_string())),
            content.map(|content| ("type", quoted(word(FileType::ALL, content)))),
            maker.as_ref().map(|maker| ("maker", quoted(maker))),
            marker.as_ref().map(|marker| ("marker", quoted(marker))),
            facts.as_ref().map(|facts| ("facts", quoted(facts))),
            (!databases.is_empty()).then(|| ("databases", list(databases.iter().map(quoted)))),
        ]),
        Source::Saas(Supplier { name, rpo, rto, contract, checked }) => inline([
            kind,
            Some(("supplier", quoted(name))),
            rpo.map(|rpo| ("rpo", quoted(rpo))),
            rto.map(|rto| ("rto", quoted(rto))),
            contract.map(|date| ("contract", date.to_string())),
            checked.map(|date| ("checked", date.to_string())),
        ]),
    }
}

fn hook(hook: &Hook) -> String {
    inline([
        Some(("run", list(hook.run.iter().map(quoted)))),
        Some(("timeout", quoted(hook.timeout))),
        hook.optional.then(|| ("optional", "true".to_owned())),
    ])
}

/// The text so far.
#[derive(Default)]
struct Out(String);

impl Out {
    fn line(&mut self, key: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn head(&mut self, table: &str) {
        let _ = writeln!(self.0, "\n[{table}]");
    }

    fn text(&mut self, key: &str, text: impl ToString) {
        self.line(key, &quoted(text));
    }

    fn some(&mut self, key: &str, text: Option<impl ToString>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn path(&mut self, key: &str, path: Option<&Path>) {
        self.some(key, path.map(Path::to_string_lossy));
    }

    fn texts<T: ToString>(&mut self, key: &str, texts: &[T]) {
        self.line(key, &list(texts.iter().map(|text| quoted(text.to_string()))));
    }

    fn person(&mut self, person: &Person) {
        self.text("name", &person.name);
        self.some("email", person.email.as_ref());
        self.some("phone", person.phone.as_ref());
        self.some("phone-ooh", person.phone_ooh.as_ref());
        self.some("login", person.login.as_ref());
        self.line("roles", &list(person.roles.iter().map(|role| quoted(role.as_str()))));
        for (key, date) in [("starts", person.starts), ("leaves", person.leaves)] {
            if let Some(date) = date {
                self.line(key, &date.to_string());
            }
        }
        let absences =
            person.absences.iter().map(|absence| format!("{{ from = {}, until = {} }}", absence.from, absence.until));
        self.line("absences", &list(absences));
        self.some("deputy", person.deputy.as_ref());
    }

    fn target(&mut self, target: &Target) {
        let Some(url) = target.url() else {
            self.some("pool", target.pool());
            return;
        };
        self.text("url", url);
        if target.class != Class::Disk {
            self.text("class", target.class.as_str());
        }
        self.some("lock", target.lock);
        self.text("bandwidth", bandwidth(target.bandwidth));
    }

    fn pool(&mut self, pool: &Pool) {
        self.text("scheme", word(Scheme::ALL, pool.scheme));
        self.line("media", &pool.media.to_string());
        self.text("rotate", &pool.rotate);
        self.text("shift", word(Shift::ALL, pool.shift));
        self.texts("custodians", &pool.custodians);
        self.path("mount", Some(&pool.mount));
        self.some("place", pool.place.as_ref());
    }

    fn system(&mut self, system: &System) {
        self.text("title", &system.title);
        self.line("tier", &system.tier.to_string());
        self.some("owner", system.owner.as_ref());
        self.line("source", &source(&system.source));
        let copies = system.copies.iter().map(|copy| {
            let (target, schedule) = (quoted(&copy.target), quoted(&copy.schedule));
            format!("\n    {{ target = {target}, schedule = {schedule}, retention = {} }}", retention(&copy.retention))
        });
        self.line("copies", &list(copies));
        self.text("rpo", system.rpo);
        self.some("rto", system.rto);
        self.some("mtpd", system.mtpd);
        self.some("max-age", system.max_age);
        self.line("retention", &retention(&system.retention));
        self.hooks("before", &system.before);
        self.hooks("after", &system.after);
        self.text("timeout", system.timeout);
        self.line("sensitive", &system.sensitive.to_string());
        let asked: Vec<_> = system.expect.iter().map(expect).chain(system.pages.iter().map(expected_page)).collect();
        if !asked.is_empty() {
            self.line("expect", &list(asked.iter().map(|one| format!("\n    {one}"))));
        }
    }

    fn hooks(&mut self, key: &str, hooks: &[Hook]) {
        self.line(key, &list(hooks.iter().map(hook)));
    }

    fn alerts(&mut self, plan: &Plan) {
        self.head("alerts");
        self.texts("to", &plan.alerts.to);
        self.texts("domains", &plan.alerts.domains);
        if let Some(smtp) = &plan.alerts.smtp {
            let table = inline([
                Some(("url", quoted(&smtp.url))),
                smtp.user.as_ref().map(|user| ("user", quoted(user))),
                smtp.password.as_ref().map(|password| ("password", quoted(secret(password)))),
                Some(("auth", quoted(word(SmtpAuth::ALL, smtp.auth)))),
                smtp.from.as_ref().map(|from| ("from", quoted(from))),
                smtp.ca.as_ref().map(|ca| ("ca", quoted_path(ca))),
            ]);
            self.line("smtp", &table);
        }
        self.some("webhook", plan.alerts.webhook.as_ref().map(secret));
        if let Some(command) = &plan.alerts.command {
            self.line("command", &hook(command));
        }
        self.some("ping", plan.alerts.ping.as_ref().map(secret));
    }
}
