//! What does a fact about this machine mean for backups, letters and restores? Pure.

use dr_ledger::Ahead;
use jiff::{SignedDuration, Timestamp};

use crate::service::Caller;
use dr_report::shown;

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It works, or it will.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It could not be looked at. Never good.
    CouldNot,
    /// Something will fail.
    Fail,
}

impl Verdict {
    /// For a person.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::CouldNot => "could-not",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is about, in a word or two.
    pub about: String,
    /// How good that is.
    pub verdict: Verdict,
    /// What was found.
    pub said: String,
    /// What to do, unless it is good.
    pub next: Option<String>,
}

fn check(about: impl Into<String>, verdict: Verdict, said: impl Into<String>, next: Option<&str>) -> Check {
    Check { about: about.into(), verdict, said: said.into(), next: next.map(str::to_owned) }
}

/// It is good.
pub fn ok(about: impl Into<String>, said: impl Into<String>) -> Check {
    check(about, Verdict::Ok, said, None)
}

/// Somebody should look at it.
pub fn warn(about: impl Into<String>, said: impl Into<String>, next: &str) -> Check {
    check(about, Verdict::Warn, said, Some(next))
}

/// It will fail.
pub fn fail(about: impl Into<String>, said: impl Into<String>, next: &str) -> Check {
    check(about, Verdict::Fail, said, Some(next))
}

/// Nothing is known.
pub fn could_not(about: impl Into<String>, said: impl Into<String>, next: &str) -> Check {
    check(about, Verdict::CouldNot, said, Some(next))
}

/// Room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that can still be written.
    pub free: u64,
    /// All bytes.
    pub total: u64,
    /// Free names of files and all of them; 0 of 0 where a file system does not count.
    pub names_free: u64,
    /// Names of files that it can hold.
    pub names: u64,
}

const GIB: u64 = 1 << 30;

/// Whether there is room to write. A tenth free is good, less than 256 MiB is nothing.
pub fn room(about: &str, room: Room) -> Check {
    let said = format!("{} free of {}", shown::size(room.free), shown::size(room.total));
    let few_names = room.names > 0 && room.names_free < room.names / 100;
    match () {
        () if room.free < GIB / 4 => fail(about, said, "Make room there: the next copy will not fit."),
        () if few_names => {
            fail(about, format!("{said}, but hardly a file more can be made"), "Remove files there that nobody needs.")
        }
        () if room.free < room.total / 10 && room.free < 20 * GIB => warn(about, said, "Make room there in time."),
        () => ok(about, said),
    }
}

/// Whether a rehearsal finds room for the largest system.
pub fn scratch(room: Room, largest: Option<u64>) -> Check {
    const ABOUT: &str = "scratch";
    let free = shown::size(room.free);
    match largest {
        None => ok(ABOUT, format!("{free} free; how much a rehearsal needs is known after the first backup")),
        Some(bytes) if room.free < bytes.saturating_add(bytes / 10) => fail(
            ABOUT,
            format!("{free} free, the largest system has {}", shown::size(bytes)),
            "Rehearse with --scratch on a larger disk, or give the cache one (DR_CACHE).",
        ),
        Some(bytes) => ok(ABOUT, format!("{free} free, enough for the largest system ({})", shown::size(bytes))),
    }
}

/// Whether the clock can be right: nothing is noted of a time that has not come, or it is over.
pub fn clock(ahead: Option<&Ahead>) -> Check {
    let Some(ahead) = ahead else {
        return ok("clock", "nothing is noted of a time that has not come, or it is over");
    };
    let noted = shown::count(ahead.count as u64, "entry of the ledger is", "entries of the ledger are");
    fail(
        "clock",
        format!(
            "{noted} dated ahead of the clock (number {} to {}, up to {}): it was wrong then, or is wrong now; they count for \
             nothing",
            ahead.first,
            ahead.last,
            ahead.until.strftime("%Y-%m-%d %H:%M UTC")
        ),
        "If it is wrong now, set it, and let it be kept right (systemd-timesyncd or chrony). If it is right, run `dr run`.",
    )
}

/// Whether anything calls dr, and whether that works.
pub fn rounds(now: Timestamp, newest: Option<Timestamp>, callers: &[Caller]) -> Check {
    const ABOUT: &str = "rounds";
    let last = match newest {
        None => "nothing has ever run".to_owned(),
        Some(newest) => {
            let hours = now.duration_since(newest).as_hours();
            if hours < 1 {
                "something happened within the hour".to_owned()
            } else {
                format!("the last thing happened {hours} h ago")
            }
        }
    };
    let silent = newest.is_none_or(|newest| now.duration_since(newest) > SignedDuration::from_hours(26));
    match callers {
        [] => warn(
            ABOUT,
            format!("neither timer, daemon nor cron line of dr's is installed; {last}"),
            "Run `dr service install`, unless something else calls `dr run --due`.",
        ),
        [one] if silent => fail(
            ABOUT,
            format!("the {} is installed, but {last}", one.as_str()),
            "Look why: systemctl status dr.timer dr.service, or cron's mail to root. Then run `dr run --due` by hand.",
        ),
        [one] => ok(ABOUT, format!("called by the {}; {last}", one.as_str())),
        _ => warn(
            ABOUT,
            format!("more than one caller is installed; {last}"),
            "Run `dr service install` for the one that is wanted.",
        ),
    }
}

/// Whether a file of secrets is closed to others.
pub fn closed(about: &str, mode: u32) -> Check {
    match mode & 0o077 {
        0 => ok(about, "found, and only its owner can read it"),
        _ => warn(
            about,
            format!("found, but others can read it (mode {:03o})", mode & 0o777),
            "chmod 600 that file, and change the secret if others had it.",
        ),
    }
}

/// The worst of all.
pub fn worst(checks: &[Check]) -> Verdict {
    checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::CouldNot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_check_that_could_not_run_is_never_good_and_a_failure_is_worse() {
        let (good, unknown) = (ok("a", ""), could_not("b", "", ""));
        assert_eq!(worst(&[good.clone(), unknown.clone()]), Verdict::CouldNot);
        assert_eq!(worst(&[unknown, fail("c", "", ""), good]), Verdict::Fail);
        assert_eq!(worst(&[]), Verdict::CouldNot);
    }

    #[test]
    fn room_ends_with_bytes_or_with_names() {
        let of = |free, total, names_free, names| room("x", Room { free, total, names_free, names }).verdict;
        assert_eq!(of(50 * GIB, 100 * GIB, 9, 10), Verdict::Ok);
        assert_eq!(of(5 * GIB, 100 * GIB, 0, 0), Verdict::Warn);
        assert_eq!(of(GIB / 8, 100 * GIB, 9, 10), Verdict::Fail);
        assert_eq!(of(50 * GIB, 100 * GIB, 9, 1000), Verdict::Fail);
        let room = Room { free: GIB, total: GIB, names_free: 1, names: 1 };
        assert_eq!(scratch(room, None).verdict, Verdict::Ok);
        assert_eq!(scratch(room, Some(GIB)).verdict, Verdict::Fail);
        assert_eq!(scratch(room, Some(GIB / 2)).verdict, Verdict::Ok);
    }

    #[test]
    fn a_clock_before_the_ledger_and_a_silent_timer_are_failures() {
        let now = at("2026-11-20T12:00:00Z");
        let ahead = Ahead { count: 9, first: 12, last: 20, until: at("2030-06-03T20:00:00Z"), behind: false };
        assert_eq!(clock(None).verdict, Verdict::Ok);
        assert_eq!(clock(Some(&ahead)).verdict, Verdict::Fail);
        let (fresh, old) = (Some(at("2026-11-20T11:00:00Z")), Some(at("2026-11-18T11:00:00Z")));
        assert_eq!(rounds(now, fresh, &[]).verdict, Verdict::Warn);
        assert_eq!(rounds(now, fresh, &[Caller::Timer]).verdict, Verdict::Ok);
        assert_eq!(rounds(now, old, &[Caller::Timer]).verdict, Verdict::Fail);
        assert_eq!(rounds(now, fresh, &[Caller::Timer, Caller::Cron]).verdict, Verdict::Warn);
    }
}
