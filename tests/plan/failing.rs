//! What failing looks like: for each fault that a rehearsal is to find or to live with, the verdict, the exit code and the
//! sentence.
//!
//! Elsewhere: a ledger that lost its end (`record.rs`), a source that was scrambled before it was captured (`retain.rs`,
//! and `started.rs` of the databases), no engine (there too), a power cut (`rooms.rs` and `kills.rs` of the soaks).

use std::fs;
use std::path::PathBuf;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::school::{FRIDAY, Said, School, files};

/// The evening of that Friday, and the next one.
const LATER: &str = "2026-11-20T22:30:00Z";
const SATURDAY: &str = "2026-11-21T21:30:00Z";

/// A rehearsal of the admin files: its verdict and its exit code.
#[track_caller]
fn rehearsed(school: &School, at: &str, more: &[&str], (verdict, code): (&str, i32)) -> Said {
    let said = school.with_key(&[&["--at", at, "restore", "--rehearse", "admin"], more].concat()).ended(code);
    assert!(said.stdout.contains(&format!("admin            {verdict}")), "{}", said.stdout);
    let noted = format!("\"system\":\"admin\",\"verdict\":\"{verdict}\"");
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.lines().rfind(|line| line.contains("\"rehearsed\"")).unwrap().contains(&noted), "{noted}");
    said
}

/// What the status says at that time.
fn status(school: &School, at: &str) -> String {
    school.dr(&["--at", at, "status"]).stdout
}

#[track_caller]
fn says(text: &str, words: &str) {
    assert!(text.contains(words), "not said: {words}\n{text}");
}

/// Takes away what is mounted there, whatever the test comes to.
struct Unmounted(PathBuf);

impl Drop for Unmounted {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// The pack that holds most.
fn largest(school: &School, target: &str) -> PathBuf {
    let packs = files(&school.path(target).join("data"));
    packs.into_iter().max_by_key(|pack| pack.metadata().unwrap().len()).unwrap()
}

#[test]
fn one_bit_of_a_chunk_fails_that_copy_by_name_and_no_other_and_says_how_it_is_mended() {
    let school = School::backed_up();
    rehearsed(&school, FRIDAY, &[], ("verified", 0));
    school.damage("nas");
    let said = rehearsed(&school, LATER, &["--target", "nas"], ("failed", 1));
    says(&said.stdout, "everything comes back; expected 0 missing, was ");
    says(&said.stdout, "damaged on nas: year 0/letter-");
    says(&said.stdout, "more (-v names them)");
    says(&said.stdout, "`dr repair --target nas`");
    // Names are for whoever sits before it, and neither for the ledger nor for the evidence.
    let papers = files(&school.path("state/evidence"));
    for paper in papers.iter().chain([&school.path("state/ledger.jsonl")]) {
        assert!(!fs::read_to_string(paper).unwrap().contains("letter-"), "{}", paper.display());
    }
    // That another copy comes back does not make this one sound.
    rehearsed(&school, LATER, &["--target", "offsite"], ("verified", 0));
    let told = status(&school, LATER);
    says(&told, "RED damaged");
    says(
        &told,
        "Admin files: its copy on site was found damaged on Fri 22:30; files may be missing when it is brought back from there; other copies are sound",
    );
    says(&told, "mend the copy on site (`dr repair --target nas`)");
    school.with_key(&["--at", LATER, "--yes", "repair", "--target", "nas"]).ended(0);
    rehearsed(&school, LATER, &["--target", "nas"], ("verified", 0));
    assert!(!status(&school, LATER).contains("found damaged"), "{}", status(&school, LATER));
}

#[test]
fn a_chunk_that_is_gone_fails_l1_and_is_told_within_a_day_without_one() {
    let school = School::backed_up();
    let pack = largest(&school, "nas");
    fs::remove_file(&pack).unwrap();
    let said = rehearsed(&school, LATER, &["--level", "L1", "--target", "nas"], ("failed", 1));
    says(&said.stdout, "everything that it stands for is there; expected 0 objects missing or damaged, was 1 objects");
    rehearsed(&school, LATER, &["--level", "L1", "--target", "offsite"], ("verified", 0));
    // The round of the next evening comes upon it by itself.
    let round = school.dr(&["--at", SATURDAY, "run", "--due"]);
    says(&round.stderr, "missing or damaged on nas");
    says(&status(&school, SATURDAY), "its copy on site was found damaged on Sat 21:30");
}

#[test]
fn scratch_that_is_too_small_is_not_known_and_never_green() {
    let school = School::backed_up();
    rehearsed(&school, FRIDAY, &[], ("verified", 0));
    let small = school.path("small");
    fs::create_dir(&small).unwrap();
    let _small = Unmounted(small.clone());
    if let Err(why) = mount("none", &small, "tmpfs", MountFlags::empty(), c"size=64k,mode=0700") {
        panic!(
            "this test needs a small file system and could not mount one: {why}. Run the tests as root, or as anybody in a \
             namespace of their own: unshare --user --map-root-user --mount cargo xtask test"
        );
    }
    let said = rehearsed(&school, LATER, &["--scratch", "small"], ("could-not-verify", 2));
    says(&said.stdout, "No space left on device");
    let told = status(&school, LATER);
    says(&told, "NOT KNOWN not proved");
    says(&told, "the rehearsal of Fri 22:30 could not be judged; whether it would come back is not known");
    rehearsed(&school, LATER, &[], ("verified", 0));
    assert!(!status(&school, LATER).contains("could not be judged"));
}

#[test]
fn a_clock_that_was_ahead_makes_no_age_that_is_less_than_nothing() {
    let school = School::backed_up();
    // The capture is dated ten hours after the rehearsal of it.
    let before = "2026-11-20T11:30:00Z";
    rehearsed(&school, before, &[], ("verified", 0));
    let papers: String =
        files(&school.path("state/evidence")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let said = school.dr(&["--at", before, "--json", "status"]).stdout;
    for text in [&papers, &said, &status(&school, before)] {
        for age in ["-10 h", "-10h", "-36000", "in the future"] {
            assert!(!text.contains(age), "{age}: {text}");
        }
    }
}

#[test]
fn what_was_proved_before_the_plan_was_changed_is_to_be_proved_again() {
    let school = School::backed_up();
    rehearsed(&school, FRIDAY, &[], ("verified", 0));
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let other = plan.replace("paths = [\"school/office\"]", "paths = [\"school/office\", \"school/more\"]");
    school.write("school/more/list.txt", b"names");
    school.write("dr.toml", other.as_bytes());
    let told = status(&school, LATER);
    says(&told, "AMBER to be proved");
    says(
        &told,
        "Admin files: what the plan says of its data was changed after it was last brought back as a test on 20 Nov; whether what is captured now would come back is not known",
    );
    school.dr(&["--at", LATER, "report", "weekly", "--out", "report"]).ended(0);
    let letter = fs::read_to_string(school.path("report/letter-0001.txt")).unwrap();
    let letter = letter.split_whitespace().collect::<Vec<_>>().join(" ");
    says(&letter, "AMBER to be proved");
    says(&letter, "J. Oak: have a restore rehearsed (Admin files)");
    // What the plan says of others changes nothing.
    assert!(!told.contains("MIS: what the plan says"), "{told}");
    school.dr(&["--at", SATURDAY, "run", "admin"]).ended(0);
    rehearsed(&school, SATURDAY, &[], ("verified", 0));
    assert!(!status(&school, SATURDAY).contains("to be proved"), "{}", status(&school, SATURDAY));
    // Written otherwise it says the same.
    let same =
        other.replace("paths = [\"school/office\", \"school/more\"]", "paths = [ 'school/office', 'school/more' ]");
    school.write("dr.toml", same.as_bytes());
    assert!(!status(&school, SATURDAY).contains("to be proved"), "{}", status(&school, SATURDAY));
}
