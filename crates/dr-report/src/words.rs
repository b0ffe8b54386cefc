//! Dates, lists and lines in the words of a letter.

use dr_plan::{PersonId, Plan};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// `Fri 27 Nov`.
pub(crate) fn day(date: Date) -> String {
    date.strftime("%a %-d %b").to_string()
}

/// `27 Nov`, with the year if it is not that of `today`.
pub(crate) fn short_day(date: Date, today: Date) -> String {
    let shown = if date.year() == today.year() { date.strftime("%-d %b") } else { date.strftime("%-d %b %Y") };
    shown.to_string()
}

/// `Thu 18:00` within the last six days, else `12 Nov`: a day of the week alone would mean this week's.
pub(crate) fn moment(at: Timestamp, today: Date, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    let days = (today - local.date()).get_days();
    if (0..7).contains(&days) { local.strftime("%a %H:%M").to_string() } else { short_day(local.date(), today) }
}

/// A moment as documents for machines write it: RFC 3339 with the school's offset, whole seconds.
pub(crate) fn machine(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// `A, B and C`; of more than `most`, the first ones and how many more.
pub(crate) fn list(of: &[&str], most: usize) -> String {
    let shown = &of[..of.len().min(most.max(1))];
    match (shown, of.len() - shown.len()) {
        ([], _) => String::new(),
        ([one], 0) => (*one).to_owned(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (some, more) => format!("{} and {more} more", some.join(", ")),
    }
}

/// The name of a person as it stands on letters.
pub(crate) fn name(plan: &Plan, id: &PersonId) -> String {
    plan.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())
}

/// What a thing in the letter is called: nothing a terminal obeys, one line, no more than `width` columns.
pub(crate) fn clip(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    let cut: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// One line without control characters, characters that only change how others look, or runs of blanks.
pub(crate) fn plain(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|c| !c.is_control() && !dr_plan::is_hidden(*c)).collect())
        .collect();
    words.join(" ")
}

/// With a capital letter, as a sentence begins.
pub(crate) fn begun(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `count` things: `1 disk`, `2 disks`.
pub(crate) fn count(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Breaks a text at blanks into lines of `width`; the lines after the first begin with `indent` blanks.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    // Several blanks in a row stay: they line columns up.
    dr_runbook::wrapped(text.split(' '), width, "", &" ".repeat(indent))
}

/// At most `most` lines of `width`; what does not fit is cut and shown to be cut.
pub(crate) fn fit(text: &str, width: usize, indent: usize, most: usize) -> Vec<String> {
    let lines: Vec<String> = wrap(text, width, indent).into_iter().map(|line| clip_end(&line, width)).collect();
    if lines.len() <= most {
        return lines;
    }
    let mut kept: Vec<String> = lines.into_iter().take(most).collect();
    if let Some(last) = kept.last_mut() {
        *last = clip_end(&format!("{last} …"), width);
        if !last.ends_with('…') {
            last.push('…');
        }
    }
    kept
}

/// The first of several ways to say the same, the longest first, that fits into so many lines. A sentence is never cut:
/// if none fits, the first of those that take the fewest lines takes them.
pub(crate) fn whole(ways: impl IntoIterator<Item = String>, width: usize, indent: usize, most: usize) -> Vec<String> {
    let mut best: Vec<String> = Vec::new();
    for way in ways {
        let lines: Vec<String> = wrap(&way, width, indent).into_iter().map(|line| clip_end(&line, width)).collect();
        if best.is_empty() || lines.len() < best.len() {
            best = lines;
        }
        if best.len() <= most {
            break;
        }
    }
    best
}

fn clip_end(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let cut: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// How every document of a sample school begins: its devices are made up.
pub(crate) const SAMPLE: &str = "Sample school: all copies are on this computer";
