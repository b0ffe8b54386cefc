//! What the pupil records hold: a SQLite database of 450 pupils with two terms of registers, and a day's marks in it.

use super::PUPILS;
use super::shares::teachers;
use crate::dates::{DAY, date, weekday};
use crate::put::{self, Size};
use crate::random::Random;
use crate::words::{Words, person, phone};
use crate::{Error, Result, at};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::Path;

const SCHEMA: &str = "
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, email TEXT NOT NULL UNIQUE,
    phone TEXT NOT NULL);
CREATE TABLE classes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, year INTEGER NOT NULL,
    teacher INTEGER NOT NULL REFERENCES staff (id));
CREATE TABLE pupils (id INTEGER PRIMARY KEY, upn TEXT NOT NULL UNIQUE, given TEXT NOT NULL, family TEXT NOT NULL,
    born TEXT NOT NULL, class INTEGER NOT NULL REFERENCES classes (id), admitted TEXT NOT NULL,
    free_meals INTEGER NOT NULL, allergy TEXT, note TEXT);
CREATE INDEX pupils_by_name ON pupils (family, given);
CREATE TABLE contacts (id INTEGER PRIMARY KEY, pupil INTEGER NOT NULL REFERENCES pupils (id) ON DELETE CASCADE,
    name TEXT NOT NULL, relation TEXT NOT NULL, phone TEXT NOT NULL, email TEXT, rank INTEGER NOT NULL,
    UNIQUE (pupil, rank));
CREATE TABLE attendance (id INTEGER PRIMARY KEY, pupil INTEGER NOT NULL REFERENCES pupils (id), date TEXT NOT NULL,
    session TEXT NOT NULL CHECK (session IN ('AM', 'PM')), mark TEXT NOT NULL, minutes_late INTEGER,
    taken_by INTEGER NOT NULL REFERENCES staff (id), UNIQUE (pupil, date, session));
CREATE INDEX attendance_by_date ON attendance (date, session);
CREATE TABLE assessments (id INTEGER PRIMARY KEY, pupil INTEGER NOT NULL REFERENCES pupils (id), subject TEXT NOT NULL,
    term TEXT NOT NULL, score INTEGER NOT NULL, remark TEXT NOT NULL);
CREATE INDEX assessments_by_pupil ON assessments (pupil);
CREATE TABLE dinner_money (id INTEGER PRIMARY KEY, pupil INTEGER NOT NULL REFERENCES pupils (id), date TEXT NOT NULL,
    pence INTEGER NOT NULL, paid_by TEXT NOT NULL);
CREATE INDEX dinner_money_by_pupil ON dinner_money (pupil, date);
CREATE TABLE audit_log (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who INTEGER NOT NULL REFERENCES staff (id),
    action TEXT NOT NULL, detail TEXT NOT NULL);
";
const CLASSES: u32 = 16;
/// Two marks a pupil for each of these comes to 80,100.
const SCHOOL_DAYS: usize = 89;

pub(super) fn make(dir: &Path, seed: u64, day0: i64) -> Result<(Size, u64)> {
    put::directory(dir)?;
    let path = dir.join("mis.db");
    if path.exists() {
        std::fs::remove_file(&path).map_err(at(&path))?;
    }
    let mut connection = open(&path)?;
    connection.execute_batch(SCHEMA)?;
    let mut random = Random::of(seed, "records", 0);
    let words = Words::new();
    let whole = connection.transaction()?;
    whole.execute("INSERT INTO settings VALUES ('first day', ?1)", [day0.to_string()])?;
    whole.execute("INSERT INTO settings VALUES ('school', 'Hazel Bank Junior School')", [])?;
    people(&whole, &mut random, &words, day0)?;
    let mut rows = 0;
    for morning in mornings_before(day0) {
        rows += register(&whole, &mut random, morning)?;
    }
    money_and_marks(&whole, &mut random, &words, day0)?;
    whole.commit()?;
    drop(connection);
    Ok((finished(&path, day0)?, rows))
}

/// The database as nobody else uses it: durability is the copy's task here, not the maker's.
fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Gives the database its time, and says how large it is.
fn finished(path: &Path, written: i64) -> Result<Size> {
    let set = || {
        let file = std::fs::File::options().write(true).open(path)?;
        file.set_modified(put::system_time(written))?;
        file.metadata()
    };
    let mut size = Size::default();
    size.count(set().map_err(at(path))?.len());
    Ok(size)
}

/// Weekdays before `day0`, oldest first, with two weeks of holiday in the middle.
fn mornings_before(day0: i64) -> Vec<i64> {
    let midnight = day0.div_euclid(DAY) * DAY;
    let open = (1..).filter(|back| !(60..74).contains(back)).map(|back| midnight - back * DAY);
    let mut mornings: Vec<i64> = open.filter(|morning| weekday(*morning) < 5).take(SCHOOL_DAYS).collect();
    mornings.reverse();
    mornings
}

fn people(whole: &Transaction, random: &mut Random, words: &Words, day0: i64) -> Result<()> {
    for (id, name) in (1..).zip(teachers()) {
        let role = match id {
            1 => "Head",
            2..=17 => "Class teacher",
            18 => "Office",
            _ => "Teaching assistant",
        };
        let email = format!("{}@hazelbank.example", name.to_lowercase().replace(". ", "."));
        let row = params![id, name, role, email, phone(random)];
        whole.prepare_cached("INSERT INTO staff VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(row)?;
    }
    for id in 1..=CLASSES {
        let year = 3 + (id - 1) / 4;
        let name = format!("{year}{}", char::from(b'A' + ((id - 1) % 4) as u8));
        whole.execute("INSERT INTO classes VALUES (?1, ?2, ?3, ?4)", params![id, name, year, id + 1])?;
    }
    let mut contact = 0;
    for id in 1..=PUPILS {
        let (given, family) = person(random);
        let class = (id - 1) % CLASSES + 1;
        let age_days = (7 + (class as i64 - 1) / 4) * 365 + random.below(365) as i64;
        let upn = format!("X{:012}", u64::from(id) * 1_000_003 + random.below(1_000_000));
        let allergy = random.chance(7).then(|| random.pick(&["nuts", "egg", "milk", "bee stings", "penicillin"]));
        let note = random.chance(20).then(|| words.sentence(random));
        let row = params![
            id,
            upn,
            given,
            family,
            date(day0 - age_days * DAY),
            class,
            date(day0 - random.between(100, 1_200) as i64 * DAY),
            random.chance(22),
            allergy,
            note
        ];
        whole.prepare_cached("INSERT INTO pupils VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?.execute(row)?;
        for rank in 1..=random.between(1, 3) as u32 {
            contact += 1;
            let (first, _) = person(random);
            let email = random.chance(80).then(|| format!("parent{contact}@families.example"));
            let kin = random.pick(&["Mother", "Father", "Grandparent", "Carer"]);
            let row = params![contact, id, format!("{first} {family}"), kin, phone(random), email, rank];
            whole.prepare_cached("INSERT INTO contacts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(row)?;
        }
    }
    Ok(())
}

/// Both registers of one day; how many marks that was.
fn register(whole: &Transaction, random: &mut Random, morning: i64) -> Result<u64> {
    let today = date(morning);
    let mut insert = whole.prepare_cached(
        "INSERT INTO attendance (pupil, date, session, mark, minutes_late, taken_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for session in ["AM", "PM"] {
        for pupil in 1..=PUPILS {
            let (mark, late) = match random.below(100) {
                0..=92 => (if session == "AM" { "/" } else { "\\" }, None),
                93..=94 => ("L", Some(random.between(1, 40))),
                95..=97 => ("I", None),
                98 => ("M", None),
                _ => ("O", None),
            };
            let late = late.map(|minutes| minutes as i64);
            insert.execute(params![pupil, today, session, mark, late, (pupil - 1) % CLASSES + 2])?;
        }
    }
    Ok(u64::from(PUPILS) * 2)
}

fn money_and_marks(whole: &Transaction, random: &mut Random, words: &Words, day0: i64) -> Result<()> {
    for pupil in 1..=PUPILS {
        for subject in ["Reading", "Writing", "Maths", "Science"] {
            for term in ["Autumn", "Spring", "Summer"] {
                let row = params![pupil, subject, term, random.between(70, 130) as i64, words.sentence(random)];
                whole
                    .prepare_cached(
                        "INSERT INTO assessments (pupil, subject, term, score, remark) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(row)?;
            }
        }
        for week in (1..=18).rev() {
            pay(whole, random, pupil, day0 - week * 7 * DAY)?;
        }
    }
    for number in 0..3_000 {
        let noted = day0 - (3_000 - number) * 3_600;
        note(whole, noted, random.between(1, 22) as u32, "sign-in", &format!("from desk {}", random.below(40)))?;
    }
    Ok(())
}

fn pay(whole: &Transaction, random: &mut Random, pupil: u32, when: i64) -> Result<()> {
    let by = random.pick(&["online", "cash", "cheque"]);
    let row = params![pupil, date(when), random.between(2, 12) as i64 * 125, by];
    whole
        .prepare_cached("INSERT INTO dinner_money (pupil, date, pence, paid_by) VALUES (?1, ?2, ?3, ?4)")?
        .execute(row)?;
    Ok(())
}

fn note(whole: &Transaction, noted: i64, who: u32, action: &str, detail: &str) -> Result<()> {
    whole
        .prepare_cached("INSERT INTO audit_log (at, who, action, detail) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![noted, who, action, detail])?;
    Ok(())
}

/// The `day0` the school was made with.
pub(super) fn first_day(dir: &Path) -> Result<i64> {
    let path = dir.join("mis.db");
    let unfit = || Error::Unfit { path: path.clone(), lacks: "the records of a made school" };
    if !path.exists() {
        return Err(unfit());
    }
    let connection = open(&path)?;
    let value: Option<String> =
        connection.query_row("SELECT value FROM settings WHERE name = 'first day'", [], |row| row.get(0)).optional()?;
    value.and_then(|v| v.parse().ok()).ok_or_else(unfit)
}

/// What a day did to the records.
pub(super) struct Changed {
    pub(super) marks: u64,
    pub(super) corrections: u64,
}

/// Both registers of the day that begins at `morning`, and corrections of earlier ones.
pub(super) fn live(dir: &Path, random: &mut Random, morning: i64) -> Result<Changed> {
    let path = dir.join("mis.db");
    let mut connection = open(&path)?;
    let whole = connection.transaction()?;
    let marks = register(&whole, random, morning)?;
    let newest: i64 = whole.query_row("SELECT max(id) FROM attendance", [], |row| row.get(0))?;
    // Parents ring in for yesterday: some absences get their reason.
    let earlier = newest - marks as i64;
    let corrections = 12;
    for position in random.some_of(900.min(earlier.unsigned_abs() as usize), corrections) {
        let mark = earlier - position as i64;
        whole.execute("UPDATE attendance SET mark = 'C', minutes_late = NULL WHERE id = ?1", [mark])?;
        note(&whole, morning + 10 * 3_600, 18, "correction", &format!("mark {mark} is now C"))?;
    }
    for _ in 0..60 {
        let pupil = random.between(1, u64::from(PUPILS)) as u32;
        pay(&whole, random, pupil, morning)?;
    }
    for hour in 8..17 {
        note(&whole, morning + hour * 3_600, random.between(1, 22) as u32, "sign-in", "from the staff room")?;
    }
    whole.commit()?;
    drop(connection);
    finished(&path, morning + 16 * 3_600)?;
    Ok(Changed { marks, corrections: corrections as u64 })
}
