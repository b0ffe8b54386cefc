//! When is a message tried again, and when is it given up?
//!
//! Pure. One minute after the first failure, then twice as long each time, an hour at most. Some of it is taken off
//! again by the message's name, so that what failed together does not come back all at once, and a test knows when.

use dr_ledger::{ChannelKind, MessageKind};
use jiff::{SignedDuration, Timestamp};

const FIRST: i64 = 60;
const LONGEST: i64 = 60 * 60;

/// A message that nobody could be sent is still shown so long after it was given up.
pub(crate) const SHOWN_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// When to try again after the attempt with this number, counted from 1, has failed at `now`.
#[must_use]
pub fn next_try(message: &str, channel: ChannelKind, attempts: u32, now: Timestamp) -> Timestamp {
    let doubled = FIRST << attempts.saturating_sub(1).min(6);
    let whole = doubled.min(LONGEST);
    let named = blake3::hash(format!("{message}\0{channel}\0{attempts}").as_bytes());
    // Up to a fifth less.
    let less = whole * i64::from(named.as_bytes()[0]) / 256 / 5;
    later(now, SignedDuration::from_secs(whole - less))
}

/// Whether a way is due. A time further away than any wait was written by a clock that was wrong: do not wait for it.
pub(crate) fn is_due(next: Timestamp, now: Timestamp) -> bool {
    next <= now || next > later(now, SignedDuration::from_secs(LONGEST))
}

/// How long a message is worth sending. A letter or an alert is wanted late rather than never; a reminder to carry a
/// disk is a nuisance days later.
#[must_use]
pub fn patience(kind: MessageKind) -> SignedDuration {
    let days = match kind {
        MessageKind::Letter | MessageKind::Alert => 14,
        MessageKind::Disk | MessageKind::Export | MessageKind::Code => 3,
        MessageKind::Test => 1,
    };
    SignedDuration::from_hours(24 * days)
}

/// How often it is tried at least before it is given up: a host that was switched off for weeks has not tried.
#[must_use]
pub fn attempts_at_least(kind: MessageKind) -> u32 {
    match kind {
        MessageKind::Letter | MessageKind::Alert => 20,
        MessageKind::Disk | MessageKind::Export | MessageKind::Code | MessageKind::Test => 5,
    }
}

/// Whether a failure at `now` is the last one.
pub(crate) fn is_over(kind: MessageKind, queued: Timestamp, attempts: u32, now: Timestamp) -> bool {
    attempts >= attempts_at_least(kind) && now.duration_since(queued) >= patience(kind)
}

pub(crate) fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn waits_double_from_a_minute_to_an_hour_and_are_never_longer() {
        for (attempts, whole) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 960), (6, 1920), (7, 3600), (400, 3600)] {
            for name in ["a", "b", "letter-7"] {
                let wait = next_try(name, ChannelKind::Smtp, attempts, at(0)).duration_since(at(0)).as_secs();
                assert!(wait <= whole && wait >= whole * 4 / 5, "{name} {attempts}: {wait}");
            }
        }
    }

    #[test]
    fn a_wait_is_the_same_each_time_it_is_asked_for_and_not_the_same_for_all_messages() {
        let wait = |name: &str| next_try(name, ChannelKind::Smtp, 7, at(0));
        assert_eq!(wait("letter-7"), wait("letter-7"));
        let different: std::collections::BTreeSet<_> = (0..20).map(|n| wait(&format!("alert-{n}"))).collect();
        assert!(different.len() > 10);
    }

    #[test]
    fn a_letter_is_not_given_up_before_fourteen_days_nor_by_a_host_that_was_off() {
        let days = |days: i64| at(days * 24 * 60 * 60);
        assert!(!is_over(MessageKind::Letter, at(0), 10_000, days(14) - SignedDuration::from_secs(1)));
        assert!(!is_over(MessageKind::Alert, at(0), 1, days(40)));
        assert!(is_over(MessageKind::Alert, at(0), 20, days(14)));
    }

    #[test]
    fn a_time_written_by_a_wrong_clock_holds_nothing_back() {
        assert!(is_due(at(0), at(0)));
        assert!(!is_due(at(3600), at(0)));
        assert!(is_due(at(86_400 * 400), at(0)));
    }
}
