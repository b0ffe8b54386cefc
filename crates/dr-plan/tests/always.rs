//! What holds for every plan, history and moment: never two runs for one slot, none lost when clocks change, caught up
//! once after any sleep, and nothing that is due forgotten.
#![allow(clippy::unwrap_used)]

use dr_plan::{Calendar, Due, History, Plan, Schedule, SystemId, TargetId, due, next, parse};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

/// Zones whose clocks change by an hour, by half of one, at midnight, and on the other half of the earth.
const ZONES: [&str; 6] =
    ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Beirut"];

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

/// Any schedule that a plan can state.
fn schedule() -> impl Strategy<Value = String> {
    let at = || (0u8..24, 0u8..60).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"));
    // Where clocks change, more often than by chance.
    let early = || (0u8..4, prop::sample::select(vec![0u8, 15, 30, 59])).prop_map(|(h, m)| format!("{h:02}:{m:02}"));
    let time = prop_oneof![at(), early()].boxed();
    let day = prop::sample::select(vec!["Mon", "Fri", "Sun", "Sat,Sun", "Mon-Fri"]);
    let every = prop::sample::select(vec!["30m", "1h", "4h", "6h", "24h"]);
    prop_oneof![
        3 => time.clone().prop_map(|time| format!("daily at {time}")),
        2 => (day, time.clone()).prop_map(|(day, time)| format!("weekly on {day} at {time}")),
        2 => (1u8..=31, time).prop_map(|(day, time)| format!("monthly on {day} at {time}")),
        1 => every.prop_map(|every| format!("every {every}")),
        2 => (0u8..60, 0u8..5, 0u8..7).prop_map(|(minute, hour, day)| match day {
            0 => format!("cron {minute} {hour} * * 0,6"),
            1 => format!("cron {minute} */{} * * *", hour + 1),
            2 => format!("cron {minute} {hour} 1,15,31 * *"),
            _ => format!("cron {minute} {hour} * * *"),
        }),
    ]
}

/// Any plan of up to three systems, each on a folder, some on disks too.
fn plan() -> impl Strategy<Value = Plan> {
    let systems = prop::collection::vec((schedule(), schedule(), 1u8..4, any::<bool>()), 1..4);
    (prop::sample::select(ZONES.to_vec()), systems).prop_map(|(zone, systems)| {
        let mut text = format!(
            "[school]\nname = \"S\"\ntimezone = \"{zone}\"\n[targets]\nnas = {{ url = \"/nas\" }}\ndisks = {{ pool = \"p\" }}\n[pools.p]\nmedia = 2\n"
        );
        for (n, (first, second, tier, both)) in systems.iter().enumerate() {
            let more = format!("{{ target = \"disks\", schedule = \"{second}\" }}");
            text += &format!(
                "[systems.s{n}]\nsource = \"/srv/{n}\"\ntier = {tier}\nrpo = \"62d\"\ncopies = [{{ target = \"nas\", schedule = \"{first}\" }}, {}]\n",
                if *both { &more } else { "" }
            );
        }
        parse(&text.replace("}, ]", "}]"), "dr.toml").unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
    })
}

/// A moment within three days of a change of clocks.
fn around_a_change(plan: &Plan, which: usize, minutes: i64) -> Timestamp {
    let change = plan.school.timezone.following(ts("2026-01-01T00:00:00Z")).nth(which % 6).unwrap();
    change.timestamp() + SignedDuration::from_mins(minutes)
}

fn moment() -> impl Strategy<Value = (usize, i64)> {
    (0usize..6, -3 * 24 * 60..3 * 24 * 60i64)
}

/// After how many minutes something happens, and what: an attempt begins only, fails, or succeeds.
fn steps() -> impl Strategy<Value = Vec<(i64, u8)>> {
    prop::collection::vec((1i64..2 * 24 * 60, 0u8..4), 1..24)
}

fn attempt(history: &mut History, due: &Due, at: Timestamp, what: u8) {
    match what {
        0 => history.started(&due.system, &due.target, due.slot),
        1 => history.finished(&due.system, &due.target, due.slot, at, false),
        _ => history.finished(&due.system, &due.target, due.slot, at, true),
    }
}

/// Some life before `now`, each attempt with an end of its own.
fn lived(plan: &Plan, start: Timestamp, steps: &[(i64, u8)]) -> (History, Timestamp) {
    let (mut history, mut now) = (History::default(), start);
    for (minutes, what) in steps {
        now += SignedDuration::from_mins(*minutes);
        for (n, due) in (0..).zip(due(plan, &Calendar::every_week(), &history, now)) {
            attempt(&mut history, &due, now, (what + n) % 4);
        }
    }
    (history, now)
}

fn copy(due: &Due) -> (SystemId, TargetId) {
    (due.system.clone(), due.target.clone())
}

fn school_is_open(plan: &Plan, at: Timestamp) -> bool {
    plan.school.hours.contains(at.to_zoned(plan.school.timezone.clone()).datetime())
}

fn schedule_of<'p>(plan: &'p Plan, copy: &(SystemId, TargetId)) -> &'p Schedule {
    &plan.system(&copy.0).unwrap().copies.iter().find(|rule| rule.target == copy.1).unwrap().schedule
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_slot_that_was_served_is_never_due_again(plan in plan(), at in moment(), steps in steps()) {
        let (calendar, mut history) = (Calendar::every_week(), History::default());
        let mut now = around_a_change(&plan, at.0, at.1);
        let mut served: Vec<((SystemId, TargetId), Timestamp)> = Vec::new();
        for (minutes, what) in steps {
            now += SignedDuration::from_mins(minutes);
            let waiting = due(&plan, &calendar, &history, now);
            let mut copies: Vec<_> = waiting.iter().map(copy).collect();
            copies.sort();
            copies.dedup();
            prop_assert_eq!(copies.len(), waiting.len(), "one copy, one turn");
            for due in &waiting {
                prop_assert!(due.slot <= now);
                let newest = served.iter().filter(|(of, _)| *of == copy(due)).map(|(_, slot)| *slot).max();
                prop_assert!(newest.is_none_or(|newest| newest < due.slot), "{:?} after {:?}", due, newest);
                attempt(&mut history, due, now, what);
                if what > 1 {
                    served.push((copy(due), due.slot));
                }
            }
            // The clock has not moved: only what was merely begun is due still.
            let again = due(&plan, &calendar, &history, now).len();
            prop_assert!(what == 0 || again == 0, "{} still due", again);
        }
    }

    #[test]
    fn what_is_due_stays_due_or_gives_way_to_a_newer_turn(
        plan in plan(), at in moment(), steps in steps(), wait in 0i64..40 * 24 * 60,
    ) {
        let calendar = Calendar::every_week();
        let (history, now) = lived(&plan, around_a_change(&plan, at.0, at.1), &steps);
        let now = now + SignedDuration::from_mins(7);
        let then = now + SignedDuration::from_mins(wait);
        let later = due(&plan, &calendar, &history, then);
        for due in due(&plan, &calendar, &history, now) {
            let same = later.iter().find(|other| copy(other) == copy(&due));
            prop_assert!(
                same.map_or(school_is_open(&plan, then), |other| other.slot >= due.slot),
                "{:?} was forgotten by {}", due, then
            );
        }
    }

    #[test]
    fn any_sleep_is_caught_up_once(plan in plan(), at in moment(), steps in steps(), days in 0i64..120) {
        let calendar = Calendar::every_week();
        let (mut history, slept) = lived(&plan, around_a_change(&plan, at.0, at.1), &steps);
        let woken = slept + SignedDuration::from_hours(24 * days) + SignedDuration::from_hours(6);
        let waiting = due(&plan, &calendar, &history, woken);
        for due in &waiting {
            attempt(&mut history, due, woken, 3);
        }
        // Nothing more until the copy's next turn, and then exactly that.
        for due in &waiting {
            let schedule = schedule_of(&plan, &copy(due));
            let coming = schedule.next_after(woken, &plan.school.timezone).unwrap();
            let of = |at| dr_plan::due(&plan, &calendar, &history, at).into_iter().find(|other| copy(other) == copy(due));
            prop_assert_eq!(of(coming - SignedDuration::from_secs(1)), None);
            prop_assert_eq!(of(coming).map(|due| due.slot), Some(coming));
        }
    }

    #[test]
    fn a_turn_noted_of_a_time_to_come_is_served_by_nobody_and_made_once(plan in plan(), at in moment(), back in 1i64..60 * 24 * 60) {
        let (calendar, mut history) = (Calendar::every_week(), History::default());
        let now = around_a_change(&plan, at.0, at.1);
        let made = dr_plan::unserved(&plan, &history, now);
        for due in &made {
            history.finished(&due.system, &due.target, due.slot, now, true);
        }
        // The clock is set back, or was ahead: what was served before then stays served, the rest is made.
        let earlier = now - SignedDuration::from_mins(back);
        let again = dr_plan::unserved(&plan, &history, earlier);
        prop_assert!(again.iter().all(|due| due.slot <= earlier));
        for due in &made {
            let is_again = again.iter().any(|other| copy(other) == copy(due));
            prop_assert!(due.slot > earlier || !is_again, "{:?} was served", due);
        }
        for due in &again {
            history.finished(&due.system, &due.target, due.slot, earlier, true);
        }
        prop_assert_eq!(due(&plan, &calendar, &history, earlier), vec![]);
    }

    #[test]
    fn what_is_said_to_come_next_is_what_is_due_then(plan in plan(), at in moment(), steps in steps()) {
        let calendar = Calendar::every_week();
        let (history, from) = lived(&plan, around_a_change(&plan, at.0, at.1), &steps);
        let until = from + SignedDuration::from_hours(40);
        let planned = next(&plan, &calendar, &history, from, until);
        prop_assert!(planned.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let mut served = history.clone();
        for planned in &planned {
            let of = (planned.system.clone(), planned.target.clone());
            let then = due(&plan, &calendar, &served, planned.at);
            let found = then.iter().find(|due| copy(due) == of);
            prop_assert!(found.is_some(), "{:?} is not due then", planned);
            attempt(&mut served, found.unwrap(), planned.at, 3);
        }
        // And nothing is due that was not said: once all of it is done, no more waits but what is held back.
        let last = until - SignedDuration::from_secs(1);
        prop_assert_eq!(due(&plan, &calendar, &served, last), vec![]);
    }
}

/// When the school's clock first shows `wall` or later: found by looking at it minute by minute.
fn first_shown(wall: DateTime, zone: &TimeZone) -> Timestamp {
    let around = wall.to_zoned(TimeZone::UTC).unwrap().timestamp();
    (-15 * 60..16 * 60)
        .map(|minutes| around + SignedDuration::from_mins(minutes))
        .find(|at| at.to_zoned(zone.clone()).datetime() >= wall)
        .unwrap()
}

/// A schedule, and a rule of our own for the days on which it falls.
fn walls() -> impl Strategy<Value = (String, fn(Date) -> bool, Time)> {
    type Rule = (fn(&str, &str) -> String, fn(Date) -> bool);
    let rules: Vec<Rule> = vec![
        (|h, m| format!("daily at {h}:{m}"), |_| true),
        (|h, m| format!("cron {m} {h} * * *"), |_| true),
        (|h, m| format!("weekly on Sun at {h}:{m}"), |day| day.weekday() == jiff::civil::Weekday::Sunday),
        (|h, m| format!("cron {m} {h} * * 0"), |day| day.weekday() == jiff::civil::Weekday::Sunday),
        (|h, m| format!("monthly on 31 at {h}:{m}"), |day| day.day() == day.days_in_month()),
    ];
    (prop::sample::select(rules), 0i8..24, 0i8..60).prop_map(|((text, days), hour, minute)| {
        let hour = if minute % 2 == 0 { hour % 4 } else { hour };
        (text(&format!("{hour:02}"), &format!("{minute:02}")), days, Time::constant(hour, minute, 0, 0))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_slot_is_when_the_clock_first_shows_its_time_or_a_later_one(
        zone_name in prop::sample::select(ZONES.to_vec()), which in 0usize..6, (text, falls, time) in walls(),
    ) {
        let zone = zone(zone_name);
        let change = zone.following(ts("2026-01-01T00:00:00Z")).nth(which).unwrap().timestamp();
        let day = change.to_zoned(zone.clone()).date();
        let expected: Vec<Timestamp> = (-9..9)
            .map(|n| day.checked_add(n.days()).unwrap())
            .filter(|day| falls(*day))
            .map(|day| first_shown(day.to_datetime(time), &zone))
            .collect();
        let (from, until) = (change - SignedDuration::from_hours(7 * 24), change + SignedDuration::from_hours(7 * 24));
        let expected: Vec<Timestamp> = expected.into_iter().filter(|slot| from <= *slot && *slot < until).collect();
        prop_assert_eq!(Schedule::parse(&text).unwrap().slots(from, until, &zone), expected, "{} {}", text, zone_name);
    }

    #[test]
    fn a_timer_loses_no_slot_and_doubles_none_over_a_change_of_clocks(plan in plan(), which in 0usize..6) {
        let calendar = Calendar::every_week();
        let zone = &plan.school.timezone;
        let change = around_a_change(&plan, which, 0);
        let (start, end) = (change - SignedDuration::from_hours(30), change + SignedDuration::from_hours(30));
        let mut history = History::default();
        for due in dr_plan::unserved(&plan, &history, start) {
            history.finished(&due.system, &due.target, due.slot, start, true);
        }
        let mut ran: Vec<((SystemId, TargetId), Timestamp)> = Vec::new();
        let mut now = start;
        while now < end {
            for due in due(&plan, &calendar, &history, now) {
                ran.push((copy(&due), due.slot));
                history.finished(&due.system, &due.target, due.slot, now, true);
            }
            now += SignedDuration::from_mins(5);
        }
        let last = now - SignedDuration::from_mins(5);
        for system in &plan.systems {
            for rule in &system.copies {
                let of = (system.id.clone(), rule.target.clone());
                let got: Vec<Timestamp> = ran.iter().filter(|(other, _)| *other == of).map(|(_, slot)| *slot).collect();
                let after = start + SignedDuration::from_nanos(1);
                let mut expected = rule.schedule.slots(after, last + SignedDuration::from_nanos(1), zone);
                // Two slots within one look at the clock are one catch-up: the newer is served.
                expected = expected
                    .iter()
                    .enumerate()
                    .filter(|(n, slot)| {
                        let look = |slot: &Timestamp| (slot.as_second() - start.as_second() + 299).div_euclid(300);
                        expected.get(n + 1).is_none_or(|newer| look(newer) > look(slot))
                    })
                    .map(|(_, slot)| *slot)
                    .collect();
                prop_assert_eq!(got, expected, "{} {}", of.0, rule.schedule);
            }
        }
    }
}
