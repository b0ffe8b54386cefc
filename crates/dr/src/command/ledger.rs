//! `dr ledger`: everything that happened, and whether it still says so.

use clap::Args;
use dr_ledger::{Head, verify};
use serde_json::json;

use super::opened::{question, told};
use crate::args::World;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Show the ledger, or with --verify whether its chain holds
#[derive(Args)]
pub struct Ledger {
    /// Check the chain; nothing edited, removed, reordered or cut
    #[arg(long)]
    verify: bool,
    /// An entry as a letter or a form printed it: the ledger must still reach it and have this hash there
    #[arg(long, value_name = "N:HASH", requires = "verify")]
    anchor: Option<String>,
}

impl Ledger {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let (screen, school) = (world.screen, question(world)?);
        let path = school.ledger.path();
        if self.verify {
            let anchor = self.anchor.as_deref().map(|text| {
                anchor(text).ok_or_else(|| Failure::usage(format!("`{text}` is no anchor: it looks like 12:9f3c…")))
            });
            let anchor = anchor.transpose()?;
            let missing = !path.exists();
            let verdict = verify(path, anchor);
            let verdict = match verdict {
                Ok(verdict) => verdict,
                Err(_) if missing && anchor.is_none() => {
                    school.ledger.read().map_err(|e| told(e.into(), world))?.verdict
                }
                Err(why) => {
                    return Err(Failure::new(Cause::Unverified, format!("{why}. Nothing is known about the ledger.")));
                }
            };
            screen.document(&verdict);
            let head = verdict.head();
            match &verdict {
                dr_ledger::Verdict::Ok { .. } => {
                    screen.say(&format!("the ledger holds: {}, head {head}", shown::count(head.n, "entry", "entries")));
                }
                dr_ledger::Verdict::Broken { line, why, .. } => screen.error(&format!(
                    "the ledger is broken: line {line} {why}. {} before it hold; do not edit the file, and compare it with the anchor of the last letter",
                    shown::count(head.n, "entry", "entries")
                )),
            }
            return Ok(Outcome::done().with(!verdict.is_ok(), Cause::Failed));
        }
        let contents = school.ledger.read().map_err(|e| told(e.into(), world))?;
        screen.document(&contents.entries);
        for entry in &contents.entries {
            let at = entry.decided.to_zoned(school.plan.school.timezone.clone()).strftime("%Y-%m-%d %H:%M:%S");
            let by = entry.by.as_ref().map_or("dr", |by| by.as_str());
            let event = shown::name(json!(entry.event).to_string().as_bytes());
            screen.say(&format!("{:>6}  {at}  {by:<10}  {event}", entry.n));
        }
        if !contents.verdict.is_ok() {
            screen.warning("the chain does not hold: `dr ledger --verify` says where");
        }
        Ok(Outcome::done().with(!contents.verdict.is_ok(), Cause::Failed))
    }
}

/// An anchor as a letter prints it, or as somebody copied it from paper: with or without its word, in groups or not.
fn anchor(text: &str) -> Option<Head> {
    let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let text = text.strip_prefix("evidence").unwrap_or(&text).trim_start();
    let (n, hash) = text.split_once(|c: char| c == ':' || c.is_whitespace())?;
    let hash: String = hash.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    Head::parse(&format!("{n}:{hash}"))
}

#[cfg(test)]
mod tests {
    use super::anchor;

    #[test]
    fn an_anchor_is_taken_as_the_letter_prints_it_and_as_people_copy_it() {
        let hash = "64c27e85c877a5719d68cdb6f070a987c262505fd239dc61c69fbef07db08782";
        let groups: Vec<_> = hash.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
        let groups = groups.join(" ");
        let head = anchor(&format!("1816:{hash}")).unwrap();
        for text in [
            format!("Evidence 1816:{hash}"),
            format!("  evidence 1816: {hash}.\n"),
            format!("1816 {groups}"),
            format!("Evidence 1816 {}", groups.to_uppercase()),
        ] {
            assert_eq!(anchor(&text), Some(head), "{text}");
        }
        for text in ["", "1816", "1816:64c2", &format!("{hash}:1816"), &format!("-1:{hash}"), &format!("1816:{hash}00")]
        {
            assert_eq!(anchor(text), None, "{text}");
        }
    }
}
