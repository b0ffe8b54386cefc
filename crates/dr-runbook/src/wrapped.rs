//! How words become lines of a given width.

/// Lines of `width`, the first beginning with `first` and the others with `rest`. What is longer than a line stands on
/// one of its own.
pub fn wrapped<'w>(words: impl IntoIterator<Item = &'w str>, width: usize, first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in words {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}
