//! What is a restored website asked for, and does what it shows prove it?
//!
//! It was not served by this PHP before, so an error of PHP is held against the copy only where nothing of this machine explains it.
//! Nobody knows what a page showed when it was captured: its title is in the database, and the words that a plan expects are
//! in the plan.

use std::path::PathBuf;

use dr_plan::ExpectedPage;

use super::page::{self, PhpErrors};
use super::serve::{Fetched, ServedPages};
use super::wordpress::{SiteContents, WordPress};
use crate::driver::Check;

const FRONT: &str = "its front page is served";
const NEWEST: &str = "its newest posts and pages are served, each with its title";
const UPLOAD: &str = "its newest upload is served, byte for byte as it came back";
const WHOLE: &str = "no page ends in an error of PHP";
/// An upload that is compared is no larger.
pub(super) const UPLOAD_MAX: u64 = 3 << 20;
/// Where a website is asked for whose name nobody knows.
const NO_NAME: &str = "http://localhost";

/// What is asked for, in this order: the front page, the newest, an upload, and what the plan names.
#[derive(Debug, Default)]
pub(super) struct Tour<'a> {
    front: String,
    newest: Vec<(String, String)>,
    upload: Option<(String, Vec<u8>)>,
    plan: Vec<(String, &'a ExpectedPage)>,
    is_wordpress: bool,
}

/// That nothing of it was asked for.
pub(super) fn not_served(why: impl ToString) -> Check {
    Check::not_known(FRONT, "200", why)
}

impl<'a> Tour<'a> {
    /// Of a website of which nothing is known.
    pub(super) fn of(plan: &'a [ExpectedPage]) -> Self {
        Self { front: format!("{NO_NAME}/"), plan: addressed(plan, NO_NAME), ..Self::default() }
    }

    /// Of WordPress; `read` gives an upload that came back, if it is there and not too large.
    pub(super) fn of_wordpress(
        wordpress: &WordPress,
        contents: SiteContents,
        plan: &'a [ExpectedPage],
        read: impl Fn(PathBuf) -> Option<Vec<u8>>,
    ) -> Self {
        let upload = contents.uploads.iter().find_map(|name| {
            let (within, address) = wordpress.upload(&contents, name);
            read(within).map(|bytes| (address, bytes))
        });
        let plan = addressed(plan, &contents.home);
        Self { front: format!("{}/", contents.home), newest: contents.pages, upload, plan, is_wordpress: true }
    }

    /// Every address.
    pub(super) fn urls(&self) -> Vec<String> {
        let newest = self.newest.iter().map(|(url, _)| url);
        let upload = self.upload.iter().map(|(url, _)| url);
        let plan = self.plan.iter().map(|(url, _)| url);
        std::iter::once(&self.front).chain(newest).chain(upload).chain(plan).cloned().collect()
    }

    /// Holds what was there to what should be.
    pub(super) fn judged(&self, visit: &ServedPages, php: &str) -> Vec<Check> {
        let errors = page::errors(&visit.log);
        let mut pages = visit.pages.iter();
        let mut checks = Vec::new();
        checks.extend(pages.next().map(|front| self.front(front, &errors)));
        let newest: Vec<_> = pages.by_ref().take(self.newest.len()).collect();
        if !newest.is_empty() {
            checks.push(self.newest(&newest));
        }
        if let Some((_, bytes)) = &self.upload {
            checks.extend(pages.next().map(|page| upload(page, bytes)));
        }
        checks.extend(self.plan.iter().zip(pages).map(|((_, expected), page)| self.plan(expected, page, &errors)));
        checks.extend(self.whole(&errors, php));
        checks
    }

    fn front(&self, page: &Fetched, errors: &PhpErrors) -> Check {
        let title = page::title(&page.body);
        let shown = title.as_ref().map_or_else(|| "no title".to_owned(), |title| format!("\u{201c}{title}\u{201d}"));
        let actual = format!("{}, {shown}", status(page));
        if !self.is_wordpress {
            return match page.status {
                page::OK if errors.fatal == 0 && !page.body.is_empty() => Check::new(FRONT, true, "200", actual),
                _ => Check::not_known(
                    FRONT,
                    "200",
                    format!("{actual}; dr knows how WordPress finds its database, and no other program yet"),
                ),
            };
        }
        let expected = "200, with a title";
        let not_installed = ["install.php", "setup-config.php"].iter().any(|name| page.led.contains(name));
        match (page.status, title) {
            (page::OK, _) if not_installed => Check::new(
                FRONT,
                false,
                expected,
                "WordPress finds no website in its database, and wants to be installed",
            ),
            (page::OK, Some(_)) => Check::new(FRONT, true, expected, actual),
            (page::OK, None) if page.body.trim_ascii().is_empty() => {
                Check::new(FRONT, false, expected, "200, and nothing on it")
            }
            (500.., _) if errors.fatal > 0 && errors.lacking.is_none() => Check::new(FRONT, false, expected, actual),
            _ => Check::not_known(FRONT, expected, actual),
        }
    }

    fn newest(&self, pages: &[&Fetched]) -> Check {
        let all = self.newest.len();
        let shown = self.newest.iter().zip(pages);
        let good = shown.filter(|((_, title), page)| page.status == page::OK && page::shows(&page.body, title)).count();
        let (expected, actual) = (format!("{all} of {all}"), format!("{good} of {all}"));
        match good {
            // Some are shown by a theme without their titles, or to those alone who have logged in.
            0 => Check::not_known(
                NEWEST,
                expected,
                format!(
                    "{actual}; a website that is closed to visitors shows them to nobody: name a `page` that it shows"
                ),
            ),
            _ => Check::new(NEWEST, true, expected, actual),
        }
    }

    fn plan(&self, expected: &ExpectedPage, page: &Fetched, errors: &PhpErrors) -> Check {
        let name = format!("{}, served again", expected.say);
        let words = format!("200, with \u{201c}{}\u{201d}", expected.contains);
        let shows = page::shows(&page.body, &expected.contains);
        match page.status {
            page::OK if shows => Check::new(&name, true, &words, &words),
            page::OK => Check::new(&name, false, words, "200, without these words"),
            400..=499 if self.is_wordpress => Check::new(&name, false, words, status(page)),
            500.. if self.is_wordpress && errors.fatal > 0 && errors.lacking.is_none() => {
                Check::new(&name, false, words, status(page))
            }
            _ => Check::not_known(&name, words, status(page)),
        }
    }

    fn whole(&self, errors: &PhpErrors, php: &str) -> Option<Check> {
        let actual = format!("{} in PHP {php}", errors.fatal);
        match &errors.lacking {
            Some(package) => Some(Check::not_known(
                WHOLE,
                "0",
                format!(
                    "{actual}, which lacks an extension: install it (Debian and Ubuntu: apt-get install {package})"
                ),
            )),
            None if self.is_wordpress => Some(Check::new(WHOLE, errors.fatal == 0, "0", actual)),
            None => None,
        }
    }
}

fn addressed<'a>(plan: &'a [ExpectedPage], home: &str) -> Vec<(String, &'a ExpectedPage)> {
    let address = |page: &str| if page.starts_with('/') { format!("{home}{page}") } else { page.to_owned() };
    plan.iter().map(|expected| (address(&expected.page), expected)).collect()
}

fn upload(page: &Fetched, bytes: &[u8]) -> Check {
    let expected = format!("200, {} bytes", bytes.len());
    match page.status {
        page::OK if page.body == bytes => Check::new(UPLOAD, true, &expected, &expected),
        page::OK => Check::new(UPLOAD, false, expected, format!("200, {} other bytes", page.body.len())),
        _ => Check::not_known(UPLOAD, expected, status(page)),
    }
}

fn status(page: &Fetched) -> String {
    match page.status {
        0 => "no answer".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Verdict::{self, Good, NotKnown, Wrong};

    fn page(status: u16, body: &str) -> Fetched {
        Fetched { status, led: "http://x/".to_owned(), body: body.into() }
    }

    fn verdicts(tour: &Tour<'_>, pages: Vec<Fetched>, log: &str) -> Vec<Verdict> {
        assert_eq!(tour.urls().len(), pages.len());
        tour.judged(&ServedPages { pages, log: log.to_owned() }, "8.2").iter().map(|check| check.verdict).collect()
    }

    const FATAL: &str = "PHP Fatal error:  Uncaught Error\n";
    const LACKING: &str = "PHP Fatal error:  Uncaught Error: Call to undefined function imagecreate() in\n";

    #[test]
    fn a_front_page_is_good_wrong_or_not_known() {
        let tour = Tour { is_wordpress: true, ..Tour::of(&[]) };
        let front = |page: Fetched, log: &str| verdicts(&tour, vec![page], log);
        assert_eq!(front(page(200, "<title>Hazel Bank</title>"), ""), [Good, Good]);
        assert_eq!(front(page(200, "<title>Hazel Bank</title>"), FATAL), [Good, Wrong]);
        assert_eq!(front(page(200, " "), ""), [Wrong, Good]);
        assert_eq!(front(page(200, "words"), ""), [NotKnown, Good]);
        assert_eq!(front(page(500, "<title>Error</title>"), FATAL), [Wrong, Wrong]);
        assert_eq!(front(page(500, "<title>Error</title>"), LACKING), [NotKnown, NotKnown]);
        assert_eq!(front(page(500, "<title>Database Error</title>"), ""), [NotKnown, Good]);
        assert_eq!(front(page(404, ""), ""), [NotKnown, Good]);
        assert_eq!(front(page(0, ""), ""), [NotKnown, Good]);
        let led = Fetched { led: "http://x/wp-admin/install.php".to_owned(), ..page(200, "<title>Install</title>") };
        assert_eq!(front(led, ""), [Wrong, Good]);
    }

    #[test]
    fn of_another_program_nothing_is_said_to_be_wrong_but_what_the_plan_expects() {
        let expected = |page: &str| ExpectedPage { say: "s".into(), page: page.into(), contains: "Term Dates".into() };
        let plan = [expected("/dates"), expected("https://x.example/")];
        let tour = Tour::of(&plan);
        assert_eq!(tour.urls(), ["http://localhost/", "http://localhost/dates", "https://x.example/"]);
        let good = || page(200, "<h1>TERM dates</h1>");
        assert_eq!(verdicts(&tour, vec![page(200, "x"), good(), good()], ""), [Good, Good, Good]);
        assert_eq!(
            verdicts(&tour, vec![page(200, ""), page(200, "x"), page(404, "")], ""),
            [NotKnown, Wrong, NotKnown]
        );
        assert_eq!(verdicts(&tour, vec![page(500, ""), good(), page(500, "")], FATAL), [NotKnown, Good, NotKnown]);
    }

    #[test]
    fn wordpress_is_asked_for_its_newest_pages_and_an_upload_that_came_back() {
        let wordpress = WordPress { prefix: "wp_".into(), inner: None };
        let contents = || SiteContents {
            home: "https://x.example".into(),
            program_at: "https://x.example".into(),
            pages: vec![
                ("https://x.example/?p=1".into(), "One".into()),
                ("https://x.example/?p=2".into(), "Two".into()),
            ],
            uploads: vec!["gone.jpg".into(), "there.jpg".into()],
        };
        let read = |path: PathBuf| path.ends_with("there.jpg").then(|| b"bytes".to_vec());
        let plan = [ExpectedPage { say: "s".into(), page: "/a".into(), contains: "Words".into() }];
        let tour = Tour::of_wordpress(&wordpress, contents(), &plan, read);
        assert_eq!(tour.urls()[3], "https://x.example/wp-content/uploads/there.jpg");
        let home = || page(200, "<title>Home</title>");
        let all = |one: &str, two: &str, upload: Fetched, words: Fetched| {
            verdicts(&tour, vec![home(), page(200, one), page(200, two), upload, words], "")
        };
        let words = || page(200, "words");
        assert_eq!(all("one", "two", page(200, "bytes"), words()), [Good, Good, Good, Good, Good]);
        assert_eq!(all("one", "", page(200, "other"), page(404, "")), [Good, Good, Wrong, Wrong, Good]);
        assert_eq!(all("", "", page(403, ""), page(0, "")), [Good, NotKnown, NotKnown, NotKnown, Good]);
    }
}
