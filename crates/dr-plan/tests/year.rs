//! Two schools live a school year with failures, killed runs, absent disks and weeks switched off: no slot is lost
//! without a reason that can be named, and none is served twice.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use dr_plan::{Calendar, History, Plan, SystemId, TargetId, due, next, parse, parse_calendar};
use jiff::{SignedDuration, Timestamp};

type Copy = (SystemId, TargetId);

/// How things go: chances in a hundred, and weeks in which the machine is off.
struct Fate {
    seed: u64,
    fails: u64,
    killed: u64,
    disk_absent: u64,
    off: &'static [(&'static str, &'static str)],
}

/// What happened to one slot of one copy.
#[derive(Default)]
struct Told {
    served: u32,
    tried: u32,
}

struct School {
    plan: Plan,
    calendar: Calendar,
    fate: Fate,
    history: History,
    told: BTreeMap<(Copy, Timestamp), Told>,
    looks: Vec<Timestamp>,
}

/// The timer's step.
const LOOK: SignedDuration = SignedDuration::from_mins(5);

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl School {
    fn of(plan: &str, calendar: &str, fate: Fate) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schedules");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        Self {
            plan: parse(&read(plan), plan).unwrap(),
            calendar: parse_calendar(&read(calendar), calendar).unwrap(),
            fate,
            history: History::default(),
            told: BTreeMap::new(),
            looks: Vec::new(),
        }
    }

    /// Whether something of `chance` in a hundred happens.
    fn happens(&mut self, chance: u64) -> bool {
        self.fate.seed = self.fate.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.fate.seed >> 33) % 100 < chance
    }

    fn open(&self, at: Timestamp) -> bool {
        let local = at.to_zoned(self.plan.school.timezone.clone()).datetime();
        self.plan.school.hours.contains(local) && self.calendar.is_school_day(local.date())
    }

    /// What the timer does at `now`.
    fn look(&mut self, now: Timestamp) {
        self.looks.push(now);
        for due in due(&self.plan, &self.calendar, &self.history, now) {
            assert!(due.slot <= now, "{due:?} before its time");
            let disk = self.plan.pool_of(&due.target).is_some();
            let past = self.history.of(&due.system, &due.target);
            let heavy = past.is_seeding() || due.system.as_str() == "file-server";
            assert!(!heavy || disk || !self.open(now) || self.open(due.slot), "{due:?} in school hours, at {now}");
            let absent = disk && self.happens(self.fate.disk_absent);
            let killed = self.happens(self.fate.killed);
            let fails = self.happens(self.fate.fails);
            let told = self.told.entry(((due.system.clone(), due.target.clone()), due.slot)).or_default();
            told.tried += 1;
            if absent || killed {
                self.history.started(&due.system, &due.target, due.slot);
            } else {
                told.served += u32::from(!fails);
                self.history.finished(&due.system, &due.target, due.slot, now, !fails);
            }
            let takes = if due.system.as_str() == "file-server" { 40 } else { 4 };
            self.history.work(&due.system, Some(SignedDuration::from_mins(takes)), Some(1_000));
        }
    }

    /// The timer's next look at which something can be due, after `now`.
    fn next_look(&mut self, now: Timestamp) -> Timestamp {
        let waits = !due(&self.plan, &self.calendar, &self.history, now).is_empty();
        let ahead = now + SignedDuration::from_secs(1);
        let coming = next(&self.plan, &self.calendar, &self.history, ahead, now + SignedDuration::from_hours(30));
        let first = coming.iter().map(|planned| planned.at).find(|at| *at > ahead);
        // What only waits for a disk or for another start is looked at again within hours, not at each tick.
        let again = waits.then(|| now + LOOK * (1 + i32::try_from(self.fate.seed % 30).unwrap()));
        let at = first.into_iter().chain(again).min().unwrap_or(now + SignedDuration::from_hours(24));
        let step = LOOK.as_secs();
        let ticks = (at.as_second() + step - 1).div_euclid(step).max(now.as_second() / step + 1);
        let at = Timestamp::from_second(ticks * step).unwrap();
        // While the machine is off nobody looks.
        let off = self.fate.off.iter().find(|(from, until)| ts(from) <= at && at < ts(until));
        off.map_or(at, |(_, until)| ts(until))
    }

    fn lives(&mut self, from: &str, until: &str) {
        let mut now = ts(from);
        while now < ts(until) {
            self.look(now);
            now = self.next_look(now);
        }
    }

    /// Every slot of the year was served once, or there is a reason that can be named. Returns how many were not.
    fn judge(&self, from: &str, until: &str) -> u32 {
        let (zone, mut unserved) = (&self.plan.school.timezone, 0);
        for system in &self.plan.systems {
            for copy in &system.copies {
                let of = (system.id.clone(), copy.target.clone());
                let slots = copy.schedule.slots(ts(from), ts(until), zone);
                for pair in slots.windows(2) {
                    let (slot, newer) = (pair[0], pair[1]);
                    let told = self.told.get(&(of.clone(), slot));
                    let served = told.map_or(0, |told| told.served);
                    assert!(served <= 1, "{of:?} {slot} was served {served} times");
                    if served == 1 {
                        continue;
                    }
                    unserved += 1;
                    let tried = told.is_some_and(|told| told.tried > 0);
                    let begin = self.looks.partition_point(|look| *look < slot);
                    let end = self.looks.partition_point(|look| *look < newer);
                    let looks = &self.looks[begin..end];
                    let off = looks.is_empty();
                    let held = looks.iter().all(|look| self.open(*look));
                    assert!(tried || off || held, "{of:?} {slot} was lost");
                }
            }
        }
        unserved
    }
}

const YEAR: (&str, &str) = ("2026-09-01T12:00:00Z", "2027-09-01T12:00:00Z");
const PLANS: [(&str, &str); 2] =
    [("one-rotator.toml", "alder-hill.calendar.toml"), ("four-rotators.toml", "larch-road.calendar.toml")];

#[test]
fn a_quiet_year_serves_every_slot_within_five_minutes() {
    for (plan, calendar) in PLANS {
        let fate = Fate { seed: 1, fails: 0, killed: 0, disk_absent: 0, off: &[] };
        let mut school = School::of(plan, calendar, fate);
        school.lives(YEAR.0, YEAR.1);
        assert_eq!(school.judge(YEAR.0, YEAR.1), 0, "{plan}");
        for ((copy, slot), _) in school.told.range(..).filter(|((_, slot), _)| *slot >= ts(YEAR.0)) {
            let look = school.looks[school.looks.partition_point(|look| look < slot)];
            assert!(look.duration_since(*slot) < LOOK, "{plan} {copy:?} {slot}: {look}");
        }
    }
}

#[test]
fn a_bad_year_loses_no_slot_and_doubles_none() {
    const OFF: &[(&str, &str)] = &[
        // A power cut of a night, half-term, a day of school, and the whole summer.
        ("2026-09-17T16:30:00Z", "2026-09-18T07:00:00Z"),
        ("2026-10-24T08:00:00Z", "2026-11-02T08:30:00Z"),
        ("2027-01-14T09:00:00Z", "2027-01-14T13:00:00Z"),
        ("2027-07-21T15:00:00Z", "2027-08-31T09:00:00Z"),
    ];
    for (plan, calendar) in PLANS {
        for seed in 1..=3 {
            let fate = Fate { seed, fails: 25, killed: 5, disk_absent: 40, off: OFF };
            let mut school = School::of(plan, calendar, fate);
            school.lives(YEAR.0, YEAR.1);
            let unserved = school.judge(YEAR.0, YEAR.1);
            assert!(unserved > 0, "{plan}: the summer at least");
            // However often a try fails, tomorrow's slot is another matter: nothing but what was off stays undone.
            let tries: u32 = school.told.values().map(|told| told.tried).sum();
            let served: u32 = school.told.values().map(|told| told.served).sum();
            assert!(served < tries && served > 90, "{plan}: {served} of {tries}");
        }
    }
}

#[test]
fn a_machine_that_slept_all_summer_makes_each_copy_once_when_it_wakes() {
    for (plan, calendar) in PLANS {
        let off: &[(&str, &str)] = &[("2027-07-21T15:00:00Z", "2027-09-01T18:02:00Z")];
        let fate = Fate { seed: 7, fails: 0, killed: 0, disk_absent: 0, off };
        let mut school = School::of(plan, calendar, fate);
        school.lives("2027-06-01T12:00:00Z", "2027-07-21T15:00:00Z");
        let before = school.told.len();
        let woken = ts(off[0].1);
        let waiting = due(&school.plan, &school.calendar, &school.history, woken);
        school.look(woken);
        assert_eq!(school.told.len() - before, waiting.len());
        let copies: usize = school.plan.systems.iter().map(|system| system.copies.len()).sum();
        assert_eq!(waiting.len(), copies, "{plan}: {waiting:#?}");
        assert_eq!(due(&school.plan, &school.calendar, &school.history, woken), []);
        assert!(waiting.iter().all(|due| due.because.contains("caught up once")), "{waiting:#?}");
    }
}
