//! Whether the school is what its documentation says, opens in other programs' terms, and changes only as it says.

// Tests may unwrap; the lint only knows that of functions marked as tests, not of those they call.
#![allow(clippy::unwrap_used)]

mod tree;

use dr_sample::school::{self, Day};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use tree::tree;

/// Monday 2 March 2026.
const DAY0: i64 = 1_772_409_600;

#[test]
fn the_same_seed_makes_and_lives_the_same_school() {
    let outcome = || {
        let dir = tempfile::tempdir().unwrap();
        let made = school::make(dir.path(), 7, DAY0).unwrap();
        let day = school::live_a_day(dir.path(), 7, 1).unwrap();
        let lost = school::lose(dir.path(), 7).unwrap();
        (made, day, lost, tree(dir.path()))
    };
    let (one, two) = (outcome(), outcome());
    assert_eq!((one.0, one.1, one.2), (two.0, two.1, two.2));
    assert!(one.3 == two.3, "the trees differ");
}

#[test]
fn the_school_is_of_the_promised_size_and_all_of_it_opens() {
    let dir = tempfile::tempdir().unwrap();
    let made = school::make(dir.path(), 1, DAY0).unwrap();
    assert!((1_500..=3_000).contains(&made.shares.files), "{made:?}");
    assert!((60..=120).contains(&(made.shares.bytes >> 20)), "{made:?}");
    assert!((75_000..=85_000).contains(&made.attendance_rows));
    everything_opens(dir.path());
    records_are_whole(&dir.path().join("mis/mis.db"), made.attendance_rows);
    assert_eq!(messages(&dir.path().join("mail")), school::MESSAGES as usize);
    let pages = fs::read_dir(dir.path().join("www")).unwrap();
    assert_eq!(pages.filter(|page| page.as_ref().unwrap().path().extension().is_some_and(|e| e == "html")).count(), 40);

    for number in 1..=2 {
        let before = tree(dir.path());
        let day = school::live_a_day(dir.path(), 1, number).unwrap();
        let after = tree(dir.path());
        only_what_the_day_says(&day, &before, &after);
        assert_eq!((day.edited.len(), day.new.len(), day.renamed.len(), day.deleted.len()), (30, 8, 4, 3));
        assert_eq!((day.marks, day.delivered), (900, 25));
        records_are_whole(&dir.path().join("mis/mis.db"), made.attendance_rows + 900 * u64::from(number));
        assert_eq!(messages(&dir.path().join("mail")), school::MESSAGES as usize + 25 * number as usize);
    }
    everything_opens(dir.path());

    let precious = school::precious(dir.path(), 1).unwrap();
    assert!(dir.path().join("shares").join(&precious).exists());
    assert_eq!(school::lose(dir.path(), 1).unwrap(), precious);
    assert!(!dir.path().join("shares").join(&precious).exists());
}

#[test]
fn a_directory_without_a_school_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(school::live_a_day(dir.path(), 1, 1).is_err());
    assert!(school::lose(dir.path(), 1).is_err());
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
}

type Tree = std::collections::BTreeMap<PathBuf, (blake3::Hash, i64)>;

/// In the shares each change is one that is named; elsewhere only the database, the mail and one page differ.
fn only_what_the_day_says(day: &Day, before: &Tree, after: &Tree) {
    let share = |path: &PathBuf| Path::new("shares").join(path);
    let gone = before.keys().filter(|path| !after.contains_key(*path) && !path.starts_with("mail"));
    let came = after.keys().filter(|path| !before.contains_key(*path) && !path.starts_with("mail"));
    let differ = after.iter().filter(|(path, now)| before.get(*path).is_some_and(|then| then != *now));
    let gone: BTreeSet<PathBuf> = gone.cloned().collect();
    let came: BTreeSet<PathBuf> = came.cloned().collect();
    let differ: BTreeSet<PathBuf> = differ.map(|(path, _)| path.clone()).collect();
    assert_eq!(gone, day.deleted.iter().chain(day.renamed.iter().map(|(old, _)| old)).map(share).collect());
    assert_eq!(came, day.new.iter().chain(day.renamed.iter().map(|(_, new)| new)).map(share).collect());
    let mut expected: BTreeSet<PathBuf> = day.edited.iter().map(share).collect();
    expected.extend(["mis/mis.db", "www/news.html"].map(PathBuf::from));
    assert_eq!(differ, expected);
    for path in &day.edited {
        assert!(before[&share(path)].0 != after[&share(path)].0, "{path:?} has the same bytes");
        assert!(before[&share(path)].1 < after[&share(path)].1, "{path:?} is not newer");
    }
    for (old, new) in &day.renamed {
        assert_eq!(before[&share(old)], after[&share(new)]);
    }
    let bodies = |tree: &Tree| -> BTreeSet<[u8; 32]> {
        tree.iter().filter(|(path, _)| path.starts_with("mail")).map(|(_, (hash, _))| *hash.as_bytes()).collect()
    };
    let (then, now) = (bodies(before), bodies(after));
    assert!(then.is_subset(&now), "a message changed or went");
    assert_eq!(now.len() - then.len(), day.delivered as usize);
}

fn everything_opens(dir: &Path) {
    for path in tree(dir).keys() {
        let bytes = fs::read(dir.join(path)).unwrap();
        match path.extension().and_then(|e| e.to_str()).unwrap_or("") {
            "docx" => package(&bytes, &["[Content_Types].xml", "word/document.xml"]),
            "xlsx" => package(&bytes, &["[Content_Types].xml", "xl/worksheets/sheet1.xml"]),
            "odt" => {
                assert_eq!(&bytes[30..77], b"mimetypeapplication/vnd.oasis.opendocument.text");
                package(&bytes, &["mimetype", "content.xml", "META-INF/manifest.xml"]);
            }
            "jpg" | "JPG" => jpeg(&bytes),
            "png" => png(&bytes),
            "pdf" => assert!(bytes.starts_with(b"%PDF-1.4") && bytes.ends_with(b"%%EOF\n")),
            "txt" | "csv" | "html" => assert!(std::str::from_utf8(&bytes).is_ok()),
            _ => {}
        }
    }
}

/// The named parts are there, every part has the sum the package says, and XML parts close what they open.
fn package(bytes: &[u8], parts: &[&str]) {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    for part in parts {
        assert!(archive.by_name(part).is_ok(), "{part}");
    }
    for position in 0..archive.len() {
        let mut content = Vec::new();
        let mut entry = archive.by_index(position).unwrap();
        entry.read_to_end(&mut content).unwrap();
        if entry.name().ends_with("xml") || entry.name().ends_with("rels") {
            closes_what_it_opens(&String::from_utf8(content).unwrap());
        }
    }
}

fn closes_what_it_opens(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !inside.ends_with('/') && !inside.starts_with('?') {
            open.push(inside.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty());
}

/// The segments lie end to end up to the scan, which ends the file. (That the scan decodes, a unit test shows.)
fn jpeg(bytes: &[u8]) {
    assert_eq!(bytes[..2], [0xff, 0xd8]);
    let mut position = 2;
    let mut markers = Vec::new();
    while markers.last() != Some(&0xda) {
        assert_eq!(bytes[position], 0xff);
        markers.push(bytes[position + 1]);
        position += 2 + usize::from(u16::from_be_bytes([bytes[position + 2], bytes[position + 3]]));
    }
    assert_eq!(markers, [0xe0, 0xdb, 0xc4, 0xc4, 0xc0, 0xda]);
    assert_eq!(bytes[bytes.len() - 2..], [0xff, 0xd9]);
}

/// The chunks lie end to end, and the stored blocks are as long as the picture says.
fn png(bytes: &[u8]) {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (width, height, mut at, mut names) = (number(16), number(20), 8, Vec::new());
    while at < bytes.len() {
        names.push(&bytes[at + 4..at + 8]);
        at += 12 + number(at);
    }
    assert_eq!(names, [b"IHDR", b"IDAT", b"IEND"]);
    let pixels = (3 * width + 1) * height;
    assert_eq!(number(33), pixels + pixels.div_ceil(65_535) * 5 + 6);
}

fn records_are_whole(path: &Path, marks: u64) {
    let records = rusqlite::Connection::open(path).unwrap();
    let text = |query: &str| records.query_row(query, [], |row| row.get::<_, String>(0)).unwrap();
    let count = |query: &str| records.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(count("SELECT count(*) FROM pupils"), i64::from(school::PUPILS));
    assert_eq!(count("SELECT count(*) FROM attendance"), marks as i64);
}

/// Messages in all folders, each with a name and a head as they should be.
fn messages(dir: &Path) -> usize {
    let mut count = 0;
    for path in tree(dir).keys().filter(|path| !path.ends_with("maildirfolder")) {
        let (bytes, name) = (fs::read(dir.join(path)).unwrap(), path.file_name().unwrap().to_str().unwrap());
        let new = path.parent().unwrap().ends_with("new");
        assert!(new || path.parent().unwrap().ends_with("cur"), "{path:?}");
        assert_eq!(!new, name.contains(":2,"), "{name}");
        assert!(name.contains(&format!(",S={}", bytes.len())), "{name}");
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 200));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        for field in ["Date: ", "From: ", "To: ", "Subject: ", "Message-ID: <", "MIME-Version: 1.0", "Content-Type: "] {
            assert_eq!(head.lines().filter(|line| line.starts_with(field)).count(), 1, "{field} in {name}");
        }
        count += 1;
    }
    count
}
