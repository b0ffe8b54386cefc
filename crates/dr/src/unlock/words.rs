//! How one line of text becomes a program and its arguments, without a shell.
//!
//! Words are separated by blanks. Single quotes keep everything as it is, double quotes keep all but `\"` and
//! `\\`, a backslash outside quotes keeps the next character. Nothing else has a meaning: no variables, no `|`.

/// The words of `line`.
///
/// # Errors
/// What is wrong, to be put after the line's name.
pub fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some('"'), '\\') => match chars.next() {
                Some(c @ ('"' | '\\')) => word.get_or_insert_default().push(c),
                Some(c) => word.get_or_insert_default().extend(['\\', c]),
                None => break,
            },
            (None, '\\') => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("ends with a backslash"),
            },
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("has a quotation mark that is not closed");
    }
    words.extend(word);
    if words.is_empty() { Err("names no program") } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<&[&str], &'static str>) {
        let words = split(line);
        let words = words.as_ref().map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(words.as_deref().map_err(|why| **why), expected, "{line}");
    }

    #[test]
    fn words_are_split_as_people_quote_them_and_nothing_is_a_command_to_a_shell() {
        check("pass show school/dr", Ok(&["pass", "show", "school/dr"]));
        check("  a  'b c' \"d \\\" e\" f\\ g ''", Ok(&["a", "b c", "d \" e", "f g", ""]));
        check("cat $HOME/x | tee `id` > y", Ok(&["cat", "$HOME/x", "|", "tee", "`id`", ">", "y"]));
        check("a'b'\"c\"d", Ok(&["abcd"]));
        check("a \"b", Err("has a quotation mark that is not closed"));
        check("a \"b\\", Err("has a quotation mark that is not closed"));
        check("a\\", Err("ends with a backslash"));
        check(" ", Err("names no program"));
    }
}
