//! A school's year out of an `.ics` file: what is placed where, and what is said about the rest.
#![allow(clippy::unwrap_used)]

use dr_plan::parse_calendar;
use proptest::prelude::*;

/// As school management programs write it: folded lines, alarms, parameters, times of day, CRLF.
const YEAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Invented//EN\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/London\r\nBEGIN:STANDARD\r\nDTSTART:19961027T020000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260902\r\nDTEND;VALUE=DATE:20261219\r\nSUMMARY:Autumn Te\r\n rm 2026\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260902\r\nSUMMARY;LANGUAGE=\"en:GB\":INSET\\, school closed to pupils\r\nBEGIN:VALARM\r\nSUMMARY:Ring\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261026\r\nDTEND;VALUE=DATE:20261031\r\nSUMMARY:Half-term\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;TZID=Europe/London:20261120T083000\r\nDTEND;TZID=Europe/London:20261120T160000\r\nSUMMARY:Closed: boiler\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20261221T000000\r\nDTEND:20270104T000000\r\nSUMMARY:Christmas holidays\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261127\r\nSUMMARY:Year 6 trip\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn events_are_placed_by_their_titles() {
    let calendar = parse_calendar(YEAR, "year.ICS").unwrap_or_else(|problems| panic!("{problems:#?}"));
    let shown = |stretches: &[dr_plan::Stretch]| -> Vec<String> {
        stretches.iter().map(|of| format!("{} {} {}", of.name, of.from, of.until)).collect()
    };
    assert_eq!(shown(&calendar.terms), ["Autumn Term 2026 2026-09-02 2026-12-18"]);
    assert_eq!(shown(&calendar.inset), ["INSET, school closed to pupils 2026-09-02 2026-09-02"]);
    assert_eq!(
        shown(&calendar.closures),
        [
            "Half-term 2026-10-26 2026-10-30",
            "Closed: boiler 2026-11-20 2026-11-20",
            "Christmas holidays 2026-12-21 2027-01-03"
        ]
    );
    assert_eq!(calendar.covers_until, "2027-01-03".parse().ok());
    let day = |text: &str| text.parse().unwrap();
    assert!(!calendar.is_school_day(day("2026-09-02")) && calendar.is_operating_day(day("2026-09-02")));
    assert!(calendar.is_school_day(day("2026-11-19")) && !calendar.is_school_day(day("2026-11-20")));
    assert!(!calendar.is_operating_day(day("2026-12-28")));
}

/// What is said about one event, the fourth line of the file being its first.
fn check(event: &str, expected: &[&str]) {
    let term = "BEGIN:VEVENT\nDTSTART:20260902\nDTEND:20261219\nSUMMARY:Term\nEND:VEVENT\n";
    let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\n{event}END:VEVENT\n{term}END:VCALENDAR\n");
    let problems = parse_calendar(&text, "y.ics").map(|_| Vec::new()).unwrap_or_else(|problems| problems);
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn what_cannot_be_placed_is_told_with_its_line() {
    const PLACED: &str = "a title with the words term, half term, INSET, bank holiday, holiday, closure or closed";
    const DAY: &str = "a day such as 20261218, or a local time such as 20261218T090000: early or late in the day a time in UTC may be another day at the school";
    check("DTSTART:20270503\nSUMMARY:Early May bank holiday\n", &[]);
    check("DTSTART:20270503\nDTEND:20270503\nSUMMARY:Closure\n", &[]);
    check("DTSTART:20261127\nSUMMARY:Year 6 trip\n", &[&format!("y.ics:5: `Year 6 trip`: expected {PLACED}")]);
    check(
        "DTSTART:20261127\nSUMMARY:Christmas Fair\nRRULE:FREQ=YEARLY\n",
        &[
            "y.ics:6: `RRULE:FREQ=YEARLY`: expected an event for each time: this version does not read events that repeat",
        ],
    );
    check(
        "DTSTART:20270104\nSUMMARY:First day of term\n",
        &["y.ics:5: `First day of term`: expected a term as one event, from its first day to its last"],
    );
    check("DTSTART:2026-12-18\nSUMMARY:Closed\n", &[&format!("y.ics:4: `DTSTART:2026-12-18`: expected {DAY}")]);
    check(
        "DTSTART:20261017T230000Z\nSUMMARY:Closed\n",
        &[&format!("y.ics:4: `DTSTART:20261017T230000Z`: expected {DAY}")],
    );
    check("DTSTART:20260230\nSUMMARY:Closed\n", &[&format!("y.ics:4: `DTSTART:20260230`: expected {DAY}")]);
    check(
        "DTSTART:20261218\nDTEND:20261210\nSUMMARY:Closed\n",
        &["y.ics:6: `Closed`: expected an end that is not before 2026-12-18"],
    );
    check(
        "DTSTART:20261218\nDURATION:P1D\nSUMMARY:Closed\n",
        &["y.ics:5: `DURATION:P1D`: expected DTEND: this version does not read durations"],
    );
    check("SUMMARY:Closed\n", &["y.ics:3: an event without `DTSTART`: expected `DTSTART`, its first day"]);
    check("DTSTART:20261218\n", &["y.ics:3: an event without `SUMMARY`: expected `SUMMARY`, its title"]);
    check(
        "DTSTART:20261201\nDTEND:20270301\nSUMMARY:Spring term\n",
        &["y.ics:1: the terms: expected terms that do not overlap, as \"Term\" and \"Spring term\" do"],
    );
    let said = |text: &str| parse_calendar(text, "y.ics").unwrap_err()[0].to_string();
    assert_eq!(
        said("terms = []"),
        "y.ics:1: the calendar: expected an iCalendar text, which begins with BEGIN:VCALENDAR"
    );
    assert_eq!(
        said("BEGIN:VCALENDAR\nEND:VCALENDAR\n"),
        "y.ics:1: the calendar without any term: expected an event for each term, from its first day to its last"
    );
    assert_eq!(said("BEGIN:VCALENDAR\nBEGIN:VEVENT\n"), "y.ics:2: `BEGIN:VEVENT`: expected an END:VEVENT after it");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_read_or_explained(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..20, "[A-Z0-9:;\\\\ \n\u{e9}\"-]{0,8}"), 1..5),
    ) {
        let mut text: Vec<char> = YEAR.chars().collect();
        for (at, cut, put) in cuts {
            let at = at.index(text.len());
            text.splice(at..(at + cut).min(text.len()), put.chars());
        }
        let text: String = text.into_iter().collect();
        match parse_calendar(&text, "y.ics") {
            Ok(calendar) => prop_assert!(!calendar.terms.is_empty()),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}
