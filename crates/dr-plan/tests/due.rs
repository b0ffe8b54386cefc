//! What is due and in which order, told by hand: first copies, sleep, failures, and school hours.
#![allow(clippy::unwrap_used)]

use dr_plan::{Calendar, Due, History, Plan, SystemId, parse, retry_after, unserved};
use jiff::{SignedDuration, Timestamp};

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

fn due(plan: &Plan, history: &History, now: Timestamp) -> Vec<Due> {
    dr_plan::due(plan, &Calendar::every_week(), history, now)
}

fn next(plan: &Plan, history: &History, from: Timestamp, until: Timestamp) -> Vec<dr_plan::Planned> {
    dr_plan::next(plan, &Calendar::every_week(), history, from, until)
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
    let due = due(&plan(), &History::default(), ts("2026-11-21T12:00:00Z"));
    assert_eq!(
        shown(&due),
        [
            "mis onsite 2026-11-21T12:00:00Z: every 4h: never run before",
            "files onsite 2026-11-20T19:10:00Z: daily at 19:10: never run before",
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
fn a_slot_that_is_noted_of_a_time_to_come_was_served_by_nobody() {
    let (plan, mut history) = (plan(), History::default());
    let wrong = ts("2030-06-03T20:00:00Z");
    let waiting = due(&plan, &history, wrong);
    done(&mut history, &waiting, wrong);
    for day in ["2026-12-01", "2026-12-09", "2028-02-29"] {
        assert_eq!(due(&plan, &history, ts(&format!("{day}T20:00:00Z"))).len(), 4, "{day}");
    }
    // Nor does a failure of that time make anybody wait.
    let (nas, files) = (waiting[1].target.clone(), waiting[1].system.clone());
    history.finished(&files, &nas, wrong, wrong, false);
    let now = ts("2026-12-01T20:00:00Z");
    let waiting = due(&plan, &history, now);
    assert!(waiting.iter().all(|due| due.slot <= now && !due.because.contains("tried")), "{waiting:?}");
    done(&mut history, &waiting, now);
    assert_eq!(due(&plan, &history, now), [], "each is made once");
    assert_eq!(due(&plan, &history, ts("2026-12-02T20:00:00Z")).len(), 2, "and the next night's come in their turn");
}

#[test]
fn a_failed_slot_is_tried_again_ever_less_often_and_an_interrupted_one_at_once() {
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
    let failed = &waiting[1];
    let again = |n| retry_after(&failed.system, &failed.target, failed.slot, n);
    history.finished(&failed.system, &failed.target, failed.slot, now, false);
    let before = now + again(1) - SignedDuration::from_secs(1);
    assert_eq!(
        shown(&due(&plan, &history, before)),
        ["mis onsite 2026-11-20T20:00:00Z: every 4h: begun and never ended, resumed"]
    );
    let later = now + again(1);
    assert_eq!(due(&plan, &history, later)[1].because, "daily at 19:10: tried and not done, tried again");
    history.finished(&failed.system, &failed.target, failed.slot, later, false);
    assert_eq!(due(&plan, &history, later + again(1)).len(), 1, "the second wait is longer");
    assert_eq!(
        due(&plan, &history, later + again(2))[1].because,
        "daily at 19:10: tried 2 times and not done, tried again"
    );
}

#[test]
fn a_slot_that_failed_all_night_is_left_when_the_next_one_comes() {
    let (plan, mut history) = (plan(), History::default());
    let mut now = ts("2026-11-20T19:10:00Z");
    let waiting = due(&plan, &history, ts("2026-11-20T18:00:00Z"));
    done(&mut history, &waiting, ts("2026-11-20T18:00:00Z"));
    let end = ts("2026-11-21T19:10:00Z");
    let mut tries = 0;
    while now < end {
        for due in due(&plan, &history, now).iter().filter(|due| due.system.as_str() == "files") {
            history.finished(&due.system, &due.target, due.slot, now, false);
            tries += 1;
        }
        now += SignedDuration::from_mins(5);
    }
    assert!((8..=13).contains(&tries), "from five minutes to four hours: {tries} tries in a day");
    // The new turn does not wait for the old one's next try.
    let fresh = due(&plan, &history, end);
    assert!(shown(&fresh).contains(&"files onsite 2026-11-21T19:10:00Z: daily at 19:10".to_owned()), "{fresh:?}");
}

#[test]
fn a_failure_noted_by_a_clock_that_was_wrong_does_not_stop_the_next_try() {
    let (plan, mut history) = (plan(), History::default());
    let now = ts("2026-11-21T20:00:00Z");
    for due in due(&plan, &history, now) {
        history.finished(&due.system, &due.target, due.slot, ts("2031-01-01T00:00:00Z"), false);
    }
    assert_eq!(due(&plan, &history, now).len(), 4);
}

/// Two systems of one tier and one that is needed first, each on-site and in the cloud; nightly.
const SEEDING: &str = r#"school = "S"
copies = { onsite = "/nas", cloud = "/cloud" }
[systems]
big = { source = "/srv/big", tier = 2, schedule = "daily at 19:00" }
small = { source = "/srv/small", tier = 2, schedule = "daily at 19:10" }
mis = { source = "sqlite:/srv/mis.db", tier = 1, schedule = "daily at 19:20" }
"#;

fn ids(due: &[Due]) -> Vec<String> {
    due.iter().map(|due| format!("{} {}", due.system, due.target)).collect()
}

#[test]
fn the_small_and_important_are_seeded_first_and_on_site_first() {
    let plan = parse(SEEDING, "dr.toml").unwrap();
    let mut history = History::default();
    let system = |id: &str| SystemId::new(id).unwrap();
    history.work(&system("big"), None, Some(90_000_000_000));
    history.work(&system("small"), None, Some(1_000_000));
    let night = ts("2026-11-20T20:00:00Z");
    let order = ["mis onsite", "mis cloud", "small onsite", "big onsite", "small cloud", "big cloud"];
    assert_eq!(ids(&due(&plan, &history, night)), order);
    // A size that nobody knows is seeded last.
    history.work(&system("big"), None, None);
    assert_eq!(ids(&due(&plan, &history, night)), order);
    // What was made before does not wait behind a first copy.
    let first = due(&plan, &history, night);
    done(&mut history, &first[3..4], night);
    let tomorrow = ts("2026-11-21T20:00:00Z");
    let order = ["big onsite", "mis onsite", "mis cloud", "small onsite", "small cloud", "big cloud"];
    assert_eq!(ids(&due(&plan, &history, tomorrow)), order);
}

#[test]
fn heavy_work_waits_until_the_school_closes_and_says_so() {
    let plan = parse(SEEDING, "dr.toml").unwrap();
    let mut history = History::default();
    let morning = ts("2026-11-20T10:00:00Z");
    assert_eq!(due(&plan, &history, morning), [], "first copies are heavy");
    let planned = next(&plan, &history, morning, ts("2026-11-20T18:00:00Z"));
    assert_eq!(planned.len(), 6);
    assert!(planned.iter().all(|planned| planned.at == ts("2026-11-20T16:00:00Z")), "{planned:?}");
    assert_eq!(
        planned[0].because,
        "daily at 19:20: never run before; held back while the school is open, until Fri 20 Nov 2026 16:00"
    );
    assert_eq!(unserved(&plan, &history, morning).len(), 6, "who asks is not held back");
    assert_eq!(unserved(&plan, &history, morning)[0].because, "daily at 19:20: never run before");
    let closed = due(&plan, &history, ts("2026-11-20T16:00:00Z"));
    assert_eq!((closed.len(), closed[0].because.as_str()), (6, "daily at 19:20: never run before"));
    // On a closure nobody is there to be disturbed.
    let calendar = dr_plan::parse_calendar(
        "[[terms]]\nname = 'A'\nfrom = 2026-09-02\nuntil = 2026-12-18\n[[closures]]\nname = 'Snow'\ndate = 2026-11-20\n",
        "c.toml",
    )
    .unwrap();
    assert_eq!(dr_plan::due(&plan, &calendar, &history, morning).len(), 6);
    // What runs for a minute may catch up by day; what runs for an hour may not.
    done(&mut history, &closed, ts("2026-11-20T17:00:00Z"));
    history.work(&SystemId::new("big").unwrap(), Some(SignedDuration::from_mins(60)), None);
    let monday = ts("2026-11-23T09:00:00Z");
    assert_eq!(ids(&due(&plan, &history, monday)), ["mis onsite", "mis cloud", "small onsite", "small cloud"]);
}

#[test]
fn a_slot_in_school_hours_was_meant_so_and_a_disk_that_somebody_brought_is_used() {
    let text = SEEDING.replace("daily at 19:00", "daily at 12:00");
    let plan = parse(&text, "dr.toml").unwrap();
    let noon = ts("2026-11-20T12:00:00Z");
    assert_eq!(ids(&due(&plan, &History::default(), noon)), ["big onsite", "big cloud"]);
    let text = SEEDING.replace("cloud = \"/cloud\"", "disks = 2");
    let plan = parse(&text, "dr.toml").unwrap();
    let disks = due(&plan, &History::default(), ts("2026-11-20T10:00:00Z"));
    assert_eq!(ids(&disks), ["mis disks", "big disks", "small disks"]);
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
