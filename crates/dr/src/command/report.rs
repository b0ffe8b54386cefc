//! `dr report`: the letter, as files that can be looked at, printed or sent by anybody.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dr_ledger::{Digest, Event, History};
use dr_report::{LetterError, letter};
use dr_scheduler::{Gathered, write_letter};
use serde_json::json;

use super::due::failure;
use super::opened::{run_failure, runbook, school_unless};
use crate::context::Context;
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
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let Verb::Weekly { out } = &self.verb;
        let (screen, school) = (context.screen, school_unless(out.is_none(), context)?);
        let book = runbook(&school, context);
        let gathered = Gathered::of(&school, book.as_ref()).map_err(|e| run_failure(e, context))?;
        let last = History::of(&gathered.contents.entries).last_letter();
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
        let (files, none) = write_letter(&school, &letter, &anchor, out).map_err(|why| failure(why, context))?;
        if let Some(why) = &none {
            screen.warning(&format!("there is no mail, only the page and the text: {why}"));
        }
        let (status, subject) = (letter.status, letter.subject.clone());
        let text_blake3 = Digest::of(letter.text.as_bytes());
        let html_blake3 = Some(Digest::of(letter.html.as_bytes()));
        let written = Event::LetterWritten { number, status, subject, text_blake3, html_blake3 };
        school.record(written).map_err(|e| run_failure(e, context))?;
        screen.document(&json!({
            "number": number, "status": letter.status, "subject": letter.subject, "text": letter.text,
            "files": files.iter().map(|file| crate::shown::path(file)).collect::<Vec<_>>(),
        }));
        screen.mention(&format!("letter {number}: {}", letter.subject));
        for file in &files {
            screen.say(&crate::shown::path(file));
        }
        Ok(Outcome::done().with(none.is_some(), Cause::Missing))
    }
}
