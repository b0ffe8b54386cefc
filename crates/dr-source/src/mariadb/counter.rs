//! How many rows of which tables are in a dump, and does it end where the program said that it was done? Told while it
//! passes, in pieces of any size.
//!
//! An `INSERT` holds many rows, and rows hold anything: brackets, quotes, words of SQL. So quotes, comments and the
//! delimiters of routines are followed as the server follows them. Nothing is held but the beginning of one statement.

use std::collections::BTreeMap;

/// So much of the front of a statement says what it is.
const HEAD_MAX: usize = 4 << 10;
/// So much of a comment says what it is.
const COMMENT_MAX: usize = 64;
/// No delimiter is longer.
const DELIMITER_MAX: usize = 16;
/// What the last comment says.
const DONE: &[u8] = b" Dump completed";
/// The word after which the rows of an `INSERT` stand.
const VALUES: &[u8] = b"VALUES";

/// What is in a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Rows of each table.
    pub(crate) tables: BTreeMap<String, u64>,
    /// Views, triggers, routines and events that run with the rights of a certain account.
    pub(crate) definers: u64,
    /// Whether it ends with the words by which the program says that it was done.
    pub(crate) complete: bool,
}

/// Counts in what passes.
#[derive(Debug)]
pub(crate) struct RowCounter {
    counted: Counted,
    at: At,
    /// The front of the statement that passes, without comments.
    head: Vec<u8>,
    /// The front of the comment that passes.
    comment: Vec<u8>,
    delimiter: Vec<u8>,
    /// So much of the delimiter was just seen.
    matched: usize,
    /// How many brackets are open.
    depth: u64,
    /// So many letters of `VALUES` were just seen; `None`: another word.
    word: Option<usize>,
    in_values: bool,
    rows: u64,
    /// What a routine's `sql_mode` says of quotes.
    no_escapes: bool,
    ansi_quotes: bool,
}

/// Where in a dump one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Code,
    Quoted(u8),
    /// After a backslash in quotes.
    Escaped(u8),
    Dash,
    Dashes,
    /// A comment to the end of its line.
    Line,
    Slash,
    Opening,
    /// `/*M`, which is for MariaDB alone if `!` follows.
    OpeningM,
    /// The version after `/*!`: what follows is run by servers that are not older.
    Since,
    Comment,
    CommentStar,
    /// A `*` in what is run, which may be the end of such a comment.
    Star,
}

impl Default for RowCounter {
    fn default() -> Self {
        Self {
            counted: Counted::default(),
            at: At::Code,
            head: Vec::new(),
            comment: Vec::new(),
            delimiter: b";".to_vec(),
            matched: 0,
            depth: 0,
            word: Some(0),
            in_values: false,
            rows: 0,
            no_escapes: false,
            ansi_quotes: false,
        }
    }
}

impl RowCounter {
    /// The next piece.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            // Most of a dump is within quotes.
            if let At::Quoted(quote) = self.at {
                let ends = |byte: &u8| *byte == quote || *byte == b'\\';
                let end = bytes.iter().position(ends).unwrap_or(bytes.len());
                self.keep(&bytes[..end]);
                bytes = &bytes[end..];
                let Some((first, rest)) = bytes.split_first() else { return };
                self.quoted(*first, quote);
                bytes = rest;
                continue;
            }
            self.step(*first);
            bytes = rest;
        }
    }

    /// Whether the first table has come.
    pub(crate) fn has_begun(&self) -> bool {
        !self.counted.tables.is_empty()
    }

    /// What was in all of it.
    pub(crate) fn end(self) -> Counted {
        self.counted
    }

    fn step(&mut self, byte: u8) {
        match self.at {
            At::Code => self.code(byte),
            At::Quoted(quote) => self.quoted(byte, quote),
            At::Escaped(quote) => {
                self.keep(&[byte]);
                self.at = At::Quoted(quote);
            }
            At::Dash if byte == b'-' => self.at = At::Dashes,
            At::Dash => self.was_code(b"-", byte),
            // Two dashes begin a comment only before a blank.
            At::Dashes if byte.is_ascii_whitespace() || byte.is_ascii_control() => {
                self.line_begins();
                self.step(byte);
            }
            At::Dashes => self.was_code(b"--", byte),
            At::Line if byte == b'\n' => self.line_ends(),
            At::Line => self.comment_goes_on(byte),
            At::Slash if byte == b'*' => self.at = At::Opening,
            At::Slash => self.was_code(b"/", byte),
            At::Opening => match byte {
                b'!' => self.at = At::Since,
                b'M' => self.at = At::OpeningM,
                _ => self.in_comment(byte),
            },
            At::OpeningM if byte == b'!' => self.at = At::Since,
            At::OpeningM => self.in_comment(byte),
            At::Since if byte.is_ascii_digit() => {}
            At::Since => self.was_code(b" ", byte),
            At::Comment | At::CommentStar => match byte {
                b'/' if self.at == At::CommentStar => self.at = At::Code,
                b'*' => self.at = At::CommentStar,
                _ => self.at = At::Comment,
            },
            // The end of what only some servers run.
            At::Star if byte == b'/' => self.was_nothing(),
            At::Star => self.was_code(b"*", byte),
        }
    }

    /// What looked like something else was code.
    fn was_code(&mut self, before: &[u8], byte: u8) {
        self.at = At::Code;
        for byte in before {
            self.plain(*byte);
        }
        self.step(byte);
    }

    fn was_nothing(&mut self) {
        self.at = At::Code;
        self.plain(b' ');
    }

    fn line_begins(&mut self) {
        self.comment.clear();
        (self.at, self.matched) = (At::Line, 0);
    }

    fn in_comment(&mut self, byte: u8) {
        self.matched = 0;
        self.at = At::Comment;
        self.step(byte);
    }

    fn code(&mut self, byte: u8) {
        match byte {
            b'\'' | b'"' | b'`' => {
                self.plain(byte);
                self.at = At::Quoted(byte);
            }
            b'-' => self.at = At::Dash,
            b'/' => self.at = At::Slash,
            b'*' => self.at = At::Star,
            b'#' => {
                self.line_begins();
                self.comment.push(b'#');
            }
            byte => self.plain(byte),
        }
    }

    fn quoted(&mut self, byte: u8, quote: u8) {
        self.keep(&[byte]);
        let is_name = quote == b'`' || quote == b'"' && self.ansi_quotes;
        if byte == quote {
            // Of two quotes the second begins where the first ended.
            self.at = At::Code;
        } else if byte == b'\\' && !is_name && !self.no_escapes {
            self.at = At::Escaped(quote);
        }
    }

    /// A byte that is neither in quotes nor in a comment.
    fn plain(&mut self, byte: u8) {
        if self.is_delimiter_line() {
            match byte {
                b'\n' => self.delimiter_line_ends(),
                byte => self.keep(&[byte]),
            }
            return;
        }
        self.words(byte);
        match byte {
            b'(' => {
                self.rows += u64::from(self.depth == 0 && self.in_values);
                self.depth += 1;
            }
            b')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.matched = match self.delimiter.get(self.matched) {
            Some(wanted) if *wanted == byte => self.matched + 1,
            _ => usize::from(self.delimiter.first() == Some(&byte)),
        };
        if self.matched == self.delimiter.len() {
            self.statement_ends();
            return;
        }
        if !(self.head.is_empty() && byte.is_ascii_whitespace()) {
            self.keep(&[byte]);
        }
    }

    /// Whether what passes now is the word `VALUES`, outside of brackets.
    fn words(&mut self, byte: u8) {
        let is_letter = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80;
        self.word = match (is_letter, self.word) {
            (false, seen) => {
                self.in_values |= seen == Some(VALUES.len()) && self.depth == 0;
                Some(0)
            }
            (true, Some(seen)) if VALUES.get(seen) == Some(&byte.to_ascii_uppercase()) => Some(seen + 1),
            (true, _) => None,
        };
    }

    fn keep(&mut self, bytes: &[u8]) {
        // Whatever comes after the last words, they are not the last.
        self.counted.complete = false;
        let room = HEAD_MAX.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
    }

    fn comment_goes_on(&mut self, byte: u8) {
        if self.comment.len() < COMMENT_MAX {
            self.comment.push(byte);
        }
    }

    fn line_ends(&mut self) {
        let is_done = self.comment.strip_prefix(DONE).is_some_and(|rest| rest.is_empty() || rest.starts_with(b" on "));
        self.counted.complete = is_done && self.head.is_empty() && self.delimiter == b";";
        self.at = At::Code;
        self.plain(b'\n');
    }

    fn is_delimiter_line(&self) -> bool {
        let begin = self.head.get(..10);
        begin.is_some_and(|begin| begin[..9].eq_ignore_ascii_case(b"DELIMITER") && begin[9].is_ascii_whitespace())
    }

    fn delimiter_line_ends(&mut self) {
        let new = self.head[10..].trim_ascii();
        if (1..=DELIMITER_MAX).contains(&new.len()) {
            self.delimiter = new.to_vec();
        }
        self.next_statement();
    }

    fn statement_ends(&mut self) {
        if let Some(table) = named(&self.head, "INSERT INTO ") {
            *self.counted.tables.entry(table).or_default() += self.rows;
        } else if let Some(table) = named(&self.head, "CREATE TABLE ") {
            self.counted.tables.entry(table).or_default();
        } else if let Some(mode) = sql_mode(&self.head) {
            self.no_escapes = mode.contains("NO_BACKSLASH_ESCAPES");
            self.ansi_quotes = mode.contains("ANSI");
        } else if begins(&self.head, "CREATE ") {
            let definer = b"DEFINER=";
            self.counted.definers += u64::from(self.head.windows(definer.len()).any(|window| window == definer));
        }
        self.next_statement();
    }

    fn next_statement(&mut self) {
        self.counted.complete = false;
        self.head.clear();
        (self.matched, self.depth, self.rows, self.in_values, self.word) = (0, 0, 0, false, Some(0));
    }
}

fn begins(head: &[u8], with: &str) -> bool {
    head.get(..with.len()).is_some_and(|front| front.eq_ignore_ascii_case(with.as_bytes()))
}

/// The name in back quotes after these words.
fn named(head: &[u8], words: &str) -> Option<String> {
    if !begins(head, words) {
        return None;
    }
    let mut rest = head[words.len()..].strip_prefix(b"`")?;
    let mut name = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'`')?;
        name.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"`") {
            Some(more) => {
                name.push(b'`');
                rest = more;
            }
            None => return Some(String::from_utf8_lossy(&name).into_owned()),
        }
    }
}

/// What a statement sets `sql_mode` to; a variable: the dump's own, which says nothing of quotes.
fn sql_mode(head: &[u8]) -> Option<String> {
    if !begins(head, "SET ") {
        return None;
    }
    let text = String::from_utf8_lossy(head).to_ascii_uppercase();
    let set = text.match_indices("SQL_MODE").find_map(|(at, word)| {
        let is_variable = text[..at].ends_with(['@', '_']);
        let value = text[at + word.len()..].trim_start().strip_prefix('=')?.trim_start();
        (!is_variable).then(|| value.to_owned())
    })?;
    Some(set.strip_prefix('\'').and_then(|rest| rest.split('\'').next()).unwrap_or_default().to_owned())
}
