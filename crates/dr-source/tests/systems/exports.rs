//! An export is judged before it is read, and watched while it is.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use dr_entry::{Kind, Piece, Time};
use dr_source::drop::{Export, Found, Given, NoExport, Rule, capture, judge, plausible};

const NOW: i64 = 1_795_000_000;
const HOUR: i64 = 3_600;

fn rule(path: &Path) -> Rule<'_> {
    Rule { path, name: "*", fresh: 26 * HOUR, settled: 300, shrink: 30, content: None }
}

fn given(last: Option<u64>) -> Given {
    let now = Time { seconds: NOW, nanos: 0 };
    Given { decided: now, real: now, last }
}

fn put(folder: &Path, name: &str, bytes: &[u8], age: i64) {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(NOW - age).unwrap());
    File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
}

fn begun(folder: &Path) -> (Export, Arc<AtomicBool>) {
    let stop = Arc::new(AtomicBool::new(false));
    (capture(&rule(folder), &given(None), &stop).unwrap(), stop)
}

/// Reads every file to its end as a backup does; how many there were.
fn read(export: &mut Export, mut meanwhile: impl FnMut()) -> Vec<String> {
    let mut names = Vec::new();
    for entry in export.entries.by_ref() {
        let entry = entry.unwrap();
        if entry.meta.kind == Kind::File {
            names.push(entry.path.to_string());
            let mut content = entry.body.unwrap().open().unwrap();
            meanwhile();
            while content.read(&mut [0; 4096]).unwrap() != Piece::End {}
            content.settle().unwrap();
        }
    }
    names
}

#[test]
fn all_files_that_the_pattern_names_are_kept_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "new.csv", b"a,b\n", HOUR);
    put(folder.path(), "old.csv", b"a,b\n", 90 * HOUR);
    put(folder.path(), "half.csv.part", b"a", 0);
    put(folder.path(), ".hidden.csv", b"a", 0);
    fs::create_dir(folder.path().join("folder")).unwrap();
    let (mut export, stop) = begun(folder.path());
    assert_eq!(export.size, 4, "the newest export");
    assert_eq!(read(&mut export, || {}), ["new.csv", "old.csv"]);
    assert!(export.spoiled.take().is_none() && !stop.load(Ordering::Relaxed));
}

#[test]
fn a_file_that_changes_while_it_is_read_ends_the_capture() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "mis.csv", b"a,b\n", HOUR);
    let (mut export, stop) = begun(folder.path());
    let path = folder.path().join("mis.csv");
    read(&mut export, || File::options().append(true).open(&path).unwrap().write_all(b"c,d\n").unwrap());
    assert!(stop.load(Ordering::Relaxed));
    assert!(matches!(export.spoiled.take(), Some(NoExport::Writing { .. })));
}

#[test]
fn each_trouble_of_an_export_has_a_name() {
    let folder = Path::new("/srv/drop");
    let found = |name: &str, size, age| Found { name: name.into(), size, mtime: NOW - age };
    let said = |found: &[Found], last| {
        let judged = judge(found, &rule(folder), &given(last));
        let judged = judged.and_then(|newest| plausible(&newest, &rule(folder), &given(last)).map(|_| newest.len()));
        judged.map_err(|why| {
            let word = format!("{why:?}");
            word.split([' ', '{']).next().unwrap().to_owned()
        })
    };
    let bad = |word: &str| Err(word.to_owned());
    assert_eq!(said(&[], None), bad("Missing"));
    assert_eq!(said(&[found("a", 9, 27 * HOUR)], None), bad("Stale"));
    assert_eq!(said(&[found("a", 9, 60)], None), bad("Writing"));
    assert_eq!(said(&[found("a", 9, -60)], None), bad("Writing"), "from the future");
    assert_eq!(said(&[found("a", 0, HOUR)], None), bad("Empty"));
    assert_eq!(said(&[found("a", 69, HOUR)], Some(100)), bad("Shrunk"));
    assert_eq!(said(&[found("a", 70, HOUR)], Some(100)), Ok(1));
    // Two files of one export, and one of the day before.
    let three = [found("a", 50, HOUR), found("b", 30, HOUR + 1_800), found("c", 900, 25 * HOUR)];
    assert_eq!(said(&three, Some(100)), Ok(2));
}
