//! Does this version do what the plan says? What it cannot do yet is said, never passed over.

use super::Found;
use crate::plan::KeyMode;
use crate::source::Source;
use crate::target::scheme_of;

/// What a system that is not read is shown as.
const NOT_KNOWN: &str = "it is shown NOT KNOWN, never green";

pub(super) fn look(found: &mut Found<'_>) {
    let (plan, today) = (found.plan, found.today);
    for system in &plan.systems {
        if let Source::Saas { supplier, .. } = &system.source {
            found.warning(
                "declared",
                Some(system),
                format!(
                    "{} is held by {supplier}: this version only repeats what they declare; {NOT_KNOWN}",
                    system.title,
                ),
            );
        } else if !system.source.runs() {
            found.warning(
                "not-run",
                Some(system),
                format!(
                    "{} is a {} source, which this version cannot read yet; {NOT_KNOWN}",
                    system.title,
                    system.source.kind(),
                ),
            );
        }
        if system.sensitive {
            found.warning("sensitive", Some(system), format!(
                "{} is marked sensitive, but this version has no keys of its own for it: whoever can restore can restore this too",
                system.title,
            ));
        }
    }
    for (id, target) in &plan.targets {
        if let Some(url) = target.url().filter(|_| target.local_path().is_none()) {
            found.warning("not-run", None, format!(
                "target {id} is a {} store, which this version cannot write to yet: no copy is made there, and none is counted",
                scheme_of(url),
            ));
        }
        if target.lock.is_some() && target.local_path().is_some() {
            found.warning(
                "lock",
                None,
                format!("target {id} is a folder, which cannot lock what it keeps: `lock` does nothing there"),
            );
        }
    }
    if plan.keys.mode == KeyMode::Full {
        found.warning(
            "keys",
            None,
            "this host may read its old backups (keys.mode = \"full\"): whoever takes it can too".to_owned(),
        );
    }
    if plan
        .school
        .calendar
        .as_ref()
        .is_some_and(|file| file.extension().is_some_and(|end| end.eq_ignore_ascii_case("ics")))
    {
        found.error("calendar", None, "this version reads a calendar in TOML only, not an .ics file".to_owned());
    }
    for exception in &plan.exceptions {
        let system = plan.system(&exception.system);
        if exception.until < today {
            found.warning(
                "exception",
                system,
                format!(
                    "the gap `{}` was accepted until {} only: {}",
                    exception.rule, exception.until, exception.reason,
                ),
            );
        }
    }
}
