//! Retention worked out by hand.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{Retention, Snapshot, judge};
use crate::period::Period;

fn london() -> TimeZone {
    TimeZoneDatabase::bundled().get("Europe/London").unwrap()
}

fn snapshots(times: &[&str]) -> Vec<Snapshot> {
    let snapshot =
        |(time, number): (&&str, u64)| Snapshot { id: (*time).to_owned(), time: time.parse().unwrap(), number };
    times.iter().zip(1..).map(snapshot).collect()
}

const NOW: &str = "2026-11-20T12:00:00Z";

/// What is kept of `times`, with the reasons, newest first.
fn check(times: &[&str], retention: &Retention, kept: &[(&str, &str)]) {
    let verdicts = judge(&snapshots(times), retention, NOW.parse().unwrap(), &london());
    assert_eq!(verdicts.len(), times.len());
    let found: Vec<(&str, &str)> = verdicts
        .iter()
        .filter(|verdict| verdict.keep)
        .map(|verdict| (verdict.id.as_str(), verdict.because.as_str()))
        .collect();
    assert_eq!(found, kept);
}

const WEEK: [&str; 8] = [
    "2026-11-20T09:00:00Z",
    "2026-11-19T19:00:00Z",
    "2026-11-19T12:00:00Z",
    "2026-11-18T19:00:00Z",
    "2026-11-15T19:00:00Z",
    "2026-11-09T19:00:00Z",
    "2026-10-31T19:00:00Z",
    "2025-12-31T19:00:00Z",
];

#[test]
fn last_keeps_the_newest() {
    check(&WEEK, &Retention { last: 2, ..Retention::default() }, &[(WEEK[0], "last 1 of 2"), (WEEK[1], "last 2 of 2")]);
    check(&WEEK[..1], &Retention { last: 9, ..Retention::default() }, &[(WEEK[0], "last 1 of 9")]);
}

#[test]
fn daily_keeps_the_newest_of_each_day_that_has_one() {
    check(
        &WEEK,
        &Retention { daily: 4, ..Retention::default() },
        &[(WEEK[0], "daily 1 of 4"), (WEEK[1], "daily 2 of 4"), (WEEK[3], "daily 3 of 4"), (WEEK[4], "daily 4 of 4")],
    );
}

#[test]
fn weekly_monthly_and_yearly_keep_the_newest_of_each() {
    // 15 November 2026 is a Sunday: the week before that of 20 November, and the same as the 9th.
    check(
        &WEEK,
        &Retention { weekly: 3, monthly: 2, yearly: 2, ..Retention::default() },
        &[
            (WEEK[0], "weekly 1 of 3, monthly 1 of 2, yearly 1 of 2"),
            (WEEK[4], "weekly 2 of 3"),
            (WEEK[6], "weekly 3 of 3, monthly 2 of 2"),
            (WEEK[7], "yearly 2 of 2"),
        ],
    );
}

#[test]
fn hourly_tells_the_two_passes_of_the_autumn_hour_apart() {
    let night = ["2026-10-25T01:40:00Z", "2026-10-25T01:10:00Z", "2026-10-25T00:40:00Z", "2026-10-25T00:10:00Z"];
    check(
        &night,
        &Retention { hourly: 5, ..Retention::default() },
        &[(night[0], "hourly 1 of 5"), (night[2], "hourly 2 of 5")],
    );
}

#[test]
fn days_are_those_of_the_school() {
    // 23:30Z in July is half past midnight of the next day in London.
    let nights = ["2026-07-02T22:30:00Z", "2026-07-01T23:30:00Z", "2026-07-01T22:30:00Z"];
    check(
        &nights,
        &Retention { daily: 5, ..Retention::default() },
        &[(nights[0], "daily 1 of 5"), (nights[2], "daily 2 of 5")],
    );
}

#[test]
fn within_keeps_everything_young_enough() {
    let retention = Retention { within: Period::parse("2d"), ..Retention::default() };
    check(
        &WEEK,
        &retention,
        &[(WEEK[0], "within 2d"), (WEEK[1], "within 2d"), (WEEK[2], "within 2d"), (WEEK[3], "within 2d")],
    );
}

#[test]
fn max_age_wins_over_every_rule() {
    let retention = Retention { last: 8, max_age: Period::parse("6mo"), ..Retention::default() };
    let verdicts = judge(&snapshots(&WEEK), &retention, NOW.parse().unwrap(), &london());
    assert_eq!(verdicts.iter().filter(|verdict| verdict.keep).count(), 7);
    assert_eq!(verdicts[7].because, "older than max-age 6mo");
}

#[test]
fn max_age_may_take_the_newest_of_all() {
    let retention = Retention { last: 8, max_age: Period::parse("1w"), ..Retention::default() };
    check(&["2026-11-01T19:00:00Z"], &retention, &[]);
}

#[test]
fn without_a_rule_everything_is_kept() {
    check(
        &WEEK[..2],
        &Retention::default(),
        &[(WEEK[0], "no rule says otherwise"), (WEEK[1], "no rule says otherwise")],
    );
    check(&[], &Retention::default(), &[]);
}

#[test]
fn the_newest_stays_even_when_no_rule_keeps_it() {
    let retention = Retention { within: Period::parse("1d"), ..Retention::default() };
    check(&WEEK[4..6], &retention, &[(WEEK[4], "the newest there is")]);
}

#[test]
fn the_future_is_kept_and_eats_no_places() {
    let times = ["2026-12-24T19:00:00Z", WEEK[0], WEEK[1]];
    check(
        &times,
        &Retention { last: 1, ..Retention::default() },
        &[(times[0], "its time is in the future"), (WEEK[0], "last 1 of 1")],
    );
}

#[test]
fn judging_what_was_kept_again_keeps_all_of_it() {
    let mut time: Timestamp = "2024-01-01T19:00:00Z".parse().unwrap();
    let mut all = Vec::new();
    while time < NOW.parse().unwrap() {
        all.push(Snapshot { id: time.to_string(), time, number: 0 });
        time += jiff::SignedDuration::from_hours(11);
    }
    let retention = Retention { last: 3, daily: 14, weekly: 8, monthly: 12, yearly: 2, ..Retention::default() };
    let judge_at_now = |snapshots: &[Snapshot]| judge(snapshots, &retention, NOW.parse().unwrap(), &london());
    let kept: Vec<Snapshot> = judge_at_now(&all)
        .into_iter()
        .filter(|verdict| verdict.keep)
        .map(|verdict| Snapshot { time: verdict.id.parse().unwrap(), id: verdict.id, number: 0 })
        .collect();
    // 14 days and a second one of the last day, 5 more weeks, 11 more months, and 2025 by its December.
    assert_eq!(kept.len(), 31);
    assert!(judge_at_now(&kept).iter().all(|verdict| verdict.keep));
}

/// One snapshot each evening of five years, and each evening what no rule keeps is forgotten. Worked by hand: fourteen
/// days; the Sundays that end the eight newest weeks, this one's newest day first; the last days of twelve months and of
/// three years.
#[test]
fn five_years_of_evenings_leave_what_was_worked_out_by_hand() {
    let retention = Retention { daily: 14, weekly: 8, monthly: 12, yearly: 3, ..Retention::default() };
    let zone = london();
    let (mut kept, mut most): (Vec<Snapshot>, usize) = (Vec::new(), 0);
    let days = jiff::civil::date(2026, 1, 1).series(jiff::Span::new().days(1)).take(5 * 365 + 1);
    for (day, number) in days.zip(1..) {
        let time = day.at(19, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp();
        kept.push(Snapshot { id: day.to_string(), time, number });
        let stays: Vec<String> =
            judge(&kept, &retention, time, &zone).into_iter().filter(|v| v.keep).map(|v| v.id).collect();
        kept.retain(|snapshot| stays.contains(&snapshot.id));
        most = most.max(kept.len());
    }
    let mut expected: Vec<String> = (18..=31).map(|day| format!("2030-12-{day}")).collect();
    expected.extend(["2030-11-17", "2030-11-24", "2030-12-01", "2030-12-08", "2030-12-15"].map(str::to_owned));
    expected.extend(
        ["2030-01-31", "2030-02-28", "2030-03-31", "2030-04-30", "2030-05-31", "2030-06-30"].map(str::to_owned),
    );
    expected.extend(["2030-07-31", "2030-08-31", "2030-09-30", "2030-10-31", "2030-11-30"].map(str::to_owned));
    expected.extend(["2028-12-31", "2029-12-31"].map(str::to_owned));
    expected.sort();
    let mut found: Vec<String> = kept.into_iter().map(|snapshot| snapshot.id).collect();
    found.sort();
    assert_eq!(found, expected);
    assert!(most <= 14 + 8 + 12 + 3, "never more than the rules allow: {most}");
}

/// The clock stood still, was far ahead, and was set back: two hundred snapshots that it lies about.
#[test]
fn two_hundred_snapshots_with_equal_future_and_past_times_are_judged_one_and_the_same_way() {
    let now: Timestamp = NOW.parse().unwrap();
    let hour = jiff::SignedDuration::from_hours(1);
    let time = |number: i32| match number % 4 {
        0 => now - hour,
        1 => now + hour * number,
        2 => now - hour * 24 * (number / 4),
        _ => now - hour * 24 * 400,
    };
    let made =
        |number: i32| Snapshot { id: format!("{:03}", (number * 77) % 200), time: time(number), number: number as u64 };
    let all: Vec<Snapshot> = (0..200).map(made).collect();
    let retention = Retention { last: 3, daily: 5, max_age: Period::parse("1y"), ..Retention::default() };
    let verdicts = judge(&all, &retention, now, &london());
    let mut shuffled = all.clone();
    shuffled.sort_by_key(|snapshot| snapshot.id.clone());
    assert_eq!(judge(&shuffled, &retention, now, &london()), verdicts, "whatever order they come in");
    let of = |keep: bool, word: &str| {
        verdicts.iter().filter(|verdict| verdict.keep == keep && verdict.because.contains(word)).count()
    };
    assert_eq!((verdicts.len(), of(true, "future")), (200, 50), "none of the future goes");
    assert_eq!(of(false, "max-age"), 50);
    assert_eq!((of(true, "last"), of(true, "daily")), (3, 5), "each day once, and none of these eat places");
    // Behind the one that is exactly now: of fifty at one moment the one that was made last is the newest.
    let second = verdicts.iter().find(|verdict| verdict.because.contains("last 2 of 3")).unwrap();
    assert_eq!(second.id, made(196).id);
}
