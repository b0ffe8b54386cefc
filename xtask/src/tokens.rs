//! The words, texts and marks of a Rust source, each with its line; comments are left out.
//!
//! Just enough of the language to find names, string literals and paths. The compiler has the last word about the rest.

/// What stands in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An identifier, a keyword or a number.
    Word(String),
    /// What stands between the quotes of a string literal, as it is written.
    Text(String),
    /// Any other character.
    Mark(char),
}

impl Token {
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(w) if w == word)
    }

    pub fn is_mark(&self, mark: char) -> bool {
        *self == Token::Mark(mark)
    }

    pub fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// Every token of a source, in order, with the number of its line.
pub fn tokens(source: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let rest = &chars[at..];
        let (length, token) = next(rest);
        if let Some(token) = token {
            found.push((line, token));
        }
        line += rest[..length].iter().filter(|&&c| c == '\n').count();
        at += length;
    }
    found
}

/// The token at the beginning of `rest`, which is not empty, and how many characters it takes.
fn next(rest: &[char]) -> (usize, Option<Token>) {
    let second = rest.get(1).copied();
    match rest[0] {
        '/' if second == Some('/') => (rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()), None),
        '/' if second == Some('*') => (block_comment(rest), None),
        '"' => quoted(rest, 0),
        '\'' => quote_or_lifetime(rest),
        c if c.is_alphabetic() || c == '_' => word(rest),
        c if c.is_ascii_digit() => {
            let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            (length, Some(Token::Word(rest[..length].iter().collect())))
        }
        c if c.is_whitespace() => (1, None),
        c => (1, Some(Token::Mark(c))),
    }
}

/// How long a comment is that begins here, with those inside it.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// A string literal whose first quote stands at `from`.
fn quoted(rest: &[char], from: usize) -> (usize, Option<Token>) {
    let mut at = from + 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    let end = at.min(rest.len());
    ((end + 1).min(rest.len()), Some(Token::Text(rest[from + 1..end].iter().collect())))
}

/// A character literal, which nobody asks for, or the beginning of a lifetime.
fn quote_or_lifetime(rest: &[char]) -> (usize, Option<Token>) {
    let escaped = rest.get(1) == Some(&'\\');
    if escaped || rest.get(2) == Some(&'\'') {
        // The character after a backslash may itself be a quote.
        let from = if escaped { 3 } else { 2 };
        let closing = rest.iter().skip(from).position(|&c| c == '\'');
        return (closing.map_or(rest.len(), |closing| from + closing + 1), None);
    }
    let name = rest.iter().skip(1).take_while(|c| c.is_alphanumeric() || **c == '_').count();
    (1 + name, None)
}

/// A word, or the string literal that its letters announce: `b"…"`, `r#"…"#`.
fn word(rest: &[char]) -> (usize, Option<Token>) {
    let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    let word: String = rest[..length].iter().collect();
    let raw = ["r", "br", "cr"].contains(&word.as_str());
    let hashes = rest[length..].iter().take_while(|&&c| c == '#').count();
    match rest.get(length + hashes) {
        Some('"') if raw => {
            let from = length + hashes + 1;
            let closes = |at: usize| {
                rest[at] == '"' && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
            };
            let end = (from..rest.len()).find(|&at| closes(at)).unwrap_or(rest.len());
            ((end + 1 + hashes).min(rest.len()), Some(Token::Text(rest[from..end].iter().collect())))
        }
        Some('"') if hashes == 0 && ["b", "c"].contains(&word.as_str()) => quoted(rest, length),
        Some('\'') if word == "b" && hashes == 0 => {
            let (after, _) = quote_or_lifetime(&rest[length..]);
            (length + after, None)
        }
        // A keyword that is used as a name.
        Some(c) if word == "r" && hashes == 1 && c.is_alphabetic() => {
            let name: String =
                rest[length + 1..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').copied().collect();
            (length + 1 + name.chars().count(), Some(Token::Word(name)))
        }
        _ => (length, Some(Token::Word(word))),
    }
}

/// The tokens without what only tests see: an item below `#[cfg(test)]`.
pub fn without_tests(tokens: Vec<(usize, Token)>) -> Vec<(usize, Token)> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if is_test(&tokens[at..]) {
            at = after_item(&tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn is_test(tokens: &[(usize, Token)]) -> bool {
    let spelled = [
        Token::Mark('#'),
        Token::Mark('['),
        Token::Word("cfg".into()),
        Token::Mark('('),
        Token::Word("test".into()),
        Token::Mark(')'),
        Token::Mark(']'),
    ];
    tokens.len() >= spelled.len() && tokens.iter().zip(&spelled).all(|((_, token), s)| token == s)
}

/// Where the item ends whose attributes begin at `from`: behind its `;`, or behind its body.
fn after_item(tokens: &[(usize, Token)], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut is_use = false;
    let mut attribute = false;
    for (at, (_, token)) in tokens.iter().enumerate().skip(from) {
        match token {
            Token::Word(word) if depth == 0 && word == "use" => is_use = true,
            Token::Mark('#') if depth == 0 => attribute = true,
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(close @ (')' | ']' | '}')) => {
                if depth == 0 {
                    return at;
                }
                depth -= 1;
                if depth == 0 && *close == '}' && !is_use && !attribute {
                    return at + 1;
                }
                if depth == 0 && *close == ']' {
                    attribute = false;
                }
            }
            Token::Mark(';' | ',') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(source: &str) -> String {
        let shown = tokens(source).into_iter().map(|(line, token)| match token {
            Token::Word(word) => format!("{line}{word}"),
            Token::Text(text) => format!("{line}<{text}>"),
            Token::Mark(mark) => mark.to_string(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_left_out_and_lines_are_counted() {
        assert_eq!(spelled("a // b\n/* c /* d */\n*/ e"), "1a 3e");
        assert_eq!(spelled("x('\"', '\\'', 'y', b'z')"), "1x ( , , , )");
        assert_eq!(spelled("fn f<'a>(s: &'a str)"), "1fn 1f < > ( 1s : & 1str )");
        assert_eq!(
            spelled(r##"f("a \" b", r#"c " d"#, b"e", r"g\", r#type)"##),
            r#"1f ( 1<a \" b> , 1<c " d> , 1<e> , 1<g\> , 1type )"#
        );
        assert_eq!(spelled("0x1f_u8 \"ä\"\n'ä'"), "10x1f_u8 1<ä>");
    }

    #[test]
    fn what_only_tests_see_is_left_out() {
        let kept = |source: &str| {
            let kept =
                without_tests(tokens(source)).into_iter().filter_map(|(_, token)| token.word().map(str::to_owned));
            kept.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kept("a\n#[cfg(test)]\nmod tests { b { c } }\nd"), "a d");
        assert_eq!(kept("#[cfg(test)] mod tests; d"), "d");
        assert_eq!(kept("#[cfg(test)] use a::{b, c}; d"), "d");
        assert_eq!(kept("#[cfg(test)]\n#[path = \"x\"]\nfn a() -> B { c } d"), "d");
        assert_eq!(kept("struct A { #[cfg(test)] b: u8, c: u8 } d"), "struct A c u8 d");
        assert_eq!(kept("#[cfg(unix)] a"), "cfg unix a");
    }
}
