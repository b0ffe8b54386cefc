//! What the school's mailbox holds: a Maildir++ of 2,000 messages, and what a day's delivery and reading do to it.
//!
//! Messages are written as RFC 5322 has them, with CRLF, encoded words where a name needs more than ASCII, and
//! attachments drawn from a few files that went round the whole staff, so that many messages share long runs of bytes.

use super::MESSAGES;
use super::shares::teachers;
use crate::dates::{DAY, mail_date};
use crate::document::{Text, docx};
use crate::picture::Camera;
use crate::put::{self, Size};
use crate::random::Random;
use crate::words::{Words, person};
use crate::{Result, at, pdf};
use std::path::Path;

/// Folders other than the inbox, named as Maildir++ has it.
const FOLDERS: [&str; 6] = [".Sent", ".Archive", ".Archive.2024", ".Governors", ".Suppliers", ".Trips &AOk-t&AOk-"];
const SUBJECTS: [&str; 12] = [
    "Trip on Friday",
    "Absence today",
    "Re: Budget meeting",
    "Fwd: Order confirmation",
    "Re: Reading volunteers",
    "Café menu for the summer fair",
    "Cyfarfod llywodraethwyr – agenda",
    "Invoice attached",
    "Re: Lost jumper",
    "Danke für den Besuch aus München",
    "Parents' evening times",
    "¡Bienvenidos! Spanish day",
];

/// A file that is attached to many messages: name, kind, and its content already in base64.
struct Attachment {
    name: String,
    kind: &'static str,
    coded: String,
}

pub(super) fn make(dir: &Path, seed: u64, day0: i64) -> Result<Size> {
    let mut size = Size::default();
    for folder in std::iter::once("").chain(FOLDERS) {
        for part in ["cur", "new", "tmp"] {
            put::directory(&dir.join(folder).join(part))?;
        }
        if !folder.is_empty() {
            put::file(&dir.join(folder).join("maildirfolder"), b"", day0 - 900 * DAY)?;
            size.count(0);
        }
    }
    let post = Post::new(seed)?;
    let mut random = Random::of(seed, "mail", 0);
    for number in 0..MESSAGES {
        // Newest last, a quarter of an hour to half a day apart.
        let sent = day0 - i64::from(MESSAGES - number) * 9_000 + random.below(7_200) as i64;
        let folder = if random.chance(45) { "" } else { random.pick(&FOLDERS) };
        let bytes = post.message(u64::from(number), sent, &mut random);
        let flags = random.pick(&["S", "S", "S", "RS", "", "FS"]);
        let name = format!("{}:2,{flags}", delivered_name(sent, u64::from(number), bytes.len(), &mut random));
        put::file(&dir.join(folder).join("cur").join(name), &bytes, sent)?;
        size.count(bytes.len() as u64);
    }
    Ok(size)
}

/// What a delivery agent names a message: time, microseconds and process, host, size.
fn delivered_name(sent: i64, number: u64, size: usize, random: &mut Random) -> String {
    let (micros, process) = (random.below(1_000_000), 1_000 + number % 30_000);
    format!("{sent}.M{micros}P{process}Q{number}.mail.hazelbank.example,S={size}")
}

/// What a day did to the mailbox.
pub(super) struct Changed {
    pub(super) delivered: u64,
    pub(super) flagged: u64,
}

/// Delivers 25 messages to the inbox, the last five still unread in `new/`, and marks others as read.
pub(super) fn live(dir: &Path, seed: u64, day: u32, random: &mut Random, morning: i64) -> Result<Changed> {
    let cur = dir.join("cur");
    let mut flagged = 0;
    for name in put::files_below(&dir.join("new"))? {
        let (from, to) = (dir.join("new").join(&name), cur.join(format!("{}:2,S", name.display())));
        std::fs::rename(&from, &to).map_err(at(&from))?;
        flagged += 1;
    }
    let names = put::files_below(&cur)?;
    let unread: Vec<&str> = names.iter().filter_map(|name| name.to_str()?.strip_suffix(":2,")).collect();
    let read = random.some_of(unread.len(), 40);
    for position in read {
        let name = unread[position];
        let from = cur.join(format!("{name}:2,"));
        std::fs::rename(&from, cur.join(format!("{name}:2,S"))).map_err(at(&from))?;
        flagged += 1;
    }
    let post = Post::new(seed)?;
    let delivered = 25;
    for position in 0..delivered {
        let number = u64::from(MESSAGES) + u64::from(day) * 100 + position;
        let sent = morning + 7 * 3_600 + position as i64 * 1_300 + random.below(900) as i64;
        let bytes = post.message(number, sent, random);
        let name = delivered_name(sent, number, bytes.len(), random);
        let path = if position < 20 { cur.join(format!("{name}:2,")) } else { dir.join("new").join(name) };
        put::file(&path, &bytes, sent)?;
    }
    Ok(Changed { delivered, flagged })
}

/// Who writes, about what, with which attachments.
struct Post {
    words: Words,
    attachments: Vec<Attachment>,
    staff: Vec<String>,
}

impl Post {
    fn new(seed: u64) -> Result<Self> {
        let mut random = Random::of(seed, "attachments", 0);
        let (words, camera) = (Words::new(), Camera::new());
        let mut attachments = Vec::new();
        for number in 0..12_u16 {
            let topic = words.topic(&mut random);
            let (extension, kind, bytes) = match number % 3 {
                0 => ("jpg", "image/jpeg", camera.photo(400 + 20 * number, 300, &mut random)),
                1 => ("pdf", "application/pdf", pdf::text(&topic, 8, &words, &mut random)),
                _ => {
                    let paragraphs = (0..60).map(|_| words.paragraph(&mut random)).collect();
                    let text = Text { title: &topic, author: "A. Ash", paragraphs, pictures: Vec::new(), saved: 0 };
                    let kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
                    ("docx", kind, docx(&text)?)
                }
            };
            attachments.push(Attachment { name: format!("{topic}.{extension}"), kind, coded: base64_lines(&bytes) });
        }
        Ok(Post { words, attachments, staff: teachers().collect() })
    }

    fn message(&self, number: u64, sent: i64, random: &mut Random) -> Vec<u8> {
        let colleague = &self.staff[random.below(self.staff.len() as u64) as usize];
        let (given, family) = person(random);
        let parent = format!("{} <{}@families.example>", encoded(&format!("{given} {family}")), family.to_lowercase());
        let us = format!("\"{colleague}\" <{}@hazelbank.example>", colleague.to_lowercase().replace(". ", "."));
        let (from, to) = if random.chance(60) { (parent, us) } else { (us, parent) };
        let subject = random.pick(&SUBJECTS);
        let mut head = format!(
            "Return-Path: <bounce-{number}@mail.example>\r\nReceived: from relay.mail.example (192.0.2.25) by \
             mail.hazelbank.example with ESMTPS;\r\n {date}\r\nDate: {date}\r\nFrom: {from}\r\nTo: {to}\r\n\
             Subject: {}\r\nMessage-ID: <{number}.{sent}@mail.example>\r\nMIME-Version: 1.0\r\n",
            encoded(subject),
            date = mail_date(sent)
        );
        if subject.starts_with("Re: ") {
            head.push_str(&format!("In-Reply-To: <{}.first@mail.example>\r\n", number / 2));
        }
        let mut body = format!("Dear {given},\r\n\r\n");
        for _ in 0..random.between(1, 6) {
            body.push_str(&self.words.paragraph(random));
            body.push_str("\r\n\r\n");
        }
        body.push_str(&format!(
            "Diolch – with best wishes\r\n{colleague}\r\nHazel Bank Junior School, 01632 960100\r\n"
        ));
        let text = format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
            quoted_printable(&body)
        );
        if !random.chance(18) {
            return (head + &text).into_bytes();
        }
        let attached = &self.attachments[random.below(self.attachments.len() as u64) as usize];
        let line = format!("=_part_{number}_{sent}");
        format!(
            "{head}Content-Type: multipart/mixed; boundary=\"{line}\"\r\n\r\n--{line}\r\n{text}\r\n--{line}\r\n\
             Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{coded}--{line}--\r\n",
            kind = attached.kind,
            name = attached.name,
            coded = attached.coded
        )
        .into_bytes()
    }
}

/// A header's text as RFC 2047 wants it: plain if ASCII, else encoded words short enough for the line limit.
fn encoded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in text.chars() {
        if word.len() + letter.len_utf8() > 39 {
            words.push(std::mem::take(&mut word));
        }
        word.push(letter);
    }
    words.push(word);
    let coded: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", base64(word.as_bytes()))).collect();
    coded.join("\r\n ")
}

/// RFC 2045: lines of at most 76 bytes, everything beyond printable ASCII as `=XX`.
fn quoted_printable(text: &str) -> String {
    let mut coded = String::with_capacity(text.len() + text.len() / 20);
    for line in text.split_terminator("\r\n") {
        let mut width = 0;
        for (position, byte) in line.bytes().enumerate() {
            let last = position + 1 == line.len();
            let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (byte == b' ' && !last);
            let needs = if plain { 1 } else { 3 };
            if width + needs > 75 {
                coded.push_str("=\r\n");
                width = 0;
            }
            if plain {
                coded.push(char::from(byte));
            } else {
                coded.push_str(&format!("={byte:02X}"));
            }
            width += needs;
        }
        coded.push_str("\r\n");
    }
    coded
}

fn base64_lines(bytes: &[u8]) -> String {
    let coded = base64(bytes);
    let mut lines = String::with_capacity(coded.len() + coded.len() / 38 + 2);
    for line in coded.as_bytes().chunks(76) {
        lines.extend(line.iter().copied().map(char::from));
        lines.push_str("\r\n");
    }
    lines
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut coded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let three: [u8; 3] = std::array::from_fn(|place| part.get(place).copied().unwrap_or(0));
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            coded.push(if place > part.len() { '=' } else { char::from(letter) });
        }
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_the_standard_says() {
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|t| base64(t.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }

    #[test]
    fn no_line_of_quoted_printable_is_too_long() {
        let coded = quoted_printable(&format!("{} –é=\r\nend \r\n", "word ".repeat(40)));
        assert!(coded.lines().all(|line| line.len() <= 76));
        assert!(coded.ends_with("=E2=80=93=C3=A9=3D\r\nend=20\r\n"));
    }
}
