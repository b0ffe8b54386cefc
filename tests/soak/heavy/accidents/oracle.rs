//! What can truly be brought back? Nothing here asks the status, the ledger or the plan.
//!
//! The oracle knows from the diary what each system consisted of when each snapshot was made, and from the world where
//! each folder and disk is. It restores with the recovery key and no cache, by `dr repo restore`, and compares.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;

use super::school::{Contents, NAMES, School};
use crate::ground::Run;

/// One sentence of the status: this snapshot lies there.
#[derive(Debug, Clone)]
pub struct Claim {
    pub server: usize,
    pub system: String,
    pub target: String,
    pub medium: Option<String>,
    pub snapshot: String,
    pub at: Timestamp,
    pub off_site: bool,
    pub offline: bool,
}

/// A capture: what the system was then.
#[derive(Clone)]
pub struct Made {
    pub contents: usize,
    pub at: Timestamp,
}

#[derive(Default)]
pub struct Oracle {
    /// Every state that a system had when it was captured.
    versions: Vec<Contents>,
    /// What each snapshot is of.
    pub made: BTreeMap<String, Made>,
    /// What was brought back already, and nothing has touched it since.
    proved: BTreeMap<(PathBuf, String), Result<(), String>>,
    pub restores: u64,
}

impl Oracle {
    /// Notes what a system consists of at the moment.
    pub fn version(&mut self, contents: Contents) -> usize {
        match self.versions.iter().rposition(|version| *version == contents) {
            Some(known) => known,
            None => {
                self.versions.push(contents);
                self.versions.len() - 1
            }
        }
    }

    /// Notes which snapshots a round made.
    pub fn note(&mut self, run: &Run, of: &BTreeMap<String, usize>, at: Timestamp) -> Vec<(String, String, String)> {
        let mut new = Vec::new();
        for event in events(run).iter().filter(|event| event["event"] == "run") {
            let system = event["system"].as_str().unwrap_or_default();
            for copy in event["targets"].as_array().into_iter().flatten() {
                let (Some(snapshot), Some(contents)) = (copy["snapshot"].as_str(), of.get(system)) else { continue };
                if copy["outcome"] != "done" {
                    continue;
                }
                let made = Made { contents: *contents, at };
                self.made.insert(snapshot.into(), made);
                let place = copy["medium"].as_str().or(copy["target"].as_str()).unwrap_or_default();
                new.push((system.into(), place.into(), snapshot.into()));
            }
        }
        new
    }

    /// Something touched what lies in places whose path has this in it.
    pub fn touched(&mut self, what: &str) {
        self.proved.retain(|(place, _), _| !place.to_string_lossy().contains(what));
    }

    pub fn forget_all(&mut self) {
        self.proved.clear();
    }

    /// Whether a snapshot comes back from where it is said to lie, as what it is said to be.
    pub fn comes_back(&mut self, school: &School, place: PathBuf, system: &str, snapshot: &str) -> Result<(), String> {
        let key = (place, snapshot.to_owned());
        if let Some(known) = self.proved.get(&key) {
            return known.clone();
        }
        let came = self.restore(school, &key.0, system, snapshot);
        self.proved.insert(key, came.clone());
        came
    }

    fn restore(&mut self, school: &School, place: &PathBuf, system: &str, snapshot: &str) -> Result<(), String> {
        self.restores += 1;
        let (to, cache) = (school.ground.path("oracle/to"), school.ground.path("oracle/cache"));
        let _ = fs::remove_dir_all(school.ground.path("oracle"));
        fs::create_dir_all(&cache).unwrap();
        let mut command = school.ground.command(["repo", "restore"]);
        command.arg(place).arg(snapshot).arg("--to").arg(&to).env("DR_KEY_FILE", school.key());
        command.env("DR_CACHE", &cache).env_remove("DR_PASSWORD");
        let run = Run::of(command.output().unwrap());
        if run.code != Some(0) {
            let said = run.stderr.lines().next().unwrap_or_default();
            return Err(format!("exit {:?}, {said}", run.code));
        }
        let got = school.restored(system, &to);
        let Some(made) = self.made.get(snapshot) else {
            // A run that was killed said nothing of it; it must be some state that the system had.
            return match self.versions.contains(&got) {
                true => Ok(()),
                false => Err("it is not a state that the system ever had".into()),
            };
        };
        if got == self.versions[made.contents] { Ok(()) } else { Err("it is not what was there then".into()) }
    }

    pub fn is_of(&self, snapshot: &str, contents: usize) -> bool {
        self.made.get(snapshot).is_some_and(|made| made.contents == contents)
    }
}

/// The lines of an activity.
pub fn events(run: &Run) -> Vec<Value> {
    run.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What a status claims to have.
pub fn claims(server: usize, status: &Value) -> Vec<Claim> {
    let mut all = Vec::new();
    for system in status["systems"].as_array().into_iter().flatten() {
        for copy in system["copies"].as_array().into_iter().flatten() {
            // What is said to be damaged, gone or the same as another is no claim.
            let denied = ["damaged", "gone"].iter().any(|word| copy[*word] == true);
            let (Some(snapshot), Some(at)) = (copy["snapshot"].as_str(), copy["at"].as_str()) else { continue };
            if denied {
                continue;
            }
            all.push(Claim {
                server,
                system: system["id"].as_str().unwrap().into(),
                target: copy["target"].as_str().unwrap().into(),
                medium: copy["medium"].as_str().map(Into::into),
                snapshot: snapshot.into(),
                at: at.parse().unwrap(),
                off_site: copy["off_site"] == true,
                offline: copy["offline"] == true,
            });
        }
    }
    all
}

impl Claim {
    pub fn shown(&self) -> String {
        let medium = self.medium.as_ref().map(|medium| format!(" ({medium})")).unwrap_or_default();
        format!("{} of {} on {}{medium}, of {}", self.system, NAMES[self.server], self.target, self.at)
    }

    /// Where it really is: outside the building, and unplugged?
    pub fn really(&self, school: &School) -> (bool, bool) {
        match &self.medium {
            Some(label) => {
                let plugged = school.slot.is_some_and(|disk| format!("disk-{}", disk + 1) == *label);
                (!plugged, !plugged)
            }
            None => {
                let here = school.moved || school.ground.path("offsite").is_symlink();
                (self.target == "offsite" && !here, false)
            }
        }
    }
}
