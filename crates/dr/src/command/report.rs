//! `dr report`: the letter, as files that can be looked at, printed or sent by anybody.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dr_ledger::{Digest, Event};
use dr_report::{Letter, LetterError, eml, letter};
use dr_run::School;
use serde_json::json;

use super::opened::{Gathered, school, told};
use crate::args::World;
use crate::exit::{Cause, Failure, Outcome};

/// Documents about the school's backups
#[derive(Args)]
pub struct Report {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// The weekly letter: shown, or with --out written as .eml, .html and .txt and noted in the ledger
    Weekly {
        /// A folder for the letter's files
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

impl Report {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let Verb::Weekly { out } = &self.verb;
        let (screen, school) = (world.screen, school(world)?);
        let gathered = Gathered::of(&school, world)?;
        let last = school.history().map_err(|e| told(e, world))?.last_letter();
        let number = last.map_or(1, |last| last.number + 1);
        let given = gathered.given(&school);
        let failed = |e: LetterError| Failure::new(Cause::Failed, format!("the letter could not be written: {e}"));
        let letter = letter(&given, number, None).map_err(failed)?;
        let Some(out) = out else {
            screen.document(&json!({
                "number": number, "status": letter.status, "subject": letter.subject, "text": letter.text, "files": [],
            }));
            screen.say(letter.text.trim_end());
            return Ok(Outcome::done());
        };
        let anchor = given.head.hash.to_string();
        let (files, addressed) = write(&school, &letter, &anchor, out, world)?;
        let (status, subject) = (letter.status, letter.subject.clone());
        let text_blake3 = Digest::of(letter.text.as_bytes());
        school.record(Event::LetterWritten { number, status, subject, text_blake3 }).map_err(|e| told(e, world))?;
        screen.document(&json!({
            "number": number, "status": letter.status, "subject": letter.subject, "text": letter.text,
            "files": files.iter().map(|file| crate::shown::path(file)).collect::<Vec<_>>(),
        }));
        screen.say(&format!("letter {number}: {}", letter.subject));
        for file in &files {
            screen.say(&crate::shown::path(file));
        }
        Ok(Outcome::done().with(!addressed, Cause::Missing))
    }
}

/// Writes the three files; whether the mail has somebody to go to.
fn write(
    school: &School,
    letter: &Letter,
    anchor: &str,
    out: &Path,
    world: &World<'_>,
) -> Result<(Vec<PathBuf>, bool), Failure> {
    let failed = |path: &Path, why: std::io::Error| {
        Failure::new(
            Cause::Failed,
            format!("{} cannot be written: {why}. The letter is not noted as written.", path.display()),
        )
    };
    std::fs::create_dir_all(out).map_err(|why| failed(out, why))?;
    let name = |end: &str| out.join(format!("letter-{:04}.{end}", letter.number));
    let mut files =
        vec![(name("txt"), letter.text.clone().into_bytes()), (name("html"), letter.html.clone().into_bytes())];
    let mail = mail(school, letter, anchor);
    let addressed = mail.is_ok();
    match mail {
        Ok(bytes) => files.push((name("eml"), bytes)),
        Err(why) => world.screen.warning(&format!("there is no mail, only the page and the text: {why}")),
    }
    for (path, bytes) in &files {
        std::fs::write(path, bytes).map_err(|why| failed(path, why))?;
    }
    Ok((files.into_iter().map(|(path, _)| path).collect(), addressed))
}

fn mail(school: &School, letter: &Letter, anchor: &str) -> Result<Vec<u8>, LetterError> {
    let plan = &school.plan;
    let people = plan.report.to.iter().filter_map(|id| plan.people.get(id));
    let to: Vec<_> = people.filter_map(|p| Some(format!("{} <{}>", quoted(&p.name), p.email.as_ref()?))).collect();
    let first = plan.report.to.iter().find_map(|id| plan.people.get(id)?.email.clone());
    let configured = plan.alerts.smtp.as_ref().and_then(|smtp| smtp.from.clone());
    // Without a sender of its own the letter comes from the first who gets it.
    let from = configured.or(first).ok_or(LetterError::Nobody)?;
    let domain = from.trim_end_matches('>').rsplit('@').next().unwrap_or("localhost").to_owned();
    let id = format!("dr-letter-{}.{}@{domain}", letter.number, anchor.get(..16).unwrap_or(anchor));
    eml(letter, &from, &to, &id, school.clock.decided())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace(['"', '\\'], " "))
}
