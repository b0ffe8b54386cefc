//! How names, sizes and times look in answers: exact in JSON, readable for people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dr_entry::{EntryPath, Time};
pub use dr_report::shown::{count, line, name, path, size};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// Puts a name of any bytes into a JSON object as `key`, with `key_b64` beside it if it is not UTF-8.
pub fn put_name(object: &mut Map<String, Value>, key: &str, name: &[u8]) {
    object.insert(key.to_owned(), json!(text(name)));
    if std::str::from_utf8(name).is_err() {
        object.insert(format!("{key}_b64"), json!(STANDARD.encode(name)));
    }
}

/// A name as text: UTF-8 as it is, other bytes as `\xNN`.
pub fn text(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out
}

/// What went wrong with an entry, as JSON.
pub fn failed(path: &EntryPath, why: &str) -> Value {
    with_why(path.as_bytes(), why)
}

/// The same of what has this name.
pub fn with_why(name: &[u8], why: &str) -> Value {
    let mut object = Map::new();
    put_name(&mut object, "path", name);
    object.insert("why".to_owned(), json!(why));
    Value::Object(object)
}

/// A time for scripts: RFC 3339 with offset, in UTC.
pub fn rfc3339(ms: i64) -> Option<String> {
    let time = Timestamp::from_millisecond(ms).ok()?.to_zoned(TimeZone::UTC);
    Some(time.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string())
}

/// A file's time for scripts, to the nanosecond.
pub fn rfc3339_exact(time: Time) -> Option<String> {
    let nanos = i32::try_from(time.nanos).ok()?;
    let time = Timestamp::new(time.seconds, 0).ok()?.checked_add(jiff::SignedDuration::new(0, nanos)).ok()?;
    Some(time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string())
}

/// A time for a person, in this machine's zone.
pub fn local(ms: i64) -> String {
    at(ms, &TimeZone::system())
}

/// A time for a person, in a zone.
pub fn at(ms: i64, zone: &TimeZone) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| "(impossible time)".to_owned(),
        |time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// A size as people write it: bytes, or with a unit such as `500M` or `20GiB`.
///
/// # Errors
/// A sentence that says how to write it.
pub fn read_size(text: &str) -> Result<u64, String> {
    let wrong = || "it is a size such as `500M` or `20GiB`".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit: u64 = match text[digits..].trim() {
        "" | "B" => 1,
        "k" | "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_text_come_with_their_bytes() {
        let mut object = Map::new();
        put_name(&mut object, "path", b"a\xff/\n");
        assert_eq!(Value::Object(object), json!({ "path": "a\\xff/\n", "path_b64": "Yf8vCg==" }));
        let mut object = Map::new();
        put_name(&mut object, "path", "caf\u{e9}".as_bytes());
        assert_eq!(Value::Object(object), json!({ "path": "caf\u{e9}" }));
    }

    #[test]
    fn times_are_exact() {
        assert_eq!(rfc3339(1_700_000_000_123).as_deref(), Some("2023-11-14T22:13:20.123+00:00"));
        let before = Time { seconds: -1, nanos: 500_000_000 };
        assert_eq!(rfc3339_exact(before).as_deref(), Some("1969-12-31T23:59:59.5+00:00"));
    }
}
