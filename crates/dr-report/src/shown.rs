//! How names, paths, sizes and counts look on a person's screen.

use std::borrow::Cow;
use std::path::Path;

/// A name for a person's screen: control characters are escaped too, whatever a name holds.
#[must_use]
pub fn name(bytes: &[u8]) -> String {
    dr_entry::shown_without(bytes, |c| c.is_control() || dr_plan::is_hidden(c))
}

/// A line for a person's screen, in which a name may stand that others chose: what only changes how the rest looks is
/// shown as what it is.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().any(dr_plan::is_hidden) { escaped(text, dr_plan::is_hidden).into() } else { text.into() }
}

fn escaped(text: &str, which: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if which(c) {
            let mut buffer = [0; 4];
            c.encode_utf8(&mut buffer).bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// A path of this machine for a person's screen.
#[must_use]
pub fn path(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    name(path.as_os_str().as_bytes())
}

/// A size for a person.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, UNITS[0]);
    for next in &UNITS[1..] {
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    format!("{value:.1} {unit}")
}

/// A count with its noun.
#[must_use]
pub fn count(count: u64, one: &str, many: &str) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{out} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_holds_does_not_change_how_the_rest_of_the_screen_looks() {
        assert_eq!(name(b"a\x1b[31m\xfe"), "a\\x1b[31m\\xfe");
        assert_eq!(name("a\u{202e}gpj.exe".as_bytes()), "a\\xe2\\x80\\xaegpj.exe");
        assert_eq!(line("from \u{2066}A. Ash\nand Ä"), "from \\xe2\\x81\\xa6A. Ash\nand Ä");
    }

    #[test]
    fn sizes_and_counts_read_well() {
        assert_eq!(
            [0, 1023, 1024, 1_048_575, 1 << 30, u64::MAX].map(size),
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "1.0 GiB", "16.0 EiB"]
        );
        assert_eq!(count(1_234_567, "file", "files"), "1,234,567 files");
        assert_eq!(count(1, "file", "files"), "1 file");
    }
}
