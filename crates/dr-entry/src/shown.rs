//! How a name of any bytes is written so that a person can read it, and type it back.
//!
//! UTF-8 as it is, other bytes and what would change how the screen looks as `\xNN`. A backslash of the name itself is
//! doubled, so every name has a text of its own.

/// A name as text, with control characters escaped.
#[must_use]
pub fn shown(name: &[u8]) -> String {
    shown_without(name, char::is_control)
}

/// A name as text, in which no character for which `hidden` holds stands as it is.
#[must_use]
pub fn shown_without(name: &[u8], hidden: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(name.len());
    let escape = |bytes: &[u8], out: &mut String| {
        for byte in bytes {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    };
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                c if hidden(c) => escape(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut out),
                c => out.push(c),
            }
        }
        escape(chunk.invalid(), &mut out);
    }
    out
}

/// The name that a text stands for, if anything in it is escaped.
#[must_use]
pub fn typed(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut rest, mut escaped) = (text, false);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            out.push(*first);
        } else if let Some(byte) = hex(after) {
            (rest, escaped) = (&after[3..], true);
            out.push(byte);
        } else if let Some(after) = after.strip_prefix(b"\\") {
            (rest, escaped) = (after, true);
            out.push(b'\\');
        } else {
            out.push(b'\\');
        }
    }
    escaped.then_some(out)
}

/// The byte that `xNN` at the front stands for.
fn hex(text: &[u8]) -> Option<u8> {
    let [b'x', high, low, ..] = text else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_text_of_its_own_that_can_be_typed_back() {
        let names: [&[u8]; 12] = [
            b"plain",
            b"\xff",
            b"\\xff",
            b"\\\\xff",
            b"\\",
            b"\\\\",
            b"a\\b",
            b"\\\\a",
            b"\\x0",
            b"\n\x1b[31m",
            b"\\\xff",
            "\u{e9}\\x41".as_bytes(),
        ];
        let texts: std::collections::BTreeSet<String> = names.iter().map(|name| shown(name)).collect();
        assert_eq!(texts.len(), names.len(), "{texts:?}");
        for name in names {
            let text = shown(name);
            assert_eq!(typed(text.as_bytes()).unwrap_or_else(|| text.clone().into_bytes()), name, "{text}");
        }
        assert_eq!(typed(b"a\\b"), None);
        assert_eq!(shown(b"\\xff"), "\\\\xff");
        assert_eq!(shown_without(b"ab", |c| c == 'b'), "a\\x62");
    }
}
