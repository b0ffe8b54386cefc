//! What `docs/format/repository.md` says, taken apart: its sections and its test vectors.

use std::collections::BTreeMap;

pub(super) fn page_text() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/format/repository.md");
    std::fs::read_to_string(path).unwrap()
}

/// The text under a heading, up to the next heading of the same or a higher rank.
pub(super) fn section(text: &str, heading: &str) -> String {
    let rank = |line: &str| line.bytes().take_while(|b| *b == b'#').count();
    let mut lines = text.lines().skip_while(|line| *line != heading);
    let own = rank(lines.next().unwrap_or_else(|| panic!("the page has no `{heading}`")));
    lines.take_while(|line| rank(line) == 0 || rank(line) > own).map(|line| format!("{line}\n")).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

pub(super) fn vectors() -> BTreeMap<String, Vec<u8>> {
    section(&page_text(), "## Test vectors")
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .filter(|(_, value)| value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .map(|(name, value)| (name.to_owned(), unhex(value)))
        .collect()
}
