//! What does the maker of an export count in it, and is that much less than the last time?
//!
//! A backup of SQL Server can be read by a SQL Server alone, and of half the pupils it is nearly as big as of all of them. So
//! the job that makes it may write down what it counted: numbers, as `SELECT count(*) … FOR JSON PATH` gives them.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde_json::Value;

use super::databases::NIGHT;
use super::{Found, NoExport, Rule};

/// So long may the facts of one export be, in bytes, and so much may they count: each count goes into the ledger.
const LONGEST: u64 = 64 << 10;
const MOST: usize = 100;
/// So long may the name of a count be.
const NAME_MAX: usize = 128;
/// Whole numbers beyond are not exact in JSON.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What the maker counted in the newest export. `all` are the files of the folder and when each was written; `databases` says
/// of files whose databases they are.
pub(super) fn of(
    newest: &[Found],
    all: &HashMap<Vec<u8>, i64>,
    databases: &HashMap<Vec<u8>, &str>,
    rule: &Rule<'_>,
) -> Result<BTreeMap<String, u64>, NoExport> {
    let mut counts = BTreeMap::new();
    let Some(beside) = rule.facts else { return Ok(counts) };
    for found in newest {
        let name = beside.of(&found.name);
        let file = rule.path.join(OsStr::from_bytes(&name));
        let useless = |why: String| NoExport::NoFacts { facts: file.clone(), why };
        match all.get(&name) {
            None => return Err(useless("it is not there".to_owned())),
            Some(at) if found.mtime - at > NIGHT => {
                return Err(useless("it is more than 12 hours older than its export".to_owned()));
            }
            Some(_) => {}
        }
        let read = read(&file).map_err(useless)?;
        if beside.is_for_all() {
            counts = read;
            break;
        }
        let database = databases.get(&found.name).map(|name| (*name).to_owned());
        let of = database.unwrap_or_else(|| dateless(&found.name));
        for (what, count) in read {
            let sum: &mut u64 = counts.entry(format!("{of}: {what}")).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    if counts.len() > MOST {
        let why = format!("{} counts are too many: {MOST} at most", counts.len());
        return Err(NoExport::NoFacts { facts: rule.path.to_owned(), why });
    }
    Ok(counts)
}

/// That no count is much less than the last, and that none is gone. The last ones are by [`known_by`].
pub(super) fn plausible(
    counts: &BTreeMap<String, u64>,
    last: &BTreeMap<String, u64>,
    shrink: u8,
) -> Result<(), NoExport> {
    let may_be = u128::from(100_u8.saturating_sub(shrink));
    if may_be == 0 {
        return Ok(());
    }
    let mut known = last.clone();
    for (what, now) in counts {
        let Some(last) = known.remove(&known_by(what)) else { continue };
        if u128::from(*now) * 100 < u128::from(last) * may_be {
            let percent = 100 - now.saturating_mul(100) / last.max(1);
            return Err(NoExport::Fewer { what: what.clone(), percent, last, now: *now });
        }
    }
    match known.is_empty() || counts.is_empty() {
        true => Ok(()),
        false => Err(NoExport::Uncounted { gone: known.len(), of: last.len() }),
    }
}

/// By what a count is known again in the ledger, which names no table.
pub(super) fn known_by(what: &str) -> String {
    blake3::hash(what.as_bytes()).to_hex()[..16].to_owned()
}

/// The name of a file that is the same each night: every number in it is a `#`.
fn dateless(name: &[u8]) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(name).chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}

fn read(file: &Path) -> Result<BTreeMap<String, u64>, String> {
    parsed(&dr_open::read(file, LONGEST).map_err(|why| why.to_string())?)
}

/// The counts in a text, or why there are none.
fn parsed(bytes: &[u8]) -> Result<BTreeMap<String, u64>, String> {
    // SQL Server's own tools break a long result into lines wherever they like; JSON needs no line.
    let text: String = decoded(bytes)?.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let value: Value = serde_json::from_str(&text).map_err(|why| format!("it is not JSON: {why}"))?;
    let mut counts = BTreeMap::new();
    match &value {
        Value::Object(_) | Value::Array(_) => gather(&value, String::new(), &mut counts)?,
        _ => return Err("it is neither an object nor a list".to_owned()),
    }
    if counts.is_empty() { Err("it counts nothing".to_owned()) } else { Ok(counts) }
}

/// UTF-8, or UTF-16 with its mark, as SQL Server's own tools write it.
fn decoded(bytes: &[u8]) -> Result<String, String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|two| unit([two[0], two[1]])).collect();
        String::from_utf16(&units).map_err(|_| "it is not text".to_owned())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            std::str::from_utf8(rest).map(str::to_owned).map_err(|_| "it is not text".to_owned())
        }
    }
}

/// Every number in `value`, by where it stands. A list of one, as `FOR JSON` makes it of one row, is that one.
fn gather(value: &Value, at: String, counts: &mut BTreeMap<String, u64>) -> Result<(), String> {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let is_named =
        |name: &str| name.len() <= NAME_MAX && !name.chars().any(|c| c.is_control() || dr_plan::is_hidden(c));
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let at = below(name);
                if !is_named(&at) {
                    return Err("a name in it is too long, or has letters that are not seen".to_owned());
                }
                gather(value, at, counts)?;
            }
        }
        Value::Array(list) if list.len() == 1 => gather(&list[0], at, counts)?,
        Value::Array(list) => {
            for (nth, value) in list.iter().enumerate() {
                gather(value, below(&nth.to_string()), counts)?;
            }
        }
        _ => {
            let count = whole(value).ok_or_else(|| format!("`{at}` is not a whole number from 0"))?;
            if counts.len() > MOST || counts.insert(at, count).is_some() {
                return Err(format!("it counts the same twice, or more than {MOST} things"));
            }
        }
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is whole and neither negative nor too big"
)]
fn whole(value: &Value) -> Option<u64> {
    let as_real = || value.as_f64().filter(|real| real.fract() == 0.0 && (0.0..EXACT).contains(real));
    value.as_u64().or_else(|| as_real().map(|real| real as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> Result<Vec<(String, u64)>, String> {
        parsed(text.as_bytes()).map(|counts| counts.into_iter().collect())
    }

    #[test]
    fn numbers_are_read_as_sql_server_writes_them() {
        let both = || Ok(vec![("marks".to_owned(), 12_000), ("pupils".to_owned(), 450)]);
        assert_eq!(counted(r#"{"pupils":450,"marks":12000}"#), both());
        assert_eq!(counted(r#"[{"pupils":450.0,"marks":12000}]"#), both());
        assert_eq!(counted("\u{feff}[{\"pu\r\npils\":4\r\n50,\"marks\":12000}]\r\n"), both());
        let wide: Vec<u8> =
            "\u{feff}{\"pupils\":450,\"marks\":12000}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(parsed(&wide).map(|counts| counts.into_iter().collect()), both());
        assert_eq!(counted("[3, 4]"), Ok(vec![("0".to_owned(), 3), ("1".to_owned(), 4)]));
        assert_eq!(counted(r#"[{"sims":{"pupils":450}}]"#), Ok(vec![("sims.pupils".to_owned(), 450)]));
    }

    #[test]
    fn what_is_no_count_is_named() {
        for (text, why) in [
            ("", "it is not JSON"),
            (r#"{"pupils":450"#, "it is not JSON"),
            ("450", "it is neither"),
            ("{}", "it counts nothing"),
            (r#"{"pupils":"450"}"#, "`pupils` is not a whole number"),
            (r#"{"pupils":-1}"#, "`pupils` is not a whole number"),
            (r#"{"pupils":4.5}"#, "`pupils` is not a whole number"),
            (r#"{"pupils":1e300}"#, "`pupils` is not a whole number"),
            (r#"{"pupils":null}"#, "`pupils` is not a whole number"),
            (r#"{"a.b":1,"a":{"b":2}}"#, "it counts the same twice"),
            ("{\"pu\\u202epils\":1}", "a name in it"),
        ] {
            assert!(counted(text).unwrap_err().starts_with(why), "{text}: {:?}", counted(text));
        }
        let many = format!("[{}]", vec!["1"; 200].join(","));
        assert!(counted(&many).is_err() && counted(&"[".repeat(10_000)).is_err());
        assert!(parsed(&[0xff, 0xfe, 0x00, 0xd8]).is_err() && parsed(b"\x80").is_err());
    }

    #[test]
    fn a_name_is_the_same_each_night() {
        assert_eq!(dateless(b"SIMS7_2026-11-30.bak"), "SIMS#_#-#-#.bak");
    }
}
