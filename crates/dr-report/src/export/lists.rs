//! What else a policy says about its backups: the document, the places, who carries, what was accepted, what is missing.

use dr_plan::{Class, PersonId, Plan};

use super::Labelled;
use crate::facts::{Facts, Given};
use crate::findings::exceptions as accepted;
use crate::status::StatusReport;
use crate::words;

fn labelled(label: impl Into<String>, text: impl AsRef<str>) -> Labelled {
    Labelled { label: label.into(), text: words::plain(text.as_ref()) }
}

/// The six fields that both policies begin with. A blank is said to be one.
pub(super) fn document(plan: &Plan) -> Vec<Labelled> {
    let document = &plan.document;
    let date = |date: Option<jiff::civil::Date>| date.map(|date| date.strftime("%-d %B %Y").to_string());
    let fields = [
        ("Version", document.version.clone()),
        ("Date issued", date(document.issued)),
        ("Committee", document.committee.clone()),
        ("Date adopted", date(document.adopted)),
        ("Minute", document.minute.clone()),
        ("Review", date(document.review)),
    ];
    fields.map(|(label, text)| labelled(label, text.as_deref().unwrap_or("not recorded"))).into()
}

/// Where each class of copy is.
pub(super) fn places(plan: &Plan) -> Vec<Labelled> {
    let count = |class: Class| plan.targets.values().filter(|target| target.class == class).count();
    let kinds = [
        (Class::Onsite, "On site", "in the school, always connected"),
        (Class::Offsite, "Off site", "in another building, always connected"),
        (Class::Cloud, "Cloud", "with a provider, always connected"),
    ];
    let fixed = kinds.into_iter().filter(|(class, ..)| count(*class) > 0).map(|(class, label, what)| {
        labelled(label, format!("{}, {what}", words::count(count(class), "place", "places")))
    });
    let pools =
        plan.targets.values().filter_map(|target| plan.pools.get_key_value(target.pool()?)).map(|(id, pool)| {
            let rest = pool.place.as_ref().and_then(|place| plan.places.get(place));
            let rest = rest.map_or_else(
                || "kept by whoever carries them".to_owned(),
                |place| match place.class {
                    dr_plan::PlaceClass::Offsite => format!("kept at {}, in another building", place.name),
                    dr_plan::PlaceClass::Onsite => format!("kept at {}, in the school", place.name),
                },
            );
            let disks = words::count(usize::try_from(pool.media).unwrap_or(usize::MAX), "disk", "disks");
            labelled(format!("Disks ({id})"), format!("{disks}, offline while away; {rest}"))
        });
    fixed.chain(pools).collect()
}

/// Who changes the media, and who stands in.
pub(super) fn rotation(given: &Given<'_>, facts: &Facts) -> Vec<Labelled> {
    let plan = given.plan;
    let name = |id: &PersonId| words::name(plan, id);
    plan.pools
        .iter()
        .map(|(id, pool)| {
            let names: Vec<String> = pool.custodians.iter().map(name).collect();
            let who = match names.as_slice() {
                [] => "nobody is named".to_owned(),
                [one] => format!("{one}; nobody stands in"),
                [first, rest @ ..] => {
                    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
                    format!("{first}; stands in: {}", words::list(&rest, 6))
                }
            };
            let of = facts.disks.iter().find(|disks| disks.pool == *id);
            let held = of.map(|of| format!("{} of {} registered", of.registered, of.wanted)).unwrap_or_default();
            let lost = of.map_or(0, |of| of.lost.len());
            let lost = if lost > 0 { format!(", {lost} LOST") } else { String::new() };
            labelled(format!("Disks ({id})"), format!("changed {}, by {who}. {held}{lost}.", pool.rotate))
        })
        .collect()
}

/// Gaps that are accepted now, in the plan or in the ledger.
pub(super) fn exceptions(given: &Given<'_>, facts: &Facts, report: &StatusReport) -> Vec<String> {
    let plan = given.plan;
    let title = |id: &dr_plan::SystemId| plan.system(id).map_or_else(|| id.to_string(), |system| system.title.clone());
    let live = plan.exceptions.iter().filter(|exception| exception.until >= facts.today);
    let mut lines: Vec<String> = live
        .map(|exception| {
            let (system, until) = (title(&exception.system), words::short_day(exception.until, facts.today));
            let who = words::name(plan, &exception.approver);
            format!("{system}: {}, until {until}, accepted by {who}: {}", exception.rule, exception.reason)
        })
        .collect();
    lines.extend(accepted(given).into_iter().filter_map(|(key, until, by)| {
        let finding = report.findings.iter().find(|finding| finding.key == key && finding.accepted.is_some())?;
        let system = finding.system.as_ref().map_or_else(|| "The school".to_owned(), title);
        let (until, who) = (words::short_day(until, facts.today), by.map(|by| words::name(plan, by)));
        Some(format!("{system}: {}, until {until}, accepted by {}", finding.rule, who.unwrap_or_default()))
    }));
    lines.iter().map(|line| words::plain(line)).collect()
}

/// What nothing here protects.
pub(super) fn not_covered(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for system in &plan.systems {
        match system.source.supplier() {
            Some(supplier) => {
                let name = &supplier.name;
                lines.push(format!("{}: held by {name}, declared by them, not tested by us", system.title));
            }
            None if !system.source.runs() => lines.push(format!("{}: this version cannot read it", system.title)),
            None => {}
        }
    }
    lines.push("Whatever is not in the table above.".to_owned());
    lines.iter().map(|line| words::plain(line)).collect()
}
