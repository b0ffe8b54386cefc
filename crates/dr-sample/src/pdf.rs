//! What a one-page or several-page PDF is: text in Helvetica, or a scanned page, with a correct table of objects.

use crate::random::Random;
use crate::words::Words;

/// A file being put together, remembering where each object begins.
struct Objects {
    bytes: Vec<u8>,
    begins: Vec<usize>,
}

impl Objects {
    fn new() -> Self {
        // The second line tells programs that guess that the file is binary.
        Objects { bytes: b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec(), begins: Vec::new() }
    }

    /// Objects are numbered from 1 in the order they are added.
    fn add(&mut self, dictionary: &str, stream: Option<&[u8]>) {
        self.begins.push(self.bytes.len());
        self.bytes.extend(format!("{} 0 obj\n{dictionary}\n", self.begins.len()).bytes());
        if let Some(stream) = stream {
            self.bytes.extend(b"stream\n");
            self.bytes.extend(stream);
            self.bytes.extend(b"\nendstream\n");
        }
        self.bytes.extend(b"endobj\n");
    }

    fn finish(mut self) -> Vec<u8> {
        let table = self.bytes.len();
        let count = self.begins.len() + 1;
        let mut tail = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for begin in &self.begins {
            tail.push_str(&format!("{begin:010} 00000 n \n"));
        }
        tail.push_str(&format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"));
        self.bytes.extend(tail.bytes());
        self.bytes
    }
}

/// `pages` pages of text under a title.
pub(crate) fn text(title: &str, pages: u64, words: &Words, random: &mut Random) -> Vec<u8> {
    let mut objects = Objects::new();
    objects.add("<< /Type /Catalog /Pages 2 0 R >>", None);
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    objects.add(&format!("<< /Type /Pages /Count {pages} /Kids [{}] >>", kids.join(" ")), None);
    objects.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>", None);
    for page in 0..pages {
        let content = 5 + 2 * page;
        objects.add(
            &format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {content} 0 R \
                 /Resources << /Font << /F1 3 0 R >> >> >>"
            ),
            None,
        );
        let mut lines = format!("BT /F1 16 Tf 56 780 Td ({}) Tj /F1 10 Tf 0 -28 Td\n", escaped(title));
        for _ in 0..random.between(18, 44) {
            lines.push_str(&format!("({}) Tj 0 -15 Td\n", escaped(&words.sentence(random))));
        }
        lines.push_str("ET");
        objects.add(&format!("<< /Length {} >>", lines.len()), Some(lines.as_bytes()));
    }
    objects.finish()
}

/// One page that is a photograph of paper, as office scanners make it.
pub(crate) fn scan(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut objects = Objects::new();
    objects.add("<< /Type /Catalog /Pages 2 0 R >>", None);
    objects.add("<< /Type /Pages /Count 1 /Kids [3 0 R] >>", None);
    objects.add(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /XObject << /Im1 5 0 R >> >> >>",
        None,
    );
    let content = b"q 595 0 0 842 0 0 cm /Im1 Do Q";
    objects.add(&format!("<< /Length {} >>", content.len()), Some(content));
    objects.add(
        &format!(
            "<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB \
             /BitsPerComponent 8 /Filter /DCTDecode /Length {} >>",
            jpeg.len()
        ),
        Some(jpeg),
    );
    objects.finish()
}

/// Text of this file format is not UTF-8: what ASCII cannot say becomes a question mark.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '(' | ')' | '\\' => safe.extend(['\\', letter]),
            ' '..='~' => safe.push(letter),
            _ => safe.push('?'),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_begins_where_the_table_says() {
        let pdf = text("Trip (Year 3)", 3, &Words::new(), &mut Random::new(1));
        let whole = String::from_utf8_lossy(&pdf[15..]).into_owned();
        let table: usize = whole.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(pdf[table..].starts_with(b"xref\n"));
        let rows: Vec<&str> = whole[table - 15..].lines().skip(3).take_while(|row| row.ends_with("n ")).collect();
        assert_eq!(rows.len(), 9);
        for (number, row) in (1..).zip(rows) {
            let begin: usize = row[..10].parse().unwrap();
            assert!(pdf[begin..].starts_with(format!("{number} 0 obj").as_bytes()));
        }
    }
}
