//! Is this text an iCalendar of a school's year? Its events are placed by the words of their titles.
//!
//! Only what says which days the school is open is read: all-day events (RFC 5545, `VEVENT`) with a first day, a last
//! day and a title. What cannot be placed is an error with its line, never passed over: a holiday that nobody noticed
//! would send people to an empty school.

use jiff::civil::Date;

use crate::calendar::{Calendar, Stretch, in_order};
use crate::problem::Problem;

/// The longest text that is read.
const TEXT_MAX: usize = 1 << 20;
/// A term is not shorter than this; `First day of term` is none.
const TERM_DAYS_MIN: i32 = 5;

const PLACED: &str = "a title with the words term, half term, INSET, bank holiday, holiday, closure or closed";

/// One line of the text after unfolding, and where it began.
struct Line {
    number: usize,
    name: String,
    value: String,
}

/// An event under way.
#[derive(Default)]
struct Event {
    begun: usize,
    start: Option<(Date, bool)>,
    end: Option<(Date, bool)>,
    title: Option<(usize, String)>,
    cancelled: bool,
    wrong: bool,
}

struct Reading<'t> {
    file: &'t str,
    problems: Vec<Problem>,
    calendar: Calendar,
}

/// Reads a calendar in iCalendar form.
pub(super) fn parse_ics(text: &str, file: &str) -> Result<Calendar, Vec<Problem>> {
    let mut reading = Reading { file, problems: Vec::new(), calendar: Calendar::default() };
    if text.len() > TEXT_MAX {
        reading.wrong(1, "the whole file", "at most 1 MiB of text");
        return Err(reading.problems);
    }
    reading.read(&unfolded(text));
    let Reading { mut problems, mut calendar, .. } = reading;
    calendar.terms.sort_by_key(|term| term.from);
    if let Some((first, second)) = in_order(&calendar.terms) {
        problems.push(Problem {
            file: file.to_owned(),
            line: 1,
            words: "the terms".to_owned(),
            expected: format!("terms that do not overlap, as \"{first}\" and \"{second}\" do"),
            suggestion: None,
        });
    }
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(calendar) } else { Err(problems) }
}

impl Reading<'_> {
    fn wrong(&mut self, line: usize, words: &str, expected: &str) {
        let words: String = words.chars().filter(|c| !c.is_control()).take(70).collect();
        let (file, expected) = (self.file.to_owned(), expected.to_owned());
        self.problems.push(Problem { file, line, words, expected, suggestion: None });
    }

    fn read(&mut self, lines: &[Line]) {
        let is_one = lines.first().is_some_and(|line| line.name == "BEGIN" && line.value == "VCALENDAR");
        if !is_one {
            return self.wrong(1, "the calendar", "an iCalendar text, which begins with BEGIN:VCALENDAR");
        }
        let mut event: Option<Event> = None;
        // Parts of an event such as alarms, which say nothing about days.
        let mut inner: Vec<&str> = Vec::new();
        for line in lines {
            match (line.name.as_str(), line.value.as_str(), &mut event) {
                ("BEGIN", "VEVENT", None) => event = Some(Event { begun: line.number, ..Event::default() }),
                ("BEGIN", part, Some(_)) => inner.push(part),
                ("END", "VEVENT", Some(_)) if inner.is_empty() => {
                    self.place(event.take().unwrap_or_default());
                }
                ("END", part, Some(_)) if inner.last() == Some(&part) => drop(inner.pop()),
                (_, _, Some(event)) if inner.is_empty() => self.take(line, event),
                _ => {}
            }
        }
        if let Some(event) = event {
            self.wrong(event.begun, "`BEGIN:VEVENT`", "an END:VEVENT after it");
        } else if self.problems.is_empty() && self.calendar.terms.is_empty() {
            self.wrong(1, "the calendar without any term", "an event for each term, from its first day to its last");
        }
    }

    fn take(&mut self, line: &Line, event: &mut Event) {
        let words = format!("`{}:{}`", line.name, line.value);
        let expected = match line.name.as_str() {
            "DTSTART" | "DTEND" => match day(&line.value) {
                Some(day) => {
                    let place = if line.name == "DTSTART" { &mut event.start } else { &mut event.end };
                    *place = Some(day);
                    return;
                }
                None => {
                    "a day such as 20261218, or a local time such as 20261218T090000: \
                     early or late in the day a time in UTC may be another day at the school"
                }
            },
            "SUMMARY" => {
                event.title = Some((line.number, plain(&line.value)));
                return;
            }
            "STATUS" if line.value.eq_ignore_ascii_case("CANCELLED") => {
                event.cancelled = true;
                return;
            }
            "RRULE" | "RDATE" => "an event for each time: this version does not read events that repeat",
            "DURATION" => "DTEND: this version does not read durations",
            _ => return,
        };
        event.wrong = true;
        self.wrong(line.number, &words, expected);
    }

    fn place(&mut self, event: Event) {
        if event.cancelled || event.wrong {
            return;
        }
        let Some((from, _)) = event.start else {
            return self.wrong(event.begun, "an event without `DTSTART`", "`DTSTART`, its first day");
        };
        let Some((line, name)) = event.title else {
            return self.wrong(event.begun, "an event without `SUMMARY`", "`SUMMARY`, its title");
        };
        // The end of an all-day event, or one at midnight, is the day after the last; some programs write the same day.
        let until = match event.end {
            Some((end, true)) if end > from => end.yesterday().unwrap_or(end),
            Some((end, _)) => end,
            None => from,
        };
        if until < from {
            return self.wrong(line, &format!("`{name}`"), &format!("an end that is not before {from}"));
        }
        let days = from.until(until).map_or(0, |span| span.get_days()) + 1;
        let stretch = Stretch { name: name.clone(), from, until };
        match kind(&name) {
            Some(Kind::Term) if days < TERM_DAYS_MIN => {
                return self.wrong(line, &format!("`{name}`"), "a term as one event, from its first day to its last");
            }
            Some(Kind::Term) => self.calendar.terms.push(stretch),
            Some(Kind::Closure) => self.calendar.closures.push(stretch),
            Some(Kind::Inset) => self.calendar.inset.push(stretch),
            None => return self.wrong(line, &format!("`{name}`"), PLACED),
        }
        self.calendar.covers_until = self.calendar.covers_until.max(Some(until));
    }
}

enum Kind {
    Term,
    Closure,
    Inset,
}

/// What an event is, by the words of its title.
fn kind(title: &str) -> Option<Kind> {
    let title = title.to_lowercase();
    let words: Vec<&str> = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let has = |word: &str| words.contains(&word);
    let follows = |first: &str, second: &str| words.windows(2).any(|pair| pair == [first, second]);
    if follows("half", "term") || has("halfterm") {
        Some(Kind::Closure)
    } else if has("inset") || follows("staff", "training") || follows("training", "day") {
        Some(Kind::Inset)
    } else if ["holiday", "holidays", "closed", "closure"].into_iter().any(has) {
        Some(Kind::Closure)
    } else if has("term") {
        Some(Kind::Term)
    } else {
        None
    }
}

/// The day of `20261218`, `20261218T090000` or `20261218T090000Z`, and whether it is meant exclusively as an end.
fn day(value: &str) -> Option<(Date, bool)> {
    let (date, time) = value.split_once('T').map_or((value, None), |(date, time)| (date, Some(time)));
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i16>().ok())?;
    let part = |from: usize, to: usize| date.get(from..to).and_then(number);
    let small = |part: Option<i16>| part.and_then(|part| i8::try_from(part).ok());
    if date.len() != 8 {
        return None;
    }
    let day = Date::new(part(0, 4)?, small(part(4, 6))?, small(part(6, 8))?).ok()?;
    let Some(time) = time else { return Some((day, true)) };
    let clock = time.strip_suffix('Z').unwrap_or(time);
    let hour = clock.get(0..2).and_then(number).filter(|hour| (0..24).contains(hour))?;
    if clock.len() != 6 || number(clock.get(2..6)?)? % 100 > 59 {
        return None;
    }
    let elsewhere = time.ends_with('Z') && !(3..21).contains(&hour);
    (!elsewhere).then_some((day, clock == "000000"))
}

/// A title without the backslashes that iCalendar puts in.
fn plain(value: &str) -> String {
    let mut text = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') | None => text.push(' '),
                Some(other) => text.push(other),
            },
            letter if letter.is_control() => text.push(' '),
            letter => text.push(letter),
        }
    }
    text.trim().to_owned()
}

/// The text's lines, those that were folded put together again.
fn unfolded(text: &str) -> Vec<Line> {
    let mut whole: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        match (line.strip_prefix([' ', '\t']), whole.last_mut()) {
            (Some(more), Some((_, before))) => before.push_str(more),
            _ if line.trim().is_empty() => {}
            _ => whole.push((number, line.to_owned())),
        }
    }
    whole.into_iter().map(|(number, text)| line(number, &text)).collect()
}

/// `NAME;PARAMETERS:VALUE`; a colon in a quoted parameter does not end them.
fn line(number: usize, text: &str) -> Line {
    let mut quoted = false;
    let colon = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == ':' && !quoted
    });
    let (before, value) = colon.map_or((text, ""), |(at, _)| (&text[..at], &text[at + 1..]));
    let name = before.split(';').next().unwrap_or("").trim().to_ascii_uppercase();
    Line { number, name, value: value.trim_end().to_owned() }
}
