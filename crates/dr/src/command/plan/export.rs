//! `dr plan export`: the policy's own table, declared beside achieved, to be pasted or printed.

use std::path::PathBuf;

use clap::Args;
use dr_report::export;
use dr_run::School;
use dr_scheduler::Gathered;

use super::super::opened::{run_failure, runbook};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Which way, and where to.
#[derive(Args)]
pub struct Export {
    /// As one page that needs nothing else
    #[arg(long, conflicts_with = "markdown")]
    html: bool,
    /// As Markdown, which is what is written if nothing is said
    #[arg(long)]
    markdown: bool,
    /// A file for it; nothing that is there is overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub fn run(&self, school: &School, context: &Context<'_>) -> Result<Outcome, Failure> {
        let book = runbook(school, context);
        let gathered = Gathered::of(school, book.as_ref()).map_err(|e| run_failure(e, context))?;
        let export = export(&gathered.given(school));
        let failed = |why: String| Failure::new(Cause::Failed, why);
        let text = match self.html {
            true => export.html().map_err(|why| failed(why.to_string()))?,
            false => export.markdown(),
        };
        context.screen.document(&export);
        let Some(out) = &self.out else {
            context.screen.say(text.trim_end());
            return Ok(Outcome::done());
        };
        let wrote = std::fs::File::create_new(out)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()).and_then(|()| file.sync_all()));
        wrote.map_err(|why| {
            let there = why.kind() == std::io::ErrorKind::AlreadyExists;
            let next = if there { ". Name another file, or move that one away" } else { "" };
            failed(format!("{} was not written: {why}{next}", shown::path(out)))
        })?;
        context.screen.say(&format!("the policy's table is in {}", shown::path(out)));
        Ok(Outcome::done())
    }
}
