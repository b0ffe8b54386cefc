//! What happens on the two days, in order?
//!
//! Nothing here decides what becomes of a step: the commands do, and one that does not end with 0 ends the days.

use std::path::PathBuf;

use dr_run::clock::Stopwatch;
use dr_sample::school;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use super::days::{self, NIGHT, Week};
use super::place::{Letter, Lived, Lost, Night, Place, Rehearsed, Rotation, Sum, Work};
use super::typed::Keyboard;
use crate::context::Context;
use crate::env;
use crate::exit::{Cause, Failure};
use crate::shown;

/// The sample is the same wherever it is made on the same day.
const SEED: u64 = 2_026;
/// Who looks after the server.
const IT: &str = "oak";
/// Who has a key to the annexe.
const OFFICE: &str = "elm";
const ANNEXE: &str = "annexe";
const DISKS: [&str; 4] = ["disk-1", "disk-2", "disk-3", "disk-4"];

/// Two days in one place.
pub struct Life<'a> {
    context: &'a Context<'a>,
    place: &'a Place,
    keyboard: &'a Keyboard<'a>,
    week: &'a Week,
    zone: TimeZone,
    watch: Stopwatch,
}

impl<'a> Life<'a> {
    /// # Errors
    /// If the plan cannot be read.
    pub fn new(
        context: &'a Context<'a>,
        place: &'a Place,
        keyboard: &'a Keyboard<'a>,
        week: &'a Week,
    ) -> Result<Self, Failure> {
        Ok(Self { context, place, keyboard, week, zone: place.zone()?, watch: Stopwatch::start() })
    }

    /// Lives them, the first of all or after those `before`.
    ///
    /// # Errors
    /// The first step that failed.
    pub fn live(&self, before: Option<Box<Lived>>) -> Result<Box<Lived>, Failure> {
        let week = self.week;
        let (day0, times, made) = match &before {
            None => {
                let (day0, made) = self.make()?;
                self.begin()?;
                (day0, 1, made)
            }
            Some(before) => {
                self.place.begin_again(before)?;
                self.quiet(&week.before)?;
                self.work(before.day0, week.thursday)?;
                (before.day0, before.times + 1, before.school)
            }
        };
        // From here on the key-holder is there, as it were.
        env::assign("DR_KEY_FILE", self.place.recovery_key().into());
        let first_night = self.night(week.thursday)?;
        self.told(week.thursday, &format!("backups: {}", stored(&first_night)));
        let lost = self.lose_and_restore()?;
        let work = self.work(day0, week.friday)?;
        let rotation = self.rotate()?;
        let second_night = self.night(week.friday)?;
        self.told(week.friday, &format!("backups: {}", stored(&second_night)));
        let rehearsal = self.rehearse()?;
        let letter = self.letter()?;
        self.quiet(&week.after)?;
        let last_night = week.after.last().map(|date| self.moment(*date, NIGHT)).transpose()?;
        let last = last_night.unwrap_or(self.moment(week.friday, days::END_OF_DAY)?);
        // Whatever it says is shown: a runbook that nobody reviewed in time is not a failure of these days.
        let then = last.saturating_add(5.minutes()).unwrap_or(last);
        let (status, _) = self.keyboard.asks(then, None, vec!["status".into()])?;
        let ledger = self.keyboard.types(last, None, ["ledger", "--verify"])?;
        Ok(Box::new(Lived {
            day0,
            times,
            thursday: week.thursday,
            friday: week.friday,
            quiet_nights: (week.before.len() + week.after.len()) as u64,
            last,
            ahead: week.ahead,
            seconds: seconds(&self.watch),
            school: made,
            first_night,
            lost,
            work,
            rotation,
            second_night,
            rehearsal,
            letter,
            status: text(&status, "overall"),
            ledger_entries: number(&ledger, "entries"),
        }))
    }

    fn make(&self) -> Result<(i64, Sum), Failure> {
        self.context.screen.note("making the school: 450 pupils, 2,000 messages, their documents and a site ...");
        let day0 = self.moment(self.week.thursday, (8, 0))?.as_second();
        let made = school::make(&self.place.school(), SEED, day0).map_err(|why| of_sample(&why))?;
        let parts = [made.shares, made.mis, made.mail, made.www];
        let sum =
            Sum { files: parts.iter().map(|part| part.files).sum(), bytes: parts.iter().map(|part| part.bytes).sum() };
        Ok((day0, sum))
    }

    /// Keys, repositories and four disks, of which the first goes into the server.
    fn begin(&self) -> Result<(), Failure> {
        let day = self.week.thursday;
        let key = self.place.recovery_key().into_os_string();
        self.types(day, (8, 30), None, ["init".into(), "--recovery-key-out".into(), key])?;
        self.told(day, "dr init: keys, and repositories on nas and offsite");
        for disk in DISKS {
            self.types(day, (8, 35), Some(IT), ["media", "register", disk, "--kind", "directory"])?;
            self.types(day, (8, 40), Some(IT), ["media", "init", disk])?;
        }
        self.types(day, (8, 45), Some(IT), ["media", "load", DISKS[0]])?;
        self.told(day, &format!("{} disks registered and initialised, {} loaded", DISKS.len(), DISKS[0]));
        Ok(())
    }

    fn night(&self, date: Date) -> Result<Night, Failure> {
        let watch = Stopwatch::start();
        let done = self.types(date, NIGHT, None, ["run", "--due"])?;
        let mut night = Night { seconds: seconds(&watch), ..Night::default() };
        for run in list(&done, "runs") {
            night.systems += 1;
            night.entries += number(run, "entries");
            night.bytes_read += number(run, "bytes_read");
            for copy in list(run, "targets").iter().filter(|copy| copy["outcome"] == "done") {
                let on = copy["medium"].as_str().or(copy["target"].as_str()).unwrap_or_default().to_owned();
                let new = number(copy, "bytes_stored");
                match night.stored.iter_mut().find(|(name, _)| *name == on) {
                    Some((_, sum)) => *sum += new,
                    None => night.stored.push((on, new)),
                }
            }
        }
        Ok(night)
    }

    fn quiet(&self, nights: &[Date]) -> Result<(), Failure> {
        for date in nights {
            let night = self.night(*date)?;
            self.told(*date, &format!("a quiet night's backups: {}", stored(&night)));
        }
        Ok(())
    }

    /// Somebody deletes a document of the office; it comes back from the night's backup, the same to the byte.
    fn lose_and_restore(&self) -> Result<Lost, Failure> {
        let day = self.week.friday;
        let school = self.place.school();
        let precious = school::precious(&school, SEED).map_err(|why| of_sample(&why))?;
        let path = school.join("shares").join(&precious);
        let read = || {
            std::fs::read(&path)
                .map_err(|why| Failure::new(Cause::Failed, format!("{} cannot be read: {why}", path.display())))
        };
        let before = read()?;
        let lost = school::lose(&school, SEED).map_err(|why| of_sample(&why))?;
        let watch = Stopwatch::start();
        let args = ["restore", "admin", "--in-place", "--yes", "--path"].map(Into::into);
        let done = self.types(day, (9, 20), Some(IT), args.into_iter().chain([path.clone().into_os_string()]))?;
        let taken = seconds(&watch);
        if read()? != before {
            let why = format!("{} came back with other bytes than it had", path.display());
            return Err(Failure::new(Cause::Failed, why));
        }
        self.told(day, &format!("{} was deleted and restored in {taken:.1} s: the same bytes", shown::path(&lost)));
        Ok(Lost {
            path: PathBuf::from("school/shares").join(lost),
            bytes: before.len() as u64,
            target: text(&done, "target"),
            seconds: taken,
        })
    }

    /// Lessons, letters, registers and mail of one day.
    fn work(&self, day0: i64, date: Date) -> Result<Work, Failure> {
        let days = (self.moment(date, (8, 0))?.as_second() - day0 + 43_200).div_euclid(86_400);
        let day = u32::try_from(days).unwrap_or(0);
        let lived = school::live_a_day(&self.place.school(), SEED, day).map_err(|why| of_sample(&why))?;
        let work = Work {
            edited: lived.edited.len() as u64,
            new: lived.new.len() as u64,
            renamed: lived.renamed.len() as u64,
            deleted: lived.deleted.len() as u64,
            messages: lived.delivered,
            marks: lived.marks,
        };
        self.told(date, &format!("a day's work: {}", worked(&work)));
        Ok(work)
    }

    /// What `dr media due` asks for: one disk leaves for the annexe, another comes.
    fn rotate(&self) -> Result<Option<Rotation>, Failure> {
        let day = self.week.friday;
        let due = self.types(day, (14, 30), None, ["media", "due"])?;
        let moves = due.as_array().map(Vec::as_slice).unwrap_or_default();
        let comes = |moved: &&Value| moved["to"] == "server";
        let medium = |moved: Option<&Value>| moved.map(|moved| text(moved, "medium"));
        let coming = medium(moves.iter().find(comes));
        let going = medium(moves.iter().find(|moved| !comes(moved)));
        let (Some(going), Some(coming)) = (going, coming) else {
            self.told(day, "no disk has to move");
            return Ok(None);
        };
        self.types(day, (14, 40), Some(IT), ["media", "eject", &going])?;
        let over = ["media", "handover", &going, "--from", IT, "--to", OFFICE, "--place", ANNEXE];
        self.types(day, (14, 45), Some(IT), over)?;
        self.types(day, (14, 55), Some(OFFICE), ["media", "receive", &going, "--place", ANNEXE])?;
        if moves.iter().any(|moved| comes(&moved) && moved["from"] != "server") {
            let over = ["media", "handover", &coming, "--from", OFFICE, "--to", IT];
            self.types(day, (14, 55), Some(OFFICE), over)?;
        }
        self.types(day, (15, 0), Some(IT), ["media", "load", &coming])?;
        self.told(day, &format!("{going} went to the annexe with R. Elm, {coming} is loaded"));
        Ok(Some(Rotation { gone: going, come: coming }))
    }

    fn rehearse(&self) -> Result<Rehearsed, Failure> {
        let day = self.week.friday;
        let folder = self.place.at("evidence").into_os_string();
        let args = ["restore", "--rehearse", "--level", "L2", "--evidence"].map(Into::into);
        let done = self.types(day, (21, 30), Some(IT), args.into_iter().chain([folder]))?;
        let systems = list(&done, "systems");
        let sum = |key: &str| systems.iter().map(|system| number(system, key)).sum();
        let rehearsed = Rehearsed {
            verdict: text(&done, "verdict"),
            level: text(&done, "level"),
            systems: systems.len() as u64,
            files: sum("files"),
            bytes: sum("bytes"),
            checks: systems.iter().map(|system| list(system, "checks").len() as u64).sum(),
            seconds: systems.iter().filter_map(|system| system["restore_seconds"].as_f64()).sum(),
            page: self.place.relative(&text(&done, "evidence")).with_extension("html"),
        };
        let what = format!("rehearsal at {}: {}, scratch wiped", rehearsed.level, rehearsed.verdict);
        self.told(day, &what);
        Ok(rehearsed)
    }

    fn letter(&self) -> Result<Letter, Failure> {
        let day = self.week.friday;
        let folder = self.place.at("report").into_os_string();
        let args = ["report", "weekly", "--out"].map(Into::into);
        let done = self.types(day, (21, 45), None, args.into_iter().chain([folder]))?;
        let files = list(&done, "files").iter().filter_map(Value::as_str);
        let page = files.into_iter().find(|file| file.ends_with(".html")).unwrap_or_default();
        let (subject, status) = (text(&done, "subject"), text(&done, "status"));
        self.told(day, &format!("the letter: {subject}"));
        Ok(Letter { subject, status, page: self.place.relative(page) })
    }

    fn types<S: Into<std::ffi::OsString>>(
        &self,
        date: Date,
        clock: (i8, i8),
        by: Option<&str>,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Value, Failure> {
        self.keyboard.types(self.moment(date, clock)?, by, args)
    }

    fn moment(&self, date: Date, clock: (i8, i8)) -> Result<Timestamp, Failure> {
        let zoned = days::at(date, clock).to_zoned(self.zone.clone());
        let zoned = zoned.map_err(|why| Failure::new(Cause::Failed, format!("invalid date {date}: {why}")))?;
        Ok(zoned.timestamp())
    }

    fn told(&self, date: Date, what: &str) {
        self.context.screen.note(&format!("{:6.1} s  {}  {what}", seconds(&self.watch), date.strftime("%a")));
    }
}

/// What people did, in a few words.
pub fn worked(work: &Work) -> String {
    format!(
        "{} files edited, {} new, {} renamed, {} deleted, {} mails",
        work.edited, work.new, work.renamed, work.deleted, work.messages
    )
}

/// What a night stored where.
pub fn stored(night: &Night) -> String {
    let stored = night.stored.iter().map(|(on, bytes)| format!("{on} +{}", shown::size(*bytes)));
    stored.collect::<Vec<_>>().join(", ")
}

fn seconds(watch: &Stopwatch) -> f64 {
    watch.elapsed().as_secs_f64()
}

fn of_sample(why: &dr_sample::Error) -> Failure {
    Failure::new(Cause::Failed, format!("the invented school: {why}"))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}
