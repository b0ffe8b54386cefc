//! An export is judged before it is read, and watched while it is.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use dr_entry::{Kind, Piece, Time};
use dr_source::driver::Size;
use dr_source::drop::{Beside, Export, ExportFacts, Found, Given, NoExport, Rule, capture, judge, plausible};
use dr_source::{Verdict, driver, recorded};

use super::memory::Capture;
use super::restored;

const NOW: i64 = 1_795_000_000;
const HOUR: i64 = 3_600;

fn rule(path: &Path) -> Rule<'_> {
    Rule {
        path,
        name: "*",
        fresh: 26 * HOUR,
        settled: 300,
        shrink: 30,
        content: None,
        marker: None,
        facts: None,
        databases: &[],
    }
}

fn given(last: Option<&Size>) -> Given<'_> {
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
    let said = |found: &[Found], last: Option<u64>| {
        let last = last.map(|bytes| Size { bytes, ..Size::default() });
        let last = last.as_ref();
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

#[test]
fn an_export_counts_when_its_marker_was_written_last() {
    let folder = tempfile::tempdir().unwrap();
    let rule = Rule { marker: Some(Beside("{name}.ok")), ..rule(folder.path()) };
    let stop = Arc::new(AtomicBool::new(false));
    let said = |rule: &Rule<'_>| capture(rule, &given(None), &stop).err().map(|why| why.to_string());
    let told = |rule: &Rule<'_>, words: &str| said(rule).is_some_and(|said| said.contains(words));
    put(folder.path(), "SIMS.bak", b"TAPE", 2 * HOUR);
    put(folder.path(), "FMS.bak", b"TAPE", 2 * HOUR);
    put(folder.path(), "SIMS.bak.ok", b"", 2 * HOUR);
    assert!(told(&rule, "its marker is missing: no file `FMS.bak.ok`"), "{:?}", said(&rule));
    put(folder.path(), "FMS.bak.ok", b"", 3 * HOUR);
    assert!(told(&rule, "its marker `FMS.bak.ok` is older than"), "{:?}", said(&rule));
    put(folder.path(), "FMS.bak.ok", b"", HOUR);
    let mut export = capture(&rule, &given(None), &stop).unwrap();
    assert_eq!(export.size, 8);
    assert_eq!(read(&mut export, || {}), ["FMS.bak", "SIMS.bak", "dr-facts.json"], "markers are no exports");

    // A folder that has its marker's name is none, and one marker may stand for all.
    fs::remove_file(folder.path().join("FMS.bak.ok")).unwrap();
    fs::create_dir(folder.path().join("FMS.bak.ok")).unwrap();
    assert!(told(&rule, "no file `FMS.bak.ok`"), "{:?}", said(&rule));
    let one = Rule { marker: Some(Beside("SIMS.bak.ok")), ..rule };
    assert_eq!(said(&one), None);
    assert!(told(&Rule { name: "*.bak", marker: Some(Beside("done")), ..rule }, "no file `done`"));
}

/// A backup of SQL Server of which the header says that it was written then.
fn backup(folder: &Path, name: &str, year: u64, age: i64) {
    put(folder, name, &front(year, ""), age);
}

/// The same, an hour old, with a name for its set.
fn named_backup(folder: &Path, name: &str, set: &str) {
    put(folder, name, &front(2026, set), HOUR);
}

fn front(year: u64, name: &str) -> Vec<u8> {
    let mut front = vec![0; 4096];
    front[..4].copy_from_slice(b"TAPE");
    let set = &mut front[512..];
    set[..4].copy_from_slice(b"SSET");
    let bits: u64 = year << 26 | 11 << 22 | 18 << 17 | 20 << 12;
    set[88..93].copy_from_slice(&bits.to_be_bytes()[3..]);
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    set[48] = 2;
    set[64..68].copy_from_slice(&[u8::try_from(name.len()).unwrap(), 0, 200, 0]);
    set[200..200 + name.len()].copy_from_slice(&name);
    // Such that the 26 numbers of its beginning come to nothing.
    let sum = (0..50).step_by(2).fold(0, |sum, at| sum ^ u16::from_le_bytes([set[at], set[at + 1]]));
    set[50..52].copy_from_slice(&sum.to_le_bytes());
    front
}

#[test]
fn what_the_header_of_a_backup_says_is_kept_and_an_old_set_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // By the clock of the test it is 18 November 2026.
    backup(folder.path(), "SIMS.bak", 2026, HOUR);
    put(folder.path(), "zzz.bak", b"MSSQLBAK", HOUR);
    put(folder.path(), "dr-facts.json", b"from a restore", HOUR);
    let stop = Arc::new(AtomicBool::new(false));
    let rule = Rule { shrink: 100, ..rule(folder.path()) };
    let mut export = capture(&rule, &given(None), &stop).unwrap();
    assert_eq!(export.tally.notes(), Vec::<String>::new());
    assert!(
        export.tally.details()[0]
            .starts_with("SIMS.bak: by its header a backup of SQL Server, written on 18 Nov 2026 20:00")
    );
    assert!(export.tally.details()[1].contains("compressed or encrypted"));
    assert_eq!(read(&mut export, || {}), ["SIMS.bak", "dr-facts.json", "zzz.bak"]);

    backup(folder.path(), "SIMS.bak", 2025, HOUR);
    let export = capture(&rule, &given(None), &stop).unwrap();
    assert!(matches!(&export.tally.notes()[..], [note] if note.contains("which is older than the plan allows")));
    // What comes back is held to it.
    let held = Capture::read(export.entries);
    let plan = r#"
school = "S"
people = { head = "A" }
copies = { onsite = "/n" }
systems = { mis = "drop:/srv/drop" }
"#;
    let plan = dr_plan::parse(plan, "dr.toml").unwrap();
    let source = &plan.systems[0].source;
    let to = tempfile::tempdir().unwrap();
    let out = to.path().join("out");
    restored(&held, &out);
    let facts: ExportFacts = recorded(&out).unwrap();
    assert_eq!(facts.backups.keys().collect::<Vec<_>>(), ["SIMS.bak", "zzz.bak"]);
    let verdict = || driver(source).unwrap().verify(&out)[0].verdict;
    assert_eq!(verdict(), Verdict::Good);
    fs::write(out.join("SIMS.bak"), b"TAPE").unwrap();
    assert_eq!(verdict(), Verdict::Wrong);
}

#[test]
fn each_database_of_the_plan_must_have_come_that_night_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let databases = ["SIMS", "FMS", "master"].map(str::to_owned);
    let rule = Rule { shrink: 100, databases: &databases, ..rule(folder.path()) };
    let stop = Arc::new(AtomicBool::new(false));
    let said = || capture(&rule, &given(None), &stop).map(|export| export.size).map_err(|why| why.to_string());
    let lacks = |names: &str| said().is_err_and(|why| why.starts_with(&format!("the export lacks {names}: ")));
    // SIMS took longer than the pause after which another export begins.
    put(folder.path(), "SIMS_2026-11-18.bak", b"MSSQLBAK", 4 * HOUR);
    put(folder.path(), "SRV_master.bak", b"MSSQLBAK", HOUR);
    assert!(lacks("FMS"), "{:?}", said());
    put(folder.path(), "FMS.bak", b"MSSQLBAK", HOUR);
    assert_eq!(said(), Ok(24));
    // Of the night before, which the plan would still call fresh.
    put(folder.path(), "FMS.bak", b"MSSQLBAK", 25 * HOUR);
    assert!(lacks("FMS"), "{:?}", said());
    // A server that is called like its database: no file stands for two.
    fs::remove_file(folder.path().join("SIMS_2026-11-18.bak")).unwrap();
    fs::rename(folder.path().join("SRV_master.bak"), folder.path().join("SIMS_master.bak")).unwrap();
    assert!(lacks("SIMS, FMS"), "{:?}", said());
    put(folder.path(), "FMS.bak", b"MSSQLBAK", HOUR);
    assert!(lacks("SIMS"), "{:?}", said());
    // Files with other names may say it inside.
    backup(folder.path(), "nightly.bak", 2026, HOUR);
    assert!(lacks("SIMS"), "{:?}", said());
    named_backup(folder.path(), "nightly.bak", "SIMS-Full Database Backup");
    assert!(said().is_ok(), "{:?}", said());
    put(folder.path(), "SIMS.bak", b"", 2 * HOUR);
    fs::remove_file(folder.path().join("nightly.bak")).unwrap();
    assert!(said().is_err_and(|why| why.starts_with("the export is empty")), "{:?}", said());
}

#[test]
fn what_the_maker_counted_is_kept_and_held_to_the_last_night() {
    let folder = tempfile::tempdir().unwrap();
    let databases = ["SIMS", "FMS"].map(str::to_owned);
    let facts = Some(Beside("{name}.facts.json"));
    let rule = Rule { facts, databases: &databases, ..rule(folder.path()) };
    let stop = Arc::new(AtomicBool::new(false));
    let counted = |last: Option<&Size>| {
        let export = capture(&rule, &given(last), &stop).map_err(|why| why.to_string())?;
        assert!(export.entries.count() == 4, "the folder, two backups and what is known of them");
        Ok::<_, String>(Size { bytes: export.size, counts: export.tally.counts() })
    };
    let told = |last: Option<&Size>, words: &str| {
        let said = counted(last).unwrap_err();
        assert!(said.contains(words), "{said}");
    };
    let count = |database: &str, night: &str, text: &str| {
        put(folder.path(), &format!("{database}_{night}.bak"), b"MSSQLBAK", HOUR);
        put(folder.path(), &format!("{database}_{night}.bak.facts.json"), text.as_bytes(), HOUR);
    };
    let away = |night: &str| {
        for entry in fs::read_dir(folder.path()).unwrap().flatten() {
            if entry.file_name().to_str().unwrap().contains(night) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    };
    count("SIMS", "2026-11-17", r#"[{"pupils":450,"marks":12000}]"#);
    count("FMS", "2026-11-17", r#"{"orders":70}"#);
    let first = counted(None).unwrap();
    assert_eq!(first.counts.len(), 3);
    away("2026-11-17");

    // Another night: other names, the same counts.
    count("SIMS", "2026-11-18", r#"[{"pupils":449,"marks":12100}]"#);
    count("FMS", "2026-11-18", r#"{"orders":71}"#);
    let second = counted(Some(&first)).unwrap();
    assert_eq!(second.counts.keys().collect::<Vec<_>>(), first.counts.keys().collect::<Vec<_>>());
    count("SIMS", "2026-11-18", r#"[{"pupils":225,"marks":12100}]"#);
    told(Some(&second), "the export counts 50 % less than the last (SIMS: pupils: 449 before, 225 now)");
    count("SIMS", "2026-11-18", r#"[{"marks":12100}]"#);
    told(Some(&second), "lack 1 of the 3 counts");
    count("SIMS", "2026-11-18", r#"[{"pupils":449"#);
    told(Some(&second), "SIMS_2026-11-18.bak.facts.json: it is not JSON");
    count("SIMS", "2026-11-18", &format!("[{}1]", "1,".repeat(40_000)));
    told(Some(&second), "no facts that can be used");
    put(folder.path(), "SIMS_2026-11-18.bak.facts.json", b"[1]", 14 * HOUR);
    told(Some(&second), "12 hours older than its export");
    fs::remove_file(folder.path().join("SIMS_2026-11-18.bak.facts.json")).unwrap();
    told(Some(&second), "it is not there");
    // A pipe or a link in its place is not waited for.
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("SIMS_2026-11-18.bak.facts.json")).unwrap();
    told(Some(&second), "it is not there");
}
