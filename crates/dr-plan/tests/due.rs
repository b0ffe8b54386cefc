//! What is due, by hand and by property: never two for one slot, caught up once, and in order.
#![allow(clippy::unwrap_used)]

use dr_plan::{Due, History, Plan, RETRY_AFTER, SystemId, TargetId, due, next, parse};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn plan() -> Plan {
    let text = r#"school = "S"
people = { head = "A. Ash", it = "J. Oak", disks = "R. Elm" }
copies = { onsite = "/nas", disks = 3 }
[systems.files]
tier = 2
source = "/srv/files"
[systems.mis]
tier = 1
source = "sqlite:/srv/mis.db"
copies = [{ target = "onsite", schedule = "every 4h" }]
[systems.site]
tier = 3
source = "/srv/www"
copies = [{ target = "onsite", schedule = "monthly on 31 at 01:30" }]
"#;
    parse(text, "dr.toml").unwrap()
}

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn shown(due: &[Due]) -> Vec<String> {
    due.iter().map(|due| format!("{} {} {}: {}", due.system, due.target, due.slot, due.because)).collect()
}

fn done(history: &mut History, due: &[Due], at: Timestamp) {
    for due in due {
        history.finished(&due.system, &due.target, due.slot, at, true);
    }
}

#[test]
fn everything_is_due_at_first_the_smallest_tier_first() {
    let due = due(&plan(), &History::default(), ts("2026-11-20T12:00:00Z"));
    assert_eq!(
        shown(&due),
        [
            "mis onsite 2026-11-20T12:00:00Z: every 4h: never run before",
            "files onsite 2026-11-19T19:10:00Z: daily at 19:10: never run before",
            "files disks 2026-11-19T21:00:00Z: weekly on Thu at 21:00: never run before",
            "site onsite 2026-10-31T01:30:00Z: monthly on 31 at 01:30: never run before",
        ]
    );
}

#[test]
fn six_weeks_asleep_are_caught_up_once() {
    let (plan, mut history) = (plan(), History::default());
    let before = ts("2026-07-22T20:00:00Z");
    let waiting = due(&plan, &history, before);
    done(&mut history, &waiting, before);
    let woken = ts("2026-09-02T20:00:00Z");
    let waiting = due(&plan, &history, woken);
    assert_eq!(waiting.len(), 4);
    assert_eq!(waiting[1].because, "daily at 19:10: 41 turns were missed, caught up once");
    assert_eq!(waiting[3].because, "monthly on 31 at 01:30: one turn was missed, caught up once");
    done(&mut history, &waiting, woken);
    assert_eq!(due(&plan, &history, woken), []);
}

#[test]
fn a_failed_slot_is_tried_again_after_an_hour_and_an_interrupted_one_at_once() {
    let (plan, mut history) = (plan(), History::default());
    let now = ts("2026-11-20T20:05:00Z");
    let waiting = due(&plan, &history, ts("2026-11-20T18:00:00Z"));
    done(&mut history, &waiting, now);
    let waiting = due(&plan, &history, now);
    assert_eq!(
        shown(&waiting),
        ["mis onsite 2026-11-20T20:00:00Z: every 4h", "files onsite 2026-11-20T19:10:00Z: daily at 19:10"]
    );
    history.started(&waiting[0].system, &waiting[0].target, waiting[0].slot);
    history.finished(&waiting[1].system, &waiting[1].target, waiting[1].slot, now, false);
    let soon = now + SignedDuration::from_mins(30);
    assert_eq!(
        shown(&due(&plan, &history, soon)),
        ["mis onsite 2026-11-20T20:00:00Z: every 4h: begun and never ended, resumed"]
    );
    let later = now + RETRY_AFTER;
    assert_eq!(due(&plan, &history, later)[1].because, "daily at 19:10: tried and not done, tried again");
}

#[test]
fn what_comes_next_is_in_order_of_time_and_holds_what_waits() {
    let (plan, mut history) = (plan(), History::default());
    let from = ts("2026-11-20T18:00:00Z");
    let all = next(&plan, &history, from, ts("2026-11-20T21:00:00Z"));
    assert_eq!(all.len(), 6);
    assert!(all.iter().take(4).all(|planned| planned.at == from));
    let waiting = due(&plan, &history, from);
    done(&mut history, &waiting, from);
    let coming = next(&plan, &history, from, ts("2026-11-20T21:00:00Z"));
    let shown: Vec<String> =
        coming.iter().map(|p| format!("{} {} {}: {}", p.system, p.target, p.at, p.because)).collect();
    assert_eq!(
        shown,
        ["files onsite 2026-11-20T19:10:00Z: daily at 19:10", "mis onsite 2026-11-20T20:00:00Z: every 4h"]
    );
    assert_eq!(next(&plan, &history, from, from), []);
}

/// A minute in the two years that hold four clock changes and a leap day.
fn moment() -> impl Strategy<Value = Timestamp> {
    (0i64..2 * 366 * 24 * 60).prop_map(|minutes| ts("2026-09-01T00:00:00Z") + SignedDuration::from_mins(minutes))
}

/// What an attempt does: begins only, fails, or succeeds.
fn outcomes() -> impl Strategy<Value = Vec<(i64, u8)>> {
    prop::collection::vec((1i64..3 * 24 * 60, 0u8..3), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_slot_that_succeeded_is_never_due_again(start in moment(), steps in outcomes()) {
        let (plan, mut history) = (plan(), History::default());
        let mut now = start;
        let mut succeeded: Vec<(SystemId, TargetId, Timestamp)> = Vec::new();
        for (minutes, outcome) in steps {
            now += SignedDuration::from_mins(minutes);
            let waiting = due(&plan, &history, now);
            let mut copies: Vec<_> = waiting.iter().map(|due| (due.system.clone(), due.target.clone())).collect();
            copies.sort();
            copies.dedup();
            prop_assert_eq!(copies.len(), waiting.len(), "one copy, one turn");
            for due in waiting {
                prop_assert!(due.slot <= now);
                let key = (due.system.clone(), due.target.clone(), due.slot);
                prop_assert!(!succeeded.contains(&key), "twice: {:?}", key);
                match outcome {
                    0 => history.started(&due.system, &due.target, due.slot),
                    1 => history.finished(&due.system, &due.target, due.slot, now, false),
                    _ => {
                        history.finished(&due.system, &due.target, due.slot, now, true);
                        succeeded.push(key);
                    }
                }
            }
            // Whatever happened, the clock has not moved: only what was merely begun is due still.
            let again = due(&plan, &history, now).len();
            prop_assert!(outcome == 0 || again == 0, "{} still due", again);
        }
    }

    #[test]
    fn what_is_due_stays_due_until_it_is_done(start in moment(), steps in outcomes(), wait in 0i64..90 * 24 * 60) {
        let (plan, mut history) = (plan(), History::default());
        let mut now = start;
        for (minutes, outcome) in steps {
            now += SignedDuration::from_mins(minutes);
            for due in due(&plan, &history, now) {
                history.finished(&due.system, &due.target, due.slot, now, outcome == 2);
            }
        }
        now += SignedDuration::from_mins(61);
        let earlier = due(&plan, &history, now);
        let later = due(&plan, &history, now + SignedDuration::from_mins(wait));
        for due in earlier {
            let same = later.iter().find(|other| (&other.system, &other.target) == (&due.system, &due.target));
            prop_assert!(same.is_some_and(|other| other.slot >= due.slot), "{:?}", due);
        }
    }

    #[test]
    fn a_clock_set_back_repeats_nothing(start in moment(), back in 1i64..30 * 24 * 60) {
        let (plan, mut history) = (plan(), History::default());
        let waiting = due(&plan, &history, start);
    done(&mut history, &waiting, start);
        prop_assert_eq!(due(&plan, &history, start - SignedDuration::from_mins(back)), vec![]);
    }
}
