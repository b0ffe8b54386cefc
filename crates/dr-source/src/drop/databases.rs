//! Has each database come that the plan names, in a file of its own?
//!
//! A server has several, and a job that backs them up one after the other fails at one of them: the folder then has a fresh
//! export, and the database that matters is not in it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::tape::Header;
use super::{Found, NoExport, Rule, front};

/// What was written so many seconds before the newest file is of another night.
pub(super) const NIGHT: i64 = 12 * 3_600;

/// The file of each database that the plan names, as places in `found`, in the order of the plan.
pub(super) fn each(found: &[Found], rule: &Rule<'_>) -> Result<Vec<usize>, NoExport> {
    let newest = found.iter().map(|file| file.mtime).max().unwrap_or_default();
    let mut tonight: Vec<usize> = (0..found.len()).filter(|at| newest - found[*at].mtime <= NIGHT).collect();
    tonight.sort_by_key(|at| std::cmp::Reverse(found[*at].mtime));
    let named = |says: &dyn Fn(usize, &str) -> bool| -> Vec<Vec<usize>> {
        let of = |database: &String| tonight.iter().copied().filter(|at| says(*at, database)).collect();
        rule.databases.iter().map(of).collect()
    };
    let by_name = |at: usize, database: &str| holds(&found[at].name, database);
    // Of several names in one the last says most: `SIMS_master.bak` is the master of a server that is called SIMS.
    let last_in = |at: usize, database: &str| {
        let place = place(&found[at].name, database);
        place.is_some() && rule.databases.iter().all(|other| self::place(&found[at].name, other) <= place)
    };
    let sure: Vec<bool> = named(&last_in).iter().map(|files| !files.is_empty()).collect();
    let mut files = assigned(&named(&by_name), &sure);
    if files.iter().any(Option::is_none) {
        // Files that are called otherwise may say it inside.
        let sets: Vec<Option<String>> = (0..found.len()).map(|at| set(&found[at], rule)).collect();
        let by_header =
            |at: usize, database: &str| sets[at].as_ref().is_some_and(|set| holds(set.as_bytes(), database));
        files = assigned(&named(&|at, database| by_name(at, database) || by_header(at, database)), &sure);
    }
    let missing = rule.databases.iter().zip(&files).filter(|(_, file)| file.is_none());
    let missing: Vec<String> = missing.map(|(database, _)| database.clone()).collect();
    match missing.is_empty() {
        true => Ok(files.into_iter().flatten().collect()),
        false => Err(NoExport::Lacking { missing, of: rule.databases.len() }),
    }
}

/// What the first set of a backup is called, if its header says so.
fn set(found: &Found, rule: &Rule<'_>) -> Option<String> {
    let front = front(&rule.path.join(OsStr::from_bytes(&found.name))).ok()?;
    Header::of(&front)?.set
}

/// Whether `word` stands in `name` as a word, whatever its case: `SIMS` in `SIMS_full.bak`, not in `SIMS2.bak`.
fn holds(name: &[u8], word: &str) -> bool {
    place(name, word).is_some()
}

/// Where it does, if it does, for the last time.
fn place(name: &[u8], word: &str) -> Option<usize> {
    let (name, word) = (name.to_ascii_lowercase(), word.to_ascii_lowercase());
    let is_letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    let is_there = |at: usize, here: &[u8]| {
        let before = at.checked_sub(1).and_then(|at| name.get(at));
        here == word.as_bytes() && !is_letter(before) && !is_letter(name.get(at + word.len()))
    };
    // Nothing is in every name, and a window of nothing is none.
    let places = name.windows(word.len().max(1)).enumerate().filter(|(at, here)| is_there(*at, here));
    places.map(|(at, _)| at).next_back()
}

/// One file for each, no file for two, for as many as can be: of `SIMS_FMS.bak` and `SIMS_master.bak` neither is the
/// backup of `SIMS`. `wanted` are the files that each may have, the best first;
/// `sure` who has one that is called after nobody else.
fn assigned(wanted: &[Vec<usize>], sure: &[bool]) -> Vec<Option<usize>> {
    let mut files = vec![None; wanted.len()];
    // Who has one file alone takes it before who has many, so that the right one is named as missing.
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|who| (!sure[*who], wanted[*who].len()));
    for who in order {
        take(who, wanted, &mut files, &mut vec![false; wanted.len()]);
    }
    files
}

/// Finds a file for `who`, where others may have to take another one.
fn take(who: usize, wanted: &[Vec<usize>], files: &mut [Option<usize>], asked: &mut [bool]) -> bool {
    if std::mem::replace(&mut asked[who], true) {
        return false;
    }
    wanted[who].iter().any(|file| {
        let holder = files.iter().position(|held| *held == Some(*file));
        let is_free = holder.is_none_or(|holder| holder != who && take(holder, wanted, files, asked));
        if is_free {
            files[who] = Some(*file);
        }
        is_free
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_known_by_its_name_as_a_word() {
        for (name, is_it) in [
            ("SIMS.bak", true),
            ("sims_2026-11-30.bak", true),
            ("srv-Sims(full).bak", true),
            ("SIMS2.bak", false),
            ("oldSIMS.bak", false),
            ("SIMSé.bak", false),
            ("SIM.bak", false),
        ] {
            assert_eq!(holds(name.as_bytes(), "SIMS"), is_it, "{name}");
        }
        assert!(holds("Schüler_voll.bak".as_bytes(), "Schüler"));
    }

    #[test]
    fn no_file_stands_for_two_and_who_has_a_choice_takes_another() {
        // SIMS may have any of three, and each of the others one of these.
        assert_eq!(
            assigned(&[vec![0, 1, 2], vec![0], vec![1], vec![2]], &[true; 4]),
            [None, Some(0), Some(1), Some(2)]
        );
        assert_eq!(assigned(&[vec![0, 1], vec![0, 1]], &[true; 2]), [Some(1), Some(0)]);
        assert_eq!(assigned(&[vec![0, 1], vec![0, 2], vec![2]], &[true; 3]), [Some(1), Some(0), Some(2)]);
        assert_eq!(assigned(&[vec![0], vec![0]], &[false, true]), [None, Some(0)]);
        assert_eq!(assigned(&[vec![], vec![0]], &[true; 2]), [None, Some(0)]);
    }
}
