//! What stands on the school's shared drive: the curriculum, the office, the teachers' own folders, the photographs.

use crate::dates::{DAY, civil, date};
use crate::document::{Text, docx, odt};
use crate::picture::{Camera, png};
use crate::put::{self, Size};
use crate::random::Random;
use crate::spreadsheet::{Cell, xlsx};
use crate::words::{FAMILY, Words, person};
use crate::{Result, pdf};
use std::path::{Path, PathBuf};

const SUBJECTS: [&str; 8] = ["Art", "English", "Geography", "History", "Maths", "Music", "PE", "Science"];
const TERMS: [&str; 3] = ["1 Autumn", "2 Spring", "3 Summer"];
const EVENTS: [&str; 11] = [
    "Sports day",
    "Harvest",
    "Year 4 castle trip",
    "Gŵyl Dewi",
    "Science week",
    "World book day",
    "Nativity",
    "Fête d'été",
    "Pond opening",
    "Leavers' assembly",
    "Music evening",
];

/// The people who have folders: the initial and family name of each teacher.
pub(super) fn teachers() -> impl Iterator<Item = String> {
    FAMILY.iter().take(22).zip(b'A'..).map(|(family, initial)| format!("{}. {family}", char::from(initial)))
}

pub(super) fn make(dir: &Path, seed: u64, day0: i64) -> Result<Size> {
    let mut desk = Desk::new(seed, 0, day0);
    desk.curriculum(&dir.join("curriculum"))?;
    desk.office(&dir.join("office"))?;
    for teacher in teachers() {
        desk.teacher(&dir.join("staff").join(&teacher), &teacher)?;
    }
    desk.photographs(&dir.join("photos"))?;
    Ok(desk.made)
}

/// Where files of the share come from: one stream of choices and what the files have in common.
pub(super) struct Desk {
    pub(super) random: Random,
    pub(super) words: Words,
    camera: Camera,
    /// The school's crest, on every letter.
    crest: Vec<u8>,
    now: i64,
    /// How many days before `now` files were saved; 0 for today.
    age_days_max: u64,
    made: Size,
}

impl Desk {
    fn new(seed: u64, day: u64, now: i64) -> Self {
        let camera = Camera::new();
        let crest = camera.photo(208, 160, &mut Random::of(seed, "crest", 0));
        let random = Random::of(seed, "shares", day);
        Desk { random, words: Words::new(), camera, crest, now, age_days_max: 700, made: Size::default() }
    }

    /// For files that are made and changed in the course of a day.
    pub(super) fn today(seed: u64, day: u64, now: i64) -> Self {
        Desk { age_days_max: 0, ..Desk::new(seed, day, now) }
    }

    /// When a file was last saved: in working hours of some day.
    pub(super) fn saved(&mut self) -> i64 {
        let back = if self.age_days_max == 0 { 0 } else { self.random.between(1, self.age_days_max) as i64 };
        (self.now.div_euclid(DAY) - back) * DAY + self.random.between(8 * 3_600, 17 * 3_600) as i64
    }

    fn put(&mut self, path: &Path, bytes: &[u8], saved: i64) -> Result<()> {
        put::file(path, bytes, saved)?;
        self.made.count(bytes.len() as u64);
        Ok(())
    }

    fn paragraphs(&mut self, low: u64, high: u64) -> Vec<String> {
        (0..self.random.between(low, high)).map(|_| self.words.paragraph(&mut self.random)).collect()
    }

    fn photo_bytes(&mut self, width: u16, height: u16) -> Vec<u8> {
        self.camera.photo(width, height, &mut self.random)
    }

    /// A document, with the crest on top or with pictures of its own.
    pub(super) fn docx(&mut self, path: &Path, title: &str, author: &str, letter: bool) -> Result<()> {
        let paragraphs = self.paragraphs(5, 40);
        let own = if !letter && self.random.chance(25) { self.photo_bytes(480, 360) } else { Vec::new() };
        let saved = self.saved();
        let pictures = [&self.crest[..], &own].into_iter().zip([letter, !own.is_empty()]);
        let pictures = pictures.filter(|(_, shown)| *shown).map(|(picture, _)| picture).collect();
        let bytes = docx(&Text { title, author, paragraphs, pictures, saved })?;
        self.put(path, &bytes, saved)
    }

    fn odt(&mut self, path: &Path, title: &str, author: &str) -> Result<()> {
        let (paragraphs, saved) = (self.paragraphs(6, 40), self.saved());
        let bytes = odt(&Text { title, author, paragraphs, pictures: Vec::new(), saved })?;
        self.put(path, &bytes, saved)
    }

    pub(super) fn xlsx(&mut self, path: &Path, title: &str, author: &str, columns: usize) -> Result<()> {
        let mut rows = vec![(0..columns).map(|_| Cell::Words(self.words.topic(&mut self.random))).collect::<Vec<_>>()];
        for number in 0..self.random.between(20, 400) {
            let (given, family) = person(&mut self.random);
            let mut cells = vec![Cell::Number(number as i64 + 1), Cell::Words(format!("{given} {family}"))];
            for column in 2..columns {
                cells.push(match column % 3 {
                    0 => Cell::Money(self.random.below(250_000) as i64),
                    1 => Cell::Words(self.words.topic(&mut self.random)),
                    _ => Cell::Number(self.random.below(100) as i64),
                });
            }
            rows.push(cells);
        }
        let saved = self.saved();
        let bytes = xlsx(title, author, &rows, saved)?;
        self.put(path, &bytes, saved)
    }

    pub(super) fn csv(&mut self, path: &Path, heading: &str) -> Result<()> {
        let mut text = format!("number,{heading},amount\n");
        for number in 0..self.random.between(30, 600) {
            let (given, family) = person(&mut self.random);
            text.push_str(&format!("{number},{given} {family},{}\n", self.random.below(10_000)));
        }
        let saved = self.saved();
        self.put(path, text.as_bytes(), saved)
    }

    fn text(&mut self, path: &Path) -> Result<()> {
        let text = self.paragraphs(1, 12).join("\r\n\r\n");
        let saved = self.saved();
        self.put(path, text.as_bytes(), saved)
    }

    fn pdf(&mut self, path: &Path, title: &str) -> Result<()> {
        let pages = self.random.between(1, 6);
        let bytes = pdf::text(title, pages, &self.words, &mut self.random);
        let saved = self.saved();
        self.put(path, &bytes, saved)
    }

    fn scan(&mut self, path: &Path) -> Result<()> {
        let (width, height) = (620, 877);
        let jpeg = self.photo_bytes(width, height);
        let saved = self.saved();
        self.put(path, &pdf::scan(&jpeg, width, height), saved)
    }

    pub(super) fn photo(&mut self, path: &Path, width: u16, height: u16) -> Result<()> {
        let bytes = self.photo_bytes(width, height);
        let saved = self.saved();
        self.put(path, &bytes, saved)
    }

    /// Each year, subject and term: plans, worksheets, pictures, results.
    fn curriculum(&mut self, dir: &Path) -> Result<()> {
        for year in 3..=6 {
            for subject in SUBJECTS {
                for term in TERMS {
                    let folder = dir.join(format!("Year {year}/{subject}/{term}"));
                    put::directory(&folder)?;
                    self.unit(&folder, &format!("Year {year} {subject}"))?;
                }
            }
        }
        Ok(())
    }

    fn unit(&mut self, folder: &Path, title: &str) -> Result<()> {
        for week in 1..=3 {
            let topic = self.words.topic(&mut self.random);
            let path = folder.join(format!("Week {week:02} lesson plan - {topic}.docx"));
            self.docx(&path, &format!("{title}: {topic}"), "J. Oak", false)?;
        }
        for sheet in 1..=2 {
            let topic = self.words.topic(&mut self.random);
            self.pdf(&folder.join(format!("Worksheet {sheet} {topic}.pdf")), &topic)?;
        }
        let topic = self.words.topic(&mut self.random);
        self.odt(&folder.join(format!("Taflen waith – {topic}.odt")), &topic, "S. Rowan")?;
        if self.random.chance(35) {
            let saved = self.saved();
            let bytes = png(200, 150, &mut self.random);
            self.put(&folder.join(format!("{topic} diagram.png")), &bytes, saved)?;
        } else {
            self.photo(&folder.join(format!("{topic}.jpg")), 1_120, 840)?;
        }
        self.csv(&folder.join("Results.csv"), "pupil")?;
        self.text(&folder.join("Notes to self.txt"))?;
        if self.random.chance(40) {
            self.xlsx(&folder.join("Scheme of work & resources.xlsx"), title, "J. Oak", 7)?;
        }
        Ok(())
    }

    /// Admissions, finance, minutes, policies, letters.
    fn office(&mut self, dir: &Path) -> Result<()> {
        let year = civil(self.now).0;
        for folder in ["admissions/Applications", "finance/Invoices", "finance/Orders", "finance/Ledger", "minutes/SLT"]
        {
            put::directory(&dir.join(folder))?;
        }
        for folder in ["letters", "policies", "personnel"] {
            put::directory(&dir.join(folder))?;
        }
        for back in 0..4 {
            let (of, next) = (year - back, (year - back + 1) % 100);
            let register = dir.join(format!("admissions/Admissions register {of}-{next:02}.xlsx"));
            self.xlsx(&register, "Admissions register", "R. Elm", 9)?;
            let budget = dir.join(format!("finance/Budget {of}-{next:02}.xlsx"));
            self.xlsx(&budget, "Budget", "R. Elm", 12)?;
        }
        for number in 0..40 {
            let (_, family) = person(&mut self.random);
            self.scan(&dir.join(format!("admissions/Applications/{:04} {family}.pdf", 1_200 + number)))?;
            let offer = dir.join(format!("admissions/{family} offer letter {number:02}.docx"));
            self.docx(&offer, "Offer of a place", "R. Elm", true)?;
            self.scan(&dir.join(format!("finance/Invoices/INV-{:05}.pdf", 40_100 + number)))?;
            let order = dir.join(format!("finance/Orders/Order {:04}.xlsx", 700 + number));
            self.xlsx(&order, "Order", "R. Elm", 6)?;
            let held = date(self.now - (number as i64 + 1) * 14 * DAY);
            self.docx(&dir.join(format!("minutes/Governors {held}.docx")), "Minutes", "A. Ash", true)?;
            self.odt(&dir.join(format!("minutes/SLT/Nodiadau {held}.odt")), "SLT notes", "A. Ash")?;
        }
        for number in 0..30 {
            let topic = self.words.topic(&mut self.random);
            self.docx(&dir.join(format!("policies/{topic} policy.docx")), &topic, "A. Ash", true)?;
            self.pdf(&dir.join(format!("policies/{topic} policy v{}.pdf", number % 4 + 1)), &topic)?;
            let topic = self.words.topic(&mut self.random);
            self.docx(&dir.join(format!("letters/Letter home {number:02} {topic}.docx")), &topic, "R. Elm", true)?;
            self.csv(&dir.join(format!("finance/Ledger/Period {number:02}.csv")), "payee")?;
        }
        for teacher in teachers() {
            self.docx(&dir.join(format!("personnel/{teacher}.docx")), &teacher, "A. Ash", true)?;
        }
        Ok(())
    }

    /// One teacher's own folder: plans, reports, a few copies of copies.
    fn teacher(&mut self, dir: &Path, name: &str) -> Result<()> {
        for folder in ["Planning", "Reports", "Display"] {
            put::directory(&dir.join(folder))?;
        }
        for number in 1..=6 {
            let topic = self.words.topic(&mut self.random);
            self.docx(&dir.join(format!("Planning/{number} {topic}.docx")), &topic, name, false)?;
            let (given, family) = person(&mut self.random);
            let report = dir.join(format!("Reports/{given} {family} report {number}.docx"));
            self.docx(&report, "Report", name, true)?;
        }
        for number in 1..=4 {
            self.photo(&dir.join(format!("Display/IMG_{:04}.JPG", 2_000 + number)), 1_200, 900)?;
            let topic = self.words.topic(&mut self.random);
            self.text(&dir.join(format!("{number} {topic}.txt")))?;
            self.pdf(&dir.join(format!("Planning/{topic} ({number}).pdf")), &topic)?;
        }
        self.xlsx(&dir.join("Seating plan.xlsx"), "Seating plan", name, 5)?;
        self.xlsx(&dir.join("Marks.xlsx"), "Marks", name, 8)?;
        let copied = put::read(&dir.join("Marks.xlsx"))?;
        let saved = self.saved();
        self.put(&dir.join("Copy of Marks.xlsx"), &copied, saved)
    }

    fn photographs(&mut self, dir: &Path) -> Result<()> {
        let year = civil(self.now).0;
        for (number, event) in EVENTS.iter().enumerate() {
            let folder: PathBuf = dir.join(format!("{} {event}", year - number as i64 % 3));
            put::directory(&folder)?;
            for picture in 0..20 {
                self.photo(&folder.join(format!("DSC_{:04}.JPG", number * 200 + picture + 1)), 1_760, 1_320)?;
            }
        }
        Ok(())
    }
}
