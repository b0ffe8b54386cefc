//! A school lives its days, and every night is judged: is anything said that is not so, or not said that is?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Weekday;
use serde_json::Value;

use super::accident::{Accident, Area, Kind};
use super::letter::back_to;
use super::oracle::{Claim, Oracle, claims, events};
use super::school::{DISKS, FILES, Hurt, NAMES, SYSTEMS, School, TARGETS, copied};
use crate::ground::{Luck, Run};

/// How a school lives.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub seed: u64,
    pub days: i64,
    /// What may happen; nothing for calm days.
    pub kinds: &'static [Kind],
    /// An old fault that is planted again.
    pub planted: Option<&'static str>,
}

/// What a life was like.
#[derive(Debug, Default, Clone)]
pub struct Lived {
    pub days: u64,
    pub accidents: BTreeMap<Kind, u64>,
    pub alerts: u64,
    pub restores: u64,
    pub green: u64,
}

/// A word that was not so, or was missing, with the diary up to then.
pub struct Broken {
    pub day: i64,
    pub what: String,
    pub diary: Vec<String>,
}

struct Life {
    school: School,
    oracle: Oracle,
    luck: Luck,
    way: Way,
    accidents: Vec<Accident>,
    diary: Vec<String>,
    lived: Lived,
    /// The newest snapshot of a system on a target or disk.
    newest: BTreeMap<(String, String), String>,
    /// Findings of the night before.
    known: [BTreeSet<String>; 2],
    /// How long a round took.
    round: Duration,
}

/// After the last accident that could be the cause, something may still be said of it for so long.
const ECHO: i64 = 4;

pub fn live(way: Way) -> Result<Lived, Broken> {
    let mut luck = Luck::new(way.seed);
    let planted = way.planted.map(|fault| format!("fault:{fault}")).unwrap_or_default();
    let school = School::new(&planted, way.seed.is_multiple_of(3), &mut luck);
    let mut life = Life {
        school,
        oracle: Oracle::default(),
        luck,
        way,
        accidents: Vec::new(),
        diary: Vec::new(),
        lived: Lived::default(),
        newest: BTreeMap::new(),
        known: Default::default(),
        round: Duration::from_millis(150),
    };
    life.school.begin();
    for day in 0..way.days {
        if let Err(what) = life.day(day) {
            let broken = Broken { day, what, diary: std::mem::take(&mut life.diary) };
            if std::env::var_os("DR_SOAK_KEEP").is_some() {
                println!("accidents: {} is kept", life.school.ground.at(""));
                std::mem::forget(life);
            }
            return Err(broken);
        }
        life.lived.days += 1;
    }
    life.lived.restores = life.oracle.restores;
    Ok(life.lived)
}

impl Life {
    fn write(&mut self, day: i64, what: &str) {
        self.diary.push(format!("day {day}, {}: {what}", self.school.date(day).strftime("%a %-d %b")));
    }

    fn day(&mut self, day: i64) -> Result<(), String> {
        self.morning(day);
        if day % 14 == 2 && self.calm(day) {
            for (server, name) in NAMES.iter().enumerate() {
                let at = self.school.moment(day, 17, 0);
                let said = self.school.with_key(server, at, &["restore", "--rehearse"]);
                self.write(day, &format!("a rehearsal on {name}, {:?}", said.code));
            }
        }
        if self.school.weekday(day) == Weekday::Friday {
            self.carry(day);
        }
        for (_, system) in SYSTEMS {
            if !self.present(day, |one| one.area == Area::Source(system)) {
                self.school.work(system, &mut self.luck);
            }
        }
        let mut alerts = Vec::new();
        for server in 0..NAMES.len() {
            alerts.push(self.evening(server, day)?);
        }
        for (server, alerts) in alerts.iter().enumerate() {
            self.night(server, day, alerts)?;
        }
        self.told(day)
    }

    fn present(&self, day: i64, what: impl Fn(&Accident) -> bool) -> bool {
        self.accidents.iter().any(|one| one.from <= day && day < one.until.max(one.from + 1) && what(one))
    }

    /// Nothing is wrong, and nothing was lately.
    fn calm(&self, day: i64) -> bool {
        self.accidents.iter().all(|one| one.settled() < day)
    }

    /// What was so is put right, and something else happens.
    fn morning(&mut self, day: i64) {
        for index in 0..self.accidents.len() {
            if self.accidents[index].until == day && !self.accidents[index].over {
                let accident = self.accidents[index].clone();
                accident.put_right(&mut self.school);
                self.touched(&accident);
                if accident.kind == Kind::SlotEmpty {
                    let loaded = self.loaded();
                    self.school.plug(loaded);
                }
                if accident.kind == Kind::LeftIn {
                    self.bring(day);
                }
                self.accidents[index].over = true;
                self.write(day, &format!("put right: {:?}", accident.kind));
            }
        }
        // A damaged disk that is back, and was told of last night.
        let told = |key: &String| key.ends_with("/damaged");
        if !self.present(day, |one| one.area == Area::Disk) && self.known[FILES].iter().any(told) {
            let at = self.school.moment(day, 8, 30);
            self.school.mends_disk(day, at);
            self.oracle.touched("/disks/slot");
        }
        if day % 5 == 0 {
            self.images();
        }
        // The first days are for founding, and for what is usual to be known.
        if day < 4 || self.way.kinds.is_empty() {
            return;
        }
        for _ in 0..2 {
            if self.luck.below(100) < 45 {
                let drawn = Accident::draw(self.way.kinds, day, &self.school, &self.accidents, &mut self.luck);
                let Some(mut accident) = drawn else { continue };
                let said = accident.happen(&mut self.school, &mut self.luck);
                self.write(day, &said);
                self.touched(&accident);
                *self.lived.accidents.entry(accident.kind).or_default() += 1;
                self.accidents.push(accident);
            }
        }
    }

    fn touched(&mut self, accident: &Accident) {
        match accident.area {
            Area::Target(target) => self.oracle.touched(&format!("/{target}")),
            Area::Everywhere | Area::Disk => self.oracle.forget_all(),
            _ => {}
        }
    }

    /// The disk that people say is in the server.
    fn loaded(&self) -> Option<usize> {
        let loaded = self.diary.iter().rev().find_map(|line| line.split("is loaded: disk-").nth(1));
        Some(loaded.map_or(0, |label| label.split(',').next().unwrap().parse::<usize>().unwrap() - 1))
    }

    fn images(&mut self) {
        let ground = |name: &str| self.school.ground.path(name);
        // What is put back is five days old at least.
        let _ = fs::remove_dir_all(ground("images"));
        let _ = fs::rename(ground("next"), ground("images"));
        fs::create_dir(ground("next")).unwrap();
        for name in NAMES {
            for target in TARGETS {
                let touched = |one: &Accident| !one.over && matches!(one.area, Area::Target(_) | Area::Everywhere);
                if !self.accidents.iter().any(touched) {
                    copied(&ground(target).join(name), &ground(&format!("next/{target}-{name}")));
                }
            }
            copied(&ground(name).join("state"), &ground(&format!("next/state-{name}")));
        }
    }

    /// The disk of last week goes away and the next one comes.
    fn carry(&mut self, day: i64) {
        let at = self.school.moment(day, 14, 0);
        if self.present(day, |one| one.area == Area::Disk && one.kind != Kind::LeftIn) {
            return;
        }
        let Some(disk) = self.school.slot else { return };
        self.school.taken_away(disk, at);
        if self.present(day, |one| one.kind == Kind::LeftIn) {
            self.write(day, &format!("disk-{} is taken away in words only", disk + 1));
            return;
        }
        self.bring(day);
    }

    fn bring(&mut self, day: i64) {
        let next = (self.school.slot.unwrap() + 1) % DISKS;
        self.school.plug(Some(next));
        let said = self.school.brought(next, self.school.moment(day, 14, 5));
        self.write(day, &format!("is loaded: disk-{}, {:?}", next + 1, said.code));
    }

    /// A round on one server, or one that is killed and another; the names of the alerts that it raised.
    fn evening(&mut self, server: usize, day: i64) -> Result<Vec<String>, String> {
        let at = self.school.moment(day, 21, 30);
        let mut of = BTreeMap::new();
        for (_, system) in SYSTEMS.iter().filter(|(on, _)| *on == server) {
            let contents = self.school.contents(system);
            of.insert((*system).to_owned(), self.oracle.version(contents));
        }
        let killed = self.present(day, |one| one.kind == Kind::Killed && one.server == server);
        let mut runs = Vec::new();
        if killed {
            runs.push(self.killed_round(server, at));
            runs.push(self.round(server, self.school.moment(day, 22, 30)));
        } else {
            runs.push(self.round(server, at));
        }
        // A timer calls every few minutes, and each round looks at one copy until none waits to be looked at.
        let looked = |run: &Run| events(run).iter().any(|event| event["event"] == "check");
        for minute in [40, 44, 48] {
            if runs.last().is_some_and(looked) {
                runs.push(self.round(server, self.school.moment(day, 22, minute)));
            }
        }
        if server == FILES
            && let Some(hurt) = self.school.slot.and_then(|disk| self.school.hurt.get_mut(&disk))
        {
            hurt.seen = true;
        }
        let mut alerts = Vec::new();
        for run in runs {
            for accident in self.accidents.iter_mut().filter(|one| one.meets(server)) {
                accident.told |= accident.named().is_some_and(|name| (run.stdout.clone() + &run.stderr).contains(name));
            }
            for (system, place, snapshot) in self.oracle.note(&run, &of, at) {
                self.newest.insert((system, place), snapshot);
            }
            for event in events(&run) {
                if event["event"] == "alert" {
                    alerts.push(event["alert"].as_str().unwrap().to_owned());
                }
            }
            if run.code.is_some_and(|code| code == 101 || code == 64) {
                return Err(format!("the round of {} ended with {:?}: {}", NAMES[server], run.code, run.stderr));
            }
        }
        self.lived.alerts += alerts.len() as u64;
        for alert in &alerts {
            self.write(day, &format!("alert of {}: {alert}", NAMES[server]));
        }
        Ok(alerts)
    }

    fn round(&mut self, server: usize, at: Timestamp) -> Run {
        let begun = Instant::now();
        let run = self.school.dr(server, at, &["--json", "run", "--due"]);
        self.round = self.round.max(begun.elapsed().min(self.round * 2));
        run
    }

    fn killed_round(&mut self, server: usize, at: Timestamp) -> Run {
        let mut command = self.school.command(server, at, &["--json", "run", "--due"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Not waiting for anything: the moment is what luck chooses.
        std::thread::sleep(self.round.mul_f64(self.luck.part()));
        child.kill().unwrap();
        let number = child.id();
        let run = Run::of(child.wait_with_output().unwrap());
        // What gives it the time keeps something under its number, and would not begin for the next of that number.
        for left in ["faketime_shm", "sem.faketime_sem"] {
            let _ = fs::remove_file(format!("/dev/shm/{left}_{number}"));
        }
        run
    }

    fn night(&mut self, server: usize, day: i64, alerts: &[String]) -> Result<(), String> {
        let at = self.school.moment(day, 23, 0);
        let said = self.school.dr(server, at, &["--json", "status"]);
        let status: Value = serde_json::from_str(&said.stdout)
            .map_err(|why| format!("no status of {}: {why}: {}", NAMES[server], said.stderr))?;
        let claims = claims(server, &status);
        let good = self.claimed(&claims)?;
        self.letter(server, at, &status, &good)?;
        self.whole(server, day)?;
        self.explained(server, day, &status, alerts)?;
        for system in status["systems"].as_array().into_iter().flatten() {
            if system["status"] == "green" {
                self.lived.green += 1;
                if !good.iter().any(|claim| system["id"] == claim.system.as_str()) {
                    return Err(format!("{} is GREEN and nothing of it comes back", system["id"]));
                }
            }
        }
        Ok(())
    }

    /// Everything that is claimed comes back from where it is claimed to be.
    fn claimed(&mut self, claims: &[Claim]) -> Result<Vec<Claim>, String> {
        for claim in claims {
            let (off_site, offline) = claim.really(&self.school);
            if claim.off_site && !off_site {
                return Err(format!("{} is said to be off-site and is not", claim.shown()));
            }
            if claim.offline && !offline {
                return Err(format!("{} is said to be offline and is plugged in", claim.shown()));
            }
            // Nobody could see it.
            if self.school.is_hurt_unseen(claim.medium.as_deref()) {
                continue;
            }
            let place = self.school.place(claim.server, &claim.target, claim.medium.as_deref());
            let came = self.oracle.comes_back(&self.school, place, &claim.system, &claim.snapshot);
            came.map_err(|why| format!("{} is claimed and does not come back: {why}", claim.shown()))?;
            // What was made on a day is claimed to be of that day, whatever the clock said.
            if let Some(made) = self.oracle.made.get(&claim.snapshot)
                && claim.at.duration_since(made.at).as_hours() > 24
                && self.school.skew[claim.server] == 0
            {
                return Err(format!("{} was made on {} and is claimed to be younger", claim.shown(), made.at));
            }
        }
        Ok(claims.to_vec())
    }

    /// What the letter says would come back after a fire and after an attack does.
    fn letter(&mut self, server: usize, at: Timestamp, status: &Value, good: &[Claim]) -> Result<(), String> {
        let said = self.school.dr(server, at, &["--json", "report", "weekly"]);
        let letter: Value = serde_json::from_str(&said.stdout)
            .map_err(|why| format!("no letter of {}: {why}: {}", NAMES[server], said.stderr))?;
        let text = letter["text"].as_str().unwrap_or_default();
        let titles: Vec<(String, String)> = status["systems"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|system| (system["id"].as_str().unwrap().to_owned(), system["title"].as_str().unwrap().to_owned()))
            .collect();
        let shown = at.checked_add(jiff::SignedDuration::from_hours(24 * self.school.skew[server])).unwrap();
        for (lead, which) in [("Lose the building tonight:", 0), ("Hacked tonight:", 1)] {
            for (system, back) in back_to(text, lead, &titles, shown)? {
                let has = good.iter().any(|claim| {
                    let (off_site, offline) = claim.really(&self.school);
                    claim.system == system && [off_site, offline][which] && claim.at >= back
                });
                if !has {
                    return Err(format!(
                        "the letter says \"{lead} {system} back to {back}\", and there is no such copy"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Two runs after everything was put right, what the source has is whole on every copy that can be reached.
    fn whole(&mut self, server: usize, day: i64) -> Result<(), String> {
        for (_, system) in SYSTEMS.iter().filter(|(on, _)| *on == server) {
            for target in TARGETS {
                let disturbed =
                    self.accidents.iter().any(|one| one.disturbs(server, system, target) && day <= one.excuses_to());
                if disturbed || day < 1 {
                    continue;
                }
                let contents = self.school.contents(system);
                let now = self.oracle.version(contents);
                let newest = self.newest.get(&((*system).to_owned(), target.to_owned())).cloned();
                let newest = newest.filter(|newest| self.oracle.is_of(newest, now));
                let Some(newest) = newest else {
                    return Err(format!("{system} has no copy of today on {target}, and nothing is in the way"));
                };
                let place = self.school.place(server, target, None);
                let came = self.oracle.comes_back(&self.school, place, system, &newest);
                came.map_err(|why| format!("{system} on {target} is not whole after two runs: {why}"))?;
            }
        }
        Ok(())
    }

    /// Every alert and every new finding is some accident's doing.
    fn explained(&mut self, server: usize, day: i64, status: &Value, alerts: &[String]) -> Result<(), String> {
        let mut now = BTreeSet::new();
        for finding in status["findings"].as_array().into_iter().flatten() {
            let word = finding["status"].as_str().unwrap_or_default();
            // By its rule: what several systems have for one reason has a name of its own.
            if finding["rule"].as_str().is_some_and(|rule| USUAL.contains(&rule)) {
                continue;
            }
            if ["amber", "red", "not-known"].contains(&word) && finding["accepted"].is_null() {
                // What several systems have for one reason is told once, with the names of all.
                let key = |name: &Value| name.as_str().unwrap().to_owned();
                now.extend(finding["of"].as_array().into_iter().flatten().map(key));
                now.insert(key(&finding["key"]));
            }
        }
        let new: Vec<String> = now.difference(&self.known[server]).cloned().collect();
        for key in &new {
            self.write(day, &format!("finding of {}: {key}", NAMES[server]));
        }
        for key in alerts.iter().chain(&new) {
            let rule = key.rsplit('/').next().unwrap();
            if USUAL.contains(&rule) {
                continue;
            }
            let by = |one: &&Accident| one.from <= day && day <= one.settled() + ECHO && one.explains(server, key);
            // A disk that was away while its accident was put right is found damaged when it comes back, and until it is
            // mended. Said it must be of a disk.
            let hurt = |hurt: &Hurt| hurt.seen && hurt.mended.is_none_or(|last| day <= last);
            let named = |finding: &Value| {
                let of = finding["of"].as_array().into_iter().flatten();
                of.chain([&finding["key"]]).any(|name| *name == key.as_str())
                    && finding["cause"].as_str().is_some_and(|cause| cause.contains(" disk"))
            };
            let of_disk = server == FILES
                && rule == "damaged"
                && self.school.hurt.values().any(hurt)
                && status["findings"].as_array().into_iter().flatten().any(named);
            if !self.accidents.iter().any(|one| by(&one)) && !of_disk {
                let why = status["findings"].as_array().into_iter().flatten().find(|finding| finding["key"] == **key);
                let why = why.map(|finding| finding["cause"].to_string()).unwrap_or_default();
                return Err(format!("{} says {key}, and nothing happened that it could be: {why}", NAMES[server]));
            }
        }
        // Where its newest copy is too old, that its backups fail is told by that.
        let told = |finding: &&Value| {
            finding["rule"] == "rpo" && finding["next"].as_str().is_some_and(|next| next.contains(" fail"))
        };
        let told = status["findings"].as_array().into_iter().flatten().filter(told);
        let told = told.flat_map(|finding| finding["of"].as_array().into_iter().flatten().chain([&finding["key"]]));
        let failing: BTreeSet<&str> = told.filter_map(|key| key.as_str()?.strip_suffix("/rpo")).collect();
        for accident in &mut self.accidents {
            let tells = |key: &String| {
                let rule = key.rsplit('/').next().unwrap();
                accident.explains(server, key) && accident.rules().contains(&rule)
            };
            accident.told |= accident.from <= day && (alerts.iter().any(tells) || now.iter().any(tells));
            let fails = accident.kind == Kind::SourceDamaged && failing.contains(&accident.system());
            accident.told |= accident.from <= day && fails;
        }
        self.known[server] = now;
        Ok(())
    }

    fn told(&mut self, day: i64) -> Result<(), String> {
        for accident in &self.accidents {
            let late = day - accident.from >= accident.nights();
            // A target that was put back to the day to which the state was fits it, and only that of the state can be told.
            let both = |other: &Accident| {
                other.kind == Kind::StateOld && (other.server, other.from) == (accident.server, accident.from)
            };
            let hidden = accident.kind == Kind::Older && self.accidents.iter().any(|other| both(other) && other.told);
            // By a clock that is behind no copy is due that evening, so nobody reads the source: what is told is the clock. If
            // the source is put right before the next evening, there is nothing to tell of it any more.
            let of_the_source =
                matches!(accident.kind, Kind::PartlyEmpty | Kind::SourceUnmounted | Kind::SourceDamaged);
            let asleep = |other: &Accident| {
                let same = (other.server, other.from) == (accident.server, accident.from);
                other.kind == Kind::ClockBehind && same && other.told
            };
            let unread = day == accident.from || accident.over;
            let hidden = hidden || (of_the_source && unread && self.accidents.iter().any(asleep));
            if !accident.told && late && !hidden && !accident.rules().is_empty() {
                return Err(format!("{:?} of day {} was told to nobody within a day", accident.kind, accident.from));
            }
        }
        Ok(())
    }
}

/// What is so by the plan, or comes with time and is nobody's accident.
const USUAL: [&str; 4] = ["runbook", "proof", "review", "check"];

impl Lived {
    pub fn add(&mut self, other: &Self) {
        self.days += other.days;
        self.alerts += other.alerts;
        self.restores += other.restores;
        self.green += other.green;
        for (kind, count) in &other.accidents {
            *self.accidents.entry(*kind).or_default() += count;
        }
    }
}

impl Broken {
    pub fn shown(&self, seed: u64) -> String {
        format!("seed {seed}, day {}: {}\n  {}", self.day, self.what, self.diary.join("\n  "))
    }
}
