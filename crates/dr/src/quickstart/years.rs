//! When are the dates in the sample's papers? Near whoever makes it, in whatever year that is.
//!
//! The runbook and the school calendar are written for one Friday of the school year 2026-27. A school that is made
//! later would have a runbook that nobody reviewed in time and, in the end, no term any more, and would be red for no
//! fault of anybody.

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};

/// The day for which they are written.
const WRITTEN: Date = jiff::civil::date(2026, 11, 20);
/// The first day of the calendar's first school year.
const FIRST_TERM: Date = jiff::civil::date(2026, 9, 2);
/// A year after which a Monday is a Monday.
const YEAR: i32 = 52 * 7;
/// Lived days and their nights lie back at most so far, and in the calendar.
const BACK: i32 = 14;

/// A runbook as it would be on `today`: every date lies as far from it as it lay from its own day, to whole weeks.
pub fn runbook(text: &str, today: Date) -> String {
    moved(text, (after(WRITTEN, today) / 7 * 7).days())
}

/// A calendar whose first year is the one that `today` is in.
pub fn calendar(text: &str, today: Date) -> String {
    let years = (after(FIRST_TERM, today) - BACK).max(0) / YEAR;
    let text = moved(text, (years * YEAR).days());
    // Terms are called by their year, and the first line names both.
    (2026..=2028).rev().fold(text, |text, year| {
        let (this, next) = (year + years, (year + years + 1) % 100);
        text.replace(&format!(" {year}\""), &format!(" {this}\""))
            .replace(&format!(" {year}-{:02} ", (year + 1) % 100), &format!(" {this}-{next:02} "))
    })
}

/// How many days `today` is after `day`; none if it is before.
fn after(day: Date, today: Date) -> i32 {
    day.until(today).map_or(0, |span| span.get_days().max(0))
}

/// The text with every date in it moved.
fn moved(text: &str, by: Span) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(place) = rest.find("20") {
        let (before, from) = rest.split_at(place);
        out.push_str(before);
        let date = from.get(..10).filter(|_| !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-'));
        match date.and_then(|date| date.parse::<Date>().ok()).and_then(|date| date.checked_add(by).ok()) {
            Some(date) => {
                out.push_str(&date.to_string());
                rest = &from[10..];
            }
            None => {
                out.push_str("20");
                rest = &from[2..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const CALENDAR: &str = include_str!("../../../../schedules/hazel-bank.calendar.toml");
    const RUNBOOK: &str = include_str!("../../../../runbooks/hazel-bank.toml");

    #[test]
    fn in_their_own_year_the_papers_are_as_they_are_written() {
        for today in [WRITTEN, date(2026, 11, 26), date(2026, 3, 1), date(1970, 1, 1)] {
            assert_eq!(runbook(RUNBOOK, today), RUNBOOK, "{today}");
            assert_eq!(calendar(CALENDAR, today), CALENDAR, "{today}");
        }
        assert_eq!(calendar(CALENDAR, date(2027, 8, 31)), CALENDAR);
    }

    #[test]
    fn a_school_that_is_made_in_any_week_of_ten_years_has_a_runbook_to_come_and_terms_around_it() {
        for week in 0..520_i32 {
            let today = WRITTEN.checked_add((week * 7 + week % 7).days()).unwrap();
            let runbook = runbook(RUNBOOK, today);
            let line = runbook.lines().find_map(|line| line.strip_prefix("review-date = ")).unwrap();
            let review: Date = line.parse().unwrap();
            assert!(review > today && after(today, review) < YEAR, "{today}: {review}");
            let text = calendar(CALENDAR, today);
            let dates = |word: &str| -> Vec<Date> {
                let lines = text.lines().filter_map(|line| line.strip_prefix(word));
                lines.map(|line| line.parse().unwrap()).collect()
            };
            assert!(after(dates("from = ")[0], today) >= BACK, "{today}: the days before it are in no school year");
            assert!(after(today, dates("covers-until = ")[0]) > YEAR / 2, "{today}");
            assert_eq!(dates("from = ").len(), CALENDAR.matches("\nfrom = ").count(), "{today}");
        }
    }

    #[test]
    fn a_later_years_terms_are_called_by_their_own_year() {
        let text = calendar(CALENDAR, date(2028, 11, 3));
        assert!(text.starts_with("# The school years 2028-29 and 2029-30 of"), "{text}");
        for words in ["\"Autumn 2028\"\nfrom = 2028-08-30", "\"Spring 2030\"", "covers-until = 2030-08-29"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("2027"), "{text}");
        // Other numbers that look like years stay.
        assert!(runbook(RUNBOOK, date(2029, 5, 5)).contains("contract-ref = \"HB-2024-07\""));
    }
}
