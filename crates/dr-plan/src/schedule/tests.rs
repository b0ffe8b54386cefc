//! Tables of the awkward days: both clock changes of 2026 to 2028, short months, leap days.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::Schedule;

fn london() -> TimeZone {
    TimeZoneDatabase::bundled().get("Europe/London").unwrap()
}

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The slots of `schedule` over some UTC days, as UTC times.
fn check(schedule: &str, from: &str, until: &str, expected: &[&str]) {
    let schedule = Schedule::parse(schedule).unwrap();
    let slots = schedule.slots(ts(from), ts(until), &london());
    let shown: Vec<String> = slots.iter().map(ToString::to_string).collect();
    assert_eq!(shown, expected, "{schedule}");
}

#[test]
fn a_time_in_the_spring_gap_happens_at_the_first_instant_after() {
    // The clocks of London go forward at 01:00Z on 29 March 2026, 28 March 2027, 26 March 2028.
    for day in ["2026-03-29", "2027-03-28", "2028-03-26"] {
        let (from, until) = (format!("{day}T00:00:00Z"), format!("{day}T12:00:00Z"));
        for schedule in
            ["daily at 01:00", "daily at 01:30", "daily at 01:59", "cron 30 1 * * *", "weekly on Sun at 01:15"]
        {
            check(schedule, &from, &until, &[&format!("{day}T01:00:00Z")]);
        }
        check("daily at 02:00", &from, &until, &[&format!("{day}T01:00:00Z")]);
        check("daily at 00:59", &from, &until, &[&format!("{day}T00:59:00Z")]);
        check("daily at 02:01", &from, &until, &[&format!("{day}T01:01:00Z")]);
    }
}

#[test]
fn a_time_repeated_in_autumn_happens_on_its_first_pass() {
    // They go back at 01:00Z on 25 October 2026, 31 October 2027, 29 October 2028.
    for (day, eve) in [("2026-10-25", "2026-10-24"), ("2027-10-31", "2027-10-30"), ("2028-10-29", "2028-10-28")] {
        let (from, until) = (format!("{eve}T23:00:00Z"), format!("{day}T12:00:00Z"));
        for schedule in ["daily at 01:30", "cron 30 1 * * *", "weekly on Sun at 01:30"] {
            check(schedule, &from, &until, &[&format!("{day}T00:30:00Z")]);
        }
        check("daily at 01:00", &from, &until, &[&format!("{day}T00:00:00Z")]);
        check("daily at 02:00", &from, &until, &[&format!("{day}T02:00:00Z")]);
        check("daily at 00:30", &from, &until, &[&format!("{eve}T23:30:00Z")]);
    }
}

#[test]
fn cron_times_that_fall_on_one_instant_are_one() {
    check(
        "cron 0,20,40 1,2 * * *",
        "2027-03-28T00:00:00Z",
        "2027-03-28T03:00:00Z",
        &["2027-03-28T01:00:00Z", "2027-03-28T01:20:00Z", "2027-03-28T01:40:00Z"],
    );
}

#[test]
fn every_counts_elapsed_time_from_local_midnight() {
    check(
        "every 4h",
        "2026-10-24T23:00:00Z",
        "2026-10-26T00:00:00Z",
        &[
            "2026-10-24T23:00:00Z",
            "2026-10-25T03:00:00Z",
            "2026-10-25T07:00:00Z",
            "2026-10-25T11:00:00Z",
            "2026-10-25T15:00:00Z",
            "2026-10-25T19:00:00Z",
            "2026-10-25T23:00:00Z",
        ],
    );
    let zone = london();
    for every in ["every 5m", "every 1h", "every 6h", "every 24h"] {
        let schedule = Schedule::parse(every).unwrap();
        for (from, until) in
            [("2026-10-20T00:00:00Z", "2026-10-30T00:00:00Z"), ("2027-03-25T00:00:00Z", "2027-04-01T00:00:00Z")]
        {
            let slots = schedule.slots(ts(from), ts(until), &zone);
            for pair in slots.windows(2) {
                assert!(pair[0] < pair[1]);
                assert!(pair[1].duration_since(pair[0]) <= schedule.interval(), "{every}: {pair:?}");
            }
        }
    }
}

#[test]
fn monthly_on_31_is_the_last_day_of_a_short_month() {
    check(
        "monthly on 31 at 02:00",
        "2028-01-01T00:00:00Z",
        "2028-05-01T00:00:00Z",
        &["2028-01-31T02:00:00Z", "2028-02-29T02:00:00Z", "2028-03-31T01:00:00Z", "2028-04-30T01:00:00Z"],
    );
    check("monthly on 29 at 02:00", "2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z", &["2027-02-28T02:00:00Z"]);
    check("cron 0 2 29 2 *", "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z", &["2028-02-29T02:00:00Z"]);
}

#[test]
fn weekly_names_its_days() {
    check(
        "weekly on Mon,Thu at 17:00",
        "2026-11-16T00:00:00Z",
        "2026-11-24T00:00:00Z",
        &["2026-11-16T17:00:00Z", "2026-11-19T17:00:00Z", "2026-11-23T17:00:00Z"],
    );
}

#[test]
fn every_day_of_three_years_has_one_daily_slot() {
    let zone = london();
    for at in ["00:00", "00:30", "01:00", "01:30", "02:00", "19:30", "23:59"] {
        for schedule in [
            format!("daily at {at}"),
            format!(
                "cron {} {} * * *",
                at[3..].trim_start_matches('0').parse::<u8>().unwrap_or(0),
                at[..2].parse::<u8>().unwrap()
            ),
        ] {
            let schedule = Schedule::parse(&schedule).unwrap();
            let slots = schedule.slots(ts("2026-01-01T00:00:00Z"), ts("2029-01-01T00:00:00Z"), &zone);
            assert_eq!(slots.len(), 1096, "{schedule}");
            let mut days: Vec<_> = slots.iter().map(|slot| slot.to_zoned(zone.clone()).date()).collect();
            days.dedup();
            assert_eq!(days.len(), 1096, "{schedule}");
        }
    }
}

#[test]
fn last_next_and_slots_agree() {
    let zone = london();
    let texts = [
        "daily at 01:30",
        "weekly on Fri at 17:00",
        "monthly on 31 at 02:00",
        "every 4h",
        "cron 30 19 * * 1-5",
        "cron 0 2 29 2 *",
    ];
    for text in texts {
        let schedule = Schedule::parse(text).unwrap();
        assert_eq!(schedule.to_string(), text);
        for start in ["2026-03-28T13:07:00Z", "2026-10-24T13:07:00Z", "2028-02-27T13:07:00Z", "2026-12-31T23:59:59Z"] {
            for hour in 0..72 {
                let now = ts(start) + SignedDuration::from_mins(hour * 47);
                let last = schedule.last_slot_at_or_before(now, &zone).unwrap();
                let next = schedule.next_after(now, &zone).unwrap();
                assert!(last <= now && now < next, "{text} at {now}");
                assert_eq!(schedule.next_after(last, &zone), Some(next), "{text} at {now}");
                assert_eq!(schedule.last_slot_at_or_before(last, &zone), Some(last));
                assert_eq!(schedule.slots(last, next, &zone), [last]);
            }
        }
    }
}

#[test]
fn schedules_know_their_longest_gap() {
    let table = [
        ("daily at 01:30", 24),
        ("weekly on Fri at 17:00", 168),
        ("weekly on Mon,Thu at 17:00", 96),
        ("weekly on Mon-Fri at 17:00", 72),
        ("monthly on 1 at 02:00", 744),
        ("every 4h", 4),
        ("cron 30 19 * * *", 24),
        ("cron 30 19 * * 1-5", 72),
        ("cron 0 */6 * * *", 6),
    ];
    for (text, hours) in table {
        assert_eq!(Schedule::parse(text).unwrap().interval(), SignedDuration::from_hours(hours), "{text}");
    }
}

#[test]
fn what_is_no_schedule_is_refused() {
    for text in [
        "",
        "daily",
        "daily 22:00",
        "daily at 24:00",
        "daily at 7pm",
        "weekly at 10:00",
        "weekly on Fryday at 10:00",
        "monthly on 0 at 02:00",
        "monthly on 32 at 02:00",
        "every 0h",
        "every 7h",
        "every 1m",
        "every 2d",
        "cron",
        "cron * * *",
        "cron 61 * * * *",
        "cron 0 2 31 2 *",
        "cron 0 0 0 * * *",
        "sometimes",
    ] {
        assert!(Schedule::parse(text).is_err(), "{text}");
    }
}
