//! What does a person mean who types what `dr` does not know, and how is it said in a line or two? Words of restic, borg,
//! kopia and others lead to ours ([`words`]); whatever else is told by what the command takes.

mod words;

use std::ffi::{OsStr, OsString};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use super::examples;

/// `dr help restore` is `dr restore --help`.
pub fn help(dr: &Command, mut typed: Vec<OsString>) -> Vec<OsString> {
    let mut command = dr;
    for at in 1..typed.len() {
        if typed[at] == "help" {
            typed.remove(at);
            typed.push("--help".into());
            break;
        }
        match typed[at].to_str().and_then(|word| command.find_subcommand(word)) {
            Some(below) => command = below,
            None => break,
        }
    }
    typed
}

/// The same mistake in a sentence that says what to type instead; as clap says it where there is nothing to add.
pub fn answered(dr: &Command, said: Error) -> Error {
    let path = path(&said);
    let (called, command) = (called(&path), found(dr, &path));
    let answer = match said.kind() {
        ErrorKind::InvalidSubcommand => {
            text(&said, ContextKind::InvalidSubcommand).map(|word| no_command(&path, &called, command, &word))
        }
        ErrorKind::UnknownArgument => {
            text(&said, ContextKind::InvalidArg).map(|word| no_argument(&path, &called, command, &word))
        }
        ErrorKind::MissingRequiredArgument => match said.get(ContextKind::InvalidArg) {
            Some(ContextValue::Strings(missing)) => Some(missed(&path, &called, missing)),
            _ => None,
        },
        _ => None,
    };
    // Any kind that is a mistake.
    answer.map_or(said, |answer| Error::raw(ErrorKind::UnknownArgument, format!("{answer}\n")))
}

fn no_command(path: &[String], called: &str, command: &Command, word: &str) -> String {
    if let Some(answer) = words::command(&path.join(" "), word) {
        return format!("`{called}` has no command `{word}`. {answer}");
    }
    let near = dr_plan::nearest(word, command.get_subcommands().map(Command::get_name));
    let more =
        near.map_or_else(|| format!("`{called} --help` lists them"), |near| format!("did you mean `{called} {near}`?"));
    format!("`{called}` has no command `{word}`; {more}")
}

fn no_argument(path: &[String], called: &str, command: &Command, word: &str) -> String {
    let answer = words::argument(&path.join(" "), word);
    if !word.starts_with('-') {
        let target = command.get_arguments().any(|one| one.get_long() == Some("target"));
        let answer = match answer {
            Some(answer) => answer.to_owned(),
            None if target => format!("A target is named with --target {word}"),
            None if command.get_positionals().next().is_none() => {
                format!("It takes no names; `{called} --help` says what it takes")
            }
            None => format!("`{called} --help` says what it takes"),
        };
        return format!("`{called}` does not take `{word}`. {answer}");
    }
    if let Some(answer) = answer {
        return format!("`{called}` has no option {word}. {answer}");
    }
    let long: Vec<String> =
        command.get_arguments().filter_map(clap::Arg::get_long).map(|long| format!("--{long}")).collect();
    let near = dr_plan::nearest(word, long.iter().map(String::as_str));
    let more = near.map_or_else(|| format!("`{called} --help` lists them"), |near| format!("did you mean {near}?"));
    format!("`{called}` has no option {word}; {more}")
}

fn missed(path: &[String], called: &str, missing: &[String]) -> String {
    let example = examples::lines(&path.join(" ")).into_iter().next();
    let example = example.map_or_else(String::new, |(typed, _)| format!(", as in `{typed}`"));
    format!("`{called}` needs {}{example}", missing.join(" and "))
}

/// The words of the command that it is about, from its usage.
fn path(said: &Error) -> Vec<String> {
    let Some(ContextValue::StyledStr(usage)) = said.get(ContextKind::Usage) else { return Vec::new() };
    let usage = StyledStr::to_string(usage);
    let words = usage.split_whitespace().skip_while(|word| *word == "Usage:").skip(1);
    words.take_while(|word| word.starts_with(char::is_alphabetic)).map(ToOwned::to_owned).collect()
}

fn called(path: &[String]) -> String {
    std::iter::once("dr").chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

fn found<'a>(dr: &'a Command, path: &[String]) -> &'a Command {
    path.iter().fold(dr, |command, word| command.find_subcommand(OsStr::new(word)).unwrap_or(command))
}

fn text(said: &Error, kind: ContextKind) -> Option<String> {
    match said.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    use crate::args::Dr;

    fn answer(typed: &str) -> String {
        let dr = Dr::command();
        let said = dr.clone().try_get_matches_from(std::iter::once("dr").chain(typed.split(' ')));
        answered(&dr, said.expect_err(typed)).to_string()
    }

    #[test]
    fn whoever_types_another_programs_word_hears_ours_in_a_line_or_two() {
        for (typed, ours) in [
            ("backup /srv", "`dr run`"),
            ("backup /srv", "`dr repo backup URL PATH`"),
            ("list snapshots", "`dr snapshots`"),
            ("cat config", "`dr dump SYSTEM PATH`"),
            ("verify", "`dr check`"),
            ("extract", "`dr restore SYSTEM --to DIR`"),
            ("stats", "`dr repo stats URL`"),
            ("browse /mnt", "`dr mount DIR`"),
            ("unlock", "no locks"),
            ("key list", "`dr key export "),
            ("self-update", "`cargo xtask install`"),
            ("runbook", "`dr restore --rehearse`"),
            ("forget --keep-daily 7 --prune", "`dr repo forget URL --keep-daily 7`"),
            ("init --repo /mnt/x", "`dr repo init URL`"),
            ("-r /mnt/x snapshots", "`dr repo COMMAND URL`"),
            ("prune nas", "--target nas"),
            ("run --dry-run", "`dr plan next`"),
            ("restore -t x", "--to DIR"),
            ("repo list", "`dr repo snapshots URL`"),
            ("repo forget u --keep-dialy 7", "--keep-daily?"),
            ("copy", "`dr copy --from onsite --to offsite`"),
            ("repo backup", "`dr repo backup /mnt/nas/dr /srv/shares`"),
            ("stauts", "did you mean `dr status`?"),
            ("qwertz", "`dr --help`"),
            ("media mount", "`dr media --help`"),
        ] {
            let said = answer(typed);
            assert!(said.contains(ours) && said.trim_end().lines().count() <= 2, "dr {typed}: {said}");
        }
    }

    #[test]
    fn every_command_in_an_answer_is_one() {
        let dr = Dr::command();
        for answer in words::all() {
            for typed in answer.split('`').skip(1).step_by(2).filter(|typed| typed.starts_with("dr ")) {
                let (mut command, mut in_front) = (&dr, true);
                for word in typed.split(' ').skip(1) {
                    if let Some(long) = word.strip_prefix("--") {
                        let known = |one: &clap::Arg| one.get_long() == Some(long);
                        let is_global = dr.get_arguments().any(known);
                        assert!(
                            command.get_arguments().any(known) || is_global || long == "help" || long == "version",
                            "{typed}"
                        );
                    } else if in_front && word.starts_with(|c: char| c.is_ascii_lowercase()) {
                        command = command.find_subcommand(word).unwrap_or_else(|| panic!("{typed}"));
                    } else {
                        in_front = false;
                    }
                }
            }
        }
    }

    #[test]
    fn no_word_for_a_command_is_one() {
        let dr = Dr::command();
        for (level, word) in words::commands() {
            let path: Vec<String> = level.split_whitespace().map(ToOwned::to_owned).collect();
            assert!(found(&dr, &path).find_subcommand(word).is_none(), "dr {level} {word}");
        }
    }

    #[test]
    fn help_may_come_first() {
        let typed = |words: &str| words.split(' ').map(OsString::from).collect::<Vec<_>>();
        let dr = Dr::command();
        assert_eq!(help(&dr, typed("dr help")), typed("dr --help"));
        assert_eq!(help(&dr, typed("dr help repo init")), typed("dr repo init --help"));
        assert_eq!(help(&dr, typed("dr repo help init")), typed("dr repo init --help"));
        assert_eq!(help(&dr, typed("dr find help")), typed("dr find --help"));
        assert_eq!(help(&dr, typed("dr find -i help")), typed("dr find -i help"));
    }
}
