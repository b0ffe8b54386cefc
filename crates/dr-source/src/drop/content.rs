//! Is a file inside what its name, or the plan, says? By its first bytes, which is enough to tell an archive from the
//! page of an error.

use dr_plan::FileType;

/// What a file of this name should be inside.
#[must_use]
pub fn of_name(name: &[u8]) -> FileType {
    let name = name.to_ascii_lowercase();
    let ending = name.iter().rposition(|&byte| byte == b'.').map_or(&[][..], |dot| &name[dot + 1..]);
    match ending {
        b"zip" | b"xlsx" | b"docx" => FileType::Zip,
        b"gz" | b"tgz" => FileType::Gzip,
        b"7z" => FileType::SevenZip,
        b"csv" | b"tsv" | b"txt" | b"sql" | b"json" => FileType::Text,
        b"xml" => FileType::Xml,
        b"pdf" => FileType::Pdf,
        b"bak" => FileType::SqlServer,
        b"db" | b"sqlite" | b"sqlite3" => FileType::Sqlite,
        _ => FileType::Any,
    }
}

/// Whether a file that begins like this is of that type.
#[must_use]
pub fn fits(kind: FileType, front: &[u8]) -> bool {
    let begins = |with: &[u8]| front.starts_with(with);
    match kind {
        FileType::Any => true,
        FileType::Zip => begins(b"PK\x03\x04") || begins(b"PK\x05\x06"),
        FileType::Gzip => begins(b"\x1f\x8b"),
        FileType::SevenZip => begins(b"7z\xbc\xaf\x27\x1c"),
        FileType::Pdf => begins(b"%PDF-"),
        // Microsoft Tape Format, and SQL Server's compressed backups.
        FileType::SqlServer => begins(b"TAPE") || begins(b"MSSQLBAK"),
        FileType::Sqlite => begins(b"SQLite format 3\0"),
        FileType::Text => is_text(front) && !is_page(front),
        FileType::Xml => is_wide(front) || (plain(front).starts_with(b"<") && is_text(front) && !is_page(front)),
    }
}

/// UTF-16 with its mark, as some programs on Windows export.
fn is_wide(front: &[u8]) -> bool {
    front.starts_with(b"\xff\xfe") || front.starts_with(b"\xfe\xff")
}

fn is_text(front: &[u8]) -> bool {
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1a | 0x1b);
    is_wide(front) || !front.iter().any(control)
}

/// Without a mark and white space at the front.
fn plain(front: &[u8]) -> &[u8] {
    front.strip_prefix(b"\xef\xbb\xbf").unwrap_or(front).trim_ascii_start()
}

/// A web page: what a supplier's site answers instead of an export when nobody is logged in.
fn is_page(front: &[u8]) -> bool {
    let start: Vec<u8> = plain(front).iter().take(14).map(u8::to_ascii_lowercase).collect();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_says_log_in_is_no_table_and_no_archive() {
        let page = b"\r\n<!DOCTYPE HTML><html>Please log in";
        for name in ["mis.csv", "mis.zip", "MIS.BAK", "mis.xml", "mis.db", "mis.json.gz"] {
            assert!(!fits(of_name(name.as_bytes()), page), "{name}");
        }
        assert!(fits(of_name(b"mis.export"), page));
    }

    #[test]
    fn each_type_knows_its_own_front() {
        for (name, front) in [
            ("a.zip", &b"PK\x03\x04rest"[..]),
            ("a.sql.gz", b"\x1f\x8b\x08"),
            ("a.7z", b"7z\xbc\xaf\x27\x1c"),
            ("a.csv", "\u{feff}Name,Klasse\r\nÄsche,3b\r\n".as_bytes()),
            ("a.csv", b"\xff\xfeN\0a\0"),
            ("a.xml", b"\xef\xbb\xbf <?xml version='1.0'?>"),
            ("a.pdf", b"%PDF-1.7"),
            ("a.bak", b"TAPE\0\0\x03"),
            ("a.db", b"SQLite format 3\0"),
        ] {
            assert!(fits(of_name(name.as_bytes()), front), "{name}");
            if name != "a.csv" {
                assert!(!fits(of_name(name.as_bytes()), b"\x8f\x02 encrypted"), "{name}");
            }
        }
        assert!(!fits(FileType::Text, b"\x8f\x02 encrypted"));
    }
}
