//! Which systems does a line of the letter say would come back, and to when?

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// The systems that the line beginning with `lead` says would come back, each with the moment; titles stand for ids.
pub fn back_to(
    text: &str,
    lead: &str,
    titles: &[(String, String)],
    now: Timestamp,
) -> Result<Vec<(String, Timestamp)>, String> {
    let Some(begin) = text.find(lead) else { return Err(format!("the letter has no line \"{lead}\": {text}")) };
    let rest = &text[begin + lead.len()..];
    // Up to the next line that does not go on, or the end of the sentence.
    let mut line = String::new();
    for part in rest.lines() {
        if !line.is_empty() && (part.trim().is_empty() || !part.starts_with(' ')) {
            break;
        }
        line = format!("{line} {}", part.trim());
    }
    let line = line.trim().trim_end_matches('.').to_owned();
    let mut said: Vec<(String, Timestamp)> = Vec::new();
    let mut other = Vec::new();
    for part in line.split(';').map(str::trim) {
        let Some((names, when)) = part.split_once(" back to ") else { continue };
        let back = moment(when, now).ok_or_else(|| format!("\"{part}\" names no moment that a test can read"))?;
        let named: Vec<&(String, String)> = titles
            .iter()
            .filter(|(_, title)| names.split(", ").flat_map(|one| one.split(" and ")).any(|one| one == title))
            .collect();
        if named.is_empty() {
            other.push(back);
        }
        said.extend(named.into_iter().map(|(id, _)| (id.clone(), back)));
    }
    // "all 3 systems", "the other 2": whoever is not named elsewhere in the line.
    for back in other {
        let unnamed = titles.iter().filter(|(_, title)| !line.contains(title.as_str()));
        said.extend(unnamed.map(|(id, _)| (id.clone(), back)));
    }
    Ok(said)
}

/// `Mon 21:05` of the last six days, or `12 Nov`.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let zone = TimeZone::get("Europe/London").ok()?;
    let today = now.to_zoned(zone.clone()).date();
    let mut words = text.split([' ', ',', '.', '(']).filter(|word| !word.is_empty());
    let (first, second) = (words.next()?, words.next()?);
    if let Some(weekday) = weekday(first) {
        let time: Time = second.parse().ok()?;
        let date = (0..7).map(|ago| today.checked_sub(ago.days()).unwrap()).find(|date| date.weekday() == weekday)?;
        return Some(date.to_datetime(time).to_zoned(zone).ok()?.timestamp());
    }
    let year = words.next().and_then(|year| year.parse().ok()).unwrap_or(today.year());
    let date = Date::strptime("%d %b %Y", format!("{first} {second} {year}")).ok()?;
    Some(date.to_zoned(zone).ok()?.timestamp())
}

fn weekday(word: &str) -> Option<Weekday> {
    let all = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let index = all.iter().position(|day| *day == word)?;
    Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

#[test]
fn a_line_of_the_letter_is_read_as_a_person_reads_it() {
    let titles: Vec<_> = [("office", "Office"), ("lessons", "Lessons"), ("mis", "MIS")]
        .map(|(id, title)| (id.to_owned(), title.to_owned()))
        .into();
    let now: Timestamp = "2026-11-26T22:00:00Z".parse().unwrap();
    let read = |line: &str| {
        let text = format!("Lines before.\nHacked tonight: {line}\nNext line: nothing back to Mon 10:00.\n");
        back_to(&text, "Hacked tonight:", &titles, now).unwrap()
    };
    let moment = |text: &str| -> Timestamp { text.parse().unwrap() };
    assert_eq!(read("NOTHING would come back."), []);
    let all = read("all 3 systems back to Tue 21:05.");
    assert_eq!((all.len(), all[0].1), (3, moment("2026-11-24T21:05:00Z")));
    let some = read("MIS is lost; Office and Lessons back to 12 Nov; 1 of them not\n  checked yet.");
    assert_eq!(some.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["office", "lessons"]);
    assert_eq!(some[0].1, moment("2026-11-12T00:00:00Z"));
}
