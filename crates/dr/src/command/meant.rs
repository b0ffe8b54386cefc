//! What a person means who types a word that another program has for it.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Words of other backup programs, and what `dr` calls it.
const WORDS: [(&str, &[&str]); 26] = [
    ("backup", &["run"]),
    ("create", &["run"]),
    ("start", &["run"]),
    ("sync", &["run", "copy"]),
    ("list", &["ls", "snapshots"]),
    ("dir", &["ls"]),
    ("archives", &["snapshots"]),
    ("versions", &["find", "snapshots"]),
    ("search", &["find"]),
    ("grep", &["find"]),
    ("locate", &["find"]),
    ("cat", &["dump"]),
    ("extract", &["restore"]),
    ("recover", &["restore"]),
    ("get", &["restore"]),
    ("verify", &["check"]),
    ("scrub", &["check"]),
    ("test", &["restore --rehearse", "check"]),
    ("rehearse", &["restore --rehearse"]),
    ("delete", &["forget", "erase"]),
    ("remove", &["forget", "erase"]),
    ("compact", &["prune"]),
    ("gc", &["prune"]),
    ("setup", &["init", "plan new"]),
    ("disks", &["media"]),
    ("runbook", &["restore --rehearse"]),
];

/// Puts the command that is meant in the place of one that is only spelt alike.
pub fn suggest(said: &mut clap::Error) {
    if said.kind() != ErrorKind::InvalidSubcommand {
        return;
    }
    let Some(ContextValue::String(typed)) = said.get(ContextKind::InvalidSubcommand) else { return };
    if let Some(means) = means(typed) {
        let means = means.iter().map(|word| (*word).to_owned()).collect();
        said.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(means));
    }
}

fn means(typed: &str) -> Option<&'static [&'static str]> {
    WORDS.iter().find(|(word, _)| *word == typed).map(|(_, means)| *means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn who_types_another_programs_word_is_told_ours() {
        for (typed, means) in
            [("backup", "'run'"), ("list", "'ls', 'snapshots'"), ("verify", "'check'"), ("extract", "'restore'")]
        {
            let Err(mut said) = crate::args::Dr::try_parse_from(["dr", typed]) else { panic!("{typed} is a command") };
            suggest(&mut said);
            let said = said.to_string();
            assert!(said.contains(means) && !said.contains("'ack'"), "{typed}: {said}");
        }
    }

    #[test]
    fn every_word_that_is_suggested_is_a_command() {
        let command = <crate::args::Dr as clap::CommandFactory>::command();
        let known = |word: &str| command.get_subcommands().any(|known| known.get_name() == word);
        for (typed, means) in WORDS {
            assert!(!known(typed), "{typed}");
            assert!(means.iter().all(|word| known(word.split(' ').next().unwrap())), "{means:?}");
        }
    }
}
