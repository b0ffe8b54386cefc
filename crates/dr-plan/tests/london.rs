//! When is what due in London while its clocks change? Every change from 2026 to 2028, by known instants.
#![allow(clippy::unwrap_used)]

use dr_plan::{Calendar, History, Plan, due, parse};
use jiff::{SignedDuration, Timestamp};

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plan(schedule: &str) -> Plan {
    let text = format!(
        "school = \"S\"\ncopies = {{ onsite = \"/nas\" }}\n[systems]\na = {{ source = \"/srv\", schedule = \"{schedule}\", rpo = \"32d\" }}\n"
    );
    parse(&text, "dr.toml").unwrap()
}

/// What becomes due from `from` until just before `until`, looking every second around `expected` and every ten minutes
/// anyway: exactly the `expected` slots, each at its own instant.
fn check(schedule: &str, from: &str, until: &str, expected: &[&str]) {
    let (plan, calendar, mut history) = (plan(schedule), Calendar::every_week(), History::default());
    let (start, end) = (ts(from), ts(until));
    for due in dr_plan::unserved(&plan, &history, start - SignedDuration::from_secs(1)) {
        history.finished(&due.system, &due.target, due.slot, start, true);
    }
    let mut looks: Vec<Timestamp> =
        (0..).map(|n| start + SignedDuration::from_mins(10 * n)).take_while(|at| *at < end).collect();
    looks.extend(expected.iter().flat_map(|at| [ts(at) - SignedDuration::from_secs(1), ts(at)]));
    looks.sort();
    let mut ran = Vec::new();
    for now in looks {
        for due in due(&plan, &calendar, &history, now) {
            assert_eq!(due.slot, now, "{schedule}: late");
            history.finished(&due.system, &due.target, due.slot, now, true);
            ran.push(now.to_string());
        }
    }
    assert_eq!(ran, expected, "{schedule}");
}

/// The instants of `day` in UTC, written `HH:MM`, or of the days beside it, written `-1 HH:MM` and `+1 HH:MM`.
fn instants(day: &str, times: &[&str]) -> Vec<String> {
    let day: jiff::civil::Date = day.parse().unwrap();
    let beside = |text: &str| match text.split_once(' ') {
        Some(("-1", time)) => (day.yesterday().unwrap(), time.to_owned()),
        Some((_, time)) => (day.tomorrow().unwrap(), time.to_owned()),
        None => (day, text.to_owned()),
    };
    times.iter().map(|text| beside(text)).map(|(day, time)| format!("{day}T{time}:00Z")).collect()
}

fn check_around(day: &str, table: &[(&str, &[&str])]) {
    for (schedule, times) in table {
        let times = instants(day, times);
        let window = instants(day, &["-1 12:00", "+1 12:00"]);
        check(schedule, &window[0], &window[1], &times.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn the_clocks_go_forward_in_march() {
    for day in ["2026-03-29", "2027-03-28", "2028-03-26"] {
        check_around(
            day,
            &[
                ("daily at 00:30", &["00:30", "23:30"]),
                ("daily at 01:30", &["01:00", "+1 00:30"]),
                ("daily at 02:30", &["01:30", "+1 01:30"]),
                ("weekly on Sun at 01:30", &["01:00"]),
                ("weekly on Sat,Mon at 01:30", &["+1 00:30"]),
                (
                    "every 4h",
                    &[
                        "-1 12:00", "-1 16:00", "-1 20:00", "00:00", "04:00", "08:00", "12:00", "16:00", "20:00",
                        "23:00", "+1 03:00", "+1 07:00", "+1 11:00",
                    ],
                ),
                ("cron 30 1,2 * * *", &["01:00", "01:30", "+1 00:30", "+1 01:30"]),
                ("cron 0,30 1 * * 0", &["01:00"]),
            ],
        );
    }
}

#[test]
fn the_clocks_go_back_in_october() {
    for day in ["2026-10-25", "2027-10-31", "2028-10-29"] {
        check_around(
            day,
            &[
                ("daily at 00:30", &["-1 23:30", "+1 00:30"]),
                ("daily at 01:30", &["00:30", "+1 01:30"]),
                ("daily at 02:30", &["02:30", "+1 02:30"]),
                ("weekly on Sun at 01:30", &["00:30"]),
                ("weekly on Sat,Mon at 01:30", &["+1 01:30"]),
                (
                    "every 4h",
                    &[
                        "-1 15:00", "-1 19:00", "-1 23:00", "03:00", "07:00", "11:00", "15:00", "19:00", "23:00",
                        "+1 00:00", "+1 04:00", "+1 08:00",
                    ],
                ),
                ("cron 30 1,2 * * *", &["00:30", "02:30", "+1 01:30", "+1 02:30"]),
                ("cron 0,30 1 * * 0", &["00:00", "00:30"]),
            ],
        );
    }
}

#[test]
fn the_last_of_each_month_at_half_past_one() {
    // On 31 October 2027 the clocks go back: the first half past one counts.
    let expected = [
        "2026-01-31T01:30:00Z",
        "2026-02-28T01:30:00Z",
        "2026-03-31T00:30:00Z",
        "2026-04-30T00:30:00Z",
        "2026-05-31T00:30:00Z",
        "2026-06-30T00:30:00Z",
        "2026-07-31T00:30:00Z",
        "2026-08-31T00:30:00Z",
        "2026-09-30T00:30:00Z",
        "2026-10-31T01:30:00Z",
        "2026-11-30T01:30:00Z",
        "2026-12-31T01:30:00Z",
        "2027-01-31T01:30:00Z",
        "2027-02-28T01:30:00Z",
        "2027-03-31T00:30:00Z",
        "2027-04-30T00:30:00Z",
        "2027-05-31T00:30:00Z",
        "2027-06-30T00:30:00Z",
        "2027-07-31T00:30:00Z",
        "2027-08-31T00:30:00Z",
        "2027-09-30T00:30:00Z",
        "2027-10-31T00:30:00Z",
        "2027-11-30T01:30:00Z",
        "2027-12-31T01:30:00Z",
        "2028-01-31T01:30:00Z",
        "2028-02-29T01:30:00Z",
        "2028-03-31T00:30:00Z",
        "2028-04-30T00:30:00Z",
        "2028-05-31T00:30:00Z",
        "2028-06-30T00:30:00Z",
        "2028-07-31T00:30:00Z",
        "2028-08-31T00:30:00Z",
        "2028-09-30T00:30:00Z",
        "2028-10-31T01:30:00Z",
        "2028-11-30T01:30:00Z",
        "2028-12-31T01:30:00Z",
    ];
    check("monthly on 31 at 01:30", "2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z", &expected);
}
