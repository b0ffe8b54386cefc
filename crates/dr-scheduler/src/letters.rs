//! Is a letter due, and how does it become files and messages?

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dr_ledger::{Entry, Event, MessageKind};
use dr_plan::{PersonId, Plan, Role};
use dr_post::Recipient;
use dr_report::{Letter, LetterError, eml};
use dr_run::School;
use jiff::Timestamp;

use crate::error::RoundError;

/// The turn of the weekly letter that is due at `now`, if one is: only the newest, so that a machine that slept for six
/// weeks writes one letter, and none for a time before anything was begun. `entries`: what is evidence at `now`.
#[must_use]
pub fn letter_due(plan: &Plan, entries: &[Entry], now: Timestamp) -> Option<Timestamp> {
    let began = entries.iter().find_map(|entry| match &entry.event {
        Event::Initialised { .. } | Event::RunStarted { .. } => Some(entry.decided).filter(|_| entry.has_come(now)),
        _ => None,
    })?;
    let slot = plan.report.weekly.last_slot_at_or_before(now, &plan.school.timezone)?;
    (began < slot && !was_sent(entries, slot, now)).then_some(slot)
}

/// Whether a letter was put into the outbox and noted as written since `slot`. One that somebody had written by hand is
/// another one: the day's own is always sent.
fn was_sent(entries: &[Entry], slot: Timestamp, now: Timestamp) -> bool {
    let queued = |number: u64| {
        let about = format!("letter/{number}");
        entries.iter().rev().any(|entry| {
            matches!(&entry.event, Event::MessageQueued { kind: MessageKind::Letter, about: a, .. } if *a == about)
        })
    };
    entries.iter().rev().filter(|entry| entry.decided >= slot && entry.has_come(now)).any(|entry| match entry.event {
        Event::LetterWritten { number, .. } => queued(number),
        _ => false,
    })
}

/// The people by these ids, as a message needs them. Whoever has left gets nothing.
pub(crate) fn recipients(school: &School, ids: &[PersonId]) -> Vec<Recipient> {
    let today = school.today();
    let there = ids.iter().filter_map(|id| Some((id, school.plan.people.get(id)?)));
    there
        .filter(|(_, person)| person.is_employed(today))
        .map(|(id, person)| Recipient { person: id.clone(), name: person.name.clone(), email: person.email.clone() })
        .collect()
}

/// Who gets the letter: whom the plan names and who is still here. A letter that only leavers would get goes to whoever
/// heads the school and whoever answers for the backups.
pub(crate) fn readers(plan: &Plan, today: jiff::civil::Date) -> Vec<PersonId> {
    let there = |id: &&PersonId| plan.people.get(*id).is_some_and(|person| person.is_employed(today));
    let named: Vec<PersonId> = plan.report.to.iter().filter(there).cloned().collect();
    if !named.is_empty() || plan.report.to.is_empty() {
        return named;
    }
    let heads = [Role::Head, Role::DeputyHead].into_iter().flat_map(|role| plan.with_role(role)).map(|(id, _)| id);
    let mut readers: Vec<PersonId> = heads.filter(there).take(1).cloned().collect();
    readers.extend(plan.answers_for(None, today).filter(|id| !readers.contains(id)).cloned());
    readers
}

/// Writes `letter` into a folder, as page, text and mail; the files, and why there is no mail if there is none.
///
/// # Errors
/// If a file cannot be written; one that is there already is written over, for the number is the letter's own.
pub fn write(
    school: &School,
    letter: &Letter,
    anchor: &str,
    folder: &Path,
) -> Result<(Vec<PathBuf>, Option<LetterError>), RoundError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(RoundError::local("cannot make the folder", folder))?;
    let name = |end: &str| folder.join(format!("letter-{:04}.{end}", letter.number));
    let mut files =
        vec![(name("txt"), letter.text.as_bytes().to_vec()), (name("html"), letter.html.as_bytes().to_vec())];
    let mut why = None;
    match mail(school, letter, anchor) {
        Ok(bytes) => files.push((name("eml"), bytes)),
        Err(none) => why = Some(none),
    }
    for (path, bytes) in &files {
        whole(path, bytes).map_err(RoundError::local("cannot write", path))?;
    }
    Ok((files.into_iter().map(|(path, _)| path).collect(), why))
}

/// Writes a file that is whole or not there.
fn whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("writing");
    match fs::remove_file(&beside) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

fn mail(school: &School, letter: &Letter, anchor: &str) -> Result<Vec<u8>, LetterError> {
    let plan = &school.plan;
    let readers = readers(plan, school.today());
    let people = readers.iter().filter_map(|id| plan.people.get(id));
    let to: Vec<_> = people.filter_map(|p| Some(format!("{} <{}>", quoted(&p.name), p.email.as_ref()?))).collect();
    let first = readers.iter().find_map(|id| plan.people.get(id)?.email.clone());
    let configured = plan.alerts.smtp.as_ref().and_then(|smtp| smtp.from.clone());
    // Without a sender of its own the letter comes from the first who gets it.
    let from = configured.or(first).ok_or(LetterError::Nobody)?;
    let domain = from.trim_end_matches('>').rsplit('@').next().unwrap_or("localhost").to_owned();
    let id = format!("dr-letter-{}.{}@{domain}", letter.number, anchor.get(..16).unwrap_or(anchor));
    eml(letter, &from, &to, &id, school.clock.decided())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace(['"', '\\'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_ledger::{Authenticated, Body};

    fn entry(n: u64, at: &str, event: Event) -> Entry {
        let at: Timestamp = at.parse().unwrap();
        Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event }.numbered(n)
    }

    /// A letter into the outbox, and that it was written.
    fn sent(n: u64, at: &str) -> Vec<Entry> {
        let about = format!("letter/{n}");
        let queued = Event::MessageQueued { message: about.clone(), kind: MessageKind::Letter, about, to: Vec::new() };
        let written = Event::LetterWritten {
            number: n,
            status: dr_ledger::LetterStatus::Green,
            subject: String::new(),
            text_blake3: dr_ledger::Digest::of(b""),
            html_blake3: None,
        };
        vec![entry(2 * n, at, queued), entry(2 * n + 1, at, written)]
    }

    #[test]
    fn a_letter_that_only_leavers_would_get_goes_to_the_head_and_to_who_answers() {
        let people = |leaves: &str| {
            format!(
                "school = 'S'\ncopies = {{ onsite = 'nas' }}\n[systems]\nadmin = 'office'\n[people.ash]\nname = 'A. Ash'\nroles = ['head']\n\
                 [people.oak]\nname = 'J. Oak'\nroles = ['it-lead']\n{leaves}\n[report]\nto = ['oak']\n"
            )
        };
        let readers = |leaves: &str, today: &str| -> Vec<String> {
            let plan = dr_plan::parse(&people(leaves), "dr.toml").unwrap_or_else(|why| panic!("{why:?}"));
            super::readers(&plan, today.parse().unwrap()).iter().map(ToString::to_string).collect()
        };
        assert_eq!(readers("", "2026-11-30"), ["oak"]);
        assert_eq!(readers("leaves = 2026-11-27", "2026-11-27"), ["oak"]);
        assert_eq!(readers("leaves = 2026-11-27", "2026-11-30"), ["ash"]);
    }

    #[test]
    fn a_letter_is_due_once_on_its_day_and_once_after_a_long_sleep() {
        let plan =
            dr_plan::parse("school = 'S'\ncopies = { onsite = 'nas' }\n[systems]\nadmin = 'office'\n", "dr.toml");
        let plan = plan.unwrap();
        let due = |entries: &[Entry], now: &str| {
            letter_due(&plan, entries, now.parse().unwrap()).map(|slot| slot.to_string())
        };
        let begun = entry(1, "2026-11-16T10:00:00Z", Event::Initialised { targets: Vec::new() });
        let begun = std::slice::from_ref(&begun);
        assert_eq!(due(&[], "2026-11-20T08:00:00Z"), None);
        assert_eq!(due(begun, "2026-11-20T07:29:00Z"), None);
        assert_eq!(due(begun, "2026-11-20T07:30:00Z").as_deref(), Some("2026-11-20T07:30:00Z"));
        let one = [begun, &sent(1, "2026-11-20T07:30:10Z")].concat();
        assert_eq!(due(&one, "2026-11-20T07:35:00Z"), None);
        assert_eq!(due(&one, "2027-01-04T09:00:00Z").as_deref(), Some("2027-01-01T07:30:00Z"));
        let two = [one, sent(2, "2027-01-04T09:00:10Z")].concat();
        assert_eq!(due(&two, "2027-01-04T09:05:00Z"), None);
        // Killed before it was noted as written: it is written again, under the same names.
        let killed = [begun, &sent(1, "2026-11-20T07:30:10Z")[..1]].concat();
        assert!(due(&killed, "2026-11-20T07:35:00Z").is_some());
        // One by hand does not keep the day's own from being sent.
        let by_hand = [begun, &sent(1, "2026-11-20T07:31:00Z")[1..]].concat();
        assert!(due(&by_hand, "2026-11-20T07:35:00Z").is_some());
    }
}
