//! A TOML text read with every mistake noted and none fatal: reading goes on, so that people see
//! all errors at once, each with its line.
//!
//! Plans, calendars and runbooks are all read by this: a [`Doc`] has the text, a [`Section`] is a table whose keys are
//! known, and a [`Node`] is a value and where it stands.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problem, nearest};

/// The longest text that is read.
const TEXT_MAX: usize = 1 << 20;

/// A text, and what was found wrong with it so far.
pub struct Doc<'t> {
    file: &'t str,
    text: &'t str,
    /// What the text is, for messages about all of it.
    what: &'static str,
    problems: RefCell<Vec<Problem>>,
}

/// A value and where it stands.
#[derive(Clone)]
pub struct Node<'d> {
    doc: &'d Doc<'d>,
    /// Its key, dotted from the root.
    at: String,
    key: Range<usize>,
    value: &'d Spanned<DeValue<'d>>,
}

/// A table whose keys are known.
pub struct Section<'d> {
    doc: &'d Doc<'d>,
    at: String,
    key: Range<usize>,
    keys: &'static [&'static str],
    entries: Vec<(&'d str, Node<'d>)>,
}

impl<'t> Doc<'t> {
    /// A text that was read from `file`; `what` it is, for messages about all of it.
    #[must_use]
    pub fn new(file: &'t str, text: &'t str, what: &'static str) -> Self {
        Self { file, text, what, problems: RefCell::default() }
    }

    /// The text as a TOML document; a problem for each place where it is none.
    #[must_use]
    pub fn toml(&self) -> Option<Spanned<DeTable<'t>>> {
        if self.text.len() > TEXT_MAX {
            self.note(0, "the whole file".into(), "at most 1 MiB of text".into(), None);
            return None;
        }
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            let line = self.text.get(..at).map_or("", |before| before.rsplit('\n').next().unwrap_or(""));
            let rest = self.text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or("");
            // What follows an `=` may be a password that somebody forgot to quote: only the key is shown.
            let whole = format!("{line}{rest}");
            let words = match whole.split_once('=') {
                Some((key, _)) => format!("`{} = …`", short(key.trim())),
                None => format!("`{}`", short(whole.trim())),
            };
            self.note(at, words, format!("TOML ({})", error.message()), None);
        }
        errors.is_empty().then_some(table)
    }

    /// The table that is the whole text, and the keys it may have. Others are noted as wrong.
    pub fn root<'d>(&'d self, table: &'d Spanned<DeTable<'d>>, keys: &'static [&'static str]) -> Section<'d>
    where
        't: 'd,
    {
        section(self, String::new(), 0..0, table.get_ref(), Some(keys))
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes().get(..at).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
    }

    fn note(&self, at: usize, words: String, expected: String, suggestion: Option<String>) {
        let problem = Problem { file: self.file.to_owned(), line: self.line(at), words, expected, suggestion };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Everything found wrong, by line.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.take();
        problems.sort_by_key(|problem| problem.line);
        problems
    }
}

fn section<'d>(
    doc: &'d Doc<'d>,
    at: String,
    key: Range<usize>,
    table: &'d DeTable<'d>,
    keys: Option<&'static [&'static str]>,
) -> Section<'d> {
    let mut entries: Vec<(&Spanned<_>, &Spanned<DeValue<'_>>)> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries: Vec<(&str, Node<'_>)> = entries
        .into_iter()
        .map(|(key, value)| {
            let name: &str = key.get_ref();
            let at = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            (name, Node { doc, at, key: key.span(), value })
        })
        .collect();
    let section = Section { doc, at, key, keys: keys.unwrap_or_default(), entries };
    if let Some(keys) = keys {
        for (name, node) in section.entries.iter().filter(|(name, _)| !keys.contains(name)) {
            let words = format!("`{}` in {}", short(name), section.name());
            doc.note(node.key.start, words, format!("one of {}", keys.join(", ")), nearest(name, keys.iter().copied()));
        }
    }
    section
}

/// The beginning of a text, on one line.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    let mut short: String = line.chars().filter(|c| !c.is_control()).take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl<'d> Section<'d> {
    fn name(&self) -> String {
        if self.at.is_empty() { self.doc.what.to_owned() } else { format!("[{}]", self.at) }
    }

    /// The line it stands on, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.doc.line(self.key.start)
    }

    /// The value under one of the keys.
    #[must_use]
    pub fn get(&self, key: &'static str) -> Option<&Node<'d>> {
        debug_assert!(self.keys.contains(&key), "{key} is none of the keys that were given");
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, node)| node)
    }

    /// The value under one of the keys; that it is missing is noted.
    #[must_use]
    pub fn need(&self, key: &'static str) -> Option<&Node<'d>> {
        let found = self.get(key);
        if found.is_none() {
            self.missing(&format!("`{key}`"));
        }
        found
    }

    /// Notes that a key itself is wrong.
    pub fn wrong_key(&self, key: &str, expected: impl Into<String>, suggestion: Option<String>) {
        let at = self.entries.iter().find(|(name, _)| *name == key).map_or(self.key.start, |(_, node)| node.key.start);
        self.doc.note(at, format!("`{}` in {}", short(key), self.name()), expected.into(), suggestion);
    }

    /// Whether the table `table` has an entry `name`, sound or not.
    pub fn declares(&self, table: &str, name: &str) -> bool {
        let table = self.entries.iter().find(|(key, _)| *key == table).map(|(_, node)| node);
        let table = table.and_then(|node| node.value.get_ref().as_table());
        table.is_some_and(|table| table.keys().any(|key| key.get_ref() == name))
    }

    /// Notes that something is not there.
    pub fn missing(&self, what: &str) {
        self.doc.note(self.key.start, format!("{} without {what}", self.name()), what.to_owned(), None);
    }

    /// The first text `name` under `key`, anywhere below the dotted `path`.
    pub fn find(&self, path: &[String], key: &str, name: &str) -> Option<Node<'d>> {
        let mut within: Vec<Node<'d>> = self.entries.iter().map(|(_, node)| node.clone()).collect();
        let mut dotted = String::new();
        for step in path {
            dotted = if dotted.is_empty() { step.clone() } else { format!("{dotted}.{step}") };
            within = within.into_iter().filter(|node| node.at == dotted).flat_map(|node| node.below()).collect();
        }
        while let Some(node) = within.pop() {
            let last = node.at.rsplit('.').next().and_then(|last| last.split('[').next());
            if node.raw() == Some(name) && last == Some(key) {
                return Some(node);
            }
            within.extend(node.below());
        }
        None
    }

    /// Everything in it, in the order of the text.
    #[must_use]
    pub fn entries(&self) -> &[(&'d str, Node<'d>)] {
        &self.entries
    }
}

impl<'d> Node<'d> {
    /// Notes that this value is wrong, showing it.
    pub fn wrong(&self, expected: impl Into<String>, suggestion: Option<String>) {
        let span = self.value.span();
        let text = self.doc.text.get(span.clone()).unwrap_or("…");
        self.doc.note(span.start, format!("`{} = {}`", self.at, short(text)), expected.into(), suggestion);
    }

    /// Notes that this value is wrong, without showing it: it may hold a secret.
    pub fn wrong_unshown(&self, expected: impl Into<String>) {
        self.doc.note(self.value.span().start, format!("`{}`", self.at), expected.into(), None);
    }

    /// Whether it is a text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    /// Whether it is a table.
    #[must_use]
    pub fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// Whether it is a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    /// The text as it is, if it is one.
    pub fn raw(&self) -> Option<&'d str> {
        self.value.get_ref().as_str()
    }

    /// A text of one line that is not empty.
    pub fn text(&self) -> Option<String> {
        self.read("a text in quotes, on one line and not empty", |text| {
            (!text.trim().is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
        })
    }

    /// A text of any number of lines, without the blanks around it. Tabs and ends of lines may stand in it; nothing else
    /// that a terminal obeys.
    #[must_use]
    pub fn lines(&self) -> Option<String> {
        self.read("a text in quotes that is not empty", |text| {
            let text = text.trim();
            let good = !text.is_empty() && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
            good.then(|| text.to_owned())
        })
    }

    /// The line it stands on, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.doc.line(self.key.start)
    }

    /// A text that `read` understands.
    pub fn read<T>(&self, expected: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.raw().and_then(read);
        if value.is_none() {
            self.wrong(expected, None);
        }
        value
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.raw();
        let found = text.and_then(|text| words.iter().find(|(word, _)| *word == text)).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let near = text.and_then(|text| nearest(text, words.iter().map(|(word, _)| *word)));
            self.wrong(format!("one of {}", all.join(", ")), near);
        }
        found
    }

    /// A whole number within `range`.
    pub fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let count = self.integer().filter(|count| range.contains(count));
        if count.is_none() {
            self.wrong(format!("a whole number from {} to {}", range.start(), range.end()), None);
        }
        count
    }

    /// A whole number, however large.
    #[must_use]
    pub fn whole(&self) -> Option<u32> {
        let whole = self.integer();
        if whole.is_none() {
            self.wrong("a whole number", None);
        }
        whole
    }

    fn integer(&self) -> Option<u32> {
        let integer = self.value.get_ref().as_integer()?;
        u32::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    /// `true` or `false`.
    #[must_use]
    pub fn flag(&self) -> Option<bool> {
        let flag = self.value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong("true or false", None);
        }
        flag
    }

    /// A date without a time.
    #[must_use]
    pub fn date(&self) -> Option<Date> {
        let date = match self.value.get_ref() {
            DeValue::Datetime(datetime) if datetime.time.is_none() => datetime.date.and_then(|date| {
                Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?)
                    .ok()
            }),
            _ => None,
        };
        if date.is_none() {
            self.wrong("a date such as 2026-12-18, without quotes", None);
        }
        date
    }

    /// The values of a list; none if it is not one, which is noted.
    #[must_use]
    pub fn list(&self) -> Vec<Node<'d>> {
        let Some(list) = self.value.get_ref().as_array() else {
            self.wrong("a list in square brackets", None);
            return Vec::new();
        };
        list.iter()
            .enumerate()
            .map(|(place, value)| Node { doc: self.doc, at: format!("{}[{place}]", self.at), key: value.span(), value })
            .collect()
    }

    /// What it holds, if it is a list or a table.
    fn below(&self) -> Vec<Node<'d>> {
        match self.value.get_ref() {
            DeValue::Array(_) => self.list(),
            DeValue::Table(_) => {
                self.names().map(|table| table.entries.into_iter().map(|(_, node)| node).collect()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// A list of texts.
    pub fn texts(&self) -> Vec<String> {
        self.list().iter().filter_map(Node::text).collect()
    }

    /// A table with these keys.
    pub fn section(&self, keys: &'static [&'static str]) -> Option<Section<'d>> {
        self.table(Some(keys))
    }

    /// A table whose keys are names that people chose.
    pub fn names(&self) -> Option<Section<'d>> {
        self.table(None)
    }

    fn table(&self, keys: Option<&'static [&'static str]>) -> Option<Section<'d>> {
        let Some(table) = self.value.get_ref().as_table() else {
            let example =
                keys.and_then(|keys| keys.first()).map_or(String::new(), |key| format!(" with keys such as `{key}`"));
            self.wrong(format!("a table{example}"), None);
            return None;
        };
        Some(section(self.doc, self.at.clone(), self.key.clone(), table, keys))
    }
}
