//! `dr manual`: every command with its options and examples, for `man` and as one page.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, Args, Command};

use super::examples;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Write the manual: pages for `man` into a folder, or one page in Markdown
#[derive(Args)]
#[command(group = clap::ArgGroup::new("form").required(true))]
pub struct Manual {
    /// Pages for `man` into this folder; those of an earlier version are replaced
    #[arg(long, value_name = "DIR", group = "form")]
    out: Option<PathBuf>,
    /// One page in Markdown to standard output
    #[arg(long, group = "form")]
    markdown: bool,
}

impl Manual {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let dr = examples::with((context.line.commands)());
        match &self.out {
            None => context.screen.print(markdown(&dr).as_bytes()),
            Some(dir) => {
                pages(dr, dir).map_err(|why| {
                    Failure::new(Cause::Failed, format!("{}: a page could not be written: {why}", shown::path(dir)))
                })?;
                context.screen.mention(&format!("the pages for `man` are in {}", shown::path(dir)));
            }
        }
        Ok(Outcome::done())
    }
}

/// Writes `dr.1`, `dr-run.1`, `dr-repo-init.1` and so on.
fn pages(dr: Command, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(dr, dir)
}

/// The page `docs/cli.md`.
fn markdown(dr: &Command) -> String {
    let mut page = String::from(
        "# Commands\n\nThis page is written by `dr manual --markdown` from the commands themselves, and a test compares it. \
         [format/plan.md](format/plan.md) has the keys of a plan, and [glossary.md](glossary.md) the words.\n\n## For every command\n\n",
    );
    options(dr, &mut page);
    each(dr, "dr", &mut page);
    page
}

fn each(command: &Command, above: &str, page: &mut String) {
    for one in command.get_subcommands() {
        let words = format!("{above} {}", one.get_name());
        page.push_str(&format!("\n## {words}\n\n"));
        let about = one.get_long_about().or_else(|| one.get_about()).map(ToString::to_string).unwrap_or_default();
        page.push_str(&format!("{}\n", about.trim_end()));
        if one.has_subcommands() {
            each(one, &words, page);
            continue;
        }
        page.push_str(&format!("\n```\n{}\n```\n\n", usage(one, &words)));
        options(one, page);
        let lines = examples::lines(words.trim_start_matches("dr "));
        if !lines.is_empty() {
            page.push_str("\nExamples:\n\n```\n");
            for (typed, does) in lines {
                page.push_str(&format!("{typed}    # {does}\n"));
            }
            page.push_str("```\n");
        }
    }
}

/// The arguments and options of one command, a line each.
fn options(command: &Command, page: &mut String) {
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        page.push_str(&format!("- `{}`: {}\n", called(argument), help.replace('\n', " ")));
    }
}

/// As it is typed.
fn called(argument: &Arg) -> String {
    let values: Vec<String> = argument.get_value_names().into_iter().flatten().map(ToString::to_string).collect();
    let takes = argument.get_action().takes_values();
    let value = if takes { values.join(" ") } else { String::new() };
    match argument.get_long() {
        None => value,
        Some(long) => {
            let short = argument.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
            format!("{short}--{long} {value}").trim_end().to_owned()
        }
    }
}

/// How a command is called from the top.
fn usage(command: &Command, words: &str) -> String {
    let usage = command.clone().bin_name(words).render_usage().to_string();
    usage.trim_start_matches("Usage: ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Dr;

    #[test]
    fn the_page_of_the_commands_is_what_they_are() {
        let page = markdown(&examples::with(Dr::command()));
        assert!(
            page == include_str!("../../../../docs/cli.md"),
            "docs/cli.md is of other commands: cargo run -- manual --markdown > docs/cli.md"
        );
    }

    #[test]
    fn each_command_has_a_page_for_man() {
        let dir = tempfile::tempdir().unwrap();
        pages(examples::with(Dr::command()), dir.path()).unwrap();
        let restore = fs::read_to_string(dir.path().join("dr-restore.1")).unwrap();
        assert!(restore.contains("Examples:") && restore.contains("\\-\\-in\\-place"), "{restore}");
        assert!(dir.path().join("dr-repo-init.1").exists());
    }
}
