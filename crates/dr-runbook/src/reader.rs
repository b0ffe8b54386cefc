//! A TOML text read with every mistake noted and none fatal, so that people see all errors at once, each with its
//! line and its words.

use std::cell::RefCell;
use std::ops::Range;

use dr_plan::{BadName, Period, Problem};
use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The longest text that is read. A runbook of a large school is a tenth of it.
const TEXT_MAX: usize = 1 << 20;

/// A text, and what was found wrong with it so far.
pub(crate) struct Text<'t> {
    file: &'t str,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

/// A table, where it stands, and which of its keys were asked for.
pub(crate) struct Table<'d> {
    text: &'d Text<'d>,
    /// Its key, dotted from the root.
    at: String,
    start: usize,
    entries: Vec<(&'d str, Range<usize>, &'d Spanned<DeValue<'d>>)>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'t> Text<'t> {
    pub(crate) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, problems: RefCell::default() }
    }

    /// The text as TOML; a problem for each place where it is none.
    pub(crate) fn toml(&self) -> Option<Spanned<DeTable<'t>>> {
        if self.text.len() > TEXT_MAX {
            self.note(0, "the whole file".into(), "at most 1 MiB of text".into());
            return None;
        }
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let line = self.text.get(..span.start).map_or("", |before| before.rsplit('\n').next().unwrap_or(""));
            let rest = self.text.get(span.start..).and_then(|rest| rest.lines().next()).unwrap_or("");
            self.note(
                span.start,
                format!("`{}`", short(&format!("{line}{rest}"))),
                format!("TOML ({})", error.message()),
            );
        }
        errors.is_empty().then_some(table)
    }

    pub(crate) fn root<'d>(&'d self, table: &'d Spanned<DeTable<'d>>) -> Table<'d> {
        Table::new(self, String::new(), 0, table.get_ref())
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes().get(..at).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
    }

    fn note(&self, at: usize, words: String, expected: String) {
        let problem = Problem { file: self.file.to_owned(), line: self.line(at), words, expected, suggestion: None };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Everything found wrong, by line.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.take();
        problems.sort_by_key(|problem| problem.line);
        problems
    }
}

impl<'d> Table<'d> {
    fn new(text: &'d Text<'d>, at: String, start: usize, table: &'d DeTable<'d>) -> Self {
        let mut entries: Vec<_> =
            table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
        entries.sort_by_key(|(_, span, _)| span.start);
        Self { text, at, start, entries, asked: RefCell::default() }
    }

    /// The line it stands on.
    pub(crate) fn line(&self) -> usize {
        self.text.line(self.start)
    }

    fn name(&self) -> String {
        if self.at.is_empty() { "the runbook".to_owned() } else { format!("[{}]", self.at) }
    }

    fn value(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.borrow_mut().push(key);
        self.entries.iter().find(|(name, ..)| *name == key).map(|(.., value)| *value)
    }

    /// Notes that the value of `key` is wrong.
    pub(crate) fn wrong(&self, key: &str, expected: impl Into<String>) {
        let value = self.entries.iter().find(|(name, ..)| *name == key).map(|(.., value)| *value);
        let span = value.map_or(self.start..self.start, Spanned::span);
        let shown = short(self.text.text.get(span.clone()).unwrap_or("…"));
        let at = if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) };
        self.text.note(span.start, format!("`{at} = {shown}`"), expected.into());
    }

    /// Notes that something is not there.
    pub(crate) fn missing(&self, key: &str) {
        self.text.note(self.start, format!("{} without `{key}`", self.name()), format!("`{key}`"));
    }

    /// Every key that nobody asked for is a mistake.
    pub(crate) fn close(self) {
        let asked = self.asked.borrow();
        for (name, span, _) in self.entries.iter().filter(|(name, ..)| !asked.contains(name)) {
            let words = format!("`{}` in {}", short(name), self.name());
            self.text.note(span.start, words, format!("one of {}", asked.join(", ")));
        }
    }

    /// The tables under `key`, by the names that people gave them, in the order of the text.
    pub(crate) fn tables<I: TryFrom<String, Error = BadName>>(&self, key: &'static str) -> Vec<(I, Table<'d>)> {
        let Some(table) = self.table(key) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, span, value) in &table.entries {
            let at = format!("{key}.{name}");
            match (I::try_from((*name).to_owned()), value.get_ref().as_table()) {
                (Ok(id), Some(entries)) => found.push((id, Self::new(self.text, at, span.start, entries))),
                (Err(bad), _) => self.text.note(span.start, format!("[{}]", short(&at)), format!("a name ({bad})")),
                (_, None) => self.text.note(span.start, format!("`{}`", short(&at)), "a table".into()),
            }
        }
        found
    }

    /// The table under `key`.
    pub(crate) fn table(&self, key: &'static str) -> Option<Table<'d>> {
        let value = self.value(key)?;
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong(key, "a table");
            return None;
        };
        let start = self.entries.iter().find(|(name, ..)| *name == key).map_or(0, |(_, span, _)| span.start);
        Some(Self::new(self.text, key.to_owned(), start, entries))
    }

    /// The texts of a table whose keys are names that people chose, with the line of each.
    pub(crate) fn named_texts<I: TryFrom<String, Error = BadName>>(
        &self,
        key: &'static str,
    ) -> Vec<(I, String, usize)> {
        let Some(table) = self.table(key) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, span, value) in &table.entries {
            match (I::try_from((*name).to_owned()), value.get_ref().as_str().and_then(words)) {
                (Ok(id), Some(text)) => found.push((id, text, self.text.line(span.start))),
                (Err(bad), _) => table.wrong(name, format!("a name before it ({bad})")),
                (_, None) => table.wrong(name, TEXT),
            }
        }
        found
    }

    fn read<T>(&self, key: &'static str, expected: &str, read: impl FnOnce(&DeValue<'d>) -> Option<T>) -> Option<T> {
        let read = read(self.value(key)?.get_ref());
        if read.is_none() {
            self.wrong(key, expected);
        }
        read
    }

    /// A text that is not empty; it may have several lines.
    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        self.read(key, TEXT, |value| words(value.as_str()?))
    }

    /// A text by what it names.
    pub(crate) fn id<I: TryFrom<String, Error = BadName>>(&self, key: &'static str) -> Option<I> {
        self.read(key, "a name: small letters, digits and -", |value| I::try_from(value.as_str()?.to_owned()).ok())
    }

    /// A list of texts by what they name; empty if it is not there.
    pub(crate) fn ids<I: TryFrom<String, Error = BadName>>(&self, key: &'static str) -> Vec<I> {
        let one = |value: &Spanned<DeValue<'_>>| I::try_from(value.get_ref().as_str()?.to_owned()).ok();
        let ids =
            self.read(key, "a list of names in square brackets", |value| value.as_array()?.iter().map(one).collect());
        ids.unwrap_or_default()
    }

    /// A list of texts; empty if it is not there.
    pub(crate) fn texts(&self, key: &'static str) -> Vec<String> {
        let one = |value: &Spanned<DeValue<'_>>| words(value.get_ref().as_str()?);
        let texts =
            self.read(key, "a list of texts in square brackets", |value| value.as_array()?.iter().map(one).collect());
        texts.unwrap_or_default()
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, known: &[(&'static str, T)]) -> Option<T> {
        let all: Vec<String> = known.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let find = |text: &str| known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        self.read(key, &format!("one of {}", all.join(", ")), |value| find(value.as_str()?))
    }

    pub(crate) fn period(&self, key: &'static str) -> Option<Period> {
        self.read(key, "a length of time such as \"45m\", \"4h\" or \"3d\"", |value| Period::parse(value.as_str()?))
    }

    pub(crate) fn date(&self, key: &'static str) -> Option<Date> {
        self.read(key, "a date such as 2026-12-18, without quotes", |value| match value {
            DeValue::Datetime(datetime) if datetime.time.is_none() => datetime.date.and_then(|date| {
                let (year, month, day) = (i16::try_from(date.year), i8::try_from(date.month), i8::try_from(date.day));
                Date::new(year.ok()?, month.ok()?, day.ok()?).ok()
            }),
            _ => None,
        })
    }

    pub(crate) fn count(&self, key: &'static str) -> Option<u32> {
        self.read(key, "a whole number", |value| {
            let integer = value.as_integer()?;
            u32::from_str_radix(integer.as_str(), integer.radix()).ok()
        })
    }

    /// Notes that `key` is missing if `value` is none and the key is not there; what is there and wrong was told.
    pub(crate) fn need<T>(&self, key: &'static str, value: Option<T>) -> Option<T> {
        if self.entries.iter().all(|(name, ..)| *name != key) {
            self.missing(key);
        }
        value
    }
}

const TEXT: &str = "a text in quotes that is not empty";

/// A text without the blanks around it. Tabs and ends of lines may stand in it; nothing else that a terminal obeys.
fn words(text: &str) -> Option<String> {
    let text = text.trim();
    let good = !text.is_empty() && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    good.then(|| text.to_owned())
}

/// The beginning of a text, on one line.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or("");
    let mut short: String = line.chars().filter(|c| !c.is_control()).take(60).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    short
}
