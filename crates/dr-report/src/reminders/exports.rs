//! Whose export is missing or old, in a message to whoever makes it.

use dr_ledger::MessageKind;

use super::Reminder;
use super::ladder::Rung;
use crate::alerts::present;
use crate::facts::{Facts, Given};
use crate::findings::{Finding, findings};
use crate::words;

const WIDTH: usize = 80;
const INDENT: usize = 9;

pub(super) fn reminders(given: &Given<'_>, facts: &Facts) -> Vec<Reminder> {
    let found = findings(given, facts);
    let wanted = found.iter().filter(|finding| finding.rule == "export" && finding.accepted.is_none());
    wanted.filter_map(|finding| reminder(given, facts, finding)).collect()
}

fn reminder(given: &Given<'_>, facts: &Facts, finding: &Finding) -> Option<Reminder> {
    let plan = given.plan;
    let system = plan.system(finding.system.as_ref()?)?;
    let noticed = finding.since.unwrap_or(given.now).to_zoned(plan.school.timezone.clone());
    // What is noticed when school is over is for the next morning.
    let day = if noticed.time() < plan.school.hours.until { noticed.date() } else { noticed.date().tomorrow().ok()? };
    let due = given.calendar.operating_days_after(day, 0)?;
    let rung = Rung::of(given.calendar, due, facts.today)?;
    let maker =
        system.source.maker().filter(|id| plan.people.get(*id).is_some_and(|person| person.is_employed(facts.today)));
    let owner = plan.answers_for(Some(system), facts.today);
    let asked = present(plan, &maker.or(owner).into_iter().cloned().collect::<Vec<_>>(), facts.today);
    let (who, others) = match maker {
        Some(maker) if rung.is_late() => (asked.first().or(Some(maker)), owner.into_iter().cloned().collect()),
        _ => (asked.first().or(owner), Vec::new()),
    };
    let title = words::plain(&system.title);
    let school = words::clip(&plan.school.name, 40);
    let subject = words::clip(&format!("[EXPORT] {school} - {title}: {}", finding.short), 78);
    let name = who.map_or_else(|| "To whom it concerns".to_owned(), |id| words::plain(&words::name(plan, id)));
    let cause = words::plain(&finding.cause);
    let mut lines = words::wrap(&format!("{name}: {title}: {cause}."), WIDTH, 0);
    lines.push(String::new());
    let mut say = |label: &str, text: &str| {
        lines.extend(words::wrap(&format!("{label:<INDENT$}{}", words::plain(text)), WIDTH, INDENT));
    };
    say("To do", &format!("{}.", finding.next));
    say("By", &format!("{}, before school is over.", words::day(facts.today)));
    say("Risk", &format!("{}.", finding.risk));
    say("Away?", "If you are away, ask whoever stands in for you to do it today.");
    say("If not", "Until it is done more people are asked, the head last.");
    Some(Reminder {
        kind: MessageKind::Export,
        about: format!("export/{}/{due}{}", system.id, rung.suffix()),
        to: rung.asked(plan, who, &others),
        subject,
        text: lines.join("\n") + "\n",
    })
}
