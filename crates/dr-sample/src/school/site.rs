//! What the school's web site is: forty static pages, a style sheet and pictures.

use crate::dates::{DAY, date};
use crate::package::escaped;
use crate::picture::{Camera, png};
use crate::put::{self, Size};
use crate::random::Random;
use crate::words::Words;
use crate::{Error, Result};
use std::path::Path;

const PAGES: [&str; 40] = [
    "index",
    "about",
    "admissions",
    "term-dates",
    "news",
    "contact",
    "governors",
    "staff",
    "uniform",
    "lunches",
    "clubs",
    "policies",
    "safeguarding",
    "send",
    "pupil-premium",
    "sports-premium",
    "curriculum",
    "year-3",
    "year-4",
    "year-5",
    "year-6",
    "art",
    "english",
    "geography",
    "history",
    "maths",
    "music",
    "pe",
    "science",
    "eco-council",
    "library",
    "breakfast-club",
    "parents",
    "attendance",
    "letters-home",
    "gallery",
    "vacancies",
    "accessibility",
    "privacy",
    "croeso",
];
const STYLE: &str = "body { font: 1.05rem/1.5 sans-serif; max-width: 46rem; margin: auto; padding: 1rem; color: #222 }\n\
    nav a { margin-right: .7rem } h1 { color: #1b5e3a } img { max-width: 100% } article { border-top: 1px solid #ccc }\n\
    footer { margin-top: 3rem; font-size: .85rem; color: #666 }\n@media print { nav { display: none } }\n";

pub(super) fn make(dir: &Path, seed: u64, day0: i64) -> Result<Size> {
    for folder in ["css", "images"] {
        put::directory(&dir.join(folder))?;
    }
    let mut random = Random::of(seed, "site", 0);
    let (words, camera) = (Words::new(), Camera::new());
    let mut size = Size::default();
    let mut put = |name: &str, bytes: &[u8], random: &mut Random| {
        size.count(bytes.len() as u64);
        put::file(&dir.join(name), bytes, day0 - random.between(1, 300) as i64 * DAY)
    };
    for (number, page) in PAGES.iter().enumerate() {
        let html = html(page, number % 20, &words, &mut random);
        put(&format!("{page}.html"), html.as_bytes(), &mut random)?;
    }
    for number in 0..20 {
        let bytes = camera.photo(640, 480, &mut random);
        put(&format!("images/photo-{number:02}.jpg"), &bytes, &mut random)?;
    }
    let crest = png(96, 96, &mut random);
    put("images/crest.png", &crest, &mut random)?;
    put("css/style.css", STYLE.as_bytes(), &mut random)?;
    put("robots.txt", b"User-agent: *\nAllow: /\n", &mut random)?;
    let listed: String = PAGES.iter().map(|page| format!("https://www.hazelbank.example/{page}.html\n")).collect();
    put("sitemap.txt", listed.as_bytes(), &mut random)?;
    Ok(size)
}

fn html(page: &str, picture: usize, words: &Words, random: &mut Random) -> String {
    let title = page.replace('-', " ");
    let links: String = PAGES[..8].iter().map(|to| format!("<a href=\"{to}.html\">{to}</a>\n")).collect();
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head><meta charset=\"utf-8\"><title>{title} - Hazel Bank Junior \
         School</title>\n<link rel=\"stylesheet\" href=\"css/style.css\"></head>\n<body>\n<nav>\n{links}</nav>\n\
         <main>\n<h1>{title}</h1>\n<img src=\"images/photo-{picture:02}.jpg\" alt=\"{title}\">\n"
    );
    for _ in 0..random.between(3, 14) {
        html.push_str(&format!("<p>{}</p>\n", escaped(&words.paragraph(random))));
    }
    html.push_str("</main>\n<footer>Hazel Bank Junior School, 01632 960100</footer>\n</body>\n</html>\n");
    html
}

/// Puts the day's piece on top of the news.
pub(super) fn live(dir: &Path, random: &mut Random, morning: i64) -> Result<()> {
    let path = dir.join("news.html");
    let before = put::read(&path)?;
    let text = String::from_utf8_lossy(&before);
    let (head, rest) = text
        .split_once("</h1>\n")
        .ok_or_else(|| Error::Unfit { path: path.clone(), lacks: "a heading to put news under" })?;
    let words = Words::new();
    let (topic, piece) = (words.topic(random), words.paragraph(random));
    let news = format!(
        "{head}</h1>\n<article><h2>{}: {topic}</h2><p>{}</p></article>\n{rest}",
        date(morning),
        escaped(&piece)
    );
    put::save_again(&path, news.as_bytes(), morning + 15 * 3_600)
}
