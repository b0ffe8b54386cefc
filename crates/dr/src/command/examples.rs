//! What would somebody type? Two examples for each command, at the end of its help and in the manual.

use clap::Command;

/// The words of a command, and two ways to call it with what they do.
type Examples = (&'static str, [(&'static str, &'static str); 2]);

const EXAMPLES: &[Examples] = &[
    (
        "quickstart",
        [("", "A school in ./hazel-bank, its backups and a proved restore"), ("--again demo", "Once more, in ./demo")],
    ),
    (
        "init",
        [
            ("--recovery-key-out /media/stick/recovery.key", "Make the keys and a repository on every target"),
            ("--new-target offsite", "Make one where a target was lost and is empty now"),
        ],
    ),
    ("run", [("mis", "Make the MIS's copies now"), ("--due", "Make what is due, as a timer does")]),
    ("daemon", [("", "Do what is due, for ever"), ("--every 1m", "Look every minute, and not every five")]),
    (
        "status",
        [("", "Whether each system is safe"), ("--plan oak/dr.toml --plan elm/dr.toml", "The same of two schools")],
    ),
    ("snapshots", [("", "What is kept of every system"), ("mis --target offsite", "What offsite keeps of the MIS")]),
    (
        "ls",
        [
            ("file-server", "Everything in the newest snapshot"),
            ("file-server homes/rowan --as-of yesterday", "One folder as it was yesterday"),
        ],
    ),
    (
        "find",
        [
            ("'*budget*'", "In every system and snapshot"),
            ("email '1701*'", "A message by the beginning of its file's name"),
        ],
    ),
    (
        "diff",
        [
            ("mis 3f9a01bc", "What changed from then to the newest"),
            ("admin 3f9a01bc 77aa02cd letters", "In one folder, between two snapshots"),
        ],
    ),
    (
        "dump",
        [
            ("admin letters/term.odt > term.odt", "One file into a new one"),
            ("admin notes.txt --as-of friday", "As it was on Friday"),
        ],
    ),
    (
        "restore",
        [
            ("file-server --path homes/rowan --in-place", "One folder back to where it was"),
            ("--rehearse", "Try every system on scratch, and write the evidence"),
        ],
    ),
    (
        "mount",
        [
            ("/mnt/look", "Every system and snapshot as folders"),
            ("file-server --as-of yesterday /mnt/look", "One system as it was at the end of yesterday"),
        ],
    ),
    (
        "check",
        [
            ("", "Every copy that can be reached"),
            ("--target offsite --budget 1h", "And read what offsite has, for an hour"),
        ],
    ),
    ("repair", [("--dry-run", "Say what would be mended"), ("--target offsite", "Mend one target")]),
    (
        "copy",
        [("--from onsite --to offsite", "What offsite lacks"), ("--from onsite --to offsite mis", "Only the MIS's")],
    ),
    ("forget", [("--dry-run", "What the plan no longer keeps"), ("--undo 3f9a01bc", "Put one back on the list")]),
    (
        "prune",
        [("--dry-run", "How much room it would give"), ("--target onsite", "Delete what no snapshot on onsite needs")],
    ),
    (
        "hold",
        [
            ("admin --until 2027-08-31", "Keep all of one system's"),
            ("3f9a01bc --until 2027-08-31", "Keep one snapshot"),
        ],
    ),
    (
        "erase",
        [
            ("admin --path letters/pupil.odt --because 'request of 3 May' --dry-run", "Say what would be taken out"),
            ("--pending", "What waits for a disk that is away"),
        ],
    ),
    (
        "key export",
        [
            ("prune.key --for prune", "For the host that clears up"),
            ("--for prune /media/stick/prune.key", "The same, straight to a stick"),
        ],
    ),
    ("media due", [("", "Who moves which disk by when"), ("--json", "For another program")]),
    ("media load", [("disk-1", "Disk 1 is plugged in"), ("disk-1 --by oak", "And J. Oak did it")]),
    ("media eject", [("disk-1", "Disk 1 may be unplugged"), ("disk-1 --by oak", "And J. Oak asked")]),
    (
        "media handover",
        [("disk-1 --to elm", "R. Elm has it now"), ("disk-1 --to elm --place safe", "R. Elm takes it to the safe")],
    ),
    ("media receive", [("disk-1 --by elm", "R. Elm has it"), ("disk-1 --by elm --place safe", "It is in the safe")]),
    ("media lost", [("disk-1", "Nobody knows where it is"), ("disk-1 --by elm", "R. Elm says so")]),
    ("media found", [("disk-1", "It is there again"), ("disk-1 --by elm", "R. Elm has it")]),
    (
        "media register",
        [
            ("disk-3 --pool weekly --kind hdd", "A third disk for the pool"),
            ("disk-3 --pool weekly --kind ssd --serial S3Z9 --asset 0417", "With what stands on it"),
        ],
    ),
    ("media init", [("disk-3", "Make it a disk of this school"), ("disk-3 --slot usb2", "The one in that slot")]),
    ("media history", [("disk-1", "Where it was, and who had it"), ("disk-1 --json", "For another program")]),
    (
        "plan new",
        [("", "Eight questions, then a plan"), ("dr.toml --look /srv", "Into this file, looking in /srv only")],
    ),
    ("plan check", [("", "What is wrong with the plan"), ("--plan new.toml", "With one that is not in use yet")]),
    ("plan show", [("", "The plan in a page"), ("--full", "With everything that it leaves to defaults")]),
    ("plan export", [("--markdown", "The policy's table, to be pasted"), ("--html --out table.html", "To be printed")]),
    ("plan next", [("", "What runs when"), ("--from 2026-12-18 --until 2027-01-04", "Over the holidays")]),
    ("ack", [("mis/rpo", "I know, and see to it"), ("letter/12", "I have read it")]),
    (
        "approve",
        [
            ("website/offline --until 2026-12-18 --because 'no disk yet'", "Accept a gap for some weeks"),
            ("website/offline --until 2026-12-18 --because 'no disk yet' --ask ash", "Ask the head by mail"),
        ],
    ),
    ("report weekly", [("", "This week's letter on the screen"), ("--out letters", "As files")]),
    ("ledger", [("", "What happened"), ("--verify", "Whether it is still what was written")]),
    ("service print", [("", "The units, to be read"), ("--cron", "Lines for cron instead")]),
    ("service install", [("", "A timer of systemd"), ("--daemon", "A service that stays")]),
    ("service uninstall", [("", "Take it away again"), ("--root /mnt/image", "From a system that is not running")]),
    ("doctor", [("", "What would make a backup fail"), ("--send-test", "And a message to everybody who is told")]),
    (
        "completion",
        [
            ("bash > /usr/share/bash-completion/completions/dr", "For every user of bash"),
            ("fish > ~/.config/fish/completions/dr.fish", "For oneself, in fish"),
        ],
    ),
    ("manual", [("--out /usr/local/share/man/man1", "Pages for man"), ("--markdown", "One page")]),
    (
        "repo init",
        [
            ("/mnt/nas/dr", "A repository with a password"),
            ("/mnt/disk/dr --family-of /mnt/nas/dr", "One of the same family"),
        ],
    ),
    (
        "repo backup",
        [
            ("/mnt/nas/dr /srv/shares", "One folder"),
            ("/mnt/nas/dr --stdin mis.sql < mis.sql", "What comes out of a pipe"),
        ],
    ),
    ("repo snapshots", [("/mnt/nas/dr", "What is there"), ("/mnt/nas/dr --json", "For another program")]),
    ("repo ls", [("/mnt/nas/dr", "The newest snapshot"), ("/mnt/nas/dr 3f9a01bc srv/shares", "One folder of another")]),
    ("repo find", [("/mnt/nas/dr '*.odt'", "By name"), ("/mnt/nas/dr --larger 100M", "By size")]),
    (
        "repo diff",
        [("/mnt/nas/dr 3f9a01bc", "From then to the newest"), ("/mnt/nas/dr 3f9a01bc 77aa02cd", "Between two")],
    ),
    (
        "repo dump",
        [
            ("/mnt/nas/dr latest srv/a.odt > a.odt", "One file"),
            ("/mnt/nas/dr 3f9a01bc srv/a.odt | less", "An earlier one, to look at"),
        ],
    ),
    (
        "repo restore",
        [
            ("/mnt/nas/dr latest --to back", "Everything"),
            ("/mnt/nas/dr latest --to back --path srv/shares", "One folder"),
        ],
    ),
    (
        "repo mount",
        [
            ("/mnt/nas/dr /mnt/look", "Every snapshot as a folder"),
            ("/mnt/nas/dr /mnt/look --snapshot latest", "What is in the newest"),
        ],
    ),
    (
        "repo copy",
        [("/mnt/nas/dr /mnt/disk/dr --all", "What the other lacks"), ("/mnt/nas/dr /mnt/disk/dr latest", "The newest")],
    ),
    ("repo check", [("/mnt/nas/dr", "What is there, and its length"), ("/mnt/nas/dr --read-data", "Every byte")]),
    (
        "repo repair",
        [
            ("/mnt/nas/dr --dry-run", "Say what would be mended"),
            ("/mnt/nas/dr --from /mnt/disk/dr", "With what another has"),
        ],
    ),
    (
        "repo forget",
        [
            ("/mnt/nas/dr --keep-daily 14 --keep-monthly 12 --dry-run", "What these rules would take off the list"),
            ("/mnt/nas/dr 3f9a01bc", "One snapshot"),
        ],
    ),
    (
        "repo prune",
        [("/mnt/nas/dr --dry-run", "How much room it would give"), ("/mnt/nas/dr", "Delete what nothing needs")],
    ),
    (
        "repo erase",
        [
            ("/mnt/nas/dr --path srv/a.odt --dry-run", "Say what would be taken out"),
            ("/mnt/nas/dr --glob '**/a.odt'", "Take out"),
        ],
    ),
    ("repo stats", [("/mnt/nas/dr", "How much of what is there"), ("/mnt/nas/dr --json", "For another program")]),
    (
        "repo accept-rollback",
        [
            ("/mnt/nas/dr --seen 812", "That it was put back to an earlier state was meant"),
            ("/mnt/nas/dr --seen 812 --yes", "Without being asked"),
        ],
    ),
    (
        "repo take-over",
        [("/mnt/nas/dr", "This host replaces the one that wrote there"), ("/mnt/nas/dr --yes", "Without being asked")],
    ),
];

/// The examples of a command by its words, such as `repo init`.
fn of(words: &str) -> Option<&'static [(&'static str, &'static str); 2]> {
    EXAMPLES.iter().find(|(command, _)| *command == words).map(|(_, both)| both)
}

/// The lines of an example: what is typed, and what it does.
pub fn lines(words: &str) -> Vec<(String, &'static str)> {
    let typed = |arguments: &str| match arguments {
        "" => format!("dr {words}"),
        _ => format!("dr {words} {arguments}"),
    };
    of(words).into_iter().flatten().map(|(arguments, does)| (typed(arguments), *does)).collect()
}

/// The same commands, each with its examples at the end of its help.
pub fn with(dr: Command) -> Command {
    each(dr, "")
}

fn each(command: Command, above: &str) -> Command {
    command.mut_subcommands(|one| {
        let words = format!("{above}{}", one.get_name());
        let lines: Vec<String> = lines(&words).iter().map(|(typed, does)| format!("  {typed}\n      {does}")).collect();
        let one = each(one, &format!("{words} "));
        if lines.is_empty() { one } else { one.after_help(format!("Examples:\n{}", lines.join("\n"))) }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Dr;

    /// The words of every command that does something.
    fn leaves(command: &Command, above: &str, found: &mut Vec<String>) {
        for one in command.get_subcommands() {
            let words = format!("{above}{}", one.get_name());
            match one.has_subcommands() {
                true => leaves(one, &format!("{words} "), found),
                false => found.push(words),
            }
        }
    }

    #[test]
    fn every_command_has_two_examples_and_dr_takes_each() {
        let mut found = Vec::new();
        leaves(&Dr::command(), "", &mut found);
        for words in &found {
            assert!(of(words).is_some(), "`dr {words}` has no examples");
        }
        assert_eq!(found.len(), EXAMPLES.len(), "an example of a command that is not there");
        for (words, both) in EXAMPLES {
            for (arguments, _) in both {
                // What a shell takes for itself.
                let typed = arguments.split(['>', '<', '|']).next().unwrap().replace(['\''], "");
                let given = words.split(' ').chain(typed.split_whitespace());
                // A reason is one word for a shell.
                let given: Vec<&str> = given.filter(|word| !["of", "3", "May", "disk", "yet"].contains(word)).collect();
                let taken = Dr::command().try_get_matches_from(std::iter::once("dr").chain(given.iter().copied()));
                if let Err(why) = taken {
                    panic!("dr {words} {arguments}: {why}");
                }
            }
        }
    }

    #[test]
    fn help_ends_with_the_examples() {
        let mut dr = with(Dr::command());
        let find = dr.find_subcommand_mut("find").unwrap();
        assert!(
            find.render_long_help().to_string().trim_end().ends_with("A message by the beginning of its file's name")
        );
    }
}
